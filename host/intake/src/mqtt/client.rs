//! The connection: subscribe with quality of service 1, hand over in order, acknowledge what is durable, come back.
//!
//! Every connection has a client of its own. An acknowledgement belongs to the connection that brought the message; given
//! to a later one it might name another message there, and that would be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{join, select};
use futures_util::stream::{self, StreamExt as _};
use muster_kernel::Instant;
use rumqttc::{
    AsyncClient, ConnAck, Event as Heard, EventLoop, MqttOptions, Packet, Publish, QoS, SubscribeFilter,
    SubscribeReasonCode,
};
use tokio::sync::mpsc;

use super::settings::MqttSettings;
use super::topic::Topics;
use super::{Notice, Sink, SinkError, TopicRefusal};
use crate::refusal::quote;
use crate::settings::SettingsError;

/// Acknowledgements that may wait to be sent: as many as MQTT has packet numbers, so that none ever blocks.
const REQUESTS_MAX: usize = 65_536;
const BACK_OFF_FIRST_MS: u64 = 250;
const BACK_OFF_MOST_MS: u64 = 60_000;

/// How long to wait before the next try, after so many that failed in a row.
pub const fn back_off(failures: u32) -> Duration {
    let doublings = if failures > 10 { 10 } else { failures };
    let wait = BACK_OFF_FIRST_MS << doublings;
    Duration::from_millis(if wait > BACK_OFF_MOST_MS { BACK_OFF_MOST_MS } else { wait })
}

/// What has happened since the client was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that the broker brought, those it brought again counted again.
    pub received: u64,
    /// Signals that the sink made durable.
    pub durable: u64,
    /// Messages that could not be read, or that the sink will never take.
    pub refused: u64,
    /// How often the sink put something off.
    pub put_off: u64,
    /// Connections that were made.
    pub connections: u64,
}

#[derive(Debug, Default)]
struct Counters {
    received: AtomicU64,
    durable: AtomicU64,
    refused: AtomicU64,
    put_off: AtomicU64,
    connections: AtomicU64,
}

fn one_more(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A client of one broker.
pub struct Client {
    settings: MqttSettings,
    password: Option<String>,
    topics: Topics,
    counters: Arc<Counters>,
}

/// A message and the connection that brought it.
struct Delivery {
    client: AsyncClient,
    publish: Publish,
}

impl Client {
    /// A client by the settings of `[mqtt.NAME]` and the user's password, which does not stand there; it does not connect
    /// yet.
    ///
    /// # Errors
    /// When the settings cannot be used: the error names field, reason and cure.
    pub fn new(name: &str, settings: &MqttSettings, password: Option<String>) -> Result<Self, SettingsError> {
        let topics = settings.topics(name)?;
        Ok(Self { settings: settings.clone(), password, topics, counters: Arc::default() })
    }

    /// What its topics say.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            received: of(&self.counters.received),
            durable: of(&self.counters.durable),
            refused: of(&self.counters.refused),
            put_off: of(&self.counters.put_off),
            connections: of(&self.counters.connections),
        }
    }

    /// Brings messages to the sink until `stop` is done. What is not acknowledged then the broker sends again.
    pub async fn run<S: Sink>(&self, sink: &S, clock: impl Fn() -> Instant, stop: impl Future<Output = ()>) {
        let (queue, deliveries) = mpsc::channel(usize::from(self.settings.in_flight_max));
        let deliveries =
            stream::unfold(deliveries, async |mut deliveries| Some((deliveries.recv().await?, deliveries)));
        let (sink_of_each, clock) = (sink, &clock);
        let handled = deliveries.map(|delivery| self.handle(sink_of_each, clock, delivery));
        // In order, as MQTT wants acknowledgements; several may wait for the disk together.
        let handled = handled.buffered(usize::from(self.settings.in_flight_max)).for_each(async |delivery| {
            // A connection that is gone takes no acknowledgement: the broker sends the message again.
            let _gone = delivery.client.try_ack(&delivery.publish);
        });
        let connected = self.stay_connected(sink, queue);
        let work = join(connected, handled);
        select(std::pin::pin!(stop), std::pin::pin!(work)).await;
    }

    async fn stay_connected<S: Sink>(&self, sink: &S, queue: mpsc::Sender<Delivery>) {
        let mut failures = 0;
        loop {
            let (client, mut events) = AsyncClient::new(self.options(), REQUESTS_MAX);
            let reason = match self.connection(sink, &client, &mut events, &queue, &mut failures).await {
                Ok(()) => return,
                Err(reason) => reason,
            };
            drop(events);
            let wait = back_off(failures);
            failures = failures.saturating_add(1);
            let again_in_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            sink.notice(Notice::Disconnected { reason, again_in_ms });
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection from its beginning to its end. `Ok` when nobody takes messages any more.
    async fn connection<S: Sink>(
        &self,
        sink: &S,
        client: &AsyncClient,
        events: &mut EventLoop,
        queue: &mpsc::Sender<Delivery>,
        failures: &mut u32,
    ) -> Result<(), String> {
        loop {
            match events.poll().await.map_err(|reason| reason.to_string())? {
                Heard::Incoming(Packet::ConnAck(ConnAck { session_present, .. })) => {
                    *failures = 0;
                    one_more(&self.counters.connections);
                    sink.notice(Notice::Connected { resumed: session_present });
                    let filters = self.topics.filters().map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce));
                    client.try_subscribe_many(filters).map_err(|reason| reason.to_string())?;
                }
                Heard::Incoming(Packet::SubAck(granted)) => {
                    let refused = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Failure);
                    let codes = self.topics.filters().zip(&granted.return_codes);
                    let refused = codes.filter(|(_, code)| refused(code)).map(|(filter, _)| filter);
                    refused.for_each(|filter| sink.notice(Notice::NotSubscribed { filter }));
                }
                Heard::Incoming(Packet::Publish(publish)) => {
                    one_more(&self.counters.received);
                    let delivery = Delivery { client: client.clone(), publish };
                    if queue.send(delivery).await.is_err() {
                        return Ok(());
                    }
                }
                Heard::Incoming(_) | Heard::Outgoing(_) => {}
            }
        }
    }

    /// Brings one message to its end, however often the sink puts it off.
    async fn handle<S: Sink>(&self, sink: &S, clock: &impl Fn() -> Instant, delivery: Delivery) -> Delivery {
        let publish = &delivery.publish;
        let mut read = self.topics.read(&publish.topic, &publish.payload, clock());
        let mut failures = 0;
        loop {
            let outcome = match &read {
                Ok(event) => sink.event(event.clone()).await,
                Err(refusal) => sink.refused(refusal.clone()).await,
            };
            match outcome {
                Ok(()) => break,
                Err(SinkError::Later(_)) => {
                    one_more(&self.counters.put_off);
                    tokio::time::sleep(back_off(failures)).await;
                    failures = failures.saturating_add(1);
                }
                // Who refuses for ever even to hear of a refusal has heard of it.
                Err(SinkError::Never(_)) if read.is_err() => break,
                Err(SinkError::Never(refusal)) => {
                    read = Err(TopicRefusal { topic: quote(&publish.topic), bytes: publish.payload.len(), refusal });
                }
            }
        }
        one_more(if read.is_ok() { &self.counters.durable } else { &self.counters.refused });
        delivery
    }

    fn options(&self) -> MqttOptions {
        let settings = &self.settings;
        let mut options = MqttOptions::new(&settings.client_id, &settings.broker, settings.port);
        options.set_clean_session(false);
        options.set_manual_acks(true);
        options.set_keep_alive(Duration::from_secs(settings.keep_alive_seconds.into()));
        options.set_max_packet_size(settings.packet_bytes_max, settings.packet_bytes_max);
        if let Some(user) = &settings.username {
            options.set_credentials(user, self.password.clone().unwrap_or_default());
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let waits: Vec<u128> = (0..11).map(|failures| back_off(failures).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        assert_eq!(back_off(u32::MAX).as_millis(), 60_000);
    }
}
