//! A `CloudEvent` 1.0 in JSON, read into the kernel's event. Nothing is guessed: what is wrong is named.

use muster_kernel::value::{Attribute, Decimal};
use muster_kernel::{Event, Instant, InstantError, NodeCode, Value};
use serde_json::{Map, Value as Json};

/// Values that one event may hold, nested ones counted.
pub const ATTRIBUTES_MAX: usize = 512;
/// Levels of nesting in `data`.
pub const DEPTH_MAX: usize = 16;
/// Bytes of one text.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes of `id`, `source`, `type`, `subject` and `jurisdiction`.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Why a JSON value is not an event that Muster can take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudEventError {
    /// Not an object.
    #[error("the event is not a JSON object")]
    NotObject,
    /// A required attribute is missing.
    #[error("the event lacks `{0}`")]
    Missing(&'static str),
    /// An attribute has the wrong type or an impossible value.
    #[error("`{field}` {reason}")]
    Wrong {
        /// The attribute.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A time cannot be read or lies outside the accepted years.
    #[error("`{field}`: {reason}")]
    Time {
        /// The attribute.
        field: &'static str,
        /// What is wrong with it.
        reason: InstantError,
    },
    /// Too much.
    #[error("`{field}` is over the limit: {reason}")]
    TooLarge {
        /// The attribute.
        field: String,
        /// The limit.
        reason: String,
    },
}

impl CloudEventError {
    /// The attribute at fault.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::NotObject => None,
            Self::Missing(field) | Self::Time { field, .. } => Some(field),
            Self::Wrong { field, .. } | Self::TooLarge { field, .. } => Some(field),
        }
    }
}

/// An event and the instant at which its sender says it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The event; `recorded` is still to be set by who takes it.
    pub event: Event,
    /// The extension `recordedtime`.
    pub recorded_time: Option<Instant>,
}

/// Attributes of the envelope that the event carries by themselves; every other one is kept as `ext.<name>`.
#[derive(Default)]
struct Envelope {
    specversion: Option<Json>,
    id: Option<Json>,
    source: Option<Json>,
    kind: Option<Json>,
    subject: Option<Json>,
    time: Option<Json>,
    data: Option<Json>,
    jurisdiction: Option<Json>,
    incidentid: Option<Json>,
    exercise: Option<Json>,
    recordedtime: Option<Json>,
    extensions: Vec<(String, Json)>,
}

impl Envelope {
    fn of(object: Map<String, Json>) -> Self {
        let mut envelope = Self::default();
        for (name, value) in object {
            let place = match name.as_str() {
                "specversion" => &mut envelope.specversion,
                "id" => &mut envelope.id,
                "source" => &mut envelope.source,
                "type" => &mut envelope.kind,
                "subject" => &mut envelope.subject,
                "time" => &mut envelope.time,
                "data" => &mut envelope.data,
                "jurisdiction" => &mut envelope.jurisdiction,
                "incidentid" => &mut envelope.incidentid,
                "exercise" => &mut envelope.exercise,
                "recordedtime" => &mut envelope.recordedtime,
                // They say how the data came, and nothing that happened.
                "datacontenttype" | "dataschema" => continue,
                _ => {
                    envelope.extensions.push((name, value));
                    continue;
                }
            };
            *place = Some(value);
        }
        envelope
    }
}

/// Reads a `CloudEvent` in the JSON event format. `now` stands for a missing `time`.
///
/// # Errors
/// When it is not a `CloudEvent` of version 1.0, or over a limit.
pub fn parse(json: Json, now: Instant) -> Result<Parsed, CloudEventError> {
    let Json::Object(object) = json else { return Err(CloudEventError::NotObject) };
    let sent = Envelope::of(object);
    match text("specversion", sent.specversion)?.as_deref() {
        Some("1.0") => {}
        Some(other) => return Err(wrong("specversion", format!("is `{other}`; only 1.0 is taken"))),
        None => return Err(CloudEventError::Missing("specversion")),
    }
    let recorded_time = time("recordedtime", sent.recordedtime)?;
    let place = text("jurisdiction", sent.jurisdiction)?.unwrap_or_default();
    let event = Event {
        id: required("id", sent.id)?,
        source: required("source", sent.source)?,
        kind: required("type", sent.kind)?,
        subject: text("subject", sent.subject)?,
        occurred: time("time", sent.time)?.unwrap_or(now),
        recorded: now,
        node: NodeCode::from(place.as_str()),
        place,
        incident: text("incidentid", sent.incidentid)?,
        exercise: flag("exercise", sent.exercise)?,
        attributes: attributes(sent.data, sent.extensions)?,
    };
    Ok(Parsed { event, recorded_time })
}

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> CloudEventError {
    CloudEventError::Wrong { field: field.into(), reason: reason.into() }
}

fn text(field: &'static str, sent: Option<Json>) -> Result<Option<String>, CloudEventError> {
    match sent {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.len() <= NAME_BYTES_MAX => Ok(Some(text)),
        Some(Json::String(_)) => {
            Err(CloudEventError::TooLarge { field: field.into(), reason: format!("at most {NAME_BYTES_MAX} bytes") })
        }
        Some(_) => Err(wrong(field, "must be text")),
    }
}

fn required(field: &'static str, sent: Option<Json>) -> Result<String, CloudEventError> {
    match text(field, sent)? {
        Some(text) if text.is_empty() => Err(wrong(field, "is empty")),
        Some(text) => Ok(text),
        None => Err(CloudEventError::Missing(field)),
    }
}

fn time(field: &'static str, sent: Option<Json>) -> Result<Option<Instant>, CloudEventError> {
    let Some(text) = text(field, sent)? else { return Ok(None) };
    Instant::parse(&text).map(Some).map_err(|reason| CloudEventError::Time { field, reason })
}

/// True, or the text `true` as the HTTP binary mode sends it.
fn flag(field: &'static str, sent: Option<Json>) -> Result<bool, CloudEventError> {
    match sent {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(flag)) => Ok(flag),
        Some(Json::String(text)) if text == "true" => Ok(true),
        Some(Json::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(wrong(field, "must be true or false")),
    }
}

fn attributes(data: Option<Json>, extensions: Vec<(String, Json)>) -> Result<Vec<Attribute>, CloudEventError> {
    let mut flat = Flat { attributes: Vec::with_capacity(16) };
    match data {
        None | Some(Json::Null) => {}
        Some(Json::Object(data)) => data.into_iter().try_for_each(|(key, value)| flat.add(key, value, 1))?,
        Some(_) => return Err(wrong("data", "must be a JSON object")),
    }
    for (key, value) in extensions {
        flat.add(format!("ext.{key}"), value, 1)?;
    }
    Ok(flat.attributes)
}

struct Flat {
    attributes: Vec<Attribute>,
}

impl Flat {
    fn add(&mut self, key: String, json: Json, depth: usize) -> Result<(), CloudEventError> {
        if depth > DEPTH_MAX {
            return Err(too_large(&key, format!("at most {DEPTH_MAX} levels of nesting")));
        }
        let value = match json {
            Json::Object(object) => {
                return object
                    .into_iter()
                    .try_for_each(|(name, json)| self.add(format!("{key}.{name}"), json, depth + 1));
            }
            Json::Array(items) => {
                let mut numbered = items.into_iter().enumerate();
                return numbered.try_for_each(|(number, json)| self.add(format!("{key}.{number}"), json, depth + 1));
            }
            Json::Null => Value::Unknown,
            Json::Bool(flag) => Value::Flag(flag),
            Json::Number(number) => number_of(&key, &number)?,
            Json::String(text) if text.len() > TEXT_BYTES_MAX => {
                return Err(too_large(&key, format!("at most {TEXT_BYTES_MAX} bytes")));
            }
            Json::String(text) => Value::Text(text),
        };
        if self.attributes.len() >= ATTRIBUTES_MAX {
            return Err(too_large("data", format!("at most {ATTRIBUTES_MAX} values")));
        }
        self.attributes.push(Attribute { key, value });
        Ok(())
    }
}

fn too_large(field: &str, reason: String) -> CloudEventError {
    CloudEventError::TooLarge { field: field.into(), reason }
}

fn number_of(key: &str, number: &serde_json::Number) -> Result<Value, CloudEventError> {
    if let Some(whole) = number.as_i64() {
        return Ok(Value::Integer(whole));
    }
    Decimal::parse(&number.to_string())
        .map(|decimal| if decimal.scale == 0 { Value::Integer(decimal.unscaled) } else { Value::Decimal(decimal) })
        .ok_or_else(|| wrong(key, "is a number with more than 18 digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_kernel::value::find;

    fn event(json: &str) -> Result<Event, CloudEventError> {
        parse(serde_json::from_str(json).expect("JSON"), Instant::MIN).map(|parsed| parsed.event)
    }

    #[test]
    fn data_is_flattened_and_unknown_stays_unknown() {
        let event = event(
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2021-07-19T18:00:00+08:00",
                "jurisdiction":"990100","trace":"x","data":{"a":{"b":null},"c":[1,2.5],"d":"text"}}"#,
        )
        .expect("an event");
        assert_eq!(find(&event.attributes, "a.b"), Some(&Value::Unknown));
        assert_eq!(find(&event.attributes, "c.1"), Some(&Value::Decimal(Decimal { unscaled: 25, scale: 1 })));
        assert_eq!(find(&event.attributes, "ext.trace"), Some(&Value::Text("x".into())));
        assert_eq!(event.place, "990100");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = event(r#"{"specversion":"1.0","id":"1","source":"s"}"#).expect_err("no type");
        assert_eq!(error.field(), Some("type"));
        let error = event(r#"{"specversion":"1.0","id":"1","source":"s","type":"t","time":"9999-01-01T00:00:00Z"}"#);
        assert!(matches!(error, Err(CloudEventError::Time { field: "time", .. })));
        let error = event(r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#).expect_err("old");
        assert_eq!(error.field(), Some("specversion"));
        let deep = format!(
            r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{}1{}}}"#,
            "{\"a\":".repeat(20),
            "}".repeat(20)
        );
        assert!(matches!(event(&deep), Err(CloudEventError::TooLarge { .. })));
    }
}
