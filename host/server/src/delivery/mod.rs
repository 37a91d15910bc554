//! Deliveries: the outbox on this host. What was decided goes to people and systems; how that stands is told here.
//!
//! It wires the outbox's carrier to the host: the journal and the states it reads, where its rows are kept, what becomes
//! of its events. It decides nothing about a message, and holds up no commit.

mod heard;
mod journal;
mod kept;
#[cfg(test)]
mod kept_tests;
pub(crate) mod routes;
mod signals;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_kernel::DistrictId;
use muster_outbox::{
    Carrier, CarrierError, Channels, Command, DeadLetter, Kept as _, KeptError, Key, Parts, RecipientName,
    RecipientStatus, Row, SecretSource, Settings, SettingsError, SystemClock,
};
use muster_runtime::{Batches, Follower, FollowerStanding, Host, RecipientStanding};

use heard::Heard;
use journal::Durable;
use kept::Rows;
pub use kept::rows_among;
use signals::Signals;
use view::{Memo, States};

/// Why deliveries do not begin.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The carrier cannot start.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// Messages were carried that the journal does not know: its end was lost.
    #[error(
        "{recipient} was told of {district} up to entry {told}, but the journal ends at {head}: its end was lost, and \
         what comes in its place would not be told. Restore the journal's end from a backup; if there is none, move the \
         folder `outbox` of the data folder away, and every recipient begins with the next entry"
    )]
    Ahead {
        /// Who.
        recipient: RecipientName,
        /// Which district.
        district: DistrictId,
        /// The last entry that it was told of.
        told: u64,
        /// The last entry that there is.
        head: u64,
    },
    /// The system gave no thread.
    #[error("no thread for deliveries: {0}; raise the limit of threads and start again")]
    Thread(std::io::Error),
}

impl From<KeptError> for DeliveryError {
    fn from(error: KeptError) -> Self {
        Self::Carrier(error.into())
    }
}

/// The deliveries of a host, or none.
#[derive(Clone, Default)]
pub struct Deliveries(Option<Arc<Running>>);

struct Running {
    host: Arc<Host>,
    /// `None` once it was stopped.
    carrier: Mutex<Option<Arc<Carrier>>>,
    heard: Arc<Heard>,
    signals: Mutex<Option<Signals>>,
}

impl Deliveries {
    /// Nothing is delivered.
    pub fn none() -> Self {
        Self::default()
    }

    /// Begins deliveries by these settings. `rows` is where positions are kept, and nothing else.
    ///
    /// # Errors
    /// When the settings do not hold together, a secret cannot be had, or what is kept cannot be read.
    pub fn start(
        host: &Arc<Host>,
        settings: Settings,
        secrets: &dyn SecretSource,
        rows: Batches,
    ) -> Result<Self, DeliveryError> {
        let plan = settings.check()?;
        let channels = Channels::build(&plan, secrets)?;
        let heard = Arc::new(Heard::new(Arc::clone(host)));
        let again = Arc::clone(&heard);
        let kept = Rows::new(rows, Arc::new(move || again.kept_again()));
        let (rows, heads) = (kept.load()?, host.heads());
        if let Some(error) = ahead(&rows, |district| heads.get(district).copied().unwrap_or(0)).next() {
            return Err(error);
        }
        let signals =
            Signals::start(Arc::clone(host), kept.clone(), Arc::clone(&heard)).map_err(DeliveryError::Thread)?;
        let memo = Arc::new(Memo::default());
        let journal = Durable::new(Arc::clone(host), Arc::clone(&memo), Arc::clone(&heard));
        let (events, troubles, bell) = (Arc::clone(&heard), Arc::clone(&heard), signals.bell());
        let carrier = Carrier::start(Parts {
            plan,
            kept: Box::new(kept),
            journal: Box::new(journal),
            view: Box::new(States::new(Arc::clone(host), memo)),
            clock: Arc::new(SystemClock),
            channels,
            on_event: Box::new(move |event| {
                events.event(&event);
                if event.signal().is_some() {
                    bell.ring();
                }
            }),
            on_trouble: Box::new(move |error| troubles.trouble(&error)),
            seed: seed(),
        })?;
        let carrier = Mutex::new(Some(Arc::new(carrier)));
        let running = Arc::new(Running { host: Arc::clone(host), carrier, heard, signals: Mutex::new(Some(signals)) });
        host.follow(Arc::clone(&running) as Arc<dyn Follower>);
        Ok(Self(Some(running)))
    }

    /// Stops: no new attempt begins, those under way end and are kept. To be called before the host is closed.
    pub fn stop(&self) {
        let Some(running) = &self.0 else { return };
        running.host.unfollow();
        // Taken first, ended then: nobody who asks meanwhile waits for the attempts under way.
        let carrier = lock(&running.carrier).take();
        drop(carrier);
        let signals = lock(&running.signals).take();
        drop(signals);
    }

    /// How every recipient stands; `None` when nothing is delivered, or deliveries do not answer.
    pub(crate) async fn rows(&self) -> Option<Vec<RecipientStatus>> {
        let running = self.running().cloned()?;
        tokio::task::spawn_blocking(move || running.status()).await.ok()?.ok()
    }

    fn running(&self) -> Option<&Arc<Running>> {
        self.0.as_ref()
    }
}

impl Running {
    fn carrier(&self) -> Result<Arc<Carrier>, CarrierError> {
        lock(&self.carrier).clone().ok_or(CarrierError::Stopped)
    }

    /// How every recipient stands. May wait.
    fn status(&self) -> Result<Vec<RecipientStatus>, CarrierError> {
        self.carrier()?.status()
    }

    /// The dead letters of a recipient. May wait.
    fn dead_letters(&self, recipient: &RecipientName) -> Result<Vec<DeadLetter>, CarrierError> {
        self.carrier()?.dead_letters(recipient)
    }

    /// Carries out an act. May wait.
    fn command(&self, command: Command) -> Result<(), CarrierError> {
        let forgotten = match &command {
            Command::Forget { recipient } => Some(recipient.clone()),
            _ => None,
        };
        self.carrier()?.command(command)?;
        if let Some(recipient) = forgotten {
            self.heard.forgotten(&recipient);
        }
        Ok(())
    }
}

impl Follower for Running {
    fn committed(&self, district: &DistrictId, seq: u64) {
        if let Some(carrier) = &*lock(&self.carrier) {
            carrier.committed(district, seq);
        }
    }

    fn standing(&self) -> FollowerStanding {
        let status = self.status();
        let degradations = self.heard.degradations(status.as_deref());
        let count = |number: usize| number as u64;
        let standing = |one: RecipientStatus| RecipientStanding {
            name: one.recipient.to_string(),
            pending: count(one.queued + one.awaiting),
            entries_behind: one.entries_behind,
            dead_letters: count(one.dead),
        };
        let recipients = status.into_iter().flatten().map(standing).collect();
        FollowerStanding { recipients, degradations }
    }
}

/// Who was told of entries beyond the journal's end: what comes there would pass as told.
pub fn ahead<'r>(
    rows: &'r BTreeMap<Key, Row>,
    head: impl Fn(&DistrictId) -> u64 + 'r,
) -> impl Iterator<Item = DeliveryError> + 'r {
    rows.iter().filter_map(move |(key, row)| {
        let (Key::Cursor(recipient, district), Row::Cursor(position)) = (key, row) else { return None };
        let (told, head) = (position.seq, head(district));
        let (recipient, district) = (recipient.clone(), district.clone());
        (told > head).then_some(DeliveryError::Ahead { recipient, district, told, head })
    })
}

/// Pauses of several hosts must not fall together. Only their spread depends on it.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
