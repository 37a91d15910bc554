//! Rows that must not be lost: cut at every byte, damaged at every byte, and a disk that refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use muster_store::{Batches, BatchesError};
use proptest::prelude::*;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn rows(batches: &Batches) -> Rows {
    batches.rows().map(|(key, row)| (key.to_vec(), row.to_vec())).collect()
}

fn put(key: &str, row: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.into(), Some(row.into()))
}

fn gone(key: &str) -> (Vec<u8>, Option<Vec<u8>>) {
    (key.into(), None)
}

/// A file of three batches, and the rows after each of them.
fn story(folder: &Path) -> Vec<Rows> {
    let mut batches = Batches::open(folder).expect("rows");
    let mut seen = vec![rows(&batches)];
    for batch in [
        vec![put("registered/desk", "since"), put("cursor/desk", "7")],
        vec![put("cursor/desk", "8"), put("dead/desk/8", "a letter")],
        vec![gone("dead/desk/8"), put("cursor/desk", "9")],
    ] {
        batches.apply(&batch).expect("durable");
        seen.push(rows(&batches));
    }
    seen
}

#[test]
fn a_file_cut_at_any_byte_shows_the_rows_after_a_whole_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = story(folder.path());
    let file = folder.path().join("rows.log");
    let whole = fs::read(&file).expect("read");
    let mut last = 0;
    for cut in 0..=whole.len() {
        fs::write(&file, &whole[..cut]).expect("cut");
        match Batches::open(folder.path()) {
            // Only the batch that a file begins with can be missing so; it was whole before the file had its name.
            Err(BatchesError::Damaged { .. }) => assert_eq!(last, 0, "cut at {cut}"),
            Err(error) => panic!("{error}"),
            Ok(batches) => {
                let found = rows(&batches);
                let place = seen.iter().rposition(|rows| *rows == found).expect("rows as they once stood");
                assert!(place >= last, "cut at {cut}: more bytes never show less");
                last = place;
            }
        }
    }
    assert_eq!(last, 3);
}

#[test]
fn a_changed_byte_is_named_or_costs_the_last_batch_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = story(folder.path());
    let file = folder.path().join("rows.log");
    let whole = fs::read(&file).expect("read");
    let (mut named, mut cut) = (0, 0);
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x41;
        fs::write(&file, &bytes).expect("damaged");
        match Batches::open(folder.path()) {
            Err(BatchesError::Damaged { .. }) => {
                named += 1;
                assert_eq!(fs::read(&file).expect("read"), bytes, "nothing was changed");
            }
            Err(error) => panic!("{error}"),
            Ok(batches) => {
                cut += 1;
                assert_eq!(rows(&batches), seen[2], "byte {place}: the batch before the last");
            }
        }
    }
    assert!(named > cut && cut > 0, "{named} named, {cut} taken for a torn tail");
}

#[test]
fn who_only_looks_sees_the_same_rows_and_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(Batches::read(&folder.path().join("none")).expect("no rows"), Rows::new());
    assert!(!folder.path().join("none").exists(), "a look made a folder");
    let seen = story(folder.path());
    let file = folder.path().join("rows.log");
    let whole = fs::read(&file).expect("read");
    assert_eq!(Batches::read(folder.path()).expect("rows"), seen[3]);
    // A torn tail is passed over, and stays for the start to take off; damage is named.
    fs::write(&file, &whole[..whole.len() - 1]).expect("cut");
    assert_eq!(Batches::read(folder.path()).expect("rows"), seen[2]);
    assert_eq!(fs::read(&file).expect("read"), whole[..whole.len() - 1]);
    fs::write(&file, &whole[1..]).expect("damaged");
    assert!(matches!(Batches::read(folder.path()), Err(BatchesError::Damaged { .. })));
}

#[test]
fn a_new_start_makes_the_last_batch_one_that_cannot_be_torn_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = story(folder.path());
    drop(Batches::open(folder.path()).expect("rows"));
    let file = folder.path().join("rows.log");
    let whole = fs::read(&file).expect("read");
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x41;
        fs::write(&file, &bytes).expect("damaged");
        assert!(matches!(Batches::open(folder.path()), Err(BatchesError::Damaged { .. })), "byte {place}");
    }
    fs::write(&file, whole).expect("restored");
    assert_eq!(rows(&Batches::open(folder.path()).expect("rows")), seen[3]);
}

#[test]
fn a_disk_that_refuses_changes_nothing_and_the_next_batch_heals_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("outbox");
    let mut batches = Batches::open(&place).expect("rows");
    batches.apply(&[put("a", "1")]).expect("durable");
    // Enough to have the file written anew, in a folder that is not there any more.
    batches.apply(&[put("large", &"x".repeat(2 << 20))]).expect("durable");
    batches.apply(&[gone("large")]).expect("durable");
    let aside = folder.path().join("aside");
    fs::rename(&place, &aside).expect("moved");
    assert!(matches!(batches.apply(&[put("a", "2")]), Err(BatchesError::Disk { .. })));
    assert_eq!(batches.get(b"a"), Some(b"1".as_slice()));
    fs::rename(&aside, &place).expect("moved back");
    batches.apply(&[put("b", "3")]).expect("durable again");
    drop(batches);
    let again = Batches::open(&place).expect("rows");
    assert_eq!(again.rows().count(), 2);
    assert_eq!((again.get(b"a"), again.get(b"b")), (Some(b"1".as_slice()), Some(b"3".as_slice())));
    assert!(fs::metadata(place.join("rows.log")).expect("a file").len() < 1_000, "what is gone takes no room");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn whatever_was_applied_is_there_after_a_start(
        story in prop::collection::vec(
            prop::collection::vec((prop::collection::vec(any::<u8>(), 0..4), prop::option::of(prop::collection::vec(any::<u8>(), 0..9))), 1..5),
            1..12,
        ),
        restarts in any::<u16>(),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut expected = Rows::new();
        let mut batches = Batches::open(folder.path()).expect("rows");
        for (number, batch) in story.iter().enumerate() {
            batches.apply(batch).expect("durable");
            for (key, row) in batch {
                match row {
                    Some(row) => expected.insert(key.clone(), row.clone()),
                    None => expected.remove(key),
                };
            }
            if restarts >> number & 1 == 1 {
                drop(batches);
                batches = Batches::open(folder.path()).expect("rows");
            }
            prop_assert_eq!(rows(&batches), expected.clone());
        }
    }
}
