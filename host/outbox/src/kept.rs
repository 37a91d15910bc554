//! What survives a stop, behind a narrow trait: positions in the journal, and the few messages that the journal's order
//! does not hold any more (dead letters, and those that wait for a receipt).
//!
//! Rows are stored as JSON; kinds and fields are added, never changed. This module never decides.

use std::collections::BTreeMap;

use muster_kernel::{DistrictId, Instant, Milliseconds};
use serde::{Deserialize, Serialize};

use crate::{ChannelName, Message, MessageId, Position, RecipientName, Trouble};

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A recipient that was met before.
    Registered(RecipientName),
    /// How far a recipient is in a district's chain.
    Cursor(RecipientName, DistrictId),
    /// Attempts at a message that is not through yet.
    Progress(MessageId),
    /// A message that waits for its receipt.
    Awaiting(MessageId),
    /// A dead letter.
    Dead(MessageId),
    /// A channel that is switched off.
    Disabled(RecipientName, ChannelName),
}

impl Key {
    /// The bytes under which a store keeps the row.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a key holds nothing that JSON cannot say")
    }

    /// Whose row it is.
    pub fn recipient(&self) -> &RecipientName {
        match self {
            Self::Registered(recipient) | Self::Cursor(recipient, _) | Self::Disabled(recipient, _) => recipient,
            Self::Progress(id) | Self::Awaiting(id) | Self::Dead(id) => &id.recipient,
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// Since when the recipient is known.
    Registered {
        /// Since when.
        since: Instant,
    },
    /// All facts up to here are through.
    Cursor(Position),
    /// Attempts so far.
    Progress(Progress),
    /// Waits for a receipt.
    Awaiting(Awaiting),
    /// A dead letter.
    Dead(DeadLetter),
    /// A channel that is switched off.
    Disabled(Disabled),
}

impl Row {
    /// The bytes that a store keeps.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a row holds nothing that JSON cannot say")
    }
}

/// One step on a message's way that did not lead to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// By which channel.
    pub channel: ChannelName,
    /// When it ended.
    pub at: Instant,
    /// What went wrong.
    pub trouble: Trouble,
}

/// The most steps that are kept of a message's way: the last ones.
pub(crate) const TRAIL_MAX: usize = 16;

/// Attempts at a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// When the first attempt was made; `None` before it.
    pub since: Option<Instant>,
    /// How long it was tried since then. It is counted, not taken from `since`: clocks are set.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spent: Milliseconds,
    /// Up to when `spent` counts. A stop counts for nothing.
    #[serde(skip)]
    pub counted: Option<Instant>,
    /// A receipt came while an attempt was in flight: however it ends, the message is through.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub receipted: bool,
    /// Attempts that ended.
    pub attempts: u32,
    /// The channel that is being tried.
    pub channel: Option<ChannelName>,
    /// Attempts in a row on that channel.
    pub tries: u32,
    /// No attempt before.
    pub not_before: Option<Instant>,
    /// Channels that are out for this message: they refused it, or brought no receipt.
    pub out: Vec<ChannelName>,
    /// The last steps, at most 16.
    pub trail: Vec<Hop>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(length: &Milliseconds) -> bool {
    length.0 == 0
}

/// A message that was delivered and waits for its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaiting {
    /// The message.
    pub message: Message,
    /// Its way so far.
    pub progress: Progress,
    /// By which channel it was delivered.
    pub channel: ChannelName,
    /// When it was delivered.
    pub delivered: Instant,
    /// Without a receipt the next channel is taken then.
    pub until: Instant,
}

/// A message that reached nobody, kept until a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The message.
    pub message: Message,
    /// When it was given up.
    pub at: Instant,
    /// Its way.
    pub progress: Progress,
    /// Why it was given up.
    pub reason: Trouble,
    /// True when a person wants it to be sent again; it stays kept until it is delivered.
    pub replay: bool,
}

/// A channel that is switched off until a person switches it on again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// Since when.
    pub since: Instant,
    /// Why.
    pub reason: Trouble,
}

/// One change of what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub key: Key,
    /// What it says from now on; `None`: it is gone.
    pub row: Option<Row>,
}

/// Why rows cannot be kept or given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeptError {
    /// The store refused.
    #[error("what the outbox keeps cannot be stored: {0}; deliveries stop until it can, and nothing is lost")]
    Store(String),
    /// A row cannot be read.
    #[error(
        "a row of the outbox cannot be read ({reason}): {row}; copy back the folder `outbox` alone from the last backup, \
         and leave everything else as it is"
    )]
    Unreadable {
        /// The key as stored.
        row: String,
        /// What is wrong.
        reason: String,
    },
}

/// Keeps rows. A batch is durable before `apply` returns, as a whole or not at all.
pub trait Kept: Send {
    /// All rows.
    ///
    /// # Errors
    /// When they cannot be read.
    fn load(&self) -> Result<BTreeMap<Key, Row>, KeptError>;

    /// Carries out a batch of changes.
    ///
    /// # Errors
    /// When the store refuses; nothing of the batch is kept then.
    fn apply(&mut self, changes: &[Change]) -> Result<(), KeptError>;
}

/// Reads a row as a store gives it.
///
/// # Errors
/// When it is not a row of this version.
pub fn read_row(key: &[u8], row: &[u8]) -> Result<(Key, Row), KeptError> {
    let wrong = |reason: serde_json::Error| KeptError::Unreadable {
        row: String::from_utf8_lossy(key).into_owned(),
        reason: reason.to_string(),
    };
    Ok((serde_json::from_slice(key).map_err(wrong)?, serde_json::from_slice(row).map_err(wrong)?))
}

/// Rows in memory, as bytes, so that what a store would write and read is what is tested.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Memory {
    /// How many bytes are kept.
    pub fn bytes(&self) -> usize {
        self.rows.iter().map(|(key, row)| key.len() + row.len()).sum()
    }
}

impl Kept for Memory {
    fn load(&self) -> Result<BTreeMap<Key, Row>, KeptError> {
        self.rows.iter().map(|(key, row)| read_row(key, row)).collect()
    }

    fn apply(&mut self, changes: &[Change]) -> Result<(), KeptError> {
        for change in changes {
            match &change.row {
                Some(row) => self.rows.insert(change.key.to_bytes(), row.to_bytes()),
                None => self.rows.remove(&change.key.to_bytes()),
            };
        }
        Ok(())
    }
}
