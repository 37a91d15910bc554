//! What callers may take up: heads that never end, heads that are too large, more connections than there are seats. And
//! whom the development profile takes for whoever sits at the machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::access::fortress::Fortress;
use crate::support::{self, Server};

fn connect(host: &Fortress) -> TcpStream {
    let stream = TcpStream::connect(&host.server.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("set");
    stream
}

/// What comes until the host hangs up. A reset is a way to hang up, too.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(reason) if reason.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(reason) => panic!("the host did not hang up: {reason}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_head_that_never_ends_is_hung_up_on_and_holds_nobody_up() {
    let host = Fortress::start("[connections]\nmost = 8\nhead_seconds = 1\n");
    let mut slow: Vec<TcpStream> = (0..6).map(|_| connect(&host)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /v1/districts HTTP/1.1\r\nhost: x\r\nx-slow: ").expect("written");
    }
    assert_eq!(host.get("/healthz", Some(&host.operator)).status, 200, "others are answered meanwhile");
    for stream in &mut slow {
        assert!(!rest(stream).contains("200 OK"));
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let host = Fortress::start("[connections]\nhead_bytes = 8192\nhead_fields = 16\n");
    let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(100_000));
    let many = (0..50).fold(String::new(), |many, number| many + &format!("x-{number}: a\r\n"));
    let many = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    for head in [long, many] {
        let mut stream = connect(&host);
        // The host may hang up before it has read all.
        drop(stream.write_all(head.as_bytes()));
        let said = rest(&mut stream);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    }
    assert_eq!(host.get("/healthz", Some(&host.operator)).status, 200);
}

#[test]
fn one_connection_more_than_there_are_seats_is_hung_up_on_and_seats_become_free() {
    let host = Fortress::start("[connections]\nmost = 4\nhead_seconds = 2\n");
    let idle: Vec<TcpStream> = (0..16).map(|_| connect(&host)).collect();
    let begun = Instant::now();
    let operator = |path: &str| {
        let request = support::agent().get(host.server.url(path));
        let answer = request.header("authorization", format!("Bearer {}", host.operator)).call();
        answer.ok().and_then(|mut answer| answer.body_mut().read_json::<serde_json::Value>().ok())
    };
    let status = loop {
        if let Some(status) = operator("/v1/status") {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "no seat ever became free");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(status["access"]["connections_turned_away"].as_u64().is_some_and(|count| count >= 8), "{status}");
    drop(idle);
}

#[test]
fn development_is_for_whoever_sits_at_the_machine_and_is_said_loudly() {
    let cities = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[cities.path().join("yunhe")]);
    let warnings = server.get("/v1/status")["access"]["warnings"].to_string();
    assert!(warnings.contains("DEVELOPMENT MODE") && warnings.contains("开发模式"), "{warnings}");
    let ask = |name: &str, value: &str| {
        let answer = support::agent().get(server.url("/v1/status")).header(name, value).call().expect("answered");
        answer.status().as_u16()
    };
    assert_eq!(ask("accept", "*/*"), 200);
    // A proxy on the machine hands strangers on; and a wrong token is not made good by where it comes from.
    for (name, value) in [
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1"),
        ("via", "1.1 proxy"),
        ("authorization", "Bearer muster_0000000000000000_00"),
        ("authorization", "Basic bXVzdGVy"),
        ("authorization", "Bearer a.b.c"),
    ] {
        assert_eq!(ask(name, value), 401, "{name}: {value}");
    }
}

const POLICY: &str = "/v1/districts/yunhe/policies/triage";

/// The head of a request with a body, of which nothing comes.
fn head(path: &str, token: &str, bytes: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {bytes}\r\nconnection: close\r\n\r\n"
    )
}

#[test]
fn a_large_body_is_not_waited_for_when_its_sender_may_not_send_it() {
    let host = Fortress::start("");
    let reporter = json!([{"role": "reporter", "district": "yunhe", "node": "990103"}]);
    let reporter = host.issue("rita", reporter, &[]);
    for path in [POLICY.to_owned(), format!("{POLICY}/approval")] {
        let mut stream = connect(&host);
        stream.write_all(head(&path, &reporter, 50_000_000).as_bytes()).expect("written");
        let said = rest(&mut stream);
        assert!(said.starts_with("HTTP/1.1 403"), "{path}: {said}");
    }
    // A small one is read away, so that its sender hears why.
    let refused = host.post(POLICY, Some(&reporter), &json!({"action": "promote", "by": "rita"}));
    assert_eq!(refused.status, 403, "{}", refused.body);
}

#[test]
fn only_so_many_large_bodies_are_held_at_once_and_places_become_free() {
    let host = Fortress::start("");
    let author = host.issue("wu", json!([{"role": "policy_author", "district": "yunhe"}]), &[]);
    let begins_and_stops = || {
        let mut stream = connect(&host);
        stream.write_all((head(POLICY, &author, 1_000) + "{").as_bytes()).expect("written");
        stream
    };
    let asked = || host.post(POLICY, Some(&author), &json!({}));
    let begun = Instant::now();
    let mut slow: Vec<TcpStream> = (0..4).map(|_| begins_and_stops()).collect();
    let crowded = loop {
        let answer = asked();
        if answer.status == 429 {
            break answer;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "more than four are held: {}", answer.body);
        // This very question may have had the place of one of them.
        slow.push(begins_and_stops());
    };
    assert_eq!(crowded.body["type"], "urn:muster:problem:busy");
    assert!(crowded.headers.contains_key("retry-after"));
    drop(slow);
    while asked().body["type"] != "urn:muster:problem:not-json" {
        assert!(begun.elapsed() < Duration::from_mins(2), "no place ever became free");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn nobody_writes_lines_of_the_log() {
    let cities = support::examples();
    let (data, logs) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let folder = logs.path().display().to_string();
    let server = Server::start_with(data.path(), &[cities.path().join("yunhe")], &["--log-folder", &folder]);
    let body = json!({
        "subject": "rita", "sources": [], "days": 1,
        "bindings": [{"role": "reporter", "district": "yunhe", "node": "990103"}],
    });
    let (status, _, answer) = server.post("/v1/tokens", "application/json", body.to_string().as_bytes());
    assert_eq!(status, 200, "{answer}");
    let token = answer["token"].as_str().expect("a token");
    let asked = support::agent().get(server.url("/v1/public/x%0AFORGED%20line"));
    let refused = asked.header("authorization", format!("Bearer {token}")).call().expect("answered");
    assert_eq!(refused.status().as_u16(), 403);
    let files = std::fs::read_dir(logs.path()).expect("logs").map(|file| file.expect("a file").path());
    let text: String = files.map(|file| std::fs::read_to_string(file).expect("text")).collect();
    assert!(text.contains("FORGED line"), "the refusal is on record: {text}");
    assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{text}");
}
