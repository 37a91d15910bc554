//! The kernel: what an event, a district and an effect are, and how a fact changes them.
//!
//! It is pure: no clock, no randomness, no disk, no network, no hash-map order. Time comes in as an argument, policies
//! come in behind [`role::Policies`]. The crate is `no_std`, so most of what it must never do it cannot do.
//!
//! - [`step`](fn@step::step) decides: state + input + policies → one entry. It cannot fail; a refused act is an answer.
//! - [`fold`](mod@fold) carries: state + facts → state. Policies are never asked again.
#![no_std]

extern crate alloc;

pub mod act;
pub mod calendar;
pub mod change;
pub mod charter;
pub mod compare;
mod digest;
mod event;
pub mod facts;
pub mod fold;
mod instant;
mod name;
pub mod record;
pub mod role;
pub mod roster;
pub mod settings;
pub mod snapshot;
pub mod state;
pub mod step;
pub mod table;
pub mod value;
mod words;

pub use digest::Digest;
pub use event::Event;
pub use instant::{Instant, InstantError, Milliseconds};
pub use name::{
    AwardId, CalloutId, CaseId, DistrictId, FindingId, GrantId, Hazard, IncidentId, MeasureId, NodeCode, OfferId,
    ProcessId, ReportId, RequestId, Scheme, SpendId, TaskId, WatchId,
};
pub use state::State;
pub use value::Value;
pub use words::{
    AwardStatus, CalloutKind, Colour, Currency, FeedbackClass, FigureStage, FindingStatus, Level, LogSeverity,
    MeasureStatus, Mode, PolicyMode, RiskStage, Role, RungCondition, Tier,
};
