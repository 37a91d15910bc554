//! The bytes of entries, as they were once written. A difference here is a change of the journal's format: kinds and
//! fields may be added, never renamed; then write the file anew with `MUSTER_WRITE_GOLDEN=1 cargo test -p muster-kernel`.

use crate::support::{CITY, STREET, Scripted, World, text};
use muster_kernel::Milliseconds;
use muster_kernel::act::{Act, CalloutOrder, LevelAdvice, Party};
use muster_kernel::record::Entry;
use muster_kernel::step::Input;
use muster_kernel::{CalloutKind, Level, Scheme, Value};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/journal.jsonl");

/// A short story that writes many kinds of facts.
fn story() -> World {
    let level = Act::RecommendLevel(LevelAdvice {
        scheme: Scheme::from("flood"),
        node: CITY.into(),
        level: Level::One,
        confirm_within: Some(Milliseconds::minutes(15)),
        ladder: Vec::new(),
    });
    let call = Act::Callout(CalloutOrder {
        key: "c".into(),
        kind: CalloutKind::Emergency,
        caller: STREET.into(),
        to: vec![Party::Department { node: CITY.into(), name: "rescue".into() }],
        place: STREET.into(),
        acknowledge_within: None,
        arrive_within: None,
        plan_within: None,
        ladder: Vec::new(),
        arrival_ladder: Vec::new(),
        life_safety: true,
    });
    let mut world = World::new(Scripted::proposing(vec![level, call]));
    world.signal("s-1");
    world.policies.acts.clear();
    world.signal("s-1");
    world.spend("q-1", 500);
    let figures = [("dead", Value::Integer(1)), ("missing", Value::Unknown)];
    world.event("f-1", "urn:hq:990100", "gov.muster.casualty.updated", CITY, &figures);
    let order = [("kind", text("response_level")), ("scheme", text("flood")), ("level", text("I"))];
    world.event("o-1", "urn:nobody", "gov.muster.order.issued", CITY, &order);
    world.event("o-2", "urn:hq:990100", "gov.muster.order.issued", CITY, &order);
    world.now = world.now + Milliseconds::hours(3);
    while world.state.next_due().is_some_and(|due| due <= world.now) {
        world.step(Input::Timer);
    }
    world
}

#[test]
fn entries_are_written_as_they_always_were() {
    let lines: Vec<String> =
        story().steps.iter().map(|step| String::from_utf8(step.payload.clone()).expect("JSON is text")).collect();
    let written = lines.join("\n") + "\n";
    if std::env::var_os("MUSTER_WRITE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &written).expect("written");
    }
    let golden = std::fs::read_to_string(GOLDEN).expect("the golden journal");
    for (number, (line, before)) in written.lines().zip(golden.lines()).enumerate() {
        assert_eq!(line, before, "entry {} is written differently than before", number + 1);
    }
    assert_eq!(written.lines().count(), golden.lines().count());
}

#[test]
fn entries_that_were_written_long_ago_are_still_read() {
    let golden = std::fs::read_to_string(GOLDEN).expect("the golden journal");
    for line in golden.lines() {
        let entry = Entry::from_bytes(line.as_bytes()).expect("an old entry");
        assert_eq!(String::from_utf8(entry.to_bytes()).expect("text"), line);
    }
}
