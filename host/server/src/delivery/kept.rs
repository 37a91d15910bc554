//! Where the outbox's rows are kept, and with them the signals that are owed to the district's intake.
//!
//! # What a lost row would cost
//!
//! The outbox promises at least once, from the journal. Its rows are written in batches that each move it from one state
//! to a later one, so rows as of an *earlier batch* only repeat messages under the same identity. Rows that are *gone*
//! lose messages: without `registered` a recipient counts as new and begins at the journal's end; without its `dead`
//! row, beyond whose position the cursor stands already, a dead letter is nowhere. sled cannot promise the former and,
//! when its files are damaged, comes down to the latter. So the rows stand in [`Batches`]: synced before they count, as a
//! whole or not at all, and damage is refused instead of folded over. `kept_tests.rs` takes them back to every batch, and away.
//!
//! A message that reached nobody is told to its district by a signal. The signal is kept in the batch of the dead letter
//! and taken out once the district has it: a stop between the two repeats it under the same identity.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muster_outbox::{Change, DeadLetter, Event, Kept, KeptError, Key, MessageId, Row, read_row};
use muster_runtime::{Batches, RowChange};
use serde_json::Value as Json;

use super::lock;

/// Before the key of a row of the outbox.
const ROW: u8 = b'r';
/// Before the identity of a message whose failure the district has not been told yet.
const SIGNAL: u8 = b's';

/// The outbox's own rows among all that its file keeps.
///
/// # Errors
/// When a row cannot be read.
pub fn rows_among<'r>(kept: impl Iterator<Item = (&'r [u8], &'r [u8])>) -> Result<BTreeMap<Key, Row>, KeptError> {
    let rows = kept.filter_map(|(key, row)| Some((key.strip_prefix(&[ROW])?, row)));
    rows.map(|(key, row)| read_row(key, row)).collect()
}

/// The rows, shared by the carrier and by who sends signals.
#[derive(Clone)]
pub(super) struct Rows {
    batches: Arc<Mutex<Batches>>,
    /// Hears of every batch that was kept.
    kept_again: Arc<dyn Fn() + Send + Sync>,
}

impl Rows {
    pub(super) fn new(batches: Batches, kept_again: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { batches: Arc::new(Mutex::new(batches)), kept_again }
    }

    /// The signals that are owed, in the order of the journal within a district.
    pub(super) fn owed(&self) -> Vec<(MessageId, Json)> {
        let batches = lock(&self.batches);
        let owed = batches.rows().filter_map(|(key, row)| {
            let id = std::str::from_utf8(key.strip_prefix(&[SIGNAL])?).ok().and_then(MessageId::parse)?;
            Some((id, serde_json::from_slice(row).ok()?))
        });
        let mut owed: Vec<(MessageId, Json)> = owed.collect();
        owed.sort_by(|(one, _), (other, _)| one.cmp(other));
        owed
    }

    /// The district has it.
    pub(super) fn paid(&self, id: &MessageId) -> Result<(), KeptError> {
        store(&mut lock(&self.batches), &[(signal_key(id), None)])
    }
}

fn named(kind: u8, name: &[u8]) -> Vec<u8> {
    [&[kind], name].concat()
}

fn signal_key(id: &MessageId) -> Vec<u8> {
    named(SIGNAL, id.to_string().as_bytes())
}

fn store(batches: &mut Batches, changes: &[RowChange]) -> Result<(), KeptError> {
    batches.apply(changes).map_err(|error| KeptError::Store(error.to_string()))
}

/// What the district is told of a message that reached nobody.
fn signal_of(letter: &DeadLetter) -> Option<Json> {
    let (id, fact) = (letter.message.id.clone(), letter.message.kind.clone());
    let (at, attempts, reason) = (letter.at, letter.progress.attempts, letter.reason.clone());
    let mut signal = Event::Failed { id, fact, at, attempts, reason }.signal()?;
    if letter.message.exercise {
        // A drill stays within its walls.
        signal["exercise"] = true.into();
    }
    Some(signal)
}

impl Kept for Rows {
    fn load(&self) -> Result<BTreeMap<Key, Row>, KeptError> {
        rows_among(lock(&self.batches).rows())
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), KeptError> {
        let mut batches = lock(&self.batches);
        let mut batch: Vec<RowChange> = Vec::with_capacity(changes.len());
        for change in changes {
            let key = named(ROW, &change.key.to_bytes());
            if let (Key::Dead(id), Some(Row::Dead(letter))) = (&change.key, &change.row)
                && batches.get(&key).is_none()
                && let Some(signal) = signal_of(letter)
            {
                batch.push((signal_key(id), Some(signal.to_string().into_bytes())));
            }
            batch.push((key, change.row.as_ref().map(Row::to_bytes)));
        }
        store(&mut batches, &batch)?;
        (self.kept_again)();
        Ok(())
    }
}
