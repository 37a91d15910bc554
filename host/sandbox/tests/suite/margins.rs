//! How near a call came to its limits is said for each limit, also when it failed, and forgotten with the policy.

use crate::common;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muster_kernel::role::{Binding, Policies};
use muster_kernel::settings::Settings;
use muster_kernel::{Role, Value};
use muster_sandbox::{Capabilities, Engine, Limits, PolicySet, Program, Resource, Used};
use muster_testkit::{district, guests};

struct Bench {
    engine: Engine,
    program: Program,
}

impl Bench {
    fn new() -> Self {
        let engine = Engine::new(Limits { milliseconds: 600_000, ..Limits::STANDARD }).expect("an engine");
        let program = engine.compile(&guests::hostile("hostile")).expect("a program");
        Self { engine, program }
    }

    fn bind(&self, behaviour: &str) -> PolicySet {
        let values = BTreeMap::from([("behaviour".into(), Value::Text(behaviour.into()))]);
        let settings = Settings { values, ..Settings::default() };
        common::bind(&self.engine, &self.program, settings, Capabilities::all())
    }
}

fn ask(policies: &mut PolicySet) -> u64 {
    policies.triage(Binding::InForce, &district::state(), &district::triage()).call.fuel
}

#[test]
fn a_call_says_what_it_used_of_each_limit() {
    let bench = Bench::new();
    let mut policies = bench.bind("good");
    assert_eq!(policies.margins(Role::Triage), None, "nothing was asked yet");
    let fuel = ask(&mut policies);
    let seen = *policies.margins(Role::Triage).expect("one call");
    assert_eq!(seen.calls, 1);
    assert_eq!(seen.last, seen.worst);
    let used = |resource| seen.last.of(resource);
    assert_eq!(used(Resource::Fuel), Used { used: fuel, limit: Limits::STANDARD.fuel });
    assert_eq!(used(Resource::Questions), Used { used: 1, limit: 1_024 }, "it asks for one setting");
    assert_eq!(used(Resource::Transfer).used, "behaviour".len() as u64);
    let memory = used(Resource::Memory);
    assert!(memory.used >= 64 << 10 && memory.used % (64 << 10) == 0, "whole pages: {memory:?}");
    assert_eq!((used(Resource::LogLines).used, used(Resource::MemoryChanges).used), (0, 0));
}

#[test]
fn a_call_that_ran_into_a_limit_says_which() {
    let bench = Bench::new();
    for (behaviour, resource) in [
        ("endless_loop", Resource::Fuel),
        ("memory_bomb", Resource::Memory),
        ("question_flood", Resource::Questions),
        ("log_flood", Resource::LogLines),
        ("memory_flood", Resource::MemoryChanges),
    ] {
        let mut policies = bench.bind(behaviour);
        ask(&mut policies);
        let (nearest, permille) = policies.margins(Role::Triage).expect("a call").last.nearest();
        assert_eq!(nearest, resource, "{behaviour}: {permille}");
        assert!(permille >= 900, "{behaviour}: {permille}");
    }
}

#[test]
fn every_call_is_told_and_a_new_policy_begins_anew() {
    let bench = Bench::new();
    let mut policies = bench.bind("good");
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    policies.watch(Arc::new(move |role, margins| list.lock().expect("no panics").push((role, *margins))));
    ask(&mut policies);
    ask(&mut policies);
    let seen = *policies.margins(Role::Triage).expect("two calls");
    assert_eq!(seen.calls, 2);
    assert_eq!(*told.lock().expect("no panics"), [(Role::Triage, seen.last), (Role::Triage, seen.last)]);
    let bound = policies.bound(Role::Triage).expect("bound").clone();
    policies.bind(Role::Triage, bound);
    assert_eq!(policies.margins(Role::Triage), None);
}
