//! The promises of the design against policies that propose anything and people who try anything.
//!
//! After every decision an auditor looks at the entry and at the state before and after it. Each check names the line of
//! the kernel without which it fails; every one of those lines has been taken out once to see that it does.
//! `PROPTEST_CASES=10000` is the long run.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::act::{Act, CalloutOrder, GrantOrder, LevelAdvice, Measure, ModeChange, Party};
use muster_kernel::record::{Cause, Fact, SpendVerdict};
use muster_kernel::role::discretion::{Signature, Verdict};
use muster_kernel::role::incentives::Award;
use muster_kernel::step::Input;
use muster_kernel::{
    CalloutKind, Currency, Event, Instant, Level, Milliseconds, Mode, NodeCode, Scheme, State, Tier, Value, facts,
    roster,
};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{CITY, STREET, Scripted, World};

const COMMUNITY: &str = "990103901001";
const NODES: [&str; 5] = ["990000", CITY, "990103", STREET, COMMUNITY];
const SOURCES: [&str; 8] = [
    "urn:street:990103901",
    "urn:street:990103901001",
    "urn:secretary:990103901",
    "urn:hq:990100",
    "urn:hq:990103",
    "urn:rescue",
    "urn:audit:990103",
    "urn:nobody",
];

fn node() -> impl Strategy<Value = NodeCode> {
    prop::sample::select(NODES.to_vec()).prop_map(NodeCode::from)
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(Level::ALL.to_vec())
}

/// Whatever a policy may propose, sensible or not.
fn act() -> impl Strategy<Value = Act> {
    let advice = (node(), level()).prop_map(|(node, level)| {
        Act::RecommendLevel(LevelAdvice {
            scheme: Scheme::from("flood"),
            node,
            level,
            confirm_within: Some(Milliseconds::minutes(15)),
            ladder: Vec::new(),
        })
    });
    let mode = (node(), any::<bool>()).prop_map(|(node, normal)| {
        let mode = if normal { Mode::Normal } else { Mode::Emergency };
        Act::SetMode(ModeChange { node, scheme: Scheme::from("flood"), mode })
    });
    let grant = (node(), node(), 0_u32..9_000, -50_i64..900, prop::option::of(0_i64..4_000)).prop_map(
        |(grantor, grantee, multiplier_permille, hours, cap)| {
            Act::Grant(GrantOrder {
                key: format!("g{hours}"),
                grantor,
                grantees: vec![grantee],
                powers: vec!["spend".into()],
                multiplier_permille,
                cap,
                starts: support::start(),
                expires: support::start() + Milliseconds::hours(hours),
                supervisor: Party::DutyAbove(Tier::District),
            })
        },
    );
    let kind = prop::sample::select(vec!["close_road", "evacuate", "no_such_measure"]);
    let measure = (kind, node(), any::<bool>()).prop_map(|(kind, node, life_safety)| {
        Act::StartMeasure(Measure {
            key: format!("{kind}/{node}"),
            kind: kind.into(),
            node,
            target: None,
            starts: None,
            ends: None,
            exceptions: Vec::new(),
            life_safety,
            scope: Vec::new(),
            until_below: None,
            radius_metres: None,
        })
    });
    let callout = (node(), 0_i64..40).prop_map(|(caller, minutes)| {
        Act::Callout(CalloutOrder {
            key: format!("c{minutes}"),
            kind: CalloutKind::Emergency,
            caller,
            to: vec![Party::Department { node: CITY.into(), name: "rescue".into() }],
            place: STREET.into(),
            acknowledge_within: Some(Milliseconds::minutes(minutes)),
            arrive_within: None,
            plan_within: None,
            ladder: Vec::new(),
            arrival_ladder: Vec::new(),
            life_safety: false,
        })
    });
    prop_oneof![advice, mode, grant, measure, callout, any::<bool>().prop_map(Act::ClearHazard)]
}

/// What a person or a device may send: the kind and fields that it takes, with the wrong ones among them.
fn event() -> impl Strategy<Value = (&'static str, Vec<(&'static str, Value)>)> {
    let text = |text: &str| Value::Text(text.into());
    let id = |prefix: &'static str| (0_u8..4).prop_map(move |number| Value::Text(format!("{prefix}-{number}")));
    let figure = prop_oneof![Just(Value::Unknown), (0_i64..40).prop_map(Value::Integer)];
    let yes = prop::sample::select(vec!["approved", "refused"]).prop_map(|word| Value::Text(word.into()));
    prop_oneof![
        Just(("signal.reported", vec![("kind", text("ponding"))])),
        (level(), node()).prop_map(move |(level, _)| (
            "order.issued",
            vec![
                ("kind", Value::Text("response_level".into())),
                ("scheme", Value::Text("flood".into())),
                ("level", Value::Text(level.as_str().into())),
            ]
        )),
        any::<bool>().prop_map(|cleared| (
            "order.issued",
            vec![("kind", Value::Text("stand_down".into())), ("hazard_cleared", Value::Flag(cleared))]
        )),
        (id("q"), -5_i64..2_500, any::<bool>()).prop_map(|(request, amount, lives)| (
            "spend.requested",
            vec![
                ("request", request),
                ("category", Value::Text("pumps".into())),
                ("amount.minor", Value::Integer(amount)),
                ("life_safety", Value::Flag(lives)),
            ]
        )),
        (id("q"), yes.clone())
            .prop_map(|(request, decision)| ("approval.decided", vec![("request", request), ("decision", decision)])),
        (id("q"), 0_i64..3_000).prop_map(|(request, amount)| (
            "spend.settled",
            vec![("request", request), ("amount.minor", Value::Integer(amount))]
        )),
        (id("gr"), 1_i64..200, 0_i64..5_000).prop_map(|(request, hours, cap)| (
            "grant.requested",
            vec![("request", request), ("hours", Value::Integer(hours)), ("cap.minor", Value::Integer(cap))]
        )),
        (id("gr"), yes.clone(), 1_i64..500).prop_map(|(request, decision, hours)| (
            "approval.decided",
            vec![("request", request), ("decision", decision), ("conditions.hours", Value::Integer(hours))]
        )),
        id("gr").prop_map(|grant| ("grant.revoked", vec![("grant", grant)])),
        (id("c"), prop::sample::select(vec!["acknowledged", "reported_in", "released", "en_route"])).prop_map(
            |(callout, what)| {
                let kind = match what {
                    "acknowledged" => "callout.acknowledged",
                    "reported_in" => "callout.reported_in",
                    "released" => "callout.released",
                    _ => "callout.en_route",
                };
                let issued = support::start().to_string();
                (
                    kind,
                    vec![
                        ("callout", callout),
                        ("kind", Value::Text("emergency_whistle".into())),
                        ("issued", Value::Text(issued)),
                    ],
                )
            }
        ),
        (figure.clone(), figure).prop_map(|(dead, missing)| (
            "casualty.updated",
            vec![("dead", dead), ("missing", missing), ("stage", Value::Text("provisional".into()))]
        )),
        id("team").prop_map(|team| ("volunteer.checked_in", vec![("team", team)])),
        (id("team"), id("team"))
            .prop_map(|(team, verifier)| ("volunteer.checked_out", vec![("team", team), ("verified_by", verifier)])),
        (id("team"), yes).prop_map(|(to, decision)| ("award.decided", vec![("to", to), ("decision", decision)])),
        id("team").prop_map(|to| ("award.disputed", vec![("to", to)])),
        (id("r"), 0_i64..9).prop_map(|(request, quantity)| (
            "resource.requested",
            vec![
                ("request", request),
                ("items.0.type", Value::Text("boat".into())),
                ("items.0.qty", Value::Integer(quantity)),
            ]
        )),
        any::<bool>().prop_map(|frozen| (
            if frozen { "power.frozen" } else { "power.released" },
            vec![("power", Value::Text("spend".into()))]
        )),
        id("who").prop_map(|person| ("commander.appointed", vec![("person", person)])),
    ]
}

#[derive(Debug, Clone)]
struct Happening {
    kind: &'static str,
    data: Vec<(&'static str, Value)>,
    source: &'static str,
    place: &'static str,
    acts: Vec<Act>,
    verdict: u8,
    award: i64,
    wait_minutes: i64,
    again: bool,
}

fn happening() -> impl Strategy<Value = Happening> {
    let sender = (prop::sample::select(SOURCES.to_vec()), prop::sample::select(NODES.to_vec()));
    (event(), sender, vec(act(), 0..3), 0_u8..4, -20_i64..300, 0_i64..2_000, prop::bool::weighted(0.1)).prop_map(
        |((kind, data), (source, place), acts, verdict, award, wait_minutes, again)| Happening {
            kind,
            data,
            source,
            place,
            acts,
            verdict,
            award,
            wait_minutes,
            again,
        },
    )
}

/// Sums that only the whole story shows.
#[derive(Default)]
struct Books {
    settled: BTreeMap<String, i64>,
}

fn audit(before: &State, world: &World, books: &mut Books) -> Result<(), TestCaseError> {
    let step = world.steps.last().expect("a step");
    let (after, entry) = (&*world.state, &step.entry);
    let sender = match &entry.cause {
        Cause::Event(event) => Some(event),
        _ => None,
    };
    refused_changes_nothing(sender, &entry.facts)?;
    for fact in &entry.facts {
        levels(before, sender, fact)?;
        modes(before, sender, fact)?;
        measures(before, sender, fact)?;
        grants(before, fact)?;
        callouts(before, sender, fact)?;
        figures(before, fact)?;
    }
    spending(after)?;
    ledger(after, &entry.facts, books)?;
    // step/sense.rs, first_command: an incident has exactly one commander from its first moment.
    prop_assert!(after.incidents.values().all(|row| row.command.is_some()));
    Ok(())
}

/// step/sense.rs, `deferred`: what is refused leaves no trace but the refusal.
fn refused_changes_nothing(sender: Option<&Event>, facts: &[Fact]) -> Result<(), TestCaseError> {
    if !facts.iter().any(|fact| matches!(fact, Fact::EventRefused { .. })) {
        return Ok(());
    }
    let sensed = sender.is_some_and(|event| event.kind.ends_with("signal.reported"));
    let silent = |fact: &Fact| {
        matches!(fact, Fact::EventRefused { .. } | Fact::PolicyFailed { .. } | Fact::ModeExitChecked { .. })
    };
    prop_assert!(sensed || facts.iter().all(silent), "{facts:?}");
    Ok(())
}

/// step/level.rs, `provisional`: a machine raises to II at most; only who holds the power orders.
fn levels(before: &State, sender: Option<&Event>, fact: &Fact) -> Result<(), TestCaseError> {
    let Fact::LevelInForce { node, level, previous, ordered, .. } = fact else { return Ok(()) };
    if *ordered {
        let event = sender.expect("only an event orders");
        prop_assert!(roster::may_act(before, &event.source, "order", event.node.as_str()), "{event:?}");
        prop_assert!(roster::is_within(before, node.as_str(), event.node.as_str()));
    } else {
        prop_assert!(*level <= Level::Two, "a machine put {level} in force");
        prop_assert!(previous.is_none_or(|previous| *level > previous), "a machine lowered a level");
    }
    Ok(())
}

/// step/mode.rs, `blockers`: normal mode returns by order only, and with no level of II or I left.
fn modes(before: &State, sender: Option<&Event>, fact: &Fact) -> Result<(), TestCaseError> {
    let Fact::ModeSet { node, mode: Mode::Normal, .. } = fact else { return Ok(()) };
    let event = sender.expect("only an event brings normal mode back");
    prop_assert!(roster::may_act(before, &event.source, "order", event.node.as_str()));
    let high = before.responses.iter().any(|(key, row)| {
        roster::is_within(before, key.node.as_str(), node.as_str())
            && row.in_force.is_some_and(|level| level >= Level::Two)
    });
    prop_assert!(!high, "normal mode at {node} while a high level holds");
    Ok(())
}

/// step/measure.rs, `holds_power`: a tier starts what the charter lets it start, or saves lives, or a person ordered it.
fn measures(before: &State, sender: Option<&Event>, fact: &Fact) -> Result<(), TestCaseError> {
    let Fact::MeasureStarted { order, .. } = fact else { return Ok(()) };
    let saves_lives = order.kind == "evacuate" && order.life_safety;
    let by_person =
        sender.is_some_and(|event| event.kind.ends_with("measure.decided") || event.kind.ends_with("order.issued"));
    let lowest = before.charter().and_then(|charter| charter.measures.get(&order.kind)).copied();
    let tier = roster::exact(before, order.node.as_str()).map(|node| node.tier);
    let holds = matches!((tier, lowest), (Some(tier), Some(lowest)) if tier >= lowest);
    prop_assert!(saves_lives || by_person || holds, "{order:?}");
    Ok(())
}

/// step/grant.rs, `bounded` and `is_within`: no longer, no wider and no higher than the charter allows.
fn grants(before: &State, fact: &Fact) -> Result<(), TestCaseError> {
    let Fact::GrantGiven { grantor, node, starts, expires, multiplier_permille, .. } = fact else { return Ok(()) };
    prop_assert!(*expires <= *starts + Milliseconds::hours(72));
    prop_assert!(*multiplier_permille <= 2_000);
    prop_assert!(roster::is_within(before, node.as_str(), grantor.as_str()), "given upward: {grantor} to {node}");
    Ok(())
}

/// `step/callout_answer.rs`, `release`: the caller closes; `speaks_for`: nobody answers for another.
fn callouts(before: &State, sender: Option<&Event>, fact: &Fact) -> Result<(), TestCaseError> {
    match fact {
        Fact::CalloutReleased { by, .. } => {
            let event = sender.expect("only an event releases");
            prop_assert!(roster::may_act(before, &event.source, "call", by.as_str()), "{event:?}");
        }
        Fact::CalloutAcknowledged { party: Party::Department { name, .. }, .. } => {
            let event = sender.expect("only an event acknowledges");
            let from = roster::department_of_source(before, &event.source).map(|department| department.name.as_str());
            prop_assert_eq!(from, Some(name.as_str()));
        }
        _ => {}
    }
    Ok(())
}

/// step/record.rs, `figures`: to say that one does not know takes nothing back that was known.
fn figures(before: &State, fact: &Fact) -> Result<(), TestCaseError> {
    let Fact::FigureRecorded { incident, figure } = fact else { return Ok(()) };
    let known = before.incidents.get(incident).and_then(|row| row.figures.get(&figure.name)?.value);
    prop_assert!(figure.value.is_some() || known.is_none(), "unknown replaced {known:?}");
    Ok(())
}

/// step/spend.rs, `exceeded`: items, incidents, grants and budgets hold, whatever discretion says. What a higher tier
/// approved counts against that tier.
fn spending(after: &State) -> Result<(), TestCaseError> {
    let own = |verdict: SpendVerdict| matches!(verdict, SpendVerdict::Allowed | SpendVerdict::SecondSignature);
    let mut by_incident: BTreeMap<(String, String), i64> = BTreeMap::new();
    for spend in after.spends.values().filter(|spend| own(spend.verdict) && spend.approved_above.is_none()) {
        let tier = roster::exact(after, spend.request.node.as_str()).map(|node| node.tier);
        prop_assert_eq!(tier, Some(Tier::Street), "a tier without a ceiling spent");
        prop_assert!(spend.reserved <= 2_000, "{spend:?}");
        let incident = spend.incident.as_ref().map(ToString::to_string).unwrap_or_default();
        *by_incident.entry((spend.request.node.to_string(), incident)).or_default() += spend.reserved;
    }
    prop_assert!(
        by_incident.iter().all(|((_, incident), sum)| incident.is_empty() || *sum <= 6_000),
        "{by_incident:?}"
    );
    for grant in after.grants.values() {
        prop_assert!(grant.cap.is_none_or(|cap| grant.used <= cap), "{grant:?}");
    }
    let all = facts::SpendingFilter { within: Some("990103".into()), ..facts::SpendingFilter::default() };
    prop_assert!(facts::spent(after, &all).1 <= 5_000, "over the budget");
    Ok(())
}

/// step/ledger.rs: postings add up to zero, nobody but the treasury is below zero, one award is paid once.
fn ledger(after: &State, facts: &[Fact], books: &mut Books) -> Result<(), TestCaseError> {
    for fact in facts {
        if let Fact::LedgerBooked { postings, .. } = fact {
            prop_assert_eq!(postings.iter().map(|posting| posting.amount).sum::<i64>(), 0);
            for posting in postings.iter().filter(|posting| posting.account.starts_with("account:")) {
                *books.settled.entry(posting.account.clone()).or_default() += posting.amount;
            }
        }
    }
    for ((_, account), balance) in after.accounts.iter() {
        prop_assert!(account == "treasury" || *balance >= 0, "{account} is at {balance}");
        if account.starts_with("account:") {
            let team = account.trim_start_matches("account:");
            let settled = after.awards.values().filter(|row| row.to == team);
            let settled: i64 =
                settled.filter(|row| row.status == muster_kernel::AwardStatus::Settled).map(|row| row.amount).sum();
            prop_assert_eq!(*balance, settled, "{} holds what it did not earn", account);
        }
    }
    Ok(())
}

fn verdict(number: u8, now: Instant) -> Result<Verdict, muster_kernel::role::Failure> {
    let by = Party::Post { node: STREET.into(), name: "secretary".into() };
    let signature = Signature { by, decide_by: now + Milliseconds::hours(2) };
    match number {
        0 => Ok(Verdict::Allow),
        1 => Ok(Verdict::AllowWith(vec!["papers".into()])),
        2 => Ok(Verdict::SecondSignature(signature)),
        _ => Err(muster_kernel::role::Failure::Trapped),
    }
}

fn play(happenings: &[Happening]) -> Result<(), TestCaseError> {
    let mut world = World::new(Scripted::default());
    let mut books = Books::default();
    for (number, happening) in happenings.iter().enumerate() {
        world.now = world.now + Milliseconds::minutes(happening.wait_minutes);
        world.policies.acts.clone_from(&happening.acts);
        world.policies.verdict = verdict(happening.verdict, world.now);
        let because = muster_kernel::act::Because::default();
        let (to, currency) = (format!("team-{}", number % 4), Currency::Points);
        world.policies.awards = vec![Award { to, currency, amount: happening.award, per_head: 0, because }];
        while world.state.next_due().is_some_and(|due| due <= world.now) {
            let before = Arc::clone(&world.state);
            world.step(Input::Timer);
            audit(&before, &world, &mut books)?;
        }
        let before = Arc::clone(&world.state);
        let data: Vec<(&str, Value)> = happening.data.clone();
        let kind = format!("gov.muster.{}", happening.kind);
        let id = if happening.again { number.saturating_sub(1) } else { number };
        let facts = world.event(&id.to_string(), happening.source, &kind, happening.place, &data);
        if before.identity(happening.source, &id.to_string()).is_some() {
            // step/mod.rs: an exact duplicate changes nothing.
            let alone = matches!(facts.as_slice(), [Fact::EventDuplicate { .. }]);
            prop_assert!(alone, "a duplicate did something: {facts:?}");
        }
        audit(&before, &world, &mut books)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_policy_and_no_person_breaks_a_promise(happenings in vec(happening(), 1..60)) {
        play(&happenings)?;
    }
}
