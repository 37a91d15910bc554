//! Guests that misbehave while they run, in places where Rust does not let a policy stand: the start, the allocator, what
//! comes after the answer.

use muster_kernel::role::Failure::{Invalid, OutOfFuel, TooLarge, Trapped};

use super::Expect::{Fails, Harmless};
use super::made::{Module, NOTHING, renamed};
use super::{Hostile, component};

const LOOP: &str = "(loop $again (br $again)) unreachable";
const LOG: &str = "(import \"muster:policy/log@1.0.0\" \"write\" (func $write (param i32 i32 i32)))";

fn settle(settle: &str) -> Vec<u8> {
    Module { settle, ..Module::default() }.component()
}

fn realloc(realloc: &str) -> Vec<u8> {
    Module { realloc, ..Module::default() }.component()
}

fn post_return(post_return: &str) -> Vec<u8> {
    Module { imports: LOG, post_return, ..Module::default() }.component()
}

fn fields(fields: &str) -> Vec<u8> {
    Module { fields, ..Module::default() }.component()
}

#[expect(clippy::too_many_lines, reason = "a list: a row for each guest")]
pub(super) fn guests() -> Vec<Hostile> {
    vec![
        component(
            "loop_in_start",
            Fails(OutOfFuel),
            || fields("(func $start (loop $again (br $again))) (start $start)"),
            "loops for ever before the first question",
        ),
        component(
            "trap_in_start",
            Fails(Trapped),
            || fields("(func $start unreachable) (start $start)"),
            "stops before the first question",
        ),
        component(
            "stack_in_start",
            Fails(Trapped),
            || fields("(func $start (call $start) (call $start)) (start $start)"),
            "calls itself in its start until the stack ends",
        ),
        component(
            "loop_in_realloc",
            Fails(OutOfFuel),
            || realloc(LOOP),
            "loops for ever while the host hands over the question",
        ),
        component(
            "trap_in_realloc",
            Fails(Trapped),
            || realloc("unreachable"),
            "stops while the host hands over the question",
        ),
        component(
            "realloc_beyond_memory",
            Fails(Invalid),
            || realloc("(i32.const -16)"),
            "tells the host to write beyond the memory",
        ),
        component(
            "realloc_unaligned",
            Fails(Invalid),
            || realloc("(i32.const 8193)"),
            "tells the host to write at an odd address",
        ),
        component(
            "realloc_overlapping",
            Harmless,
            || realloc("(i32.const 8192)"),
            "has the host write all of the question in one place: the guest spoils only its own memory",
        ),
        component(
            "question_in_realloc",
            Fails(Trapped),
            || {
                Module {
                    imports: LOG,
                    realloc: "(call $write (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 8192)",
                    ..Module::default()
                }
                .component()
            },
            "calls the host back while the host is calling it",
        ),
        component(
            "loop_in_post_return",
            Fails(OutOfFuel),
            || post_return(LOOP),
            "loops for ever after its answer was read",
        ),
        component(
            "trap_in_post_return",
            Fails(Trapped),
            || post_return("unreachable"),
            "stops after its answer was read",
        ),
        component(
            "question_in_post_return",
            Fails(Trapped),
            || post_return("(call $write (i32.const 0) (i32.const 0) (i32.const 0))"),
            "asks the host after its answer was read",
        ),
        component(
            "bulk_fill",
            Fails(OutOfFuel),
            || {
                settle(
                    "(drop (memory.grow (i32.const 63)))
                     (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 4194304)) (br $again)) unreachable",
                )
            },
            "fills all its memory again and again: one instruction, which the clock cannot stop",
        ),
        component(
            "bulk_copy",
            Fails(OutOfFuel),
            || {
                settle(
                    "(drop (memory.grow (i32.const 63)))
                     (loop $again (memory.copy (i32.const 0) (i32.const 1) (i32.const 4194303)) (br $again)) unreachable",
                )
            },
            "moves all its memory by a byte again and again",
        ),
        component(
            "grow_loop",
            Fails(OutOfFuel),
            || settle("(loop $again (drop (memory.grow (i32.const 1))) (br $again)) unreachable"),
            "asks for one more page for ever, and does not mind the no",
        ),
        component(
            "table_bomb",
            Fails(TooLarge),
            || {
                Module {
                    fields: "(table $calls 1 funcref)",
                    settle: "(loop $again (br_if $again (i32.ge_s (table.grow $calls (ref.null func) (i32.const 1000)) (i32.const 0)))) unreachable",
                    ..Module::default()
                }
                .component()
            },
            "grows a table until the host says no",
        ),
        component(
            "table_fill",
            Fails(OutOfFuel),
            || {
                Module {
                    fields: "(table $calls 10000 funcref)",
                    settle: "(loop $again (table.fill $calls (i32.const 0) (ref.null func) (i32.const 10000)) (br $again)) unreachable",
                    ..Module::default()
                }
                .component()
            },
            "fills its table again and again",
        ),
        component(
            "call_through_nothing",
            Fails(Trapped),
            || {
                Module {
                    fields: "(type $none (func)) (table $calls 8 funcref)",
                    settle: "(call_indirect $calls (type $none) (i32.const 3)) (i32.const 1024)",
                    ..Module::default()
                }
                .component()
            },
            "calls through an empty place of a table",
        ),
        component(
            "data_beyond_memory",
            Fails(Trapped),
            || fields("(data (i32.const 65534) \"beyond\")"),
            "wants data laid beyond the end of its memory",
        ),
        component(
            "element_beyond_table",
            Fails(Trapped),
            || fields("(table 1 funcref) (func $f) (elem (i32.const 5) func $f)"),
            "wants functions laid beyond the end of its table",
        ),
        component(
            "question_beyond_memory",
            Fails(Invalid),
            || {
                Module {
                    imports: LOG,
                    settle: "(call $write (i32.const 0) (i32.const 65530) (i32.const 100)) (i32.const 1024)",
                    ..Module::default()
                }
                .component()
            },
            "hands over a text that reaches beyond its memory",
        ),
        component(
            "question_with_no_such_severity",
            Fails(Invalid),
            || {
                Module {
                    imports: LOG,
                    settle: "(call $write (i32.const 77) (i32.const 0) (i32.const 0)) (i32.const 1024)",
                    ..Module::default()
                }
                .component()
            },
            "asks with an enumeration's value that there is not",
        ),
        component(
            "hidden_memory",
            Harmless,
            || renamed(settle(NOTHING), "memory", "mem0ry"),
            "exports its memory under another name; the host goes by the component's own wiring",
        ),
    ]
}
