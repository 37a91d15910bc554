//! What a call costs: the reference escalation ladder and the reference limits in the sandbox, with the reference
//! profile's settings, and the ladder's rules as plain Rust functions beside it.

#[path = "../tests/common/mod.rs"]
mod common;
mod native;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use muster_kernel::role::{Binding, Policies};
use muster_sandbox::{Capabilities, Engine, Limits, PolicySet};
use muster_testkit::{district, guests};

fn policies(engine: &Engine, name: &str) -> PolicySet {
    let program = engine.compile(&guests::policy(name)).expect("a program");
    common::bind(engine, &program, guests::reference_settings(name), Capabilities::all())
}

fn escalation(criterion: &mut Criterion) {
    let engine = Engine::new(Limits::STANDARD).expect("an engine");
    let state = district::state();
    let question = district::escalation();
    let mut policies = policies(&engine, "escalation");
    let mut ask = || policies.escalation(Binding::InForce, &state, Some(district::INCIDENT.into()), &question);
    let first = ask();
    let effects = first.answer.expect("an answer");
    println!("escalation: {} effect(s), fuel {}", effects.len(), first.call.fuel);
    criterion.bench_function("escalation/sandbox", |bencher| bencher.iter(&mut ask));
    native::measure(criterion, &effects);
}

fn discretion(criterion: &mut Criterion) {
    let engine = Engine::new(Limits::STANDARD).expect("an engine");
    let state = district::state();
    let question = district::discretion();
    let mut policies = policies(&engine, "discretion");
    let first = policies.discretion(Binding::InForce, &state, &question);
    println!("discretion: {:?}, fuel {}", first.answer.expect("an answer").verdict, first.call.fuel);
    criterion.bench_function("discretion/sandbox", |bencher| {
        bencher.iter(|| policies.discretion(Binding::InForce, &state, black_box(&question)));
    });
}

criterion_group! {
    name = calls;
    config = Criterion::default().sample_size(50);
    targets = escalation, discretion
}
criterion_main!(calls);
