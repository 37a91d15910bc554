//! When a row of a table applies to an event. Unknown meets no condition.

use muster_sdk::settings::Row;
use muster_sdk::{
    Attributes, Event, Incident, Level, MeasureStatus, Mode, Number, RiskStage, Value, facts, memory, roster,
};

/// The conditions of a row.
///
/// `field` (or several names for the same figure, the first that is known) with `at_least`, `below` or `over_field`;
/// `is`; `topic` with `at_least`; `life_safety_incident`; `level_at_least`; `mode`; `while_stage`; `measure_in_force`; `seen`, `unseen`.
#[derive(Default)]
struct Conditions<'a> {
    fields: Option<&'a str>,
    topic: Option<&'a str>,
    at_least: Option<Number>,
    below: Option<Number>,
    over_field: Option<&'a str>,
    is: Option<&'a str>,
    life_safety: Option<bool>,
    level_at_least: Option<Level>,
    mode: Option<Mode>,
    stage: Option<RiskStage>,
    measure_in_force: Option<&'a str>,
    seen: Option<&'a str>,
    unseen: Option<&'a str>,
}

impl<'a> Conditions<'a> {
    /// Looks at every cell once: most rows are asked for many more columns than they have.
    fn of(row: &'a Row) -> Self {
        let mut all = Self::default();
        for cell in &row.cells {
            match (cell.key.as_str(), &cell.value) {
                ("field", Value::Text(text)) => all.fields = Some(text),
                ("topic", Value::Text(text)) => all.topic = Some(text),
                ("at_least", value) => all.at_least = Number::of(value),
                ("below", value) => all.below = Number::of(value),
                ("over_field", Value::Text(text)) => all.over_field = Some(text),
                ("is", Value::Text(text)) => all.is = Some(text),
                ("life_safety_incident", Value::Flag(flag)) => all.life_safety = Some(*flag),
                ("level_at_least", Value::Text(text)) => all.level_at_least = Level::parse(text),
                ("mode", Value::Text(text)) => all.mode = Mode::parse(text),
                ("while_stage", Value::Text(text)) => all.stage = RiskStage::parse(text),
                ("measure_in_force", Value::Text(text)) => all.measure_in_force = Some(text),
                ("seen", Value::Text(text)) => all.seen = Some(text),
                ("unseen", Value::Text(text)) => all.unseen = Some(text),
                _ => {}
            }
        }
        all
    }

    fn threshold(&self, event: &Event) -> bool {
        let value = match (self.topic, self.fields) {
            (Some(topic), _) => count_of_topic(event, topic).map(Number::from),
            (None, Some(fields)) => first_known(fields, event),
            (None, None) => return true,
        };
        let Some(value) = value else { return false };
        self.at_least.is_none_or(|wanted| value >= wanted)
            && self.below.is_none_or(|wanted| value < wanted)
            && self.over_field.is_none_or(|other| event.number(other).is_some_and(|limit| value > limit))
    }

    fn of_incident(&self, incident: Option<&Incident>) -> bool {
        if self.life_safety.is_none() && self.level_at_least.is_none() && self.mode.is_none() && self.stage.is_none() {
            return true;
        }
        let Some(incident) = incident else { return false };
        self.life_safety.is_none_or(|lives| incident.life_safety == lives)
            && self
                .level_at_least
                .is_none_or(|level| highest_in_force(incident).is_some_and(|holds| holds as u8 >= level as u8))
            && self.mode.is_none_or(|mode| incident.mode == mode)
            && self.stage.is_none_or(|stage| incident.stage == stage)
    }
}

/// Whether every condition of the row holds.
pub(crate) fn holds(row: &Row, event: &Event, incident: Option<&Incident>, place: &str, now: i64) -> bool {
    let wanted = Conditions::of(row);
    wanted.threshold(event)
        && wanted.is.is_none_or(|pairs| equalities(pairs, event))
        && wanted.of_incident(incident)
        && wanted.measure_in_force.is_none_or(|kind| measure_in_force(kind, incident, place, now))
        && wanted.seen.is_none_or(|key| memory::get(key).is_some())
        && wanted.unseen.is_none_or(|key| memory::get(key).is_none())
}

/// The first of several fields that is known.
pub(crate) fn first_known(fields: &str, event: &Event) -> Option<Number> {
    fields.split_whitespace().find_map(|field| event.number(field))
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
fn equalities(pairs: &str, event: &Event) -> bool {
    pairs.split_whitespace().all(|pair| {
        let Some((field, wanted)) = pair.split_once('=') else { return false };
        event.display(field).is_some_and(|shown| shown.eq_ignore_ascii_case(wanted))
    })
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
