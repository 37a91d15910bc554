//! Whoever carries further what was decided: it hears of entries once they are durable, reads them, and asks the states
//! from threads of its own. It can hold up no commit: what it hears is a note, what it asks is a question like others.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use muster_kernel::record::Entry;
use muster_kernel::{DistrictId, Instant, State};

use crate::Host;
use crate::condition::Degradation;
use crate::refusal::QueryError;

/// Follows the journal.
pub trait Follower: Send + Sync {
    /// A district's entries are durable up to this one. Called on the journal's thread: it must leave a note, no more.
    fn committed(&self, district: &DistrictId, seq: u64);

    /// How it stands; may wait a moment.
    fn standing(&self) -> FollowerStanding;
}

/// How a follower stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowerStanding {
    /// Those whom it tells.
    pub recipients: Vec<RecipientStanding>,
    /// What does not work as it should.
    pub degradations: Vec<Degradation>,
}

/// How a recipient stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientStanding {
    /// Its name.
    pub name: String,
    /// Messages that wait, for an attempt or for a receipt.
    pub pending: u64,
    /// Entries that were not read for it yet.
    pub entries_behind: u64,
    /// Messages that were given up.
    pub dead_letters: u64,
}

/// The follower of a host, if there is one.
#[derive(Default)]
pub(crate) struct Followed(RwLock<Option<Arc<dyn Follower>>>);

impl Followed {
    pub(crate) fn committed(&self, district: &DistrictId, seq: u64) {
        if let Some(follower) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            follower.committed(district, seq);
        }
    }

    pub(crate) fn standing(&self) -> Option<FollowerStanding> {
        let follower = self.0.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        // It may wait a moment, on a thread that answers others.
        Some(tokio::task::block_in_place(|| follower.standing()))
    }

    fn set(&self, follower: Option<Arc<dyn Follower>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = follower;
    }
}

impl Host {
    /// From now on the follower hears of every commit. What became durable before it hears of at once.
    pub fn follow(&self, follower: Arc<dyn Follower>) {
        self.followed.set(Some(Arc::clone(&follower)));
        for (district, seq) in self.heads() {
            follower.committed(&district, seq);
        }
    }

    /// Nobody follows any more.
    pub fn unfollow(&self) {
        self.followed.set(None);
    }

    /// The last durable entry of every chain of the journal: of drills, and of districts that are not served any more.
    pub fn heads(&self) -> BTreeMap<DistrictId, u64> {
        let heads = self.inner.parts.journal.heads().into_iter();
        heads.map(|(district, head)| (DistrictId::from(district.as_str()), head.seq)).collect()
    }

    /// At most so many durable entries after a position, in order, of any chain of the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn entries_after(&self, district: &DistrictId, after: u64, most: usize) -> Result<Vec<Entry>, QueryError> {
        let records = self.inner.parts.journal.read(district.as_str(), after + 1).take(most);
        let read = records.map(|record| {
            let record = record.map_err(|reason| QueryError::Journal(reason.to_string()))?;
            Entry::from_bytes(&record.payload).map_err(|reason| QueryError::Journal(reason.to_string()))
        });
        read.collect()
    }

    /// Asks a district's state from a thread that may wait. A district that is not served any more, or cannot answer, is
    /// answered for by the journal.
    ///
    /// # Errors
    /// When not even the journal can be read.
    pub fn ask_waiting<T: Send + 'static>(
        &self,
        district: &DistrictId,
        ask: impl Fn(&State) -> T + Send + Sync + 'static,
    ) -> Result<T, QueryError> {
        let ask = Arc::new(ask);
        if !self.is_stopped() {
            let asked = Arc::clone(&ask);
            match self.put(district.as_str(), crate::shard::query(move |state| asked(state))) {
                Ok(told) => {
                    if let Ok(answer) = told.blocking_recv() {
                        return Ok(answer);
                    }
                    tracing::debug!(target: "muster::follow", %district, "the journal answers for it");
                }
                Err(QueryError::UnknownDistrict(_) | QueryError::Unavailable) => {}
                Err(error) => return Err(error),
            }
        }
        self.stopped.ask(&self.inner.parts.journal, district, Instant::MAX, |state| ask(state))
    }

    /// Counts an attempt at telling somebody; the outcome is a word of the contract.
    pub fn count_delivery(&self, outcome: &'static str) {
        self.inner.metrics.delivery(outcome);
    }

    /// Counts spans of traces by what became of them: `sent`, `failed` or `dropped`.
    pub fn count_spans(&self, outcome: &'static str, spans: u64) {
        self.inner.metrics.spans(outcome, spans);
    }
}
