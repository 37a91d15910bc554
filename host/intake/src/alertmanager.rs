//! The webhook of Prometheus' Alertmanager, version 4: every alert that fires is a signal, and so is its resolution. The
//! alerts of a group are answered one by one.
//!
//! An alert is the same as long as fingerprint and start are: what Alertmanager repeats is a duplicate. A resolution is a
//! signal of a kind of its own and names no hazard, so that no table of triage takes it for the alert itself.

use std::collections::BTreeMap;

use muster_kernel::value::Attribute;
use muster_kernel::{Event, Instant, NodeCode, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::adapter::{Adapter, Item, Moment};
use crate::flat::{TEXT_BYTES_MAX, not_json};
use crate::kind;
use crate::place::Places;
use crate::refusal::{Place, Reason, Refusal, quote};
use crate::settings::{Check, ExerciseRule, SettingsError, SourceSettings};

/// Bytes of one webhook call.
pub const BYTES_MAX: usize = 1 << 20;
/// Alerts of one call.
pub const ALERTS_MAX: usize = 1_000;
/// Labels, and annotations, of one alert.
pub const LABELS_MAX: usize = 64;
/// The version that is read.
const VERSION: &str = "4";
/// The kind of a resolution.
const RESOLVED: &str = "alert_resolved";

/// `[intake.NAME.alertmanager]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertmanagerSettings {
    /// The signal's `kind` where the label does not say it.
    pub kind: String,
    /// The label with the signal's `kind`.
    pub kind_label: Option<String>,
    /// The label with a hazard, or a word in `hazards`.
    pub hazard_label: Option<String>,
    /// The label with a code of a place.
    pub place_label: Option<String>,
    /// The list in `geocodes` that the code belongs to; without it the code is a node.
    pub place_list: Option<String>,
    /// The label with how bad it is.
    pub severity_label: String,
    /// From its words to the district's own, for instance `critical` to `severe`.
    pub severities: BTreeMap<String, String>,
}

impl Default for AlertmanagerSettings {
    fn default() -> Self {
        Self {
            kind: "infrastructure_alert".into(),
            kind_label: None,
            hazard_label: None,
            place_label: None,
            place_list: None,
            severity_label: "severity".into(),
            severities: BTreeMap::new(),
        }
    }
}

/// Reads what one Alertmanager sends.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    source: String,
    settings: AlertmanagerSettings,
    places: Places,
    exercise: bool,
}

#[derive(Deserialize)]
struct Call<'a> {
    version: String,
    #[serde(default, rename = "groupKey")]
    group_key: String,
    #[serde(default, rename = "truncatedAlerts")]
    truncated_alerts: i64,
    #[serde(default)]
    receiver: String,
    #[serde(borrow)]
    alerts: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Alert {
    status: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(default, rename = "endsAt")]
    ends_at: String,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

impl Alertmanager {
    pub(crate) fn new(check: &Check<'_>, settings: &SourceSettings) -> Result<Self, SettingsError> {
        let own = settings.alertmanager.clone().unwrap_or_default();
        check.word("alertmanager.kind", &own.kind)?;
        check.word("alertmanager.severity_label", &own.severity_label)?;
        for (word, meaning) in &own.severities {
            check.word(&format!("alertmanager.severities.{word}"), meaning)?;
        }
        if own.place_list.is_some() && own.place_label.is_none() {
            let cure = "name the label with the code as well";
            return Err(check.wrong("alertmanager.place_label", "is missing beside `place_list`", cure));
        }
        if own.place_label.is_none() && settings.default_node.is_none() {
            let cure = "set it, or `alertmanager.place_label`: an alert must belong somewhere";
            return Err(check.wrong("default_node", "is missing", cure));
        }
        let places = Places::new(check, settings)?;
        let exercise = settings.exercise == ExerciseRule::Always;
        Ok(Self { source: settings.source.clone(), settings: own, places, exercise })
    }

    fn alert(&self, call: &Call<'_>, raw: &RawValue, place: &Place, moment: &Moment<'_>) -> Result<Event, Refusal> {
        let path = |field: &str| format!("{}.{field}", place.path);
        let alert: Alert =
            serde_json::from_str(raw.get()).map_err(|reason| Refusal { place: place.clone(), ..not_json(&reason) })?;
        let firing = match alert.status.as_str() {
            "firing" => true,
            "resolved" => false,
            other => {
                let reason = Reason::Value { found: quote(other), wanted: "firing or resolved".into() };
                return Err(Refusal::at(path("status"), reason));
            }
        };
        if alert.fingerprint.is_empty() || alert.fingerprint.len() > 128 {
            return Err(Refusal::at(path("fingerprint"), Reason::Missing("fingerprint".into())));
        }
        for (name, values) in [("labels", &alert.labels), ("annotations", &alert.annotations)] {
            if values.len() > LABELS_MAX {
                return Err(Refusal::at(path(name), Reason::TooMany { name: name.into(), limit: LABELS_MAX }));
            }
            if values.iter().any(|(name, value)| name.len() > 256 || value.len() > TEXT_BYTES_MAX) {
                let reason = Reason::TooLarge { what: "bytes of text", limit: TEXT_BYTES_MAX };
                return Err(Refusal::at(path(name), reason));
            }
        }
        let time = |name: &str, text: &str| {
            Instant::parse(text).map_err(|reason| Refusal::at(path(name), Reason::Time(reason)))
        };
        let starts = time("startsAt", &alert.starts_at)?;
        // While an alert fires, its end is a guess of Alertmanager's, or the year 1.
        let ends = if firing { None } else { Some(time("endsAt", &alert.ends_at)?) };
        let node = self.node(&alert).map_err(|reason| Refusal::at(path("labels"), reason))?;
        let id = |state: &str| format!("alertmanager:{}/{starts}/{state}", alert.fingerprint);
        let mut attributes = self.attributes(call, &alert, firing);
        attributes.extend(ends.map(|ends| Attribute::new("ends", Value::Instant(ends))));
        if !firing {
            attributes.push(Attribute::new("resolves", Value::Text(id("firing"))));
        }
        attributes.push(Attribute::new("starts", Value::Instant(starts)));
        Ok(Event {
            id: id(if firing { "firing" } else { "resolved" }),
            source: self.source.clone(),
            kind: kind::SIGNAL.into(),
            subject: alert.labels.get("alertname").map(|name| format!("alert/{}", quote(name))),
            occurred: ends.unwrap_or(starts),
            recorded: moment.now,
            place: node.to_string(),
            node,
            incident: None,
            exercise: self.exercise,
            attributes,
        })
    }

    fn node(&self, alert: &Alert) -> Result<NodeCode, Reason> {
        let code = self.settings.place_label.as_ref().and_then(|label| alert.labels.get(label));
        let node = code.and_then(|code| match &self.settings.place_list {
            Some(list) => self.places.node(list, code),
            None => Some(NodeCode::from(code.as_str())),
        });
        node.or_else(|| self.places.default_node.clone()).ok_or_else(|| {
            let label = self.settings.place_label.as_deref().unwrap_or_default();
            let code = code.map_or("nothing", String::as_str);
            Reason::UnknownPlace(format!("the label `{}`, which says `{}`", quote(label), quote(code)))
        })
    }

    fn hazard(&self, alert: &Alert) -> Option<String> {
        let word = self.settings.hazard_label.as_ref().and_then(|label| alert.labels.get(label));
        let known =
            word.map(|word| self.places.hazard(None, word).map_or_else(|| word.clone(), |hazard| hazard.to_string()));
        known.or_else(|| self.places.default_hazard.as_ref().map(ToString::to_string))
    }

    fn attributes(&self, call: &Call<'_>, alert: &Alert, firing: bool) -> Vec<Attribute> {
        let settings = &self.settings;
        let labelled = settings.kind_label.as_ref().and_then(|label| alert.labels.get(label));
        let signal_kind = labelled.unwrap_or(&settings.kind);
        let mut attributes = Vec::new();
        let mut add = |key: String, text: &str| {
            if !text.is_empty() {
                attributes.push(Attribute::new(key, Value::Text(text.into())));
            }
        };
        let (kind_key, hazard_key) = if firing { ("kind", "hazard") } else { ("of_kind", "of_hazard") };
        if !firing {
            add("kind".into(), RESOLVED);
        }
        add(kind_key.into(), signal_kind);
        add(hazard_key.into(), self.hazard(alert).as_deref().unwrap_or_default());
        add("state".into(), &alert.status);
        if let Some(said) = alert.labels.get(&settings.severity_label) {
            add("severity".into(), settings.severities.get(said).unwrap_or(said));
            add("severity_said".into(), said);
        }
        add(
            "text".into(),
            alert.annotations.get("summary").or(alert.annotations.get("description")).map_or("", |text| text),
        );
        alert.labels.iter().for_each(|(name, value)| add(format!("labels.{name}"), value));
        alert.annotations.iter().for_each(|(name, value)| add(format!("annotations.{name}"), value));
        add("fingerprint".into(), &alert.fingerprint);
        add("generator".into(), &alert.generator_url);
        add("group".into(), &quote(&call.group_key));
        add("receiver".into(), &quote(&call.receiver));
        if call.truncated_alerts > 0 {
            attributes.push(Attribute::new("truncated_alerts", Value::Integer(call.truncated_alerts)));
        }
        attributes
    }
}

impl Adapter for Alertmanager {
    fn read(&self, bytes: &[u8], moment: &Moment<'_>) -> Result<Vec<Item>, Refusal> {
        if bytes.len() > BYTES_MAX {
            return Err(Refusal::whole(Reason::TooLarge { what: "bytes", limit: BYTES_MAX }));
        }
        let call: Call<'_> = serde_json::from_slice(bytes).map_err(|reason| not_json(&reason))?;
        if call.version != VERSION {
            let found = quote(&call.version);
            return Err(Refusal::at("version", Reason::NotThis { found, wanted: "version 4 of the webhook" }));
        }
        if call.alerts.len() > ALERTS_MAX {
            return Err(Refusal::at("alerts", Reason::TooLarge { what: "alerts", limit: ALERTS_MAX }));
        }
        let alerts = call.alerts.iter().enumerate();
        Ok(alerts
            .map(|(number, raw)| {
                let place = Place { path: format!("alerts.{number}"), line: None };
                let read = self.alert(&call, raw, &place, moment);
                Item { place, read }
            })
            .collect())
    }
}
