//! The persisted forms: what stands in the journal. The only place where they are defined.
//!
//! An entry is written once as JSON and hashed as written. Kinds and fields are added, never changed or reused.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::act::{Because, Party};
use crate::role::Call;
use crate::{Digest, DistrictId, Event, IncidentId, Instant, Role};

mod activation;
mod fact;

pub use activation::{Activation, BacktestSummary, CallLimits, Evidence, Exception, Signer, Terms};
pub use fact::Fact;

/// The version of the entry format. Readers refuse a higher one.
pub const ENTRY_VERSION: u16 = 1;

/// One journal record of a district: what happened, who was asked, and what took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Format version.
    pub version: u16,
    /// The district.
    pub district: DistrictId,
    /// Position in the district's chain, from 1.
    pub seq: u64,
    /// SHA-256 of the entry before, as written.
    pub prev: Digest,
    /// The instant of the decision.
    pub at: Instant,
    /// What happened.
    pub cause: Cause,
    /// Which policies were asked, in order.
    pub calls: Vec<Call>,
    /// What took effect, in order.
    pub facts: Vec<Fact>,
}

/// What made the kernel decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An event reached the host.
    Event(#[serde(with = "shared")] Arc<Event>),
    /// A deadline passed.
    Timer {
        /// The timer's key.
        key: String,
        /// When it was due.
        due: Instant,
    },
    /// The district's charter was set.
    Charter {
        /// Digest of the files it was read from.
        digest: Digest,
    },
    /// A policy was bound to a role.
    Activation(Activation),
    /// Running processes are carried over to the workflow policy that is bound now.
    Migration,
    /// A package may not answer any more.
    Withdrawal(Withdrawal),
}

/// A package that may not answer any more: revoked, or a trial that a person ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Digest of the package's exact bytes.
    pub package: Digest,
    /// The role; absent: every role it is bound to.
    pub role: Option<Role>,
    /// True when only a trial of it ends.
    pub trial_only: bool,
    /// Who said so.
    pub by: String,
    /// Why.
    pub because: Because,
}

/// A called party in a call-out that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledParty {
    /// Who.
    pub party: Party,
    /// What people call it.
    pub title: String,
    /// Who held the post then, when known.
    pub person: Option<String>,
}

/// What authority ruled on a request to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendVerdict {
    /// May be spent.
    Allowed,
    /// Held until a second person signs.
    SecondSignature,
    /// Held until a higher tier decides.
    Routed,
    /// Not allowed.
    Refused,
}

/// Which deadline of a call-out passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalloutStep {
    /// Acknowledge.
    Acknowledge,
    /// Be on scene.
    Arrive,
    /// Hand in the joint plan.
    Plan,
}

/// What a level in force means for the district.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bearing {
    /// It is a level of this district.
    Own,
    /// It is a level of a body above with the same scheme: a floor.
    Floor,
    /// It is a level of another scheme: advice.
    Advice,
}

/// What a warning is to the one before it from the same source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningChange {
    /// The first.
    New,
    /// A higher colour.
    Raised,
    /// The same colour; its time is prolonged.
    Prolonged,
    /// A lower colour.
    Lowered,
    /// Taken back.
    Cancelled,
}

/// What stands against a return to normal mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// `level`, `hazard`, `life_safety_task`, `minimum_stay`.
    pub code: String,
    /// The task or incident.
    pub subject: Option<String>,
    /// The reason, in each language.
    pub because: Because,
}

/// One line of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account, for instance `pot:points`, `team:vt-031`.
    pub account: String,
    /// Above zero: comes in; below: goes out.
    pub amount: i64,
}

/// What is waited for in a pair (双向对对碰).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairKind {
    /// An order: confirmation from below.
    Order,
    /// A report: an answer from above.
    Report,
}

/// The rung of the fallback ladder that answered for a failed policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The policy in force: it was the candidate on trial that failed.
    InForce,
    /// The last one that answered without failing.
    LastKnownGood,
    /// The certified baseline.
    Baseline,
    /// The host's built-in rule.
    BuiltIn,
    /// A person must decide; the host put it before one.
    HumanQueue,
    /// Nothing is needed now; it is done later.
    Later,
}

impl Fallback {
    /// The rung's word, as the journal has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InForce => "in_force",
            Self::LastKnownGood => "last_known_good",
            Self::Baseline => "baseline",
            Self::BuiltIn => "built_in",
            Self::HumanQueue => "human_queue",
            Self::Later => "later",
        }
    }
}

/// What the sender gets back once the entry is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The district that decided.
    pub district: DistrictId,
    /// Position of the entry.
    pub seq: u64,
    /// SHA-256 of the entry as written.
    pub hash: Digest,
    /// True when the event had been received before: `seq` and `hash` are those of the first time.
    pub duplicate: bool,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// How many facts of each kind took effect.
    pub facts: BTreeMap<String, u32>,
    /// Which package answered for each role that was asked, by digest; `fallback` when the host answered instead.
    pub answered: BTreeMap<Role, String>,
    /// Where something else than the policy in force answered: which rung of the fallback ladder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fallbacks: BTreeMap<Role, Fallback>,
}

impl Entry {
    /// The bytes that are written and hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Room for what most entries take, so that writing them moves nothing.
        let mut bytes = Vec::with_capacity(4 << 10);
        serde_json::to_writer(&mut bytes, self).expect("an entry holds nothing that JSON cannot say");
        bytes
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// When the bytes are not an entry, or of a later format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let entry: Self = serde_json::from_slice(bytes)?;
        if entry.version > ENTRY_VERSION {
            let text = alloc::format!("entry format {} is newer than this host's {ENTRY_VERSION}", entry.version);
            return Err(serde::de::Error::custom(text));
        }
        Ok(entry)
    }
}

/// What is shared is written and read as what it is.
mod shared {
    use alloc::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
