//! What people owe each other, kept until it is answered: command, powers asked and frozen, resources, residents' cases,
//! pairs of order and confirmation, awards and processes. Plain rows; only [`crate::fold`] changes them.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::act::{GrantOrder, Party, ResourceLine};
use crate::record::PairKind;
use crate::role::workflow::Wait;
use crate::value::Attribute;
use crate::{AwardStatus, Currency, FeedbackClass, GrantId, IncidentId, Instant, Milliseconds, NodeCode, RequestId};

/// The one who answers for an incident (责任指挥员).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The post.
    pub commander: Party,
    /// Who holds it, when known.
    pub person: Option<String>,
    /// Who follows, in order.
    pub deputies: Vec<Party>,
    /// Since when.
    pub since: Instant,
}

/// A line of a request for resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLine {
    /// What.
    pub kind: String,
    /// How many are wanted.
    pub wanted: u32,
    /// How many others have committed.
    pub committed: u32,
}

/// A request for resources (资源申请).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRequest {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// Who asks.
    pub node: NodeCode,
    /// The policy's or the sender's key.
    pub key: String,
    /// Who is asked.
    pub to: Party,
    /// What is wanted.
    pub lines: Vec<RequestLine>,
    /// By when.
    pub needed_by: Option<Instant>,
}

/// Where an offer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OfferStatus {
    /// Not answered.
    Open,
    /// Taken, whole or in part.
    Taken,
    /// Not wanted.
    Declined,
    /// Its time passed.
    Expired,
    /// All of it went back.
    Returned,
}

/// An offer of resources (资源提供).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// What it answers.
    pub request: Option<RequestId>,
    /// Who offers.
    pub by: String,
    /// Where from.
    pub node: NodeCode,
    /// What.
    pub lines: Vec<ResourceLine>,
    /// What of it was taken and has not gone back.
    pub taken: Vec<ResourceLine>,
    /// When it arrives.
    pub arrives: Option<Instant>,
    /// How long it stands.
    pub valid_until: Option<Instant>,
    /// Where it stands.
    pub status: OfferStatus,
}

/// A wish for powers that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRequest {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// Who asks: the source of the event.
    pub by: String,
    /// What is asked.
    pub order: GrantOrder,
    /// The grant it would prolong.
    pub renews: Option<GrantId>,
    /// Who decides.
    pub approver: Party,
    /// Decided.
    pub decided: bool,
}

/// A frozen power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Who froze it.
    pub by: String,
    /// Since when.
    pub since: Instant,
}

/// A resident's case (群众诉求).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The node.
    pub node: NodeCode,
    /// Its class.
    pub class: FeedbackClass,
    /// How many like cases it stands for.
    pub items: u32,
    /// When it came.
    pub opened: Instant,
    /// By when the resident must be contacted.
    pub contact_by: Instant,
    /// First contact.
    pub contacted: Option<Instant>,
    /// Answered: whether the matter is resolved.
    pub resolved: Option<bool>,
    /// Whose event contacted or answered last: they do not rate it.
    pub handled_by: Option<String>,
    /// What the resident said.
    pub satisfied: Option<bool>,
}

/// An order or report that waits for its answer (双向对对碰).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Order or report.
    pub kind: PairKind,
    /// The incident.
    pub incident: Option<IncidentId>,
    /// Who ordered or reported.
    pub from: NodeCode,
    /// Who has not answered.
    pub awaits: BTreeSet<NodeCode>,
    /// By when.
    pub due: Instant,
    /// When it began.
    pub opened: Instant,
}

/// Something earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwardState {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// Who earned it.
    pub to: String,
    /// Points or money.
    pub currency: Currency,
    /// How much.
    pub amount: i64,
    /// Where it stands.
    pub status: AwardStatus,
    /// When it was booked.
    pub booked: Instant,
}

/// What came of a source's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reputation {
    /// Proved right.
    pub confirmed: u32,
    /// Proved wrong.
    pub refuted: u32,
}

/// Someone who takes a post for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The person.
    pub person: String,
    /// Until when.
    pub until: Instant,
}

/// A device or post that must be heard from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// When it was last heard.
    pub last: Instant,
    /// Its silence has been noticed.
    pub silent: bool,
    /// The longest silence.
    pub every: Milliseconds,
}

/// A running process (流程).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessState {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The policy's key.
    pub key: String,
    /// Its kind.
    pub kind: String,
    /// Version of the policy that wrote the state.
    pub version: String,
    /// Its state.
    pub state: Vec<Attribute>,
    /// What it waits for.
    pub waits: Vec<Wait>,
    /// It is over.
    pub finished: bool,
}
