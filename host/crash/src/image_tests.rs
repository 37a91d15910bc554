//! The model of a disk on small histories, made by hand.

use super::*;

const FILE: Node = 1;

/// A history whose steps each took from one even time to the next odd one.
fn history(changes: Vec<Change>) -> History {
    let mut history = History::new();
    history.folders.push(false);
    let named = Change::Names { folder: ROOT, names: vec![("file".into(), Some(FILE))] };
    for (number, change) in [named, Change::Sync { node: ROOT }].into_iter().chain(changes).enumerate() {
        let begin = 2 * (number as u64 + 1);
        history.steps.push(Step { begin, end: begin + 1, change });
        history.end = begin + 2;
    }
    history
}

fn write(place: u64, byte: u8, count: usize) -> Change {
    Change::Write { node: FILE, place, bytes: vec![byte; count] }
}

/// The file in many images of one moment: its sectors, as far as its size goes, by their first bytes.
fn seen(history: &History, moment: u64, fate: Fate) -> BTreeSet<Vec<u8>> {
    let image = |piece| Image::at(history, moment, fate, &mut Chance::of(1, piece));
    let firsts = |image: Image| {
        let content = &image.files["file"];
        let first = |sector| content.sectors.get(&sector).map_or(0, |bytes| bytes[0]);
        (0..content.size.div_ceil(SECTOR as u64)).map(first).collect()
    };
    (0..200).map(|piece| firsts(image(piece))).collect()
}

#[test]
fn what_was_synced_is_there_and_what_was_not_is_lost_sector_by_sector() {
    let grown = Change::Grow { node: FILE, size: 1536 };
    let history = history(vec![grown, write(0, 1, 1536), Change::Sync { node: FILE }, write(0, 2, 1536)]);
    let end = history.end;
    assert_eq!(seen(&history, end, Fate::Lost), BTreeSet::from([vec![1, 1, 1]]));
    let some = seen(&history, end, Fate::Each(50));
    assert_eq!(some.len(), 8, "each of three sectors is old or new, whatever the others are: {some:?}");
    assert_eq!(seen(&history, end, Fate::TornEnd).len(), 8, "the last write is torn");
}

#[test]
fn a_sync_covers_only_what_had_ended_before_it_began_and_counts_only_once_it_ended() {
    let mut history = history(vec![
        Change::Grow { node: FILE, size: 512 },
        Change::Sync { node: FILE },
        write(0, 1, 512),
        Change::Sync { node: FILE },
    ]);
    let sync = history.steps.len() - 1;
    let end = history.end;
    assert_eq!(seen(&history, end, Fate::Lost), BTreeSet::from([vec![1]]));
    let running = history.steps[sync].end;
    assert_eq!(seen(&history, running, Fate::Lost), BTreeSet::from([vec![0]]), "the sync had not returned");
    history.steps[sync - 1].end = history.steps[sync].begin + 1;
    assert_eq!(seen(&history, end, Fate::Lost), BTreeSet::from([vec![0]]), "the write ended after the sync began");
}

#[test]
fn a_sector_is_never_older_than_one_that_was_overwritten_and_sizes_may_lag() {
    let history = history(vec![write(0, 1, 512), write(0, 2, 512), write(512, 3, 512)]);
    let some = seen(&history, history.end, Fate::Each(50));
    let expected: BTreeSet<Vec<u8>> =
        [vec![], vec![0], vec![1], vec![2]].into_iter().chain((0..3).flat_map(|a| [vec![a, 0], vec![a, 3]])).collect();
    assert!(some.is_subset(&expected) && some.len() > 6, "{some:?}");
}

#[test]
fn a_name_is_there_only_once_its_folder_was_synced() {
    let mut history = history(vec![write(0, 1, 512), Change::Sync { node: FILE }]);
    let renamed = Change::Names { folder: ROOT, names: vec![("file".into(), None), ("new".into(), Some(FILE))] };
    history.steps.push(Step { begin: history.end, end: history.end + 1, change: renamed });
    history.end += 2;
    let names = |history: &History, piece, fate| {
        let image = Image::at(history, history.end, fate, &mut Chance::of(5, piece));
        image.files.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&history, 0, Fate::Lost), ["file"], "the sync of the file is none of its name");
    let some: BTreeSet<_> = (0..50).map(|piece| names(&history, piece, Fate::Each(50))).collect();
    assert_eq!(some, BTreeSet::from([vec!["file".to_owned()], vec!["new".to_owned()]]));
    history.steps.push(Step { begin: history.end, end: history.end + 1, change: Change::Sync { node: ROOT } });
    history.end += 2;
    assert_eq!(names(&history, 0, Fate::Lost), ["new"]);
    assert_eq!(history.steps[0].begin, 2);
    assert!(Image::at(&history, 2, Fate::Lost, &mut Chance::of(0, 0)).files.is_empty(), "before the first step");
}

#[test]
fn a_file_that_was_emptied_is_blank_behind_its_new_end() {
    let cut = Change::Size { node: FILE, size: 100 };
    let history = history(vec![write(0, 1, 1024), Change::Sync { node: FILE }, cut, Change::Sync { node: FILE }]);
    let image = Image::at(&history, history.end, Fate::Lost, &mut Chance::of(0, 0));
    let content = &image.files["file"];
    assert_eq!((content.size, content.sectors[&0][99], content.sectors[&0][100]), (100, 1, 0));
}

#[test]
fn an_image_is_laid_down_as_it_is_and_read_back_the_same() {
    let history = history(vec![Change::Grow { node: FILE, size: 2000 }, write(700, 9, 300)]);
    let image = Image::at(&history, history.end, Fate::Each(100), &mut Chance::of(0, 0));
    let folder = std::env::temp_dir().join(format!("muster-crash-image-{}", std::process::id()));
    image.lay(&folder).expect("laid");
    let bytes = fs::read(folder.join("file")).expect("read");
    let again = History::of_folder(&folder).expect("a history");
    fs::remove_dir_all(&folder).expect("removed");
    assert_eq!((bytes.len(), bytes[699], bytes[700], bytes[999], bytes[1000]), (2000, 0, 9, 9, 0));
    let image = Image::at(&again, again.end, Fate::Lost, &mut Chance::of(0, 0));
    assert_eq!((image.files["file"].size, image.files["file"].sectors[&1][700 - 512]), (2000, 9));
}
