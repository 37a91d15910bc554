//! Every stream of the examples that has expectations beside it, played through the real binary.
//!
//! The expectations are data: no scenario, no place and no number of one stands here.

use crate::support;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// The lines that `muster play` prints for a stream.
fn play(stream: &Path, district: &Path, data: Option<&Path>) -> Vec<Json> {
    let mut command = Command::new(support::MUSTER);
    command.arg("play").arg(stream).arg("--district").arg(district).args(["--output", "json"]);
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// All values at a dotted path; where it meets a list, those of every member.
fn values<'a>(line: &'a Json, path: &str) -> Vec<&'a Json> {
    let step = |found: Vec<&'a Json>, name: &str| {
        let spread = found.into_iter().flat_map(|value| match value {
            Json::Array(items) => items.iter().collect(),
            other => vec![other],
        });
        spread.filter_map(|value| value.get(name)).collect()
    };
    path.split('.').fold(vec![line], step)
}

fn fits(line: &Json, wanted: &toml::Table) -> bool {
    wanted.iter().all(|(path, value)| {
        let value = serde_json::to_value(value).expect("TOML is JSON");
        values(line, path).into_iter().any(|found| *found == value || is_member(found, &value))
    })
}

fn is_member(found: &Json, wanted: &Json) -> bool {
    found.as_array().is_some_and(|members| members.contains(wanted))
}

fn tables<'a>(row: &'a toml::Value, name: &str) -> impl Iterator<Item = &'a toml::Table> {
    row.get(name).and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_table)
}

/// What is wrong with a row, in words.
fn faults(row: &toml::Value, lines: &[Json]) -> Vec<String> {
    let missing = tables(row, "line").filter(|wanted| !lines.iter().any(|line| fits(line, wanted)));
    let missing: Vec<String> = missing.map(|wanted| format!("not found: {wanted}")).collect();
    let unwanted = tables(row, "none").filter_map(|wanted| {
        let line = lines.iter().find(|line| fits(line, wanted))?;
        Some(format!("must not be: {line}"))
    });
    missing.into_iter().chain(unwanted).collect()
}

fn expectations(examples: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for district in fs::read_dir(examples).expect("readable").flatten() {
        let Ok(streams) = fs::read_dir(district.path().join("streams")) else { continue };
        for stream in streams
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        {
            let expected = stream.with_extension("expected.toml");
            if expected.exists() {
                found.push((stream, expected));
            }
        }
    }
    found
}

#[test]
fn every_row_of_every_stream_comes_out_as_written() {
    let examples = support::examples();
    let streams = expectations(examples.path());
    assert!(!streams.is_empty(), "the examples hold no stream with expectations");
    let mut wrong = Vec::new();
    for (stream, expected) in streams {
        let district = stream.ancestors().nth(2).expect("district/streams/file").to_path_buf();
        let lines = play(&stream, &district, None);
        let expected: toml::Table = fs::read_to_string(&expected).expect("text").parse().expect("TOML");
        let rows = expected["row"].as_array().expect("rows");
        assert!(rows.len() > 10, "{} holds hardly any rows", stream.display());
        for row in rows {
            let name = format!("{} row {}", stream.file_name().expect("a file").display(), row["number"]);
            wrong.extend(faults(row, &lines).into_iter().map(|fault| format!("{name}: {fault}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_stream_gives_the_same_journal_also_after_a_stop_in_the_middle() {
    let examples = support::examples();
    for (stream, _) in expectations(examples.path()) {
        let district = stream.ancestors().nth(2).expect("district/streams/file").to_path_buf();
        let whole = journal_of(&[&stream], &district);
        assert_eq!(whole, journal_of(&[&stream], &district), "the same stream twice");
        let text = fs::read_to_string(&stream).expect("text");
        let half = text.lines().count() / 2;
        let part = |name: &str, lines: &mut dyn Iterator<Item = &str>| {
            let path = examples.path().join(name);
            fs::write(&path, lines.collect::<Vec<_>>().join("\n")).expect("written");
            path
        };
        let first = part("first.jsonl", &mut text.lines().take(half));
        let second = part("second.jsonl", &mut text.lines().skip(half));
        assert_eq!(whole, journal_of(&[&first, &second], &district), "with a restart in the middle");
    }
}

/// The journal, and the digest of the state, after playing some streams one after the other, each by a process of its
/// own.
fn journal_of(streams: &[&Path], district: &Path) -> (String, String) {
    let data = tempfile::tempdir().expect("a folder");
    let mut ended = String::new();
    for (number, stream) in streams.iter().enumerate() {
        let mut command = Command::new(support::MUSTER);
        command.arg("play").arg(stream).arg("--district").arg(district).arg("--data").arg(data.path());
        if number + 1 < streams.len() {
            command.args(["--after-hours", "0"]);
        }
        let output = command.output().expect("the binary runs");
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).expect("text");
        said.lines().last().expect("where the play ended").clone_into(&mut ended);
    }
    assert!(ended.contains("state "), "{ended}");
    let output = Command::new(support::MUSTER).args(["journal", "cat"]).arg(data.path()).output().expect("runs");
    assert!(output.status.success());
    (String::from_utf8(output.stdout).expect("text"), ended)
}

#[test]
fn a_drill_leaves_the_real_journal_byte_for_byte_as_it_is() {
    let examples = support::examples();
    let mut drilled = 0;
    for (stream, _) in expectations(examples.path()) {
        let text = fs::read_to_string(&stream).expect("text");
        let real: Vec<&str> = text.lines().filter(|line| !line.contains("\"exercise\":true")).collect();
        if real.len() == text.lines().count() {
            continue;
        }
        drilled += 1;
        let district = stream.ancestors().nth(2).expect("district/streams/file").to_path_buf();
        let without = examples.path().join("without-drill.jsonl");
        fs::write(&without, real.join("\n")).expect("written");
        let name = district.file_name().expect("a name").to_str().expect("text").to_owned();
        let of = |stream: &Path| {
            let journal = journal_of(&[stream], &district).0;
            let real = journal.lines().filter(|line| line.contains(&format!("\"district\":\"{name}\"")));
            real.map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let with = of(&stream);
        assert!(with.len() > 20, "the real journal holds what is real");
        assert_eq!(with, of(&without), "the drill in {} reached the real district", stream.display());
    }
    assert!(drilled > 0, "no example holds a drill");
}
