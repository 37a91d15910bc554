//! Sources: what a city already speaks, read into events on this host, over HTTP and from brokers.
//!
//! It wires the readers of `muster-intake` to the host. It decides nothing: what it reads goes the way of every other
//! event. What earlier messages said is folded from the journal and never kept in another place.

mod broker;
pub(crate) mod route;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use muster_access::Words;
use muster_intake::mqtt::MqttSettings;
use muster_intake::{
    Adapter, ExerciseRule, Format, Item, Ledger, Moment, Refusal, Registry, SettingsError, Source, SourceSettings,
};
use muster_kernel::{DistrictId, Event, Instant};
use muster_runtime::{BrokerStanding, Host, QueryError, is_exercise};
use serde_json::{Value as Json, json};
use tokio::sync::{Mutex as Turn, watch};
use tokio::task::JoinSet;

use broker::Broker;

/// What the settings say of sources.
#[derive(Debug, Clone, Default)]
pub struct IntakeSettings {
    /// `[intake.NAME]`.
    pub sources: BTreeMap<String, SourceSettings>,
    /// `[mqtt.NAME]`.
    pub brokers: BTreeMap<String, MqttSettings>,
}

/// Why sources cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// Settings that cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// What was said before cannot be read.
    #[error("what the sources said before cannot be read from the journal: {0}")]
    Journal(#[from] QueryError),
}

/// The sources of a host, or none.
#[derive(Clone, Default)]
pub struct Sources(Arc<Inner>);

#[derive(Default)]
struct Inner {
    sources: BTreeMap<String, Arc<Named>>,
    /// Whose messages refer to earlier ones: those that speak CAP.
    referring: BTreeSet<String>,
    ledger: RwLock<Ledger>,
    brokers: Vec<Arc<Broker>>,
    running: Mutex<Option<Running>>,
}

/// A source that was named, and whose turn it is to be read.
pub(crate) struct Named {
    source: Source,
    /// Held from the reading of a message until its events are durable. Sources that speak as the same share it.
    turn: Arc<Turn<()>>,
}

/// The tasks that hold connections to brokers.
struct Running {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl IntakeSettings {
    /// Whether everything holds together. `districts` are those that the host serves; without them, where events go is not
    /// looked at.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn check(&self, districts: Option<&[DistrictId]>) -> Result<(), SettingsError> {
        Registry::new(&self.sources)?;
        self.brokers(&BTreeMap::new())?;
        let Some(districts) = districts else { return Ok(()) };
        let of_sources = self
            .sources
            .iter()
            .map(|(name, one)| ("intake", name, &one.district, one.exercise == ExerciseRule::Always));
        let of_brokers = self.brokers.iter().map(|(name, one)| ("mqtt", name, &one.district, one.exercise));
        for (section, name, district, drills) in of_sources.chain(of_brokers) {
            let Some(district) = district else { continue };
            let wrong = |reason: String, cure: String| {
                let (name, field) = (name.clone(), "district".to_owned());
                Err(SettingsError { section, name, field, reason, cure })
            };
            let id = DistrictId::from(district.as_str());
            if is_exercise(&id) && !drills {
                let cure = "name the district itself: a drill goes to its exercise by itself".to_owned();
                return wrong(format!("is `{district}`, which takes drills only"), cure);
            }
            if !is_exercise(&id) && !districts.contains(&id) {
                let known: Vec<&str> = districts.iter().map(DistrictId::as_str).collect();
                let cure = format!("name one of {}, or leave it out: the place then tells", known.join(", "));
                return wrong(format!("is `{district}`, which this host does not serve"), cure);
            }
        }
        Ok(())
    }

    fn brokers(&self, passwords: &BTreeMap<String, String>) -> Result<Vec<Arc<Broker>>, SettingsError> {
        let mut sessions = BTreeMap::new();
        let mut brokers = Vec::new();
        for (name, settings) in &self.brokers {
            let session = (&settings.broker, settings.port, &settings.client_id);
            if let Some(other) = sessions.insert(session, name) {
                return Err(SettingsError {
                    section: "mqtt",
                    name: name.clone(),
                    field: "client_id".into(),
                    reason: format!(
                        "is that of [mqtt.{other}] at the same broker, and each would end the other's session"
                    ),
                    cure: "give each a `client_id` of its own".into(),
                });
            }
            brokers.push(Arc::new(Broker::new(name, settings, passwords.get(name).cloned())?));
        }
        Ok(brokers)
    }
}

impl Sources {
    /// Makes the readers, and learns from the journal what was said before. Nothing is connected yet. `passwords` are those
    /// of the brokers' users, by the broker's name.
    ///
    /// # Errors
    /// When settings cannot be used, or the journal cannot be read.
    pub fn open(
        host: &Host,
        settings: &IntakeSettings,
        passwords: &BTreeMap<String, String>,
    ) -> Result<Self, SourcesError> {
        settings.check(Some(&host.districts()))?;
        let registry = Registry::new(&settings.sources)?;
        let mut turns: BTreeMap<String, Arc<Turn<()>>> = BTreeMap::new();
        let mut sources = BTreeMap::new();
        let mut referring = BTreeSet::new();
        for source in registry.sources() {
            let turn = Arc::clone(turns.entry(source.speaks_as.clone()).or_default());
            if source.format == Format::Cap {
                referring.insert(source.speaks_as.clone());
            }
            sources.insert(source.name.clone(), Arc::new(Named { source: source.clone(), turn }));
        }
        let ledger = RwLock::new(ledger(host, &referring)?);
        let brokers = settings.brokers(passwords)?;
        Ok(Self(Arc::new(Inner { sources, referring, ledger, brokers, running: Mutex::default() })))
    }

    /// Connects to the brokers. To be called on the runtime that serves.
    pub fn start(&self, host: &Arc<Host>) {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for broker in &self.0.brokers {
            tasks.spawn(Arc::clone(broker).run(Arc::clone(host), stopped.clone()));
        }
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { stop, tasks });
    }

    /// Leaves the brokers. What was not acknowledged they bring again. To be called before the host is closed.
    pub async fn stop(&self) {
        let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { stop, mut tasks }) = running else { return };
        stop.send_replace(true);
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(target: "muster::mqtt", %error, "a client ended in a panic; the broker keeps its messages");
            }
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Named>> {
        self.0.sources.get(name).cloned()
    }

    /// Whether an event came from a message that later ones of its source may refer to.
    pub(crate) fn is_of_a_message(&self, event: &Event) -> bool {
        self.0.referring.contains(&event.source) && Ledger::concerns(event)
    }

    /// Takes in an event of a message that is durable.
    pub(crate) fn remember(&self, event: &Event) {
        self.0.ledger.write().unwrap_or_else(PoisonError::into_inner).remember(event);
    }

    /// What a message says, by what was said before.
    fn read(&self, adapter: &dyn Adapter, bytes: &[u8], now: Instant) -> Result<Vec<Item>, Refusal> {
        let ledger = self.0.ledger.read().unwrap_or_else(PoisonError::into_inner);
        adapter.read(bytes, &Moment { now, earlier: &*ledger })
    }

    /// How the brokers stand, for those who count.
    pub(crate) fn brokers(&self) -> Vec<BrokerStanding> {
        self.0.brokers.iter().map(|broker| broker.counted()).collect()
    }

    /// How everything stands, for those who look.
    pub(crate) fn standing(&self) -> Json {
        let sources = self.0.sources.values().map(|named| {
            let Source { name, format, speaks_as, district, .. } = &named.source;
            json!({"name": name, "format": format.as_str(), "source": speaks_as, "district": district})
        });
        let messages = self.0.ledger.read().unwrap_or_else(PoisonError::into_inner).len();
        json!({
            "sources": sources.collect::<Vec<_>>(), "messages_remembered": messages,
            "brokers": self.0.brokers.iter().map(|broker| broker.standing()).collect::<Vec<_>>(),
        })
    }

    /// Brokers that bring nothing, or not everything, in words.
    pub(crate) fn problems(&self) -> impl Iterator<Item = Words> + '_ {
        self.0.brokers.iter().flat_map(|broker| broker.problems())
    }
}

/// What these sources said before, from the first entry on. Where nobody refers to it, the journal is not read.
fn ledger(host: &Host, referring: &BTreeSet<String>) -> Result<Ledger, QueryError> {
    let mut ledger = Ledger::default();
    if referring.is_empty() {
        return Ok(ledger);
    }
    for event in host.events_holding(Ledger::MARK) {
        let event = event?;
        if referring.contains(&event.source) {
            ledger.remember(&event);
        }
    }
    if !ledger.is_empty() {
        tracing::info!(target: "muster::intake", messages = ledger.len(), "what sources said before was read from the journal");
    }
    Ok(ledger)
}
