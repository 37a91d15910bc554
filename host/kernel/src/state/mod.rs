//! A district as it stands: the fold of its journal, held in memory, one aggregate per row.
//!
//! Only [`crate::fold`] changes it, and only by facts. Reading is free for all.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

mod answer;
mod index;
mod standby;
mod timer;

pub use answer::{
    AwardState, Case, Command, Freeze, GrantRequest, Offer, OfferStatus, Override, Pair, ProcessState, Pulse,
    Reputation, RequestLine, ResourceRequest,
};

pub use index::Index;
pub use standby::{HISTORY_MAX, Health, Past, RECENT_FAILURES_MAX, Standby, Trial};
pub use timer::{Timer, TimerPurpose};

use crate::act::{
    CalloutOrder, Figure, FindingOrder, Measure, Party, ReportDuty, Rung, SpendRequest, TaskOrder, Warning,
};
use crate::charter::Charter;
use crate::record::{Activation, CalledParty, CalloutStep, SpendVerdict};
use crate::role::Binding;
use crate::role::incentives::Service;
use crate::table::Table;
use crate::value::Value;
use crate::{
    AwardId, CalloutId, CaseId, Currency, Digest, FindingId, FindingStatus, GrantId, Hazard, IncidentId, Instant,
    Level, MeasureId, MeasureStatus, Milliseconds, Mode, NodeCode, OfferId, ProcessId, ReportId, RequestId, RiskStage,
    Role, Scheme, SpendId, TaskId, WatchId,
};

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The name people use.
    pub name: String,
    /// Names that people outside use.
    pub names: Vec<String>,
    /// The scheme of its own level.
    pub scheme: Scheme,
    /// The hazard.
    pub hazard: Hazard,
    /// Where it was opened.
    pub node: NodeCode,
    /// When it was opened.
    pub opened: Instant,
    /// Its risk stage.
    pub stage: RiskStage,
    /// Lives are at stake.
    pub life_safety: bool,
    /// The larger incident it belongs to.
    pub parent: Option<IncidentId>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its figures by name.
    pub figures: BTreeMap<String, Figure>,
    /// Signals placed with it; those of one group count as one.
    pub signals: u32,
    /// Signals by group.
    pub groups: BTreeMap<String, u32>,
    /// Who answers for it.
    pub command: Option<Command>,
    /// Whether the hazard is over; `None`: nobody has said or measured anything.
    pub hazard_cleared: Option<bool>,
    /// When it was closed.
    pub closed: Option<Instant>,
    /// The newest entry that touched it.
    pub seq: u64,
}

/// A watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The hazard.
    pub hazard: Hazard,
    /// Where.
    pub node: NodeCode,
    /// Until when.
    pub until: Option<Instant>,
    /// Its risk stage.
    pub stage: RiskStage,
}

/// Names one response: a scheme at a node, of an incident or of none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResponseKey {
    /// The scheme.
    pub scheme: Scheme,
    /// The node.
    pub node: NodeCode,
    /// The incident; `None` for levels of bodies above.
    pub incident: Option<IncidentId>,
}

/// The level of one scheme at one node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Response {
    /// What policies hold to be right.
    pub recommended: Option<Level>,
    /// Since when this level is recommended.
    pub recommended_since: Option<Instant>,
    /// What holds.
    pub in_force: Option<Level>,
    /// Since when.
    pub since: Option<Instant>,
    /// True when a person ordered it.
    pub ordered: bool,
    /// A confirmation that is waited for.
    pub confirmation: Option<Confirmation>,
}

/// A confirmation that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The level.
    pub level: Level,
    /// By when.
    pub due: Instant,
    /// Who confirms.
    pub by: Party,
    /// Climbs from `due`.
    pub ladder: Vec<Rung>,
}

/// A call-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callout {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The order.
    pub order: CalloutOrder,
    /// When it was issued.
    pub issued: Instant,
    /// Names that people outside use.
    pub names: Vec<String>,
    /// The called parties.
    pub calls: Vec<CallState>,
}

/// One called party and how far it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallState {
    /// Who.
    pub called: CalledParty,
    /// Answers for it since.
    pub acknowledged: Option<Instant>,
    /// Who answers for it by name.
    pub acknowledged_by: Option<String>,
    /// On the way since.
    pub en_route: Option<Instant>,
    /// On scene since.
    pub reported_in: Option<Instant>,
    /// Handed in the joint plan.
    pub planned: Option<Instant>,
    /// Let go by the caller.
    pub released: Option<Instant>,
    /// Deadlines that passed.
    pub missed: BTreeSet<CalloutStep>,
}

/// A measure or its proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureState {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// What it is.
    pub order: Measure,
    /// Where it stands.
    pub status: MeasureStatus,
    /// Who decides; the first answer counts.
    pub deciders: Vec<Party>,
    /// By when.
    pub decide_by: Option<Instant>,
    /// Climbs from `decide_by`.
    pub ladder: Vec<Rung>,
    /// The field reported that it is carried out.
    pub confirmed: Option<Instant>,
    /// The scheme whose level holds it up, when it ends with one.
    pub scheme: Option<Scheme>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The order.
    pub order: TaskOrder,
    /// `open`, or what was last said of it.
    pub state: String,
    /// What was claimed last.
    pub claim: Option<String>,
    /// Who said so.
    pub by: Option<String>,
    /// When they said it happened.
    pub updated: Option<Instant>,
    /// People it reached, counted once.
    pub people: Option<i64>,
}

impl Task {
    /// The kind of a task that nobody gave here: it is known from what others said of it only.
    pub const STATED: &str = "stated";
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The policy's key.
    pub key: String,
    /// Who gave.
    pub grantor: NodeCode,
    /// Who holds.
    pub node: NodeCode,
    /// Which powers.
    pub powers: Vec<String>,
    /// Factor on money limits, in thousandths.
    pub multiplier_permille: u32,
    /// The most that may be spent under it.
    pub cap: Option<i64>,
    /// Spent or held under it.
    pub used: i64,
    /// From when.
    pub starts: Instant,
    /// To when.
    pub expires: Instant,
    /// Who supervises.
    pub supervisor: Party,
    /// The request it answered.
    pub request: Option<RequestId>,
    /// Taken back before its time.
    pub revoked: bool,
}

/// A wish to spend and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// Who asked: the source of the event.
    pub by: String,
    /// The wish.
    pub request: SpendRequest,
    /// When it was asked.
    pub requested: Instant,
    /// The ruling.
    pub verdict: SpendVerdict,
    /// Held against the limits.
    pub reserved: i64,
    /// The grant it counts against.
    pub grant: Option<GrantId>,
    /// Who must sign.
    pub signature_by: Option<Party>,
    /// The node above whose own authority covers it.
    pub approved_above: Option<NodeCode>,
    /// What was spent in the end.
    pub settled: Option<i64>,
}

/// A duty to report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The duty.
    pub duty: ReportDuty,
    /// When it was submitted.
    pub submitted: Option<Instant>,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// What it is.
    pub order: FindingOrder,
    /// When it was raised.
    pub raised: Instant,
    /// Where it stands.
    pub status: FindingStatus,
    /// The last answer.
    pub answer: Option<String>,
    /// Whose it was: they do not decide on it.
    pub answered_by: Option<String>,
}

/// A warning that was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningState {
    /// The incident.
    pub incident: Option<IncidentId>,
    /// The warning.
    pub warning: Warning,
    /// Taken back by a later one.
    pub cancelled: bool,
    /// A later one stands in its place: it is not in force, and stays in the history.
    pub superseded: bool,
}

/// The mode of a node under a scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeState {
    /// The mode.
    pub mode: Mode,
    /// Since when.
    pub since: Instant,
}

/// What is remembered of an event, to know it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The entry it led to.
    pub seq: u64,
    /// That entry's hash.
    pub hash: Digest,
    /// When it was recorded.
    pub recorded: Instant,
}

/// Names a value in a policy's memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemoryKey {
    /// The incident.
    pub incident: IncidentId,
    /// The role.
    pub role: Role,
    /// The policy's key.
    pub key: String,
}

/// Names a warning: by node, then by order of arrival.
pub type WarningKey = (NodeCode, u64);

/// Single values of a district.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Core {
    /// Position of the newest entry.
    pub seq: u64,
    /// Its hash.
    pub head: Digest,
    /// Its instant.
    pub now: Instant,
    /// The charter in force.
    #[serde(with = "as_json")]
    pub charter: Option<Charter>,
    /// The policies in force.
    #[serde(with = "as_json")]
    pub policies: BTreeMap<Role, Activation>,
    /// What stands beside and behind them.
    #[serde(with = "as_json")]
    pub standby: BTreeMap<Role, Standby>,
    /// What came into force last by way of the district's folder, by role: package and settings. As long as the folder
    /// says so, it asks for nothing, whatever people activated since.
    pub folder: BTreeMap<Role, (Digest, Digest)>,
}

impl Core {
    /// The activation behind a binding of a role.
    pub fn activation(&self, role: Role, binding: Binding) -> Option<&Activation> {
        let standby = self.standby.get(&role);
        match binding {
            Binding::InForce => self.policies.get(&role),
            Binding::Candidate => standby?.trial.as_ref().map(|trial| &trial.activation),
            Binding::LastKnownGood => standby?.last_known_good.as_ref(),
            Binding::Baseline => standby?.baseline.as_ref(),
            Binding::Former(package) => standby?.former.iter().rev().find(|former| former.package == package),
        }
    }

    /// Every activation that may be asked, with its role and binding.
    pub fn bindings(&self) -> impl Iterator<Item = (Role, Binding, &Activation)> {
        Role::ALL.iter().copied().flat_map(move |role| {
            let former = self.standby.get(&role).map(|standby| standby.former.as_slice()).unwrap_or_default();
            let former = former.iter().map(|former| Binding::Former(former.package));
            let fixed = [Binding::InForce, Binding::Candidate, Binding::LastKnownGood, Binding::Baseline];
            let bindings = fixed.into_iter().chain(former);
            bindings.filter_map(move |binding| Some((role, binding, self.activation(role, binding)?)))
        })
    }

    /// Who takes the place of the policy in force when it goes: the last known good one, else the certified baseline.
    pub fn next_in_line(&self, role: Role) -> Option<&Activation> {
        let standby = self.standby.get(&role)?;
        let in_force = self.policies.get(&role);
        let other = |next: &&Activation| in_force.is_none_or(|in_force| !in_force.runs_as(next));
        standby.last_known_good.as_ref().or(standby.baseline.as_ref().filter(other))
    }
}

/// Values whose absent fields are left out stand as JSON in the view's rows, whose own encoding cannot leave out any.
mod as_json {
    use alloc::string::String;

    use serde::de::{DeserializeOwned, Error as _};
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(value).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A district as it stands.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Single values.
    pub core: Core,
    /// Event identities: first 128 bits of SHA-256 over source and id.
    pub identities: Table<u128, Identity>,
    /// Incidents.
    pub incidents: Table<IncidentId, Incident>,
    /// Watches.
    pub watches: Table<WatchId, Watch>,
    /// Warnings.
    pub warnings: Table<WarningKey, WarningState>,
    /// Levels.
    pub responses: Table<ResponseKey, Response>,
    /// Modes.
    pub modes: Table<(NodeCode, Scheme), ModeState>,
    /// Call-outs.
    pub callouts: Table<CalloutId, Callout>,
    /// Measures.
    pub measures: Table<MeasureId, MeasureState>,
    /// Tasks.
    pub tasks: Table<TaskId, Task>,
    /// Grants.
    pub grants: Table<GrantId, Grant>,
    /// Spending.
    pub spends: Table<SpendId, Spend>,
    /// Reports.
    pub reports: Table<ReportId, Report>,
    /// Findings.
    pub findings: Table<FindingId, Finding>,
    /// Timers by key.
    pub timers: Table<String, Timer>,
    /// Policies' memory.
    pub memory: Table<MemoryKey, Value>,
    /// Service that has begun.
    pub services: Table<String, Service>,
    /// Service settled by who served and local day, in milliseconds.
    pub settled: Table<(String, i64), Milliseconds>,
    /// Requests for resources.
    pub requests: Table<RequestId, ResourceRequest>,
    /// Offers of resources.
    pub offers: Table<OfferId, Offer>,
    /// Wishes for powers.
    pub grant_requests: Table<RequestId, GrantRequest>,
    /// Frozen powers.
    pub freezes: Table<(NodeCode, String), Freeze>,
    /// Residents' cases.
    pub cases: Table<CaseId, Case>,
    /// Pairs that wait for an answer.
    pub pairs: Table<String, Pair>,
    /// Awards.
    pub awards: Table<AwardId, AwardState>,
    /// Balances of the ledger.
    pub accounts: Table<(Currency, String), i64>,
    /// What came of the sources' word.
    pub sources: Table<String, Reputation>,
    /// Overridden shifts: by node, post and beginning.
    pub overrides: Table<(NodeCode, String, Instant), Override>,
    /// Devices and posts that must be heard from.
    pub pulses: Table<String, Pulse>,
    /// Processes.
    pub processes: Table<ProcessId, ProcessState>,
    /// What follows from the tables.
    pub index: Index,
}

impl State {
    /// The charter in force. A district without one decides nothing.
    pub fn charter(&self) -> Option<&Charter> {
        self.core.charter.as_ref()
    }

    /// When the next timer falls due.
    pub fn next_due(&self) -> Option<Instant> {
        self.index.due.first().map(|(due, _)| *due)
    }

    /// The next timer: its due time and key. Timers of one instant come in the order of their keys.
    pub fn next_timer(&self) -> Option<(Instant, &str)> {
        self.index.due.first().map(|(due, key)| (*due, key.as_str()))
    }

    /// What is remembered of an event with this source and id.
    pub fn identity(&self, source: &str, id: &str) -> Option<&Identity> {
        self.identities.get(&identity_of(source, id))
    }
}

/// The number that stands for an event's identity: the first 128 bits of SHA-256 over source, a zero byte and id.
pub fn identity_of(source: &str, id: &str) -> u128 {
    let mut bytes = Vec::with_capacity(source.len() + id.len() + 1);
    bytes.extend_from_slice(source.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(id.as_bytes());
    let digest = Digest::of(&bytes).0;
    u128::from_be_bytes(digest[..16].try_into().expect("a digest has 32 bytes"))
}
