//! The questions that the kernel asks policies, their answers, and the seam through which it asks.
//!
//! The kernel never knows how a policy runs. Whoever implements [`Policies`] must answer from the question, the
//! settings and the given state alone.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::act::{
    Because, CalloutOrder, Effect, Figure, FindingOrder, GrantOrder, LevelAdvice, Measure, ModeChange, Party,
    SpendRequest,
};
use crate::state::Reputation;
use crate::value::{Attribute, Value};
use crate::{
    Currency, Digest, Event, Hazard, IncidentId, Instant, Level, LogSeverity, Milliseconds, Mode, NodeCode, RiskStage,
    Role, Scheme, State, Tier, WatchId,
};

/// The level of one scheme at one node, as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseView {
    /// The scheme.
    pub scheme: Scheme,
    /// The node.
    pub node: NodeCode,
    /// What policies hold to be right.
    pub recommended: Option<Level>,
    /// What holds.
    pub in_force: Option<Level>,
    /// Since when.
    pub since: Option<Instant>,
    /// True when a person ordered it.
    pub ordered: bool,
}

/// An incident, as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentView {
    /// Its id.
    pub id: IncidentId,
    /// The name people use.
    pub name: String,
    /// Names that people outside use.
    pub names: Vec<String>,
    /// The scheme of its own level.
    pub scheme: Scheme,
    /// The hazard.
    pub hazard: Hazard,
    /// The node it was opened for.
    pub node: NodeCode,
    /// When it was opened.
    pub opened: Instant,
    /// Its risk stage.
    pub stage: RiskStage,
    /// The mode of its node.
    pub mode: Mode,
    /// Lives are at stake.
    pub life_safety: bool,
    /// Its own scheme at its own node.
    pub response: ResponseView,
    /// The highest level in force for its scheme above its node.
    pub floor: Option<Level>,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// The larger incident it belongs to.
    pub parent: Option<IncidentId>,
    /// The one who answers for it.
    pub commander: Option<Party>,
    /// The hazard is over.
    pub hazard_cleared: bool,
    /// When the last warning that concerns it lapses.
    pub projected_end: Option<Instant>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// Sense.
pub mod triage {
    use super::{
        Arc, Because, Deserialize, Event, Hazard, IncidentId, IncidentView, Instant, NodeCode, Reputation, Scheme,
        Serialize, String, Vec,
    };

    /// What is this event, and where does it belong?
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Question {
        /// The instant of the decision.
        pub now: Instant,
        /// The event.
        pub event: Arc<Event>,
        /// What came of earlier word from its source.
        pub reputation: Reputation,
        /// Open incidents that may be meant, newest first.
        pub candidates: Vec<IncidentView>,
    }

    /// A new incident to open.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct NewIncident {
        /// The name people will use.
        pub name: Option<String>,
        /// The scheme of its own level.
        pub scheme: Scheme,
        /// The hazard.
        pub hazard: Hazard,
        /// Where.
        pub node: NodeCode,
        /// Lives are at stake.
        pub life_safety: bool,
        /// The larger incident it belongs to.
        pub parent: Option<IncidentId>,
    }

    /// A new watch.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct NewWatch {
        /// The hazard.
        pub hazard: Hazard,
        /// Where.
        pub node: NodeCode,
        /// Until when.
        pub until: Option<Instant>,
    }

    /// Where an event belongs.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Placement {
        /// Kept; concerns nothing that is open.
        RecordOnly,
        /// Belongs to this incident.
        Attach(IncidentId),
        /// Opens an incident.
        Open(NewIncident),
        /// Opens a watch.
        Watch(NewWatch),
    }

    /// The answer.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Answer {
        /// Where it belongs.
        pub placement: Placement,
        /// What was reported, in the district's words.
        pub classification: String,
        /// Signals of one group count as one.
        pub group: Option<String>,
        /// Tags for the incident.
        pub tags: Vec<String>,
        /// Why.
        pub because: Because,
    }
}

/// Assess.
pub mod escalation {
    use super::{Arc, Attribute, Event, Hazard, IncidentView, Instant, NodeCode, String, Vec, WatchId};

    /// Why the policy is asked.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Occasion {
        /// An event arrived.
        Event(Arc<Event>),
        /// A timer of the policy's own fell due.
        Timer {
            /// Its key.
            key: String,
            /// When it was due.
            due: Instant,
            /// What was stored with it.
            details: Vec<Attribute>,
        },
    }

    /// A watch, as a policy sees it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct WatchView {
        /// Its id.
        pub id: WatchId,
        /// The hazard.
        pub hazard: Hazard,
        /// Where.
        pub node: NodeCode,
        /// Until when.
        pub until: Option<Instant>,
    }

    /// What the occasion is about.
    #[expect(clippy::large_enum_variant, reason = "one at a time, and nearly always an incident")]
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Matter {
        /// An incident.
        Incident(IncidentView),
        /// A watch.
        Watch(WatchView),
        /// Nothing that is open.
        None,
    }

    /// What should be done now?
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Question {
        /// The instant of the decision.
        pub now: Instant,
        /// Why the policy is asked.
        pub occasion: Occasion,
        /// Triage's word for what was reported.
        pub classification: Option<String>,
        /// What it is about.
        pub matter: Matter,
    }
}

/// Decide.
pub mod discretion {
    use super::{
        Because, CalloutOrder, Deserialize, GrantOrder, IncidentView, Instant, LevelAdvice, Measure, ModeChange,
        NodeCode, Party, Serialize, SpendRequest, String, Tier, Vec,
    };

    /// What authority is asked for.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Subject {
        /// To spend.
        Spend(SpendRequest),
        /// To start a measure.
        Measure(Measure),
        /// To call.
        Callout(CalloutOrder),
        /// To give powers.
        Grant(GrantOrder),
        /// To set a level.
        Level(LevelAdvice),
        /// To change the mode.
        Mode(ModeChange),
    }

    /// May this node do this now?
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Question {
        /// The instant of the decision.
        pub now: Instant,
        /// What authority is asked for.
        pub subject: Subject,
        /// The node that acts.
        pub node: NodeCode,
        /// Its tier.
        pub tier: Tier,
        /// The incident, when there is one.
        pub incident: Option<IncidentView>,
        /// True when a policy proposed it, false when a person asked.
        pub proposed: bool,
    }

    /// A limit that was looked at, in minor units.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct LimitUse {
        /// For instance `item` or `incident`.
        pub name: String,
        /// The limit.
        pub limit: i64,
        /// Used before.
        pub used: i64,
        /// Left if this is allowed.
        pub remaining: i64,
    }

    /// Who else has to sign, and by when.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Signature {
        /// Who.
        pub by: Party,
        /// By when.
        pub decide_by: Instant,
    }

    /// The ruling.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Verdict {
        /// Yes.
        Allow,
        /// Yes, with these duties.
        AllowWith(Vec<String>),
        /// Yes, once a second person signs.
        SecondSignature(Signature),
        /// Not here: goes up.
        Route(Signature),
        /// No.
        Refuse,
    }

    /// The answer.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Answer {
        /// The ruling.
        pub verdict: Verdict,
        /// The limits that were looked at.
        pub limits: Vec<LimitUse>,
        /// Why.
        pub because: Because,
    }
}

/// Reward.
pub mod incentives {
    use super::{Because, Currency, Deserialize, Instant, Milliseconds, Mode, Serialize, String};

    /// Service that was checked out and verified by someone else.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Service {
        /// Its id.
        pub id: String,
        /// The team that served.
        pub team: Option<String>,
        /// The person who served.
        pub person: Option<String>,
        /// How many heads.
        pub headcount: u32,
        /// Checked in.
        pub started: Instant,
        /// Checked out.
        pub ended: Instant,
        /// The task.
        pub task: Option<String>,
        /// The incident.
        pub incident: Option<String>,
        /// Dangerous work.
        pub hazardous: bool,
        /// The mode of the place.
        pub mode: Mode,
        /// In a drill.
        pub exercise: bool,
        /// Who verified it.
        pub verified_by: Option<String>,
        /// Service of the same people already settled on the same local day.
        pub settled_today: Milliseconds,
    }

    /// What was earned.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Award {
        /// Who earned it.
        pub to: String,
        /// Points or money.
        pub currency: Currency,
        /// For all heads together.
        pub amount: i64,
        /// For each head.
        pub per_head: i64,
        /// Why.
        pub because: Because,
    }
}

/// Supervise.
pub mod oversight {
    use super::{Arc, Because, Event, FindingOrder, IncidentView, Instant, String, Vec};

    /// Why the policy is asked.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Occasion {
        /// After a decision: the kinds of facts it made.
        Decision(Vec<String>),
        /// A regular inspection.
        Period,
    }

    /// Is there something to look at?
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Question {
        /// The instant of the decision.
        pub now: Instant,
        /// Why the policy is asked.
        pub occasion: Occasion,
        /// The event that was decided on.
        pub event: Option<Arc<Event>>,
        /// The incident concerned.
        pub incident: Option<IncidentView>,
    }

    /// A finding with its reason.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct ReasonedFinding {
        /// The finding.
        pub finding: FindingOrder,
        /// Why.
        pub because: Because,
    }
}

/// Durable processes.
pub mod workflow {
    use super::{Arc, Attribute, Because, Deserialize, Effect, Event, IncidentView, Instant, Serialize, String, Vec};

    /// A running process.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Process {
        /// Its id.
        pub id: String,
        /// Its kind.
        pub kind: String,
        /// Version of the policy that wrote the state.
        pub version: String,
        /// Its state.
        pub state: Vec<Attribute>,
    }

    /// What happened to it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Input {
        /// It begins.
        Start,
        /// An event it waits for.
        Event(Arc<Event>),
        /// A wait ended by its time.
        Timer(String),
    }

    /// What it waits for.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Wait {
        /// For an instant.
        Until {
            /// Names the wait.
            key: String,
            /// The instant.
            at: Instant,
        },
        /// For an event of this type about its incident.
        EventOf(String),
    }

    /// What should happen next?
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Question {
        /// The instant of the decision.
        pub now: Instant,
        /// The process.
        pub process: Process,
        /// What happened to it.
        pub input: Input,
        /// Its incident.
        pub incident: Option<IncidentView>,
    }

    /// The answer.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Outcome {
        /// Its new state.
        pub state: Vec<Attribute>,
        /// What it proposes.
        pub effects: Vec<Effect>,
        /// What it waits for.
        pub waits: Vec<Wait>,
        /// It is over.
        pub finished: bool,
        /// Why.
        pub because: Because,
    }
}

/// Which of a role's policies is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// The one in force.
    #[default]
    InForce,
    /// The one on trial, as a shadow or a canary.
    Candidate,
    /// The one in force before that answered without failing.
    LastKnownGood,
    /// The certified baseline.
    Baseline,
    /// A former one that running processes still need.
    Former(Digest),
}

impl Binding {
    /// Whether it is the one in force.
    pub const fn is_in_force(&self) -> bool {
        matches!(self, Self::InForce)
    }
}

/// How a call ended, when it did not return an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No policy is bound to the role.
    Unbound,
    /// The guest trapped.
    Trapped,
    /// The guest used up its fuel. Deterministic.
    OutOfFuel,
    /// The guest was stopped by the clock. A host fault, not the policy's answer.
    TooSlow,
    /// Input, output, memory, table or log went over a cap.
    TooLarge,
    /// The guest asked for what it was not granted.
    Denied,
    /// The answer names what does not exist. Deterministic.
    Invalid,
    /// The host could not start the guest. A host fault.
    HostFault,
}

impl Failure {
    /// The word of a failure, as the journal has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unbound => "unbound",
            Self::Trapped => "trapped",
            Self::OutOfFuel => "out_of_fuel",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::HostFault => "host_fault",
        }
    }
}

/// A line that a policy logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How badly it matters.
    pub severity: LogSeverity,
    /// The line.
    pub message: String,
}

/// What a call used of what it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The role that was asked.
    pub role: Role,
    /// The package that answered: the digest of its exact bytes. `None` when no policy is bound.
    pub package: Option<Digest>,
    /// The settings it ran with.
    pub settings: Option<Digest>,
    /// Fuel used. Reproducible.
    pub fuel: u64,
    /// How it failed; `None` when it returned.
    pub failure: Option<Failure>,
    /// In people's words, when it failed. Never part of a comparison.
    pub detail: Option<String>,
    /// Which of the role's policies it was.
    #[serde(default, skip_serializing_if = "Binding::is_in_force")]
    pub binding: Binding,
}

/// The outcome of asking one role once.
#[derive(Debug)]
pub struct Asked<T> {
    /// The answer, or how the call failed.
    pub answer: Result<T, Failure>,
    /// What is recorded of the call.
    pub call: Call,
    /// Changes to the policy's memory, in order. Empty when the call failed.
    pub memory: Vec<(String, Value)>,
    /// What it logged.
    pub log: Vec<LogLine>,
}

/// Which incident's memory a call may read and write. `None`: the policy has no memory in this call.
pub type MemoryScope = Option<IncidentId>;

/// The seam to whatever runs policies: the sandbox, a native function in a test, or a recording.
///
/// The state is shared for the length of the call only; every implementation must let go of it before it returns.
pub trait Policies {
    /// Asks triage.
    fn triage(&mut self, binding: Binding, state: &Arc<State>, question: &triage::Question) -> Asked<triage::Answer>;
    /// Asks escalation.
    fn escalation(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &escalation::Question,
    ) -> Asked<Vec<Effect>>;
    /// Asks discretion.
    fn discretion(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &discretion::Question,
    ) -> Asked<discretion::Answer>;
    /// Asks incentives.
    fn incentives(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        now: Instant,
        service: &incentives::Service,
    ) -> Asked<Vec<incentives::Award>>;
    /// Asks oversight.
    fn oversight(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &oversight::Question,
    ) -> Asked<Vec<oversight::ReasonedFinding>>;
    /// Asks the workflow policy in force to carry the state of a process over to its version. The outer result is the
    /// call, the inner one the policy's yes or no.
    fn migrate(
        &mut self,
        state: &Arc<State>,
        now: Instant,
        process: &workflow::Process,
    ) -> Asked<Result<Vec<Attribute>, Because>>;

    /// Asks workflow for the next step.
    fn workflow(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &workflow::Question,
    ) -> Asked<workflow::Outcome>;
}
