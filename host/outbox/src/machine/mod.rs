//! The pure state machine of the outbox: inputs with their instant in, changes and attempts and events out.
//!
//! It never reads a clock, never sends, never stores: the same inputs give the same steps. Who drives it applies a
//! step's changes, as one batch, before anything else that the step says.

mod clock;
mod command;
mod ended;
mod lane;
mod pace;

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use muster_kernel::record::Entry;
use muster_kernel::{DistrictId, Instant, Milliseconds};

use crate::settings::LimitSettings;
use crate::{
    Change, ChannelName, DeadLetter, DistrictView, Event, Key, Message, MessageId, Outcome, Plan, Position,
    RecipientName, Row,
};
use lane::{Flight, Lane, Next, Slot};

pub use command::{Command, CommandError, EndpointStatus, RecipientStatus};

/// Limits of the machine. The words are those of [`LimitSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts at the same time, over all recipients.
    pub workers: usize,
    /// Messages of one recipient in memory. One entry more than that may be read.
    pub queue: usize,
    /// Dead letters of one recipient.
    pub dead_letters: usize,
    /// Messages of one recipient that wait for a receipt.
    pub awaiting: usize,
    /// Failures in a row by one channel before the next is tried.
    pub tries_per_channel: u32,
    /// Attempts at one message.
    pub attempts: u32,
    /// So long a message is tried until it is given up. Stops and jumps of the clock do not count.
    pub give_up_after: Milliseconds,
    /// Bound of the first pause.
    pub pause: Milliseconds,
    /// Bound of every pause.
    pub pause_max: Milliseconds,
    /// Bound of what the other side may ask for.
    pub retry_after_max: Milliseconds,
    /// Failures in a row that open a circuit.
    pub circuit_failures: u32,
    /// How long it is open at first.
    pub circuit: Milliseconds,
    /// And at most.
    pub circuit_max: Milliseconds,
}

impl Limits {
    /// The limits that the settings say.
    pub fn of(settings: &LimitSettings) -> Self {
        let size = |number: u32| usize::try_from(number).expect("a bounded number fits");
        let seconds = |number: u32| Milliseconds(i64::from(number) * 1_000);
        Self {
            workers: size(settings.workers),
            queue: size(settings.queue),
            dead_letters: size(settings.dead_letters),
            awaiting: size(settings.awaiting),
            tries_per_channel: settings.tries_per_channel,
            attempts: settings.attempts,
            give_up_after: Milliseconds::minutes(i64::from(settings.give_up_after_minutes)),
            pause: Milliseconds(i64::from(settings.pause_milliseconds)),
            pause_max: seconds(settings.pause_max_seconds),
            retry_after_max: seconds(settings.retry_after_max_seconds),
            circuit_failures: settings.circuit_failures,
            circuit: seconds(settings.circuit_seconds),
            circuit_max: seconds(settings.circuit_max_seconds),
        }
    }
}

/// An attempt to make now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What to send.
    pub message: Message,
    /// By which of the recipient's channels.
    pub channel: ChannelName,
    /// Which attempt, from 1.
    pub number: u32,
}

/// Entries that some recipient could take now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The district.
    pub district: DistrictId,
    /// Entries after this one.
    pub after: u64,
}

/// What follows from an input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// To be kept, as one batch, before anything else is done.
    pub changes: Vec<Change>,
    /// To be made now. Only [`Outbox::tick`] gives any.
    pub attempts: Vec<Attempt>,
    /// To be told.
    pub events: Vec<Event>,
}

/// The outbox of all recipients.
#[derive(Debug, Clone)]
pub struct Outbox {
    lanes: BTreeMap<RecipientName, Lane>,
    /// The last durable entry of each district.
    heads: BTreeMap<DistrictId, u64>,
    limits: Limits,
    seed: u64,
    /// Rows of recipients that the settings do not name.
    unclaimed: BTreeMap<RecipientName, Vec<Key>>,
}

impl Outbox {
    /// Takes up where the rows say. `heads` are the last durable entries of all districts: a recipient that is met for
    /// the first time begins there, unless the plan says from the beginning.
    pub fn open(
        plan: &Plan,
        rows: BTreeMap<Key, Row>,
        heads: BTreeMap<DistrictId, u64>,
        now: Instant,
        seed: u64,
    ) -> (Self, Step) {
        let lane = |recipient: &crate::settings::Recipient| {
            let own = plan.subscriptions.iter().filter(|one| one.recipient == recipient.name).cloned().collect();
            (recipient.name.clone(), Lane::new(recipient.clone(), own))
        };
        let lanes = plan.recipients.iter().map(lane).collect();
        let mut outbox = Self { lanes, heads, limits: plan.limits, seed, unclaimed: BTreeMap::new() };
        let mut step = Step::default();
        let mut known = Vec::new();
        for (key, row) in rows {
            if let Key::Registered(recipient) = &key {
                known.push(recipient.clone());
            }
            outbox.restore(key, row);
        }
        outbox.register(&known, now, &mut step);
        outbox.tell_unclaimed(now, &mut step);
        (outbox, step)
    }

    fn restore(&mut self, key: Key, row: Row) {
        let Some(lane) = self.lanes.get_mut(key.recipient()) else {
            self.unclaimed.entry(key.recipient().clone()).or_default().push(key);
            return;
        };
        match (key, row) {
            (Key::Cursor(_, district), Row::Cursor(position)) => {
                // An entry that is not through as a whole is read again from its beginning.
                let read = if position == Position::after(position.seq) { position.seq } else { position.seq - 1 };
                lane.read.insert(district.clone(), read);
                lane.cursor.insert(district.clone(), position);
                lane.kept.insert(district, position);
            }
            (Key::Progress(id), Row::Progress(progress)) => {
                lane.saved.insert(id, progress);
            }
            (Key::Awaiting(id), Row::Awaiting(one)) => {
                lane.awaiting.insert(id, one);
            }
            (Key::Dead(id), Row::Dead(letter)) => {
                lane.dead.insert(id, letter);
            }
            (Key::Disabled(_, channel), Row::Disabled(disabled)) => {
                if let Some(endpoint) = lane.endpoints.get_mut(&channel) {
                    endpoint.disabled = Some(disabled);
                }
            }
            // `Registered` says nothing more than that it is there; another pair would be a row under a wrong key.
            _ => {}
        }
    }

    fn register(&mut self, known: &[RecipientName], now: Instant, step: &mut Step) {
        for (name, lane) in self.lanes.iter_mut().filter(|(name, _)| !known.contains(name)) {
            let row = Some(Row::Registered { since: now });
            step.changes.push(Change { key: Key::Registered(name.clone()), row });
            if lane.recipient.from_beginning {
                continue;
            }
            for (district, seq) in &self.heads {
                let position = Position::after(*seq);
                lane.read.insert(district.clone(), *seq);
                lane.cursor.insert(district.clone(), position);
                lane.kept.insert(district.clone(), position);
                let key = Key::Cursor(name.clone(), district.clone());
                step.changes.push(Change { key, row: Some(Row::Cursor(position)) });
            }
        }
    }

    fn tell_unclaimed(&self, now: Instant, step: &mut Step) {
        for (recipient, keys) in &self.unclaimed {
            let letters = keys.iter().filter(|key| matches!(key, Key::Dead(_))).count();
            step.events.push(Event::Unclaimed { recipient: recipient.clone(), at: now, letters });
        }
    }

    /// A district's entries are durable up to this one.
    pub fn committed(&mut self, district: &DistrictId, seq: u64) {
        let head = self.heads.entry(district.clone()).or_insert(0);
        *head = seq.max(*head);
    }

    /// Entries that are durable, not read yet, and would find room: the least of what any recipient lacks, by district.
    pub fn wanted(&self) -> Vec<Wanted> {
        let lacks = |district: &DistrictId, head: u64| {
            let open = self.lanes.values().filter(|lane| lane.has_room(&self.limits));
            open.map(|lane| lane.read_to(district)).min().filter(|read| *read < head)
        };
        let wanted = |(district, head): (&DistrictId, &u64)| {
            Some(Wanted { district: district.clone(), after: lacks(district, *head)? })
        };
        self.heads.iter().filter_map(wanted).collect()
    }

    /// An entry of the journal. Each recipient takes it if it is the next one for it and there is room; otherwise it is
    /// asked for again by [`wanted`](Self::wanted). Giving an entry twice changes nothing.
    pub fn entry(&mut self, entry: &Entry, view: &dyn DistrictView) -> Step {
        self.committed(&entry.district, entry.seq);
        let (mut step, mark) = (Step::default(), OnceCell::new());
        for lane in self.lanes.values_mut() {
            lane.take(&self.limits, entry, &mark, view, &mut step);
        }
        step
    }

    /// Time has come to this: what is due begins, as far as there are workers.
    pub fn tick(&mut self, now: Instant) -> Step {
        let mut step = Step::default();
        let mut ready = Vec::new();
        for (name, lane) in &mut self.lanes {
            lane.look(&self.limits, now, &mut step);
            lane.expire(&self.limits, now, &mut step);
            if let Next::Ready(slot, channel) = lane.next(&self.limits, now) {
                let since = lane.item(&slot).map(|(message, _)| message.at);
                ready.push((Reverse(lane.urgency(now)), since, name.clone(), slot, channel));
            }
        }
        // The urgent first; among equals who waits longest.
        ready.sort_by(|one, other| (&one.0, &one.1, &one.2).cmp(&(&other.0, &other.1, &other.2)));
        let busy = self.lanes.values().filter(|lane| lane.flight.is_some()).count();
        for (.., name, slot, channel) in ready.into_iter().take(self.limits.workers.saturating_sub(busy)) {
            let lane = self.lanes.get_mut(&name).expect("it was just there");
            step.attempts.extend(begin(lane, slot, channel, now));
        }
        step
    }

    /// When the next [`tick`](Self::tick) can change something; `None`: not before another input.
    pub fn wake(&self, now: Instant) -> Option<Instant> {
        let next = |lane: &Lane| match lane.next(&self.limits, now) {
            // A recipient that is ready but has no worker goes when one is free.
            Next::Ready(..) => None,
            Next::Wake(wake) => wake,
        };
        self.lanes.values().filter_map(next).min()
    }

    /// An attempt that [`tick`](Self::tick) gave has ended. One that is not known, for instance from before a restart,
    /// changes nothing.
    pub fn ended(&mut self, id: &MessageId, channel: &ChannelName, outcome: Outcome, now: Instant) -> Step {
        let mut step = Step::default();
        let Some(lane) = self.lanes.get_mut(&id.recipient) else { return step };
        let flight = lane.flight.take_if(|flight| &flight.id == id && &flight.channel == channel);
        if let Some(flight) = flight {
            lane.ended(&self.limits, self.seed, flight, outcome, now, &mut step);
        }
        step
    }

    /// The dead letters of a recipient, in the order of the journal.
    pub fn dead_letters(&self, recipient: &RecipientName) -> impl Iterator<Item = &DeadLetter> {
        self.lanes.get(recipient).into_iter().flat_map(|lane| lane.dead.values())
    }

    /// How many messages are in memory, over all recipients.
    pub fn in_memory(&self) -> usize {
        self.lanes.values().map(|lane| lane.queue.len() + lane.awaiting.len() + lane.dead.len()).sum()
    }
}

fn begin(lane: &mut Lane, slot: Slot, channel: ChannelName, now: Instant) -> Option<Attempt> {
    let progress = lane.progress_mut(&slot)?;
    progress.since = progress.since.or(Some(now));
    progress.counted = progress.counted.or(Some(now));
    if progress.channel.as_ref() != Some(&channel) {
        progress.channel = Some(channel.clone());
        progress.tries = 0;
    }
    let number = progress.attempts.saturating_add(1);
    let message = lane.item(&slot)?.0.clone();
    lane.rate.take(now);
    lane.flight = Some(Flight { slot, id: message.id.clone(), channel: channel.clone() });
    Some(Attempt { message, channel, number })
}
