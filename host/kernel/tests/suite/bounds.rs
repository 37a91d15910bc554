//! The bounds that no policy can move. Each test fails if its line in the kernel is taken away.

use crate::support::{self, CITY, STREET, Scripted, World, text};
use muster_kernel::act::{Act, CalloutOrder, GrantOrder, LevelAdvice, Measure, ModeChange, Party};
use muster_kernel::record::{Fact, SpendVerdict};
use muster_kernel::role::Failure;
use muster_kernel::role::discretion::{Signature, Verdict};
use muster_kernel::{CalloutKind, Level, Milliseconds, Mode, NodeCode, Scheme, Tier, Value};

fn verdict_of(fact: &Fact) -> (SpendVerdict, i64) {
    let Fact::SpendRuled { verdict, reserved, .. } = fact else { panic!("not a ruling: {fact:?}") };
    (*verdict, *reserved)
}

fn advice(level: Level) -> Act {
    Act::RecommendLevel(LevelAdvice {
        scheme: Scheme::from("flood"),
        node: CITY.into(),
        level,
        confirm_within: Some(Milliseconds::minutes(15)),
        ladder: Vec::new(),
    })
}

fn in_force(facts: &[Fact]) -> Vec<Level> {
    let levels = facts.iter().filter_map(|fact| match fact {
        Fact::LevelInForce { level, .. } => Some(*level),
        _ => None,
    });
    levels.collect()
}

fn grant(multiplier_permille: u32, hours: i64) -> Act {
    Act::Grant(GrantOrder {
        key: "g".into(),
        grantor: CITY.into(),
        grantees: vec![STREET.into()],
        powers: vec!["spend".into()],
        multiplier_permille,
        cap: None,
        starts: support::start(),
        expires: support::start() + Milliseconds::hours(hours),
        supervisor: Party::DutyAbove(Tier::District),
    })
}

fn measure(kind: &str, life_safety: bool) -> Act {
    Act::StartMeasure(Measure {
        key: kind.into(),
        kind: kind.into(),
        node: STREET.into(),
        target: None,
        starts: None,
        ends: None,
        exceptions: Vec::new(),
        life_safety,
        scope: Vec::new(),
        until_below: None,
        radius_metres: None,
    })
}

#[test]
fn a_policy_cannot_spend_past_the_ceiling() {
    let mut world = World::new(Scripted::default());
    world.signal("s");
    assert_eq!(verdict_of(&world.spend("within", 1_000)), (SpendVerdict::Allowed, 1_000));
    assert_eq!(verdict_of(&world.spend("one-item-too-large", 1_001)), (SpendVerdict::Routed, 0));
    assert_eq!(verdict_of(&world.spend("second", 1_000)), (SpendVerdict::Allowed, 1_000));
    assert_eq!(verdict_of(&world.spend("third", 1_000)), (SpendVerdict::Allowed, 1_000));
    assert_eq!(verdict_of(&world.spend("the-sum-too-large", 1)), (SpendVerdict::Routed, 0));
}

#[test]
fn a_grant_widens_no_further_than_the_charter_and_an_expired_grant_widens_nothing() {
    let mut world = World::new(Scripted::proposing(vec![grant(9_000, 24)]));
    world.signal("s");
    assert_eq!(verdict_of(&world.spend("doubled", 2_000)), (SpendVerdict::Allowed, 2_000));
    assert_eq!(verdict_of(&world.spend("ninefold", 2_001)), (SpendVerdict::Routed, 0));
    world.policies.acts.clear();
    world.now = support::start() + Milliseconds::hours(24) - Milliseconds(1);
    assert_eq!(verdict_of(&world.spend("the-last-moment", 1_500)), (SpendVerdict::Allowed, 1_500));
    world.now = support::start() + Milliseconds::hours(24);
    assert_eq!(verdict_of(&world.spend("expired", 1_500)), (SpendVerdict::Routed, 0));
}

#[test]
fn an_expired_grant_widens_nothing() {
    let mut world = World::new(Scripted::proposing(vec![grant(2_000, 9_999)]));
    let given = world.signal("s");
    let expires = given.iter().find_map(|fact| match fact {
        Fact::GrantGiven { expires, .. } => Some(*expires),
        _ => None,
    });
    assert_eq!(expires, Some(support::start() + Milliseconds::hours(72)), "cut to the charter's longest term");
}

#[test]
fn discretion_fails_closed() {
    let mut world = World::new(Scripted { verdict: Err(Failure::Trapped), ..Scripted::default() });
    world.signal("s");
    assert_eq!(verdict_of(&world.spend("small", 1)), (SpendVerdict::Routed, 0));
}

#[test]
fn evacuation_starts_though_discretion_is_broken() {
    let acts = vec![measure("evacuate", true), measure("close_road", true)];
    let mut world = World::new(Scripted { acts, verdict: Err(Failure::OutOfFuel), ..Scripted::default() });
    let facts = world.signal("s");
    let started: Vec<&str> = facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::MeasureStarted { order, .. } => Some(order.kind.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(started, ["evacuate"], "lives are saved, everything else waits for people");
}

#[test]
fn a_tier_without_the_power_starts_nothing() {
    let mut world = World::new(Scripted::proposing(vec![measure("close_road", false)]));
    let facts = world.signal("s");
    assert!(facts.iter().any(|fact| matches!(fact, Fact::MeasureProposed { .. })), "{facts:?}");
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::MeasureStarted { .. })), "{facts:?}");
}

#[test]
fn no_policy_puts_the_top_level_in_force() {
    let mut world = World::new(Scripted::proposing(vec![advice(Level::One)]));
    let facts = world.signal("s");
    assert_eq!(in_force(&facts), [Level::Two]);
    assert!(facts.iter().any(|fact| matches!(fact, Fact::ConfirmationRequired { level: Level::One, .. })));
    let data = [("kind", text("response_level")), ("scheme", text("flood")), ("level", text("I"))];
    let stranger = world.event("o-1", "urn:someone", "gov.muster.order.issued", CITY, &data);
    assert!(in_force(&stranger).is_empty(), "{stranger:?}");
    let ordered = world.event("o-2", "urn:hq:990100", "gov.muster.order.issued", CITY, &data);
    assert_eq!(in_force(&ordered), [Level::One]);
}

#[test]
fn no_policy_lowers_a_level_or_ends_an_emergency() {
    let mut world = World::new(Scripted::proposing(vec![advice(Level::Two)]));
    let mode = |mode| Act::SetMode(ModeChange { node: CITY.into(), scheme: Scheme::from("flood"), mode });
    world.policies.acts.push(mode(Mode::Emergency));
    world.signal("up");
    world.policies.acts = vec![advice(Level::Four), mode(Mode::Normal)];
    let facts = world.signal("down");
    assert!(in_force(&facts).is_empty(), "{facts:?}");
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::ModeSet { .. })), "{facts:?}");
}

fn call() -> Act {
    Act::Callout(CalloutOrder {
        key: "c".into(),
        kind: CalloutKind::Emergency,
        caller: STREET.into(),
        to: vec![Party::Department { node: CITY.into(), name: "rescue".into() }],
        place: STREET.into(),
        acknowledge_within: None,
        arrive_within: None,
        plan_within: None,
        ladder: Vec::new(),
        arrival_ladder: Vec::new(),
        life_safety: false,
    })
}

#[test]
fn only_the_caller_releases() {
    let mut world = World::new(Scripted::proposing(vec![call()]));
    let facts = world.signal("s");
    let callout = facts
        .iter()
        .find_map(|fact| match fact {
            Fact::CalloutIssued { callout, .. } => Some(callout.to_string()),
            _ => None,
        })
        .expect("a call-out");
    let data = [("callout", Value::Text(callout))];
    world.policies.acts.clear();
    let called = world.event("r-1", "urn:rescue", "gov.muster.callout.released", CITY, &data);
    assert!(matches!(called.as_slice(), [Fact::EventRefused { .. }]), "{called:?}");
    let caller = world.event("r-2", &format!("urn:street:{STREET}"), "gov.muster.callout.released", STREET, &data);
    assert!(matches!(caller.as_slice(), [Fact::CalloutReleased { .. }, ..]), "{caller:?}");
    let twice = world.event("r-3", &format!("urn:street:{STREET}"), "gov.muster.callout.released", STREET, &data);
    assert!(matches!(twice.as_slice(), [Fact::EventRefused { .. }]), "{twice:?}");
}

#[test]
fn nobody_answers_for_another() {
    let mut world = World::new(Scripted::proposing(vec![call()]));
    let facts = world.signal("s");
    let callout = facts
        .iter()
        .find_map(|fact| match fact {
            Fact::CalloutIssued { callout, .. } => Some(callout.to_string()),
            _ => None,
        })
        .expect("a call-out");
    world.policies.acts.clear();
    let data = [("callout", Value::Text(callout))];
    let other = world.event("a-1", "urn:other", "gov.muster.callout.acknowledged", STREET, &data);
    assert!(matches!(other.as_slice(), [Fact::EventRefused { .. }]), "{other:?}");
    let called = world.event("a-2", "urn:rescue", "gov.muster.callout.acknowledged", CITY, &data);
    assert!(matches!(called.as_slice(), [Fact::CalloutAcknowledged { on_time: true, .. }, ..]), "{called:?}");
}

fn refused(facts: &[Fact]) -> String {
    let [Fact::EventRefused { because }] = facts else { panic!("not refused: {facts:?}") };
    because.rule.clone()
}

#[test]
fn a_post_is_answered_for_by_its_own_people_only() {
    let Act::Callout(mut order) = call() else { panic!("a call-out") };
    order.to = vec![Party::Post { node: STREET.into(), name: "duty".into() }];
    let mut world = World::new(Scripted::proposing(vec![Act::Callout(order)]));
    let facts = world.signal("s");
    let callout = facts.iter().find_map(|fact| match fact {
        Fact::CalloutIssued { callout, .. } => Some(callout.to_string()),
        _ => None,
    });
    world.policies.acts.clear();
    let data = [("callout", Value::Text(callout.expect("a call-out")))];
    let kind = "gov.muster.callout.acknowledged";
    assert_eq!(refused(&world.event("a-1", "urn:passer-by", kind, STREET, &data)), "host:not-called");
    let own = world.event("a-2", &format!("urn:street:{STREET}"), kind, STREET, &data);
    assert!(matches!(own.as_slice(), [Fact::CalloutAcknowledged { .. }, ..]), "{own:?}");
}

#[test]
fn a_frozen_power_to_call_binds_people_too() {
    let mut world = World::new(Scripted::default());
    world.signal("s");
    let data = [("power", text("call")), ("node", text(STREET))];
    world.event("f-1", "urn:audit:990103", "gov.muster.power.frozen", STREET, &data);
    let data = [("kind", text("emergency")), ("to.0", text("rescue"))];
    let street = format!("urn:street:{STREET}");
    let called = world.event("c-1", &street, "gov.muster.callout.issued", STREET, &data);
    assert_eq!(refused(&called), "host:power-frozen");
}

#[test]
fn a_measure_is_lifted_from_its_own_node_or_above_and_once() {
    let mut world = World::new(Scripted::default());
    world.signal("s");
    let kind = "gov.muster.order.issued";
    let begun = world.event("o-1", "urn:hq:990100", kind, CITY, &[("kind", text("traffic_control"))]);
    let measure = begun.iter().find_map(|fact| match fact {
        Fact::MeasureStarted { measure, .. } => Some(measure.to_string()),
        _ => None,
    });
    let lift = [("kind", text("lift")), ("measure", Value::Text(measure.expect("a measure")))];
    let below = world.event("o-2", "urn:hq:990103", kind, "990103", &lift);
    assert_eq!(refused(&below), "host:order-without-power");
    let own = world.event("o-3", "urn:hq:990100", kind, CITY, &lift);
    assert!(own.iter().any(|fact| matches!(fact, Fact::MeasureEnded { .. })), "{own:?}");
    assert_eq!(refused(&world.event("o-4", "urn:hq:990100", kind, CITY, &lift)), "host:unknown-measure");
}

#[test]
fn a_word_that_is_no_mode_changes_nothing_and_is_said() {
    let mut world = World::new(Scripted::default());
    world.signal("s");
    let data = [("kind", text("mode")), ("mode", text("panic"))];
    assert_eq!(refused(&world.event("o-1", "urn:hq:990100", "gov.muster.order.issued", CITY, &data)), "host:mode");
}

#[test]
fn who_handled_a_case_does_not_rate_it() {
    let mut world = World::new(Scripted::default());
    world.signal("s");
    let (street, kind) = (format!("urn:street:{STREET}"), |word: &str| format!("gov.muster.feedback.{word}"));
    let opened = [("case", text("f-1")), ("class", text("life_safety"))];
    world.event("e-1", "urn:12345", &kind("received"), STREET, &opened);
    let resolved = [("case", text("f-1")), ("satisfied", Value::Flag(true))];
    let facts = world.event("e-2", &street, &kind("resolved"), STREET, &resolved);
    assert!(!facts.iter().any(|fact| matches!(fact, Fact::FeedbackRated { .. })), "{facts:?}");
    assert_eq!(refused(&world.event("e-3", &street, &kind("rated"), STREET, &resolved)), "host:own-feedback");
    let facts = world.event("e-4", "urn:12345", &kind("rated"), STREET, &resolved);
    assert!(matches!(facts.as_slice(), [Fact::FeedbackRated { satisfied: true, .. }, ..]), "{facts:?}");
}

#[test]
fn nobody_signs_for_their_own_request() {
    let by = Party::Post { node: NodeCode::from(STREET), name: "secretary".into() };
    let signature = Signature { by, decide_by: support::start() + Milliseconds::hours(2) };
    let mut world = World::new(Scripted { verdict: Ok(Verdict::SecondSignature(signature)), ..Scripted::default() });
    world.signal("s");
    assert_eq!(verdict_of(&world.spend("q", 900)), (SpendVerdict::SecondSignature, 900));
    let data = [("request", text("q")), ("decision", text("approved"))];
    let own = world.event("d-1", &format!("urn:street:{STREET}"), "gov.muster.approval.decided", STREET, &data);
    assert!(matches!(own.as_slice(), [Fact::EventRefused { .. }]), "{own:?}");
    let other = world.event("d-2", &format!("urn:secretary:{STREET}"), "gov.muster.approval.decided", STREET, &data);
    assert!(matches!(other.as_slice(), [Fact::ApprovalDecided { approved: true, .. }, ..]), "{other:?}");
}

#[test]
fn without_any_policy_every_event_is_kept_and_put_before_people() {
    let mut world = World::new(Scripted { works: false, ..Scripted::default() });
    let facts = world.signal("s");
    let kinds: Vec<&str> = facts.iter().map(Fact::kind).collect();
    assert_eq!(
        kinds,
        [
            "policy.failed",
            "incident.opened",
            "command.assumed",
            "event.placed",
            "policy.failed",
            "notice.sent",
            "task.opened"
        ]
    );
}
