//! What the host counts, and that the alert rules and the dashboard that are shipped ask for nothing else.

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::{Server, examples, root, signal};

/// The values of a metric's series, by the whole text of the series.
fn series<'a>(text: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    let of = |series: &str| series == name || series.starts_with(&format!("{name}{{"));
    lines.filter(|(series, _)| of(series)).map(|(series, value)| (series, value.parse().expect("a number"))).collect()
}

fn total(text: &str, name: &str) -> f64 {
    series(text, name).iter().map(|(_, value)| value).sum()
}

/// Every word that begins like a metric of the host.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with("muster_")).map(str::to_owned).collect()
}

#[test]
fn events_calls_and_duplicates_are_counted_and_nothing_is_dropped() {
    let data = tempfile::tempdir().expect("a folder");
    let examples = examples();
    let server = Server::start(data.path(), &[examples.path().join("yunhe")]);
    for id in ["m-1", "m-2", "m-2"] {
        server.send("yunhe", &signal(id, "990103901"));
    }
    let text = server.text("/metrics");
    let of = |outcome: &str| total(&text, &format!("muster_events_total{{outcome=\"{outcome}\"}}"));
    assert_eq!((of("decided"), of("duplicate")), (2.0, 1.0), "{text}");
    assert_eq!(series(&text, "muster_events_dropped_total"), [("muster_events_dropped_total", 0.0)]);
    assert!(total(&text, "muster_policy_evaluations_total") >= 2.0, "{text}");
    assert!(total(&text, "muster_journal_commit_seconds_count") >= 1.0, "{text}");
    assert!(total(&text, "muster_district_sequence{district=\"yunhe\"}") >= 3.0, "{text}");
    assert!(text.ends_with("# EOF\n"), "the whole of it is there");
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    let data = tempfile::tempdir().expect("a folder");
    let examples = examples();
    let server = Server::start(data.path(), &[examples.path().join("yunhe")]);
    server.send("yunhe", &signal("m-1", "990103901"));
    let text = server.text("/metrics");
    // A family without a series yet is there by its type; what is counted ends in `_total`, histograms in three ways.
    let mut known = named(&text);
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        known.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    // What nothing happened to yet has no series and is not said; it is there by the name under which it is registered.
    let registered = fs::read_to_string(root().join("host/runtime/src/metrics.rs")).expect("the counters");
    let is_registered = |name: &str| {
        let name = name.trim_start_matches("muster_");
        let family = ["_total", "_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
        registered.contains(&format!("\"{}\"", family.unwrap_or(name)))
    };
    for file in ["deploy/prometheus/muster.rules.yml", "deploy/grafana/muster.json"] {
        let asked = named(&fs::read_to_string(root().join(file)).expect("shipped"));
        assert!(!asked.is_empty(), "{file} asks for nothing");
        let unknown: Vec<&String> = asked.difference(&known).filter(|name| !is_registered(name)).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}, which the host does not count");
    }
}
