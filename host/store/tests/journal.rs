//! What the journal promises: what was acknowledged is there, what is damaged is named, what does not follow is refused.

use std::collections::BTreeMap;
use std::path::Path;

use muster_store::{AppendError, Disk, Error, Head, Journal, MemoryMedia, Options, Record};
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const SMALL: Options = Options { segment_bytes: 4_096, low_space_bytes: 0 };
/// What a record of district `d` has beside its payload: prefix, version, name, position and two hashes.
const OVERHEAD: usize = 8 + 1 + 8 + 2 + 8 + 32 + 32;
const FIRST: &str = "00000000000000000001.seg";

/// Makes records that continue chains.
#[derive(Default)]
struct Chains(BTreeMap<String, Head>);

impl Chains {
    fn next(&mut self, district: &str, size: usize) -> Record {
        let head = self.0.entry(district.into()).or_default();
        let prev = head.hash.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
        let payload = format!("{{\"seq\":{},\"prev\":\"{prev}\",\"text\":\"{}\"}}", head.seq + 1, "x".repeat(size));
        let payload = payload.into_bytes();
        let hash: [u8; 32] = Sha256::digest(&payload).into();
        let record = Record { district: district.into(), seq: head.seq + 1, prev: head.hash, hash, payload };
        *head = Head { seq: record.seq, hash };
        record
    }
}

fn open(media: &MemoryMedia) -> Journal {
    Journal::open(media.clone(), SMALL).expect("a journal").journal
}

fn all(journal: &Journal) -> Vec<Record> {
    let heads = journal.heads();
    heads.keys().flat_map(|district| journal.read(district, 1)).map(|record| record.expect("readable")).collect()
}

fn written(sizes: &[usize]) -> (MemoryMedia, Vec<Record>) {
    let media = MemoryMedia::new();
    let journal = open(&media);
    let mut chains = Chains::default();
    let records: Vec<Record> = sizes.iter().map(|size| chains.next("d", *size)).collect();
    for record in &records {
        journal.append_and_wait(vec![record.clone()]).expect("durable");
    }
    journal.close();
    (media, records)
}

proptest! {
    #[test]
    fn what_was_acknowledged_is_read_again(batches in vec(vec((0_usize..3, 0_usize..900), 1..6), 1..12), torn in 0_usize..600) {
        let media = MemoryMedia::new();
        let journal = open(&media);
        let mut chains = Chains::default();
        let mut acknowledged: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for batch in batches {
            let records: Vec<Record> =
                batch.into_iter().map(|(district, size)| chains.next(["a", "b", "c"][district], size)).collect();
            journal.append_and_wait(records.clone()).expect("durable");
            for record in records {
                acknowledged.entry(record.district.clone()).or_default().push(record);
            }
        }
        let expected: Vec<Record> = acknowledged.into_values().flatten().collect();
        prop_assert_eq!(&all(&journal), &expected);
        let survivor = media.after_power_loss(torn);
        drop(journal);
        let reopened = open(&survivor);
        prop_assert_eq!(&all(&reopened), &expected);
        for record in &expected {
            let found = reopened.record(&record.district, record.seq).expect("readable");
            prop_assert_eq!(found.as_ref(), Some(record));
        }
        prop_assert_eq!(reopened.verify(None, |_| ()).expect("readable").fault, None);
    }
}

#[test]
fn a_tail_cut_at_any_byte_is_a_whole_record_or_none() {
    let (media, records) = written(&[10, 40, 25]);
    let bytes = media.bytes(FIRST);
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("written") + 1;
    let folder = tempfile::tempdir().expect("a folder");
    let begin = end - records[2].payload.len() - OVERHEAD;
    for cut in begin..=end {
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        let found = reopened(folder.path(), cut, &torn).expect("a torn tail is cut");
        let whole = if cut == end { 3 } else { 2 };
        assert_eq!(found, records[..whole], "cut at byte {cut}");
    }
}

/// What a journal holds whose only segment has these bytes; it must take another record afterwards.
fn reopened(folder: &Path, name: usize, bytes: &[u8]) -> Result<Vec<Record>, Error> {
    let place = folder.join(name.to_string());
    std::fs::create_dir_all(&place).expect("made");
    std::fs::write(place.join(FIRST), bytes).expect("written");
    let journal = Journal::open(Disk::open(&place).expect("a folder"), SMALL)?.journal;
    let found = all(&journal);
    let mut chains = Chains(journal.heads());
    journal.append_and_wait(vec![chains.next("d", 5)]).expect("the journal goes on");
    Ok(found)
}

#[test]
fn a_flipped_byte_is_named_and_never_folded_over() {
    let (media, records) = written(&[10, 40, 25]);
    let end = media.bytes(FIRST).iter().rposition(|byte| *byte != 0).expect("written") + 1;
    let last_begins = end - records[2].payload.len() - OVERHEAD;
    for place in 24..end {
        let (media, _) = written(&[10, 40, 25]);
        media.flip(FIRST, place);
        match Journal::open(media, SMALL) {
            Err(Error::Damaged { segment, .. }) => assert_eq!(segment, FIRST),
            Err(error) => panic!("byte {place}: {error}"),
            // In the last record a flip cannot be told from a torn write: the record is cut, never shown.
            Ok(opened) => {
                assert!(place >= last_begins, "byte {place} of an earlier record was folded over");
                assert_eq!(all(&opened.journal), records[..2], "byte {place}");
            }
        }
    }
}

#[test]
fn a_write_that_lost_its_beginning_is_a_torn_tail() {
    let media = MemoryMedia::new();
    let journal = open(&media);
    let mut chains = Chains::default();
    journal.append_and_wait(vec![chains.next("d", 10)]).expect("durable");
    let kept = all(&journal);
    let begin = media.bytes(FIRST).iter().rposition(|byte| *byte != 0).expect("written") + 1;
    // One write of three records: none of them was acknowledged when the power went, and the disk kept the last two.
    journal.append_and_wait((0..3).map(|_| chains.next("d", 700)).collect()).expect("durable");
    let mut bytes = media.bytes(FIRST);
    bytes[begin..begin + 512].fill(0);
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(reopened(folder.path(), 1, &bytes).expect("a torn tail is cut"), kept);
    // The same hole before a later write is damage to what was durable by then.
    journal.append_and_wait(vec![chains.next("d", 10)]).expect("durable");
    let mut bytes = media.bytes(FIRST);
    bytes[begin..begin + 512].fill(0);
    let fault = reopened(folder.path(), 2, &bytes).expect_err("damage is named").to_string();
    assert!(fault.contains(&format!("byte {begin}")), "{fault}");
}

#[test]
fn what_does_not_follow_is_refused_and_the_journal_goes_on() {
    let journal = open(&MemoryMedia::new());
    let mut chains = Chains::default();
    let (first, second) = (chains.next("d", 5), chains.next("d", 5));
    let refused = journal.append_and_wait(vec![second.clone()]);
    assert!(matches!(refused, Err(AppendError::Head { given: 1, head: 0, .. })), "{refused:?}");
    journal.append_and_wait(vec![first.clone()]).expect("durable");
    assert!(matches!(journal.append_and_wait(vec![first]), Err(AppendError::Head { .. })));
    journal.append_and_wait(vec![second]).expect("durable");
    assert_eq!(journal.head("d").seq, 2);
}

#[test]
fn a_failed_write_or_sync_is_the_end() {
    for fail in [MemoryMedia::fail_writes, MemoryMedia::fail_syncs] {
        let media = MemoryMedia::new();
        let journal = open(&media);
        let mut chains = Chains::default();
        journal.append_and_wait(vec![chains.next("d", 5)]).expect("durable");
        fail(&media);
        let next = chains.next("d", 5);
        assert!(matches!(journal.append_and_wait(vec![next.clone()]), Err(AppendError::Poisoned(_))));
        assert!(matches!(journal.append_and_wait(vec![next]), Err(AppendError::Poisoned(_))));
        assert_eq!(journal.head("d").seq, 1, "what was not acknowledged is not shown");
    }
}

#[test]
fn a_record_that_no_reader_would_take_is_refused_before_anything_is_written() {
    const MOST: usize = 16 << 20;
    let media = MemoryMedia::new();
    let journal = open(&media);
    let mut chains = Chains::default();
    // The largest that may be: what stands around the text of the payload is measured on a small one of the same digits.
    let around = chains.next("d", 0).payload.len() + OVERHEAD - 8;
    let mut chains = Chains::default();
    journal.append_and_wait(vec![chains.next("d", MOST - around)]).expect("as large as may be");
    let before = all(&journal);
    let next = media.bytes(&format!("{:020}.seg", 2));
    let (small, large) = (chains.next("other", 5), chains.next("d", MOST - around + 1));
    let refused = journal.append_and_wait(vec![small.clone(), large.clone()]);
    let Err(AppendError::TooLarge { district, seq: 2, bytes, most: MOST }) = refused else { panic!("{refused:?}") };
    assert_eq!((district.as_str(), bytes), ("d", MOST + 1));
    assert_eq!(media.bytes(&format!("{:020}.seg", 2)), next, "nothing of it was written");
    // Whoever made it runs ahead of the journal, and so does all that rests on it, views and answers too.
    for after in [vec![small], vec![chains.next("d", 5)], Vec::new()] {
        assert!(matches!(journal.append_and_wait(after), Err(AppendError::Poisoned(_))));
    }
    assert_eq!(all(&journal), before);
    journal.close();
    let journal = Journal::open(media, SMALL).expect("nothing is damaged");
    assert_eq!((journal.cut_bytes, all(&journal.journal)), (0, before));
}

#[test]
fn what_came_before_a_record_that_is_too_large_is_durable() {
    let media = MemoryMedia::new();
    let (opened, mut writer) = Journal::open_unattended(media.clone(), SMALL).expect("a journal");
    let (mut chains, (tell, told)) = (Chains::default(), std::sync::mpsc::channel());
    for (name, size) in [("before", 5), ("large", 17 << 20), ("after", 5)] {
        let tell = tell.clone();
        let done = move |verdict: Result<(), AppendError>| drop(tell.send((name, verdict)));
        opened.journal.append(vec![chains.next(name, size)], done).expect("queued");
    }
    // All three in one commit.
    assert!(writer.commit_waiting(usize::MAX) && !writer.commit_waiting(usize::MAX));
    let answers: Vec<_> = told.try_iter().collect();
    assert!(
        matches!(
            answers.as_slice(),
            [
                ("before", Ok(())),
                ("large", Err(AppendError::TooLarge { .. })),
                ("after", Err(AppendError::Poisoned(_)))
            ]
        ),
        "{answers:?}"
    );
    let survived = Journal::open(media.after_power_loss(0), SMALL).expect("a journal");
    assert_eq!(survived.heads.keys().collect::<Vec<_>>(), ["before"]);
}

#[test]
fn a_reader_stands_beside_the_writer_and_a_second_writer_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let held = muster_store::lock(folder.path()).expect("ours");
    assert!(matches!(muster_store::lock(folder.path()), Err(Error::Locked { .. })));
    let disk = || Disk::open(&folder.path().join("journal")).expect("a folder");
    let journal = Journal::open(disk(), SMALL).expect("a journal").journal;
    let mut chains = Chains::default();
    for _ in 0..40 {
        journal.append_and_wait(vec![chains.next("d", 300)]).expect("durable");
    }
    let reader = Journal::open_read_only(disk(), SMALL).expect("readable");
    assert_eq!(all(&reader).len(), 40, "over several segments");
    assert!(matches!(reader.append_and_wait(Vec::new()), Err(AppendError::Closed)));
    drop(held);
    muster_store::lock(folder.path()).expect("free again");
}

#[test]
fn verify_names_an_entry_that_was_rewritten_with_its_checksum() {
    let media = MemoryMedia::new();
    let journal = open(&media);
    let mut chains = Chains::default();
    let mut forged = chains.next("d", 20);
    forged.payload[20] ^= 1;
    // A forger who can write the disk can also write a checksum; the hash tells.
    journal.append_and_wait(vec![forged]).expect("durable");
    let fault = journal.verify(None, |_| ()).expect("readable").fault.expect("a fault");
    assert!(fault.contains("district d, entry 1") && fault.contains("changed"), "{fault}");
}

#[test]
fn records_that_hold_a_text_come_in_the_order_in_which_all_districts_wrote_them() {
    let media = MemoryMedia::new();
    let journal = open(&media);
    let mut chains = Chains::default();
    // Over several segments, the districts in turn, every third record with the text.
    let mut wanted = Vec::new();
    for number in 0..300_usize {
        let district = ["a", "b", "c"][(number + number / 3) % 3];
        let marked = number.is_multiple_of(3);
        let record = chains.next(district, if marked { 1_000 + number } else { number % 90 });
        if marked {
            wanted.push((record.district.clone(), record.seq));
        }
        journal.append_and_wait(vec![record]).expect("durable");
    }
    let text = "x".repeat(1_000);
    let found = |journal: &Journal| -> Vec<(String, u64)> {
        let records = journal.read_holding(&text).map(|record| record.expect("readable"));
        records.map(|record| (record.district, record.seq)).collect()
    };
    assert_eq!(found(&journal), wanted);
    // What is written while it is read does not belong to it.
    let mut reading = journal.read_holding(&text);
    assert!(reading.next().is_some_and(|first| first.is_ok()));
    journal.append_and_wait(vec![chains.next("a", 2_000)]).expect("durable");
    assert_eq!(reading.count(), wanted.len() - 1);
    assert_eq!(found(&journal).len(), wanted.len() + 1);
    assert_eq!(journal.read_holding("nowhere").count(), 0);
    assert_eq!(open(&MemoryMedia::new()).read_holding("x").count(), 0, "an empty journal holds nothing");
}

#[test]
fn what_stands_behind_a_position_of_each_district_is_read_in_one_way_through_the_journal() {
    let media = MemoryMedia::new();
    let journal = open(&media);
    let mut chains = Chains::default();
    let mut written = Vec::new();
    for number in 0..300_usize {
        let record = chains.next(["a", "b", "c", "d"][(number + number / 4) % 4], number % 90);
        written.push((record.district.clone(), record.seq));
        journal.append_and_wait(vec![record]).expect("durable");
    }
    let behind = |positions: &[(&str, u64)]| -> Vec<(String, u64)> {
        let behind = positions.iter().map(|(district, seq)| ((*district).to_owned(), *seq)).collect();
        journal.read_onward(&behind).map(|record| record.expect("readable")).map(|r| (r.district, r.seq)).collect()
    };
    let expected = |positions: &[(&str, u64)]| -> Vec<(String, u64)> {
        let wanted =
            |(district, seq): &&(String, u64)| positions.iter().any(|(of, after)| of == district && seq > after);
        written.iter().filter(wanted).cloned().collect()
    };
    for positions in [
        vec![("a", 0), ("b", 0), ("c", 0), ("d", 0)],
        vec![("a", 40), ("b", 3), ("c", 75)],
        vec![("d", 74)],
        vec![("a", 1_000), ("nobody", 0)],
        Vec::new(),
    ] {
        assert_eq!(behind(&positions), expected(&positions), "{positions:?}");
    }
    // What is written while it is read does not belong to it.
    let mut reading = journal.read_onward(&BTreeMap::from([("b".to_owned(), 70)]));
    let count = expected(&[("b", 70)]).len();
    assert!(reading.next().is_some_and(|first| first.is_ok()));
    journal.append_and_wait(vec![chains.next("b", 10)]).expect("durable");
    assert_eq!(reading.count(), count - 1);
}
