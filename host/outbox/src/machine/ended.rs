//! What follows from the end of an attempt: through, another time, another channel, or given up.

use muster_kernel::{Instant, Milliseconds};

use super::lane::{Flight, Lane, Slot};
use super::{Limits, Step, pace};
use crate::{Awaiting, Change, ChannelName, Disabled, Event, Key, MessageId, Outcome, Progress, Row, Trouble};

impl Lane {
    /// Carries the end of the attempt in flight.
    pub(super) fn ended(
        &mut self,
        limits: &Limits,
        seed: u64,
        flight: Flight,
        outcome: Outcome,
        now: Instant,
        step: &mut Step,
    ) {
        let Flight { slot, id, channel } = flight;
        self.count(limits, &slot, now);
        let Some(progress) = self.progress_mut(&slot) else { return };
        let receipted = progress.receipted;
        progress.attempts = progress.attempts.saturating_add(1);
        let attempt = progress.attempts;
        let event =
            Event::Attempted { id: id.clone(), channel: channel.clone(), at: now, attempt, outcome: outcome.clone() };
        step.events.push(event);
        match outcome {
            Outcome::Delivered => {
                self.close(&channel, now, step);
                self.delivered(&slot, &id, channel, receipted, now, step);
            }
            Outcome::Later { trouble, retry_after } => {
                self.open(limits, &channel, retry_after, now, step);
                if receipted {
                    self.settle(&slot, step);
                } else {
                    self.later(limits, seed, &slot, &id, &channel, trouble, now, step);
                }
            }
            Outcome::Refused { trouble } => {
                // It answered, so the channel works; only this message is not for it.
                self.close(&channel, now, step);
                self.refused(limits, &slot, &id, channel, trouble, receipted, now, step);
            }
            Outcome::Gone { trouble } => {
                self.switch_off(&channel, trouble.clone(), now, step);
                if receipted {
                    self.settle(&slot, step);
                } else {
                    self.progress_mut(&slot).expect("it is in flight").record(channel.clone(), now, trouble.clone());
                    self.hop(&slot, &id, &channel, trouble, now, step);
                    self.keep(&slot, step);
                }
            }
        }
    }

    fn close(&mut self, channel: &ChannelName, now: Instant, step: &mut Step) {
        if self.endpoints.get_mut(channel).is_some_and(pace::Endpoint::succeeded) {
            let (recipient, channel) = (self.recipient.name.clone(), channel.clone());
            step.events.push(Event::CircuitClosed { recipient, channel, at: now });
        }
    }

    fn open(
        &mut self,
        limits: &Limits,
        channel: &ChannelName,
        retry_after: Option<Milliseconds>,
        now: Instant,
        step: &mut Step,
    ) {
        let endpoint = self.endpoints.get_mut(channel);
        if let Some(until) = endpoint.and_then(|endpoint| endpoint.failed(limits, now, retry_after)) {
            let (recipient, channel) = (self.recipient.name.clone(), channel.clone());
            step.events.push(Event::CircuitOpened { recipient, channel, at: now, until });
        }
    }

    fn switch_off(&mut self, channel: &ChannelName, reason: Trouble, now: Instant, step: &mut Step) {
        let disabled = Disabled { since: now, reason: reason.clone() };
        if let Some(endpoint) = self.endpoints.get_mut(channel) {
            endpoint.disabled = Some(disabled.clone());
        }
        let (recipient, channel) = (self.recipient.name.clone(), channel.clone());
        let key = Key::Disabled(recipient.clone(), channel.clone());
        step.changes.push(Change { key, row: Some(Row::Disabled(disabled)) });
        step.events.push(Event::Disabled { recipient, channel, at: now, reason });
    }

    fn delivered(
        &mut self,
        slot: &Slot,
        id: &MessageId,
        channel: ChannelName,
        receipted: bool,
        now: Instant,
        step: &mut Step,
    ) {
        let Some((message, progress)) = self.item(slot).map(|(message, progress)| (message.clone(), progress.clone()))
        else {
            return;
        };
        let within = self.recipient.channels.iter().find(|one| one.name == channel).map(|one| one.receipt_within);
        let until = within.filter(|_| message.receipt && !receipted).map(|within| now + within);
        let attempts = progress.attempts;
        let event = Event::Delivered { id: id.clone(), channel: channel.clone(), at: now, attempts, receipt_by: until };
        self.settle(slot, step);
        if let Some(until) = until {
            // A hop takes up the clock again where a receipt fails to come: attempts are counted per channel reached.
            let progress =
                Progress { since: None, spent: Milliseconds(0), counted: None, not_before: None, tries: 0, ..progress };
            let one = Awaiting { message, progress, channel, delivered: now, until };
            step.changes.push(Change { key: Key::Awaiting(id.clone()), row: Some(Row::Awaiting(one.clone())) });
            self.awaiting.insert(id.clone(), one);
        }
        step.events.push(event);
    }

    #[expect(clippy::too_many_arguments, reason = "what an end of an attempt consists of")]
    fn later(
        &mut self,
        limits: &Limits,
        seed: u64,
        slot: &Slot,
        id: &MessageId,
        channel: &ChannelName,
        trouble: Trouble,
        now: Instant,
        step: &mut Step,
    ) {
        let free = self.endpoints.get(channel).is_some_and(|endpoint| endpoint.is_free(now));
        let progress = self.progress_mut(slot).expect("it is in flight");
        progress.record(channel.clone(), now, trouble.clone());
        progress.tries = progress.tries.saturating_add(1);
        progress.not_before = Some(now + pace::pause(limits, seed, id, progress.attempts));
        if progress.attempts >= limits.attempts || progress.spent >= limits.give_up_after {
            self.keep(slot, step);
            return self.bury(limits, slot, now, step);
        }
        if !free || self.item(slot).is_some_and(|(_, progress)| progress.tries >= limits.tries_per_channel) {
            self.hop(slot, id, channel, trouble, now, step);
        }
        self.keep(slot, step);
    }

    #[expect(clippy::too_many_arguments, reason = "what an end of an attempt consists of")]
    fn refused(
        &mut self,
        limits: &Limits,
        slot: &Slot,
        id: &MessageId,
        channel: ChannelName,
        trouble: Trouble,
        receipted: bool,
        now: Instant,
        step: &mut Step,
    ) {
        if receipted {
            return self.settle(slot, step);
        }
        let progress = self.progress_mut(slot).expect("it is in flight");
        progress.record(channel.clone(), now, trouble.clone());
        progress.out.push(channel.clone());
        self.hop(slot, id, &channel, trouble, now, step);
        self.keep(slot, step);
        let spent = self.item(slot).is_some_and(|(message, progress)| self.candidates(message, progress).is_empty());
        if spent {
            self.bury(limits, slot, now, step);
        }
    }

    /// Goes on to the next channel of the ladder. Forward it goes at once; from the last back to the first only after
    /// the pause.
    fn hop(&mut self, slot: &Slot, id: &MessageId, from: &ChannelName, reason: Trouble, now: Instant, step: &mut Step) {
        let Some((message, progress)) = self.item(slot) else { return };
        let ladder = self.recipient.ladder(&message.ways);
        let place = |name: &ChannelName| ladder.iter().position(|one| &one.name == name);
        let Some(to) = self.candidates(message, progress).into_iter().find(|name| name != from) else { return };
        let forward = place(&to) > place(from);
        let progress = self.progress_mut(slot).expect("it is in flight");
        progress.channel = Some(to.clone());
        progress.tries = 0;
        if forward {
            progress.not_before = None;
        }
        step.events.push(Event::Hopped { id: id.clone(), from: from.clone(), to, at: now, reason });
    }

    /// Keeps how far a message is, in the row that holds it.
    pub(super) fn keep(&self, slot: &Slot, step: &mut Step) {
        let change = match slot {
            Slot::Hop(id) => self.awaiting.get(id).map(|one| (Key::Awaiting(id.clone()), Row::Awaiting(one.clone()))),
            Slot::Replay(id) => self.dead.get(id).map(|one| (Key::Dead(id.clone()), Row::Dead(one.clone()))),
            Slot::Head => {
                let front = self.queue.front();
                front.map(|(message, progress)| (Key::Progress(message.id.clone()), Row::Progress(progress.clone())))
            }
        };
        step.changes.extend(change.map(|(key, row)| Change { key, row: Some(row) }));
    }
}
