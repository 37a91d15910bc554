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
    /// Its entry would be too large for the journal, which stopped: the same event is never taken.
    #[error(
        "district {district}: what this event leads to would take {bytes} bytes in the journal, where {most} are the most; \
         nothing of it was written, and the host takes nothing more until it is restarted: send less in one event"
    )]
    TooLarge {
        /// The district.
        district: String,
        /// What its entry would take.
        bytes: usize,
        /// What an entry may take.
        most: usize,
    },
    /// The journal stopped.
    #[error(transparent)]
    Journal(AppendError),
    /// The host is stopping.
    #[error("the host is stopping; send again to its successor")]
    Stopping,
}

impl SubmitError {
    /// What the sender of the event with this position is told when its turn did not become durable. Whoever sent another
    /// event of the turn may send it again to the host that is started anew.
    pub(crate) fn of_append(error: &AppendError, seq: u64) -> Self {
        match error {
            AppendError::TooLarge { district, seq: large, bytes, most } if *large == seq => {
                Self::TooLarge { district: district.clone(), bytes: *bytes, most: *most }
            }
            AppendError::TooLarge { district, seq: large, .. } => {
                let reason =
                    format!("entry {large} of district {district} was too large for it; send this event again");
                Self::Journal(AppendError::Poisoned(reason.into()))
            }
            other => Self::Journal(other.clone()),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sender_of_what_is_too_large_is_told_that_it_never_will_be_taken() {
        let large = AppendError::TooLarge { district: "yunhe".into(), seq: 7, bytes: 9, most: 8 };
        let told = SubmitError::of_append(&large, 7);
        assert!(matches!(told, SubmitError::TooLarge { bytes: 9, most: 8, .. }), "{told:?}");
        assert!(told.to_string().contains("district yunhe"), "{told}");
        for other in [6, 8] {
            let told = SubmitError::of_append(&large, other);
            assert!(matches!(told, SubmitError::Journal(AppendError::Poisoned(_))), "{told:?}");
            assert!(told.to_string().contains("send this event again"), "{told}");
        }
        let told = SubmitError::of_append(&AppendError::Closed, 7);
        assert!(matches!(told, SubmitError::Journal(AppendError::Closed)), "{told:?}");
    }
}
