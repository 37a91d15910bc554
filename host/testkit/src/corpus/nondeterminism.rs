//! Guests that look for something that is not the same on every machine, at every time or in every instance.

use super::Expect::{Harmless, RefusedAtCompile};
use super::made::{Module, written};
use super::{Hostile, component};

/// A component that imports one instance with one function.
fn importing(name: &str, function: &str) -> Vec<u8> {
    written(&format!("(component (import \"{name}\" (instance (export \"{function}\" (func (result u64))))))"))
}

/// Answers with one award whose amount is what the body leaves: 64 bits, written at 2064.
fn telling(fields: &str, amount: &str) -> Vec<u8> {
    let settle = format!("(i64.store (i32.const 2064) {amount}) (i32.const 1024)");
    let fields = format!("(data (i32.const 1024) \"\\00\\08\\00\\00\\01\") {fields}");
    Module { fields: &fields, settle: &settle, ..Module::default() }.component()
}

#[expect(clippy::too_many_lines, reason = "a list: a row for each guest")]
pub(super) fn guests() -> Vec<Hostile> {
    vec![
        component(
            "wall_clock",
            RefusedAtCompile("wasi:clocks/wall-clock@0.2.0"),
            || importing("wasi:clocks/wall-clock@0.2.0", "now"),
            "wants to know the time",
        ),
        component(
            "random",
            RefusedAtCompile("wasi:random/random@0.2.0"),
            || importing("wasi:random/random@0.2.0", "get-random-u64"),
            "wants random numbers",
        ),
        component(
            "relaxed_simd",
            RefusedAtCompile("relaxed SIMD"),
            || {
                Module {
                    fields: "(func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))",
                    ..Module::default()
                }
                .component()
            },
            "uses instructions whose result depends on the processor",
        ),
        component(
            "shared_memory",
            RefusedAtCompile("threads"),
            || Module { memory: "1 1 shared", ..Module::default() }.component(),
            "wants memory that threads share",
        ),
        component(
            "atomics",
            RefusedAtCompile("threads"),
            || {
                Module {
                    fields: "(func (param i32) (result i32) (i32.atomic.rmw.add (local.get 0) (i32.const 1)))",
                    ..Module::default()
                }
                .component()
            },
            "uses instructions for threads",
        ),
        component(
            "nan_bits",
            Harmless,
            || {
                telling(
                    "",
                    "(i64.reinterpret_f64 (f64.div (f64.neg (f64.convert_i32_s (i32.load (i32.const 4096)))) (f64.convert_i32_s (i32.load (i32.const 4096)))))",
                )
            },
            "tells the bits of zero divided by zero, which differ between processors",
        ),
        component(
            "float_text",
            Harmless,
            || {
                telling(
                    "",
                    "(i64.reinterpret_f64 (f64.sqrt (f64.promote_f32 (f32.div (f32.const 0x1.5bf0a8p+1) (f32.const 0x1.921fb6p+1)))))",
                )
            },
            "tells all digits of a reckoning with fractions",
        ),
        component(
            "memory_growth",
            Harmless,
            || telling("", "(i64.extend_i32_s (i32.add (memory.grow (i32.const 10)) (memory.grow (i32.const 60000))))"),
            "tells whether the host had memory to give",
        ),
        component(
            "left_behind",
            Harmless,
            || {
                telling(
                    "(global $calls (mut i64) (i64.const 0))",
                    "(i64.add (i64.load (i32.const 60000)) (global.get $calls))
                     (global.set $calls (i64.const 1)) (i64.store (i32.const 60000) (i64.const 1))",
                )
            },
            "leaves something in memory and a global for the next call to find",
        ),
        component(
            "addresses",
            Harmless,
            || telling("", "(i64.extend_i32_u (local.get $asked_at))"),
            "tells where the host put its question",
        ),
        component(
            "stack_depth",
            Harmless,
            || {
                telling(
                    "(global $depth (mut i64) (i64.const 0))
                     (func $down (param i32) (global.set $depth (i64.add (global.get $depth) (i64.const 1)))
                       (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))",
                    "(block (result i64) (call $down (i32.const 1000)) (global.get $depth))",
                )
            },
            "counts how deep it may call",
        ),
    ]
}
