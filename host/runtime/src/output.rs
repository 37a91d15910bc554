//! What was decided, as JSON lines of a stable shape: one line per fact. See `docs/play-output.md`.

use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::{Digest, State, facts};
use serde_json::{Map, Value as Json, json};

/// Facts that only the machinery needs.
pub fn is_internal(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::TimerSet { .. } | Fact::TimerCancelled { .. } | Fact::MemorySet { .. } | Fact::CharterActivated { .. }
    )
}

/// The lines of an entry, in the order in which the facts took effect. `state` gives names and local time.
pub fn lines(entry: &Entry, hash: Digest, state: &State) -> Vec<(Fact, Map<String, Json>)> {
    let offset = state.charter().map_or(0, |charter| charter.utc_offset_seconds);
    let cause = cause(&entry.cause);
    let line = |fact: &Fact| {
        let mut line = Map::new();
        line.insert("at".into(), json!(entry.at));
        line.insert("seq".into(), json!(entry.seq));
        line.insert("cause".into(), cause.clone());
        if crate::is_exercise(&entry.district) {
            line.insert("exercise".into(), json!(true));
        }
        line.insert("kind".into(), json!(fact.kind()));
        line.extend(body(fact, state));
        line.insert("hash".into(), json!(hash.short()));
        localise(&mut line, offset);
        (fact.clone(), line)
    };
    entry.facts.iter().map(line).collect()
}

/// The fields of a fact, with the incident by the name that people use and the reason by language.
fn body(fact: &Fact, state: &State) -> Map<String, Json> {
    let tagged = serde_json::to_value(fact).expect("a fact holds nothing that JSON cannot say");
    let Json::Object(tagged) = tagged else { return Map::new() };
    let Some(Json::Object(mut fields)) = tagged.into_iter().next().map(|(_, fields)| fields) else {
        return Map::new();
    };
    if let Some(Json::String(id)) = fields.get("incident").cloned() {
        let name = facts::find_incident(state, &id).map_or_else(|| id.clone(), |(_, row)| shown_name(row));
        fields.insert("incident".into(), json!(name));
        fields.insert("incident_id".into(), json!(id));
    }
    if !fields.contains_key("node")
        && let Some(node) = node_of(&fields, state)
    {
        fields.insert("node".into(), node);
    }
    if let Some(because) = fields.get_mut("because") {
        *because = reason(because);
    }
    fields
}

/// The node that a fact is about: of what it orders, else of its incident.
fn node_of(fields: &Map<String, Json>, state: &State) -> Option<Json> {
    const PLACES: [&str; 8] = [
        "/order/node",
        "/order/caller",
        "/duty/node",
        "/request/node",
        "/proposal/measure/node",
        "/warning/node",
        "/party/post/node",
        "/party/department/node",
    ];
    let fields = Json::Object(fields.clone());
    let ordered = PLACES.iter().find_map(|place| fields.pointer(place)).cloned();
    ordered.or_else(|| {
        let (_, row) = facts::find_incident(state, fields.get("incident_id")?.as_str()?)?;
        Some(json!(row.node))
    })
}

/// The name that people outside gave, when there is one.
pub fn shown_name(incident: &muster_kernel::state::Incident) -> String {
    incident.names.first().unwrap_or(&incident.name).clone()
}

/// A reason with its sentences by language.
fn reason(because: &Json) -> Json {
    let mut short = Map::new();
    short.insert("rule".into(), because["rule"].clone());
    if !because["source"].is_null() {
        short.insert("source".into(), because["source"].clone());
    }
    for sentence in because["sentences"].as_array().into_iter().flatten() {
        if let Some(language) = sentence["language"].as_str() {
            short.insert(language.into(), sentence["text"].clone());
        }
    }
    Json::Object(short)
}

fn cause(cause: &Cause) -> Json {
    match cause {
        Cause::Event(event) => json!({"event": event.id, "source": event.source, "type": event.kind}),
        Cause::Timer { key, due } => json!({"timer": key, "due": due}),
        Cause::Migration => json!({"migration": "workflow"}),
        Cause::Charter { digest } => json!({"charter": digest}),
        Cause::Activation(activation) => json!({"activation": activation.role, "package": activation.package}),
        Cause::Withdrawal(withdrawal) => json!({"withdrawal": withdrawal.package, "role": withdrawal.role}),
    }
}

/// Instants in the journal's form become local time.
fn localise(line: &mut Map<String, Json>, offset_seconds: i32) {
    for value in line.values_mut() {
        localise_value(value, offset_seconds);
    }
}

fn localise_value(value: &mut Json, offset_seconds: i32) {
    match value {
        Json::Object(object) => localise(object, offset_seconds),
        Json::Array(items) => items.iter_mut().for_each(|item| localise_value(item, offset_seconds)),
        Json::String(text) if is_instant(text) => {
            if let Ok(instant) = muster_kernel::Instant::parse(text) {
                *text = instant.to_local_text(offset_seconds);
            }
        }
        _ => {}
    }
}

/// Exactly the form in which the journal writes an instant: `2021-07-19T10:00:00.000Z`.
fn is_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 24 && bytes[23] == b'Z' && bytes[10] == b'T' && bytes[19] == b'.' && bytes[4] == b'-'
}
