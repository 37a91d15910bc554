//! The history of small traces, written by hand.

use super::*;
use crate::trace;

/// A path as strace writes it.
fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |hex, byte| hex + &format!("\\x{byte:02x}"))
}

fn history(lines: &[String]) -> anyhow::Result<History> {
    of_threads(&lines.iter().map(|line| format!("1 {line}")).collect::<Vec<_>>())
}

fn of_threads(lines: &[String]) -> anyhow::Result<History> {
    let (calls, end) = trace::read(lines.join("\n").as_bytes(), 2)?;
    let mut history = History::new();
    history.go_on(Path::new("/r"), &calls, end)?;
    Ok(history)
}

fn create(path: &str, descriptor: i64, flags: &str) -> String {
    let (base, path, opened) = (hex("/w"), hex(path), hex(path));
    format!("openat(AT_FDCWD<{base}>, \"{path}\", O_WRONLY|O_CREAT{flags}, 0666) = {descriptor}<{opened}>")
}

#[test]
fn a_file_that_is_written_renamed_and_synced_stays_the_same_node() {
    let history = history(&[
        format!("mkdir(\"{}\", 0777) = 0", hex("/r/data")),
        create("/r/data/a.new", 3, "|O_TRUNC"),
        format!("write(3<{}>, \"{}\", 2) = 2", hex("/r/data/a.new"), hex("ab")),
        format!("write(3<{}>, \"{}\", 3) = 2", hex("/r/data/a.new"), hex("cde")),
        format!("fsync(3<{}>) = 0", hex("/r/data/a.new")),
        format!("rename(\"{}\", \"{}\") = 0", hex("/r/data/a.new"), hex("/r/data/a")),
        format!("fsync(4<{}>) = 0", hex("/r/data")),
        format!("fsync(5<{}>) = 0", hex("/elsewhere")),
    ])
    .expect("a history");
    let changes: Vec<&Change> = history.steps.iter().map(|step| &step.change).collect();
    assert_eq!(changes.len(), 7);
    let Change::Names { folder, names } = changes[0] else { panic!("{:?}", changes[0]) };
    assert_eq!((*folder, &names[0]), (ROOT, &("data".to_owned(), Some(1))));
    assert_eq!(changes[2], &Change::Write { node: 2, place: 0, bytes: b"ab".to_vec() });
    assert_eq!(changes[3], &Change::Write { node: 2, place: 2, bytes: b"cd".to_vec() }, "as much as was written");
    assert_eq!(changes[4], &Change::Sync { node: 2 });
    let Change::Names { names, .. } = changes[5] else { panic!("{:?}", changes[5]) };
    assert_eq!(names, &[("a.new".to_owned(), None), ("a".to_owned(), Some(2))]);
    assert_eq!(changes[6], &Change::Sync { node: 1 });
    assert_eq!(history.path(2), "data/a");
}

#[test]
fn of_two_opens_at_once_each_keeps_its_own_file() {
    let begun = |path: &str| create(path, 3, "").replace(&format!(" = 3<{}>", hex(path)), "");
    // The first open to begin is the last to end, and gets the number that the other had given back.
    let history = of_threads(&[
        format!("1 {} <unfinished ...>", begun("/r/slow").trim_end_matches(')')),
        format!("2 {}", create("/r/quick", 3, "")),
        format!("2 write(3<{}>, \"{}\", 1) = 1", hex("/r/quick"), hex("q")),
        format!("1 <... openat resumed>) = 3<{}>", hex("/r/slow")),
        format!("1 write(3<{}>, \"{}\", 1) = 1", hex("/r/slow"), hex("s")),
    ])
    .expect("a history");
    let written = history.steps.iter().filter_map(|step| match &step.change {
        Change::Write { node, place, bytes } => Some((history.path(*node), *place, bytes.clone())),
        _ => None,
    });
    let written: Vec<_> = written.collect();
    assert_eq!(written, [("quick".to_owned(), 0, b"q".to_vec()), ("slow".to_owned(), 0, b"s".to_vec())]);
}

#[test]
fn a_receipt_counts_from_the_begin_of_its_write() {
    let body = "HTTP/1.1 200 OK\r\n\r\n{\"district\":\"d\",\"seq\":7,\"hash\":\"00ff\",\"duplicate\":false}";
    let entry = "HTTP/1.1 200 OK\r\n\r\n{\"district\":\"d\",\"seq\":9,\"hash\":\"ee\"}";
    let history = history(&[
        format!("writev(9<{}>, [{{iov_base=\"{}\", iov_len=90}}], 1 <unfinished ...>", hex("socket:[5]"), hex(body)),
        "<... writev resumed>) = 90".to_owned(),
        format!("writev(9<{}>, [{{iov_base=\"{}\", iov_len=70}}], 1) = 70", hex("socket:[5]"), hex(entry)),
    ])
    .expect("a history");
    assert_eq!(history.acknowledged, [Acknowledged { seq: 7, hash: "00ff".into(), from: 4 }]);
}

#[test]
fn a_call_outside_the_model_is_an_error_and_a_failed_one_is_nothing() {
    let unknown = format!("truncate(\"{}\", 5) = 0", hex("/r/data"));
    assert!(history(&[unknown]).is_err());
    let failed = format!("mkdir(\"{}\", 0777) = -1 EEXIST (File exists)", hex("/r/data"));
    assert!(history(&[failed]).expect("a history").steps.is_empty());
    let stranger = format!("pwrite64(3<{}>, \"{}\", 1, 0) = 1", hex("/r/data/x"), hex("a"));
    assert!(history(&[stranger]).is_err());
}
