//! Degraded mode: when the disk, the view or a policy is gone, what still works works, what is refused is refused in words,
//! and the status says so.

use std::fs;
use std::path::Path;

use crate::support::{self, Server, signal, warning};
use serde_json::{Value as Json, json};

/// What the status says of a part; `None` when it is well.
fn degraded(server: &Server, part: &str) -> Option<String> {
    let status = server.get("/v1/status");
    let rows = status["degraded"].as_array().expect("rows").clone();
    let found = rows.into_iter().find(|row| row["part"] == part)?;
    Some(found["words"].as_str().expect("words").to_owned())
}

#[test]
fn a_journal_that_cannot_be_written_stops_and_questions_are_still_answered() {
    let examples = support::examples();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let city = examples.path().join("yunhe");
    let server = Server::start_with(data, std::slice::from_ref(&city), &["--segment-mebibytes", "1"]);
    server.send("yunhe", &warning("w-1", "990100", "red"));
    assert_eq!(degraded(&server, "journal"), None);

    // Something stands where the next segment must be made, so that making it fails as on a disk that is full.
    let obstacle = data.join("journal/00000000000000000002.seg");
    fs::write(&obstacle, b"").expect("written");
    let mut receipts: Vec<Json> = Vec::new();
    let refused = (0..20_000).find_map(|number| {
        let (status, answer) = server.send("yunhe", &signal(&format!("s-{number}"), "990103901"));
        if status == 200 {
            receipts.push(answer);
            return None;
        }
        Some((status, answer))
    });
    let (status, problem) = refused.expect("a mebibyte is full some time");
    assert_eq!((status, problem["type"].as_str()), (503, Some("urn:muster:problem:journal-stopped")), "{problem}");
    assert!(receipts.len() > 50, "the first segment takes many");

    // Nothing is taken any more, and that is said, with what to do.
    assert_eq!(server.send("yunhe", &warning("w-2", "990100", "red")).0, 503);
    let words = degraded(&server, "journal").expect("it is said");
    assert!(words.contains("call-list") && words.contains("重启") || words.contains("restart"), "{words}");
    assert_eq!(server.get("/v1/status")["healthy"], false);
    // Questions are answered as of the last durable entry.
    let last = receipts.last().expect("some")["seq"].as_u64().expect("a position");
    let district = server.get("/v1/districts/yunhe");
    assert!(district["seq"].as_u64().expect("a position") >= last, "{district}");
    let incidents = server.get("/v1/districts/yunhe/incidents");
    assert!(!incidents["incidents"].as_array().expect("rows").is_empty(), "{incidents}");
    server.stop();

    fs::remove_file(&obstacle).expect("removed");
    let server = Server::start(data, &[city]);
    assert_eq!(degraded(&server, "journal"), None);
    for receipt in &receipts {
        let entry = server.get(&format!("/v1/districts/yunhe/entries/{}", receipt["seq"]));
        assert_eq!(entry["hash"], receipt["hash"], "what was acknowledged stands");
    }
    // The sender who was refused sends again.
    assert_eq!(server.send("yunhe", &warning("w-2", "990100", "red")).0, 200);
}

#[test]
fn little_space_refuses_signals_before_a_write_can_fail_and_still_takes_acts() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let all = ["--low-space-mebibytes", "1000000000"];
    let server = Server::start_with(data.path(), &[examples.path().join("yunhe")], &all);
    let (status, problem) = server.send("yunhe", &signal("s-1", "990103901"));
    assert_eq!((status, problem["type"].as_str()), (503, Some("urn:muster:problem:low-space")), "{problem}");
    // A signal is one however its type is spelt, and so is whatever no act is known by.
    for kind in ["signal.reported", "warning.received", "x", "gov.muster.x"] {
        let mut sensed = signal(kind, "990103901");
        sensed["type"] = json!(kind);
        let (status, problem) = server.send("yunhe", &sensed);
        assert_eq!((status, &problem["type"]), (503, &json!("urn:muster:problem:low-space")), "{kind}: {problem}");
    }
    for kind in ["gov.muster.order.issued", "order.issued"] {
        let mut order = signal(kind, "990100");
        order["type"] = json!(kind);
        assert_eq!(server.send("yunhe", &order).0, 200, "{kind}");
    }
    assert!(degraded(&server, "space").is_some());
}

#[test]
fn a_policy_that_is_gone_is_answered_by_the_fallback_and_named() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let city = examples.path().join("yunhe");
    let server = Server::start(data.path(), std::slice::from_ref(&city));
    server.send("yunhe", &warning("w-1", "990100", "orange"));
    let status = server.get("/v1/districts/yunhe");
    let policies = status["policies"].as_array().expect("policies");
    let escalation = policies.iter().find(|policy| policy["role"] == "escalation").expect("bound");
    let digest = escalation["digest"].as_str().expect("a digest").trim_start_matches("sha256:").to_owned();
    server.stop();

    // From the vault alone it comes back: the district's folder still has it.
    let kept = data.path().join("vault").join(&digest[..2]).join(format!("{digest}.bin"));
    fs::remove_file(&kept).expect("removed");
    let server = Server::start(data.path(), std::slice::from_ref(&city));
    assert_eq!(degraded(&server, "policy"), None, "the folder's copy was kept again");
    server.stop();

    fs::remove_file(&kept).expect("removed again");
    fs::write(examples.path().join("ref-v1/packages/escalation.wasm"), b"no component").expect("written");
    let Err(said) = Server::try_start(data.path(), &[city], &[]) else {
        panic!("a folder that cannot be read keeps nobody from knowing which district it is")
    };
    assert!(said.contains("escalation.wasm"), "{said}");
}

#[test]
fn a_view_damaged_at_any_place_costs_time_and_nothing_else() {
    let rounds: usize = std::env::var("MUSTER_VIEW_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let city = examples.path().join("yunhe");
    let server = Server::start(data.path(), std::slice::from_ref(&city));
    for number in 0..40 {
        server.send("yunhe", &warning(&format!("v-{number}"), "990100", "orange"));
    }
    let before = server.get("/v1/districts/yunhe")["state"].clone();
    server.stop();
    let view = data.path().join("view");
    let mut rebuilt = 0;
    for round in 0..rounds {
        spoil(&view, round);
        let server = Server::start(data.path(), std::slice::from_ref(&city));
        assert_eq!(server.get("/v1/districts/yunhe")["state"], before, "round {round}");
        rebuilt += usize::from(degraded(&server, "view").is_some());
        server.stop();
    }
    println!("{rounds} damaged views, {rebuilt} set aside and folded anew, the state always the same");
}

/// Changes a byte of a file of the view, another place in each round; now and then cuts or deletes the file.
fn spoil(view: &Path, round: usize) {
    let mut files: Vec<_> = fs::read_dir(view).expect("a view").flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.is_file() && fs::metadata(path).is_ok_and(|file| file.len() > 0));
    files.sort();
    let file = &files[round % files.len()];
    let mut bytes = fs::read(file).expect("read");
    match round % 7 {
        5 => bytes.truncate(bytes.len() / 2),
        6 => return fs::remove_file(file).expect("removed"),
        _ => {
            // Among what is written rather than in the free space behind it.
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
            let place = round.wrapping_mul(2_654_435_761) % used;
            bytes[place] ^= 0x41;
        }
    }
    fs::write(file, bytes).expect("written");
}
