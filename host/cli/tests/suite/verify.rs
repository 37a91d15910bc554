//! A verifier that trusts nobody: a journal as it was written holds; every way to write it otherwise is found and named.
//!
//! The forger here is a clever one: it rewrites the whole chain behind its change, so that every hash and checksum holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{self, MUSTER, Server, signal, warning};
use muster_kernel::Digest;
use muster_kernel::record::Entry;
use muster_store::{Disk, Journal, Options, Record, Vault};
use serde_json::Value as Json;

/// A played stream with its data folder.
struct Played {
    folder: tempfile::TempDir,
}

impl Played {
    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let examples = support::examples();
        let city = examples.path().join("yunhe");
        let stream = first_stream(&city);
        let played = Command::new(MUSTER)
            .arg("play")
            .arg(stream)
            .arg("--district")
            .arg(&city)
            .arg("--data")
            .arg(folder.path().join("data"))
            .output()
            .expect("the binary runs");
        assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
        Self { folder }
    }

    /// The data folder with a chain that was written anew from changed entries.
    fn forged(&self, change: impl FnOnce(&mut Vec<Json>)) -> tempfile::TempDir {
        let forged = tempfile::tempdir().expect("a folder");
        copy(&self.data(), forged.path());
        let folder = forged.path().join("journal");
        let mut entries: Vec<Json> = {
            let disk = Disk::open(&folder).expect("a journal");
            let journal = Journal::open_read_only(disk, Options::default()).expect("it opens");
            let records = journal.read("yunhe", 1);
            records.map(|record| serde_json::from_slice(&record.expect("whole").payload).expect("JSON")).collect()
        };
        change(&mut entries);
        fs::remove_dir_all(&folder).expect("removed");
        fs::create_dir(&folder).expect("made");
        let disk = Disk::open(&folder).expect("a journal");
        let journal = Journal::open(disk, Options::default()).expect("it opens").journal;
        let mut prev = [0; 32];
        for (seq, mut entry) in (1_u64..).zip(entries) {
            entry["seq"] = seq.into();
            entry["prev"] = Digest(prev).to_string().into();
            let payload = Entry::from_bytes(entry.to_string().as_bytes()).expect("an entry").to_bytes();
            let hash = Digest::of(&payload).0;
            let record = Record { district: "yunhe".into(), seq, prev, hash, payload };
            journal.append_and_wait(vec![record]).expect("kept");
            prev = hash;
        }
        journal.close();
        forged
    }
}

fn first_stream(city: &Path) -> PathBuf {
    let streams = fs::read_dir(city.join("streams")).expect("streams").map(|entry| entry.expect("an entry").path());
    streams.into_iter().find(|path| path.extension().is_some_and(|end| end == "jsonl")).expect("a stream")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            fs::create_dir_all(&target).expect("made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The same from the script that was written from the documented format alone.
fn verify_independently(data: &Path) -> (bool, String) {
    let script = support::root().join("docs/verify_journal.py");
    let output = Command::new("python3").arg(script).arg(data).output().expect("python3 is needed for this test");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Whether it holds, and what is said.
fn verify(data: &Path) -> (bool, String) {
    let output = Command::new(MUSTER).arg("verify").arg(data).output().expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn position(entries: &[Json], found: impl Fn(&Json) -> bool) -> usize {
    entries.iter().position(found).expect("such an entry")
}

fn has_fact(entry: &Json, kind: &str) -> bool {
    entry["facts"].as_array().is_some_and(|facts| facts.iter().any(|fact| fact.get(kind).is_some()))
}

#[test]
fn a_journal_holds_and_every_forgery_of_it_is_named() {
    let played = Played::new();
    let (holds, said) = verify(&played.data());
    assert!(holds && said.contains("decided anew"), "{said}");
    let rewritten = played.forged(|_| {});
    let (holds, said) = verify(rewritten.path());
    assert!(holds, "the forger changes nothing by itself: {said}");

    let changed = played.forged(|entries| {
        let place = position(entries, |entry| has_fact(entry, "incident.opened"));
        let facts = entries[place]["facts"].as_array_mut().expect("facts");
        let fact = facts.iter_mut().find_map(|fact| fact.get_mut("incident.opened")).expect("the fact");
        fact["name"] = "a name that nobody gave".into();
    });
    let (holds, said) = verify(changed.path());
    assert!(!holds && said.contains("DIVERGES") && said.contains("a name that nobody gave"), "{said}");

    let removed = played.forged(|entries| drop(entries.remove(20)));
    let (holds, said) = verify(removed.path());
    assert!(!holds, "an entry was removed: {said}");

    let swapped = played.forged(|entries| entries.swap(20, 21));
    let (holds, said) = verify(swapped.path());
    assert!(!holds, "two entries changed places: {said}");
}

#[test]
fn another_plugin_or_setting_than_the_one_that_decided_is_found() {
    let played = Played::new();
    let mut digests = (String::new(), String::new());
    let other = played.forged(|entries| {
        let of = |entry: &Json, role: &str| entry["cause"]["activation"]["role"] == role;
        let one = position(entries, |entry| of(entry, "escalation"));
        let settings = entries[one]["cause"]["activation"]["settings"].as_str().expect("a digest").to_owned();
        let package = entries[one]["cause"]["activation"]["package"].as_str().expect("a digest").to_owned();
        digests = (package, settings);
    });
    let (package, settings) = digests;
    for digest in [&package, &settings] {
        let tampered = tempfile::tempdir().expect("a folder");
        copy(other.path(), tampered.path());
        let file = tampered.path().join("vault").join(&digest[..2]).join(format!("{digest}.bin"));
        let mut bytes = fs::read(&file).expect("kept");
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        fs::write(&file, bytes).expect("written");
        let (holds, said) = verify(tampered.path());
        assert!(!holds && said.contains(digest.as_str()) && said.contains("changed"), "{said}");
    }
    // Settings that the forger put into the vault by their own name, and into the chain.
    let forged = played.forged(|entries| {
        let vault = Vault::open(&other.path().join("vault")).expect("a vault");
        let bytes = vault.get(&digest_of(&settings)).expect("kept");
        let text = String::from_utf8(bytes).expect("text").replacen("15", "16", 1);
        let digest = Digest(vault.put(text.as_bytes()).expect("kept")).to_string();
        let whole = Json::Array(std::mem::take(entries)).to_string().replace(&settings, &digest);
        let Json::Array(replaced) = serde_json::from_str(&whole).expect("JSON") else { panic!("a list") };
        *entries = replaced;
    });
    copy(&other.path().join("vault"), &forged.path().join("vault"));
    let (holds, said) = verify(forged.path());
    assert!(!holds && said.contains("DIVERGES"), "other settings decided otherwise: {said}");
}

fn digest_of(text: &str) -> [u8; 32] {
    let byte = |place: usize| u8::from_str_radix(&text[place..place + 2], 16).expect("hexadecimal");
    std::array::from_fn(|index| byte(index * 2))
}

#[test]
fn a_byte_that_changed_on_the_disk_is_named_with_its_place() {
    let played = Played::new();
    let segment =
        fs::read_dir(played.data().join("journal")).expect("segments").next().expect("one").expect("one").path();
    let mut bytes = fs::read(&segment).expect("read");
    let middle = bytes.iter().rposition(|byte| *byte != 0).expect("records") / 2;
    bytes[middle] ^= 0x20;
    fs::write(&segment, bytes).expect("written");
    let (holds, said) = verify(&played.data());
    assert!(!holds && said.contains(".seg") && said.contains("later records stand behind it"), "{said}");
    let (holds, said) = verify_independently(&played.data());
    assert!(!holds && said.contains(".seg, byte"), "{said}");
}

#[test]
fn a_tail_that_was_cut_is_found_by_the_signed_checkpoint_and_said_at_the_next_start() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let city = examples.path().join("yunhe");
    let server = Server::start(data.path(), std::slice::from_ref(&city));
    server.send("yunhe", &warning("w-1", "990100", "red"));
    let (_, last) = server.send("yunhe", &signal("s-1", "990103901"));
    server.stop();
    let (holds, said) = verify(data.path());
    assert!(holds && said.contains("signed checkpoints hold"), "{said}");
    let (holds, said) = verify_independently(data.path());
    assert!(holds && said.contains("1 signed checkpoints"), "{said}");
    let key = fs::read_to_string(data.path().join("checkpoints/signing.pub")).expect("a public key");
    let with = |key: &str| {
        let output = Command::new(MUSTER).arg("verify").arg(data.path()).args(["--key", key]).output().expect("runs");
        output.status.success()
    };
    assert!(with(key.trim()) && !with(&"0".repeat(64)), "only the host's own key is believed");

    // The last record is cut as if it had never been: zeros, which look like the free end of a segment.
    let segment =
        fs::read_dir(data.path().join("journal")).expect("segments").next().expect("one").expect("one").path();
    let mut bytes = fs::read(&segment).expect("read");
    let mut at = 24;
    let mut before = at;
    while bytes[at..at + 4] != [0; 4] {
        before = at;
        at += 8 + u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four")) as usize;
    }
    bytes[before..at].fill(0);
    fs::write(&segment, bytes).expect("written");
    let (holds, said) = verify(data.path());
    assert!(!holds && said.contains("tail was cut") && said.contains(&last["seq"].to_string()), "{said}");
    let (holds, said) = verify_independently(data.path());
    assert!(!holds && said.contains("tail was cut"), "{said}");
}

#[test]
fn one_entry_is_proved_without_the_journal() {
    let examples = support::examples();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&data, &[examples.path().join("yunhe")]);
    for number in 0..5 {
        server.send("yunhe", &signal(&format!("p-{number}"), "990103901"));
    }
    server.stop();
    let muster = |words: &[&str]| {
        let output = Command::new(MUSTER).args(words).output().expect("the binary runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let data = data.to_str().expect("a path of letters");
    let last = server_end(data);
    for entry in [1, last / 2, last] {
        let (made, proof) = muster(&["prove", data, "--district", "yunhe", "--entry", &entry.to_string()]);
        assert!(made, "{proof}");
        let file = folder.path().join("proof.json");
        let path = file.to_str().expect("a path of letters");
        let check = |text: &str| {
            fs::write(&file, text).expect("written");
            let script = support::root().join("docs/verify_journal.py");
            let python = Command::new("python3").arg(script).args(["--proof", path]).output().expect("python3 runs");
            let (holds, words) = muster(&["check-proof", path]);
            assert_eq!(holds, python.status.success(), "{words} {}", String::from_utf8_lossy(&python.stdout));
            (holds, words)
        };
        let (holds, words) = check(&proof);
        assert!(holds && words.contains(&format!("entry {entry} of yunhe stands")), "{words}");
        let (holds, words) = check(&proof.replace("yunhe", "yunge"));
        assert!(!holds && words.starts_with("FAULT"), "{words}");
        let mut moved: Json = serde_json::from_str(&proof).expect("JSON");
        moved["entry"] = moved["entry"].as_str().expect("text").replacen("facts", "Facts", 1).into();
        let (holds, words) = check(&moved.to_string());
        assert!(!holds && words.contains("was changed"), "{words}");
    }
    let (made, _) = muster(&["prove", data, "--district", "yunhe", "--entry", "999999"]);
    assert!(!made, "there is no such entry");
}

/// The position of the last entry.
fn server_end(data: &str) -> u64 {
    let disk = Disk::open(&Path::new(data).join("journal")).expect("a journal");
    Journal::open_read_only(disk, Options::default()).expect("it opens").head("yunhe").seq
}
