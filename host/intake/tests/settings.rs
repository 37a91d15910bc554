//! What people write in `muster.toml`: each error names the source, the field, the reason and the cure.

mod common;

use std::collections::BTreeMap;

use muster_intake::{Reader, Registry, SourceSettings};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct File {
    intake: BTreeMap<String, SourceSettings>,
}

fn wrong(toml: &str) -> String {
    match toml::from_str::<File>(toml) {
        Err(reason) => reason.message().to_owned(),
        Ok(file) => Registry::new(&file.intake).err().expect("settings that cannot be used").to_string(),
    }
}

/// The settings of one CAP source with a line more.
fn cap(line: &str) -> String {
    wrong(&format!("[intake.weather]\nformat = \"cap\"\nsource = \"urn:weather\"\n{line}"))
}

#[test]
fn every_source_is_found_by_its_name() {
    let registry = common::registry(common::SOURCES);
    let names: Vec<&str> = registry.sources().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["events", "gauges", "monitoring", "national", "nws", "office", "weather"]);
    assert!(matches!(registry.find("events").expect("a source").reader, Reader::Host));
    assert!(matches!(registry.find("weather").expect("a source").reader, Reader::Adapter(_)));
    assert!(registry.find("nobody").is_none());
}

#[test]
fn what_cannot_be_used_is_named_with_its_cure() {
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"telex\""), @"");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"cap\"\ncolor = 1"), @"");
    insta::assert_snapshot!(wrong("[intake.\"a b\"]\nformat = \"cloudevents\""), @"");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"cap\""), @"");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"cloudevents\"\nsource = \"urn:x\""), @"");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"json_lines\"\nsource = \"urn:x\""), @"");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"alertmanager\"\nsource = \"urn:x\""), @"");
    insta::assert_snapshot!(cap("cap.dialect = \"local\""), @"");
    insta::assert_snapshot!(cap("cap.valid_hours = 0"), @"");
    insta::assert_snapshot!(cap("cap.bounds = { south = 54, north = 18, west = 73, east = 136 }"), @"");
    insta::assert_snapshot!(cap("colours = { Extreme = \"red\" }"), @"");
    insta::assert_snapshot!(cap("colours = { \"severity:Extreme\" = \"purple\" }"), @"");
    insta::assert_snapshot!(cap("geocodes.UGC = { TXC471 = \"=\" }"), @"");
    insta::assert_snapshot!(cap("hazards = { rain = \"\" }"), @"");
    insta::assert_snapshot!(cap("alertmanager = {}"), @"");
}
