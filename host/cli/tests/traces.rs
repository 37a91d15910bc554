//! Entries as spans at a collector: by their own hashes, complete, and never in anybody's way.

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value as Json;
use support::{Server, examples, signal};

/// A request as it came: its head, and its spans.
type Came = (String, Vec<Json>);

/// A collector that speaks OTLP over HTTP in its JSON form.
fn collector(status: &'static str) -> (u16, Receiver<Came>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, came) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || answer(&stream, status, &tell));
        }
    });
    (port, came)
}

fn answer(stream: &TcpStream, status: &str, tell: &Sender<Came>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0_usize);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&lower);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let body: Json = serde_json::from_slice(&body).expect("JSON");
        let resource = &body["resourceSpans"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "muster");
        let spans = resource["scopeSpans"][0]["spans"].as_array().expect("spans").clone();
        drop(tell.send((head, spans)));
        let mut stream = stream;
        if write!(stream, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}")
            .is_err()
        {
            return;
        }
    }
}

/// A span's attributes, as text.
fn attributes(span: &Json) -> BTreeMap<String, String> {
    let rows = span["attributes"].as_array().expect("attributes").iter();
    rows.map(|row| {
        let value = &row["value"];
        let value = value["stringValue"].as_str().or(value["intValue"].as_str()).expect("a text or a number");
        (row["key"].as_str().expect("a key").to_owned(), value.to_owned())
    })
    .collect()
}

/// A host that tells its collector, by its settings.
fn host(folder: &std::path::Path, traces: &str) -> (tempfile::TempDir, Server) {
    let cities = examples();
    let city = cities.path().join("yunhe");
    let settings = folder.join("muster.toml");
    let text = format!(
        "data = \"data\"\ndistricts = [\"{}\"]\n[access]\ndevelopment = true\n[traces]\n{traces}\n",
        city.display()
    );
    std::fs::write(&settings, text).expect("written");
    (cities, Server::configured(&settings))
}

#[test]
fn every_entry_is_told_by_its_own_hash_with_what_its_policies_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, came) = collector("200 OK");
    std::fs::write(folder.path().join("token"), "of-the-collector\n").expect("written");
    let mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("token"), mine).expect("closed");
    let traces = format!("endpoint = \"http://127.0.0.1:{port}/v1/traces\"\ntoken = \"file:token\"");
    let (_cities, server) = host(folder.path(), &traces);
    let sent: Vec<String> = (0..20).map(|number| format!("trace-{number}")).collect();
    for id in &sent {
        let (status, _) = server.send("yunhe", &signal(id, "990103901"));
        assert_eq!(status, 200);
    }
    let mut told = BTreeMap::new();
    while told.len() < sent.len() {
        let (head, spans) = came.recv_timeout(Duration::from_secs(30)).expect("all are told");
        assert!(head.starts_with("post /v1/traces"), "{head}");
        assert!(head.contains("authorization: bearer of-the-collector"), "{head}");
        for span in spans {
            let said = attributes(&span);
            if let Some(id) = said.get("cloudevents.event_id") {
                assert!(told.insert(id.clone(), (span, said)).is_none(), "told twice");
            }
        }
    }
    for id in &sent {
        let (span, said) = &told[id];
        let entry = server.get(&format!("/v1/districts/yunhe/entries/{}", said["muster.entry.seq"]));
        let hash = entry["hash"].as_str().expect("a hash");
        assert_eq!(said["muster.entry.hash"], hash);
        assert_eq!(span["traceId"], hash[..32]);
        assert_eq!(span["spanId"], hash[32..48]);
        assert_eq!(entry["entry"]["cause"]["event"]["id"], id.as_str());
        let calls = entry["entry"]["calls"].as_array().expect("calls");
        let events = span["events"].as_array().expect("events");
        assert_eq!(events.len(), calls.len());
        let fuel = attributes(&events[0])["muster.fuel"].clone();
        assert_eq!(fuel, calls[0]["fuel"].to_string());
        let moment = |field: &str| span[field].as_str().expect("text").parse::<u64>().expect("a moment");
        assert!(moment("startTimeUnixNano") <= moment("endTimeUnixNano"));
    }
    // The first entries of the district were made before anybody followed; from then on, none is missing.
    assert!(server.text("/metrics").contains("muster_trace_spans_total{outcome=\"sent\"}"));
    server.stop();
}

#[test]
fn a_collector_that_takes_nothing_costs_nobody_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, came) = collector("503 Service Unavailable");
    let (_cities, server) = host(folder.path(), &format!("endpoint = \"http://127.0.0.1:{port}/v1/traces\""));
    for number in 0..5 {
        let (status, receipt) = server.send("yunhe", &signal(&format!("deaf-{number}"), "990103901"));
        assert_eq!(status, 200, "{receipt}");
    }
    came.recv_timeout(Duration::from_secs(30)).expect("it was told");
    while !server.text("/metrics").contains("muster_trace_spans_total{outcome=\"failed\"}") {
        std::thread::sleep(Duration::from_millis(20));
    }
    server.stop();
}

#[test]
fn a_share_that_is_no_share_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("muster.toml");
    let text = "data = \"data\"\ndistricts = [\"d\"]\n\n[traces]\nendpoint = \"http://127.0.0.1:1\"\npermille = 0\n";
    std::fs::write(&settings, text).expect("written");
    let (fine, said) = support::muster(&["check", settings.to_str().expect("UTF-8")]);
    assert!(!fine && said.contains("muster.toml:4") && said.contains("1 to 1000"), "{said}");
}
