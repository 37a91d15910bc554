//! Whatever is planted, cut, bent or swapped is not given back, and what is put again is.

use std::os::unix::fs::symlink;

use super::*;

const PACKAGE: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];
const ENGINE: &str = "engine 1 with these settings";
const PROGRAM: &[u8] = b"machine code, thousands of bytes of it";

fn cache(folder: &Path) -> Compiled {
    Compiled::open(&folder.join("compiled"), BYTES_MAX).expect("a cache")
}

/// A cache that holds one program, and where it lies.
fn filled(folder: &Path) -> (Compiled, PathBuf) {
    let cache = cache(folder);
    cache.put(&PACKAGE, ENGINE, PROGRAM).expect("kept");
    assert_eq!(cache.get(&PACKAGE, ENGINE).expect("given").as_deref(), Some(PROGRAM));
    let place = cache.place(&PACKAGE, ENGINE);
    (cache, place)
}

fn refused(cache: &Compiled) -> &'static str {
    match cache.get(&PACKAGE, ENGINE) {
        Err(CompiledError::NotOurs { reason, .. }) => reason,
        other => panic!("it was believed: {other:?}"),
    }
}

#[test]
fn what_was_kept_is_given_back_also_after_a_new_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, place) = filled(folder.path());
    assert_eq!(cache.get(&OTHER, ENGINE).expect("readable"), None);
    assert_eq!(cache.get(&PACKAGE, "engine 2").expect("readable"), None);
    let again = self::cache(folder.path());
    assert_eq!(again.get(&PACKAGE, ENGINE).expect("given").as_deref(), Some(PROGRAM));
    let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
    assert_eq!(mode(&folder.path().join("compiled")), 0o700);
    assert_eq!(mode(&folder.path().join("compiled/key")), 0o600);
    assert_eq!(mode(&place), 0o600);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, place) = filled(folder.path());
    let whole = fs::read(&place).expect("there");
    for position in 0..whole.len() {
        let mut bent = whole.clone();
        bent[position] ^= 1 << (position % 8);
        fs::write(&place, &bent).expect("bent");
        refused(&cache);
        fs::write(&place, &whole[..position]).expect("cut");
        refused(&cache);
    }
    fs::write(&place, [whole.as_slice(), b"x"].concat()).expect("longer");
    refused(&cache);
    cache.put(&PACKAGE, ENGINE, PROGRAM).expect("healed");
    assert_eq!(cache.get(&PACKAGE, ENGINE).expect("given").as_deref(), Some(PROGRAM));
}

#[test]
fn a_planted_file_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, place) = filled(folder.path());
    fs::write(&place, b"\x7fELF of someone else").expect("planted");
    assert_eq!(refused(&cache), "is no compiled program");
    fs::write(&place, [MAGIC.as_slice(), &[0; TAG_BYTES], b"planted"].concat()).expect("planted");
    refused(&cache);
    // Under a key that the planter knows.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (_, foreign) = filled(elsewhere.path());
    fs::copy(foreign, &place).expect("planted");
    refused(&cache);
}

#[test]
fn files_that_changed_places_are_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, place) = filled(folder.path());
    cache.put(&OTHER, ENGINE, b"another program").expect("kept");
    cache.put(&PACKAGE, "engine 2", b"for another engine").expect("kept");
    for other in [cache.place(&OTHER, ENGINE), cache.place(&PACKAGE, "engine 2")] {
        fs::copy(other, &place).expect("swapped");
        refused(&cache);
    }
}

#[test]
fn a_link_a_folder_and_a_giant_are_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, place) = filled(folder.path());
    let aside = folder.path().join("aside");
    fs::rename(&place, &aside).expect("moved");
    symlink(&aside, &place).expect("linked");
    assert_eq!(refused(&cache), "is a link");
    fs::remove_file(&place).expect("removed");
    fs::create_dir(&place).expect("made");
    assert_eq!(refused(&cache), "is no plain file");
    fs::remove_dir(&place).expect("removed");
    File::create(&place).and_then(|file| file.set_len(FILE_BYTES_MAX + 1)).expect("made, without taking room");
    assert_eq!(refused(&cache), "is too large");
}

#[test]
fn a_key_that_others_could_see_is_not_used_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, _) = filled(folder.path());
    let key = folder.path().join("compiled/key");
    let loose = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    loose(&key, 0o644);
    refused(&cache(folder.path()));
    cache(folder.path()).put(&PACKAGE, ENGINE, PROGRAM).expect("kept under the new key");
    loose(&folder.path().join("compiled"), 0o777);
    refused(&cache(folder.path()));
    for broken in [&b""[..], b"short", &[1; 33]] {
        cache(folder.path()).put(&PACKAGE, ENGINE, PROGRAM).expect("kept");
        fs::write(&key, broken).expect("bent");
        refused(&cache(folder.path()));
    }
}

#[test]
fn a_folder_that_is_a_link_is_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("compiled");
    symlink(elsewhere.path(), &place).expect("linked");
    assert!(matches!(Compiled::open(&place, BYTES_MAX), Err(CompiledError::NotPrivate { .. })));
}

#[test]
fn the_oldest_make_room_and_leftovers_are_cleared() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("compiled");
    let file = (MAGIC.len() + TAG_BYTES + 1_000) as u64;
    let cache = Compiled::open(&place, 3 * file).expect("a cache");
    for number in 0..5_u8 {
        cache.put(&[number; 32], ENGINE, &[number; 1_000]).expect("kept");
        // Files are told apart by when they were written; the file system's clock is coarse.
        let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(number));
        let file = OpenOptions::new().write(true).open(cache.place(&[number; 32], ENGINE)).expect("there");
        file.set_modified(written).expect("set");
    }
    let there: Vec<u8> =
        (0..5).filter(|number| cache.get(&[*number; 32], ENGINE).expect("readable").is_some()).collect();
    assert_eq!(there, [2, 3, 4]);
    fs::write(place.join("half.1.new"), b"half").expect("left behind");
    Compiled::open(&place, 3 * file).expect("a cache");
    assert!(!place.join("half.1.new").exists());
    assert!(matches!(cache.put(&PACKAGE, ENGINE, &vec![0; 64 << 20]), Err(CompiledError::TooLarge(_))));
}
