//! Any change of the samples gives events or a refusal, and never a panic; what is taken stays within the host's limits.

mod common;

use common::{adapter, at, sample};
use muster_intake::{Ledger, Moment};
use proptest::prelude::*;

const SAMPLES: [(&str, &str); 12] = [
    ("weather", "rainstorm-red.xml"),
    ("weather", "typhoon-update.xml"),
    ("national", "china-12379.xml"),
    ("nws", "flash-flood-nws.xml"),
    ("office", "gas-leak-languages.xml"),
    ("office", "exercise.xml"),
    ("office", "cap-1.0.xml"),
    ("office", "cap-1.1-tsunami-over.xml"),
    ("weather", "malformed.xml"),
    ("weather", "billion-laughs.xml"),
    ("monitoring", "alertmanager.json"),
    ("gauges", "alertmanager.json"),
];

/// Pieces that readers stumble over.
const PIECES: [&str; 16] = [
    "<info>",
    "</info>",
    "<area/>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "&amp;",
    "&#x10FFFF;",
    "<?xml?>",
    "<polygon>1,1 2,2 3,3 1,1</polygon>",
    "é",
    "\u{0}",
    "-",
    "\":{\"",
    "99999999999999999999",
    "Cancel",
];

#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Cut(usize, usize),
    Repeat(usize, usize),
    Insert(usize, usize),
    Move(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = || 0_usize..8_192;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        (place(), 0_usize..400).prop_map(|(at, length)| Change::Cut(at, length)),
        (place(), 0_usize..400).prop_map(|(at, length)| Change::Repeat(at, length)),
        (place(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (place(), 0_usize..200, place()).prop_map(|(from, length, to)| Change::Move(from, length, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let within = |place: usize| place % bytes.len().max(1);
    let range = |place: usize, length: usize| within(place)..(within(place) + length).min(bytes.len());
    match change {
        Change::Flip(place, byte) => {
            let place = within(*place);
            bytes.get_mut(place).into_iter().for_each(|old| *old = *byte);
        }
        Change::Cut(place, length) => drop(bytes.drain(range(*place, *length))),
        Change::Repeat(place, length) => {
            let piece = bytes[range(*place, *length)].to_vec();
            let place = within(*place);
            bytes.splice(place..place, piece);
        }
        Change::Insert(place, piece) => {
            let place = within(*place);
            bytes.splice(place..place, PIECES[*piece].bytes());
        }
        Change::Move(from, length, to) => {
            let piece: Vec<u8> = bytes.drain(range(*from, *length)).collect();
            let place = to % bytes.len().max(1);
            bytes.splice(place..place, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_change_gives_events_or_a_refusal(
        which in 0..SAMPLES.len(),
        changes in proptest::collection::vec(change(), 0..6),
    ) {
        let (source, name) = SAMPLES[which];
        let mut bytes = sample(name);
        for change in &changes {
            apply(&mut bytes, change);
        }
        let adapter = adapter(source);
        let mut ledger = Ledger::default();
        let moment = Moment { now: at("2021-07-19T22:00:00+08:00"), earlier: &ledger };
        let first = adapter.read(&bytes, &moment);
        match &first {
            Err(refusal) => {
                prop_assert!(!refusal.to_string().is_empty() && !refusal.chinese().is_empty());
                prop_assert!(refusal.to_string().len() < 2_048, "a refusal repeats little: {}", refusal);
            }
            Ok(items) => for event in items.iter().flat_map(|item| &item.read) {
                prop_assert!(event.attributes.len() <= 512, "{} values", event.attributes.len());
                prop_assert!(event.id.len() <= 1_024 && event.place.len() <= 1_024);
                prop_assert!(!event.id.is_empty() && !event.source.is_empty());
            }
        }
        prop_assert_eq!(&first, &adapter.read(&bytes, &moment), "the same bytes mean the same");
        first.into_iter().flatten().flat_map(|item| item.read).for_each(|event| ledger.remember(&event));
    }
}
