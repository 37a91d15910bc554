//! What was known then (倒查): a district's state as of an instant or a position, folded from the journal.
//!
//! Nothing that came later is in it, so a decision can be judged by what its maker could know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muster_kernel::record::{Cause, Entry};
use muster_kernel::{Digest, DistrictId, Event, Instant, State, fold};
use muster_store::Journal;

use crate::Host;
use crate::refusal::QueryError;

/// A point in a district's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// After the entry at this position.
    Position(u64),
    /// After the last entry at or before this instant.
    Instant(Instant),
}

impl AsOf {
    /// Reads a position (`812`) or an instant (`2021-07-20T17:00:00+08:00`).
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().map(Self::Position).ok().or_else(|| Instant::parse(text).map(Self::Instant).ok())
    }

    fn holds(self, entry: &Entry) -> bool {
        match self {
            Self::Position(seq) => entry.seq <= seq,
            Self::Instant(at) => entry.at <= at,
        }
    }
}

/// Folds a state forward to a point in the past of its journal.
pub(crate) fn fold_to(journal: &Journal, district: &str, state: &mut State, end: AsOf) -> Result<(), QueryError> {
    for record in journal.read(district, state.core.seq + 1) {
        let record = record.map_err(|reason| QueryError::Journal(reason.to_string()))?;
        let entry = Entry::from_bytes(&record.payload).map_err(|reason| QueryError::Journal(reason.to_string()))?;
        if !end.holds(&entry) {
            break;
        }
        fold::fold(state, &entry, Digest(record.hash));
    }
    Ok(())
}

/// States that follow the present at a distance, so that each question folds only what is new.
#[derive(Default)]
pub(crate) struct Delayed {
    states: Mutex<BTreeMap<DistrictId, State>>,
}

impl Delayed {
    /// Asks the state as it was at an instant; the instants of one district only grow.
    pub(crate) fn ask<T>(
        &self,
        journal: &Journal,
        district: &DistrictId,
        at: Instant,
        ask: impl FnOnce(&State) -> T,
    ) -> Result<T, QueryError> {
        let mut states = self.states.lock().expect("no holder panics");
        let state = states.entry(district.clone()).or_default();
        fold_to(journal, district.as_str(), state, AsOf::Instant(at))?;
        Ok(ask(state))
    }
}

impl Host {
    /// The events of every chain in whose entries a text stands as it is written, in the order in which they became durable.
    /// Reads the journal: not for the threads that answer.
    pub fn events_holding(&self, text: &str) -> impl Iterator<Item = Result<Arc<Event>, QueryError>> {
        let unreadable = |reason: &dyn std::fmt::Display| QueryError::Journal(reason.to_string());
        let records = self.inner.parts.journal.read_holding(text);
        records.filter_map(move |record| {
            let entry = record.map_err(|reason| unreadable(&reason));
            let entry =
                entry.and_then(|record| Entry::from_bytes(&record.payload).map_err(|reason| unreadable(&reason)));
            match entry.map(|entry| entry.cause) {
                Ok(Cause::Event(event)) => Some(Ok(event)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }
}
