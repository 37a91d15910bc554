//! What was decided reaches who must hear of it, asked of the real binary and a real receiver: over an outage, over a
//! power cut, and where it cannot, that is said and can be made good.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::receiver::{Receiver, SECRET};
use crate::support::{self, Server, muster, signal, warning};
use serde_json::{Value as Json, json};

/// Waits until something holds; gives up when it clearly will not.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(2), "never happened: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A host with an example city and one recipient that is told by webhook.
pub(crate) struct Scene {
    pub(crate) examples: tempfile::TempDir,
    pub(crate) data: tempfile::TempDir,
    pub(crate) receiver: Receiver,
    pub(crate) settings: PathBuf,
}

impl Scene {
    pub(crate) fn new(limits: &str, subscription: &str) -> Self {
        let examples = support::examples();
        let data = tempfile::tempdir().expect("a folder");
        let receiver = Receiver::start();
        let secret = examples.path().join("hook.key");
        fs::write(&secret, SECRET).expect("written");
        let settings = examples.path().join("muster.toml");
        let text = format!(
            "[outbox]\nallow_addresses = [\"loopback\"]\n\
             [outbox.limits]\npause_milliseconds = 10\npause_max_seconds = 1\ncircuit_seconds = 1\n\
             circuit_max_seconds = 1\n{limits}\n\
             [[outbox.recipient]]\nname = \"city-platform\"\nlanguage = \"zh\"\nfrom_beginning = true\n\
             [[outbox.recipient.channel]]\nname = \"hook\"\nwebhook.url = \"http://127.0.0.1:{}/hook\"\n\
             webhook.secrets = [\"file:{}\"]\n\
             [[outbox.subscription]]\nrecipient = \"city-platform\"\n{subscription}\n",
            receiver.port,
            secret.display()
        );
        fs::write(&settings, text).expect("written");
        Self { examples, data, receiver, settings }
    }

    pub(crate) fn start(&self) -> Server {
        let settings = self.settings.display().to_string();
        let city = self.examples.path().join("yunhe");
        Server::start_with(self.data.path(), &[city], &["--outbox", &settings])
    }

    /// The events of the rainstorm, in order.
    fn rainstorm(&self) -> Vec<Json> {
        let stream = self.examples.path().join("yunhe/streams/rainstorm.jsonl");
        let text = fs::read_to_string(stream).expect("a stream");
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }
}

pub(crate) fn send(server: &Server, events: &[Json]) {
    for event in events {
        let (status, answer) = server.send("yunhe", event);
        assert_eq!(status, 200, "{answer}");
    }
}

/// Identities and facts of all that must be told, from the journal itself.
fn decided(server: &Server, told: impl Fn(&str) -> bool) -> Vec<(String, Json)> {
    let (mut found, mut from) = (Vec::new(), 1);
    loop {
        let page = server.get(&format!("/v1/districts/yunhe/entries?from={from}&limit=500"));
        for row in page["entries"].as_array().expect("entries") {
            let entry = &row["entry"];
            for (index, fact) in entry["facts"].as_array().expect("facts").iter().enumerate() {
                let (kind, body) = fact.as_object().and_then(|fact| fact.iter().next()).expect("a fact");
                if told(kind) {
                    let mark = row["hash"].as_str().and_then(|hash| hash.get(..8)).expect("a hash");
                    found.push((format!("yunhe/{}-{mark}/{index}/city-platform", entry["seq"]), body.clone()));
                }
            }
        }
        match page["next"].as_u64() {
            Some(next) => from = next,
            None => return found,
        }
    }
}

fn identities(decided: &[(String, Json)]) -> Vec<String> {
    decided.iter().map(|(id, _)| id.clone()).collect()
}

/// What the lines of Python in the documentation say of a request.
fn by_the_book(headers: &BTreeMap<String, String>, body: &str) -> String {
    let text = fs::read_to_string(support::root().join("docs/outbox.md")).expect("the documentation");
    let lines = text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("lines of Python");
    let asked = json!([SECRET, headers, body]).to_string();
    let call = "import json, sys\nsecret, headers, body = json.loads(sys.argv[1])\nprint(verify(secret, headers, body.encode()))";
    let output = Command::new("python3").args(["-c", &format!("{lines}\n{call}"), &asked]).output();
    let output = output.expect("python3 is needed for this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `muster outbox …` against a host.
fn outbox(server: &Server, arguments: &[&str]) -> (bool, String) {
    let url = server.url("");
    muster(&[&["--server", &url, "outbox"], arguments].concat())
}

fn json(said: (bool, String)) -> Json {
    assert!(said.0, "{}", said.1);
    serde_json::from_str(&said.1).expect("JSON")
}

/// What the status says of the outbox, all of it.
fn degraded(server: &Server) -> String {
    let status = server.get("/v1/status");
    let rows = status["degraded"].as_array().expect("rows").clone();
    let of_outbox = rows.iter().filter(|row| row["part"] == "outbox").map(|row| row["words"].to_string());
    of_outbox.collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_arrives_in_order_over_an_outage_and_a_power_cut() {
    let scene = Scene::new("", "facts = [\"*\"]");
    let receiver = &scene.receiver;
    let events = scene.rainstorm();
    receiver.answer_with(|_| 500);
    let server = scene.start();
    send(&server, &events[..8]);
    until("attempts at a receiver that is down", || receiver.answered(500) >= 3);
    let status = json(outbox(&server, &["status", "--output", "json"]));
    let row = &status["recipients"][0];
    assert!(row["queued"].as_u64().is_some_and(|queued| queued > 5), "{status}");
    assert_eq!(row["dead"], 0, "{status}");
    assert!(receiver.taken().is_empty());
    assert!(decided(&server, |_| true).len() > 5, "the storm is decided on");

    // It comes back, slow enough that the host dies among its messages.
    receiver.answer_with(|_| {
        thread::sleep(Duration::from_millis(5));
        200
    });
    until("the first messages", || receiver.taken().len() >= 5);
    let at_death = receiver.taken().len();
    let promised = identities(&decided(&server, |_| true));
    server.kill();
    assert!(at_death < promised.len(), "it died in the middle");

    receiver.answer_with(|_| 200);
    let server = scene.start();
    send(&server, &events[8..16]);
    let mut expected = Vec::new();
    until("all that was decided", || {
        expected = decided(&server, |_| true);
        receiver.taken().len() >= expected.len()
    });
    assert_eq!(receiver.taken(), identities(&expected), "all of it, each once, in the order of the journal");
    assert!(expected.len() > promised.len());
    let desk = receiver.desk.lock().expect("no holder panics");
    assert_eq!(desk.unsigned, Vec::<String>::new());
    let (headers, body) = desk.newest.clone().expect("a request");
    assert_eq!(by_the_book(&headers, &body), "True", "as docs/outbox.md verifies it");
    assert_eq!(by_the_book(&headers, &format!("{body} ")), "False", "another body");
    for (message, (id, fact)) in desk.taken.iter().zip(&expected) {
        assert_eq!(&message["data"]["fact"], fact, "{id}: the fact as the journal has it");
        let text = message["data"]["text"].as_str().expect("a text");
        assert!(text.chars().any(|one| one > '\u{4e00}'), "in the recipient's language: {text}");
    }
    println!("{} messages, {} repeats that their identity gave away", desk.taken.len(), desk.repeats);
    drop(desk);

    let text = server.text("/metrics");
    assert!(text.contains("muster_outbox_pending{recipient=\"city-platform\"} 0"), "{text}");
    assert!(text.contains("muster_outbox_dead_letters{recipient=\"city-platform\"} 0"), "{text}");
    assert!(text.contains("muster_outbox_attempts_total{outcome=\"delivered\"}"), "{text}");
    assert_eq!(degraded(&server), "");
    server.stop();
}

#[test]
fn an_endpoint_that_is_gone_is_switched_off_and_on_again_by_a_person() {
    let scene = Scene::new("", "facts = [\"task.opened\"]");
    let receiver = &scene.receiver;
    receiver.answer_with(|_| 410);
    let server = scene.start();
    send(&server, &[warning("w-1", "990100", "orange"), signal("s-1", "990103901005"), signal("s-2", "990102")]);
    until("it is said", || degraded(&server).contains("`hook`"));
    let (_, chinese) = outbox(&server, &["status", "--lang", "zh"]);
    assert!(chinese.contains("city-platform：待发") && chinese.contains("hook：已关闭"), "{chinese}");
    let (_, english) = outbox(&server, &["status", "--lang", "en"]);
    assert!(english.contains("! hook: switched off since"), "{english}");
    let (_, whole) = muster(&["--server", &server.url(""), "status"]);
    assert!(whole.contains("outbox: city-platform: ") && whole.contains("! channel `hook`"), "{whole}");
    assert_eq!(receiver.answered(410), 1, "it is left alone");

    // Also after a restart.
    server.stop();
    let server = scene.start();
    until("it is still said", || degraded(&server).contains("410"));
    receiver.answer_with(|_| 200);
    let (enabled, said) = outbox(&server, &["enable", "city-platform", "hook", "--by", "li", "--reason", "moved back"]);
    assert!(enabled && said.contains("is switched on again"), "{said}");
    let expected = identities(&decided(&server, |kind| kind == "task.opened"));
    assert!(!expected.is_empty());
    until("what waited", || receiver.taken().len() >= expected.len());
    assert_eq!(receiver.taken(), expected);
    assert_eq!(degraded(&server), "");
    let (again, said) = outbox(&server, &["enable", "city-platform", "hook", "--by", "li"]);
    assert!(!again && said.contains("is not switched off"), "{said}");
}

#[test]
fn a_dead_letter_is_told_to_the_district_once_listed_and_replayed() {
    let scene = Scene::new("", "facts = [\"*\"]");
    let receiver = &scene.receiver;
    // It takes everything but tasks, and nothing that has to do with deliveries.
    receiver.answer_with(|event| if event["type"] == "gov.muster.task.opened" { 422 } else { 200 });
    let server = scene.start();
    send(&server, &[warning("w-1", "990100", "orange"), signal("s-1", "990103901005")]);
    let listed = || json(outbox(&server, &["dead-letters", "--recipient", "city-platform", "--output", "json"]));
    until("a dead letter", || listed()["dead_letters"].as_array().is_some_and(|letters| !letters.is_empty()));
    let told = || {
        let entries = server.get("/v1/districts/yunhe/entries?limit=500");
        let entries = entries["entries"].as_array().expect("entries").clone();
        let of_ours = entries.iter().filter(|row| row["entry"]["cause"]["event"]["source"] == "urn:muster:outbox");
        of_ours.map(|row| row["entry"]["cause"]["event"]["subject"].clone()).collect::<Vec<_>>()
    };
    until("the district is told", || !told().is_empty());
    let letters = listed();
    let letter = &letters["dead_letters"][0];
    let id = letter["id"].as_str().expect("an identity").to_owned();
    assert_eq!(letter["fact"], "task.opened");
    assert!(letter["reason"]["zh"].as_str().is_some_and(|words| words.contains("返回 422")), "{letter}");
    assert!(told().contains(&json!(id)));
    assert!(degraded(&server).contains("dead letters"), "{}", degraded(&server));
    assert!(server.text("/metrics").contains("muster_outbox_attempts_total{outcome=\"refused\"}"));
    let (_, chinese) = outbox(&server, &["dead-letters", "--lang", "zh"]);
    assert!(chinese.contains(&id) && chinese.contains("列为死信"), "{chinese}");

    // What the signal made was told as well, and what of it reached nobody made no other signal.
    until("all else is through", || {
        let status = json(outbox(&server, &["status", "--output", "json"]));
        status["recipients"][0]["queued"] == 0 && status["recipients"][0]["entries_behind"] == 0
    });
    let mut owed: Vec<Json> = Vec::new();
    for letter in listed()["dead_letters"].as_array().expect("letters") {
        let entry = server.get(&format!("/v1/districts/yunhe/entries/{}", letter["entry"]));
        if entry["entry"]["cause"]["event"]["source"] != "urn:muster:outbox" {
            owed.push(letter["id"].clone());
        }
    }
    until("each is told of once", || told().len() >= owed.len());
    assert_eq!(told(), owed);

    receiver.answer_with(|_| 200);
    let (gone, said) = outbox(&server, &["discard", &id, "--by", "li"]);
    assert!(!gone && said.contains("--reason"), "{said}");
    let ids: Vec<String> = listed()["dead_letters"]
        .as_array()
        .expect("letters")
        .iter()
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    let mut arguments = vec!["replay", "--by", "li", "--lang", "zh"];
    arguments.extend(ids.iter().map(String::as_str));
    let (replayed, said) = outbox(&server, &arguments);
    assert!(replayed && said.contains("将重发"), "{said}");
    until("they are through", || listed()["dead_letters"].as_array().is_some_and(Vec::is_empty));
    assert!(receiver.taken().contains(&id));
    assert_eq!(degraded(&server), "");
    let (again, said) = outbox(&server, &["replay", &id, "--by", "li"]);
    assert!(!again && said.contains("there is no dead letter"), "{said}");
}

#[test]
fn settings_that_do_not_hold_together_are_named_and_nothing_starts() {
    let scene = Scene::new("", "facts = [\"callout.typo\"]");
    let settings = scene.settings.display().to_string();
    let city = scene.examples.path().join("yunhe");
    let start = |data: &Path| Server::try_start(data, std::slice::from_ref(&city), &["--outbox", &settings]);
    let said = start(scene.data.path()).err().expect("it does not start");
    assert!(said.contains("outbox.subscription[0].facts[0]") && said.contains("callout.typo"), "{said}");

    // A journal that lost its end would let what comes in its place pass as told.
    let scene = Scene::new("", "facts = [\"*\"]");
    let server = scene.start();
    send(&server, &[warning("w-1", "990100", "orange")]);
    until("it is through", || {
        !scene.receiver.taken().is_empty()
            && server.text("/metrics").contains("muster_outbox_pending{recipient=\"city-platform\"} 0")
    });
    server.stop();
    for part in ["journal", "view", "checkpoints"] {
        drop(fs::remove_dir_all(scene.data.path().join(part)));
    }
    let settings = scene.settings.display().to_string();
    let city = scene.examples.path().join("yunhe");
    let said =
        Server::try_start(scene.data.path(), &[city], &["--outbox", &settings]).err().expect("it does not start");
    assert!(said.contains("the journal ends at") && said.contains("outbox"), "{said}");
}

#[test]
fn a_host_without_an_outbox_says_so() {
    let examples = support::examples();
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &[examples.path().join("yunhe")]);
    let (known, said) = outbox(&server, &["status"]);
    assert!(!known && said.contains("--outbox FILE"), "{said}");
    let (status, kind, problem) = server.post("/v1/outbox/messages/x/replay", "application/json", br#"{"by":"li"}"#);
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"), "{problem}");
}
