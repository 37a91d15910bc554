//! The guides and runbooks are transcripts: every command in them is run against the real binary, what they show as its
//! answer is held against what it says, and both languages show the same commands.

mod guide;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use guide::Guide;
use guide::session::Session;

/// Guides whose commands need what a test has not - root, systemd, another machine - with how many such blocks each has.
const NOT_RUN: [(&str, usize); 2] = [("operator", 1), ("runbooks", 1)];

/// Every guide, in both languages.
fn guides() -> Vec<Guide> {
    let docs = support::root().join("docs");
    let listed = |folder: PathBuf| {
        let files = fs::read_dir(&folder).unwrap_or_else(|reason| panic!("{}: {reason}", folder.display()));
        files.map(|file| file.expect("readable").path()).collect::<Vec<_>>()
    };
    let books = listed(docs.clone()).into_iter().filter(|path| guide::name(path).starts_with("runbooks"));
    let mut paths: Vec<PathBuf> = listed(docs.join("guide")).into_iter().chain(books).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "md"));
    paths.sort();
    paths.iter().map(|path| Guide::read(path)).collect()
}

/// Plays a guide in both languages.
fn play(name: &str) {
    let editions: Vec<Guide> = guides().into_iter().filter(|guide| guide.name() == name).collect();
    assert_eq!(editions.len(), 2, "{name} in English and in Chinese");
    for guide in &editions {
        Session::begin(guide).play(guide);
    }
}

#[test]
fn an_operator_comes_from_an_empty_folder_to_a_host_that_is_upgraded() {
    play("operator");
}

#[test]
fn a_policy_author_changes_a_policy_in_the_middle_of_things() {
    play("policy-author");
}

#[test]
fn a_duty_officer_sees_signs_and_closes() {
    play("duty-officer");
}

#[test]
fn the_worst_mornings_are_made_and_cured() {
    play("runbooks");
}

#[test]
fn both_languages_show_the_same_commands_and_few_are_not_run() {
    let mut named: BTreeMap<String, Vec<Guide>> = BTreeMap::new();
    for guide in guides() {
        named.entry(guide.name()).or_default().push(guide);
    }
    let played = ["duty-officer", "operator", "policy-author", "runbooks"];
    assert!(named.keys().map(String::as_str).eq(played), "a guide that no test plays: {:?}", named.keys());
    for (name, editions) in &named {
        let [one, other] = editions.as_slice() else { panic!("{name} needs an English and a Chinese edition") };
        let (commands, in_chinese) = (one.commands(), other.commands());
        for ((line, command), (other_line, other_command)) in commands.iter().zip(&in_chinese) {
            let (place, other_place) = (one.place(*line), other.place(*other_line));
            assert_eq!(command, other_command, "{place} and {other_place} show different commands");
        }
        assert_eq!(commands.len(), in_chinese.len(), "{name}: one edition has more blocks");
        let allowed = NOT_RUN.iter().find(|(guide, _)| guide == name).map_or(0, |(_, count)| *count);
        for guide in editions {
            assert_eq!(guide.not_run(), allowed, "blocks of {name} that are not run");
        }
    }
}
