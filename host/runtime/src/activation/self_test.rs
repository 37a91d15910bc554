//! A package against the tests that it carries: its events, on the proving ground, must lead to the facts it promises.
//!
//! Only the role under test has a policy there; the host's own fallbacks answer for the others.

use std::sync::Arc;

use muster_kernel::record::Fact;
use muster_kernel::role::Binding;
use muster_kernel::settings::Settings;
use muster_kernel::step::{Input, step};
use muster_kernel::{Digest, Instant, State};
use muster_packages::SelfTest;
use muster_packages::self_test::Expectation;
use muster_sandbox::{Bound, Engine, PolicySet};
use serde_json::Value as Json;

use super::proving_ground;
use super::report::Words;
use crate::cloudevent;

/// The instant at which every self-test begins: any would do, as long as it is always the same.
const BEGINS: &str = "2030-06-01T08:00:00+08:00";
/// Timers that may fall due between two events of a test: those of weeks. A package that sets timer after timer is refused.
const TIMERS_MAX: usize = 10_000;

/// Runs every test; gives how many passed, or the first that did not.
///
/// # Errors
/// In words: which test, what was expected, what came.
pub fn run(engine: &Engine, bound: &Bound, tests: &[SelfTest]) -> Result<usize, Words> {
    for test in tests {
        one(engine, bound, test).map_err(|(chinese, english)| {
            Words::new(
                format!("自检「{}」未通过:{chinese};请修正策略或自检后重新构建", test.name),
                format!("self-test `{}` fails: {english}; mend the policy or the test and build it anew", test.name),
            )
        })?;
    }
    Ok(tests.len())
}

fn one(engine: &Engine, bound: &Bound, test: &SelfTest) -> Result<(), (String, String)> {
    let settings: Arc<Settings> = Arc::new(test.settings.clone());
    let mut policies = PolicySet::new(engine.clone());
    policies.bind_as(test.role, Binding::InForce, Bound { settings, ..bound.clone() });
    let mut state = Arc::new(State::default());
    let begins = Instant::parse(BEGINS).expect("a constant instant");
    let charter = Input::Charter { charter: Box::new(proving_ground::charter()), digest: Digest::ZERO };
    step(&mut state, begins, charter, &mut policies);
    let activation = muster_kernel::record::Activation::plain(
        test.role,
        "self-test",
        "0.0.0",
        bound.package,
        bound.settings_digest,
        engine.identity(),
    );
    step(&mut state, begins, Input::Activate(activation), &mut policies);
    let mut facts = Vec::new();
    for (number, event) in test.events.iter().enumerate() {
        let parsed = cloudevent::parse(event.clone(), begins)
            .map_err(|error| (format!("第 {} 个事件:{error}", number + 1), format!("event {}: {error}", number + 1)))?;
        let now = parsed.recorded_time.unwrap_or(parsed.event.occurred).max(begins);
        for fired in 0.. {
            if state.next_due().is_none_or(|due| due >= now) {
                break;
            }
            if fired == TIMERS_MAX {
                return Err((
                    format!("第 {} 个事件之前有超过 {TIMERS_MAX} 个定时器到期", number + 1),
                    format!("more than {TIMERS_MAX} timers fall due before event {}; let it set fewer", number + 1),
                ));
            }
            facts.extend(step(&mut state, now, Input::Timer, &mut policies).entry.facts);
        }
        facts.extend(step(&mut state, now, Input::Event(parsed.event), &mut policies).entry.facts);
    }
    // The package itself must have answered: a fallback proves nothing about it.
    for fact in &facts {
        if let Fact::PolicyFailed { role, failure, .. } = fact
            && *role == test.role
        {
            return Err((format!("策略未能作答({failure:?})"), format!("the policy gave no answer ({failure:?})")));
        }
    }
    let lines: Vec<Json> = facts.iter().map(of).collect();
    test.expect.iter().try_for_each(|expected| meets(expected, &lines))
}

/// A fact as a value: its fields, and its kind under `fact`.
fn of(fact: &Fact) -> Json {
    let value = serde_json::to_value(fact).unwrap_or_default();
    let mut fields = match value {
        Json::Object(one) => one.into_iter().next().map(|(_, fields)| fields).unwrap_or_default(),
        other => other,
    };
    if let Json::Object(fields) = &mut fields {
        fields.insert("fact".into(), fact.kind().into());
    }
    fields
}

fn meets(expected: &Expectation, facts: &[Json]) -> Result<(), (String, String)> {
    let fits = |fact: &&Json| {
        fact["fact"] == expected.fact.as_str()
            && expected.contains.iter().all(|(path, wanted)| at(fact, path) == Some(wanted))
    };
    let found = facts.iter().filter(fits).count();
    let met = expected.count.map_or(found > 0, |count| usize::try_from(count).is_ok_and(|count| count == found));
    if met {
        return Ok(());
    }
    let wanted = expected.count.map_or_else(|| "at least 1".to_owned(), |count| count.to_string());
    let of_kind: Vec<&Json> = facts.iter().filter(|fact| fact["fact"] == expected.fact.as_str()).take(3).collect();
    let came = serde_json::to_string(&of_kind).unwrap_or_default();
    let contains = serde_json::to_string(&expected.contains).unwrap_or_default();
    Err((
        format!("应有 {wanted} 个 {} {contains},实有 {found} 个:{came}", expected.fact),
        format!("wanted {wanted} of {} {contains}, {found} came: {came}", expected.fact),
    ))
}

/// The value at a dotted path; numbers are places in lists.
fn at<'a>(value: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(value, |value, key| match value {
        Json::Array(items) => items.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}
