//! What `muster.toml` says of a broker, under `[mqtt.NAME]`. The password does not stand there, only where it lies: the
//! caller reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::topic::Topics;
use crate::mapping::Mapping;
use crate::place::Places;
use crate::settings::{Check, ExerciseRule, Format, SettingsError, SourceSettings};

/// `[mqtt.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSettings {
    /// The broker's host name or address.
    pub broker: String,
    /// Its port; 1883 when absent. The connection is plain TCP.
    #[serde(default = "port")]
    pub port: u16,
    /// The name of the session that the broker keeps; no two clients may share one.
    pub client_id: String,
    /// The user, when the broker wants one.
    pub username: Option<String>,
    /// Where the user's password lies.
    pub password: Option<PasswordPlace>,
    /// The events' `source`.
    pub source: String,
    /// The district that the signals go to. Without it each goes to the district whose tree knows its place.
    pub district: Option<String>,
    /// The node of what names no place that is known.
    pub default_node: Option<String>,
    /// Whether everything is a drill.
    #[serde(default)]
    pub exercise: bool,
    /// From a list of codes and a code to a node.
    #[serde(default)]
    pub geocodes: BTreeMap<String, BTreeMap<String, String>>,
    /// Messages that may wait for the sink at once, 1 to 1,024.
    #[serde(default = "in_flight_max")]
    pub in_flight_max: u16,
    /// Bytes of a message that is received at all, at most 16 MiB. A larger one ends the connection, and the broker would
    /// send it again: hold the broker's own limit (`message_size_limit` in mosquitto) at or below this.
    #[serde(default = "packet_bytes_max")]
    pub packet_bytes_max: usize,
    /// Seconds of silence after which the connection is probed, 5 to 600.
    #[serde(default = "keep_alive_seconds")]
    pub keep_alive_seconds: u16,
    /// What is read, and what it says.
    pub topic: Vec<TopicSettings>,
}

/// Where a password lies: `file:PATH` or `env:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum PasswordPlace {
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

impl TryFrom<String> for PasswordPlace {
    type Error = &'static str;

    /// What is neither is not repeated: it may be the password itself.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Variable(name.into())),
            _ => Err("a password is named as `file:PATH` or `env:NAME`, never written out; say where it lies"),
        }
    }
}

const fn port() -> u16 {
    1883
}

const fn in_flight_max() -> u16 {
    64
}

const fn packet_bytes_max() -> usize {
    1 << 20
}

const fn keep_alive_seconds() -> u16 {
    30
}

/// `[[mqtt.NAME.topic]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSettings {
    /// The topic with its named parts, for instance `city/{area}/gauge/{device}/level`. A part is the field
    /// `topic.NAME` of the mapping.
    pub pattern: String,
    /// What the payload says. A payload that is no object is its field `value`.
    pub mapping: Mapping,
}

impl MqttSettings {
    /// Checks everything and makes the reader of the topics.
    pub(super) fn topics(&self, name: &str) -> Result<Topics, SettingsError> {
        let check = Check { section: "mqtt", name };
        check.word("broker", &self.broker)?;
        check.word("client_id", &self.client_id)?;
        check.word("source", &self.source)?;
        self.district.iter().try_for_each(|district| check.word("district", district))?;
        self.username.iter().try_for_each(|user| check.word("username", user))?;
        if self.password.is_some() && self.username.is_none() {
            return Err(check.wrong("password", "is not used without `username`", "name the user, or remove it"));
        }
        let within = |field: &str, value: usize, low: usize, high: usize| {
            let cure = format!("give a number from {low} to {high}");
            if (low..=high).contains(&value) { Ok(()) } else { Err(check.wrong(field, format!("is {value}"), cure)) }
        };
        within("in_flight_max", self.in_flight_max.into(), 1, 1_024)?;
        within("packet_bytes_max", self.packet_bytes_max, 1_024, 16 << 20)?;
        within("keep_alive_seconds", self.keep_alive_seconds.into(), 5, 600)?;
        if self.topic.is_empty() {
            return Err(check.wrong("topic", "is missing", "add `[[mqtt.NAME.topic]]`: what is to be read"));
        }
        let places = Places::new(&check, &self.as_source())?;
        Topics::new(&check, self, places)
    }

    fn as_source(&self) -> SourceSettings {
        SourceSettings {
            format: Format::JsonLines,
            source: self.source.clone(),
            district: self.district.clone(),
            default_node: self.default_node.clone(),
            default_hazard: None,
            exercise: if self.exercise { ExerciseRule::Always } else { ExerciseRule::Mark },
            geocodes: self.geocodes.clone(),
            hazards: BTreeMap::new(),
            colours: BTreeMap::new(),
            cap: None,
            alertmanager: None,
            mapping: None,
        }
    }
}
