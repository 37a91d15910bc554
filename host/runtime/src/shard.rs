//! A shard: one thread that owns some districts and takes turns among them.
//!
//! It never waits for the disk: records go to the journal's thread, which answers the senders once they are durable. In
//! each district people's acts go before signals, and no district gets more than its turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use muster_kernel::charter::Charter;
use muster_kernel::record::{Receipt, Withdrawal};
use muster_kernel::{Digest, DistrictId, Event, Instant, State, snapshot, step};
use muster_store::{AppendError, Head, Journal};
use tokio::sync::{broadcast, oneshot};

use crate::clock::Clock;
use crate::district::{Committed, District, Install, Outcome, is_exercise};
use crate::follow::Followed;
use crate::metrics::Metrics;
use crate::refusal::{Permission, SubmitError};
use crate::reload::Changes;
use crate::view_keeper::Change;

/// Events that one district decides in one turn: a few milliseconds of work, so that others need not wait longer.
const TURN_MAX: usize = 64;
/// Fuel that the policies of one district use in one turn: about ten milliseconds of computing. A turn ends with the event
/// that passed it, so that a policy which burns all it is given keeps other districts of the shard waiting no longer than
/// that. Fuel and not the clock, so that turns are the same wherever they are taken.
pub(crate) const TURN_FUEL_MAX: u64 = 10_000_000;
/// Timers that one district fires in one turn: all that fall due together in a storm, and an end for a policy that sets one
/// after the other.
pub(crate) const TIMERS_MAX: usize = 256;
/// Signals that may wait for one district. Above, the sender is told to come again.
pub(crate) const SIGNALS_MAX: usize = 4_096;
/// Acts of people that may wait for one district: they are the last to be refused.
pub(crate) const ACTS_MAX: usize = 16_384;
/// Entries after which the view is written.
const VIEW_EVERY: u64 = 512;
/// How long an idle shard sleeps at most.
const IDLE: Duration = Duration::from_secs(1);

/// A question to a district: asked in its turn, it gives what is to be said once the journal is durable that far.
type Question = Box<dyn FnOnce(&District) -> Answer + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// What can reach a district.
pub(crate) enum Command {
    Submit(Submission),
    Query(Question),
    Charter {
        charter: Box<Charter>,
        digest: Digest,
    },
    Install {
        install: Box<Install>,
        told: Option<oneshot::Sender<u64>>,
    },
    /// A package may not answer any more.
    Withdraw {
        withdrawal: Withdrawal,
        told: Option<oneshot::Sender<u64>>,
    },
    Stop,
}

/// An event that waits to be decided.
pub(crate) struct Submission {
    pub(crate) event: Event,
    pub(crate) reply: oneshot::Sender<Result<Receipt, SubmitError>>,
    /// Asked before the event is decided, where only the state can tell whether its sender may.
    pub(crate) permission: Option<Permission>,
}

impl Command {
    /// To install, with nobody waiting to hear of it.
    pub(crate) fn install(install: Install) -> Self {
        Self::Install { install: Box::new(install), told: None }
    }
}

/// A command for one district of the shard.
pub(crate) struct Message {
    pub(crate) district: DistrictId,
    pub(crate) command: Command,
}

/// What the outside sees of a district without asking its shard.
pub(crate) struct Mailbox {
    pub(crate) signals: AtomicUsize,
    pub(crate) acts: AtomicUsize,
    pub(crate) committed: broadcast::Sender<Arc<Committed>>,
}

/// Entries that a slow subscriber may lag behind before it must read the journal again.
const SUBSCRIBER_LAG: usize = 1_024;

impl Mailbox {
    pub(crate) fn new() -> Arc<Self> {
        let committed = broadcast::channel(SUBSCRIBER_LAG).0;
        Arc::new(Self { signals: AtomicUsize::new(0), acts: AtomicUsize::new(0), committed })
    }
}

/// One district with what waits for it.
struct Seat {
    district: District,
    mailbox: Arc<Mailbox>,
    acts: VecDeque<Submission>,
    signals: VecDeque<Submission>,
    others: VecDeque<Command>,
    /// What a drill's district begins with, once its first event comes. `None`: it has begun, or is a real district.
    begins_with: Option<Vec<Command>>,
    since_view: u64,
    /// The timer that the shard wakes this seat for.
    due: Option<Instant>,
}

/// The shard's thread.
pub(crate) struct Shard {
    seats: BTreeMap<DistrictId, Seat>,
    /// Those for whom something waits. Of thousands of districts most are quiet, and cost nothing while they are.
    awake: BTreeSet<DistrictId>,
    /// When which district's first timer is due.
    due: BTreeSet<(Instant, DistrictId)>,
    commands: Receiver<Message>,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    view: Option<Sender<Change>>,
    poisoned: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    followed: Arc<Followed>,
}

/// Whether an event is a person's act rather than one of a flood of signals: the kernel's own word, so that no other
/// spelling of a type passes for an act.
pub(crate) fn is_act(event: &Event) -> bool {
    !step::is_sensed(&event.kind)
}

impl Shard {
    pub(crate) fn new(
        commands: Receiver<Message>,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
        view: Option<Sender<Change>>,
        poisoned: Arc<AtomicBool>,
        metrics: Arc<Metrics>,
        followed: Arc<Followed>,
    ) -> Self {
        let (seats, awake, due) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { seats, awake, due, commands, journal, clock, view, poisoned, metrics, followed }
    }

    /// Takes a district in, with what must take effect before anything else.
    pub(crate) fn seat(&mut self, district: District, mailbox: Arc<Mailbox>, first: Changes) {
        let (acts, signals) = (VecDeque::new(), VecDeque::new());
        let charter = first.charter.map(|(charter, digest)| Command::Charter { charter, digest });
        let others = charter.into_iter().chain(first.installs.into_iter().map(Command::install)).collect();
        let id = district.id.clone();
        // Nothing is written for a drill that never takes place.
        let begins_with = (is_exercise(&id) && district.state.core.seq == 0).then(Vec::new);
        self.awake.insert(id.clone());
        let seat = Seat { district, mailbox, acts, signals, others, begins_with, since_view: 0, due: None };
        self.seats.insert(id, seat);
    }

    pub(crate) fn run(mut self) {
        loop {
            match self.commands.recv_timeout(self.sleep()) {
                Ok(message) => {
                    let stopping = self.sort(message);
                    if self.work() || stopping {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.work() {
                        break;
                    }
                    // Timers that wait for their next turn are no rest.
                    if !self.sleep().is_zero() {
                        self.write_views(1);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.work();
        self.write_views(1);
    }

    /// Gives every district its turns until nothing waits. What comes meanwhile is taken in before each round, so that
    /// nobody waits behind the whole backlog of another district. Timers that had no room in their turn are left for the
    /// next call: there may be no end of them. True when the shard must stop.
    pub(crate) fn work(&mut self) -> bool {
        let mut stopping = false;
        loop {
            while let Ok(message) = self.commands.try_recv() {
                stopping |= self.sort(message);
            }
            if !self.round() {
                return stopping;
            }
        }
    }

    /// A district of this shard.
    pub(crate) fn district(&self, id: &DistrictId) -> Option<&District> {
        self.seats.get(id).map(|seat| &seat.district)
    }

    /// Until the next timer falls due, and never longer than the idle time.
    fn sleep(&self) -> Duration {
        let Some((due, _)) = self.due.first() else { return IDLE };
        let millis = (*due - self.clock.now()).0.max(0);
        IDLE.min(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    }

    /// Puts a message where it waits. True when the shard must stop.
    fn sort(&mut self, message: Message) -> bool {
        let Some(seat) = self.seats.get_mut(&message.district) else {
            return matches!(message.command, Command::Stop);
        };
        if !matches!(message.command, Command::Stop) {
            self.awake.insert(message.district);
        }
        match message.command {
            Command::Submit(submission) if is_act(&submission.event) => seat.acts.push_back(submission),
            Command::Submit(submission) => seat.signals.push_back(submission),
            Command::Stop => return true,
            other => seat.others.push_back(other),
        }
        false
    }

    /// Gives every district for which something waits, or a timer is due, one turn. True when something still waits.
    fn round(&mut self) -> bool {
        let mut turns = std::mem::take(&mut self.awake);
        let now = self.clock.now();
        turns.extend(self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, id)| id.clone()));
        for id in turns {
            let Some(seat) = self.seats.get_mut(&id) else { continue };
            let work = seat.turn(self.clock.now());
            work.hand_over(&self.journal, seat, &self.poisoned, &self.metrics, &self.followed);
            let next = seat.district.state.next_due();
            if next != seat.due {
                if let Some(before) = std::mem::replace(&mut seat.due, next) {
                    self.due.remove(&(before, id.clone()));
                }
                self.due.extend(next.map(|due| (due, id.clone())));
            }
            let (waits, writes) = (seat.waits(), seat.since_view >= VIEW_EVERY);
            if writes {
                self.write_view(&id);
            }
            if waits {
                self.awake.insert(id);
            }
        }
        !self.awake.is_empty()
    }

    /// Hands over the rows that changed, for districts that decided at least so much since the last time.
    pub(crate) fn write_views(&mut self, at_least: u64) {
        let behind = self.seats.iter().filter(|(_, seat)| seat.since_view >= at_least).map(|(id, _)| id.clone());
        for id in behind.collect::<Vec<_>>() {
            self.write_view(&id);
        }
    }

    /// Hands over a district's rows that changed. The journal passes them on once it holds what they reflect.
    fn write_view(&mut self, id: &DistrictId) {
        let (Some(view), Some(seat)) = (&self.view, self.seats.get_mut(id)) else { return };
        seat.since_view = 0;
        let changes = snapshot::take_changes(Arc::make_mut(&mut seat.district.state));
        let core = &seat.district.state.core;
        let position = Head { seq: core.seq, hash: core.head.0 };
        let change = Change { district: seat.district.id.to_string(), position, changes };
        let view = view.clone();
        let hand_over = move |durable: Result<(), AppendError>| {
            // A keeper that fell behind is waited for: rows that were taken must not be lost.
            if durable.is_ok() {
                drop(view.send(change));
            }
        };
        drop(self.journal.append(Vec::new(), hand_over));
    }
}

/// What a turn leaves to be said once its records are durable.
#[derive(Default)]
struct Work {
    outcome: Outcome,
    replies: Vec<(oneshot::Sender<Result<Receipt, SubmitError>>, usize)>,
    answers: Vec<Answer>,
}

impl Seat {
    fn waits(&self) -> bool {
        !(self.acts.is_empty() && self.signals.is_empty() && self.others.is_empty())
    }

    fn turn(&mut self, now: Instant) -> Work {
        let mut work = Work::default();
        while let Some(command) = self.others.pop_front() {
            self.other(now, command, &mut work);
        }
        for _ in 0..TURN_MAX {
            let Some(Submission { event, reply, permission }) = self.next_event() else { break };
            for command in self.begins_with.take().into_iter().flatten() {
                self.other(now, command, &mut work);
            }
            if let Some(refused) = permission.and_then(|ask| ask(&self.district.state).err()) {
                work.answers.push(Box::new(move || drop(reply.send(Err(SubmitError::NotPermitted(refused))))));
                continue;
            }
            self.district.event(now, event, &mut work.outcome);
            work.replies.push((reply, work.outcome.receipts.len() - 1));
            if work.outcome.fuel >= TURN_FUEL_MAX {
                break;
            }
        }
        self.district.timers_at(now, &mut work.outcome);
        self.since_view += work.outcome.records.len() as u64;
        work
    }

    fn next_event(&mut self) -> Option<Submission> {
        if let Some(act) = self.acts.pop_front() {
            self.mailbox.acts.fetch_sub(1, Ordering::Relaxed);
            return Some(act);
        }
        let signal = self.signals.pop_front()?;
        self.mailbox.signals.fetch_sub(1, Ordering::Relaxed);
        Some(signal)
    }

    fn other(&mut self, now: Instant, command: Command, work: &mut Work) {
        let command = match (&mut self.begins_with, command) {
            (
                Some(begins_with),
                command @ (Command::Charter { .. } | Command::Install { .. } | Command::Withdraw { told: None, .. }),
            ) => {
                begins_with.push(command);
                return;
            }
            (_, command) => command,
        };
        match command {
            Command::Query(ask) => work.answers.push(ask(&self.district)),
            Command::Charter { charter, digest } => {
                self.district.timers_before(now, &mut work.outcome);
                self.district.set_charter(now, charter, digest, &mut work.outcome);
            }
            Command::Install { install, told } => {
                self.district.timers_before(now, &mut work.outcome);
                let seq = self.district.install(now, *install, &mut work.outcome);
                work.answers.extend(told.map(|told| Box::new(move || _ = told.send(seq)) as Answer));
            }
            Command::Withdraw { withdrawal, told } => {
                self.district.timers_before(now, &mut work.outcome);
                let seq = self.district.withdraw(now, withdrawal, &mut work.outcome);
                work.answers.extend(told.map(|told| Box::new(move || _ = told.send(seq)) as Answer));
            }
            // Sorted elsewhere.
            Command::Submit(_) | Command::Stop => {}
        }
    }
}

impl Work {
    /// Gives the records to the journal; everything that may be said waits for them.
    fn hand_over(
        self,
        journal: &Journal,
        seat: &Seat,
        poisoned: &Arc<AtomicBool>,
        metrics: &Arc<Metrics>,
        followed: &Arc<Followed>,
    ) {
        let Self { outcome, replies, answers } = self;
        if outcome.records.is_empty() && answers.is_empty() {
            return;
        }
        let committed = seat.mailbox.committed.clone();
        let poison = Arc::clone(poisoned);
        let (metrics, decided) = (Arc::clone(metrics), std::time::Instant::now());
        let followed = Arc::clone(followed);
        let (receipts, entries) = (outcome.receipts, outcome.entries);
        let speak = move |durable: Result<(), AppendError>| {
            if let Err(error) = &durable {
                poison.store(true, Ordering::SeqCst);
                metrics.dropped(replies.len());
                for (reply, place) in replies {
                    drop(reply.send(Err(SubmitError::of_append(error, entries[place].entry.seq))));
                }
                return;
            }
            metrics.committed(decided.elapsed());
            // Replies stand in the order of their receipts; what nobody sent, a timer for instance, has a receipt and no reply.
            let mut receipts = receipts.into_iter().enumerate();
            for (reply, place) in replies {
                let (_, receipt) = receipts.find(|(number, _)| *number == place).expect("each reply has its receipt");
                // The sender may have gone away; its event is durable all the same.
                drop(reply.send(Ok(receipt)));
            }
            if let Some(last) = entries.last() {
                followed.committed(&last.entry.district, last.entry.seq);
            }
            for entry in entries {
                metrics.durable(&entry.entry);
                // Nobody may be listening.
                drop(committed.send(entry));
            }
            for answer in answers {
                answer();
            }
        };
        if let Err(error) = journal.append(outcome.records, speak) {
            tracing::error!(target: "muster::shard", district = %seat.district.id, %error, "the journal is gone");
            poisoned.store(true, Ordering::SeqCst);
        }
    }
}

/// A question to the state, and the way its answer takes back.
pub(crate) fn query<T: Send + 'static>(
    ask: impl FnOnce(&State) -> T + Send + 'static,
) -> (Command, oneshot::Receiver<T>) {
    query_district(move |district| ask(&district.state))
}

pub(crate) fn query_district<T: Send + 'static>(
    ask: impl FnOnce(&District) -> T + Send + 'static,
) -> (Command, oneshot::Receiver<T>) {
    let (tell, told) = oneshot::channel();
    let ask = move |district: &District| -> Answer {
        let answer = ask(district);
        Box::new(move || drop(tell.send(answer)))
    };
    (Command::Query(Box::new(ask)), told)
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
