//! What happens later: rows with `after_minutes`, and regular looks at what goes on.

use muster_sdk::escalation::{DueTimer, Question};
use muster_sdk::settings::Row;
use muster_sdk::{
    Act, Attribute, Attributes, Effect, Event, HOUR, Incident, Level, MINUTE, Notice, Party, Post, TimerOrder, Value,
    because, calendar, effect, log,
};

use crate::acts::Scene;

/// The key of the regular look at an incident.
const REASSESS: &str = "reassess";

/// What a timer keeps of its row and its occasion; no field of an event may pass for it.
const KEPT: &str = "later.";
const CELL: &str = "later.row.";

/// A timer for a row that applies and takes effect some minutes later. It keeps the row as it stood when the event came.
///
/// Ids of events are unique for one source only, and several rows of a table may wait for one event: the key names all of
/// them. A source has no spaces.
pub(crate) fn later(scene: &Scene, table: &str, place: usize, row: &Row, minutes: i64) -> Effect {
    let event = scene.event;
    let own = event.attributes.iter().filter(|field| !field.key.starts_with(KEPT));
    let mut details: Vec<Attribute> = own.cloned().collect();
    let mut keep = |key: &str, value: &str| {
        details.push(Attribute { key: key.into(), value: Value::Text(value.into()) });
    };
    keep("later.id", &event.id);
    keep("later.source", &event.source);
    keep("later.event", &event.kind);
    keep("later.node", &event.node);
    keep("later.place", &event.place);
    keep("later.at", scene.place);
    if let Some(level) = scene.level {
        keep("later.level", level.name());
    }
    let cells = row.cells.iter();
    details.extend(cells.map(|cell| Attribute { key: format!("{CELL}{}", cell.key), value: cell.value.clone() }));
    let key = format!("later/{table}/{place}/{} {}", event.source, event.id);
    let order = TimerOrder { key, at: scene.now + minutes * MINUTE, details };
    effect(Act::SetTimer(order), because("T", "稍后执行", "to be done a little later"))
}

/// The timer that looks at an incident again while it lasts.
pub(crate) fn look_again(now: i64, hours: i64) -> Act {
    let details = vec![Attribute { key: "hours".into(), value: Value::Integer(hours) }];
    Act::SetTimer(TimerOrder { key: REASSESS.into(), at: now + hours * HOUR, details })
}

/// A timer of this policy fell due. A row that waited is done as it was put off: its conditions held when the event came.
pub(crate) fn due(question: &Question, timer: &DueTimer, incident: Option<&Incident>) -> Vec<Effect> {
    if timer.key == REASSESS {
        return incident.map(|incident| still_going(question.now, timer, incident)).unwrap_or_default();
    }
    let text = |key: &str| timer.details.text(key).unwrap_or_default().to_string();
    let cell = |kept: &Attribute| {
        let key = kept.key.strip_prefix(CELL)?.into();
        Some(Attribute { key, value: kept.value.clone() })
    };
    let row = Row { cells: timer.details.iter().filter_map(cell).collect() };
    if row.cells.is_empty() {
        log::error(&format!("the timer `{}` brings no row with it: nothing is done", timer.key));
        return Vec::new();
    }
    let event = Event {
        id: text("later.id"),
        source: text("later.source"),
        kind: text("later.event"),
        subject: None,
        occurred: question.now,
        recorded: question.now,
        node: text("later.node"),
        place: text("later.place"),
        incident: None,
        exercise: false,
        attributes: timer.details.iter().filter(|field| !field.key.starts_with(KEPT)).cloned().collect(),
    };
    let level = timer.details.text("later.level").and_then(Level::parse);
    let place = text("later.at");
    Scene { now: question.now, event: &event, place: &place, incident, level }.done(&row).into_iter().collect()
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
