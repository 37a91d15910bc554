//! Components made by hand from one of the usual layout, each with something changed: what is still of the layout is called
//! directly and ends the same; what is not is left to the engine, even where the change is one that nobody would make.

use muster_kernel::settings::Settings;
use muster_sandbox::{Engine, Limits, Program, Wanted};
use muster_testkit::district;

use super::{asked, engine};

const USUAL: &str = include_str!("usual.wat");

/// The usual component with some of its text in other words.
fn made(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut text = USUAL.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "nothing to change: {from}");
        text = text.replace(from, to);
    }
    wat::parse_str(&text).unwrap_or_else(|reason| panic!("{reason}"))
}

fn said(engine: &Engine, program: &Program, limits: Limits) -> Vec<String> {
    asked(engine, program, &Settings::default(), &district::state(), limits)
}

/// What became of a component.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Directly,
    AsComponent,
    Refused,
}

/// Compiles a component both ways and compares; gives what became of it.
fn came(bytes: &[u8]) -> Came {
    let engine = engine();
    match (engine.compile(bytes), engine.compile_component(bytes)) {
        (Ok(direct), Ok(component)) => {
            let limits = engine.limits();
            assert_eq!(said(&engine, &direct, limits), said(&engine, &component, limits));
            if direct.is_called_directly() { Came::Directly } else { Came::AsComponent }
        }
        (Err(direct), Err(component)) => {
            assert_eq!(direct.to_string(), component.to_string());
            Came::Refused
        }
        (direct, component) => panic!("one is compiled and the other is not: {:?} {:?}", direct.err(), component.err()),
    }
}

const ALLOCATED: &str = "      global.set $next\n      local.get $at\n";

/// An allocator that gives up as soon as it sees that something was written.
fn looking() -> Vec<u8> {
    let look = "      global.set $next\n      i32.const 8200 i32.load i32.const 0 i32.ne if unreachable end\n      local.get $at\n";
    made(&[(ALLOCATED, look)])
}

/// An allocator that works for a while, then gives up.
fn tiring() -> Vec<u8> {
    let tire = "      global.set $next\n      (local.set $old (i32.const 20))\n      (loop $again (br_if $again \
                (local.tee $old (i32.sub (local.get $old) (i32.const 1)))))\n      global.get $next i32.const 8600 i32.gt_u \
                if unreachable end\n      local.get $at\n";
    made(&[(ALLOCATED, tire)])
}

#[test]
fn what_is_of_the_usual_layout_is_called_directly() {
    assert_eq!(came(&made(&[])), Came::Directly);
    assert_eq!(came(&looking()), Came::Directly);
    assert_eq!(came(&tiring()), Came::Directly);
    // Two imports that are one function, and one that goes past the table.
    assert_eq!(
        came(&made(&[("call $get", "call $get i32.const 0 i32.const 3 i32.const 2048 call $get")])),
        Came::Directly
    );
}

#[test]
fn a_table_that_is_too_small_is_the_engines_matter() {
    assert_eq!(came(&made(&[("(table (;0;) 2 2 funcref)", "(table (;0;) 1 1 funcref)")])), Came::AsComponent);
}

#[test]
fn a_function_that_passes_less_on_is_the_engines_matter() {
    let less = [
        (
            "(type (;0;) (func (param i32 i32 i32)))\n    (table",
            "(type (;0;) (func (param i32 i32 i32))) (type (func (param i32 i32)))\n    (table",
        ),
        ("local.get 2\n      i32.const 1\n      call_indirect (type 0)", "i32.const 1\n      call_indirect (type 1)"),
    ];
    assert_eq!(came(&made(&less)), Came::AsComponent);
}

#[test]
fn what_else_is_made_is_the_engines_matter() {
    let within = "    (import \"import-func-settle\" (func (;0;) (type 26)))";
    let starts =
        format!("{within}\n(core module $bad (func $s unreachable) (start $s)) (core instance (instantiate $bad))");
    assert_eq!(came(&made(&[(within, &starts)])), Came::AsComponent);
    let instance = "(instance $muster:policy/incentives@1.0.0-shim-instance (;4;)";
    let loops =
        "(component $bad (core module $bad (func $s (loop $l (br $l))) (start $s)) (core instance (instantiate $bad)))
                 (instance $never (instantiate $bad))
                 (instance $muster:policy/incentives@1.0.0-shim-instance";
    assert_eq!(came(&made(&[(instance, loops)])), Came::AsComponent);
}

/// An interface of somebody else's, with the same short name, whose function traps.
#[test]
fn what_answers_for_another_is_not_asked() {
    let texts = (0..9).map(|number| format!("(param \"p{number}\" string)")).collect::<Vec<_>>().concat();
    let exported = "    (export \"muster:policy/incentives@1.0.0#settle\" (func 4))";
    let (with, last) =
        (format!("{exported} (export \"other\" (func 6))"), "    (func (;5;) (type 4) (param $answer i32))");
    let trap = format!("{last} (func (;6;) (type 3) unreachable)");
    let export = "  (export $muster:policy/incentives@1.0.0 (;5;)";
    let other = format!(
        "(alias core export $main \"other\" (core func $other))
         (type $asked (func {texts} (result string)))
         (component $around (type $t (func {texts} (result string)))
           (import \"f\" (func $f (type $t))) (export \"settle\" (func $f)))
         (func $lifted (type $asked) (canon lift (core func $other) (memory $memory) (realloc $cabi_realloc)))
         (instance $made (instantiate $around (with \"f\" (func $lifted))))
         (export \"other:policy/incentives\" (instance $made))
         (export $muster:policy/incentives@1.0.0"
    );
    assert_eq!(came(&made(&[(exported, &with), (last, &trap), (export, &other)])), Came::AsComponent);
}

#[test]
fn more_than_the_contract_has_is_the_engines_matter() {
    let twice = "0 1 ".repeat(100);
    let large =
        [("(table (;0;) 2 2 funcref)", "(table (;0;) 200 200 funcref)"), ("func 0 1)", &format!("func {twice})"))];
    assert_eq!(came(&made(&large)), Came::AsComponent);
}

/// The engine takes no module that names a function of the contract twice, so none has more imports than there are functions.
#[test]
fn a_function_that_is_imported_twice_is_refused() {
    let clock = "    (import \"muster:policy/calendar@1.0.0\" \"next-clock\" (func $clock (;2;) (type 1)))";
    let twice = "    (import \"muster:policy/settings@1.0.0\" \"get\" (func $clock (;2;) (type 0)))";
    let called = "i64.const 0\n      i32.const 1\n      i32.const 1\n      call $clock\n      drop";
    let asked = "i32.const 0\n      i32.const 3\n      i32.const 2048\n      call $clock";
    assert_eq!(came(&made(&[(clock, twice), (called, asked)])), Came::Refused);
}

/// Functions that the module does not have; directly called, there would be one by that number.
#[test]
fn what_the_module_does_not_have_is_not_called() {
    for number in 6..12 {
        let call = format!("i32.const 2048\n      call {number}");
        assert_eq!(came(&made(&[("i32.const 2048\n      call $get", &call)])), Came::Refused, "{number}");
    }
}

#[test]
fn a_file_that_ends_anywhere_is_refused() {
    let (engine, whole) = (engine(), made(&[]));
    let mut admitted = 0;
    for end in 0..whole.len() {
        let part = &whole[..end];
        let either = [engine.compile(part), engine.compile_component(part)];
        let [direct, component] = either.map(|compiled| compiled.err().map(|reason| reason.to_string()));
        assert_eq!(direct, component, "{end}");
        admitted += u32::from(direct.is_none());
    }
    assert!(admitted < 10, "only what is behind the last section of use may lack: {admitted}");
    // A component that says to be longer than the file, and is made and exported before.
    let claimed = [
        b"\0asm\x0d\0\x01\0".as_slice(),
        b"\x05\x04\x01\x00\x00\x00",
        b"\x0b\x07\x01\x00\x01a\x05\x00\x00",
        b"\x04\xe8\x07\0asm\x0d\0\x01\0",
    ];
    assert!(engine.compile(&claimed.concat()).is_err());
}

/// At each unit, not at some.
#[test]
fn every_unit_of_a_limit_is_the_same() {
    let engine = engine();
    for bytes in [made(&[]), looking(), tiring()] {
        let either = [engine.compile(&bytes).expect("a program"), engine.compile_component(&bytes).expect("a program")];
        let compare = |wanted: &Wanted| {
            let [direct, component] =
                either.each_ref().map(|program| said(&engine, program, engine.limits().narrowed(wanted)));
            assert_eq!(direct, component, "{wanted:?}");
        };
        (0..400).for_each(|fuel| compare(&Wanted { fuel: Some(fuel), ..Wanted::default() }));
        (0..8).for_each(|elements| compare(&Wanted { table_elements: Some(elements), ..Wanted::default() }));
        (0..8).for_each(|units| compare(&Wanted { transfer: Some(units), ..Wanted::default() }));
        (0..4).for_each(|pages| compare(&Wanted { memory_bytes: Some(pages << 15), ..Wanted::default() }));
    }
}
