//! All engines say the same: without this, a table of their speeds would compare different work.

use std::collections::BTreeSet;

use muster_peers::engines::{self, Engine, NATIVE};
use muster_peers::{Outcome, corpus};

/// What the native rules answer to each question, in the order of rule ids.
fn expected() -> Vec<Vec<Outcome>> {
    let mut peers = engines::all();
    let native = peers.iter_mut().find(|peer| peer.name == NATIVE).expect("the floor is in the table");
    corpus::questions().iter().map(|question| sorted(native.engine.decide(question))).collect()
}

fn sorted(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes.sort_by(|one, other| one.rule.cmp(&other.rule));
    outcomes
}

#[test]
fn every_engine_gives_the_same_answer_to_every_question() {
    let expected = expected();
    for mut peer in engines::all() {
        for (number, (question, expected)) in corpus::questions().iter().zip(&expected).enumerate() {
            let mut expected: Vec<Outcome> = expected.clone();
            expected.retain(|outcome| !peer.lacks.contains(&outcome.rule.as_ref()));
            let mut answered = sorted(peer.engine.decide(question));
            if !peer.speaks {
                let ids = |outcomes: Vec<Outcome>| {
                    outcomes.into_iter().map(|outcome| (outcome.rule, outcome.kind)).collect::<Vec<_>>()
                };
                assert_eq!(ids(answered), ids(expected), "{} on question {number}", peer.name);
                continue;
            }
            answered.dedup();
            assert_eq!(answered, expected, "{} on question {number}", peer.name);
        }
    }
}

#[test]
fn every_rule_holds_in_some_question_and_fails_in_another() {
    let expected = expected();
    let mut seen = BTreeSet::new();
    for outcomes in &expected {
        seen.extend(outcomes.iter().map(|outcome| outcome.rule.to_string()));
    }
    assert_eq!(seen.len(), 30, "{seen:?}");
    for rule in &seen {
        let holds = expected.iter().filter(|outcomes| outcomes.iter().any(|outcome| outcome.rule == *rule)).count();
        assert!((2..corpus::QUESTIONS).contains(&holds), "{rule} holds in {holds} questions");
    }
}

#[test]
fn the_median_question_gives_five_effects() {
    let mut counts: Vec<usize> = expected().iter().map(Vec::len).collect();
    counts.sort_unstable();
    assert_eq!(counts[counts.len() / 2], 5, "{counts:?}");
}

#[test]
fn the_corpus_never_changes() {
    assert_eq!(corpus::questions(), corpus::questions());
    let text = format!("{:?}", corpus::questions());
    let sum = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    assert_eq!(format!("{sum:016x}"), "to be filled in by the first run");
}
