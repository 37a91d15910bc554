//! Drives the outbox: one thread that decides and keeps, and a bounded number that send. It brings the clock, the
//! journal and the channels together, and holds no rule of its own.
//!
//! The journal never waits for it: [`Carrier::committed`] only leaves a note.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_kernel::record::Entry;
use muster_kernel::{DistrictId, Instant};

use crate::{
    Attempt, ChannelName, Channels, Command, CommandError, DeadLetter, DistrictView, Event, Kept, KeptError, MessageId,
    Outbox, Outcome, Parcel, Plan, RecipientName, RecipientStatus, Step, Trouble, Wanted,
};

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Instant::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Why entries cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entries of {district} after {after} cannot be read: {reason}; what they say waits until they can")]
pub struct JournalError {
    /// The district.
    pub district: DistrictId,
    /// The last entry before them.
    pub after: u64,
    /// What went wrong.
    pub reason: String,
}

/// Durable entries of the journal.
pub trait Journal: Send {
    /// The last durable entry of every district.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn heads(&self) -> Result<BTreeMap<DistrictId, u64>, JournalError>;

    /// At most `most` entries of a district after one of them, in order, durable ones only.
    ///
    /// # Errors
    /// When they cannot be read.
    fn entries(&self, district: &DistrictId, after: u64, most: usize) -> Result<Vec<Entry>, JournalError>;
}

/// Why the carrier stands still.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    /// What must be kept cannot be.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system gave no thread.
    #[error("no thread for deliveries: {0}; raise the limit of threads and start again")]
    Thread(String),
    /// It does not answer: what it keeps cannot be stored, or the journal keeps it waiting.
    #[error(
        "deliveries did not answer within {0} seconds, so what they stand still for comes first; an act may still be \
         carried out later: look again before it is repeated"
    )]
    Busy(u64),
    /// It was stopped, or its thread ended.
    #[error("deliveries have stopped; start the host again")]
    Stopped,
    /// The act changes nothing.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// What a carrier is made of.
pub struct Parts {
    /// The checked settings.
    pub plan: Plan,
    /// What survives a stop.
    pub kept: Box<dyn Kept>,
    /// The journal.
    pub journal: Box<dyn Journal>,
    /// What the host knows of its districts.
    pub view: Box<dyn DistrictView>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The channels of the plan.
    pub channels: Channels,
    /// Hears of every event, on the carrier's own thread: it must not block for long, nor call the carrier.
    pub on_event: Box<dyn FnMut(Event) + Send>,
    /// Hears why the carrier stands still; it tries again by itself.
    pub on_trouble: Box<dyn FnMut(CarrierError) + Send>,
    /// From which chance follows.
    pub seed: u64,
}

/// An answer is waited for so long: the thread that decides never takes longer unless it stands still.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Entries that are read at once.
const READ_MAX: usize = 128;
/// After a failure of store or journal it is tried again so much later; also the longest that the clock is not read.
const RETRY: Duration = Duration::from_secs(1);

type Answer = SyncSender<Result<(), CommandError>>;

enum Ask {
    Command(Command, Answer),
    Status(SyncSender<Vec<RecipientStatus>>),
    Letters(RecipientName, SyncSender<Vec<DeadLetter>>),
}

struct Ended {
    id: MessageId,
    channel: ChannelName,
    outcome: Outcome,
}

/// Notes for the thread that decides. Bounded: heads by districts, ends by workers, asks by who waits for an answer.
#[derive(Default)]
struct Notes {
    heads: BTreeMap<DistrictId, u64>,
    ended: Vec<Ended>,
    asks: VecDeque<Ask>,
    /// Deliveries are to stop. It stays so.
    stop: bool,
    /// Nobody reads notes any more.
    closed: bool,
}

#[derive(Default)]
struct Desk {
    notes: Mutex<Notes>,
    bell: Condvar,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.lock());
        self.bell.notify_one();
    }

    /// Takes all notes; waits for one, at most so long. Who knows that it is to stop is not woken by that again.
    fn take(&self, patience: Duration, stopping: bool) -> Notes {
        let quiet = |notes: &mut Notes| {
            (stopping || !notes.stop) && notes.heads.is_empty() && notes.ended.is_empty() && notes.asks.is_empty()
        };
        let (mut notes, _) =
            self.bell.wait_timeout_while(self.lock(), patience, quiet).unwrap_or_else(PoisonError::into_inner);
        let stop = notes.stop;
        std::mem::replace(&mut *notes, Notes { stop, ..Notes::default() })
    }
}

/// A running outbox.
pub struct Carrier {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    /// Starts deliveries.
    ///
    /// # Errors
    /// When what is kept or the journal cannot be read, the beginning cannot be kept, or there is no thread.
    pub fn start(parts: Parts) -> Result<Self, CarrierError> {
        let Parts { plan, mut kept, journal, view, clock, channels, on_event, on_trouble, seed } = parts;
        let (outbox, step) = Outbox::open(&plan, kept.load()?, journal.heads()?, clock.now(), seed);
        kept.apply(&step.changes)?;
        let desk = Arc::new(Desk::default());
        let workers = Workers::start(plan.limits.workers, &channels, &clock, &desk)?;
        let mut driver =
            Driver { outbox, kept, journal, view, clock, workers, on_event, on_trouble, desk: Arc::clone(&desk) };
        step.events.into_iter().for_each(&mut driver.on_event);
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || driver.run());
        let thread = thread.map_err(|error| CarrierError::Thread(error.to_string()))?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// A district's entries are durable up to this one. Never waits for more than a note.
    pub fn committed(&self, district: &DistrictId, seq: u64) {
        self.desk.leave(|notes| {
            let head = notes.heads.entry(district.clone()).or_insert(0);
            *head = seq.max(*head);
        });
    }

    /// Carries out an act; what it changes is kept when this returns.
    ///
    /// # Errors
    /// Why it changes nothing, or that deliveries have stopped.
    pub fn command(&self, command: Command) -> Result<(), CarrierError> {
        Ok(self.ask(|answer| Ask::Command(command, answer))??)
    }

    /// How every recipient stands.
    ///
    /// # Errors
    /// When deliveries have stopped.
    pub fn status(&self) -> Result<Vec<RecipientStatus>, CarrierError> {
        self.ask(Ask::Status)
    }

    /// The dead letters of a recipient.
    ///
    /// # Errors
    /// When deliveries have stopped.
    pub fn dead_letters(&self, recipient: &RecipientName) -> Result<Vec<DeadLetter>, CarrierError> {
        self.ask(|answer| Ask::Letters(recipient.clone(), answer))
    }

    fn ask<T>(&self, ask: impl FnOnce(SyncSender<T>) -> Ask) -> Result<T, CarrierError> {
        let (answer, reply) = sync_channel(1);
        self.desk.leave(|notes| {
            if !notes.closed {
                notes.asks.push_back(ask(answer));
            }
        });
        reply.recv_timeout(ANSWER_WITHIN).map_err(|reason| match reason {
            RecvTimeoutError::Timeout => CarrierError::Busy(ANSWER_WITHIN.as_secs()),
            RecvTimeoutError::Disconnected => CarrierError::Stopped,
        })
    }

    /// Stops: no new attempt begins, those under way end and are kept.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.desk.leave(|notes| notes.stop = true);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was seen by whoever asked; there is nothing left to end.
            let _ = thread.join();
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.end();
    }
}

struct Driver {
    outbox: Outbox,
    kept: Box<dyn Kept>,
    journal: Box<dyn Journal>,
    view: Box<dyn DistrictView>,
    clock: Arc<dyn Clock>,
    workers: Workers,
    on_event: Box<dyn FnMut(Event) + Send>,
    on_trouble: Box<dyn FnMut(CarrierError) + Send>,
    desk: Arc<Desk>,
}

/// Whoever still waits for an answer hears that there is none, however the thread ended.
impl Drop for Driver {
    fn drop(&mut self) {
        let mut notes = self.desk.lock();
        notes.closed = true;
        notes.asks.clear();
    }
}

impl Driver {
    fn run(mut self) {
        let mut patience = Duration::ZERO;
        let mut flying = 0_usize;
        let mut stopping = false;
        loop {
            let notes = self.desk.take(patience, stopping);
            stopping = notes.stop;
            flying -= notes.ended.len();
            for (district, seq) in &notes.heads {
                self.outbox.committed(district, *seq);
            }
            for Ended { id, channel, outcome } in notes.ended {
                let step = self.outbox.ended(&id, &channel, outcome, self.clock.now());
                if self.carry_out(step).is_none() {
                    return;
                }
            }
            for ask in notes.asks {
                if self.answer(ask).is_none() {
                    return;
                }
            }
            if stopping {
                if flying == 0 {
                    return;
                }
                patience = RETRY;
                continue;
            }
            let Some(came) = self.read() else { return };
            let now = self.clock.now();
            let step = self.outbox.tick(now);
            let Some(begun) = self.carry_out(step) else { return };
            flying += begun;
            let due = self.outbox.wake(now).map(|wake| u64::try_from((wake - now).0).unwrap_or_default());
            // The clock can be set: it is looked at every so often, whatever is due.
            patience = due.map_or(RETRY, |millis| Duration::from_millis(millis).min(RETRY));
            if came && !self.outbox.wanted().is_empty() {
                patience = Duration::ZERO;
            }
        }
    }

    /// Keeps, tells, then sends; how many attempts began. Nothing else happens until the changes are kept: a state
    /// that is ahead of what is kept would lose messages at the next start. `None`: it was stopped before they could
    /// be kept, and must not keep anything later either.
    fn carry_out(&mut self, step: Step) -> Option<usize> {
        while let Err(error) = if step.changes.is_empty() { Ok(()) } else { self.kept.apply(&step.changes) } {
            (self.on_trouble)(error.into());
            if self.desk.lock().stop {
                return None;
            }
            std::thread::sleep(RETRY);
        }
        step.events.into_iter().for_each(&mut self.on_event);
        let begun = step.attempts.len();
        step.attempts.into_iter().for_each(|attempt| self.workers.send(attempt));
        Some(begun)
    }

    /// Reads what is wanted, some of it, of every district that can be read. False when nothing came: there is no use in
    /// asking at once again.
    fn read(&mut self) -> Option<bool> {
        let mut came = false;
        for Wanted { district, after } in self.outbox.wanted() {
            match self.journal.entries(&district, after, READ_MAX) {
                Ok(entries) if entries.is_empty() => {
                    let reason = "it gives none, though they are said to be durable".into();
                    (self.on_trouble)(JournalError { district, after, reason }.into());
                }
                Ok(entries) => {
                    came = true;
                    for entry in entries {
                        let step = self.outbox.entry(&entry, &*self.view);
                        self.carry_out(step)?;
                    }
                }
                Err(error) => (self.on_trouble)(error.into()),
            }
        }
        Some(came)
    }

    /// Who asked may have gone; the answer is then for nobody.
    fn answer(&mut self, ask: Ask) -> Option<()> {
        match ask {
            Ask::Command(command, answer) => {
                let done = match self.outbox.command(command, self.clock.now()) {
                    Ok(step) => self.carry_out(step).map(|_| Ok(()))?,
                    Err(error) => Err(error),
                };
                let _ = answer.send(done);
            }
            Ask::Status(answer) => {
                let _ = answer.send(self.outbox.status());
            }
            Ask::Letters(recipient, answer) => {
                let _ = answer.send(self.outbox.dead_letters(&recipient).cloned().collect());
            }
        }
        Some(())
    }
}

/// The threads that send. There are as many as attempts may fly, so a job never waits for one that is slow.
struct Workers {
    jobs: Option<SyncSender<Attempt>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(
        count: usize,
        channels: &Channels,
        clock: &Arc<dyn Clock>,
        desk: &Arc<Desk>,
    ) -> Result<Self, CarrierError> {
        let (jobs, queue) = sync_channel::<Attempt>(count);
        let queue = Arc::new(Mutex::new(queue));
        let mut workers = Self { jobs: Some(jobs), threads: Vec::with_capacity(count) };
        for number in 0..count {
            let (queue, channels) = (Arc::clone(&queue), channels.clone());
            let (clock, desk) = (Arc::clone(clock), Arc::clone(desk));
            let builder = std::thread::Builder::new().name(format!("outbox-{number}"));
            let thread = builder.spawn(move || work(&queue, &channels, &*clock, &desk));
            workers.threads.push(thread.map_err(|error| CarrierError::Thread(error.to_string()))?);
        }
        Ok(workers)
    }

    fn send(&self, attempt: Attempt) {
        let jobs = self.jobs.as_ref().expect("it is there until the end");
        jobs.send(attempt).expect("workers end only after the jobs have");
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<Attempt>>, channels: &Channels, clock: &dyn Clock, desk: &Desk) {
    loop {
        // The lock is held only while waiting for a job, never while sending.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Attempt { message, channel, .. }) = job else { return };
        let outcome = match channels.get(&message.id.recipient, &channel) {
            Some(way) => {
                let parcel = Parcel { message: &message, now: clock.now() };
                catch_unwind(AssertUnwindSafe(|| way.send(parcel))).unwrap_or_else(|panic| fault(&*panic))
            }
            None => Outcome::later(Trouble::Fault { reason: "the plan has no such channel".into() }),
        };
        desk.leave(|notes| notes.ended.push(Ended { id: message.id, channel, outcome }));
    }
}

/// A channel that panics costs its own attempt only.
fn fault(panic: &(dyn std::any::Any + Send)) -> Outcome {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let reason = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".into());
    Outcome::later(Trouble::Fault { reason })
}
