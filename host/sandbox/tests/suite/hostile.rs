//! Guests that misbehave: each ends by its own name, the same way each time, and the next call works.

use crate::common;
use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::role::{Asked, Binding, Call, Failure, Policies};
use muster_kernel::settings::Settings;
use muster_kernel::step::{Input, step};
use muster_kernel::{Digest, Role, State, Value};
use muster_sandbox::{Capabilities, Capability, Engine, Limits, PolicySet, Program, Wanted};
use muster_testkit::{district, guests};

/// What ends a call, whichever role is asked.
const ENDS: [(&str, Failure); 15] = [
    ("endless_loop", Failure::OutOfFuel),
    ("swallowed_memory_bomb", Failure::OutOfFuel),
    ("memory_bomb", Failure::TooLarge),
    ("log_giants", Failure::TooLarge),
    ("log_one_giant", Failure::TooLarge),
    ("memory_flood", Failure::TooLarge),
    ("memory_giants", Failure::TooLarge),
    ("question_flood", Failure::TooLarge),
    ("working_days", Failure::TooLarge),
    ("giant_strings", Failure::TooLarge),
    ("aliased_strings", Failure::TooLarge),
    ("trap", Failure::Trapped),
    ("deep_recursion", Failure::Trapped),
    ("garbled_text", Failure::Invalid),
    ("no_such_setting", Failure::Trapped),
];

/// The hostile guest on an engine with the production limits, but for the clock: a busy machine must not stop what the
/// fuel is there to stop.
struct Bench {
    engine: Engine,
    program: Program,
    state: Arc<State>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Limits { milliseconds: 600_000, ..Limits::STANDARD })
    }

    fn with(limits: Limits) -> Self {
        let engine = Engine::new(limits).expect("an engine");
        let program = engine.compile(&guests::hostile("hostile")).expect("a program");
        Self { engine, program, state: district::state() }
    }

    fn bind(&self, behaviour: &str, granted: Capabilities) -> PolicySet {
        self.bind_within(behaviour, granted, self.engine.limits())
    }

    fn bind_within(&self, behaviour: &str, granted: Capabilities, limits: Limits) -> PolicySet {
        let mut settings = Settings::default();
        if behaviour != "no_such_setting" {
            settings.values = BTreeMap::from([("behaviour".into(), Value::Text(behaviour.into()))]);
        }
        common::bind_within(&self.engine, &self.program, settings, granted, limits)
    }

    fn ask(&self, behaviour: &str, role: Role) -> Outcome {
        self.ask_with(behaviour, role, Capabilities::all())
    }

    fn ask_with(&self, behaviour: &str, role: Role, granted: Capabilities) -> Outcome {
        let mut policies = self.bind(behaviour, granted);
        match role {
            Role::Triage => {
                Outcome::of(policies.triage(Binding::InForce, &self.state, &district::triage()), |answer| {
                    answer.because
                })
            }
            Role::Discretion => {
                Outcome::of(policies.discretion(Binding::InForce, &self.state, &district::discretion()), |answer| {
                    answer.because
                })
            }
            _ => {
                let scope = Some(district::INCIDENT.into());
                let asked = policies.escalation(Binding::InForce, &self.state, scope, &district::escalation());
                Outcome::of(asked, |effects| effects.into_iter().next().expect("an effect").because)
            }
        }
    }
}

/// What all roles' answers have in common.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// The rule of the first reason: how many calls the instance has seen.
    rule: Result<String, Failure>,
    call: Call,
    remembered: usize,
    logged: usize,
}

impl Outcome {
    fn of<T>(asked: Asked<T>, because: impl FnOnce(T) -> muster_kernel::act::Because) -> Self {
        let rule = asked.answer.map(|answer| because(answer).rule);
        Self { rule, call: asked.call, remembered: asked.memory.len(), logged: asked.log.len() }
    }
}

const ROLES: [Role; 3] = [Role::Triage, Role::Escalation, Role::Discretion];

#[test]
fn each_misbehaviour_ends_by_its_own_name_and_a_good_call_works_right_after() {
    let bench = Bench::new();
    for role in ROLES {
        let good = bench.ask("good", role);
        assert_eq!(good.rule, Ok("1".into()), "{role:?}");
        for (behaviour, failure) in ENDS {
            let outcome = bench.ask(behaviour, role);
            assert_eq!(outcome.rule, Err(failure), "{behaviour} {role:?} {:?}", outcome.call);
            assert_eq!(outcome.call.failure, Some(failure), "{behaviour} {role:?}");
            assert_eq!(outcome.remembered, 0, "{behaviour} {role:?}: a failed call must not be remembered");
            assert_eq!(bench.ask(behaviour, role), outcome, "{behaviour} {role:?}: not the same the second time");
            assert_eq!(bench.ask("good", role), good, "{behaviour} {role:?}: harmed the next call");
        }
    }
}

#[test]
fn a_million_effects_never_reach_the_host() {
    let outcome = Bench::new().ask("million_effects", Role::Escalation);
    assert_eq!(outcome.rule, Err(Failure::TooLarge));
}

#[test]
fn a_flood_of_log_lines_is_cut_and_does_not_end_the_call() {
    let outcome = Bench::new().ask("log_flood", Role::Escalation);
    assert_eq!(outcome.rule, Ok("1".into()));
    assert_eq!(outcome.logged, Limits::STANDARD.log_lines);
}

#[test]
fn every_call_sees_a_fresh_instance() {
    let bench = Bench::new();
    let mut policies = bench.bind("good", Capabilities::all());
    for _ in 0..20 {
        let asked = policies.triage(Binding::InForce, &bench.state, &district::triage());
        assert_eq!(asked.answer.expect("an answer").because.rule, "1");
    }
}

#[test]
fn what_is_not_granted_is_denied() {
    let bench = Bench::new();
    let asks = [
        (Capability::Settings, "good"),
        (Capability::Log, "log_flood"),
        (Capability::Memory, "memory_flood"),
        (Capability::Roster, "question_flood"),
        (Capability::Facts, "question_flood"),
    ];
    for (withheld, behaviour) in asks {
        let others = Capability::ALL.into_iter().filter(|capability| *capability != withheld);
        let granted = others.fold(Capabilities::NONE, Capabilities::with);
        let outcome = bench.ask_with(behaviour, Role::Escalation, granted);
        assert_eq!(outcome.rule, Err(Failure::Denied), "{withheld:?}");
        let detail = outcome.call.detail.expect("a detail");
        assert!(detail.contains(withheld.interface()), "{detail}");
    }
}

#[test]
fn a_role_without_a_policy_is_unbound() {
    let bench = Bench::new();
    let asked = bench.bind("good", Capabilities::all()).oversight(
        Binding::InForce,
        &bench.state,
        &muster_kernel::role::oversight::Question {
            now: district::now(),
            occasion: muster_kernel::role::oversight::Occasion::Period,
            event: None,
            incident: None,
        },
    );
    assert_eq!(asked.answer, Err(Failure::Unbound));
    assert_eq!(asked.call.package, None);
}

#[test]
fn the_clock_stops_what_fuel_would_not() {
    let bench = Bench::with(Limits { fuel: 1 << 60, ..Limits::STANDARD });
    assert_eq!(bench.ask("endless_loop", Role::Escalation).rule, Err(Failure::TooSlow));
    // A refused growth on the way there does not turn the host's fault into the policy's answer.
    assert_eq!(bench.ask("swallowed_memory_bomb", Role::Escalation).rule, Err(Failure::TooSlow));
}

#[test]
fn effects_on_nodes_that_do_not_exist_are_no_answer_to_the_kernel() {
    let bench = Bench::new();
    let mut policies = bench.bind("unknown_nodes", Capabilities::all());
    let mut state = Arc::new(State::default());
    let charter = Input::Charter { charter: Box::new(district::charter()), digest: Digest::of(b"charter") };
    step(&mut state, district::now(), charter, &mut policies);
    let decided = step(&mut state, district::now(), Input::Event(district::ponding()), &mut policies);
    let asked = decided.entry.calls.iter().find(|call| call.role == Role::Escalation).expect("a call");
    assert_eq!(asked.failure, None, "the sandbox hands on what it does not understand");
    assert_eq!(decided.receipt.answered.get(&Role::Escalation).map(String::as_str), Some("fallback"));
}

#[test]
fn the_same_question_has_the_same_answer_and_fuel_in_every_thread_and_engine() {
    const CALLS_PER_THREAD: usize = 50;
    let package = guests::policy("escalation");
    let settings = guests::reference_settings("escalation");
    let state = district::state();
    let policies = || {
        let engine = Engine::new(Limits { milliseconds: 600_000, ..Limits::STANDARD }).expect("an engine");
        let program = engine.compile(&package).expect("a program");
        common::bind(&engine, &program, settings.clone(), Capabilities::all())
    };
    let ask = |policies: &mut PolicySet| {
        let asked =
            policies.escalation(Binding::InForce, &state, Some(district::INCIDENT.into()), &district::escalation());
        (asked.answer.expect("an answer"), asked.call.fuel)
    };
    let expected = ask(&mut policies());
    assert!(!expected.0.is_empty(), "a question without effects proves little");
    let shared = policies();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut policies = shared.clone();
                for _ in 0..CALLS_PER_THREAD {
                    assert_eq!(ask(&mut policies), expected);
                }
            });
        }
    });
}

#[test]
fn a_binding_is_held_to_its_own_limits() {
    let bench = Bench::new();
    let ask = |limits: Limits| {
        let mut policies = bench.bind_within("good", Capabilities::all(), limits);
        Outcome::of(policies.triage(Binding::InForce, &bench.state, &district::triage()), |answer| answer.because)
    };
    let free = ask(bench.engine.limits());
    assert_eq!(free.rule, Ok("1".into()));
    let host = bench.engine.limits();
    let enough = host.narrowed(&Wanted { fuel: Some(free.call.fuel), ..Wanted::default() });
    assert_eq!(ask(enough), free, "a call is not changed by limits that it keeps");
    let fuel = host.narrowed(&Wanted { fuel: Some(free.call.fuel / 2), ..Wanted::default() });
    assert_eq!(ask(fuel).rule, Err(Failure::OutOfFuel));
    let memory = host.narrowed(&Wanted { memory_bytes: Some(1_000), ..Wanted::default() });
    assert_eq!(ask(memory).rule, Err(Failure::TooLarge));
    let questions = host.narrowed(&Wanted { questions: Some(0), ..Wanted::default() });
    assert_eq!(ask(questions).rule, Err(Failure::TooLarge));
    // What a binding claims beyond the host's limits is not given.
    assert_eq!(ask(Limits { fuel: u64::MAX, ..host }).call.fuel, free.call.fuel);
    let mut greedy = bench.bind_within("endless_loop", Capabilities::all(), Limits { fuel: u64::MAX, ..host });
    let asked = greedy.triage(Binding::InForce, &bench.state, &district::triage());
    assert_eq!((asked.answer, asked.call.fuel), (Err(Failure::OutOfFuel), host.fuel));
}
