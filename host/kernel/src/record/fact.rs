//! What can take effect: the facts of an entry, and nothing else. The state is a fold of these.
//!
//! Kinds and fields are added, never changed or reused.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    Activation, Bearing, Blocker, CalledParty, CalloutStep, Fallback, PairKind, Posting, SpendVerdict, WarningChange,
};
use crate::act::{
    Because, CalloutOrder, Figure, FindingOrder, GrantOrder, Measure, Notice, OfferAnswer, Party, Proposal, ReportDuty,
    ResourceLine, ResourceOrder, Rung, SpendRequest, TaskOrder, Warning,
};
use crate::charter::Charter;
use crate::compare::Difference;
use crate::role::discretion::LimitUse;
use crate::role::incentives::{Award, Service};
use crate::role::workflow::Wait;
use crate::role::{Binding, Failure};
use crate::value::{Attribute, Value};
use crate::{
    AwardId, AwardStatus, CalloutId, CaseId, Currency, Digest, FeedbackClass, FindingId, FindingStatus, GrantId,
    Hazard, IncidentId, Instant, Level, MeasureId, Milliseconds, Mode, NodeCode, OfferId, ProcessId, ReportId,
    RequestId, RiskStage, Role, Scheme, SpendId, TaskId, WatchId,
};

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }),* $(,)?) => {
        /// Something that took effect. The state is a fold of these and of nothing else.
        #[expect(missing_docs, reason = "the fields are named after the words of the contract; each case says what it means")]
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Fact {
            $($(#[$doc])* #[serde(rename = $kind)] $name { $($(#[$field_doc])* $field: $type),* },)*
        }

        impl Fact {
            /// The fact's kind, as in the journal, for instance `callout.issued`.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$name { .. } => $kind,)* }
            }

            /// All kinds, in the order in which they are defined.
            pub const KINDS: &[&'static str] = &[$($kind),*];
        }
    };
}

facts! {
    /// The charter is in force.
    CharterActivated = "charter.activated" { charter: Box<Charter> },
    /// A policy answers for a role from the next event on.
    PolicyActivated = "policy.activated" { activation: Activation, previous: Option<Digest> },
    /// A policy failed; the fallback answered.
    PolicyFailed = "policy.failed" {
        role: Role,
        failure: Failure,
        fallback: Fallback,
        because: Because,
        /// Which of the role's policies failed.
        #[serde(default, skip_serializing_if = "Binding::is_in_force")]
        binding: Binding,
    },
    /// A policy lost its place: the one named answers from the next event on.
    PolicyDemoted = "policy.demoted" {
        role: Role,
        binding: Binding,
        package: Digest,
        /// What takes its place, when something does.
        to: Option<Digest>,
        because: Because,
    },
    /// A policy on trial was asked what the policy in force was asked.
    CandidateCompared = "candidate.compared" {
        role: Role,
        package: Digest,
        /// How it failed to answer.
        failure: Option<Failure>,
        /// Where its answer differs, at most [`DIFFERENCES_MAX`](crate::compare::DIFFERENCES_MAX); empty: nowhere.
        differences: Vec<Difference>,
    },

    /// The event had been received before; nothing changed.
    EventDuplicate = "event.duplicate" { first: u64 },
    /// Where the event belongs.
    EventPlaced = "event.placed" {
        incident: Option<IncidentId>,
        watch: Option<WatchId>,
        classification: String,
        group: Option<String>,
        late_by: Option<Milliseconds>,
        because: Because,
    },
    /// The act is not valid or not allowed; nothing changed.
    EventRefused = "event.refused" { because: Because },

    /// The host did not let a policy's proposal take effect.
    ProposalRefused = "proposal.refused" { incident: Option<IncidentId>, proposed: String, because: Because },
    /// A watch began.
    WatchOpened = "watch.opened" {
        watch: WatchId,
        hazard: Hazard,
        node: NodeCode,
        until: Option<Instant>,
        stage: RiskStage,
        because: Because,
    },
    /// A watch ended.
    WatchEnded = "watch.ended" { watch: WatchId, because: Because },

    /// An incident began.
    IncidentOpened = "incident.opened" {
        incident: IncidentId,
        name: String,
        scheme: Scheme,
        hazard: Hazard,
        node: NodeCode,
        stage: RiskStage,
        life_safety: bool,
        parent: Option<IncidentId>,
        tags: Vec<String>,
        because: Because,
    },
    /// People outside use this name for the incident.
    IncidentNamed = "incident.named" { incident: IncidentId, name: String },
    /// The incident belongs to a larger one.
    IncidentRelated = "incident.related" { incident: IncidentId, parent: IncidentId, because: Because },

    /// A warning was received.
    WarningRecorded = "warning.recorded" {
        incident: Option<IncidentId>,
        warning: Warning,
        change: WarningChange,
        /// Positions of the entries whose warnings this one stands in place of, or takes back. Absent when the sender named
        /// none: one that cancels then takes back all of its hazard at its node.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        supersedes: Option<Vec<u64>>,
    },

    /// What level should hold.
    LevelRecommended = "level.recommended" {
        incident: Option<IncidentId>,
        scheme: Scheme,
        node: NodeCode,
        level: Level,
        previous: Option<Level>,
        because: Because,
    },
    /// What level holds.
    LevelInForce = "level.in_force" {
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
        /// From the recommendation to the order that made it true.
        latency: Option<Milliseconds>,
        /// Nodes directly below for which it is a floor.
        floor_for: Vec<NodeCode>,
        because: Because,
    },
    /// A person must confirm a level.
    ConfirmationRequired = "confirmation.required" {
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
    ConfirmationEscalated = "confirmation.escalated" {
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
    StageSet = "stage.set" { incident: IncidentId, stage: RiskStage, previous: RiskStage, because: Because },
    /// The mode of a node.
    ModeSet = "mode.set" {
        incident: Option<IncidentId>,
        node: NodeCode,
        scheme: Scheme,
        mode: Mode,
        previous: Mode,
        because: Because,
    },

    /// Parties are called.
    CalloutIssued = "callout.issued" {
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
    CalloutNamed = "callout.named" { callout: CalloutId, name: String },
    /// A called party answers for it.
    CalloutAcknowledged = "callout.acknowledged" {
        callout: CalloutId,
        incident: Option<IncidentId>,
        party: Party,
        /// Who answers for it.
        by: Option<String>,
        /// Without a report-in the call stands open again then.
        holds_until: Option<Instant>,
        occurred: Instant,
        after: Milliseconds,
        due: Option<Instant>,
        on_time: bool,
        because: Because,
    },
    /// A called party is on scene.
    CalloutReportedIn = "callout.reported_in" {
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
    CalloutEscalated = "callout.escalated" {
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
    CalloutReleased = "callout.released" { callout: CalloutId, incident: Option<IncidentId>, party: Party, by: NodeCode, because: Because },

    /// A measure waits for a decision.
    MeasureProposed = "measure.proposed" { measure: MeasureId, incident: Option<IncidentId>, proposal: Proposal, because: Because },
    /// Nobody decided in time.
    MeasureOverdue = "measure.overdue" {
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
    MeasureDecided = "measure.decided" { measure: MeasureId, incident: Option<IncidentId>, approved: bool, by: String, because: Because },
    /// A measure is in force.
    MeasureStarted = "measure.started" {
        measure: MeasureId,
        incident: Option<IncidentId>,
        order: Measure,
        from: Instant,
        by: NodeCode,
        because: Because,
    },
    /// A measure that was set for later takes effect.
    MeasureEffective = "measure.effective" {
        measure: MeasureId,
        incident: Option<IncidentId>,
        measure_kind: String,
        node: NodeCode,
        because: Because,
    },
    /// A measure is over.
    MeasureEnded = "measure.ended" { measure: MeasureId, incident: Option<IncidentId>, because: Because },

    /// Work was given.
    TaskOpened = "task.opened" { task: TaskId, incident: Option<IncidentId>, order: TaskOrder, because: Because },
    /// Work moved on.
    TaskUpdated = "task.updated" { task: TaskId, incident: Option<IncidentId>, state: String, occurred: Instant, by: String, claim: Option<String>, people: Option<i64>, evidence: Vec<String> },
    /// Work is not done in time.
    TaskOverdue = "task.overdue" { task: TaskId, incident: Option<IncidentId>, due: Instant, because: Because },

    /// People are told.
    NoticeSent = "notice.sent" { incident: Option<IncidentId>, notice: Notice, because: Because },
    /// Resources are asked for.
    ResourceRequested = "resource.requested" { request: RequestId, incident: Option<IncidentId>, by: String, node: NodeCode, order: ResourceOrder, because: Because },
    /// An offer is answered.
    OfferAnswered = "offer.answered" { offer: OfferId, request: Option<RequestId>, incident: Option<IncidentId>, answer: OfferAnswer, open: Vec<ResourceLine>, because: Because },

    /// Powers are given for a time.
    GrantGiven = "grant.given" {
        grant: GrantId,
        incident: Option<IncidentId>,
        key: String,
        /// The request it answers.
        request: Option<RequestId>,
        /// The grant it prolongs. It does not reach back.
        renews: Option<GrantId>,
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
    GrantExpired = "grant.expired" { grant: GrantId, incident: Option<IncidentId>, node: NodeCode, because: Because },

    /// What authority ruled on a wish to spend.
    SpendRuled = "spend.ruled" {
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
    ApprovalEscalated = "approval.escalated" { spend: SpendId, incident: Option<IncidentId>, to: Party, decide_by: Instant, because: Because },
    /// A person signed or refused.
    ApprovalDecided = "approval.decided" {
        spend: SpendId,
        incident: Option<IncidentId>,
        approved: bool,
        /// The node whose own authority covers it, when it had gone up.
        covered_by: Option<NodeCode>,
        by: String,
        because: Because,
    },

    /// A report is due.
    ReportRequired = "report.required" { report: ReportId, incident: Option<IncidentId>, duty: ReportDuty, because: Because },
    /// A report arrived.
    ReportSubmitted = "report.submitted" {
        report: Option<ReportId>,
        incident: Option<IncidentId>,
        report_kind: String,
        occurred: Instant,
        by: String,
    },
    /// A report did not come in time.
    ReportOverdue = "report.overdue" {
        report: ReportId,
        incident: Option<IncidentId>,
        report_kind: String,
        due: Instant,
        because: Because,
    },

    /// Supervision has something to look at.
    FindingRaised = "finding.raised" { finding: FindingId, incident: Option<IncidentId>, order: FindingOrder, because: Because },
    /// A figure became known.
    FigureRecorded = "figure.recorded" { incident: IncidentId, figure: Figure },

    /// Service began.
    ServiceStarted = "service.started" { service: String, incident: Option<IncidentId>, team: String, headcount: u32, occurred: Instant },
    /// Service ended and was verified.
    ServiceSettled = "service.settled" { incident: Option<IncidentId>, service: Service, awards: Vec<Award> },

    /// A timer of a policy.
    TimerSet = "timer.set" { incident: Option<IncidentId>, role: Role, key: String, due: Instant, details: Vec<Attribute> },
    /// A timer of a policy ended early.
    TimerCancelled = "timer.cancelled" { incident: Option<IncidentId>, role: Role, key: String },
    /// A policy remembers something about an incident.
    MemorySet = "memory.set" { incident: IncidentId, role: Role, key: String, value: Value },
    /// Something that only the policy and its readers know.
    CustomRecorded = "custom.recorded" { incident: Option<IncidentId>, custom_kind: String, details: Vec<Attribute>, because: Because },
    /// A response under a scheme is over: no level holds any more.
    LevelEnded = "level.ended" {
        incident: Option<IncidentId>,
        scheme: Scheme,
        node: NodeCode,
        previous: Option<Level>,
        by: String,
        because: Because,
    },
    /// An incident is over.
    IncidentClosed = "incident.closed" { incident: IncidentId, by: String, because: Because },
    /// One person answers for the incident from now on; nobody else does.
    CommandAssumed = "command.assumed" {
        incident: IncidentId,
        commander: Party,
        person: Option<String>,
        deputies: Vec<Party>,
        previous: Option<Party>,
        because: Because,
    },
    /// The hazard is over, or back.
    HazardCleared = "hazard.cleared" { incident: IncidentId, cleared: bool, because: Because },
    /// Whether a node may return to normal mode, and what stands against it.
    ModeExitChecked = "mode.exit_checked" {
        incident: Option<IncidentId>,
        node: NodeCode,
        scheme: Scheme,
        may_return: bool,
        blockers: Vec<Blocker>,
        because: Because,
    },
    /// A called party is on its way.
    CalloutEnRoute = "callout.en_route" {
        callout: CalloutId,
        incident: Option<IncidentId>,
        party: Party,
        occurred: Instant,
        arrives: Option<Instant>,
    },
    /// An acknowledgement ran out without a report-in: the call stands open again.
    CalloutLapsed = "callout.lapsed" { callout: CalloutId, incident: Option<IncidentId>, party: Party, because: Because },
    /// The joint plan was handed in.
    CalloutPlanned = "callout.planned" {
        callout: CalloutId,
        incident: Option<IncidentId>,
        party: Party,
        occurred: Instant,
        after: Milliseconds,
        due: Option<Instant>,
        on_time: bool,
        because: Because,
    },
    /// The field reports that a measure has been carried out.
    MeasureConfirmed = "measure.confirmed" {
        measure: MeasureId,
        incident: Option<IncidentId>,
        measure_kind: String,
        node: NodeCode,
        people: Option<i64>,
        because: Because,
    },
    /// Work that was called done is open again.
    TaskReopened = "task.reopened" { task: TaskId, incident: Option<IncidentId>, because: Because },
    /// Resources are offered.
    ResourceOffered = "resource.offered" {
        offer: OfferId,
        request: Option<RequestId>,
        incident: Option<IncidentId>,
        by: String,
        node: NodeCode,
        lines: Vec<ResourceLine>,
        arrives: Option<Instant>,
        /// How much later than needed.
        late_by: Option<Milliseconds>,
        valid_until: Option<Instant>,
        because: Because,
    },
    /// Nobody answered an offer in its time.
    OfferExpired = "offer.expired" { offer: OfferId, incident: Option<IncidentId>, because: Because },
    /// Resources went back to who gave them.
    ResourceReturned = "resource.returned" {
        offer: OfferId,
        incident: Option<IncidentId>,
        lines: Vec<ResourceLine>,
        by: String,
    },
    /// Someone asks for powers.
    GrantAsked = "grant.asked" {
        request: RequestId,
        incident: Option<IncidentId>,
        by: String,
        order: GrantOrder,
        renews: Option<GrantId>,
        approver: Party,
        decide_by: Instant,
        because: Because,
    },
    /// Nobody decided on a wish for powers in time; it went up.
    GrantEscalated = "grant.escalated" {
        request: RequestId,
        incident: Option<IncidentId>,
        to: Party,
        decide_by: Instant,
        because: Because,
    },
    /// A person decided on a wish for powers.
    GrantDecided = "grant.decided" {
        request: RequestId,
        incident: Option<IncidentId>,
        approved: bool,
        by: String,
        because: Because,
    },
    /// Powers are taken back before their time.
    GrantRevoked = "grant.revoked" {
        grant: GrantId,
        incident: Option<IncidentId>,
        node: NodeCode,
        powers: Vec<String>,
        /// True when nothing of the grant is left.
        whole: bool,
        by: String,
        because: Because,
    },
    /// A supervisor froze a power of a node, or let it go again.
    PowerFrozen = "power.frozen" { node: NodeCode, power: String, frozen: bool, by: String, because: Because },
    /// What was spent in the end.
    SpendSettled = "spend.settled" {
        spend: SpendId,
        incident: Option<IncidentId>,
        amount: i64,
        released: i64,
        by: String,
    },
    /// Papers that had to follow did not come in time.
    PapersOverdue = "papers.overdue" { spend: SpendId, incident: Option<IncidentId>, due: Instant, because: Because },
    /// Double entry: the amounts of all postings add up to zero.
    LedgerBooked = "ledger.booked" {
        currency: Currency,
        postings: Vec<Posting>,
        memo: String,
        incident: Option<IncidentId>,
    },
    /// Something was earned.
    AwardBooked = "award.booked" {
        award: AwardId,
        incident: Option<IncidentId>,
        service: String,
        to: String,
        currency: Currency,
        amount: i64,
        per_head: i64,
        status: AwardStatus,
        because: Because,
    },
    /// What became of an award.
    AwardDecided = "award.decided" {
        award: AwardId,
        incident: Option<IncidentId>,
        to: String,
        amount: i64,
        status: AwardStatus,
        by: String,
        because: Because,
    },
    /// A resident's case.
    FeedbackOpened = "feedback.opened" {
        case: CaseId,
        incident: Option<IncidentId>,
        node: NodeCode,
        class: FeedbackClass,
        topic: Option<String>,
        items: u32,
        contact_by: Instant,
        because: Because,
    },
    /// The resident was contacted.
    FeedbackContacted = "feedback.contacted" { case: CaseId, occurred: Instant, due: Instant, on_time: bool, by: String },
    /// The first contact did not come in time.
    FeedbackOverdue = "feedback.overdue" { case: CaseId, due: Instant, because: Because },
    /// The case was answered.
    FeedbackResolved = "feedback.resolved" { case: CaseId, occurred: Instant, resolved: bool, by: String },
    /// The resident was called back and said how it was.
    FeedbackRated = "feedback.rated" { case: CaseId, occurred: Instant, satisfied: bool },
    /// An order waits for confirmation from below, or a report for an answer from above.
    PairOpened = "pair.opened" {
        pair: String,
        pair_kind: PairKind,
        incident: Option<IncidentId>,
        from: NodeCode,
        awaits: Vec<NodeCode>,
        due: Instant,
        because: Because,
    },
    /// The answer came.
    PairAnswered = "pair.answered" {
        pair: String,
        incident: Option<IncidentId>,
        node: NodeCode,
        by: String,
        occurred: Instant,
        on_time: bool,
        /// True when everybody has answered.
        complete: bool,
    },
    /// A finding was answered by who it concerns.
    FindingAnswered = "finding.answered" {
        finding: FindingId,
        incident: Option<IncidentId>,
        by: String,
        answer: String,
        excuse: bool,
    },
    /// A finding was not answered in its time.
    FindingOverdue = "finding.overdue" { finding: FindingId, incident: Option<IncidentId>, due: Instant, because: Because },
    /// A supervisor decided on a finding.
    FindingDecided = "finding.decided" {
        finding: FindingId,
        incident: Option<IncidentId>,
        status: FindingStatus,
        by: String,
        because: Because,
    },
    /// Someone takes a post for a time, whatever the roster says.
    DutyOverridden = "duty.overridden" {
        node: NodeCode,
        post: String,
        person: String,
        from: Instant,
        until: Instant,
        by: String,
    },
    /// Nothing was heard from a device or post in its time.
    HeartbeatLost = "heartbeat.lost" { source: String, node: NodeCode, last: Instant, because: Because },
    /// Word from a source proved right or wrong.
    SourceJudged = "source.judged" { source: String, confirmed: bool, because: Because },
    /// A process began.
    ProcessStarted = "process.started" {
        process: ProcessId,
        incident: Option<IncidentId>,
        key: String,
        process_kind: String,
        because: Because,
    },
    /// A process came to its next state.
    ProcessStepped = "process.stepped" {
        process: ProcessId,
        incident: Option<IncidentId>,
        /// Version of the policy that wrote the state.
        version: String,
        state: Vec<Attribute>,
        waits: Vec<Wait>,
        finished: bool,
        because: Because,
    },
    /// A running process was carried over to another version of its policy, or stays where it is.
    ProcessMigrated = "process.migrated" {
        process: ProcessId,
        incident: Option<IncidentId>,
        version: String,
        state: Vec<Attribute>,
        /// True when it was carried over.
        moved: bool,
        because: Because,
    },
}
