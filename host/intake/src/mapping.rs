//! From the fields of a JSON object to a signal, as the settings say: its identity, its time, its place, its values with
//! their units. What the settings do not name is kept below `data`.

use std::collections::BTreeMap;

use muster_kernel::value::{Attribute, find};
use muster_kernel::{Digest, Event, Instant, NodeCode, Value};
use serde::Deserialize;

use crate::kind;
use crate::place::Places;
use crate::refusal::{Reason, Refusal, quote};
use crate::settings::{Check, SettingsError};

/// The identity that is the whole object.
const WHOLE: &str = "*";
/// Bytes of an id that is written out; a longer one is written as its digest.
const ID_BYTES_MAX: usize = 512;

/// What the objects of a source say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The signal's `kind`, as the triage settings know it.
    pub kind: String,
    /// The signal's hazard.
    pub hazard: Option<String>,
    /// The fields that tell one object from every other of the source: the same values are the same event. `["*"]` is the
    /// whole object, byte for byte.
    pub id: Vec<String>,
    /// The field that says when; without it the time of arrival counts.
    pub time: Option<String>,
    /// How a number in `time` counts.
    #[serde(default)]
    pub time_unit: TimeUnit,
    /// Where.
    pub place: PlaceRule,
    /// The signal's values by their names.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
}

/// How a number counts time from 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// A number is refused; only RFC 3339 text is taken.
    #[default]
    Text,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// Where a signal belongs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceRule {
    /// Always this node.
    pub node: Option<String>,
    /// The field with a code.
    pub field: Option<String>,
    /// The list in `geocodes` that the code belongs to; without it the code is a node.
    pub list: Option<String>,
}

/// A value of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The field it comes from, dotted.
    pub field: String,
    /// Its unit, for people and for conversions: `cm`, `mm/h`.
    pub unit: Option<String>,
    /// Whether an object without it is refused.
    #[serde(default)]
    pub required: bool,
}

/// Attributes that the mapping itself makes.
const OWN: [&str; 2] = ["kind", "hazard"];

impl Mapping {
    pub(crate) fn check(&self, check: &Check<'_>, section: &str) -> Result<(), SettingsError> {
        let field = |name: &str| format!("{section}.{name}");
        check.word(&field("kind"), &self.kind)?;
        self.hazard.iter().try_for_each(|hazard| check.word(&field("hazard"), hazard))?;
        self.time.iter().try_for_each(|time| check.word(&field("time"), time))?;
        if self.id.is_empty() || (self.id.len() > 1 && self.id.iter().any(|part| part == WHOLE)) {
            let cure = "name the fields that tell one object from every other, or `[\"*\"]` for the whole object";
            return Err(check.wrong(field("id"), "does not say what the same event is", cure));
        }
        self.id.iter().try_for_each(|part| check.word(&field("id"), part))?;
        let place = &self.place;
        if place.node.is_some() == place.field.is_some() || (place.list.is_some() && place.field.is_none()) {
            return Err(check.wrong(
                field("place"),
                "does not say where",
                "give `node`, or `field` and perhaps `list`",
            ));
        }
        for (name, value) in &self.fields {
            check.word(&field(&format!("fields.{name}")), &value.field)?;
            if OWN.contains(&name.as_str()) {
                let cure = "give the value another name; `kind` and `hazard` stand in the mapping itself";
                return Err(check.wrong(field(&format!("fields.{name}")), "is taken", cure));
            }
        }
        Ok(())
    }

    /// The event that an object is. `values` are its fields; `bytes` the object itself.
    pub(crate) fn event(&self, object: &Object<'_>, places: &Places, now: Instant) -> Result<Event, Refusal> {
        let node = self.node(object, places)?;
        let mut attributes = vec![Attribute::new("kind", Value::Text(self.kind.clone()))];
        attributes.extend(self.hazard.clone().map(|hazard| Attribute::new("hazard", Value::Text(hazard))));
        for (name, field) in &self.fields {
            match find(object.values, &field.field) {
                Some(value) => {
                    attributes.push(Attribute::new(name.as_str(), value.clone()));
                    let unit = field.unit.clone().map(Value::Text);
                    attributes.extend(unit.map(|unit| Attribute::new(format!("units.{name}"), unit)));
                }
                None if field.required => return Err(missing(&field.field)),
                None => {}
            }
        }
        let named = |key: &str| self.fields.values().any(|field| field.field == key);
        let rest = object.values.iter().filter(|value| !named(&value.key));
        attributes.extend(rest.map(|value| Attribute::new(format!("data.{}", value.key), value.value.clone())));
        Ok(Event {
            id: self.id(object)?,
            source: object.source.into(),
            kind: kind::SIGNAL.into(),
            subject: object.subject.map(str::to_owned),
            occurred: self.time(object, now)?,
            recorded: now,
            place: node.to_string(),
            node,
            incident: None,
            exercise: object.exercise,
            attributes,
        })
    }

    fn node(&self, object: &Object<'_>, places: &Places) -> Result<NodeCode, Refusal> {
        let Some(field) = &self.place.field else {
            return Ok(NodeCode::from(self.place.node.as_deref().unwrap_or_default()));
        };
        let code = match find(object.values, field) {
            Some(Value::Text(text)) if !text.is_empty() => text.clone(),
            Some(Value::Integer(number)) => number.to_string(),
            _ => return places.default_node.clone().ok_or_else(|| missing(field)),
        };
        match &self.place.list {
            None => Ok(NodeCode::from(code.as_str())),
            Some(list) => {
                let node = places.node(list, &code).or_else(|| places.default_node.clone());
                let unknown = || Reason::UnknownPlace(format!("`{}={}`", quote(list), quote(&code)));
                node.ok_or_else(|| Refusal::at(field.as_str(), unknown()))
            }
        }
    }

    fn time(&self, object: &Object<'_>, now: Instant) -> Result<Instant, Refusal> {
        let Some(field) = &self.time else { return Ok(now) };
        let number = |number: i64| match self.time_unit {
            TimeUnit::Text => None,
            TimeUnit::Seconds => number.checked_mul(1_000),
            TimeUnit::Milliseconds => Some(number),
        };
        let within = |millis: i64| Some(Instant::from_millis(millis)).filter(|instant| instant.as_millis() == millis);
        match find(object.values, field) {
            Some(Value::Text(text)) => {
                Instant::parse(text).map_err(|reason| Refusal::at(field.as_str(), Reason::Time(reason)))
            }
            Some(Value::Integer(count)) => number(*count).and_then(within).ok_or_else(|| {
                let wanted = "RFC 3339 text, or a number as `time_unit` says".into();
                Refusal::at(field.as_str(), Reason::Value { found: count.to_string(), wanted })
            }),
            _ => Err(missing(field)),
        }
    }

    fn id(&self, object: &Object<'_>) -> Result<String, Refusal> {
        if self.id.iter().any(|part| part == WHOLE) {
            return Ok(format!("{}sha256:{}", object.prefix, Digest::of(object.bytes)));
        }
        let mut id = String::from(object.prefix);
        for (place, field) in self.id.iter().enumerate() {
            let text = match find(object.values, field) {
                Some(Value::Text(text)) if !text.is_empty() => text.clone(),
                Some(Value::Integer(number)) => number.to_string(),
                Some(Value::Decimal(number)) => format!("{}e-{}", number.unscaled, number.scale),
                Some(Value::Flag(flag)) => flag.to_string(),
                _ => return Err(missing(field)),
            };
            id.push_str(if place == 0 { "" } else { "/" });
            // So that `a/b` and `c` are not `a` and `b/c`.
            id.push_str(&text.replace('%', "%25").replace('/', "%2F"));
        }
        if id.len() > ID_BYTES_MAX { Ok(format!("sha256:{}", Digest::of(id.as_bytes()))) } else { Ok(id) }
    }
}

fn missing(field: &str) -> Refusal {
    Refusal::at(field, Reason::Missing(field.into()))
}

/// One object and what is known of it beside its fields.
pub(crate) struct Object<'a> {
    /// Its fields, flat.
    pub(crate) values: &'a [Attribute],
    /// Its bytes.
    pub(crate) bytes: &'a [u8],
    /// Who sent it.
    pub(crate) source: &'a str,
    /// What its id begins with.
    pub(crate) prefix: &'a str,
    /// What it is about.
    pub(crate) subject: Option<&'a str>,
    /// Whether it is a drill.
    pub(crate) exercise: bool,
}
