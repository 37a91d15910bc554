//! How far a policy and a sender reach: what one decision may hold, whom a policy may speak for, and whose matters a sender
//! may touch. Each test fails if its line in the kernel is taken away.

use muster_kernel::act::{
    Act, Because, Effect, Figure, GrantOrder, LevelAdvice, Measure, ModeChange, Party, ProcessOrder, Proposal,
    TaskOrder, TimerOrder,
};
use muster_kernel::record::{Fact, SpendVerdict};
use muster_kernel::role::Failure;
use muster_kernel::role::discretion::{Signature, Verdict};
use muster_kernel::role::workflow::{Outcome, Wait};
use muster_kernel::step::Input;
use muster_kernel::{FigureStage, Level, MeasureStatus, Milliseconds, Mode, NodeCode, Role, Scheme, Tier};

use crate::support::{self, CITY, STREET, Scripted, World, text};

const PROVINCE: &str = "990000";
const ABOVE: &str = "990103";
const BELOW: &str = "990103901001";

fn measure(node: &str) -> Measure {
    Measure {
        key: "m".into(),
        kind: "close_road".into(),
        node: node.into(),
        target: None,
        starts: None,
        ends: None,
        exceptions: Vec::new(),
        life_safety: false,
        scope: Vec::new(),
        until_below: None,
        radius_metres: None,
    }
}

fn post(node: &str, name: &str) -> Party {
    Party::Post { node: node.into(), name: name.into() }
}

fn process(kind: &str) -> Act {
    Act::StartProcess(ProcessOrder { key: "first".into(), kind: kind.into(), details: Vec::new() })
}

fn outcome(acts: Vec<Act>, waits: Vec<Wait>) -> Outcome {
    let because = Because::new("test", "测试", "test");
    let effects = acts.into_iter().map(|act| Effect { act, because: because.clone() }).collect();
    Outcome { state: Vec::new(), effects, waits, finished: false, because }
}

fn refused(facts: &[Fact], rule: &str) -> bool {
    facts.iter().any(|fact| match fact {
        Fact::EventRefused { because } | Fact::ProposalRefused { because, .. } => because.rule == rule,
        _ => false,
    })
}

fn failed(facts: &[Fact], of: Role, with: Failure) -> bool {
    facts.iter().any(|fact| matches!(fact, Fact::PolicyFailed { role, failure, .. } if *role == of && *failure == with))
}

fn largest(world: &World) -> usize {
    world.steps.iter().map(|step| step.payload.len()).max().unwrap_or_default()
}

#[test]
fn what_policies_say_in_one_decision_has_room_in_one_record() {
    // 300 tasks with 250 kilobytes of reasons each: every answer alone is within its limit of a call many times over.
    let task = |number: usize| {
        Act::OpenTask(TaskOrder {
            key: format!("t-{number}"),
            kind: "inspect".into(),
            to: post(STREET, "duty"),
            node: STREET.into(),
            place: None,
            due: None,
            life_safety: false,
            items: 1,
            details: Vec::new(),
        })
    };
    let acts = (0..300).map(task).collect();
    let mut world = World::new(Scripted { acts, verbose: 80_000, ..Scripted::default() });
    let facts = world.signal("s");
    let opened = facts.iter().filter(|fact| matches!(fact, Fact::TaskOpened { .. })).count();
    assert!((1..300).contains(&opened), "{opened} took effect");
    assert!(failed(&facts, Role::Escalation, Failure::TooLarge), "what was left out is said");
    assert!(largest(&world) < 8 * 1024 * 1024, "{} bytes", largest(&world));
}

#[test]
fn one_order_of_many_grantees_has_room_in_one_record() {
    let grant = GrantOrder {
        key: "g".into(),
        grantor: CITY.into(),
        grantees: vec![NodeCode::from(STREET), "990103".into(), "990103901001".into()],
        powers: vec!["spend".into()],
        multiplier_permille: 1_500,
        cap: None,
        starts: support::start(),
        expires: support::start() + Milliseconds::hours(1),
        supervisor: Party::DutyAbove(Tier::District),
    };
    let mut world = World::new(Scripted { acts: vec![Act::Grant(grant)], verbose: 2_000_000, ..Scripted::default() });
    let facts = world.signal("s");
    assert_eq!(facts.iter().filter(|fact| matches!(fact, Fact::GrantGiven { .. })).count(), 1);
    assert!(refused(&facts, "host:room"), "what was left out is said");
}

#[test]
fn a_process_that_starts_a_process_that_starts_a_process_ends() {
    let mut world = World::new(Scripted {
        acts: vec![process("endless")],
        outcome: Some(outcome(vec![process("endless")], Vec::new())),
        ..Scripted::default()
    });
    let facts = world.signal("s");
    let started = facts.iter().filter(|fact| matches!(fact, Fact::ProcessStarted { .. })).count();
    assert_eq!(started, 16);
    assert!(refused(&facts, "host:processes"), "the one that was not started is named");
    // The next event of the incident is decided as any other.
    world.policies.acts.clear();
    assert!(!world.signal("next").is_empty());
}

#[test]
fn a_policy_that_says_at_once_each_time_is_asked_once_a_minute() {
    let at_once = Act::SetTimer(TimerOrder { key: "again".into(), at: support::start(), details: Vec::new() });
    let wait = Wait::Until { key: "again".into(), at: support::start() };
    let mut world = World::new(Scripted {
        acts: vec![at_once, process("patient")],
        outcome: Some(outcome(Vec::new(), vec![wait])),
        ..Scripted::default()
    });
    world.signal("s");
    // Both are due now, and each that is answered is due a minute later: after four there is nothing due.
    let mut asked = 0;
    while world.state.next_timer().is_some_and(|(due, _)| due <= world.now) {
        world.step(Input::Timer);
        asked += 1;
        assert!(asked < 10, "it never ends");
    }
    assert_eq!(asked, 2);
    let (due, _) = world.state.next_timer().expect("it is asked again");
    assert_eq!(due, world.now + Milliseconds::minutes(1));
}

#[test]
fn a_policy_does_not_act_in_the_name_of_bodies_above_the_district() {
    let advice = LevelAdvice {
        scheme: Scheme::from("flood"),
        node: PROVINCE.into(),
        level: Level::Four,
        confirm_within: None,
        ladder: Vec::new(),
    };
    let proposal = Proposal {
        measure: measure(PROVINCE),
        deciders: vec![post(PROVINCE, "secretary")],
        decide_by: support::start() + Milliseconds::hours(1),
        ladder: Vec::new(),
    };
    for act in [
        Act::RecommendLevel(advice),
        Act::SetMode(ModeChange { node: PROVINCE.into(), scheme: Scheme::from("flood"), mode: Mode::Emergency }),
        Act::StartMeasure(measure(PROVINCE)),
        Act::Propose(proposal),
    ] {
        let mut world = World::new(Scripted::proposing(vec![act.clone()]));
        let facts = world.signal("s");
        assert!(failed(&facts, Role::Escalation, Failure::Invalid), "{act:?} is no answer: {facts:?}");
    }
}

#[test]
fn a_measure_that_nobody_decided_is_confirmed_on_a_later_word_only() {
    let proposal = Proposal {
        measure: measure(STREET),
        deciders: vec![post("990103", "secretary")],
        decide_by: support::start() + Milliseconds::hours(1),
        ladder: Vec::new(),
    };
    let confirm = Act::ConfirmMeasure { key: "m".into(), people: None };
    let mut world = World::new(Scripted::proposing(vec![Act::Propose(proposal), confirm]));
    let facts = world.signal("proposed");
    assert!(refused(&facts, "host:undecided-measure"), "{facts:?}");
    let status = |world: &World| world.state.measures.iter().map(|(_, row)| row.status).next();
    assert_eq!(status(&world), Some(MeasureStatus::Proposed));
    world.signal("the field's word");
    assert_eq!(status(&world), Some(MeasureStatus::InForce), "the field says that it is done");
}

#[test]
fn a_policy_takes_no_figure_back() {
    let figure = |value| {
        Act::RecordFigure(Figure {
            name: "missing".into(),
            value,
            stage: FigureStage::Verified,
            as_of: support::start(),
            source: "policy".into(),
        })
    };
    let mut world = World::new(Scripted::proposing(vec![figure(Some(7))]));
    world.signal("known");
    world.policies.acts = vec![figure(None)];
    world.signal("unknown");
    let (_, row) = world.state.incidents.iter().next().expect("an incident");
    assert_eq!(row.figures["missing"].value, Some(7));
}

#[test]
fn what_is_sent_up_is_signed_above() {
    let route = |by: Party| Verdict::Route(Signature { by, decide_by: support::start() + Milliseconds::hours(1) });
    let signer = |by: Party| {
        let mut world = World::new(Scripted { verdict: Ok(route(by)), ..Scripted::default() });
        world.signal("s");
        let Fact::SpendRuled { verdict, signature_by, .. } = world.spend("w", 900) else { panic!("a ruling") };
        assert_eq!(verdict, SpendVerdict::Routed);
        signature_by.expect("a signer")
    };
    let above = post(ABOVE, "duty");
    assert_eq!(signer(post(STREET, "secretary")), above, "the spender's own post");
    assert_eq!(signer(post(BELOW, "duty")), above, "a post below");
    assert_eq!(signer(Party::Team("t".into())), above, "a team");
    assert_eq!(signer(post(CITY, "finance")), post(CITY, "finance"), "the policy's choice above stands");
}

#[test]
fn whose_matter_it_is_not_does_not_touch_it() {
    let task = TaskOrder {
        key: "t".into(),
        kind: "inspect".into(),
        to: Party::Department { node: CITY.into(), name: "rescue".into() },
        node: STREET.into(),
        place: None,
        due: None,
        life_safety: true,
        items: 1,
        details: Vec::new(),
    };
    let mut world = World::new(Scripted::proposing(vec![Act::OpenTask(task)]));
    world.signal("s");
    world.policies.acts.clear();
    let id = world.state.tasks.iter().map(|(id, _)| id.to_string()).next().expect("a task");
    let data = [("task", text(&id)), ("state", text("done"))];
    let mut updated = |source: &str, node: &str| {
        let id = format!("{source}/{node}");
        world.event(&id, source, "gov.muster.task.updated", node, &data)
    };
    assert!(
        refused(&updated("urn:stranger", BELOW), "host:not-concerned"),
        "a word from below, by nobody who was charged"
    );
    assert!(!refused(&updated(&format!("urn:street:{STREET}"), STREET), "host:not-concerned"), "from above");
    assert!(!refused(&updated("urn:rescue", CITY), "host:not-concerned"), "who was charged with it");
    let data = [("case", text("c-1")), ("class", text("life_safety"))];
    world.event("c", "urn:resident", "gov.muster.feedback.received", STREET, &data);
    let facts = world.event("x", "urn:stranger", "gov.muster.feedback.contacted", BELOW, &data);
    assert!(refused(&facts, "host:not-concerned"));
    let facts = world.event("y", &format!("urn:street:{STREET}"), "gov.muster.feedback.contacted", STREET, &data);
    assert!(facts.iter().any(|fact| matches!(fact, Fact::FeedbackContacted { .. })));
}

#[test]
fn a_process_is_not_stepped_by_another_version_than_its_own() {
    let mut world = World::new(Scripted {
        acts: vec![process("long")],
        outcome: Some(outcome(Vec::new(), vec![Wait::EventOf("signal.reported".into())])),
        ..Scripted::default()
    });
    let activation = |version: &str| {
        let digest = muster_kernel::Digest::of(version.as_bytes());
        muster_kernel::record::Activation::plain(Role::Workflow, "flow", version, digest, digest, "none")
    };
    let one = activation("1.0.0");
    world.step(Input::Activate(one));
    world.signal("starts");
    world.policies.acts.clear();
    // The next version takes its place and the first one is withdrawn, before anything was carried over.
    let two = activation("2.0.0");
    world.step(Input::Activate(two));
    let withdrawal = muster_kernel::record::Withdrawal {
        package: muster_kernel::Digest::of(b"1.0.0"),
        role: None,
        trial_only: false,
        by: "li".into(),
        because: Because::new("test", "撤回", "withdrawn"),
    };
    world.step(Input::Withdraw(withdrawal));
    let facts = world.signal("goes on");
    assert!(failed(&facts, Role::Workflow, Failure::Unbound), "{facts:?}");
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::ProcessStepped { .. })));
}
