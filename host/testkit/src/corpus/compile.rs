//! Guests that are hard to compile, or use what no policy needs: small files that would cost the compiler much, and large
//! ones.

use super::Expect::{Harmless, RefusedAtCompile, RefusedAtRead};
use super::made::{Module, written};
use super::{Hostile, component};

fn fields(fields: &str) -> Vec<u8> {
    Module { fields, ..Module::default() }.component()
}

/// A core module within a component.
fn module(text: &str) -> Vec<u8> {
    written(&format!("(component (core module {text}))"))
}

/// A function of so many blocks in one another.
fn nested(depth: usize) -> Vec<u8> {
    module(&format!("(func {}{})", "block ".repeat(depth), "end ".repeat(depth)))
}

/// A function that jumps to one of so many targets.
fn jumping(targets: usize) -> Vec<u8> {
    module(&format!("(func (param i32) block (br_table {}(local.get 0)) end)", "0 ".repeat(targets)))
}

/// Loops in one another, the innermost of which uses every local variable: each variable joins at each loop.
fn joining(loops: usize, locals: usize) -> Vec<u8> {
    let uses = (0..locals).map(|local| format!("local.get {local} drop ")).collect::<Vec<_>>().concat();
    let sets = (0..locals).map(|local| format!("i32.const 1 local.set {local} ")).collect::<Vec<_>>().concat();
    let body = format!("{}{uses}{sets}{}", "loop ".repeat(loops), "i32.const 0 br_if 0 end ".repeat(loops));
    module(&format!("(func (local {}) {body})", "i32 ".repeat(locals)))
}

/// Types each of which is two of the one before.
fn doubling(levels: usize) -> Vec<u8> {
    let types = (1..=levels)
        .map(|level| format!("(type $t{level} (tuple $t{before} $t{before}))", before = level - 1))
        .collect::<Vec<_>>()
        .concat();
    written(&format!("(component (type $t0 (tuple u64 u64)) {types})"))
}

#[expect(clippy::too_many_lines, reason = "a list: a row for each guest")]
pub(super) fn guests() -> Vec<Hostile> {
    vec![
        component(
            "huge_component",
            RefusedAtRead("bytes"),
            || written(&format!("(component (@custom \"filler\" \"{}\"))", "x".repeat(5 << 20))),
            "a file of five mebibytes, most of it nothing",
        ),
        component(
            "no_component",
            RefusedAtRead("not those of a component"),
            || written("(module)"),
            "a core module, with no types at all",
        ),
        component(
            "cut_off",
            RefusedAtRead("unexpected end"),
            || {
                let mut bytes = Module::default().component();
                bytes.truncate(bytes.len() / 2);
                bytes
            },
            "a component that ends in the middle",
        ),
        component(
            "many_functions",
            RefusedAtRead("functions"),
            || module(&"(func)".repeat(50_000)),
            "fifty thousand functions of two bytes each",
        ),
        component(
            "giant_function",
            RefusedAtRead("bytes in one function"),
            || module(&format!("(func {})", "nop ".repeat(300_000))),
            "one function of three hundred thousand instructions",
        ),
        component(
            "much_code",
            RefusedAtRead("bytes of code"),
            || module(&format!("(func {})", "nop ".repeat(200_000)).repeat(12)),
            "more code than the compiler is given, in functions that each would pass",
        ),
        component(
            "many_locals",
            RefusedAtRead("local variables in one function"),
            || module(&format!("(func (local {}))", "i64 ".repeat(49_000))),
            "a function of a few bytes with forty-nine thousand variables",
        ),
        component(
            "many_locals_in_all",
            RefusedAtRead("local variables, and"),
            || module(&format!("(func (local {}))", "i64 ".repeat(4_900)).repeat(60)),
            "sixty such functions, each within its bound",
        ),
        component(
            "deep_blocks",
            RefusedAtRead("blocks in one another"),
            || nested(50_000),
            "fifty thousand blocks in one another",
        ),
        component(
            "blocks_at_the_bound",
            RefusedAtCompile("exports no role"),
            || nested(990),
            "as many blocks in one another as are compiled",
        ),
        component(
            "huge_branch_table",
            RefusedAtRead("branch targets"),
            || jumping(200_000),
            "a jump with two hundred thousand targets, a byte each",
        ),
        component(
            "branch_table_at_the_bound",
            RefusedAtCompile("exports no role"),
            || jumping(19_000),
            "a jump with as many targets as are compiled",
        ),
        component(
            "many_joins",
            RefusedAtRead("joins"),
            || joining(900, 4_900),
            "nine hundred loops around five thousand variables: four million joins for the compiler",
        ),
        component(
            "joins_at_the_bound",
            RefusedAtCompile("exports no role"),
            || joining(100, 650),
            "as many joins as are compiled",
        ),
        component(
            "many_modules",
            RefusedAtRead("core modules"),
            || written(&format!("(component {})", "(core module)".repeat(900))),
            "nine hundred core modules",
        ),
        component(
            "many_components",
            RefusedAtRead("components within it"),
            || written(&format!("(component {})", "(component)".repeat(900))),
            "nine hundred components in one",
        ),
        component(
            "deep_components",
            RefusedAtRead("levels"),
            || written(&format!("{}{}", "(component ".repeat(90), ")".repeat(90))),
            "ninety components in one another",
        ),
        component(
            "many_instances",
            RefusedAtRead("instances"),
            || written(&format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(900))),
            "nine hundred instances of one module",
        ),
        component(
            "instances_over_the_pool",
            RefusedAtCompile("core module instances"),
            || written(&format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(100))),
            "a hundred instances of one module, more than one call is given",
        ),
        component(
            "many_types",
            RefusedAtRead("types"),
            || written(&format!("(component {})", "(type (tuple u64 u64))".repeat(50_000))),
            "fifty thousand types",
        ),
        component(
            "doubling_types",
            RefusedAtCompile("type size"),
            || doubling(64),
            "sixty-four types, each two of the one before",
        ),
        component(
            "doubling_types_at_the_bound",
            RefusedAtCompile("exports no role"),
            || doubling(17),
            "types that double as far as the compiler lets them",
        ),
        component(
            "many_imports",
            RefusedAtRead("imports and exports"),
            || module(&"(import \"a\" \"b\" (func))".repeat(50_000)),
            "fifty thousand imports",
        ),
        component(
            "many_globals",
            RefusedAtRead("globals"),
            || module(&"(global i32 (i32.const 0))".repeat(50_000)),
            "fifty thousand globals",
        ),
        component(
            "many_segments",
            RefusedAtRead("segments"),
            || module(&format!("(memory 1) {}", "(data \"\")".repeat(50_000))),
            "fifty thousand empty segments of data",
        ),
        component("many_memories", RefusedAtRead("memories"), || fields("(memory 1)"), "a second memory"),
        component("many_tables", RefusedAtRead("tables"), || module(&"(table 1 funcref)".repeat(90)), "ninety tables"),
        component(
            "memory_64",
            RefusedAtCompile("memory64"),
            || module("(memory i64 1)"),
            "memory beyond four gibibytes",
        ),
        component(
            "memory_over_the_pool",
            RefusedAtCompile("memory"),
            || fields_with_memory("65"),
            "wants more memory from the start than one call is given",
        ),
        component(
            "table_over_the_pool",
            RefusedAtCompile("table"),
            || fields("(table 20000 funcref)"),
            "wants a larger table from the start than one call is given",
        ),
        component(
            "exceptions",
            RefusedAtCompile("exceptions"),
            || module("(tag) (func (throw 0))"),
            "throws exceptions",
        ),
        component(
            "garbage_collection",
            RefusedAtCompile("gc"),
            || module("(type (struct (field i32)))"),
            "makes structures for a garbage collector",
        ),
        component(
            "subtype_test",
            RefusedAtCompile("gc"),
            || {
                fields(
                    "(type $wide (sub (func))) (type $narrow (sub $wide (func)))
                     (elem declare func $f) (func $f (type $narrow)) (start $tests)
                     (func $tests (drop (ref.test (ref $wide) (ref.func $f))))",
                )
            },
            "tests a function's type as only a garbage collector's types need it, which ended the whole process",
        ),
        component(
            "typed_references",
            RefusedAtCompile("function references"),
            || fields("(type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0)))"),
            "calls through references with types",
        ),
        component(
            "tail_calls",
            Harmless,
            || {
                Module { fields: "(func $f (param i32) (result i32) (return_call $g (local.get 0))) (func $g (param i32) (result i32) (i32.const 1024))", settle: "(return_call $f (local.get $asked_at))", ..Module::default() }.component()
            },
            "leaves its frames without returning",
        ),
    ]
}

fn fields_with_memory(memory: &str) -> Vec<u8> {
    Module { memory, ..Module::default() }.component()
}
