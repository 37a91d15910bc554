//! A policy that misbehaves on demand: the setting `behaviour` names how. It exists to prove that the sandbox ends
//! each kind of misbehaviour by its own name and lives on; it must never be bound in a district.
//!
//! Without a known misbehaviour it answers in order, and says in the rule how many calls its instance has seen.

mod misbehaviour;

use core::sync::atomic::{AtomicU64, Ordering};

use muster_sdk::discretion::{self, Verdict};
use muster_sdk::triage::{self, Placement};
use muster_sdk::{Because, Discretion, Effect, Escalation, Triage, because, escalation, log, settings};

struct Hostile;

/// State that a policy is not supposed to keep, and that a fresh instance for each call makes worthless.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// The reason of every answer: the rule is the number of calls that this instance has seen.
fn reason() -> Because {
    let seen = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    because(seen.to_string(), "测试", "a test")
}

/// Misbehaves as the settings say, and gives the reason of the answer when it still comes to one.
fn behave() -> Because {
    misbehaviour::carry_out(&settings::text("behaviour")).unwrap_or_else(reason)
}

impl Triage for Hostile {
    fn classify(question: triage::Question) -> triage::Answer {
        let because = behave();
        let first = question.candidates.first().map(|incident| incident.id.clone());
        let placement = first.map_or(Placement::RecordOnly, Placement::Attach);
        triage::Answer { placement, classification: "test".into(), group: None, tags: Vec::new(), because }
    }
}

impl Escalation for Hostile {
    fn assess(question: escalation::Question) -> Vec<Effect> {
        let because = behave();
        match settings::text("behaviour").as_str() {
            "million_effects" => misbehaviour::effects(1_000_000, because),
            "unknown_nodes" => misbehaviour::effects_nowhere(question.now, &because),
            "curious" => {
                log::info(&format!("{question:?}"));
                misbehaviour::effects(1, because)
            }
            _ => misbehaviour::effects(1, because),
        }
    }
}

impl Discretion for Hostile {
    fn rule(_: discretion::Question) -> discretion::Answer {
        discretion::Answer { verdict: Verdict::Allow, limits: Vec::new(), because: behave() }
    }
}

muster_sdk::policy! { triage: Hostile, escalation: Hostile, discretion: Hostile }
