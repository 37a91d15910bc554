//! The sources that `muster.toml` names, each with the reader of its format. It is made once, at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::adapter::Adapter;
use crate::alertmanager::Alertmanager;
use crate::cap::Cap;
use crate::json_lines::JsonLines;
use crate::settings::{Check, Format, SettingsError, SourceSettings};

/// Who reads what a source sends.
#[derive(Clone)]
pub enum Reader {
    /// The host itself: `CloudEvents` carry their own source, id and place.
    Host,
    /// An adapter of this crate.
    Adapter(Arc<dyn Adapter>),
}

/// A source that may be looked up by its name.
#[derive(Clone)]
pub struct Source {
    /// Its name in `muster.toml` and in the path of the intake route.
    pub name: String,
    /// What it speaks.
    pub format: Format,
    /// Whom its events name as their `source`. Empty where the events name it themselves.
    pub speaks_as: String,
    /// The district that its events go to; without one, where their place is known.
    pub district: Option<String>,
    /// Who reads it.
    pub reader: Reader,
}

/// All sources by name.
#[derive(Clone, Default)]
pub struct Registry {
    sources: BTreeMap<String, Source>,
}

impl Registry {
    /// Makes the readers of all sources.
    ///
    /// # Errors
    /// When the settings of one cannot be used: the error names source, field, reason and cure.
    pub fn new(settings: &BTreeMap<String, SourceSettings>) -> Result<Self, SettingsError> {
        let sources = settings.iter().map(|(name, settings)| Ok((name.clone(), source(name, settings)?)));
        Ok(Self { sources: sources.collect::<Result<_, SettingsError>>()? })
    }

    /// The source with this name.
    pub fn find(&self, name: &str) -> Option<&Source> {
        self.sources.get(name)
    }

    /// All sources, by name.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }
}

fn source(name: &str, settings: &SourceSettings) -> Result<Source, SettingsError> {
    let check = Check { section: "intake", name };
    let format = settings.format;
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        let cure = "use 1 to 64 letters, digits, `-`, `_` and `.`: it stands in the path of the intake route";
        return Err(check.wrong("NAME", "cannot be a name", cure));
    }
    settings.district.iter().try_for_each(|district| check.word("district", district))?;
    let (is_cap, is_json) = (format == Format::Cap, format == Format::JsonLines);
    check.unused("cap", settings.cap.is_some() && !is_cap, format)?;
    check.unused("colours", !settings.colours.is_empty() && !is_cap, format)?;
    check.unused("mapping", settings.mapping.is_some() && !is_json, format)?;
    check.unused("alertmanager", settings.alertmanager.is_some() && format != Format::Alertmanager, format)?;
    if format == Format::Cloudevents {
        check.unused("source", !settings.source.is_empty(), format)?;
        check.unused("default_node", settings.default_node.is_some(), format)?;
        check.unused("default_hazard", settings.default_hazard.is_some(), format)?;
        check.unused("geocodes", !settings.geocodes.is_empty(), format)?;
        check.unused("hazards", !settings.hazards.is_empty(), format)?;
        check.unused("exercise", settings.exercise != crate::settings::ExerciseRule::Mark, format)?;
    } else {
        check.word("source", &settings.source)?;
    }
    let reader = match format {
        Format::Cloudevents => Reader::Host,
        Format::Cap => Reader::Adapter(Arc::new(Cap::new(&check, settings)?)),
        Format::Alertmanager => Reader::Adapter(Arc::new(Alertmanager::new(&check, settings)?)),
        Format::JsonLines => Reader::Adapter(Arc::new(JsonLines::new(&check, settings)?)),
    };
    let (speaks_as, district) = (settings.source.clone(), settings.district.clone());
    Ok(Source { name: name.into(), format, speaks_as, district, reader })
}
