//! The host: districts on shards over one journal, and what may be asked of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, unbounded};
use muster_kernel::record::{Entry, Receipt};
use muster_kernel::{Digest, DistrictId, Event, Instant, Milliseconds, State, roster};
use muster_sandbox::Limits;
use muster_store::{Checkpoints, DataLock, Disk, Journal, Kept, Options as JournalOptions, Rows, Vault, View};
use tokio::sync::{broadcast, oneshot};

use crate::activation::Attempt;
use crate::activation::trust::TrustKeeper;
use crate::change::ChangeError;
use crate::clock::Clock;
use crate::condition::Degradation;
use crate::district::{Committed, District, exercise_of, is_exercise};
use crate::follow::Followed;
use crate::metrics::{Edge, Metrics, Standing};
use crate::notary::Notary;
use crate::open::{OpenError, Parts};
use crate::past::{self, AsOf, Delayed};
use crate::refusal::{Permission, QueryError, SubmitError};
use crate::reload::FolderWatch;
use crate::revocation::RevocationWatch;
use crate::seats::OpenedDistrict;
use crate::shard::{self, Command, Mailbox, Message, Shard, Submission};
use crate::status::{DistrictStatus, Loaded, status_of};
use crate::view_keeper::ViewKeeper;
use crate::workshop::Workshop;
use crate::{RealClock, folder};

/// How a host is brought up.
pub struct HostOptions {
    /// Where journal, view and vault are.
    pub data: PathBuf,
    /// The folders of its districts.
    pub districts: Vec<PathBuf>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Threads that decide; 0: one less than the machine has cores.
    pub shards: usize,
    /// How the journal is kept.
    pub journal: JournalOptions,
    /// The trust file; without one, the host runs under the development profile.
    pub trust: Option<PathBuf>,
}

impl HostOptions {
    /// A live host on the machine's clock.
    pub fn live(data: PathBuf, districts: Vec<PathBuf>) -> Self {
        Self { data, districts, clock: Arc::new(RealClock), shards: 0, journal: JournalOptions::default(), trust: None }
    }
}

/// Why a host cannot be brought up.
pub type HostError = OpenError;

pub(crate) struct Seat {
    shard: usize,
    mailbox: Arc<Mailbox>,
    pub(crate) folder: PathBuf,
    /// Held while somebody changes the district's policies: one change after the other.
    pub(crate) changing: Mutex<()>,
}

/// What those who change policies and the host share.
pub(crate) struct Inner {
    pub(crate) seats: BTreeMap<DistrictId, Seat>,
    shards: Vec<Sender<Message>>,
    pub(crate) parts: Parts,
    pub(crate) clock: Arc<dyn Clock>,
    poisoned: Arc<AtomicBool>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) problems: Mutex<BTreeMap<DistrictId, String>>,
    pub(crate) attempts: Mutex<BTreeMap<DistrictId, VecDeque<Attempt>>>,
    /// Watches the folders until the host stops.
    pub(crate) watch: Mutex<Option<FolderWatch>>,
    stopping: AtomicBool,
    submitted: AtomicUsize,
    low_space: AtomicBool,
}

/// A running host.
pub struct Host {
    pub(crate) inner: Arc<Inner>,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    keeper: Mutex<Option<ViewKeeper>>,
    notary: Mutex<Option<Notary>>,
    revocation: Mutex<Option<RevocationWatch>>,
    delayed: Delayed,
    /// States as of the last durable entries, once the journal has stopped.
    pub(crate) stopped: Delayed,
    pub(crate) followed: Arc<Followed>,
    view_problem: Option<Degradation>,
    _lock: DataLock,
}

impl Host {
    /// Brings up a host: locks the data, reads the journal, restores every district, applies what the folders say.
    ///
    /// # Errors
    /// When anything cannot be read; nothing is served half.
    pub fn open(options: HostOptions) -> Result<Self, HostError> {
        if options.districts.is_empty() {
            return Err(OpenError::NoDistrict);
        }
        let lock = muster_store::lock(&options.data)?;
        let disk = Disk::open(&options.data.join("journal"))
            .map_err(|reason| OpenError::System { what: options.data.display().to_string(), reason })?;
        let journal = Arc::new(Journal::open(disk, options.journal)?.journal);
        let (view, view_problem) = match View::open(&options.data.join("view")) {
            Ok((view, None)) => (Some(Arc::new(view) as Arc<dyn Rows>), None),
            Ok((view, Some(reason))) => {
                (Some(Arc::new(view) as Arc<dyn Rows>), Some(Degradation::ViewRebuilt { reason }))
            }
            // The journal alone is enough to serve.
            Err(error) => (None, Some(Degradation::ViewMissing { reason: error.to_string() })),
        };
        if let Some(problem) = &view_problem {
            tracing::warn!(target: "muster::view", problem = problem.english(), "the view could not be opened");
        }
        let vault = Vault::open(&options.data.join("vault"))?;
        let workshop = Workshop::new(Limits::STANDARD)?.with_cache(&options.data.join("compiled"));
        let kept = Kept::open(&options.data.join("trust"))?;
        let trust = Arc::new(TrustKeeper::open(options.trust.clone(), kept, options.clock.now())?);
        let parts = Parts { workshop, journal, vault, view: view.clone(), trust, backtester: Arc::default() };
        let keeper = view.map(ViewKeeper::start).transpose();
        let keeper = keeper.map_err(|reason| OpenError::System { what: "start the view".into(), reason })?;
        Self::assemble(options, lock, parts, keeper, view_problem)
    }

    fn assemble(
        options: HostOptions,
        lock: DataLock,
        parts: Parts,
        keeper: Option<ViewKeeper>,
        view_problem: Option<Degradation>,
    ) -> Result<Self, HostError> {
        let poisoned = Arc::new(AtomicBool::new(false));
        let metrics = Arc::new(Metrics::new());
        let followed = Arc::new(Followed::default());
        let count = shard_count(options.shards, options.districts.len());
        let mut shards = Vec::with_capacity(count);
        let mut senders = Vec::with_capacity(count);
        for _ in 0..count {
            let (sender, commands) = unbounded();
            let (journal, clock) = (Arc::clone(&parts.journal), Arc::clone(&options.clock));
            let view = keeper.as_ref().and_then(ViewKeeper::queue);
            let (poisoned, metrics) = (Arc::clone(&poisoned), Arc::clone(&metrics));
            let followed = Arc::clone(&followed);
            shards.push(Shard::new(commands, journal, clock, view, poisoned, metrics, followed));
            senders.push(sender);
        }
        let mut seats = BTreeMap::new();
        let mut problems = BTreeMap::new();
        let mut attempts = BTreeMap::new();
        let mut watched = Vec::new();
        if let (Some(file), Some(folder)) = (&options.trust, parts.trust.folder()) {
            watched.push((file.clone(), BTreeSet::from([folder.to_path_buf()])));
        }
        for (number, path) in options.districts.iter().enumerate() {
            let folder = folder::read(path)?;
            let opened = OpenedDistrict::open(&parts, &folder, options.clock.now())?;
            parts.journal.append_and_wait(opened.records.clone())?;
            let id = folder.charter.district;
            problems.extend(opened.problem.clone().map(|problem| (id.clone(), problem)));
            attempts.insert(id.clone(), VecDeque::from(opened.attempts.clone()));
            watched.push((path.clone(), folder.watched));
            let shard = number % count;
            for (id, mailbox) in opened.take_seats(&mut shards[shard]) {
                if seats
                    .insert(id.clone(), Seat { shard, mailbox, folder: path.clone(), changing: Mutex::new(()) })
                    .is_some()
                {
                    return Err(OpenError::Twice(id));
                }
            }
        }
        let threads = start(shards)?;
        let checkpoints = Checkpoints::open(&options.data.join(muster_store::checkpoint::FOLDER))?;
        for (district, signed, end) in checkpoints.beyond(&parts.journal) {
            tracing::error!(
                target: "muster::checkpoint", district, signed, end,
                "the journal ends before an entry that was signed: its tail was cut; restore it from a backup"
            );
        }
        let notary = Notary::start(checkpoints, Arc::clone(&parts.journal), Arc::clone(&options.clock))
            .map_err(|reason| OpenError::System { what: "start the notary".into(), reason })?;
        let inner = Arc::new(Inner {
            seats,
            shards: senders,
            parts,
            clock: Arc::clone(&options.clock),
            poisoned,
            metrics,
            problems: Mutex::new(problems),
            attempts: Mutex::new(attempts),
            watch: Mutex::new(None),
            stopping: AtomicBool::new(false),
            submitted: AtomicUsize::new(0),
            low_space: AtomicBool::new(false),
        });
        // What was revoked while the host was down answers nothing; what is revoked from an instant to come goes then.
        let asked = inner.clock.now();
        inner.withdraw_denied();
        let revocation = RevocationWatch::start(Arc::clone(&inner), asked)
            .map_err(|reason| OpenError::System { what: "start the revocation thread".into(), reason })?;
        let (reloading, trust) = (Arc::clone(&inner), options.trust);
        let on_change = move |path: &Path| {
            if trust.as_deref() == Some(path) {
                reloading.trust_changed();
            } else {
                Inner::folder_changed(&reloading, path);
            }
        };
        // Before anything it calls back can find no watch that follows.
        let mut watch = inner.watch.lock().expect("no holder panics");
        *watch = Some(FolderWatch::start(watched, Arc::new(on_change))?);
        drop(watch);
        Ok(Self {
            inner,
            clock: options.clock,
            threads: Mutex::new(threads),
            keeper: Mutex::new(keeper),
            notary: Mutex::new(Some(notary)),
            revocation: Mutex::new(Some(revocation)),
            delayed: Delayed::default(),
            stopped: Delayed::default(),
            followed,
            view_problem,
            _lock: lock,
        })
    }

    /// The present instant of the host's clock.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The districts, in order.
    pub fn districts(&self) -> Vec<DistrictId> {
        self.inner.seats.keys().filter(|id| !is_exercise(id)).cloned().collect()
    }

    /// Whether the host serves a district, or its drills, under this name.
    pub fn serves(&self, district: &str) -> bool {
        self.inner.seats.contains_key(&DistrictId::from(district))
    }

    /// Whether the journal takes entries.
    pub fn is_healthy(&self) -> bool {
        !self.inner.poisoned.load(Ordering::SeqCst) && !self.inner.stopping.load(Ordering::SeqCst)
    }

    /// Gives an event to a district. The receipt comes once the entry is durable.
    ///
    /// # Errors
    /// When the event was not taken; it then left no trace.
    pub async fn submit(&self, district: &str, event: Event) -> Result<Receipt, SubmitError> {
        self.submit_if(district, event, None).await
    }

    /// The same, if the district's state says just before that the sender may.
    ///
    /// # Errors
    /// When the event was not taken; it then left no trace.
    pub async fn submit_if(
        &self,
        district: &str,
        event: Event,
        permission: Option<Permission>,
    ) -> Result<Receipt, SubmitError> {
        let taken = self.take(district, event, permission).await;
        if let Err(error) = &taken {
            self.inner.metrics.refused(error);
        }
        taken
    }

    /// Counts one thing that a source said; format and outcome are words of the contract.
    pub fn count_intake(&self, format: &'static str, outcome: &'static str) {
        self.inner.metrics.taken_in(format, outcome);
    }

    /// The host's counters, in the `OpenMetrics` text form, with what only those know who let callers and sources in.
    pub async fn metrics(&self, edge: Edge) -> String {
        let Edge { brokers, degraded, certificate_ends } = edge;
        let mut standing = Standing { brokers, certificate_ends, ..Standing::default() };
        for id in self.districts() {
            if let Ok(status) = self.status(id.as_str(), false).await {
                standing.districts.push((id.into_string(), status.seq, status.waiting, status.incidents));
            }
        }
        standing.degraded = self.degradations().await.iter().map(Degradation::part).chain(degraded).collect();
        standing.recipients = self.followed.standing().map(|follower| follower.recipients).unwrap_or_default();
        self.inner.metrics.text(&standing)
    }

    async fn take(&self, district: &str, event: Event, permission: Option<Permission>) -> Result<Receipt, SubmitError> {
        let named = DistrictId::from(district);
        // The wall: a drill never reaches the real district, and nothing real reaches a drill's.
        let target = if event.exercise && !is_exercise(&named) { exercise_of(&named) } else { named };
        let (id, seat) = self.seat(target.as_str()).ok_or_else(|| SubmitError::UnknownDistrict(district.into()))?;
        if !event.exercise && is_exercise(id) {
            return Err(SubmitError::NotExercise);
        }
        self.admit(id, seat, &event)?;
        let (reply, told) = oneshot::channel();
        let counter = if shard::is_act(&event) { &seat.mailbox.acts } else { &seat.mailbox.signals };
        counter.fetch_add(1, Ordering::Relaxed);
        let message =
            Message { district: id.clone(), command: Command::Submit(Submission { event, reply, permission }) };
        self.inner.shards[seat.shard].send(message).map_err(|_| SubmitError::Stopping)?;
        told.await.unwrap_or(Err(SubmitError::Stopping))
    }

    /// The district whose tree knows a place best.
    ///
    /// # Errors
    /// When none knows it, or the host cannot answer.
    pub async fn district_of(&self, place: &str) -> Result<DistrictId, SubmitError> {
        for candidate in roster::lineage_of(place) {
            for id in self.inner.seats.keys().filter(|id| !is_exercise(id)) {
                let code = candidate.clone();
                let knows = self.query(id.as_str(), move |state| roster::exact(state, &code).is_some()).await;
                if knows.map_err(|_| SubmitError::Stopping)? {
                    return Ok(id.clone());
                }
            }
        }
        Err(SubmitError::UnknownPlace(place.into()))
    }

    fn seat(&self, district: &str) -> Option<(&DistrictId, &Seat)> {
        self.inner.seats.get_key_value(&DistrictId::from(district))
    }

    fn admit(&self, id: &DistrictId, seat: &Seat, event: &Event) -> Result<(), SubmitError> {
        if self.inner.stopping.load(Ordering::SeqCst) {
            return Err(SubmitError::Stopping);
        }
        let act = shard::is_act(event);
        if !act && self.low_on_space() {
            return Err(SubmitError::LowSpace);
        }
        let (waiting, most) = if act {
            (seat.mailbox.acts.load(Ordering::Relaxed), shard::ACTS_MAX)
        } else {
            (seat.mailbox.signals.load(Ordering::Relaxed), shard::SIGNALS_MAX)
        };
        if waiting >= most {
            return Err(SubmitError::Busy { district: id.clone(), waiting, retry_after_seconds: 1 });
        }
        Ok(())
    }

    /// Asks the disk now and then; in between, what it said last.
    fn low_on_space(&self) -> bool {
        const EVERY: usize = 256;
        if self.inner.submitted.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY) {
            self.inner.low_space.store(self.inner.parts.journal.is_low_on_space(), Ordering::Relaxed);
        }
        self.inner.low_space.load(Ordering::Relaxed)
    }

    /// Asks a district's state. The answer comes once everything it rests on is durable. When the journal has stopped, it is
    /// given as of the last durable entry.
    ///
    /// # Errors
    /// When there is no such district, or the host cannot answer.
    pub async fn query<T: Send + 'static>(
        &self,
        district: &str,
        ask: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        if self.is_stopped() {
            return self.ask_durable(district, ask);
        }
        self.ask(district, shard::query(ask)).await
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.inner.poisoned.load(Ordering::SeqCst)
    }

    /// What the shards hold may run ahead of a journal that stopped; so it is the journal that answers.
    fn ask_durable<T>(&self, district: &str, ask: impl FnOnce(&State) -> T) -> Result<T, QueryError> {
        let (id, _) = self.seat(district).ok_or_else(|| QueryError::UnknownDistrict(district.into()))?;
        tokio::task::block_in_place(|| self.stopped.ask(&self.inner.parts.journal, id, Instant::MAX, ask))
    }

    async fn ask<T>(&self, district: &str, (command, told): (Command, oneshot::Receiver<T>)) -> Result<T, QueryError> {
        self.put(district, (command, told))?.await.map_err(|_| QueryError::Unavailable)
    }

    /// Puts a question to a district's shard.
    pub(crate) fn put<T>(
        &self,
        district: &str,
        (command, told): (Command, oneshot::Receiver<T>),
    ) -> Result<oneshot::Receiver<T>, QueryError> {
        let (id, seat) = self.seat(district).ok_or_else(|| QueryError::UnknownDistrict(district.into()))?;
        let message = Message { district: id.clone(), command };
        self.inner.shards[seat.shard].send(message).map_err(|_| QueryError::Unavailable)?;
        Ok(told)
    }

    /// A durable entry.
    ///
    /// # Errors
    /// When there is no such district, or the journal cannot be read.
    pub fn entry(&self, district: &str, seq: u64) -> Result<Option<Committed>, QueryError> {
        Ok(self.entries(district, seq, 1)?.into_iter().find(|committed| committed.entry.seq == seq))
    }

    /// Durable entries from a position on.
    ///
    /// # Errors
    /// When there is no such district, or the journal cannot be read.
    pub fn entries(&self, district: &str, from: u64, limit: usize) -> Result<Vec<Committed>, QueryError> {
        self.seat(district).ok_or_else(|| QueryError::UnknownDistrict(district.into()))?;
        let unreadable = |reason: &dyn std::fmt::Display| QueryError::Journal(reason.to_string());
        let records = self.inner.parts.journal.read(district, from).take(limit);
        let read = records.map(|record| {
            let record = record.map_err(|reason| unreadable(&reason))?;
            let entry = Entry::from_bytes(&record.payload).map_err(|reason| unreadable(&reason))?;
            Ok(Committed { entry, hash: Digest(record.hash) })
        });
        read.collect()
    }

    /// A district's state as it was then, with nothing that came later. Reads the journal: not for the threads that answer.
    ///
    /// # Errors
    /// When there is no such district, or the journal cannot be read.
    pub fn as_of<T>(&self, district: &str, then: AsOf, ask: impl FnOnce(&State) -> T) -> Result<T, QueryError> {
        let (id, _) = self.seat(district).ok_or_else(|| QueryError::UnknownDistrict(district.into()))?;
        self.inner.metrics.past_state();
        let mut state = State::default();
        past::fold_to(&self.inner.parts.journal, id.as_str(), &mut state, then)?;
        Ok(ask(&state))
    }

    /// A district's state as it was some time ago. Reads the journal: not for the threads that answer.
    ///
    /// # Errors
    /// When there is no such district, or the journal cannot be read.
    pub fn delayed<T>(
        &self,
        district: &str,
        delay: Milliseconds,
        ask: impl FnOnce(&State) -> T,
    ) -> Result<T, QueryError> {
        let (id, _) = self.seat(district).ok_or_else(|| QueryError::UnknownDistrict(district.into()))?;
        self.delayed.ask(&self.inner.parts.journal, id, self.now() - delay, ask)
    }

    /// Entries as they become durable. Subscribe first, then read the past: nothing falls between.
    ///
    /// # Errors
    /// When there is no such district.
    pub fn subscribe(&self, district: &str) -> Result<broadcast::Receiver<Arc<Committed>>, QueryError> {
        let (_, seat) = self.seat(district).ok_or_else(|| QueryError::UnknownDistrict(district.into()))?;
        Ok(seat.mailbox.committed.subscribe())
    }

    /// How a district stands. The digest of its state costs a pass over every row, while which the district decides
    /// nothing: for those who compare, not for a display.
    ///
    /// # Errors
    /// When there is no such district, or the host cannot answer.
    pub async fn status(&self, district: &str, digest: bool) -> Result<DistrictStatus, QueryError> {
        let (id, seat) = self.seat(district).ok_or_else(|| QueryError::UnknownDistrict(district.into()))?;
        let waiting = seat.mailbox.acts.load(Ordering::Relaxed) + seat.mailbox.signals.load(Ordering::Relaxed);
        let problem = self.inner.problems.lock().expect("no holder panics").get(id).cloned();
        let name = id.clone();
        if self.is_stopped() {
            let status = |state: &State| status_of(&name, state, &Loaded::default(), waiting, problem, digest);
            return self.ask_durable(district, status);
        }
        let status = move |district: &District| {
            let District { id, state, fallbacks, unloaded, policies, .. } = district;
            let (fallbacks, unloaded) = (fallbacks.clone(), unloaded.clone());
            let loaded = Loaded { policies: Some(policies), fallbacks, unloaded };
            status_of(id, state, &loaded, waiting, problem, digest)
        };
        self.ask(district, shard::query_district(status)).await
    }

    /// Everything that does not work as it should. Empty: all is well.
    pub async fn degradations(&self) -> Vec<Degradation> {
        let mut found = Vec::new();
        found.extend(self.is_stopped().then_some(Degradation::JournalStopped));
        found.extend(self.inner.parts.journal.is_low_on_space().then_some(Degradation::LowSpace));
        found.extend(self.view_problem.clone());
        for district in self.districts() {
            // One that cannot answer is told of by what keeps it from answering.
            let Ok(status) = self.status(district.as_str(), false).await else { continue };
            for policy in status.policies {
                let not_loaded =
                    |reason| Degradation::PolicyNotLoaded { district: district.clone(), role: policy.role, reason };
                found.extend(policy.problem.map(not_loaded));
            }
            let not_in_force = |reason| Degradation::FolderNotInForce { district: district.clone(), reason };
            found.extend(status.reload_problem.map(not_in_force));
        }
        found.extend(self.inner.parts.trust.standing().problem.map(|reason| Degradation::TrustNotInForce { reason }));
        found.extend(self.followed.standing().map(|follower| follower.degradations).unwrap_or_default());
        found
    }

    /// Lets what waits be decided, writes the view, and ends every thread.
    pub fn close(&self) {
        self.inner.stopping.store(true, Ordering::SeqCst);
        *self.inner.watch.lock().expect("no holder panics") = None;
        *self.revocation.lock().expect("no holder panics") = None;
        for (id, seat) in &self.inner.seats {
            drop(self.inner.shards[seat.shard].send(Message { district: id.clone(), command: Command::Stop }));
        }
        for thread in self.threads.lock().expect("no holder panics").drain(..) {
            if thread.join().is_err() {
                tracing::error!(target: "muster::host", "a shard ended in a panic; the journal holds all it acknowledged");
            }
        }
        // The journal's thread hands the last rows to the keeper; an empty append that came back has passed them.
        if let Err(error) = self.inner.parts.journal.append_and_wait(Vec::new()) {
            tracing::warn!(target: "muster::host", %error, "the journal did not answer at the end");
        }
        *self.keeper.lock().expect("no holder panics") = None;
        *self.notary.lock().expect("no holder panics") = None;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    /// Gives a command to a district's shard.
    pub(crate) fn send(&self, id: &DistrictId, command: Command) -> Result<(), ChangeError> {
        let seat = self.seats.get(id).ok_or_else(|| ChangeError::UnknownDistrict(id.to_string()))?;
        let message = Message { district: id.clone(), command };
        self.shards[seat.shard].send(message).map_err(|_| ChangeError::Stopping)
    }
}

fn shard_count(wanted: usize, districts: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let count = if wanted == 0 { cores.saturating_sub(1) } else { wanted };
    count.clamp(1, districts.max(1))
}

fn start(shards: Vec<Shard>) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let spawn = |(number, shard): (usize, Shard)| {
        let thread = std::thread::Builder::new().name(format!("shard-{number}")).spawn(move || shard.run());
        thread.map_err(|reason| OpenError::System { what: "start a shard".into(), reason })
    };
    shards.into_iter().enumerate().map(spawn).collect()
}
