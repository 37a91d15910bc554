//! A program from its compiled form is the same program: the same answers, the same fuel. What loading saves is printed,
//! not asserted: `cargo test -p muster-sandbox --release --test suite compiled:: -- --ignored --nocapture`.
#![expect(unsafe_code, reason = "compiled programs are loaded that this test compiled itself a moment before")]

use crate::common;
use std::time::{Duration, Instant};

use muster_kernel::role::{Binding, Policies};
use muster_sandbox::{Capabilities, Engine, Limits, Program};
use muster_testkit::{district, guests};

fn engine() -> Engine {
    Engine::new(Limits { milliseconds: 600_000, ..Limits::STANDARD }).expect("an engine")
}

fn loaded(engine: &Engine, compiled: &[u8]) -> Program {
    // SAFETY: the bytes come from `to_compiled` of an engine with the same settings in this process, unchanged.
    unsafe { engine.from_compiled(compiled) }.expect("it loads")
}

#[test]
fn a_loaded_program_answers_as_the_compiled_one_does() {
    let package = guests::policy("escalation");
    let ask = |engine: &Engine, program: &Program| {
        let settings = guests::reference_settings("escalation");
        let mut policies = common::bind(engine, program, settings, Capabilities::all());
        let asked = policies.escalation(
            Binding::InForce,
            &district::state(),
            Some(district::INCIDENT.into()),
            &district::escalation(),
        );
        (asked.answer.expect("an answer"), asked.call.fuel)
    };
    let first = engine();
    let program = first.compile(&package).expect("a program");
    let compiled = program.to_compiled().expect("a compiled form");
    let second = engine();
    assert_eq!(first.compiled_identity(), second.compiled_identity());
    let again = loaded(&second, &compiled);
    assert_eq!((again.roles(), again.imports()), (program.roles(), program.imports()));
    assert_eq!(ask(&second, &again), ask(&first, &program));
}

#[test]
#[ignore = "prints times"]
fn what_loading_saves() {
    const TIMES: u32 = 20;
    let engine = engine();
    let mean = |mut run: Box<dyn FnMut() + '_>| {
        let begun = Instant::now();
        (0..TIMES).for_each(|_| run());
        begun.elapsed() / TIMES
    };
    for policy in ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"] {
        let package = guests::policy(policy);
        let compiled = engine.compile(&package).expect("a program").to_compiled().expect("a compiled form");
        let compiling: Duration = mean(Box::new(|| drop(engine.compile(&package).expect("a program"))));
        let loading: Duration = mean(Box::new(|| drop(loaded(&engine, &compiled))));
        println!(
            "{policy:12} {:4} KiB, compiled {:5} KiB: compile {compiling:?}, load {loading:?}",
            package.len() >> 10,
            compiled.len() >> 10
        );
    }
}
