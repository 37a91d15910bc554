//! One JSON object a line, read by the source's mapping. Lines are answered one by one: a wrong one refuses no other.

use muster_kernel::Event;

use crate::adapter::{Adapter, Item, Moment};
use crate::flat;
use crate::mapping::{Mapping, Object};
use crate::place::Places;
use crate::refusal::{Place, Reason, Refusal};
use crate::settings::{Check, ExerciseRule, Format, SettingsError, SourceSettings};

/// Bytes that are sent at once.
pub const BYTES_MAX: usize = 1 << 20;
/// Lines that are sent at once.
pub const LINES_MAX: usize = 1_000;

/// Reads what one source sends as JSON lines.
#[derive(Debug, Clone)]
pub struct JsonLines {
    source: String,
    mapping: Mapping,
    places: Places,
    exercise: bool,
}

impl JsonLines {
    pub(crate) fn new(check: &Check<'_>, settings: &SourceSettings) -> Result<Self, SettingsError> {
        let mapping = check.given("mapping", settings.mapping.as_ref(), Format::JsonLines)?.clone();
        mapping.check(check, "mapping")?;
        check.unused("hazards", !settings.hazards.is_empty(), Format::JsonLines)?;
        check.unused("default_hazard", settings.default_hazard.is_some(), Format::JsonLines)?;
        let exercise = settings.exercise == ExerciseRule::Always;
        Ok(Self { source: settings.source.clone(), mapping, places: Places::new(check, settings)?, exercise })
    }

    fn line(&self, bytes: &[u8], number: u32, moment: &Moment<'_>) -> Result<Event, Refusal> {
        let at_line = |mut refusal: Refusal| {
            refusal.place.line = Some(number);
            refusal
        };
        let values = flat::read(bytes).map_err(at_line)?;
        let object =
            Object { values: &values, bytes, source: &self.source, prefix: "", subject: None, exercise: self.exercise };
        self.mapping.event(&object, &self.places, moment.now).map_err(at_line)
    }
}

impl Adapter for JsonLines {
    fn read(&self, bytes: &[u8], moment: &Moment<'_>) -> Result<Vec<Item>, Refusal> {
        if bytes.len() > BYTES_MAX {
            return Err(Refusal::whole(Reason::TooLarge { what: "bytes", limit: BYTES_MAX }));
        }
        let mut items = Vec::new();
        for (number, line) in (1_u32..).zip(bytes.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if items.len() == LINES_MAX {
                return Err(Refusal::whole(Reason::TooLarge { what: "lines", limit: LINES_MAX }));
            }
            let place = Place { path: String::new(), line: Some(number) };
            items.push(Item { place, read: self.line(line, number, moment) });
        }
        Ok(items)
    }
}
