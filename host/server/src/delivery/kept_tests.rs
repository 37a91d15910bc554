//! What a lost row costs: rows of any earlier batch repeat messages under the same identity and lose none; rows that are
//! gone do lose some, which is why they are kept the way they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use muster_kernel::act::{Because, Notice, Party, Sentence};
use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::{Digest, DistrictId, IncidentId, Instant, Milliseconds, NodeCode};
use muster_outbox::{
    DistrictView, IncidentPlace, Kept as _, Key, Language, MessageId, Outbox, Outcome, Plan, Said, Settings, Step,
    Trouble,
};
use muster_runtime::Batches;
use serde_json::json;

use super::kept::Rows;

struct Plain;

impl DistrictView for Plain {
    fn say(&self, _: &Entry, fact: &Fact, _: Language) -> Said {
        Said { label: "notice".into(), text: fact.kind().into() }
    }

    fn name(&self, district: &DistrictId, _: Language) -> String {
        district.to_string()
    }

    fn utc_offset_seconds(&self, _: &DistrictId) -> i32 {
        0
    }

    fn lineage(&self, _: &DistrictId, node: &NodeCode) -> Vec<NodeCode> {
        vec![node.clone()]
    }

    fn incident(&self, _: &DistrictId, _: &IncidentId) -> Option<IncidentPlace> {
        None
    }

    fn ways(&self, _: &Entry, _: &Fact) -> Vec<String> {
        Vec::new()
    }
}

fn plan() -> Plan {
    let settings: Settings = serde_json::from_value(json!({
        "recipient": [{"name": "desk", "language": "en", "channel": [
            {"name": "hook", "webhook": {"url": "https://desk.example/", "secrets": ["env:KEY"]}},
        ]}],
        "subscription": [{"recipient": "desk", "facts": ["notice.sent"]}],
    }))
    .expect("settings");
    settings.check().expect("settings that hold together")
}

fn entry(seq: u64) -> Entry {
    let notice = || Fact::NoticeSent {
        incident: None,
        notice: Notice {
            to: vec![Party::Post { node: "990103".into(), name: "duty_leader".into() }],
            sentences: vec![Sentence { language: "en".into(), text: "come".into() }],
        },
        because: Because::new("host:test", "测试", "a test"),
    };
    Entry {
        version: 1,
        district: "north".into(),
        seq,
        prev: Digest::of(b""),
        at: start() + Milliseconds(i64::try_from(seq).expect("small")),
        cause: Cause::Migration,
        calls: Vec::new(),
        facts: vec![notice(), notice()],
    }
}

fn start() -> Instant {
    Instant::parse("2021-07-19T10:00:00Z").expect("an instant")
}

/// What every step left on the disk, and what had been delivered by then.
#[derive(Default)]
struct Seen {
    delivered: Vec<MessageId>,
    on_disk: Vec<(Vec<u8>, usize)>,
}

fn rows(folder: &Path) -> Rows {
    Rows::new(Batches::open(folder).expect("rows"), Arc::new(|| ()))
}

fn keep(kept: &mut Rows, folder: &Path, step: &Step, seen: &mut Seen) {
    kept.apply(&step.changes).expect("kept");
    let bytes = std::fs::read(folder.join("rows.log")).expect("a file");
    seen.on_disk.push((bytes, seen.delivered.len()));
}

/// Runs the outbox over these entries in virtual time until nothing is left to do.
fn run(folder: &Path, entries: &[Entry], mut receiver: impl FnMut(&MessageId) -> Outcome, seen: &mut Seen) {
    let mut kept = rows(folder);
    let heads = BTreeMap::from([(DistrictId::from("north"), entries.last().map_or(0, |entry| entry.seq))]);
    let mut now = start() + Milliseconds::minutes(1);
    let (mut outbox, step) = Outbox::open(&plan(), kept.load().expect("rows"), heads, now, 7);
    keep(&mut kept, folder, &step, seen);
    loop {
        for wanted in outbox.wanted() {
            for entry in entries.iter().filter(|entry| entry.seq > wanted.after) {
                let step = outbox.entry(entry, &Plain);
                keep(&mut kept, folder, &step, seen);
            }
        }
        let step = outbox.tick(now);
        keep(&mut kept, folder, &step, seen);
        for attempt in &step.attempts {
            let outcome = receiver(&attempt.message.id);
            if outcome == Outcome::Delivered {
                seen.delivered.push(attempt.message.id.clone());
                // The moment between a delivery and its row: what a power cut then leaves.
                let (bytes, _) = seen.on_disk.last().cloned().expect("rows from the start on");
                seen.on_disk.push((bytes, seen.delivered.len()));
            }
            let step = outbox.ended(&attempt.message.id, &attempt.channel, outcome, now);
            keep(&mut kept, folder, &step, seen);
        }
        match outbox.wake(now) {
            Some(wake) if step.attempts.is_empty() => now = wake,
            None if step.attempts.is_empty() && outbox.wanted().is_empty() => return,
            _ => {}
        }
    }
}

fn trouble() -> Trouble {
    Trouble::Fault { reason: "as it was told to".into() }
}

/// Three entries before the recipient was known, six after; one message is refused for good, one at first.
fn story(folder: &Path) -> (Vec<Entry>, Seen, usize) {
    let entries: Vec<Entry> = (1..=9).map(entry).collect();
    let mut seen = Seen::default();
    run(folder, &entries[..3], |_| panic!("nothing to tell yet"), &mut seen);
    let registered = seen.on_disk.len();
    let mut failures = 0;
    let receiver = |id: &MessageId| match (id.position.seq, id.position.index) {
        (6, 1) => Outcome::Refused { trouble: trouble() },
        (7, 0) if failures < 2 => {
            failures += 1;
            Outcome::later(trouble())
        }
        _ => Outcome::Delivered,
    };
    run(folder, &entries, receiver, &mut seen);
    (entries, seen, registered)
}

fn promised() -> BTreeSet<MessageId> {
    let id = |seq: u64, index: u32| MessageId::of(&entry(seq), index, "desk".into());
    (4..=9).flat_map(|seq| [id(seq, 0), id(seq, 1)]).collect()
}

fn letters(folder: &Path) -> BTreeSet<MessageId> {
    let kept = rows(folder).load().expect("rows");
    kept.into_keys().filter_map(|key| if let Key::Dead(id) = key { Some(id) } else { None }).collect()
}

#[test]
fn rows_of_any_earlier_batch_repeat_under_the_same_identity_and_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (entries, seen, registered) = story(folder.path());
    let refused = MessageId::of(&entry(6), 1, "desk".into());
    assert_eq!(letters(folder.path()), BTreeSet::from([refused.clone()]));
    let mut repeats = 0;
    for (bytes, delivered) in &seen.on_disk[registered - 1..] {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::write(place.path().join("rows.log"), bytes).expect("as it was then");
        let mut again = Seen::default();
        run(place.path(), &entries, |_| Outcome::Delivered, &mut again);
        let before: BTreeSet<MessageId> = seen.delivered[..*delivered].iter().cloned().collect();
        let after: BTreeSet<MessageId> = again.delivered.iter().cloned().collect();
        assert_eq!(after.len(), again.delivered.len(), "each once");
        repeats += before.intersection(&after).count();
        let reached: BTreeSet<MessageId> = before.union(&after).cloned().chain(letters(place.path())).collect();
        assert_eq!(reached, promised(), "delivered, or before a person");
        // Wherever the letter is, the signal to the district is owed with it.
        let owed: Vec<MessageId> = rows(place.path()).owed().into_iter().map(|(id, _)| id).collect();
        assert_eq!(owed, letters(place.path()).into_iter().collect::<Vec<_>>());
    }
    assert!(repeats > 0, "a stop between a delivery and its row repeats it");
}

#[test]
fn rows_that_are_gone_lose_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let (entries, seen, _) = story(folder.path());
    let place = tempfile::tempdir().expect("a folder");
    let mut again = Seen::default();
    run(place.path(), &entries, |_| Outcome::Delivered, &mut again);
    let reached: BTreeSet<MessageId> = seen.delivered.into_iter().chain(again.delivered).collect();
    assert_ne!(reached, promised(), "who is met for the first time begins at the journal's end");
}

#[test]
fn a_signal_is_owed_until_the_district_has_it_and_is_a_drills_in_a_drill() {
    let folder = tempfile::tempdir().expect("a folder");
    story(folder.path());
    let kept = rows(folder.path());
    let owed = kept.owed();
    let [(id, signal)] = owed.as_slice() else { panic!("one letter, one signal: {owed:?}") };
    assert_eq!(signal["subject"], id.to_string());
    assert_eq!(signal["data"]["reason"]["en"].as_str(), Some(trouble().to_string().as_str()));
    assert_eq!(signal["exercise"], json!(null));
    kept.paid(id).expect("kept");
    assert_eq!(rows(folder.path()).owed(), []);
}
