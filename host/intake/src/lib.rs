//! Intake: the languages that a city already speaks, read into the kernel's events.
//!
//! An [`Adapter`] reads bytes and says what they mean, or why not. It opens no connection, fetches nothing, reads no clock
//! and guesses nothing: what it cannot tell for certain it refuses, with the place and the cure. Only `mqtt`, where the
//! feature of that name is on, holds a connection.

pub mod alertmanager;
pub mod cap;
pub mod flat;
pub mod json_lines;
pub mod kind;
pub mod mapping;
#[cfg(feature = "mqtt")]
pub mod mqtt;

mod adapter;
mod earlier;
mod place;
mod refusal;
mod registry;
mod settings;

pub use adapter::{Adapter, Item, Moment};
pub use earlier::{Covered, Earlier, Known, Ledger, MESSAGES_MAX, Nothing, Reference};
pub use refusal::{Place, Reason, Refusal};
pub use registry::{Reader, Registry, Source};
pub use settings::{ExerciseRule, Format, SettingsError, SourceSettings};
