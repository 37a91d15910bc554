//! What the tests share: the sources of one city, the samples, and events as people can read them.
#![allow(dead_code, unreachable_pub, reason = "every test takes what it needs")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use muster_intake::{Adapter, Earlier, Item, Ledger, Moment, Reader, Refusal, Registry, SourceSettings};
use muster_kernel::{Event, Instant, Value};
use serde::Deserialize;

/// The sources of the tests, as a city would write them.
pub const SOURCES: &str = r#"
[intake.weather]
format = "cap"
source = "urn:org:cn:990100:weather-bureau"
geocodes."GB/T2260" = { "*" = "=" }
cap.bounds = { south = 18, north = 54, west = 73, east = 136 }

[intake.national]
format = "cap"
source = "urn:org:cn:national:12379"
geocodes."GB/T2260" = { "*" = "=" }
cap.dialect = "12379"

[intake.nws]
format = "cap"
source = "urn:org:us:nws"
geocodes.UGC = { TXC471 = "990102" }
hazards = { "SAME:FFW" = "flash_flood", "SAME:SVR" = "thunderstorm" }
colours = { "severity:Severe" = "orange" }
cap.dialect = "nws"

[intake.office]
format = "cap"
source = "urn:org:cn:970100:office"
default_node = "970100"
default_hazard = "other"
geocodes."urn:example:jurisdiction" = { "*" = "=" }
hazards = { gas-leak = "gas", "燃气泄漏" = "gas", tsunami = "tsunami", "SAME:SVR" = "thunderstorm" }

[intake.monitoring]
format = "alertmanager"
source = "urn:app:alertmanager"
default_node = "990100"
alertmanager = { place_label = "area", kind_label = "alertname", severities = { critical = "severe" } }

[intake.gauges]
format = "json_lines"
source = "urn:iot:gauges"
geocodes.station = { "RG-7" = "990102" }

[intake.gauges.mapping]
kind = "ponding"
hazard = "rainstorm"
id = ["station", "time"]
time = "time"
place = { field = "station", list = "station" }
fields.depth_cm = { field = "reading.depth", unit = "cm", required = true }

[intake.events]
format = "cloudevents"
"#;

#[derive(Deserialize)]
struct File {
    intake: BTreeMap<String, SourceSettings>,
}

/// The registry of a `muster.toml`.
pub fn registry(toml: &str) -> Registry {
    let file: File = toml::from_str(toml).expect("TOML");
    Registry::new(&file.intake).expect("settings that can be used")
}

/// The adapter of one of the tests' sources.
pub fn adapter(name: &str) -> Arc<dyn Adapter> {
    match &registry(SOURCES).find(name).expect("a source of the tests").reader {
        Reader::Adapter(adapter) => adapter.clone(),
        Reader::Host => panic!("{name} is read by the host"),
    }
}

/// The bytes of a sample.
pub fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)).expect("a sample")
}

/// A sample as text.
pub fn text(name: &str) -> String {
    String::from_utf8(sample(name)).expect("UTF-8")
}

/// An instant.
pub fn at(text: &str) -> Instant {
    Instant::parse(text).expect("an instant")
}

/// Reads bytes as a source would.
pub fn read(source: &str, bytes: &[u8], now: &str, earlier: &dyn Earlier) -> Result<Vec<Item>, Refusal> {
    adapter(source).read(bytes, &Moment { now: at(now), earlier })
}

/// The events of bytes that are taken whole.
pub fn events(source: &str, bytes: &[u8], now: &str, earlier: &dyn Earlier) -> Vec<Event> {
    let items = read(source, bytes, now, earlier).unwrap_or_else(|refusal| panic!("{refusal}"));
    items.into_iter().map(|item| item.read.expect("an event")).collect()
}

/// Why bytes are refused.
pub fn refusal(source: &str, bytes: &[u8], now: &str) -> Refusal {
    read(source, bytes, now, &muster_intake::Nothing).expect_err("a refusal")
}

/// Reads a message and remembers what it put out.
pub fn take(ledger: &mut Ledger, source: &str, bytes: &[u8], now: &str) -> Vec<Event> {
    let events = events(source, bytes, now, ledger);
    for event in &events {
        ledger.remember(event);
    }
    events
}

/// One event in a line: kind, id, place, and the values with these keys.
pub fn brief(event: &Event, keys: &[&str]) -> String {
    let kind = event.kind.strip_prefix("gov.muster.").unwrap_or(&event.kind);
    let mut line = format!("{kind} at {} {}", if event.place.is_empty() { "the root" } else { &event.place }, event.id);
    for key in keys {
        if let Some(value) = muster_kernel::value::find(&event.attributes, key) {
            write!(line, " {key}={}", shown(value)).expect("text");
        }
    }
    if event.exercise {
        line.push_str(" DRILL");
    }
    line
}

/// Events, a line each.
pub fn briefs(events: &[Event], keys: &[&str]) -> String {
    events.iter().map(|event| brief(event, keys)).collect::<Vec<_>>().join("\n")
}

/// An event with all its values.
pub fn whole(event: &Event) -> String {
    let mut text = brief(event, &[]);
    write!(text, "\nsource {} subject {:?}", event.source, event.subject).expect("text");
    write!(text, "\noccurred {} incident {:?}", event.occurred, event.incident).expect("text");
    for attribute in &event.attributes {
        write!(text, "\n{} = {}", attribute.key, shown(&attribute.value)).expect("text");
    }
    text
}

fn shown(value: &Value) -> String {
    match value {
        Value::Unknown => "unknown".into(),
        Value::Flag(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => format!("{}e-{}", number.unscaled, number.scale),
        Value::Text(text) => text.clone(),
        Value::Instant(instant) => instant.to_string(),
    }
}
