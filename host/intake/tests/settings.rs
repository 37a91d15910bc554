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
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"telex\""), @"unknown variant `telex`, expected one of `cloudevents`, `cap`, `alertmanager`, `json_lines`");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"cap\"\ncolor = 1"), @"unknown field `color`, expected one of `format`, `source`, `district`, `default_node`, `default_hazard`, `exercise`, `geocodes`, `hazards`, `colours`, `cap`, `alertmanager`, `mapping`");
    insta::assert_snapshot!(wrong("[intake.\"a b\"]\nformat = \"cloudevents\""), @"muster.toml, [intake.a b]: `NAME` cannot be a name; use 1 to 64 letters, digits, `-`, `_` and `.`: it stands in the path of the intake route");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"cap\""), @"muster.toml, [intake.x]: `source` is empty; give it a value");
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"cloudevents\"\nsource = \"urn:x\""), @r#"muster.toml, [intake.x]: `source` is not used by `format = "cloudevents"`; remove it, or change `format`"#);
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"json_lines\"\nsource = \"urn:x\""), @r#"muster.toml, [intake.x]: `mapping` is missing; `format = "json_lines"` needs it; add the section"#);
    insta::assert_snapshot!(wrong("[intake.x]\nformat = \"alertmanager\"\nsource = \"urn:x\""), @"muster.toml, [intake.x]: `default_node` is missing; set it, or `alertmanager.place_label`: an alert must belong somewhere");
    insta::assert_snapshot!(cap("cap.dialect = \"local\""), @"unknown variant `local`, expected one of `strict`, `12379`, `nws`");
    insta::assert_snapshot!(cap("cap.valid_hours = 0"), @"muster.toml, [intake.weather]: `cap.valid_hours` is not from 1 to 8,784; give it in hours, or leave it out");
    insta::assert_snapshot!(cap("cap.bounds = { south = 54, north = 18, west = 73, east = 136 }"), @"muster.toml, [intake.weather]: `cap.bounds` is empty; give `south` below `north` and `west` below `east`");
    insta::assert_snapshot!(cap("colours = { Extreme = \"red\" }"), @"muster.toml, [intake.weather]: `colours.Extreme` is no place where a colour may stand; write `severity:WORD`, `parameter:NAME:VALUE` or `eventCode:NAME:VALUE`");
    insta::assert_snapshot!(cap("colours = { \"severity:Extreme\" = \"purple\" }"), @"unknown variant `purple`, expected one of `blue`, `yellow`, `orange`, `red`");
    insta::assert_snapshot!(cap("geocodes.UGC = { TXC471 = \"=\" }"), @"muster.toml, [intake.weather]: `geocodes.UGC.TXC471` is `=`; `=` goes with the code `*` only; write the node's code");
    insta::assert_snapshot!(cap("hazards = { rain = \"\" }"), @"muster.toml, [intake.weather]: `hazards.rain` is empty; give it a value");
    insta::assert_snapshot!(cap("alertmanager = {}"), @r#"muster.toml, [intake.weather]: `alertmanager` is not used by `format = "cap"`; remove it, or change `format`"#);
}
