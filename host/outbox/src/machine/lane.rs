//! One recipient's lane: what waits for it, in order, and by which channel the next attempt goes. Decides on instants
//! that it is given; never sends.

use std::cell::OnceCell;
use std::collections::{BTreeMap, VecDeque};

use muster_kernel::record::Entry;
use muster_kernel::{DistrictId, Instant, Milliseconds};

use super::pace::{Endpoint, Rate};
use super::{Limits, Step};
use crate::settings::Recipient;
use crate::subscription;
use crate::{
    Awaiting, Change, ChannelName, DeadLetter, DistrictView, Event, Key, Mark, Message, MessageId, Position, Progress,
    Row, Subscription, Trouble, Urgency,
};

/// Entries that were read but made no message are kept as read only so often: reading some again costs less than a
/// write for each.
pub(super) const CURSOR_DRIFT_MAX: u64 = 64;

/// Which message of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// One whose receipt did not come in time. It was delivered once, so it stands outside the order.
    Hop(MessageId),
    /// A dead letter that a person wants to be sent again. It left the order when it died.
    Replay(MessageId),
    /// The first that waits, in the order of the journal.
    Head,
}

/// An attempt that is being made.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) slot: Slot,
    pub(super) id: MessageId,
    pub(super) channel: ChannelName,
}

/// By which channel a message can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// By this one, now.
    Now(ChannelName),
    /// Not before.
    At(Instant),
    /// All that is left is switched off: the lane stands still until a person acts.
    Held,
    /// Every channel is out for this message.
    Spent,
}

/// What a lane can do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Ready(Slot, ChannelName),
    /// Something may change then.
    Wake(Option<Instant>),
}

#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) recipient: Recipient,
    pub(super) subscriptions: Vec<Subscription>,
    /// The last entry that was read, by district.
    pub(super) read: BTreeMap<DistrictId, u64>,
    /// All facts up to here are through. INVARIANT (nothing lost): never beyond a message that waits.
    pub(super) cursor: BTreeMap<DistrictId, Position>,
    /// The cursor as it is kept.
    pub(super) kept: BTreeMap<DistrictId, Position>,
    /// INVARIANT (order): only the first one is ever sent, and it leaves only when it is through or dead.
    pub(super) queue: VecDeque<(Message, Progress)>,
    /// Attempts from before the last start, at messages that were not read again yet.
    pub(super) saved: BTreeMap<MessageId, Progress>,
    pub(super) awaiting: BTreeMap<MessageId, Awaiting>,
    pub(super) dead: BTreeMap<MessageId, DeadLetter>,
    pub(super) endpoints: BTreeMap<ChannelName, Endpoint>,
    pub(super) rate: Rate,
    pub(super) flight: Option<Flight>,
    /// It was said that there is no room for another dead letter.
    pub(super) halted: bool,
}

impl Lane {
    pub(super) fn new(recipient: Recipient, subscriptions: Vec<Subscription>) -> Self {
        let rate = Rate::new(recipient.rate);
        let endpoints = recipient.channels.iter().map(|one| (one.name.clone(), Endpoint::default())).collect();
        Self {
            recipient,
            subscriptions,
            read: BTreeMap::new(),
            cursor: BTreeMap::new(),
            kept: BTreeMap::new(),
            queue: VecDeque::new(),
            saved: BTreeMap::new(),
            awaiting: BTreeMap::new(),
            dead: BTreeMap::new(),
            endpoints,
            rate,
            flight: None,
            halted: false,
        }
    }

    pub(super) fn has_room(&self, limits: &Limits) -> bool {
        self.queue.len() < limits.queue
    }

    /// The last entry of a district that was read.
    pub(super) fn read_to(&self, district: &DistrictId) -> u64 {
        self.read.get(district).copied().unwrap_or(0)
    }

    /// Takes an entry, when it is the next one of its district and there is room.
    pub(super) fn take(
        &mut self,
        limits: &Limits,
        entry: &Entry,
        mark: &OnceCell<Mark>,
        view: &dyn DistrictView,
        step: &mut Step,
    ) {
        if entry.seq != self.read_to(&entry.district) + 1 || !self.has_room(limits) {
            return;
        }
        let through = self.cursor.get(&entry.district).copied().unwrap_or(Position::START);
        for (index, _) in (0_u32..).zip(&entry.facts) {
            let position = Position { seq: entry.seq, index };
            if position <= through {
                continue;
            }
            let message = subscription::message(&self.recipient, &self.subscriptions, entry, index, view, || {
                self.identity(entry, index, mark)
            });
            // A message that is kept by itself (dead, or waiting for its receipt) is through as far as order goes.
            if let Some(message) = message.filter(|message| !self.holds(&message.id)) {
                let progress = self.saved.remove(&message.id).unwrap_or_default();
                self.queue.push_back((message, progress));
            }
        }
        self.read.insert(entry.district.clone(), entry.seq);
        self.advance(&entry.district, None, step);
    }

    /// The identity of what a fact says: the one by which it is kept, where that is from before identities had a mark.
    fn identity(&self, entry: &Entry, index: u32, mark: &OnceCell<Mark>) -> MessageId {
        let position = Position { seq: entry.seq, index };
        let (district, recipient) = (entry.district.clone(), self.recipient.name.clone());
        let older = MessageId { district, position, mark: None, recipient };
        // A row of that form does not say of which entry it is, after the journal's end was lost; its instants do.
        let letter = self.dead.get(&older).map(|letter| &letter.message);
        let message = letter.or_else(|| self.awaiting.get(&older).map(|one| &one.message));
        let tried = self.saved.get(&older).and_then(|progress| progress.since);
        if message.is_some_and(|message| message.at == entry.at) || tried.is_some_and(|since| since >= entry.at) {
            return older;
        }
        MessageId { mark: Some(*mark.get_or_init(|| Mark::of(entry))), ..older }
    }

    fn holds(&self, id: &MessageId) -> bool {
        self.dead.contains_key(id) || self.awaiting.contains_key(id)
    }

    /// Moves the cursor of a district: to `through`, or to all that was read when nothing of it waits.
    pub(super) fn advance(&mut self, district: &DistrictId, through: Option<Position>, step: &mut Step) {
        let waits = self.queue.iter().any(|(message, _)| &message.id.district == district);
        let position = if waits { through } else { Some(Position::after(self.read_to(district))) };
        let Some(position) = position else { return };
        self.cursor.insert(district.clone(), position);
        let kept = self.kept.get(district).copied().unwrap_or(Position::START);
        if through.is_some() || position.seq.saturating_sub(kept.seq) >= CURSOR_DRIFT_MAX {
            self.kept.insert(district.clone(), position);
            let key = Key::Cursor(self.recipient.name.clone(), district.clone());
            step.changes.push(Change { key, row: Some(Row::Cursor(position)) });
            self.forget_saved(district, position, step);
        }
    }

    /// Attempts at messages that are through, or that no subscription makes any more.
    fn forget_saved(&mut self, district: &DistrictId, through: Position, step: &mut Step) {
        let over = |id: &MessageId| &id.district == district && id.position <= through;
        self.saved.retain(|id, _| {
            if over(id) {
                step.changes.push(Change { key: Key::Progress(id.clone()), row: None });
            }
            !over(id)
        });
    }

    pub(super) fn item(&self, slot: &Slot) -> Option<(&Message, &Progress)> {
        match slot {
            Slot::Hop(id) => self.awaiting.get(id).map(|one| (&one.message, &one.progress)),
            Slot::Replay(id) => self.dead.get(id).map(|one| (&one.message, &one.progress)),
            Slot::Head => self.queue.front().map(|(message, progress)| (message, progress)),
        }
    }

    pub(super) fn progress_mut(&mut self, slot: &Slot) -> Option<&mut Progress> {
        match slot {
            Slot::Hop(id) => self.awaiting.get_mut(id).map(|one| &mut one.progress),
            Slot::Replay(id) => self.dead.get_mut(id).map(|one| &mut one.progress),
            Slot::Head => self.queue.front_mut().map(|(_, progress)| progress),
        }
    }

    /// The messages that could go, in the order in which they are looked at.
    pub(super) fn slots(&self, now: Instant) -> Vec<Slot> {
        let due = self.awaiting.iter().filter(|(_, one)| one.until <= now).map(|(id, _)| Slot::Hop(id.clone()));
        let replay = self.dead.iter().find(|(_, one)| one.replay).map(|(id, _)| Slot::Replay(id.clone()));
        due.chain(replay).chain((!self.queue.is_empty()).then_some(Slot::Head)).collect()
    }

    /// Channels that a message can still go by, beginning with the one that is being tried.
    pub(super) fn candidates(&self, message: &Message, progress: &Progress) -> Vec<ChannelName> {
        let ladder = self.recipient.ladder(&message.ways);
        let begin = progress.channel.as_ref().and_then(|name| ladder.iter().position(|one| &one.name == name));
        let (before, after) = ladder.split_at(begin.unwrap_or(0));
        let usable = |name: &ChannelName| {
            !progress.out.contains(name) && self.endpoints.get(name).is_some_and(|one| one.disabled.is_none())
        };
        after.iter().chain(before).map(|one| one.name.clone()).filter(usable).collect()
    }

    pub(super) fn choose(&self, message: &Message, progress: &Progress, now: Instant) -> Choice {
        let candidates = self.candidates(message, progress);
        if candidates.is_empty() {
            return if progress.out.is_empty() { Choice::Held } else { Choice::Spent };
        }
        let from = |name: &ChannelName| self.endpoints[name].free_from().max(progress.not_before).unwrap_or(now);
        match candidates.iter().find(|name| from(name) <= now) {
            Some(name) => Choice::Now(name.clone()),
            None => Choice::At(candidates.iter().map(from).min().expect("there is a candidate")),
        }
    }

    pub(super) fn next(&self, limits: &Limits, now: Instant) -> Next {
        if self.flight.is_some() {
            return Next::Wake(None);
        }
        let mut wake = self.awaiting.values().map(|one| one.until).filter(|until| *until > now).min();
        let mut at = |instant: Instant| wake = Some(wake.map_or(instant, |earlier| earlier.min(instant)));
        for slot in self.slots(now) {
            let Some((message, progress)) = self.item(&slot) else { continue };
            if progress.since.is_some() && progress.spent < limits.give_up_after {
                let left = Milliseconds(limits.give_up_after.0 - progress.spent.0);
                at(now + left.min(limits.counted_max()));
            }
            if slot == Slot::Head && message.receipt && self.awaiting.len() >= limits.awaiting {
                continue;
            }
            match self.choose(message, progress, now) {
                Choice::Now(channel) => match self.rate.free_from(now) {
                    free if free <= now => return Next::Ready(slot, channel),
                    free => at(free),
                },
                Choice::At(instant) => at(instant),
                Choice::Held | Choice::Spent => {}
            }
        }
        Next::Wake(wake)
    }

    /// The most urgent that the lane holds: what stands before it in the order must not hold it up.
    pub(super) fn urgency(&self, now: Instant) -> Urgency {
        let apart = self.slots(now);
        let apart = apart.iter().filter_map(|slot| self.item(slot)).map(|(message, _)| message);
        let all = apart.chain(self.queue.iter().map(|(message, _)| message));
        all.map(|message| message.urgency).max().unwrap_or(Urgency::Ordinary)
    }

    /// A message is through: it leaves its place.
    pub(super) fn settle(&mut self, slot: &Slot, step: &mut Step) {
        match slot {
            Slot::Hop(id) => {
                self.awaiting.remove(id);
                step.changes.push(Change { key: Key::Awaiting(id.clone()), row: None });
            }
            Slot::Replay(id) => {
                self.dead.remove(id);
                self.halted = false;
                step.changes.push(Change { key: Key::Dead(id.clone()), row: None });
            }
            Slot::Head => {
                let Some((message, progress)) = self.queue.pop_front() else { return };
                if progress.attempts > 0 || progress.receipted {
                    step.changes.push(Change { key: Key::Progress(message.id.clone()), row: None });
                }
                self.advance(&message.id.district, Some(message.id.position), step);
            }
        }
    }

    /// Gives a message up. Without room for another dead letter it stays where it is, and that is said.
    pub(super) fn bury(&mut self, limits: &Limits, slot: &Slot, now: Instant, step: &mut Step) {
        if !matches!(slot, Slot::Replay(_)) && self.dead.len() >= limits.dead_letters {
            if !self.halted {
                let (recipient, letters) = (self.recipient.name.clone(), self.dead.len());
                step.events.push(Event::DeadLettersFull { recipient, at: now, letters });
            }
            self.halted = true;
            return;
        }
        let Some((message, progress)) = self.item(slot).map(|(message, progress)| (message.clone(), progress.clone()))
        else {
            return;
        };
        let Some(reason) = progress.trail.last().map(|hop| hop.trouble.clone()) else { return };
        let id = message.id.clone();
        let (fact, attempts) = (message.kind.clone(), progress.attempts);
        self.settle(slot, step);
        let letter = DeadLetter { message, at: now, progress, reason: reason.clone(), replay: false };
        step.changes.push(Change { key: Key::Dead(id.clone()), row: Some(Row::Dead(letter.clone())) });
        self.dead.insert(id.clone(), letter);
        step.events.push(Event::Failed { id, fact, at: now, attempts, reason });
    }

    /// What time alone decides: receipts that did not come, and messages whose time is over.
    pub(super) fn expire(&mut self, limits: &Limits, now: Instant, step: &mut Step) {
        self.settle_receipted(step);
        let missing: Vec<MessageId> = self
            .awaiting
            .iter()
            .filter(|(_, one)| one.until <= now && !one.progress.out.contains(&one.channel))
            .map(|(id, _)| id.clone())
            .collect();
        for id in missing {
            self.miss_receipt(&id, now, step);
        }
        let flying = self.flight.as_ref().map(|flight| flight.slot.clone());
        for slot in self.slots(now) {
            if Some(&slot) == flying.as_ref() {
                continue;
            }
            let Some((message, progress)) = self.item(&slot) else { continue };
            let over = progress.since.is_some() && progress.spent >= limits.give_up_after;
            if over || self.choose(message, progress, now) == Choice::Spent {
                self.bury(limits, &slot, now, step);
            }
        }
    }

    /// Messages whose receipt came while an attempt was in flight that a stop cut short.
    fn settle_receipted(&mut self, step: &mut Step) {
        if self.flight.is_some() {
            return;
        }
        let hops = self.awaiting.iter().filter(|(_, one)| one.progress.receipted).map(|(id, _)| Slot::Hop(id.clone()));
        let letters = self.dead.iter().filter(|(_, one)| one.progress.receipted);
        let apart: Vec<Slot> = hops.chain(letters.map(|(id, _)| Slot::Replay(id.clone()))).collect();
        for slot in &apart {
            self.settle(slot, step);
        }
        while self.queue.front().is_some_and(|(_, progress)| progress.receipted) {
            self.settle(&Slot::Head, step);
        }
    }

    fn miss_receipt(&mut self, id: &MessageId, now: Instant, step: &mut Step) {
        let Some(one) = self.awaiting.get_mut(id) else { return };
        let waited: Milliseconds = one.until - one.delivered;
        let trouble = Trouble::NoReceipt { channel: one.channel.clone(), seconds: waited.0 / 1_000 };
        one.progress.out.push(one.channel.clone());
        one.progress.record(one.channel.clone(), now, trouble.clone());
        // The clock of giving up begins anew with each channel that was reached.
        (one.progress.since, one.progress.spent, one.progress.counted) = (None, Milliseconds(0), None);
        let from = one.channel.clone();
        let one = one.clone();
        let to = self.candidates(&one.message, &one.progress).into_iter().next();
        step.changes.push(Change { key: Key::Awaiting(id.clone()), row: Some(Row::Awaiting(one)) });
        if let Some(to) = to {
            step.events.push(Event::Hopped { id: id.clone(), from, to, at: now, reason: trouble });
        }
    }
}

impl Progress {
    /// Keeps a step of the way, the last [`TRAIL_MAX`](crate::kept::TRAIL_MAX) of them.
    pub(super) fn record(&mut self, channel: ChannelName, at: Instant, trouble: Trouble) {
        if self.trail.len() >= crate::kept::TRAIL_MAX {
            self.trail.remove(0);
        }
        self.trail.push(crate::Hop { channel, at, trouble });
    }
}
