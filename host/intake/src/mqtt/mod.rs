//! Sensors over MQTT 3.1.1: what a broker brings, read into signals and acknowledged once they are durable.
//!
//! This is the one module that holds a connection. It opens it to the broker that the settings name and to nothing else.
//! A message is acknowledged only after the [`Sink`] said that it is durable; until then the broker keeps it and sends it
//! again, and its id is the same, so that it counts once. A message that cannot be read goes to the sink as a
//! [`TopicRefusal`] and is acknowledged after that, so that it stands in nobody's way.
//!
//! The connection is plain TCP: it belongs inside a network that is trusted, to a broker there, which may itself be
//! bridged to others by TLS. The password crosses it as it is.
//!
//! What a publisher sends with quality of service 0 no broker keeps: it may be lost, whatever this module does.

mod client;
mod settings;
mod topic;

use std::future::Future;

use muster_kernel::Event;

use crate::refusal::Refusal;

pub use client::{Client, Counts, back_off};
pub use settings::{MqttSettings, PasswordPlace, TopicSettings};
pub use topic::Topics;

/// Why a message of a topic was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topic `{topic}`: {refusal}")]
pub struct TopicRefusal {
    /// The topic.
    pub topic: String,
    /// Bytes of the message.
    pub bytes: usize,
    /// Why.
    pub refusal: Refusal,
}

/// Why a sink has not taken something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Not now: it is offered again after a while, and what follows waits.
    #[error("not now: {0}")]
    Later(String),
    /// Never: it is put before [`Sink::refused`] and acknowledged.
    #[error("never: {0}")]
    Never(Refusal),
}

/// What happens to the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Connected. `resumed` when the broker has kept what came in the meantime.
    Connected {
        /// Whether the broker knew the session.
        resumed: bool,
    },
    /// The connection is lost or was refused; it is tried again after a while.
    Disconnected {
        /// Why.
        reason: String,
        /// After how many milliseconds.
        again_in_ms: u64,
    },
    /// The broker does not let this client read a topic.
    NotSubscribed {
        /// The topic filter.
        filter: String,
    },
}

/// Where signals go. `Ok` means durable: the broker forgets the message then.
pub trait Sink: Send + Sync {
    /// Takes a signal. Calls may overlap, in the order of the messages; the same one may come again with the same id.
    fn event(&self, event: Event) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Takes notice of a message that cannot be read. `Ok` when it is kept or counted.
    fn refused(&self, refusal: TopicRefusal) -> impl Future<Output = Result<(), SinkError>> + Send;

    /// Hears what happens to the connection.
    fn notice(&self, notice: Notice);
}
