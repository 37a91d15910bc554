//! All engines say the same: without this, a table of their speeds would compare different work.

use std::collections::BTreeSet;

use muster_kernel::role::escalation::Occasion;
use muster_kernel::{Value, value};
use muster_peers::engines::{self, NATIVE, Peer};
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

/// The first question that an engine answers in another way, if there is one.
fn difference(peer: &mut Peer, expected: &[Vec<Outcome>]) -> Option<String> {
    let questions = corpus::questions();
    questions.iter().zip(expected).enumerate().find_map(|(number, (question, expected))| {
        let sayable = expected.iter().filter(|outcome| !peer.lacks.contains(&outcome.rule.as_ref()));
        let expected: Vec<Outcome> = sayable.map(|outcome| spoken(peer, outcome.clone())).collect();
        let answered = sorted(peer.engine.decide(question));
        let answered: Vec<Outcome> = answered.into_iter().map(|outcome| spoken(peer, outcome)).collect();
        (answered != expected).then(|| format!("{} on question {number}: {answered:?}, not {expected:?}", peer.name))
    })
}

/// An outcome as far as the engine can say it.
fn spoken(peer: &Peer, outcome: Outcome) -> Outcome {
    if peer.speaks { outcome } else { Outcome { parameter: 0, sentence: "".into(), ..outcome } }
}

#[test]
fn every_engine_gives_the_same_answer_to_every_question() {
    let expected = expected();
    let mut peers = engines::all();
    let differences: Vec<String> = peers.iter_mut().filter_map(|peer| difference(peer, &expected)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
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
fn the_questions_stand_on_both_sides_of_every_threshold() {
    let questions = corpus::questions();
    let says = |key: &str, number: i64| {
        questions.iter().any(|question| match &question.occasion {
            Occasion::Event(event) => value::find(&event.attributes, key) == Some(&Value::Integer(number)),
            Occasion::Timer { .. } => false,
        })
    };
    for (key, threshold) in corpus::THRESHOLDS {
        assert!(says(key, threshold) && says(key, threshold - 1), "{key} {threshold}");
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
    let text = format!("{:?}", corpus::questions());
    let sum = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    assert_eq!(format!("{sum:016x}"), "08874f557ab101e8");
}
