//! What `muster.toml` says of a source, under `[intake.NAME]`. Unknown fields are refused; a field that the format does
//! not use is refused too, so that nothing is set in vain.

use std::collections::BTreeMap;

use muster_kernel::Colour;
use serde::Deserialize;

use crate::cap::CapSettings;
use crate::mapping::Mapping;

/// Bytes of a name, code or word in the settings.
pub(crate) const WORD_BYTES_MAX: usize = 256;

/// The languages that a source may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `CloudEvents` 1.0 in JSON. The host reads them itself.
    Cloudevents,
    /// The Common Alerting Protocol 1.0, 1.1 and 1.2.
    Cap,
    /// The webhook of Prometheus' Alertmanager, version 4.
    Alertmanager,
    /// One JSON object a line, read by a mapping.
    JsonLines,
}

impl Format {
    /// The word in `muster.toml`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cloudevents => "cloudevents",
            Self::Cap => "cap",
            Self::Alertmanager => "alertmanager",
            Self::JsonLines => "json_lines",
        }
    }

    /// The media types in which it comes.
    pub const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Cloudevents => &["application/cloudevents+json", "application/cloudevents-batch+json"],
            Self::Cap => &["application/cap+xml", "application/xml", "text/xml"],
            Self::Alertmanager => &["application/json"],
            Self::JsonLines => &["application/x-ndjson", "application/jsonl"],
        }
    }
}

/// What happens to what the sender calls a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExerciseRule {
    /// It goes to the exercise district.
    #[default]
    Mark,
    /// It is refused: this source sends none.
    Refuse,
    /// Everything from this source is a drill, whatever it says.
    Always,
}

/// `[intake.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// What it speaks.
    pub format: Format,
    /// Who speaks, as the kernel knows it: the events' `source`. Powers are given by it, so it never comes from the
    /// message.
    #[serde(default)]
    pub source: String,
    /// The district that its events go to. Without it each goes to the district whose tree knows its place.
    pub district: Option<String>,
    /// The node of what names no place that is known. Without it such a message is refused.
    pub default_node: Option<String>,
    /// The hazard of what names none that is known. Without it such a message is refused.
    pub default_hazard: Option<String>,
    /// What happens to drills.
    #[serde(default)]
    pub exercise: ExerciseRule,
    /// From a list of codes and a code to a node. The code `*` with the node `=` takes every code of the list as a node.
    #[serde(default)]
    pub geocodes: BTreeMap<String, BTreeMap<String, String>>,
    /// From `LIST:CODE`, a code, or the words of an event, to a hazard.
    #[serde(default)]
    pub hazards: BTreeMap<String, String>,
    /// From `severity:WORD`, `parameter:NAME:VALUE` or `eventCode:NAME:VALUE` to a colour.
    #[serde(default)]
    pub colours: BTreeMap<String, Colour>,
    /// Only for CAP.
    pub cap: Option<CapSettings>,
    /// Only for Alertmanager.
    pub alertmanager: Option<crate::alertmanager::AlertmanagerSettings>,
    /// Only for JSON lines: what each line says.
    pub mapping: Option<Mapping>,
}

/// Why the settings of a source cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("muster.toml, [{section}.{name}]: `{field}` {reason}; {cure}")]
pub struct SettingsError {
    /// `intake` or `mqtt`.
    pub section: &'static str,
    /// The source.
    pub name: String,
    /// The dotted field.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would cure it.
    pub cure: String,
}

/// Checks fields and says which one is wrong.
pub(crate) struct Check<'a> {
    pub(crate) section: &'static str,
    pub(crate) name: &'a str,
}

impl Check<'_> {
    pub(crate) fn wrong(
        &self,
        field: impl Into<String>,
        reason: impl Into<String>,
        cure: impl Into<String>,
    ) -> SettingsError {
        let (field, reason, cure) = (field.into(), reason.into(), cure.into());
        SettingsError { section: self.section, name: self.name.into(), field, reason, cure }
    }

    /// Text that is there, short, and free of control characters.
    pub(crate) fn word(&self, field: &str, text: &str) -> Result<(), SettingsError> {
        if text.is_empty() {
            return Err(self.wrong(field, "is empty", "give it a value"));
        }
        if text.len() > WORD_BYTES_MAX || text.chars().any(char::is_control) {
            let reason = format!("is over {WORD_BYTES_MAX} bytes or holds control characters");
            return Err(self.wrong(field, reason, "shorten it"));
        }
        Ok(())
    }

    /// A section that the format must have.
    pub(crate) fn given<'s, T>(
        &self,
        field: &str,
        section: Option<&'s T>,
        format: Format,
    ) -> Result<&'s T, SettingsError> {
        section.ok_or_else(|| {
            self.wrong(field, format!("is missing; `format = \"{}\"` needs it", format.as_str()), "add the section")
        })
    }

    /// A section that the format does not use.
    pub(crate) fn unused(&self, field: &str, given: bool, format: Format) -> Result<(), SettingsError> {
        if given {
            let reason = format!("is not used by `format = \"{}\"`", format.as_str());
            return Err(self.wrong(field, reason, "remove it, or change `format`"));
        }
        Ok(())
    }
}
