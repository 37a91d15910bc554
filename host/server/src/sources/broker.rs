//! One broker: its signals go to their districts, and are acknowledged to it once they are durable. What cannot be read is
//! counted, logged and told in the status, and stands in nobody's way. It never prints a password.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_access::Words;
use muster_intake::mqtt::{Client, MqttSettings, Notice, Sink, SinkError, TopicRefusal};
use muster_intake::{Place, Reason, Refusal, SettingsError};
use muster_kernel::{Event, Instant};
use muster_runtime::{BrokerStanding, Host, SubmitError};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

/// What counters call it.
const FORMAT: &str = "mqtt";

/// A broker, and how its client stands.
pub(super) struct Broker {
    name: String,
    address: String,
    district: Option<String>,
    client: Client,
    line: Mutex<Line>,
}

/// How the connection stands.
#[derive(Default)]
struct Line {
    connected: bool,
    /// Since when it is so.
    since: Option<Instant>,
    /// Why it ended, or could not begin.
    problem: Option<String>,
    /// Topics that the broker does not let this client read.
    withheld: BTreeSet<String>,
    /// The newest message that was not taken.
    last_refusal: Option<String>,
}

impl Broker {
    pub(super) fn new(name: &str, settings: &MqttSettings, password: Option<String>) -> Result<Self, SettingsError> {
        Ok(Self {
            name: name.into(),
            address: format!("{}:{}", settings.broker, settings.port),
            district: settings.district.clone(),
            client: Client::new(name, settings, password)?,
            line: Mutex::default(),
        })
    }

    /// Stays connected until `stopped` says so.
    pub(super) async fn run(self: Arc<Self>, host: Arc<Host>, mut stopped: watch::Receiver<bool>) {
        let signals = Signals { broker: &self, host: &host };
        let stop = async {
            // Who could say it is gone: the host is, too.
            let _gone = stopped.wait_for(|stop| *stop).await;
        };
        self.client.run(&signals, || host.now(), stop).await;
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counted(&self) -> BrokerStanding {
        let counts = self.client.counts();
        BrokerStanding {
            name: self.name.clone(),
            connected: self.line().connected,
            received: counts.received,
            put_off: counts.put_off,
            connections: counts.connections,
        }
    }

    pub(super) fn standing(&self) -> Json {
        let (line, counts) = (self.line(), self.client.counts());
        json!({
            "name": self.name, "broker": self.address, "district": self.district, "connected": line.connected,
            "since": line.since.map(|since| since.to_string()), "problem": line.problem,
            "topics": self.client.topics().filters().collect::<Vec<_>>(), "withheld": line.withheld,
            "received": counts.received, "durable": counts.durable, "refused": counts.refused,
            "put_off": counts.put_off, "connections": counts.connections, "last_refusal": line.last_refusal,
        })
    }

    /// Why it brings nothing, or not everything.
    pub(super) fn problems(&self) -> Vec<Words> {
        let (line, name, address) = (self.line(), &self.name, &self.address);
        let mut found = Vec::new();
        if !line.connected {
            let reason = line.problem.as_deref().unwrap_or("-");
            found.push(Words::new(
                format!("消息代理 {name}({address})未连接,正在重试;其间的消息由代理保存。原因:{reason}"),
                format!("broker {name} ({address}) is not connected and is tried again; it keeps what comes meanwhile: {reason}"),
            ));
        }
        for topic in &line.withheld {
            found.push(Words::new(
                format!("消息代理 {name}({address})不允许读取主题 `{topic}`:请在代理上授权"),
                format!("broker {name} ({address}) does not let this host read the topic `{topic}`: permit it there"),
            ));
        }
        found
    }
}

/// Where the signals of a broker go.
struct Signals<'a> {
    broker: &'a Broker,
    host: &'a Host,
}

impl Signals<'_> {
    async fn submit(&self, event: Event) -> Result<(), SubmitError> {
        let found;
        let district = if let Some(district) = &self.broker.district {
            district.as_str()
        } else {
            found = self.host.district_of(&event.place).await?;
            found.as_str()
        };
        self.host.submit(district, event).await.map(drop)
    }
}

impl Sink for Signals<'_> {
    async fn event(&self, event: Event) -> Result<(), SinkError> {
        match self.submit(event).await {
            Ok(()) => {
                self.host.count_intake(FORMAT, "taken");
                Ok(())
            }
            Err(error) => Err(put_off(&error)),
        }
    }

    async fn refused(&self, refusal: TopicRefusal) -> Result<(), SinkError> {
        self.host.count_intake(FORMAT, refusal.refusal.reason.code());
        // Escaped: the topic is the sender's own word.
        let reason = refusal.to_string();
        tracing::warn!(
            target: "muster::mqtt", broker = self.broker.name, bytes = refusal.bytes, ?reason,
            "a message was not taken"
        );
        self.broker.line().last_refusal = Some(reason);
        Ok(())
    }

    fn notice(&self, notice: Notice) {
        let (name, mut line) = (&self.broker.name, self.broker.line());
        match notice {
            Notice::Connected { resumed } => {
                tracing::info!(target: "muster::mqtt", broker = name, resumed, "connected");
                *line = Line { connected: true, last_refusal: line.last_refusal.take(), ..Line::default() };
                line.since = Some(self.host.now());
            }
            Notice::Disconnected { reason, again_in_ms } => {
                // It is tried again and again; the same trouble is told of once.
                if line.problem.as_ref() != Some(&reason) {
                    tracing::warn!(target: "muster::mqtt", broker = name, again_in_ms, "not connected: {reason}");
                }
                if line.connected || line.since.is_none() {
                    line.since = Some(self.host.now());
                }
                line.connected = false;
                line.problem = Some(reason);
            }
            Notice::NotSubscribed { filter } => {
                tracing::error!(target: "muster::mqtt", broker = name, filter, "the broker does not let this host read it");
                line.withheld.insert(filter);
            }
        }
    }
}

/// What the host did not take now it may take later; what belongs nowhere it never will.
fn put_off(error: &SubmitError) -> SinkError {
    let never = |reason| SinkError::Never(Refusal { place: Place::default(), reason });
    match error {
        SubmitError::UnknownPlace(place) => never(Reason::UnknownPlace(format!("`{place}`"))),
        SubmitError::NotExercise => never(Reason::Exercise),
        SubmitError::TooLarge { most, .. } => never(Reason::TooLarge { what: "bytes", limit: *most }),
        // The settings were checked against the districts; another charter may still serve it one day.
        SubmitError::UnknownDistrict(_) | SubmitError::NotPermitted(_) => SinkError::Later(error.to_string()),
        SubmitError::Busy { .. } | SubmitError::LowSpace | SubmitError::Journal(_) | SubmitError::Stopping => {
            SinkError::Later(error.to_string())
        }
    }
}
