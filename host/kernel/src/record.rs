//! The persisted forms: what stands in the journal. The only place where they are defined.
//!
//! An entry is written once as JSON and hashed as written. Kinds and fields are added, never changed or reused.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::act::{
    Because, CalloutOrder, Figure, FindingOrder, Measure, Notice, OfferAnswer, Party, Proposal, ReportDuty,
    ResourceOrder, Rung, SpendRequest, TaskOrder, Warning,
};
use crate::charter::Charter;
use crate::role::discretion::LimitUse;
use crate::role::incentives::{Award, Service};
use crate::role::{Call, Failure};
use crate::value::{Attribute, Value};
use crate::{
    CalloutId, Digest, DistrictId, Event, FindingId, GrantId, Hazard, IncidentId, Instant, Level, MeasureId,
    Milliseconds, Mode, NodeCode, ReportId, RiskStage, Role, Scheme, SpendId, TaskId, WatchId,
};

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
    Event(Event),
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
}

/// A policy bound to a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// The role.
    pub role: Role,
    /// The package's id, for instance `ref/escalation`.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// Digest of the package's exact bytes.
    pub package: Digest,
    /// Digest of the settings' exact bytes.
    pub settings: Digest,
    /// The engine that counts its fuel.
    pub engine: String,
}

/// A called party in a call-out that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledParty {
    /// Who.
    pub party: Party,
    /// What people call it.
    pub title: String,
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

/// The rung of the fallback ladder that answered for a failed policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The host's built-in rule.
    BuiltIn,
    /// A person must decide; the host put it before one.
    HumanQueue,
    /// Nothing is needed now; it is done later.
    Later,
}

/// Something that took effect. The state is a fold of these and of nothing else.
#[expect(missing_docs, reason = "the fields are named after the words of the contract; each case says what it means")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The charter is in force.
    #[serde(rename = "charter.activated")]
    CharterActivated { charter: Box<Charter> },
    /// A policy answers for a role from the next event on.
    #[serde(rename = "policy.activated")]
    PolicyActivated { activation: Activation, previous: Option<Digest> },
    /// A policy failed; the fallback answered.
    #[serde(rename = "policy.failed")]
    PolicyFailed { role: Role, failure: Failure, fallback: Fallback, because: Because },

    /// The event had been received before; nothing changed.
    #[serde(rename = "event.duplicate")]
    EventDuplicate { first: u64 },
    /// Where the event belongs.
    #[serde(rename = "event.placed")]
    EventPlaced {
        incident: Option<IncidentId>,
        watch: Option<WatchId>,
        classification: String,
        group: Option<String>,
        late_by: Option<Milliseconds>,
        because: Because,
    },
    /// The act is not valid or not allowed; nothing changed.
    #[serde(rename = "event.refused")]
    EventRefused { because: Because },

    /// A watch began.
    #[serde(rename = "watch.opened")]
    WatchOpened {
        watch: WatchId,
        hazard: Hazard,
        node: NodeCode,
        until: Option<Instant>,
        stage: RiskStage,
        because: Because,
    },
    /// A watch ended.
    #[serde(rename = "watch.ended")]
    WatchEnded { watch: WatchId, because: Because },

    /// An incident began.
    #[serde(rename = "incident.opened")]
    IncidentOpened {
        incident: IncidentId,
        name: String,
        scheme: Scheme,
        hazard: Hazard,
        node: NodeCode,
        life_safety: bool,
        parent: Option<IncidentId>,
        tags: Vec<String>,
        because: Because,
    },
    /// People outside use this name for the incident.
    #[serde(rename = "incident.named")]
    IncidentNamed { incident: IncidentId, name: String },
    /// The incident belongs to a larger one.
    #[serde(rename = "incident.related")]
    IncidentRelated { incident: IncidentId, parent: IncidentId, because: Because },

    /// A warning was received.
    #[serde(rename = "warning.recorded")]
    WarningRecorded { incident: Option<IncidentId>, warning: Warning },

    /// What level should hold.
    #[serde(rename = "level.recommended")]
    LevelRecommended {
        incident: Option<IncidentId>,
        scheme: Scheme,
        node: NodeCode,
        level: Level,
        previous: Option<Level>,
        because: Because,
    },
    /// What level holds.
    #[serde(rename = "level.in_force")]
    LevelInForce {
        incident: Option<IncidentId>,
        scheme: Scheme,
        node: NodeCode,
        level: Level,
        previous: Option<Level>,
        /// From when it counts.
        from: Instant,
        /// True when a person ordered it.
        ordered: bool,
        bearing: Bearing,
        because: Because,
    },
    /// A person must confirm a level.
    #[serde(rename = "confirmation.required")]
    ConfirmationRequired {
        incident: Option<IncidentId>,
        scheme: Scheme,
        node: NodeCode,
        level: Level,
        by: Party,
        due: Instant,
        ladder: Vec<Rung>,
        because: Because,
    },
    /// Nobody confirmed in time.
    #[serde(rename = "confirmation.escalated")]
    ConfirmationEscalated {
        incident: Option<IncidentId>,
        scheme: Scheme,
        node: NodeCode,
        level: Level,
        due: Instant,
        /// Which step of the ladder, from 0.
        rung: u32,
        to: Vec<Party>,
        because: Because,
    },
    /// The risk stage.
    #[serde(rename = "stage.set")]
    StageSet { incident: IncidentId, stage: RiskStage, previous: RiskStage, because: Because },
    /// The mode of a node.
    #[serde(rename = "mode.set")]
    ModeSet {
        incident: Option<IncidentId>,
        node: NodeCode,
        scheme: Scheme,
        mode: Mode,
        previous: Mode,
        because: Because,
    },

    /// Parties are called.
    #[serde(rename = "callout.issued")]
    CalloutIssued {
        callout: CalloutId,
        incident: Option<IncidentId>,
        order: CalloutOrder,
        called: Vec<CalledParty>,
        issued: Instant,
        acknowledge_by: Option<Instant>,
        arrive_by: Option<Instant>,
        plan_by: Option<Instant>,
        /// True when it is known only from what a sender stated.
        stated: bool,
        because: Because,
    },
    /// People outside use this name for the call-out.
    #[serde(rename = "callout.named")]
    CalloutNamed { callout: CalloutId, name: String },
    /// A called party answers for it.
    #[serde(rename = "callout.acknowledged")]
    CalloutAcknowledged {
        callout: CalloutId,
        incident: Option<IncidentId>,
        party: Party,
        occurred: Instant,
        after: Milliseconds,
        due: Option<Instant>,
        on_time: bool,
        because: Because,
    },
    /// A called party is on scene.
    #[serde(rename = "callout.reported_in")]
    CalloutReportedIn {
        callout: CalloutId,
        incident: Option<IncidentId>,
        party: Party,
        unit: Option<String>,
        headcount: Option<i64>,
        occurred: Instant,
        after: Milliseconds,
        due: Option<Instant>,
        on_time: bool,
        because: Because,
    },
    /// A deadline passed; others are told.
    #[serde(rename = "callout.escalated")]
    CalloutEscalated {
        callout: CalloutId,
        incident: Option<IncidentId>,
        party: Party,
        missed: CalloutStep,
        due: Instant,
        /// Which step of the ladder, from 0.
        rung: u32,
        to: Vec<Party>,
        because: Because,
    },
    /// The caller lets a called party go.
    #[serde(rename = "callout.released")]
    CalloutReleased { callout: CalloutId, incident: Option<IncidentId>, party: Party, by: NodeCode, because: Because },

    /// A measure waits for a decision.
    #[serde(rename = "measure.proposed")]
    MeasureProposed { measure: MeasureId, incident: Option<IncidentId>, proposal: Proposal, because: Because },
    /// Nobody decided in time.
    #[serde(rename = "measure.overdue")]
    MeasureOverdue {
        measure: MeasureId,
        incident: Option<IncidentId>,
        measure_kind: String,
        node: NodeCode,
        due: Instant,
        /// Which step of the ladder, from 0.
        rung: u32,
        to: Vec<Party>,
        because: Because,
    },
    /// A person decided.
    #[serde(rename = "measure.decided")]
    MeasureDecided { measure: MeasureId, incident: Option<IncidentId>, approved: bool, by: String, because: Because },
    /// A measure is in force.
    #[serde(rename = "measure.started")]
    MeasureStarted {
        measure: MeasureId,
        incident: Option<IncidentId>,
        order: Measure,
        from: Instant,
        by: NodeCode,
        because: Because,
    },
    /// A measure that was set for later takes effect.
    #[serde(rename = "measure.effective")]
    MeasureEffective {
        measure: MeasureId,
        incident: Option<IncidentId>,
        measure_kind: String,
        node: NodeCode,
        because: Because,
    },
    /// A measure is over.
    #[serde(rename = "measure.ended")]
    MeasureEnded { measure: MeasureId, incident: Option<IncidentId>, because: Because },

    /// Work was given.
    #[serde(rename = "task.opened")]
    TaskOpened { task: TaskId, incident: Option<IncidentId>, order: TaskOrder, because: Because },
    /// Work moved on.
    #[serde(rename = "task.updated")]
    TaskUpdated { task: TaskId, incident: Option<IncidentId>, state: String, occurred: Instant, by: String },
    /// Work is not done in time.
    #[serde(rename = "task.overdue")]
    TaskOverdue { task: TaskId, incident: Option<IncidentId>, due: Instant, because: Because },

    /// People are told.
    #[serde(rename = "notice.sent")]
    NoticeSent { incident: Option<IncidentId>, notice: Notice, because: Because },
    /// Resources are asked for.
    #[serde(rename = "resource.requested")]
    ResourceRequested { incident: Option<IncidentId>, order: ResourceOrder, because: Because },
    /// An offer is answered.
    #[serde(rename = "offer.answered")]
    OfferAnswered { incident: Option<IncidentId>, answer: OfferAnswer, because: Because },

    /// Powers are given for a time.
    #[serde(rename = "grant.given")]
    GrantGiven {
        grant: GrantId,
        incident: Option<IncidentId>,
        key: String,
        grantor: NodeCode,
        node: NodeCode,
        powers: Vec<String>,
        multiplier_permille: u32,
        cap: Option<i64>,
        starts: Instant,
        expires: Instant,
        supervisor: Party,
        because: Because,
    },
    /// A grant reached its expiry.
    #[serde(rename = "grant.expired")]
    GrantExpired { grant: GrantId, incident: Option<IncidentId>, node: NodeCode, because: Because },

    /// What authority ruled on a wish to spend.
    #[serde(rename = "spend.ruled")]
    SpendRuled {
        spend: SpendId,
        incident: Option<IncidentId>,
        /// Who asked: the source of the event.
        by: String,
        request: SpendRequest,
        verdict: SpendVerdict,
        /// What is held against the limits, in minor units.
        reserved: i64,
        limits: Vec<LimitUse>,
        duties: Vec<String>,
        grant: Option<GrantId>,
        signature_by: Option<Party>,
        decide_by: Option<Instant>,
        because: Because,
    },
    /// Nobody signed in time; it went up.
    #[serde(rename = "approval.escalated")]
    ApprovalEscalated { spend: SpendId, incident: Option<IncidentId>, to: Party, decide_by: Instant, because: Because },
    /// A person signed or refused.
    #[serde(rename = "approval.decided")]
    ApprovalDecided { spend: SpendId, incident: Option<IncidentId>, approved: bool, by: String, because: Because },

    /// A report is due.
    #[serde(rename = "report.required")]
    ReportRequired { report: ReportId, incident: Option<IncidentId>, duty: ReportDuty, because: Because },
    /// A report arrived.
    #[serde(rename = "report.submitted")]
    ReportSubmitted {
        report: Option<ReportId>,
        incident: Option<IncidentId>,
        report_kind: String,
        occurred: Instant,
        by: String,
    },
    /// A report did not come in time.
    #[serde(rename = "report.overdue")]
    ReportOverdue {
        report: ReportId,
        incident: Option<IncidentId>,
        report_kind: String,
        due: Instant,
        because: Because,
    },

    /// Supervision has something to look at.
    #[serde(rename = "finding.raised")]
    FindingRaised { finding: FindingId, incident: Option<IncidentId>, order: FindingOrder, because: Because },
    /// A figure became known.
    #[serde(rename = "figure.recorded")]
    FigureRecorded { incident: IncidentId, figure: Figure },

    /// Service began.
    #[serde(rename = "service.started")]
    ServiceStarted { service: String, incident: Option<IncidentId>, team: String, headcount: u32, occurred: Instant },
    /// Service ended and was verified.
    #[serde(rename = "service.settled")]
    ServiceSettled { incident: Option<IncidentId>, service: Service, awards: Vec<Award> },

    /// A timer of a policy.
    #[serde(rename = "timer.set")]
    TimerSet { incident: Option<IncidentId>, role: Role, key: String, due: Instant, details: Vec<Attribute> },
    /// A timer of a policy ended early.
    #[serde(rename = "timer.cancelled")]
    TimerCancelled { incident: Option<IncidentId>, role: Role, key: String },
    /// A policy remembers something about an incident.
    #[serde(rename = "memory.set")]
    MemorySet { incident: IncidentId, role: Role, key: String, value: Value },
    /// Something that only the policy and its readers know.
    #[serde(rename = "custom.recorded")]
    CustomRecorded { incident: Option<IncidentId>, custom_kind: String, details: Vec<Attribute>, because: Because },
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
}

impl Entry {
    /// The bytes that are written and hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an entry holds nothing that JSON cannot say")
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

impl Fact {
    /// The fact's kind, as in the journal, for instance `callout.issued`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CharterActivated { .. } => "charter.activated",
            Self::PolicyActivated { .. } => "policy.activated",
            Self::PolicyFailed { .. } => "policy.failed",
            Self::EventDuplicate { .. } => "event.duplicate",
            Self::EventPlaced { .. } => "event.placed",
            Self::EventRefused { .. } => "event.refused",
            Self::WatchOpened { .. } => "watch.opened",
            Self::WatchEnded { .. } => "watch.ended",
            Self::IncidentOpened { .. } => "incident.opened",
            Self::IncidentNamed { .. } => "incident.named",
            Self::IncidentRelated { .. } => "incident.related",
            Self::WarningRecorded { .. } => "warning.recorded",
            Self::LevelRecommended { .. } => "level.recommended",
            Self::LevelInForce { .. } => "level.in_force",
            Self::ConfirmationRequired { .. } => "confirmation.required",
            Self::ConfirmationEscalated { .. } => "confirmation.escalated",
            Self::StageSet { .. } => "stage.set",
            Self::ModeSet { .. } => "mode.set",
            Self::CalloutIssued { .. } => "callout.issued",
            Self::CalloutNamed { .. } => "callout.named",
            Self::CalloutAcknowledged { .. } => "callout.acknowledged",
            Self::CalloutReportedIn { .. } => "callout.reported_in",
            Self::CalloutEscalated { .. } => "callout.escalated",
            Self::CalloutReleased { .. } => "callout.released",
            Self::MeasureProposed { .. } => "measure.proposed",
            Self::MeasureOverdue { .. } => "measure.overdue",
            Self::MeasureDecided { .. } => "measure.decided",
            Self::MeasureStarted { .. } => "measure.started",
            Self::MeasureEffective { .. } => "measure.effective",
            Self::MeasureEnded { .. } => "measure.ended",
            Self::TaskOpened { .. } => "task.opened",
            Self::TaskUpdated { .. } => "task.updated",
            Self::TaskOverdue { .. } => "task.overdue",
            Self::NoticeSent { .. } => "notice.sent",
            Self::ResourceRequested { .. } => "resource.requested",
            Self::OfferAnswered { .. } => "offer.answered",
            Self::GrantGiven { .. } => "grant.given",
            Self::GrantExpired { .. } => "grant.expired",
            Self::SpendRuled { .. } => "spend.ruled",
            Self::ApprovalEscalated { .. } => "approval.escalated",
            Self::ApprovalDecided { .. } => "approval.decided",
            Self::ReportRequired { .. } => "report.required",
            Self::ReportSubmitted { .. } => "report.submitted",
            Self::ReportOverdue { .. } => "report.overdue",
            Self::FindingRaised { .. } => "finding.raised",
            Self::FigureRecorded { .. } => "figure.recorded",
            Self::ServiceStarted { .. } => "service.started",
            Self::ServiceSettled { .. } => "service.settled",
            Self::TimerSet { .. } => "timer.set",
            Self::TimerCancelled { .. } => "timer.cancelled",
            Self::MemorySet { .. } => "memory.set",
            Self::CustomRecorded { .. } => "custom.recorded",
        }
    }
}
