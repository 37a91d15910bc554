//! The Common Alerting Protocol 1.0, 1.1 and 1.2 (OASIS; ITU-T X.1303 bis): messages read into events, and written.
//!
//! Reading never fetches what a message names, reads no document type declaration and guesses nothing. Writing gives what
//! the same check lets through.
//!
//! What becomes of a message (`meaning.rs`):
//!
//! | message | events |
//! |---|---|
//! | Alert, Update | a warning for every hazard at every node, with the texts of all languages |
//! | Update | also a cancellation where an earlier warning is not said again; an all-clear where the urgency is Past |
//! | Cancel | a cancellation for what the referenced messages had put out and nothing has replaced |
//! | expired, or replaced before it came | kept, not in force |
//! | Test, System, Ack, Error | kept as a message |
//! | Draft | refused |
//! | Exercise | as above, as a drill |

mod attributes;
mod colour;
mod dialect;
mod geometry;
mod group;
mod meaning;
pub mod message;
mod read;
mod reference;
mod schema;
mod time;
mod tree;
mod word;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use muster_kernel::Colour;
use serde::Deserialize;

use crate::adapter::{Adapter, Item, Moment};
use crate::place::Places;
use crate::refusal::{Place, Refusal};
use crate::settings::{Check, ExerciseRule, SettingsError, SourceSettings};

pub use dialect::Dialect;
pub use geometry::{Bounds, Circle, EDGE_PAIRS_MAX, POINTS_MAX, Point};
pub use message::{Alert, Area, Info, Named, Pair, Resource, Text};
pub use read::parse;
pub use reference::REFERENCES_MAX;
pub use schema::{NAME_BYTES_MAX, TEXT_BYTES_MAX, Version};
pub use time::Time;
pub use tree::{BYTES_MAX, DEPTH_MAX, ELEMENTS_MAX, XML_EVENTS_MAX};
pub use word::{Category, Certainty, MessageType, ResponseType, Scope, Severity, Status, Urgency};
pub use write::write;

/// Events that one message may become.
pub const EVENTS_MAX: usize = 128;
/// Bytes that the events of one message may hold together: every node gets the texts of its own.
pub const EVENT_BYTES_MAX: usize = 384 << 10;

/// `[intake.NAME.cap]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapSettings {
    /// How the source writes CAP.
    #[serde(default)]
    pub dialect: Dialect,
    /// Whose messages the source may bring; everyone's when empty.
    #[serde(default)]
    pub senders: BTreeSet<String>,
    /// In which box its points lie, in degrees: points outside of it whose numbers are swapped are refused.
    pub bounds: Option<Bounds>,
    /// How long a warning counts that does not say so; until it is taken back when absent. At most 8,784.
    pub valid_hours: Option<u16>,
}

/// Reads what one source sends in CAP.
#[derive(Debug, Clone)]
pub struct Cap {
    pub(self) source: String,
    pub(self) settings: CapSettings,
    pub(self) places: Places,
    pub(self) colours: BTreeMap<String, Colour>,
    pub(self) exercise: ExerciseRule,
}

impl Cap {
    pub(crate) fn new(check: &Check<'_>, settings: &SourceSettings) -> Result<Self, SettingsError> {
        let cap = settings.cap.clone().unwrap_or_default();
        for key in settings.colours.keys() {
            let parts = key.split(':').count();
            let known = match key.split(':').next() {
                Some("severity") => parts == 2,
                Some("parameter" | "eventCode") => parts >= 3,
                _ => false,
            };
            if !known {
                let cure = "write `severity:WORD`, `parameter:NAME:VALUE` or `eventCode:NAME:VALUE`";
                return Err(check.wrong(format!("colours.{key}"), "is no place where a colour may stand", cure));
            }
        }
        if let Some(bounds) = cap.bounds
            && (bounds.south >= bounds.north || bounds.west >= bounds.east)
        {
            return Err(check.wrong("cap.bounds", "is empty", "give `south` below `north` and `west` below `east`"));
        }
        if cap.valid_hours.is_some_and(|hours| hours == 0 || hours > 8_784) {
            return Err(check.wrong("cap.valid_hours", "is not from 1 to 8,784", "give it in hours, or leave it out"));
        }
        let places = Places::new(check, settings)?;
        let colours = settings.colours.clone();
        Ok(Self { source: settings.source.clone(), settings: cap, places, colours, exercise: settings.exercise })
    }

    /// How many starts, ends and pieces of text the XML reader meets in a message before it is through or refuses; for
    /// those who measure what it costs.
    pub fn xml_events(bytes: &[u8]) -> usize {
        tree::xml_events(bytes)
    }
}

impl Adapter for Cap {
    fn read(&self, bytes: &[u8], moment: &Moment<'_>) -> Result<Vec<Item>, Refusal> {
        let tree = self.settings.dialect.normalise(tree::read(bytes)?)?;
        let (version, alert) = read::of(&tree)?;
        self.in_bounds(&tree, &alert)?;
        drop(tree);
        let events = meaning::Meaning { cap: self, version, alert: &alert, moment }.events()?;
        let place = Place { path: "alert".into(), line: None };
        Ok(events.into_iter().map(|event| Item { place: place.clone(), read: Ok(event) }).collect())
    }
}

impl Cap {
    fn in_bounds(&self, tree: &tree::Tree<'_>, alert: &Alert<'_>) -> Result<(), Refusal> {
        let Some(bounds) = self.settings.bounds else { return Ok(()) };
        let infos = tree.named(0, "info").zip(&alert.infos);
        let areas = infos.flat_map(|(at, info)| tree.named(at, "area").zip(&info.areas));
        for (at, area) in areas {
            let of_polygons = tree.named(at, "polygon").zip(&area.polygons);
            let of_polygons = of_polygons.flat_map(|(at, points)| points.iter().map(move |point| (at, *point)));
            let of_circles = tree.named(at, "circle").zip(&area.circles).map(|(at, circle)| (at, circle.centre));
            if let Some((at, point)) = of_polygons.chain(of_circles).find(|(_, point)| bounds.swapped(*point)) {
                return Err(tree.refuse(at, crate::refusal::Reason::Swapped(point.to_string())));
            }
        }
        Ok(())
    }
}
