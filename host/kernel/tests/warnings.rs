//! Warnings that stand in place of others: exactly those that they name, of the same source.

mod support;

use muster_kernel::{Value, facts};
use support::{CITY, Scripted, World, text};

const BUREAU: &str = "urn:weather:bureau";
const OTHER: &str = "urn:weather:other";

fn warn(world: &mut World, id: &str, source: &str, colour: &str, more: &[(&str, Value)]) {
    let mut data = vec![("hazard", text("rainstorm")), ("colour", text(colour))];
    data.extend_from_slice(more);
    world.event(id, source, "gov.muster.warning.received", CITY, &data);
}

/// Colours in force and in the history, newest first.
fn colours(world: &World) -> (Vec<&'static str>, Vec<&'static str>) {
    let of = |warnings: Vec<muster_kernel::act::Warning>| {
        warnings.iter().map(|warning| warning.colour.map_or("none", muster_kernel::Colour::as_str)).collect()
    };
    let history = facts::warning_history(&world.state, CITY, "rainstorm", muster_kernel::Instant::MIN);
    (of(facts::warnings(&world.state, CITY, None, world.now)), of(history))
}

#[test]
fn an_update_replaces_what_it_names_and_nothing_else() {
    let mut world = World::new(Scripted::default());
    warn(&mut world, "w-1", BUREAU, "red", &[]);
    warn(&mut world, "w-2", OTHER, "orange", &[]);
    warn(&mut world, "w-3", BUREAU, "yellow", &[("msgtype", text("update")), ("supersedes.0", text("w-1"))]);
    let (in_force, history) = colours(&world);
    assert_eq!(in_force, ["yellow", "orange"], "the red one was replaced, another's orange was not");
    assert_eq!(history, ["yellow", "orange", "red"], "what was replaced stays in the history");
}

#[test]
fn a_cancel_takes_back_what_it_names_and_nothing_else() {
    let mut world = World::new(Scripted::default());
    warn(&mut world, "w-1", BUREAU, "red", &[]);
    warn(&mut world, "w-2", OTHER, "orange", &[]);
    warn(&mut world, "w-3", BUREAU, "none", &[("msgtype", text("cancel")), ("supersedes.0", text("w-1"))]);
    assert_eq!(colours(&world), (vec!["orange"], vec!["orange"]));
}

#[test]
fn one_source_cannot_take_back_what_another_said() {
    let mut world = World::new(Scripted::default());
    warn(&mut world, "w-1", BUREAU, "red", &[]);
    warn(&mut world, "w-2", OTHER, "blue", &[("msgtype", text("update")), ("supersedes.0", text("w-1"))]);
    assert_eq!(colours(&world).0, ["blue", "red"]);
}

#[test]
fn a_cancel_of_what_nobody_has_seen_takes_nothing_back() {
    let mut world = World::new(Scripted::default());
    warn(&mut world, "w-1", BUREAU, "red", &[]);
    warn(&mut world, "w-3", BUREAU, "none", &[("msgtype", text("cancel")), ("supersedes.0", text("never-sent"))]);
    assert_eq!(colours(&world).0, ["red"]);
}

#[test]
fn a_cancel_that_names_nothing_takes_back_all_of_its_hazard() {
    let mut world = World::new(Scripted::default());
    warn(&mut world, "w-1", BUREAU, "red", &[]);
    warn(&mut world, "w-2", OTHER, "orange", &[]);
    warn(&mut world, "w-3", BUREAU, "none", &[("msgtype", text("cancel"))]);
    assert_eq!(colours(&world), (Vec::new(), Vec::new()));
}
