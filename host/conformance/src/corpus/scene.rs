//! The district that questions are asked in: the proving ground in the middle of a flood, with a gas leak and an epidemic.
//!
//! It is the fold of one entry of facts, as any district is, so what a policy reads from it hangs together.

use std::sync::Arc;

use muster_kernel::act::{Because, CalloutOrder, Party, Warning};
use muster_kernel::record::{Bearing, CalledParty, Cause, ENTRY_VERSION, Entry, Fact, WarningChange};
use muster_kernel::role::workflow::Wait;
use muster_kernel::{
    CalloutKind, Colour, Digest, IncidentId, Instant, Level, Milliseconds, Mode, NodeCode, ProcessId, RiskStage, State,
    fold,
};
use muster_runtime::activation::proving_ground;

/// The incidents that are open: id, hazard, scheme, node, lives at stake.
pub(crate) const INCIDENTS: [(&str, &str, &str, &str, bool); 3] = [
    ("pg-flood-1", "rainstorm", "flood", "990100", false),
    ("pg-gas-1", "gas", "accident", "990103901", true),
    ("pg-epidemic-1", "epidemic", "epidemic", "990103", false),
];
/// The proving ground's nodes with the tier of each.
pub(crate) const NODES: [&str; 5] = ["990100", "990103", "990103901", "990103902", "990103901001"];

/// When the questions are asked.
pub(crate) fn now() -> Instant {
    Instant::parse("2030-06-01T08:00:00+08:00").expect("a constant instant")
}

fn because() -> Because {
    Because::new("host:conformance", "测试语料", "a corpus for tests")
}

/// The state that all questions are asked in.
pub(crate) fn state() -> Arc<State> {
    let mut facts = vec![Fact::CharterActivated { charter: Box::new(proving_ground::charter()) }];
    facts.extend(INCIDENTS.map(opened));
    facts.push(level());
    facts.push(Fact::ModeSet {
        incident: Some(INCIDENTS[0].0.into()),
        node: "990103".into(),
        scheme: "flood".into(),
        mode: Mode::Emergency,
        previous: Mode::Normal,
        because: because(),
    });
    facts.push(warning());
    facts.push(callout());
    facts.extend(process());
    let entry = Entry {
        version: ENTRY_VERSION,
        district: "proving-ground".into(),
        seq: 1,
        prev: Digest::ZERO,
        at: now(),
        cause: Cause::Charter { digest: Digest::ZERO },
        calls: Vec::new(),
        facts,
    };
    let mut state = State::default();
    fold::fold(&mut state, &entry, Digest::of(&entry.to_bytes()));
    Arc::new(state)
}

fn opened((id, hazard, scheme, node, life_safety): (&str, &str, &str, &str, bool)) -> Fact {
    Fact::IncidentOpened {
        incident: id.into(),
        name: id.into(),
        scheme: scheme.into(),
        hazard: hazard.into(),
        node: node.into(),
        stage: RiskStage::Control,
        life_safety,
        parent: None,
        tags: Vec::new(),
        because: because(),
    }
}

fn level() -> Fact {
    Fact::LevelInForce {
        incident: Some(INCIDENTS[0].0.into()),
        scheme: "flood".into(),
        node: "990100".into(),
        level: Level::Three,
        previous: None,
        from: now(),
        ordered: true,
        bearing: Bearing::Own,
        latency: None,
        floor_for: vec![NodeCode::from("990103")],
        because: because(),
    }
}

fn warning() -> Fact {
    let warning = Warning {
        hazard: "rainstorm".into(),
        node: "990100".into(),
        colour: Some(Colour::Orange),
        issued: now(),
        expires: Some(now() + Milliseconds::hours(12)),
        source: "urn:org:cn:990100:weather".into(),
    };
    Fact::WarningRecorded {
        incident: Some(INCIDENTS[0].0.into()),
        warning,
        change: WarningChange::New,
        supersedes: None,
    }
}

/// A process that waits for two kinds of event and for a time.
fn process() -> [Fact; 2] {
    let (process, incident) = (ProcessId::from("pg-process-1"), Some(IncidentId::from(INCIDENTS[0].0)));
    let waits = vec![
        Wait::EventOf("signal.reported".into()),
        Wait::EventOf("task.updated".into()),
        Wait::Until { key: "overdue".into(), at: now() + Milliseconds::hours(6) },
    ];
    let started = Fact::ProcessStarted {
        process: process.clone(),
        incident: incident.clone(),
        key: "stand_down".into(),
        process_kind: "stand_down".into(),
        because: because(),
    };
    let stepped = Fact::ProcessStepped {
        process,
        incident,
        version: "0.0.1".into(),
        state: Vec::new(),
        waits,
        finished: false,
        because: because(),
    };
    [started, stepped]
}

fn callout() -> Fact {
    let party = Party::Department { node: "990100".into(), name: "drainage".into() };
    let order = CalloutOrder {
        key: "pumps".into(),
        kind: CalloutKind::Emergency,
        caller: "990103901".into(),
        to: vec![party.clone()],
        place: "990103901".into(),
        acknowledge_within: Some(Milliseconds::minutes(5)),
        arrive_within: Some(Milliseconds::minutes(30)),
        plan_within: None,
        ladder: Vec::new(),
        arrival_ladder: Vec::new(),
        life_safety: false,
    };
    Fact::CalloutIssued {
        callout: "pg-callout-1".into(),
        incident: Some(INCIDENTS[0].0.into()),
        order,
        called: vec![CalledParty { party, title: "drainage".into(), person: None }],
        issued: now(),
        acknowledge_by: Some(now() + Milliseconds::minutes(5)),
        arrive_by: Some(now() + Milliseconds::minutes(30)),
        plan_by: None,
        stated: false,
        because: because(),
    }
}
