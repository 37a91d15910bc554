//! The running host, asked over HTTP as its users do: what is taken, what is refused, and what survives.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{self, Server, signal, warning};
use serde_json::{Value as Json, json};

const EVENTS: &str = "/v1/districts/yunhe/events";
const STRUCTURED: &str = "application/cloudevents+json";

fn city(examples: &tempfile::TempDir) -> PathBuf {
    examples.path().join("yunhe")
}

fn seq(server: &Server) -> u64 {
    server.get("/v1/districts/yunhe")["seq"].as_u64().expect("a position")
}

/// Waits until something holds; gives up when it clearly will not.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never happened: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Name of the problem, path, content type, body, status, field at fault.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [u8], u16, Json);

#[test]
fn bad_input_is_named_and_leaves_no_trace() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[city(&examples)]);
    let before = seq(&server);
    let year_9999 =
        json!({"specversion": "1.0", "id": "x", "source": "s", "type": "t", "time": "9999-01-01T00:00:00Z"});
    let no_type = json!({"specversion": "1.0", "id": "x", "source": "s"});
    let large = vec![b'a'; 10_000_000];
    let cases: [Case<'_>; 7] = [
        ("not-json", EVENTS, STRUCTURED, b"{nonsense", 400, Json::Null),
        ("not-a-cloudevent", EVENTS, STRUCTURED, b"[1]", 400, Json::Null),
        ("not-a-cloudevent", EVENTS, STRUCTURED, &no_type.to_string().into_bytes(), 400, json!("type")),
        ("not-a-cloudevent", EVENTS, STRUCTURED, &year_9999.to_string().into_bytes(), 400, json!("time")),
        (
            "unknown-district",
            "/v1/districts/nowhere/events",
            STRUCTURED,
            &signal("x", "990100").to_string().into_bytes(),
            404,
            Json::Null,
        ),
        ("unsupported-media-type", EVENTS, "text/plain", b"hello", 415, Json::Null),
        ("too-large", EVENTS, STRUCTURED, &large, 413, Json::Null),
    ];
    for (name, path, content, body, status, field) in cases {
        let (answered, kind, problem) = server.post(path, content, body);
        assert_eq!(answered, status, "{name}: {problem}");
        assert_eq!(kind, "application/problem+json", "{name}");
        assert_eq!(problem["type"], format!("urn:muster:problem:{name}"), "{problem}");
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    }
    assert_eq!(seq(&server), before, "a refused event left an entry");
}

#[test]
fn a_request_that_makes_no_sense_is_answered_as_a_problem() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[city(&examples)]);
    for (path, status) in [
        ("/v1/districts/yunhe/entries/first", 400),
        ("/v1/districts/yunhe/entries?limit=many", 400),
        ("/v1/districts/yunhe/events", 405),
        ("/v1/nowhere", 404),
    ] {
        let mut response = support::agent().get(server.url(path)).call().expect("an answer");
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Json = response.body_mut().read_json().expect("JSON");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{path}: {problem}");
    }
}

#[test]
fn a_duplicate_gets_the_first_receipt_and_changes_nothing() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[city(&examples)]);
    let (_, first) = server.send("yunhe", &warning("w-1", "990100", "red"));
    let incidents = server.get("/v1/districts/yunhe/incidents");
    let (status, again) = server.send("yunhe", &warning("w-1", "990100", "red"));
    assert_eq!((status, &again["seq"], &again["hash"]), (200, &first["seq"], &first["hash"]));
    assert_eq!((&first["duplicate"], &again["duplicate"]), (&json!(false), &json!(true)));
    assert_eq!(server.get("/v1/districts/yunhe/incidents"), incidents);
}

#[test]
fn all_three_modes_of_cloudevents_are_taken_and_explained() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[city(&examples)]);
    let (status, _) = server.send("yunhe", &warning("m-1", "990100", "red"));
    assert_eq!(status, 200);
    let mut response = support::agent()
        .post(server.url("/v1/events"))
        .content_type("application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", "m-2")
        .header("ce-source", "urn:test:%E7%BD%91%E6%A0%BC")
        .header("ce-type", "gov.muster.signal.reported")
        .header("ce-jurisdiction", "990103901005")
        .send(r#"{"kind":"ponding","depth_cm":18}"#)
        .expect("answered");
    assert_eq!(response.status(), 200);
    let receipt: Json = response.body_mut().read_json().expect("a receipt");
    assert_eq!(receipt["facts"]["task.opened"], 1, "{receipt}");
    let batch = json!([signal("m-3", "990102"), {"id": "broken"}, signal("m-4", "990102")]);
    let (status, _, answers) = server.post(EVENTS, "application/cloudevents-batch+json", batch.to_string().as_bytes());
    assert_eq!(status, 200);
    assert_eq!(answers[0]["receipt"]["duplicate"], false, "{answers}");
    assert_eq!(answers[1]["problem"]["field"], "specversion", "{answers}");
    assert_eq!(answers[2]["receipt"]["duplicate"], false, "{answers}");
    let explained = server.get(&format!("/v1/districts/yunhe/entries/{}/explanation", receipt["seq"]));
    assert_eq!(explained["happened"]["event"]["source"], "urn:test:网格");
    let asked: Vec<&str> =
        explained["asked"].as_array().expect("calls").iter().filter_map(|call| call["role"].as_str()).collect();
    assert_eq!(asked, ["triage", "escalation", "oversight"]);
    let rules: Vec<&Json> =
        explained["took_effect"].as_array().expect("facts").iter().map(|fact| &fact["because"]["rule"]).collect();
    assert!(rules.contains(&&json!("P")), "{explained}");
}

#[test]
fn what_was_acknowledged_survives_kill_minus_nine() {
    let rounds: usize = std::env::var("MUSTER_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let acknowledged: Arc<Mutex<BTreeMap<u64, (String, Json)>>> = Arc::default();
    for round in 0..rounds {
        let server = Server::start(data.path(), &[city(&examples)]);
        check(&server, &acknowledged);
        let url = server.url(EVENTS);
        let senders: Vec<_> = (0..64)
            .map(|sender| {
                let (url, acknowledged) = (url.clone(), Arc::clone(&acknowledged));
                thread::spawn(move || load(&url, round, sender, &acknowledged))
            })
            .collect();
        let known = acknowledged.lock().expect("no holder panics").len();
        until("some receipts", || acknowledged.lock().expect("no holder panics").len() > known + 40);
        server.kill();
        for sender in senders {
            sender.join().expect("a sender ends with its host");
        }
    }
    let server = Server::start(data.path(), &[city(&examples)]);
    check(&server, &acknowledged);
    println!("{} rounds, {} receipts, all found", rounds, acknowledged.lock().expect("no holder panics").len());
}

/// Sends until the host is gone, and keeps every receipt.
fn load(url: &str, round: usize, sender: usize, acknowledged: &Mutex<BTreeMap<u64, (String, Json)>>) {
    let agent = support::agent();
    for number in 0.. {
        let id = format!("{round}-{sender}-{number}");
        let sent = agent.post(url).content_type(STRUCTURED).send(signal(&id, "990103901").to_string());
        let Ok(mut response) = sent else { return };
        let Ok(receipt) = response.body_mut().read_json::<Json>() else { return };
        if response.status() == 200 {
            let seq = receipt["seq"].as_u64().expect("a position");
            acknowledged.lock().expect("no holder panics").insert(seq, (id, receipt["hash"].clone()));
        }
    }
}

/// Every receipt stands at its position, with its hash and its event.
fn check(server: &Server, acknowledged: &Mutex<BTreeMap<u64, (String, Json)>>) {
    let mut found = BTreeMap::new();
    let mut from = Some(1);
    while let Some(next) = from {
        let page = server.get(&format!("/v1/districts/yunhe/entries?from={next}&limit=500"));
        for row in page["entries"].as_array().expect("entries") {
            let event = &row["entry"]["cause"]["event"]["id"];
            found.insert(row["entry"]["seq"].as_u64().expect("a position"), (event.clone(), row["hash"].clone()));
        }
        from = page["next"].as_u64();
    }
    for (seq, (id, hash)) in acknowledged.lock().expect("no holder panics").iter() {
        assert_eq!(found.get(seq), Some(&(json!(id), hash.clone())), "entry {seq} was acknowledged and is gone");
    }
}

/// What is in force, without the counters beside it.
fn in_force(status: &Json) -> Json {
    let mut policies = status["policies"].clone();
    for policy in policies.as_array_mut().expect("policies") {
        let policy = policy.as_object_mut().expect("a policy");
        policy.remove("fallbacks");
        policy.remove("nearest_limit");
    }
    policies
}

#[test]
fn settings_change_between_two_events_and_a_broken_file_changes_nothing() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[city(&examples)]);
    let (_, receipt) = server.send("yunhe", &warning("r-0", "990100", "red"));
    assert!(receipt["facts"]["incident.opened"].is_number(), "{receipt}");
    let file = examples.path().join("ref-v1/settings/escalation.toml");
    let good = fs::read_to_string(&file).expect("text");
    let (_, receipt) = server.send("yunhe", &signal("r-1", "990103901"));
    assert_eq!(receipt["facts"]["task.opened"], 1, "18 cm are above 15: {receipt}");

    // A flow of events that must never be refused while the rules change.
    let url = server.url(EVENTS);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flowing = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let agent = support::agent();
            let mut sent = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let event = signal(&format!("flow-{sent}"), "990182").to_string();
                let response = agent.post(&url).content_type(STRUCTURED).send(event).expect("answered");
                assert_eq!(response.status(), 200, "an event was refused during a reload");
                sent += 1;
            }
            sent
        })
    };
    let activated = |server: &Server| in_force(&server.get("/v1/districts/yunhe"));
    let before = activated(&server);
    fs::write(&file, good.replace("at_least = 15\n", "at_least = 20\n")).expect("written");
    until("the new settings are in force", || activated(&server) != before);
    let (_, receipt) = server.send("yunhe", &signal("r-2", "990102901"));
    assert_eq!(receipt["facts"]["task.opened"], Json::Null, "18 cm are below the new 20: {receipt}");

    let before_the_broken_file = activated(&server);
    fs::write(&file, "at_least = = nonsense").expect("written");
    until("the problem is shown", || !server.get("/v1/districts/yunhe")["reload_problem"].is_null());
    let status = server.get("/v1/districts/yunhe");
    let problem = status["reload_problem"].as_str().expect("a reason");
    assert!(problem.contains("escalation.toml") && problem.contains("line 1"), "{problem}");
    assert_eq!(in_force(&status), before_the_broken_file, "the broken file changed something");
    let (code, _) = server.send("yunhe", &signal("r-3", "990105902"));
    assert_eq!(code, 200);

    fs::write(&file, good).expect("written");
    until("the problem is gone", || server.get("/v1/districts/yunhe")["reload_problem"].is_null());
    until("the first settings are in force again", || activated(&server) == before);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(flowing.join().expect("the flow ended well") > 0);
}

#[test]
fn a_hostile_policy_costs_only_itself() {
    let examples = support::examples();
    let quiet = city(&examples);
    let loud = examples.path().join("loud");
    fs::create_dir_all(loud.join("packages")).expect("made");
    fs::write(loud.join("packages/hostile.wasm"), muster_testkit::guests::hostile("hostile").as_slice())
        .expect("written");
    let behaviours = ["endless_loop", "memory_bomb", "trap", "million_effects"];
    let text = fs::read_to_string(quiet.join("district.toml")).expect("text");
    let text = text.replace("district = \"yunhe\"", "district = \"loud\"").replace(
        "[policies.triage]\nsettings = [\"settings/triage.toml\"]",
        "[policies.escalation]\npackage = \"packages/hostile.wasm\"\nsettings = [\"hostile.toml\"]",
    );
    fs::write(loud.join("hostile.toml"), "behaviour = \"endless_loop\"\n").expect("written");
    fs::write(loud.join("district.toml"), text).expect("written");
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[quiet, loud.clone()]);
    for (number, behaviour) in behaviours.into_iter().enumerate() {
        let before = server.get("/v1/districts/loud")["policies"].clone();
        if number > 0 {
            fs::write(loud.join("hostile.toml"), format!("behaviour = \"{behaviour}\"\n")).expect("written");
            until("the behaviour is in force", || server.get("/v1/districts/loud")["policies"] != before);
        }
        let (status, receipt) = server.send("loud", &warning(&format!("h-{behaviour}"), "990100", "red"));
        assert_eq!(status, 200, "{behaviour}: {receipt}");
        assert_eq!(receipt["answered"]["escalation"], "fallback", "{behaviour}: {receipt}");
        assert_eq!(receipt["facts"]["policy.failed"], 1, "{behaviour}: {receipt}");
        assert_eq!(receipt["facts"]["notice.sent"], 1, "the duty posts are told: {receipt}");
        let (status, receipt) = server.send("yunhe", &warning(&format!("q-{behaviour}"), "990100", "red"));
        assert_eq!((status, &receipt["facts"]["policy.failed"]), (200, &Json::Null), "{receipt}");
    }
}

#[test]
fn the_stream_of_entries_resumes_where_it_ended() {
    use std::io::{BufRead, BufReader};
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[city(&examples)]);
    let last = seq(&server);
    let response = support::agent()
        .get(server.url("/v1/districts/yunhe/stream"))
        .header("last-event-id", "2")
        .call()
        .expect("answered");
    server.send("yunhe", &warning("s-1", "990100", "red"));
    let ids = BufReader::new(response.into_body().into_reader())
        .lines()
        .filter_map(|line| line.ok()?.strip_prefix("id: ")?.parse::<u64>().ok());
    let seen: Vec<u64> = ids.take(usize::try_from(last - 1).expect("small")).collect();
    assert_eq!(seen, (3..=last + 1).collect::<Vec<_>>());
}

#[test]
fn a_lost_view_is_rebuilt_and_a_stopped_host_comes_back_the_same() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[city(&examples)]);
    for number in 0..20 {
        server.send("yunhe", &warning(&format!("v-{number}"), "990100", "orange"));
    }
    let before = server.get("/v1/districts/yunhe");
    server.stop();
    let server = Server::start(data.path(), &[city(&examples)]);
    assert_eq!(server.get("/v1/districts/yunhe")["state"], before["state"], "from the view");
    server.stop();
    fs::remove_dir_all(data.path().join("view")).expect("removed");
    fs::create_dir(data.path().join("view")).expect("made");
    fs::write(data.path().join("view/db"), [0xa5; 5_000]).expect("garbage");
    let server = Server::start(data.path(), &[city(&examples)]);
    assert_eq!(server.get("/v1/districts/yunhe")["state"], before["state"], "from the journal");
}
