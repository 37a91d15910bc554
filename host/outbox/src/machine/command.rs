//! What people and receipts do to the outbox, and how it stands. Every act names who acts.

use muster_kernel::Instant;
use serde::Serialize;

use super::lane::Slot;
use super::{Lane, Outbox, Step};
use crate::{Change, ChannelName, Disabled, Event, Key, MessageId, Progress, RecipientName, Row};

/// An act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The recipient has read the message.
    Receipt {
        /// Which message.
        id: MessageId,
        /// Who says so.
        by: String,
    },
    /// Send a dead letter again.
    Replay {
        /// Which.
        id: MessageId,
        /// Who wants it.
        by: String,
    },
    /// Take a dead letter, or the message that its recipient stands still at, out for good.
    Discard {
        /// Which.
        id: MessageId,
        /// Who does it.
        by: String,
        /// Why; never empty.
        reason: String,
    },
    /// Switch a channel on again.
    Enable {
        /// Whose.
        recipient: RecipientName,
        /// Which.
        channel: ChannelName,
        /// Who does it.
        by: String,
    },
    /// Give up what is kept of a recipient that the settings do not name any more.
    Forget {
        /// Which.
        recipient: RecipientName,
    },
}

/// Why an act changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such dead letter.
    #[error("there is no dead letter {0}; list the dead letters of its recipient")]
    NoLetter(MessageId),
    /// It is on its way.
    #[error("{0} is being sent right now; wait until the attempt has ended")]
    InFlight(MessageId),
    /// Nothing waits for this receipt.
    #[error("no receipt is waited for {0}: it was receipted before, or never sent")]
    NotAwaited(MessageId),
    /// No reason was given.
    #[error("a message is discarded with a reason only; say why")]
    NoReason,
    /// Not switched off.
    #[error("`{1}` of {0} is not switched off")]
    NotDisabled(RecipientName, ChannelName),
    /// The settings name the recipient, or nothing of it is kept.
    #[error("{0} cannot be forgotten: only what the settings do not name any more can; take it out of them first")]
    Claimed(RecipientName),
}

impl Outbox {
    /// Carries out an act.
    ///
    /// # Errors
    /// Why it changes nothing.
    pub fn command(&mut self, command: Command, now: Instant) -> Result<Step, CommandError> {
        let mut step = Step::default();
        match command {
            Command::Receipt { id, by } => {
                let lane = self.lanes.get_mut(&id.recipient);
                lane.ok_or_else(|| CommandError::NotAwaited(id.clone()))?.receipt(id, by, now, &mut step)?;
            }
            Command::Replay { id, by } => {
                let lane = self.lanes.get_mut(&id.recipient);
                lane.ok_or_else(|| CommandError::NoLetter(id.clone()))?.replay(id, by, now, &mut step)?;
            }
            Command::Discard { id, by, reason } => {
                if reason.trim().is_empty() {
                    return Err(CommandError::NoReason);
                }
                let lane = self.lanes.get_mut(&id.recipient);
                lane.ok_or_else(|| CommandError::NoLetter(id.clone()))?.discard(&id, &mut step)?;
                step.events.push(Event::Discarded { id, at: now, by, reason });
            }
            Command::Enable { recipient, channel, by } => {
                let endpoint = self.lanes.get_mut(&recipient).and_then(|lane| lane.endpoints.get_mut(&channel));
                if endpoint.and_then(|endpoint| endpoint.disabled.take()).is_none() {
                    return Err(CommandError::NotDisabled(recipient, channel));
                }
                step.changes.push(Change { key: Key::Disabled(recipient.clone(), channel.clone()), row: None });
                step.events.push(Event::Enabled { recipient, channel, at: now, by });
            }
            Command::Forget { recipient } => {
                let keys = self.unclaimed.remove(&recipient).ok_or(CommandError::Claimed(recipient))?;
                step.changes.extend(keys.into_iter().map(|key| Change { key, row: None }));
            }
        }
        Ok(step)
    }

    /// How every recipient stands, by name.
    pub fn status(&self) -> Vec<RecipientStatus> {
        self.lanes.iter().map(|(name, lane)| self.status_of(name, lane)).collect()
    }

    fn status_of(&self, name: &RecipientName, lane: &Lane) -> RecipientStatus {
        let behind = |(district, head): (&_, &u64)| head.saturating_sub(lane.read_to(district));
        let endpoints = lane.recipient.channels.iter().map(|planned| {
            let endpoint = &lane.endpoints[&planned.name];
            let free_from = endpoint.free_from();
            EndpointStatus { channel: planned.name.clone(), free_from, disabled: endpoint.disabled.clone() }
        });
        RecipientStatus {
            recipient: name.clone(),
            queued: lane.queue.len(),
            entries_behind: self.heads.iter().map(behind).sum(),
            awaiting: lane.awaiting.len(),
            dead: lane.dead.len(),
            halted: lane.halted,
            waiting_for: lane.queue.front().map(|(message, _)| message.id.clone()),
            endpoints: endpoints.collect(),
        }
    }
}

/// How a recipient stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecipientStatus {
    /// Who.
    pub recipient: RecipientName,
    /// Messages that wait in memory.
    pub queued: usize,
    /// Entries of the journal that were not read for it yet.
    pub entries_behind: u64,
    /// Messages that wait for a receipt.
    pub awaiting: usize,
    /// Dead letters.
    pub dead: usize,
    /// It stands still: there is no room for another dead letter.
    pub halted: bool,
    /// The message that the others wait for.
    pub waiting_for: Option<MessageId>,
    /// Its channels, in order.
    pub endpoints: Vec<EndpointStatus>,
}

/// How a channel stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndpointStatus {
    /// Which.
    pub channel: ChannelName,
    /// It is left alone until then, when it failed too often or asked for time.
    pub free_from: Option<Instant>,
    /// Switched off: since when and why.
    pub disabled: Option<Disabled>,
}

impl Lane {
    /// Where a message stands that is not being sent.
    fn slot_of(&self, id: &MessageId) -> Option<Slot> {
        if self.dead.contains_key(id) {
            Some(Slot::Replay(id.clone()))
        } else if self.awaiting.contains_key(id) {
            Some(Slot::Hop(id.clone()))
        } else {
            self.queue.front().filter(|(message, _)| &message.id == id).map(|_| Slot::Head)
        }
    }

    fn flies(&self, id: &MessageId) -> bool {
        self.flight.as_ref().is_some_and(|flight| &flight.id == id)
    }

    /// A receipt proves that a message is through, wherever it stands: also when an attempt's answer was lost.
    fn receipt(&mut self, id: MessageId, by: String, now: Instant, step: &mut Step) -> Result<(), CommandError> {
        if let Some(slot) = self.flight.as_ref().filter(|flight| flight.id == id).map(|flight| flight.slot.clone()) {
            let progress = self.progress_mut(&slot).filter(|progress| !progress.receipted);
            progress.ok_or_else(|| CommandError::NotAwaited(id.clone()))?.receipted = true;
            // Kept before it is answered: the attempt may never end.
            self.keep(&slot, step);
        } else {
            let slot = self.slot_of(&id).filter(|slot| self.was_tried(slot));
            let slot = slot.ok_or_else(|| CommandError::NotAwaited(id.clone()))?;
            self.settle(&slot, step);
        }
        step.events.push(Event::Receipted { id, at: now, by });
        Ok(())
    }

    fn was_tried(&self, slot: &Slot) -> bool {
        self.item(slot).is_some_and(|(_, progress)| progress.attempts > 0 || !progress.trail.is_empty())
    }

    fn replay(&mut self, id: MessageId, by: String, now: Instant, step: &mut Step) -> Result<(), CommandError> {
        if self.flies(&id) {
            return Err(CommandError::InFlight(id));
        }
        let letter = self.dead.get_mut(&id).ok_or_else(|| CommandError::NoLetter(id.clone()))?;
        letter.replay = true;
        // It begins anew; only its way stays, for who looks into it later.
        letter.progress = Progress { trail: std::mem::take(&mut letter.progress.trail), ..Progress::default() };
        step.changes.push(Change { key: Key::Dead(id.clone()), row: Some(Row::Dead(letter.clone())) });
        step.events.push(Event::Replayed { id, at: now, by });
        Ok(())
    }

    fn discard(&mut self, id: &MessageId, step: &mut Step) -> Result<(), CommandError> {
        if self.flies(id) {
            return Err(CommandError::InFlight(id.clone()));
        }
        let slot = self.slot_of(id).ok_or_else(|| CommandError::NoLetter(id.clone()))?;
        self.settle(&slot, step);
        Ok(())
    }
}
