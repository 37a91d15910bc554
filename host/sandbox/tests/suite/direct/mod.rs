//! A policy whose module is called directly answers as the engine has its component answer: every answer, every failure and its
//! words, every unit of fuel, everything that it heard from the host.

mod made;

use crate::common;
use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::role::{Binding, Policies, oversight, workflow};
use muster_kernel::settings::Settings;
use muster_kernel::step::{Input, step};
use muster_kernel::value::Attribute;
use muster_kernel::{Digest, Event, Instant, Role, State, Value};
use muster_sandbox::{Bound, Capabilities, Engine, Limits, PolicySet, Program, Wanted};
use muster_testkit::corpus::{Guest, corpus};
use muster_testkit::{district, guests};

const POLICIES: [&str; 6] = ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"];

fn engine() -> Engine {
    Engine::new(Limits { milliseconds: 600_000, ..Limits::STANDARD }).expect("an engine")
}

/// The same package, called directly and as a component.
fn both(engine: &Engine, package: &[u8]) -> [Program; 2] {
    let direct = engine.compile(package).expect("a program");
    let component = engine.compile_component(package).expect("a program");
    assert!(direct.is_called_directly(), "a package of the SDK is of the usual layout");
    assert!(!component.is_called_directly());
    assert_eq!((direct.roles(), direct.imports()), (component.roles(), component.imports()));
    [direct, component]
}

/// Everything that comes of asking a program in all its roles, in words.
fn asked(engine: &Engine, program: &Program, settings: &Settings, state: &Arc<State>, limits: Limits) -> Vec<String> {
    let policies = || common::bind_within(engine, program, settings.clone(), Capabilities::all(), limits);
    let (mut policies, roles) = (policies(), program.roles());
    let (now, scope, place) = (district::now(), Some(district::INCIDENT.into()), Binding::InForce);
    let process = workflow::Process {
        id: "p-1".into(),
        kind: "handover".into(),
        version: "0.9.0".into(),
        state: vec![Attribute::new("step", Value::Text("第一步".into()))],
    };
    let started = workflow::Question {
        now,
        process: process.clone(),
        input: workflow::Input::Start,
        incident: Some(district::incident()),
    };
    let inspected = |event: Option<Event>, occasion| oversight::Question {
        now,
        occasion,
        event: event.map(Into::into),
        incident: Some(district::incident()),
    };
    let decision = oversight::Occasion::Decision(vec!["level-in-force".into(), "task-opened".into()]);
    let mut said = Vec::new();
    for role in roles {
        said.push(match role {
            Role::Triage => format!("{:?}", policies.triage(place, state, &district::triage())),
            Role::Escalation => {
                format!("{:?}", policies.escalation(place, state, scope.clone(), &district::escalation()))
            }
            Role::Discretion => format!("{:?}", policies.discretion(place, state, &district::discretion())),
            Role::Incentives => format!("{:?}", policies.incentives(place, state, now, &district::service())),
            Role::Oversight => {
                let after = policies.oversight(place, state, &inspected(Some(district::ponding()), decision.clone()));
                let regular = policies.oversight(place, state, &inspected(None, oversight::Occasion::Period));
                format!("{after:?} {regular:?}")
            }
            Role::Workflow => {
                let step = policies.workflow(place, state, scope.clone(), &started);
                format!("{step:?} {:?}", policies.migrate(state, now, &process))
            }
        });
    }
    said
}

#[test]
fn every_policy_answers_the_same_either_way() {
    let engine = engine();
    for name in POLICIES {
        let [direct, component] = both(&engine, &guests::policy(name));
        let settings = guests::reference_settings(name);
        let ask = |program| asked(&engine, program, &settings, &district::state(), engine.limits());
        let said = ask(&component);
        assert!(!said.is_empty() && said.iter().all(|said| said.contains("answer: Ok")), "{name}: {said:?}");
        assert_eq!(ask(&direct), said, "{name}");
    }
}

/// What a district decides with its policies called either way is the same journal, byte for byte.
#[test]
fn a_district_writes_the_same_journal_either_way() {
    let engine = engine();
    let mut sets = [PolicySet::new(engine.clone()), PolicySet::new(engine.clone())];
    for name in POLICIES {
        let package = guests::policy(name);
        for (set, program) in sets.iter_mut().zip(both(&engine, &package)) {
            for role in program.roles() {
                set.bind(role, bound(&program, &package, name, engine.limits()));
            }
        }
    }
    let mut states = [Arc::new(State::default()), Arc::new(State::default())];
    let mut kinds = BTreeMap::new();
    let mut fuel = 0;
    for (now, input) in inputs() {
        let [one, other] = [0, 1].map(|way| step(&mut states[way], now, input.clone(), &mut sets[way]));
        assert_eq!(one.entry, other.entry);
        assert_eq!((one.payload, one.hash), (other.payload, other.hash));
        assert_eq!(one.log, other.log);
        fuel += one.entry.calls.iter().map(|call| call.fuel).sum::<u64>();
        for call in &one.entry.calls {
            *kinds.entry((call.role, call.failure.is_none())).or_insert(0_u32) += 1;
        }
    }
    assert!(fuel > 2_000_000, "too little was asked to compare anything: {fuel} {kinds:?}");
    for role in [Role::Triage, Role::Escalation] {
        assert!(kinds.get(&(role, true)).is_some_and(|answers| *answers > 5), "{kinds:?}");
    }
    curious(&engine, &states[0]);
}

fn bound(program: &Program, package: &[u8], name: &str, limits: Limits) -> Bound {
    Bound {
        program: program.clone(),
        package: Digest::of(package),
        settings: Arc::new(guests::reference_settings(name)),
        settings_digest: Digest::of(name.as_bytes()),
        granted: Capabilities::all(),
        limits,
    }
}

/// What is signalled: things that open an incident, and things that belong to one.
const KINDS: [&str; 6] = ["explosion", "ponding", "flash_flood", "tunnel_inrush", "fire", "ponding"];

/// A charter, a rain of signals, and what falls due between them.
fn inputs() -> Vec<(Instant, Input)> {
    let charter = Input::Charter { charter: Box::new(district::charter()), digest: Digest::of(b"charter") };
    let mut inputs = vec![(district::now(), charter)];
    for number in 0..30_i64 {
        let now = Instant::from_millis(district::now().as_millis() + number * 60_000);
        let mut event = district::ponding();
        event.id = format!("e-{number}");
        event.source = format!("urn:app:grid:990103901:walker-{}", number % 5);
        event.incident = None;
        (event.occurred, event.recorded) = (now, now);
        let kind = KINDS.iter().cycle().nth(usize::try_from(number).expect("counted from zero")).expect("endless");
        for attribute in &mut event.attributes {
            match attribute.key.as_str() {
                "depth_cm" => attribute.value = Value::Integer(10 + 5 * number),
                "kind" => attribute.value = Value::Text((*kind).into()),
                _ => {}
            }
        }
        inputs.push((now, Input::Event(event)));
        inputs.push((now, Input::Timer));
    }
    inputs
}

/// Asks everything that there is to ask about a district in which something happened.
fn curious(engine: &Engine, state: &Arc<State>) {
    let ids: Vec<String> = state.incidents.iter().map(|(id, _)| id.to_string()).collect();
    assert!(!ids.is_empty(), "nothing was opened that could be asked about");
    let text = |text: &str| Value::Text(text.into());
    let mut settings = guests::reference_settings("escalation");
    settings.values.insert("behaviour".into(), text("curious"));
    settings.values.insert("ids".into(), text(&ids.join("|")));
    let [direct, component] = both(engine, &guests::hostile("hostile"));
    let ask = |program| asked(engine, program, &settings, state, engine.limits());
    let heard = ask(&component);
    assert!(heard.iter().all(|heard| heard.contains("answer: Ok")), "{heard:?}");
    for known in ["find_incident(id) = Some(", "responses(id) = [Response", "spent(", "Some(Value::Decimal"] {
        assert!(heard[0].contains(known), "nobody said `{known}`: {}", heard[0]);
    }
    assert_eq!(ask(&direct), heard);
}

#[test]
fn every_misbehaviour_ends_the_same_either_way() {
    const BEHAVIOURS: [&str; 18] = [
        "good",
        "endless_loop",
        "memory_bomb",
        "swallowed_memory_bomb",
        "trap",
        "deep_recursion",
        "log_flood",
        "log_giants",
        "log_one_giant",
        "memory_flood",
        "memory_giants",
        "question_flood",
        "working_days",
        "giant_strings",
        "aliased_strings",
        "garbled_text",
        "million_effects",
        "unknown_nodes",
    ];
    let engine = engine();
    let [direct, component] = both(&engine, &guests::hostile("hostile"));
    for behaviour in BEHAVIOURS {
        let values = BTreeMap::from([("behaviour".into(), Value::Text(behaviour.into()))]);
        let settings = Settings { values, ..Settings::default() };
        let ask = |program| asked(&engine, program, &settings, &district::state(), engine.limits());
        assert_eq!(ask(&direct), ask(&component), "{behaviour}");
    }
}

/// Where a call runs into a limit, it runs into it at the same unit.
#[test]
fn every_limit_is_met_at_the_same_unit_either_way() {
    let engine = engine();
    let package = guests::policy("escalation");
    let [direct, component] = both(&engine, &package);
    let settings = guests::reference_settings("escalation");
    let ask = |program, wanted: &Wanted| {
        asked(&engine, program, &settings, &district::state(), engine.limits().narrowed(wanted))
    };
    for fuel in (0..80_000).step_by(1_999).chain(0..3) {
        let wanted = Wanted { fuel: Some(fuel), ..Wanted::default() };
        assert_eq!(ask(&direct, &wanted), ask(&component, &wanted), "fuel {fuel}");
    }
    for units in (0..6_000).step_by(61) {
        let wanted = Wanted { transfer: Some(units), ..Wanted::default() };
        assert_eq!(ask(&direct, &wanted), ask(&component, &wanted), "transfer {units}");
    }
    for questions in 0..12 {
        let wanted = Wanted { questions: Some(questions), ..Wanted::default() };
        assert_eq!(ask(&direct, &wanted), ask(&component, &wanted), "questions {questions}");
    }
}

/// Components that were written by hand: whichever way they are called, they end the same.
#[test]
fn every_component_of_the_corpus_ends_the_same_either_way() {
    let engine = engine();
    let (mut compared, mut directly) = (0, 0);
    for hostile in corpus() {
        let Guest::Component(make) = hostile.guest else { continue };
        let bytes = make();
        let either = [engine.compile(&bytes), engine.compile_component(&bytes)];
        let said = either.map(|compiled| match compiled {
            Ok(program) => asked(&engine, &program, &Settings::default(), &district::state(), engine.limits()),
            Err(reason) => vec![reason.to_string()],
        });
        assert_eq!(said[0], said[1]);
        directly += usize::from(engine.compile(&bytes).is_ok_and(|program| program.is_called_directly()));
        compared += 1;
    }
    assert!(compared > 10 && directly > 5, "{compared} components, {directly} of them called directly, are no corpus");
}
