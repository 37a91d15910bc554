//! What is counted while the host runs, in the Prometheus form. Counting never decides, never waits and is never read back.
//!
//! Names follow the field: a prefix, what is counted, its unit, `_total` for what only grows. Labels are words of the
//! contract and never a sender's text, so that nobody outside can make a series.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_kernel::Instant;
use muster_kernel::record::{Cause, Entry, Fact};
use muster_kernel::role::{Binding, Failure};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::activation::Attempt;
use crate::follow::RecipientStanding;
use crate::refusal::SubmitError;

/// Bounds of commit times in seconds: a good disk takes one millisecond, a sick one a second.
const COMMIT_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Bounds of the fuel of one call: the limit of the reference profile is a million.
const FUEL: [f64; 8] = [5e3, 1e4, 2.5e4, 5e4, 1e5, 2.5e5, 5e5, 1e6];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Evaluated {
    role: &'static str,
    binding: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRole {
    role: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FellBack {
    role: &'static str,
    rung: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Changed {
    role: &'static str,
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDistrict {
    district: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPart {
    part: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRecipient {
    recipient: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TakenIn {
    format: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBroker {
    broker: String,
}

/// Of what there is one, or none at all.
type NoLabels = [(&'static str, &'static str); 0];

/// How a client of a broker stands at the moment of a scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerStanding {
    /// The broker's name in the settings.
    pub name: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Messages that the broker brought, those it brought again counted again.
    pub received: u64,
    /// How often a message had to wait for the host.
    pub put_off: u64,
    /// Connections that were made.
    pub connections: u64,
}

/// What only those know who let callers and sources in, at the moment of a scrape.
#[derive(Debug, Default, Clone)]
pub struct Edge {
    /// How the clients of brokers stand.
    pub brokers: Vec<BrokerStanding>,
    /// Parts that do not work as they should, each as often as it is so: the status says the same.
    pub degraded: Vec<&'static str>,
    /// When the certificate that is served ends; `None` without TLS.
    pub certificate_ends: Option<Instant>,
}

/// How a host stands at the moment of a scrape.
#[derive(Debug, Default, Clone)]
pub(crate) struct Standing {
    /// Of each district: its newest entry, the events that wait for it and the incidents that are open.
    pub(crate) districts: Vec<(String, u64, usize, usize)>,
    /// Parts that do not work as they should, each as often as it is so.
    pub(crate) degraded: Vec<&'static str>,
    /// Those whom the outbox tells.
    pub(crate) recipients: Vec<RecipientStanding>,
    /// Brokers that bring signals.
    pub(crate) brokers: Vec<BrokerStanding>,
    /// When the certificate that is served ends.
    pub(crate) certificate_ends: Option<Instant>,
}

/// The host's counters.
pub(crate) struct Metrics {
    registry: Registry,
    events: Family<Outcome, Counter>,
    refused: Family<Outcome, Counter>,
    dropped: Counter,
    entries: Counter,
    timers: Counter,
    past_states: Counter,
    evaluations: Family<Evaluated, Counter>,
    fuel: Family<OfRole, Histogram>,
    fallbacks: Family<FellBack, Counter>,
    demotions: Family<OfRole, Counter>,
    changes: Family<Changed, Counter>,
    commit: Histogram,
    sequence: Family<OfDistrict, Gauge<u64, AtomicU64>>,
    waiting: Family<OfDistrict, Gauge<u64, AtomicU64>>,
    incidents: Family<OfDistrict, Gauge<u64, AtomicU64>>,
    degraded: Family<OfPart, Gauge<u64, AtomicU64>>,
    deliveries: Family<Outcome, Counter>,
    spans: Family<Outcome, Counter>,
    pending: Family<OfRecipient, Gauge<u64, AtomicU64>>,
    behind: Family<OfRecipient, Gauge<u64, AtomicU64>>,
    dead_letters: Family<OfRecipient, Gauge<u64, AtomicU64>>,
    taken_in: Family<TakenIn, Counter>,
    connected: Family<OfBroker, Gauge<u64, AtomicU64>>,
    received: Family<OfBroker, Counter>,
    put_off: Family<OfBroker, Counter>,
    connections: Family<OfBroker, Counter>,
    certificate_ends: Family<NoLabels, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("muster"),
            events: Family::default(),
            refused: Family::default(),
            dropped: Counter::default(),
            entries: Counter::default(),
            timers: Counter::default(),
            past_states: Counter::default(),
            evaluations: Family::default(),
            fuel: Family::new_with_constructor(|| Histogram::new(FUEL)),
            fallbacks: Family::default(),
            demotions: Family::default(),
            changes: Family::default(),
            commit: Histogram::new(COMMIT_SECONDS),
            sequence: Family::default(),
            waiting: Family::default(),
            incidents: Family::default(),
            degraded: Family::default(),
            deliveries: Family::default(),
            spans: Family::default(),
            pending: Family::default(),
            behind: Family::default(),
            dead_letters: Family::default(),
            taken_in: Family::default(),
            connected: Family::default(),
            received: Family::default(),
            put_off: Family::default(),
            connections: Family::default(),
            certificate_ends: Family::default(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("events", "Events that got a receipt, by what came of them", self.events.clone());
        registry.register("events_refused", "Events that were not taken; they left no trace", self.refused.clone());
        registry.register(
            "events_dropped",
            "Events that were taken in and whose sender got no receipt: the journal failed under them. Stays 0",
            self.dropped.clone(),
        );
        registry.register("journal_entries", "Entries made durable", self.entries.clone());
        registry.register("timers_fired", "Deadlines that passed and were decided on", self.timers.clone());
        registry.register(
            "past_states",
            "States of the past that a question made the host fold from the journal",
            self.past_states.clone(),
        );
        registry.register("policy_evaluations", "Calls of policies, by how they ended", self.evaluations.clone());
        registry.register(
            "policy_evaluation_fuel",
            "Fuel of one call, of answers and failures alike",
            self.fuel.clone(),
        );
        registry.register("policy_fallbacks", "Calls that another rung of the ladder answered", self.fallbacks.clone());
        registry.register("policy_demotions", "Policies that lost their place by themselves", self.demotions.clone());
        registry.register("policy_changes", "Attempts to bring a policy in", self.changes.clone());
        registry.register_with_unit(
            "journal_commit",
            "From the end of a turn's decisions until they are durable",
            Unit::Seconds,
            self.commit.clone(),
        );
        registry.register("district_sequence", "Position of a district's newest entry", self.sequence.clone());
        registry.register("district_events_waiting", "Events that wait for a district", self.waiting.clone());
        registry.register("district_incidents_open", "Incidents that are open in a district", self.incidents.clone());
        registry.register("degraded", "Parts that do not work as they should", self.degraded.clone());
        registry.register("trace_spans", "Spans for the collector, by what became of them", self.spans.clone());
        registry.register(
            "outbox_attempts",
            "Attempts at telling somebody, by how they ended",
            self.deliveries.clone(),
        );
        registry.register(
            "outbox_pending",
            "Messages that wait for an attempt or a receipt; those still in the journal are not among them",
            self.pending.clone(),
        );
        registry.register("outbox_entries_behind", "Entries not read for a recipient yet", self.behind.clone());
        registry.register(
            "outbox_dead_letters",
            "Messages that were given up and wait for a person",
            self.dead_letters.clone(),
        );
        registry.register(
            "intake_items",
            "What sources said, item by item, and messages that were refused whole, by what came of them",
            self.taken_in.clone(),
        );
        registry.register("mqtt_connected", "1 while a broker is connected, else 0", self.connected.clone());
        registry.register("mqtt_received", "Messages that a broker brought, again included", self.received.clone());
        registry.register("mqtt_put_off", "How often a message had to wait for the host", self.put_off.clone());
        registry.register("mqtt_connections", "Connections to a broker that were made", self.connections.clone());
        registry.register(
            "tls_certificate_expires_timestamp_seconds",
            "When the certificate that is served ends, in seconds since 1970; none without TLS",
            self.certificate_ends.clone(),
        );
        self
    }

    /// Counts what entries say, once they are durable.
    pub(crate) fn durable(&self, entry: &Entry) {
        self.entries.inc();
        match &entry.cause {
            Cause::Event(_) => {
                self.events.get_or_create(&Outcome { outcome: outcome_of(&entry.facts) }).inc();
            }
            Cause::Timer { .. } => _ = self.timers.inc(),
            _ => {}
        }
        for call in &entry.calls {
            let role = call.role.as_str();
            let outcome = call.failure.map_or("answered", Failure::as_str);
            self.evaluations.get_or_create(&Evaluated { role, binding: binding(call.binding), outcome }).inc();
            #[expect(clippy::cast_precision_loss, reason = "fuel is far below 2^52")]
            self.fuel.get_or_create(&OfRole { role }).observe(call.fuel as f64);
        }
        for fact in &entry.facts {
            match fact {
                Fact::PolicyFailed { role, fallback, .. } => {
                    let fell = FellBack { role: role.as_str(), rung: fallback.as_str() };
                    self.fallbacks.get_or_create(&fell).inc();
                }
                Fact::PolicyDemoted { role, .. } => {
                    self.demotions.get_or_create(&OfRole { role: role.as_str() }).inc();
                }
                _ => {}
            }
        }
    }

    /// A state of the past that is folded.
    pub(crate) fn past_state(&self) {
        self.past_states.inc();
    }

    /// How long a turn's decisions took to become durable.
    pub(crate) fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// Events whose journal failed under them.
    pub(crate) fn dropped(&self, events: usize) {
        self.dropped.inc_by(events as u64);
    }

    /// An event that was not taken.
    pub(crate) fn refused(&self, error: &SubmitError) {
        let outcome = match error {
            SubmitError::UnknownDistrict(_) => "unknown_district",
            SubmitError::UnknownPlace(_) => "unknown_place",
            SubmitError::Busy { .. } => "busy",
            SubmitError::LowSpace => "low_space",
            SubmitError::NotExercise => "not_exercise",
            SubmitError::NotPermitted(_) => "not_permitted",
            SubmitError::TooLarge { .. } => "too_large",
            SubmitError::Journal(_) => "journal_stopped",
            SubmitError::Stopping => "stopping",
        };
        self.refused.get_or_create(&Outcome { outcome }).inc();
    }

    /// An attempt at telling somebody.
    pub(crate) fn delivery(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&Outcome { outcome }).inc();
    }

    /// Spans of traces.
    pub(crate) fn spans(&self, outcome: &'static str, spans: u64) {
        self.spans.get_or_create(&Outcome { outcome }).inc_by(spans);
    }

    /// One thing that a source said.
    pub(crate) fn taken_in(&self, format: &'static str, outcome: &'static str) {
        self.taken_in.get_or_create(&TakenIn { format, outcome }).inc();
    }

    /// An attempt to bring a policy in.
    pub(crate) fn changed(&self, attempt: &Attempt) {
        let outcome = match (attempt.refusal(), attempt.seq) {
            (Some(_), _) => "refused",
            (None, Some(_)) => "in_force",
            (None, None) => "passed",
        };
        let changed = Changed { role: attempt.role.as_str(), mode: attempt.mode.as_str(), outcome };
        self.changes.get_or_create(&changed).inc();
    }

    /// All of it in the `OpenMetrics` text form.
    pub(crate) fn text(&self, standing: &Standing) -> String {
        for (district, sequence, waiting, incidents) in &standing.districts {
            let of = OfDistrict { district: district.clone() };
            self.sequence.get_or_create(&of).set(*sequence);
            self.waiting.get_or_create(&of).set(*waiting as u64);
            self.incidents.get_or_create(&of).set(*incidents as u64);
        }
        for standing in &standing.recipients {
            let of = OfRecipient { recipient: standing.name.clone() };
            self.pending.get_or_create(&of).set(standing.pending);
            self.behind.get_or_create(&of).set(standing.entries_behind);
            self.dead_letters.get_or_create(&of).set(standing.dead_letters);
        }
        for standing in &standing.brokers {
            let of = OfBroker { broker: standing.name.clone() };
            self.connected.get_or_create(&of).set(u64::from(standing.connected));
            self.received.get_or_create(&of).inner().store(standing.received, Ordering::Relaxed);
            self.put_off.get_or_create(&of).inner().store(standing.put_off, Ordering::Relaxed);
            self.connections.get_or_create(&of).inner().store(standing.connections, Ordering::Relaxed);
        }
        self.certificate_ends.clear();
        if let Some(ends) = standing.certificate_ends {
            self.certificate_ends.get_or_create(&[]).set(ends.as_millis().div_euclid(1_000));
        }
        self.degraded.clear();
        for part in &standing.degraded {
            self.degraded.get_or_create(&OfPart { part }).inc();
        }
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            text.clear();
            // A scrape that fails is better than one that says half.
            write!(text, "# the counters cannot be said: {error}").expect("text takes every line");
        }
        text
    }
}

fn outcome_of(facts: &[Fact]) -> &'static str {
    let found = facts.iter().find_map(|fact| match fact {
        Fact::EventDuplicate { .. } => Some("duplicate"),
        Fact::EventRefused { .. } => Some("refused"),
        _ => None,
    });
    found.unwrap_or("decided")
}

const fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::InForce => "in_force",
        Binding::Candidate => "candidate",
        Binding::LastKnownGood => "last_known_good",
        Binding::Baseline => "baseline",
        Binding::Former(_) => "former",
    }
}
