//! The promises of the design against policies that propose anything and people who try anything.
//!
//! After every decision an auditor looks at the entry and at the state before and after it. Each check names the line of
//! the kernel without which it fails; each of those lines, twenty in all, has been taken out
//! once, and the test failed each time.
//! `PROPTEST_CASES=10000` is the long run.

mod happening;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::{self, STREET, Scripted, World};
use happening::{Happening, happening};
use muster_kernel::act::Party;
use muster_kernel::record::{Cause, Fact, SpendVerdict};
use muster_kernel::role::discretion::{Signature, Verdict};
use muster_kernel::role::incentives::Award;
use muster_kernel::step::Input;
use muster_kernel::{
    Currency, Digest, Event, Instant, Level, Milliseconds, Mode, NodeCode, State, Tier, Value, facts, roster,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Sums that only the whole story shows.
#[derive(Default)]
struct Books {
    budget: i64,
    settled: BTreeMap<String, i64>,
}

fn audit(before: &State, world: &World, books: &mut Books) -> Result<(), TestCaseError> {
    let step = world.steps.last().expect("a step");
    let (after, entry) = (&*world.state, &step.entry);
    let sender = match &entry.cause {
        Cause::Event(event) => Some(&**event),
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
    spending(before, after, &entry.facts, books.budget)?;
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
fn spending(before: &State, after: &State, facts: &[Fact], budget: i64) -> Result<(), TestCaseError> {
    let own = |verdict: SpendVerdict| matches!(verdict, SpendVerdict::Allowed | SpendVerdict::SecondSignature);
    for spend in after.spends.values().filter(|spend| own(spend.verdict) && spend.approved_above.is_none()) {
        let tier = roster::exact(after, spend.request.node.as_str()).map(|node| node.tier);
        prop_assert_eq!(tier, Some(Tier::Street), "a tier without a ceiling spent");
        prop_assert!(spend.reserved <= 2_000, "{spend:?}");
    }
    for fact in facts {
        let Fact::SpendRuled { incident: Some(incident), request, verdict, .. } = fact else { continue };
        if own(*verdict) {
            let factor = if before.grants.is_empty() { 1 } else { 2 };
            let spent = facts::SpendingFilter {
                incident: Some(incident.to_string()),
                node: Some(request.node.to_string()),
                ..facts::SpendingFilter::default()
            };
            let used = facts::spent(before, &spent).1;
            prop_assert!(request.amount <= factor * 1_000, "{request:?}");
            prop_assert!(used + request.amount <= factor * 3_000, "{used} used before {request:?}");
        }
    }
    for grant in after.grants.values() {
        prop_assert!(grant.cap.is_none_or(|cap| grant.used <= cap), "{grant:?}");
    }
    let all = facts::SpendingFilter { within: Some("990103".into()), ..facts::SpendingFilter::default() };
    prop_assert!(facts::spent(after, &all).1 <= budget, "over the budget");
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

fn play(budget: i64, happenings: &[Happening]) -> Result<(), TestCaseError> {
    let mut world = World::new(Scripted::default());
    let mut charter = support::charter();
    charter.funds.budgets = BTreeMap::from([(NodeCode::from("990103"), budget)]);
    world.step(Input::Charter { charter: Box::new(charter), digest: Digest::ZERO });
    let mut books = Books { budget, ..Books::default() };
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
    fn no_policy_and_no_person_breaks_a_promise(
        // One that is felt before the ceilings are, and one that is not.
        budget in prop::sample::select(vec![2_000, 20_000]),
        // One street that buys until a ceiling stops it, then anything.
        spree in vec(600_i64..=1_000, 0..6),
        happenings in vec(happening(), 1..60),
    ) {
        let spree = spree.into_iter().enumerate().map(|(number, amount)| Happening::purchase(number, amount));
        let story: Vec<Happening> = spree.chain(happenings).collect();
        play(budget, &story)?;
    }
}
