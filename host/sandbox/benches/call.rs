//! What a call costs: each reference role in the sandbox, in a fresh instance with every limit on and the reference
//! profile's settings, and beside it the same rules as plain Rust functions.
//!
//! Under all of them stands a policy without rules: the engine's own part of a call, with the question and an empty answer.
//!
//! Prints median and 99th percentile of single calls. With `--count` it makes the calls that callgrind counts.

#[path = "../tests/suite/common/mod.rs"]
mod common;
mod native;

use std::hint::black_box;

use muster_kernel::role::{Binding, Policies};
use muster_kernel::settings::Settings;
use muster_sandbox::{Capabilities, Engine, Limits, PolicySet};
use muster_testkit::measure::Bench;
use muster_testkit::{district, guests};

/// The host's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Room that every machine and instrument has.
const INSTANCES: u32 = 4;

fn main() {
    let bench = Bench::from_arguments();
    // An instrument that counts is a hundred times slower than the machine: the clock must not look at what it slows down.
    let milliseconds = if bench.counting() { 600_000 } else { Limits::STANDARD.milliseconds };
    let limits = Limits { milliseconds, ..Limits::STANDARD };
    let engine = Engine::with_instances(limits, INSTANCES).expect("an engine");
    still(&bench, &engine);
    triage(&bench, &engine);
    escalation(&bench, &engine);
    discretion(&bench, &engine);
}

fn policies(engine: &Engine, name: &str) -> PolicySet {
    let program = engine.compile(&guests::policy(name)).expect("a program");
    common::bind(engine, &program, guests::reference_settings(name), Capabilities::all())
}

/// What a call costs that does nothing.
fn still(bench: &Bench, engine: &Engine) {
    let (state, question) = (district::state(), district::triage());
    let program = engine.compile(&guests::measured("still")).expect("a program");
    let mut policies = common::bind(engine, &program, Settings::default(), Capabilities::all());
    let first = policies.triage(Binding::InForce, &state, &question);
    println!("a policy without rules answers under {}", first.answer.expect("an answer").because.rule);
    bench.case("without rules/sandbox", || policies.triage(Binding::InForce, &state, black_box(&question)));
}

fn triage(bench: &Bench, engine: &Engine) {
    let (state, question) = (district::state(), district::triage());
    let mut policies = policies(engine, "triage");
    let first = policies.triage(Binding::InForce, &state, &question);
    let rule = first.answer.expect("an answer").because.rule;
    println!("triage answers under {rule}, fuel {}", first.call.fuel);
    bench.case("triage/sandbox", || policies.triage(Binding::InForce, &state, black_box(&question)));
    if !bench.counting() {
        native::triage(bench, &rule);
    }
}

fn escalation(bench: &Bench, engine: &Engine) {
    let (state, question) = (district::state(), district::escalation());
    let mut policies = policies(engine, "escalation");
    let mut ask =
        || policies.escalation(Binding::InForce, &state, Some(district::INCIDENT.into()), black_box(&question));
    let first = ask();
    let effects = first.answer.expect("an answer");
    println!("escalation proposes {} effect(s), fuel {}", effects.len(), first.call.fuel);
    bench.case("escalation/sandbox", &mut ask);
    if !bench.counting() {
        native::escalation(bench, &effects);
    }
}

fn discretion(bench: &Bench, engine: &Engine) {
    let (state, question) = (district::state(), district::discretion());
    let mut policies = policies(engine, "discretion");
    let first = policies.discretion(Binding::InForce, &state, &question);
    let rule = first.answer.expect("an answer").because.rule;
    println!("discretion answers under {rule}, fuel {}", first.call.fuel);
    bench.case("discretion/sandbox", || policies.discretion(Binding::InForce, &state, black_box(&question)));
    if !bench.counting() {
        native::discretion(bench, &rule);
    }
}
