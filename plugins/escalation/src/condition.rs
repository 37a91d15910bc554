//! When a row of a table applies to an event. Unknown meets no condition.

use muster_sdk::settings::Row;
use muster_sdk::{Attributes, Event, Incident, Level, MeasureStatus, Mode, Number, RiskStage, facts, memory, roster};

/// Whether every condition of the row holds.
///
/// `field` (or several names for the same figure, the first that is known) with `at_least`, `below` or `over_field`;
/// `is`; `topic` with `at_least`; `life_safety_incident`; `level_at_least`; `mode`; `while_stage`; `measure_in_force`; `seen`, `unseen`.
pub(crate) fn holds(row: &Row, event: &Event, incident: Option<&Incident>, place: &str, now: i64) -> bool {
    threshold(row, event)
        && equalities(row, event)
        && of_incident(row, incident)
        && row.text("measure_in_force").is_none_or(|kind| measure_in_force(kind, incident, place, now))
        && row.text("seen").is_none_or(|key| memory::get(key).is_some())
        && row.text("unseen").is_none_or(|key| memory::get(key).is_none())
}

/// The first of several fields that is known.
pub(crate) fn first_known(fields: &str, event: &Event) -> Option<Number> {
    fields.split_whitespace().find_map(|field| event.number(field))
}

fn threshold(row: &Row, event: &Event) -> bool {
    let value = match (row.text("topic"), row.text("field")) {
        (Some(topic), _) => count_of_topic(event, topic).map(Number::from),
        (None, Some(fields)) => first_known(fields, event),
        (None, None) => return true,
    };
    let Some(value) = value else { return false };
    row.number("at_least").is_none_or(|wanted| value >= wanted)
        && row.number("below").is_none_or(|wanted| value < wanted)
        && row.text("over_field").is_none_or(|other| event.number(other).is_some_and(|limit| value > limit))
}

/// How many of a topic a grouped signal reports: `top_topics = [["被困", 41], …]`.
pub(crate) fn count_of_topic(event: &Event, topic: &str) -> Option<i64> {
    let mut number = 0;
    loop {
        let name = event.text(&format!("top_topics.{number}.0"))?;
        if topic.split('|').any(|word| word == name) {
            return event.integer(&format!("top_topics.{number}.1"));
        }
        number += 1;
    }
}

/// `is = "closed=false asset=road_tunnel"`: each field must show exactly this value.
fn equalities(row: &Row, event: &Event) -> bool {
    let Some(list) = row.text("is") else { return true };
    list.split_whitespace().all(|pair| {
        let Some((field, wanted)) = pair.split_once('=') else { return false };
        event.display(field).is_some_and(|shown| shown.eq_ignore_ascii_case(wanted))
    })
}

fn of_incident(row: &Row, incident: Option<&Incident>) -> bool {
    let lives = row.flag("life_safety_incident");
    let level = row.text("level_at_least").and_then(Level::parse);
    let mode = row.text("mode").and_then(Mode::parse);
    let stage = row.text("while_stage").and_then(RiskStage::parse);
    if lives.is_none() && level.is_none() && mode.is_none() && stage.is_none() {
        return true;
    }
    let Some(incident) = incident else { return false };
    lives.is_none_or(|lives| incident.life_safety == lives)
        && level.is_none_or(|level| highest_in_force(incident).is_some_and(|holds| holds as u8 >= level as u8))
        && mode.is_none_or(|mode| incident.mode == mode)
        && stage.is_none_or(|stage| incident.stage == stage)
}

fn highest_in_force(incident: &Incident) -> Option<Level> {
    let levels = facts::responses(&incident.id).into_iter().filter_map(|response| response.in_force);
    levels.chain(incident.floor).max_by_key(|level| *level as u8)
}

/// Whether a measure of this kind binds the place now: it has begun, and lies at the place or above it.
fn measure_in_force(kind: &str, incident: Option<&Incident>, place: &str, now: i64) -> bool {
    let Some(incident) = incident else { return false };
    let above = lineage(place);
    facts::measures(&incident.id).into_iter().any(|record| {
        record.status == MeasureStatus::InForce
            && record.measure.kind == kind
            && record.measure.starts.is_none_or(|starts| starts <= now)
            && above.contains(&record.measure.node)
    })
}

/// A tree is never deeper; the bound ends a walk whatever the roster says.
const DEPTH_MAX: usize = 16;

/// The node and all nodes above it, lowest first.
pub(crate) fn lineage(code: &str) -> Vec<String> {
    let mut codes = Vec::with_capacity(6);
    let mut next = Some(code.to_string());
    while let Some(code) = next.filter(|_| codes.len() < DEPTH_MAX) {
        next = roster::find(&code).and_then(|node| node.parent);
        codes.push(code);
    }
    codes
}
