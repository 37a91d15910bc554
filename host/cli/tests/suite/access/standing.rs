//! How the host stands, and who is told what of it: those who run it hear all, and the counters say the same; others hear of
//! what is theirs.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::access::fortress::Fortress;
use crate::support::receiver::SECRET;

const DISTRICTS: &str = "/v1/districts";

/// A disk without enough room, a broker that is not there, and a recipient to whom nothing is to be said yet.
fn settings(secret: &std::path::Path) -> String {
    format!(
        r#"low_space_mebibytes = 1000000000

[outbox]
allow_addresses = ["loopback"]

[[outbox.recipient]]
name = "city-platform"
language = "zh"

[[outbox.recipient.channel]]
name = "hook"
webhook.url = "http://127.0.0.1:1/hook"
webhook.secrets = ["file:{}"]

[[outbox.subscription]]
recipient = "city-platform"
facts = ["task.opened"]

[mqtt.gauges]
broker = "127.0.0.1"
port = 1
client_id = "muster-tests"
source = "urn:iot:gauges"
district = "yunhe"

[[mqtt.gauges.topic]]
pattern = "city/{{area}}/level"

[mqtt.gauges.topic.mapping]
kind = "ponding"
hazard = "rainstorm"
id = ["number"]
place = {{ field = "topic.area" }}
fields.depth_cm = {{ field = "depth", unit = "cm", required = true }}
"#,
        secret.display()
    )
}

/// What is told of degraded parts: each with its district.
fn degraded(standing: &Json) -> Vec<(String, Json)> {
    let rows = standing["degraded"].as_array().unwrap_or_else(|| panic!("no rows: {standing}"));
    rows.iter().map(|row| (row["part"].as_str().expect("a part").to_owned(), row["district"].clone())).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never happened: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_concerns_the_host_is_told_to_those_who_run_it_and_counted() {
    let keys = tempfile::tempdir().expect("a folder");
    let secret = keys.path().join("hook.key");
    std::fs::write(&secret, SECRET).expect("written");
    let host = Fortress::start(&settings(&secret));
    let commander = |name: &str, district: &str, node: &str| {
        host.issue(name, json!([{"role": "commander", "district": district, "node": node}]), &[])
    };
    let (here, abroad) = (commander("li", "yunhe", "990100"), commander("wang", "lanzhu", "970100"));
    std::fs::write(host.cities.path().join("yunhe/district.toml"), "broken = ").expect("written");
    let asked = |token: &str| {
        let answer = host.get(DISTRICTS, Some(token));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    };
    let parts = || degraded(&asked(&host.operator)).into_iter().map(|(part, _)| part).collect::<Vec<_>>();
    until("everything that is wrong is told of", || {
        let parts = parts();
        ["space", "mqtt", "folder"].iter().all(|wrong| parts.iter().any(|part| part == wrong))
    });
    assert_eq!(asked(&host.operator)["outbox"][0]["recipient"], "city-platform");

    // Whoever reads a district hears of that district.
    let told = asked(&here);
    assert_eq!(degraded(&told), [("folder".to_owned(), json!("yunhe"))], "{told}");
    assert_eq!((&told["outbox"], &told["healthy"]), (&Json::Null, &json!(true)), "{told}");
    let told = asked(&abroad);
    assert_eq!((degraded(&told), &told["outbox"]), (Vec::new(), &Json::Null), "{told}");

    // The counters and the status say the same.
    let mut said: BTreeMap<String, u64> = BTreeMap::new();
    for (part, _) in degraded(&host.get("/v1/status", Some(&host.operator)).body) {
        *said.entry(part).or_default() += 1;
    }
    let text = host.metrics();
    let counted = text.lines().filter_map(|line| line.strip_prefix("muster_degraded{part=\"")?.split_once("\"} "));
    let counted: BTreeMap<String, u64> =
        counted.map(|(part, count)| (part.to_owned(), count.parse().expect("a count"))).collect();
    assert_eq!(counted, said, "{text}");
    let certificate = "muster_tls_certificate_expires_timestamp_seconds ";
    assert!(!text.lines().any(|line| line.starts_with(certificate)), "there is no certificate: {text}");
}

#[test]
fn the_past_is_folded_for_those_only_who_may_read_it() {
    let host = Fortress::start("");
    let reporter = host.issue("rita", json!([{"role": "reporter", "district": "yunhe", "node": "990103"}]), &[]);
    let foreigner = host.issue("wang", json!([{"role": "commander", "district": "lanzhu", "node": "970100"}]), &[]);
    let commander = host.issue("li", json!([{"role": "commander", "district": "yunhe", "node": "990103"}]), &[]);
    let folded = || {
        let text = host.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix("muster_past_states_total "));
        line.unwrap_or_else(|| panic!("it is not counted: {text}")).parse::<u64>().expect("a count")
    };
    let past = |what: &str| format!("/v1/districts/yunhe/{what}?as_of=1");
    for token in [&reporter, &foreigner] {
        for what in ["incidents/i-000000001-1", "registers/tasks", "findings"] {
            let answer = host.get(&past(what), Some(token));
            assert_eq!(answer.status, 403, "{what}: {}", answer.body);
        }
    }
    assert_eq!(folded(), 0, "nobody who may read it asked");
    // Where an incident lies only the past itself tells: whoever has a part in the district is looked up for.
    assert_eq!(host.get(&past("incidents/i-000000001-1"), Some(&commander)).status, 403);
    assert_eq!(host.get(&(past("registers/tasks") + "&node=990103"), Some(&commander)).status, 200);
    assert_eq!(folded(), 2);
}
