//! What happens later: rows with `after_minutes`, and regular looks at what goes on.

use muster_sdk::escalation::{DueTimer, Question};
use muster_sdk::settings::{self, Row};
use muster_sdk::{
    Act, Attribute, Attributes, Effect, Event, HOUR, Incident, MINUTE, Notice, Party, Post, TimerOrder, Value, because,
    calendar, effect,
};

use crate::acts::Scene;
use crate::text;

/// The key of the regular look at an incident.
const REASSESS: &str = "reassess";

/// Timers for the rows that take effect some minutes after the event.
pub(crate) fn later(table: &str, kind: &str, now: i64, event: &Event, rows: &[Row]) -> Vec<Effect> {
    let mut waits: Vec<i64> = rows.iter().filter_map(|row| row.integer("after_minutes")).collect();
    waits.sort_unstable();
    waits.dedup();
    let timers = waits.into_iter().map(|minutes| {
        let mut details = event.attributes.clone();
        let mut keep = |key: &str, value: Value| details.push(Attribute { key: key.into(), value });
        keep("later.table", Value::Text(table.into()));
        keep("later.kind", Value::Text(kind.into()));
        keep("later.minutes", Value::Integer(minutes));
        keep("later.id", Value::Text(event.id.clone()));
        keep("later.source", Value::Text(event.source.clone()));
        keep("later.node", Value::Text(event.node.clone()));
        keep("later.place", Value::Text(event.place.clone()));
        let key = format!("later/{}/{minutes}", event.id);
        let order = TimerOrder { key, at: now + minutes * MINUTE, details };
        effect(Act::SetTimer(order), because("T", "稍后执行", "to be done a little later"))
    });
    timers.collect()
}

/// The timer that looks at an incident again while it lasts.
pub(crate) fn look_again(now: i64, hours: i64) -> Act {
    let details = vec![Attribute { key: "hours".into(), value: Value::Integer(hours) }];
    Act::SetTimer(TimerOrder { key: REASSESS.into(), at: now + hours * HOUR, details })
}

/// A timer of this policy fell due.
pub(crate) fn due(question: &Question, timer: &DueTimer, incident: &Incident) -> Vec<Effect> {
    if timer.key == REASSESS {
        return still_going(question.now, timer, incident);
    }
    let text = |key: &str| timer.details.text(key).unwrap_or_default().to_string();
    let (table, kind, minutes) = (text("later.table"), text("later.kind"), timer.details.integer("later.minutes"));
    let event = Event {
        id: text("later.id"),
        source: text("later.source"),
        kind: "gov.muster.signal.reported".into(),
        subject: None,
        occurred: question.now,
        recorded: question.now,
        node: text("later.node"),
        place: text("later.place"),
        incident: None,
        exercise: false,
        attributes: timer.details.clone(),
    };
    let rows = settings::rows(&table, &[("kind", &kind)]);
    let rows: Vec<Row> = rows.into_iter().filter(|row| row.integer("after_minutes") == minutes).collect();
    let scene = Scene { now: question.now, event: &event, place: &event.node, incident: Some(incident), level: None };
    rows.iter().filter_map(|row| Some(effect(scene.act(row)?, text::because_of(row, &event)))).collect()
}

/// The hazard lasts: people are told how long it may go on, and someone looks again later.
fn still_going(now: i64, timer: &DueTimer, incident: &Incident) -> Vec<Effect> {
    if incident.hazard_cleared || incident.response.in_force.is_none() || incident.parent.is_some() {
        return Vec::new();
    }
    let end = incident.projected_end.map(calendar::local);
    let (chinese, english) = match end {
        Some(end) => (
            format!(
                "「{}」仍在持续,预计至 {:02}-{:02} {:02}:{:02}",
                incident.name, end.month, end.day, end.hour, end.minute
            ),
            format!(
                "{} goes on, until {:02}-{:02} {:02}:{:02} as far as is known",
                incident.name, end.month, end.day, end.hour, end.minute
            ),
        ),
        None => (
            format!("「{}」仍在持续,结束时间不明", incident.name),
            format!("{} goes on; nobody knows until when", incident.name),
        ),
    };
    let why = because("S", chinese, english);
    let to = incident.commander.clone();
    let to = to.unwrap_or_else(|| Party::Post(Post { node: incident.node.clone(), name: "commander".into() }));
    let notice = Act::Notify(Notice { to: vec![to], sentences: why.sentences.clone() });
    let hours = timer.details.integer("hours").unwrap_or(6);
    vec![effect(notice, why.clone()), effect(look_again(now, hours), why)]
}
