//! Why an event was not taken, or a question not answered.

use muster_kernel::{DistrictId, State};
use muster_store::AppendError;

/// Why an event was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// No such district.
    #[error("there is no district `{0}` on this host")]
    UnknownDistrict(String),
    /// No district's tree knows the place.
    #[error("no district on this host knows the jurisdiction `{0}`")]
    UnknownPlace(String),
    /// Too much waits already.
    #[error("district {district} has {waiting} events waiting; send again in {retry_after_seconds} s")]
    Busy {
        /// The district.
        district: DistrictId,
        /// How many wait.
        waiting: usize,
        /// When to come again.
        retry_after_seconds: u32,
    },
    /// The disk is nearly full: signals are refused before a write can fail.
    #[error("the host's disk is nearly full: signals are not taken until space is freed; acts of people still are")]
    LowSpace,
    /// What is real does not belong in a drill's journal.
    #[error(
        "this is a drill's district: it takes events with `exercise` true only; send real ones to the district itself"
    )]
    NotExercise,
    /// Whoever sent it may not.
    #[error(transparent)]
    NotPermitted(NotPermitted),
    /// The journal stopped.
    #[error(transparent)]
    Journal(AppendError),
    /// The host is stopping.
    #[error("the host is stopping; send again to its successor")]
    Stopping,
}

/// What the sender lacks, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{english}")]
pub struct NotPermitted {
    /// In Chinese.
    pub chinese: String,
    /// In English.
    pub english: String,
}

/// Whether an event may be sent, asked of the state just before the event is decided.
pub type Permission = Box<dyn FnOnce(&State) -> Result<(), NotPermitted> + Send>;

/// Why a question was not answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// No such district.
    #[error("there is no district `{0}` on this host")]
    UnknownDistrict(String),
    /// The host is stopping, or its journal stopped.
    #[error("the host cannot answer: it is stopping, or its journal stopped")]
    Unavailable,
    /// The journal cannot be read.
    #[error("{0}")]
    Journal(String),
}
