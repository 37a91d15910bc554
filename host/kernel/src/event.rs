//! An event as the kernel knows it: a `CloudEvent` that has been read and flattened.
//!
//! Reading bytes from outside is not done here; see the intake adapters.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::value::Attribute;
use crate::{Instant, NodeCode};

/// A fact or a human act that reached the host. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Identity, together with `source`.
    pub id: String,
    /// Who sent it: a URI.
    pub source: String,
    /// `CloudEvents` type, for instance `gov.muster.signal.reported`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about, in the sender's words.
    pub subject: Option<String>,
    /// When it happened.
    pub occurred: Instant,
    /// When it reached the host.
    pub recorded: Instant,
    /// The known node it belongs to. Set by the kernel from `place`.
    pub node: NodeCode,
    /// The jurisdiction code as it was sent.
    pub place: String,
    /// The incident that the sender named.
    pub incident: Option<String>,
    /// True in a drill.
    pub exercise: bool,
    /// The data, flattened.
    pub attributes: Vec<Attribute>,
}
