//! A host that reads sources, and the samples at today's date.

use std::path::Path;

use muster_kernel::{Instant, Milliseconds};
use muster_runtime::{Clock as _, RealClock};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::{self, Server};

/// The sources of three cities.
pub(crate) const SOURCES: &str = r#"
[intake.weather]
format = "cap"
source = "urn:org:cn:990100:weather-bureau"
district = "yunhe"
geocodes."GB/T2260" = { "*" = "=" }
cap.bounds = { south = 18, north = 54, west = 73, east = 136 }

[intake.national]
format = "cap"
source = "urn:org:cn:national:12379"
geocodes."GB/T2260" = { "*" = "=" }
cap.dialect = "12379"

[intake.province]
format = "cap"
source = "urn:org:cn:980000:weather-bureau"
geocodes."GB/T2260" = { "*" = "=" }

[intake.nws]
format = "cap"
source = "urn:org:us:nws"
geocodes.UGC = { TXC471 = "990102" }
hazards = { "SAME:FFW" = "flash_flood" }
colours = { "severity:Severe" = "orange" }
cap.dialect = "nws"

[intake.office]
format = "cap"
source = "urn:org:cn:970100:office"
district = "lanzhu"
default_node = "970100"
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
district = "yunhe"
"#;

/// Three cities and a `muster.toml` that opens them to whoever sits at the machine.
pub(crate) struct Scene {
    pub(crate) cities: TempDir,
    pub(crate) folder: TempDir,
}

impl Scene {
    pub(crate) fn new(more: &str) -> Self {
        Self::with("", more)
    }

    /// `head` stands before every table, `more` behind.
    pub(crate) fn with(head: &str, more: &str) -> Self {
        let scene = Self { cities: support::examples(), folder: tempfile::tempdir().expect("a folder") };
        let city = |name: &str| scene.cities.path().join(name).display().to_string();
        let cities = [city("yunhe"), city("lanzhu"), city("hailan")];
        let text = format!("data = \"data\"\ndistricts = {cities:?}\n{head}\n[access]\ndevelopment = true\n{more}");
        std::fs::write(scene.folder.path().join("muster.toml"), text).expect("written");
        scene
    }

    pub(crate) fn start(&self) -> Server {
        Server::configured(&self.folder.path().join("muster.toml"))
    }
}

/// The text of a sample that the readers keep.
pub(crate) fn sample(name: &str) -> String {
    let folder = support::root().join("host/intake/tests/samples");
    std::fs::read_to_string(folder.join(name)).expect("a sample")
}

/// A message moved in time, so that it was sent a minute ago.
pub(crate) fn fresh(text: &str) -> String {
    let times: Vec<&str> = ["<sent>", "<cap:sent>", "<sendTime>"]
        .into_iter()
        .filter_map(|tag| text.split_once(tag)?.1.split('<').next())
        .collect();
    let sent = Instant::parse(&times.first().expect("a time").replacen(' ', "T", 1)).expect("a time");
    let minute_ago = RealClock.now() - Milliseconds::minutes(1);
    let whole = Instant::from_millis(minute_ago.as_millis() / 1_000 * 1_000);
    moved(text, whole - sent)
}

/// A message with every time in it moved by as much.
pub(crate) fn moved(text: &str, by: Milliseconds) -> String {
    const SHAPE: &str = "dddd-dd-ddsdd:dd:dd";
    let is_time = |bytes: &[u8]| {
        bytes.len() >= SHAPE.len()
            && SHAPE.bytes().zip(bytes).all(|(shape, byte)| match shape {
                b'd' => byte.is_ascii_digit(),
                b's' => matches!(byte, b'T' | b' '),
                other => *byte == other,
            })
    };
    let (mut out, mut rest) = (String::new(), text);
    while let Some(letter) = rest.chars().next() {
        if is_time(rest.as_bytes()) {
            let end = rest.find(['<', '"', '\n']).expect("a time ends");
            let separator = &rest[10..11];
            let then = Instant::parse(&rest[..end].replacen(' ', "T", 1)).expect("a time") + by;
            out.push_str(&then.to_local_text(8 * 3_600).replacen('T', separator, 1));
            rest = &rest[end..];
        } else {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    out
}

pub(crate) const XML: &str = "application/cap+xml";
pub(crate) const LINES: &str = "application/x-ndjson";

/// Sends a message of CAP; gives its items, all of which were taken.
pub(crate) fn take(server: &Server, source: &str, message: &str) -> Vec<Json> {
    let (status, _, answer) = server.post(&format!("/v1/intake/{source}"), XML, message.as_bytes());
    assert_eq!(status, 200, "{answer:#}");
    let items = answer.as_array().expect("items").clone();
    assert!(items.iter().all(|item| item["receipt"]["seq"].is_u64()), "{items:#?}");
    items
}

/// Sends a message that is refused whole; gives the status and the problem.
pub(crate) fn refused(server: &Server, source: &str, media: &str, message: &[u8]) -> (u16, Json) {
    let (status, kind, answer) = server.post(&format!("/v1/intake/{source}"), media, message);
    assert_eq!(kind, "application/problem+json", "{status} {answer:#}");
    assert_eq!(answer["status"], status, "{answer:#}");
    (status, answer)
}

/// All entries of a district.
pub(crate) fn entries(server: &Server, district: &str) -> Vec<Json> {
    let (mut all, mut from) = (Vec::new(), 1);
    loop {
        let page = server.get(&format!("/v1/districts/{district}/entries?limit=500&from={from}"));
        let rows = page["entries"].as_array().unwrap_or_else(|| panic!("entries: {page:#}"));
        all.extend(rows.iter().map(|row| row["entry"].clone()));
        match page["next"].as_u64() {
            Some(next) => from = next,
            None => return all,
        }
    }
}

/// The entry of a receipt.
pub(crate) fn entry(server: &Server, item: &Json) -> Json {
    let (district, seq) = (item["receipt"]["district"].as_str().expect("a district"), &item["receipt"]["seq"]);
    server.get(&format!("/v1/districts/{district}/entries/{seq}"))["entry"].clone()
}

/// The first fact of a kind in an entry.
pub(crate) fn fact(entry: &Json, kind: &str) -> Option<Json> {
    let facts = entry["facts"].as_array().expect("facts");
    facts.iter().find_map(|fact| fact.get(kind)).cloned()
}

/// An attribute of the event of an entry.
pub(crate) fn said(entry: &Json, key: &str) -> Json {
    let attributes = entry["cause"]["event"]["attributes"].as_array().expect("attributes");
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    let value = found.and_then(|found| found["value"].as_object()?.values().next().cloned());
    value.unwrap_or_default()
}

/// What the host counted of a format.
pub(crate) fn counted(server: &Server, format: &str, outcome: &str) -> u64 {
    let series = format!("muster_intake_items_total{{format=\"{format}\",outcome=\"{outcome}\"}} ");
    let text = server.text("/metrics");
    text.lines().find_map(|line| line.strip_prefix(&series)).map_or(0, |count| count.parse().expect("a number"))
}

/// Where something lies in the folder of a scene.
pub(crate) fn settings(scene: &Scene) -> String {
    Path::new(scene.folder.path()).join("muster.toml").display().to_string()
}
