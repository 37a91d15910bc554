//! What a policy may propose, and why: the kernel's form of the contract's acts.
//!
//! These types also stand in the journal, inside the facts they led to. They decide nothing.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::value::Attribute;
use crate::{
    CalloutKind, Colour, FigureStage, Hazard, Instant, Level, Milliseconds, Mode, NodeCode, RiskStage, RungCondition,
    Scheme, SpendId, Tier,
};

/// A sentence in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// BCP 47 tag, for instance `zh`.
    pub language: String,
    /// The sentence.
    pub text: String,
}

/// Why something was proposed or done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Because {
    /// The rule's id, for instance `L3`; host rules begin with `host:`.
    pub rule: String,
    /// The law, plan or clause behind it.
    pub source: Option<String>,
    /// The reason, in each language.
    pub sentences: Vec<Sentence>,
}

impl Because {
    /// A reason in Chinese and English.
    pub fn new(rule: &str, chinese: impl Into<String>, english: impl Into<String>) -> Self {
        let sentence = |language: &str, text: String| Sentence { language: language.into(), text };
        Self {
            rule: rule.into(),
            source: None,
            sentences: alloc::vec![sentence("zh", chinese.into()), sentence("en", english.into())],
        }
    }
}

/// Who is called, told or asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Whoever is on duty at a post of a node.
    Post {
        /// The node.
        node: NodeCode,
        /// The post's name.
        name: String,
    },
    /// A department of a node.
    Department {
        /// The node.
        node: NodeCode,
        /// The department's name.
        name: String,
    },
    /// A team.
    Team(String),
    /// Relative, in ladders only: the duty post of the nearest node at or above this tier, seen from the silent party.
    DutyAbove(Tier),
}

/// One step of an escalation ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Counted from the order, or from the due time where the ladder says so.
    pub after: Milliseconds,
    /// Who is told.
    pub to: Vec<Party>,
    /// Ways to reach them, in order; empty: as the district is used to.
    pub channels: Vec<String>,
    /// When the step applies; one that does not is passed over.
    pub condition: RungCondition,
    /// How often it is repeated.
    pub repeats: u32,
    /// After how long each time.
    pub every: Option<Milliseconds>,
}

impl Rung {
    /// A step that always applies and is taken once.
    pub fn once(after: Milliseconds, to: Vec<Party>) -> Self {
        Self { after, to, channels: Vec::new(), condition: RungCondition::Always, repeats: 0, every: None }
    }
}

/// A ladder with its repetitions written out, so that every step has its own time.
pub fn unrolled(ladder: &[Rung]) -> Vec<Rung> {
    /// The most steps that a ladder may come to.
    const STEPS_MAX: usize = 64;
    let mut steps: Vec<Rung> = Vec::with_capacity(ladder.len());
    for rung in ladder {
        for time in 0..=rung.repeats {
            let wait = rung.every.unwrap_or_default().0.saturating_mul(i64::from(time));
            steps.push(Rung { after: Milliseconds(rung.after.0.saturating_add(wait)), repeats: 0, ..rung.clone() });
            if steps.len() == STEPS_MAX {
                break;
            }
        }
    }
    steps.sort_by_key(|step| step.after);
    steps.truncate(STEPS_MAX);
    steps
}

/// An order to come, or to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalloutOrder {
    /// Stable within the incident: while one with this key is open, another changes nothing.
    pub key: String,
    /// Its kind.
    pub kind: CalloutKind,
    /// The node that calls; it alone releases.
    pub caller: NodeCode,
    /// Who is called.
    pub to: Vec<Party>,
    /// Where to come.
    pub place: String,
    /// Time to acknowledge.
    pub acknowledge_within: Option<Milliseconds>,
    /// Time to be on scene.
    pub arrive_within: Option<Milliseconds>,
    /// Time to a joint plan.
    pub plan_within: Option<Milliseconds>,
    /// Climbs while there is no acknowledgement.
    pub ladder: Vec<Rung>,
    /// Climbs while nobody has reported in.
    pub arrival_ladder: Vec<Rung>,
    /// Lives are at stake.
    pub life_safety: bool,
}

/// Something that is done to people, places or traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Stable within the incident.
    pub key: String,
    /// For instance `stop_work`, `close_road`, `evacuate`.
    pub kind: String,
    /// Where.
    pub node: NodeCode,
    /// The asset or area, when smaller than the node.
    pub target: Option<String>,
    /// When it takes effect; at once when absent.
    pub starts: Option<Instant>,
    /// When it ends by itself.
    pub ends: Option<Instant>,
    /// Who or what is exempt.
    pub exceptions: Vec<String>,
    /// Lives are at stake.
    pub life_safety: bool,
    /// What it binds; empty: all that its kind means.
    pub scope: Vec<String>,
    /// It ends when the level of its scheme at its node falls below this.
    pub until_below: Option<Level>,
    /// Perimeter around the target.
    pub radius_metres: Option<u32>,
}

/// A measure that waits for a person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What is proposed.
    pub measure: Measure,
    /// Who decides; the first answer counts.
    pub deciders: Vec<Party>,
    /// By when.
    pub decide_by: Instant,
    /// Climbs after `decide_by`.
    pub ladder: Vec<Rung>,
}

/// Work with an owner and a due time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOrder {
    /// Stable within the incident.
    pub key: String,
    /// For instance `inspect`.
    pub kind: String,
    /// Who does it.
    pub to: Party,
    /// Where.
    pub node: NodeCode,
    /// The exact place, when known.
    pub place: Option<String>,
    /// By when.
    pub due: Option<Instant>,
    /// Lives are at stake.
    pub life_safety: bool,
    /// How many like items it stands for, at least one.
    pub items: u32,
    /// What the one who does it must know.
    pub details: Vec<Attribute>,
}

/// A kind of resource and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLine {
    /// For instance `inflatable_boat`.
    pub kind: String,
    /// How many.
    pub quantity: u32,
}

/// A request for resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceOrder {
    /// Stable within the incident.
    pub key: String,
    /// Who is asked.
    pub to: Party,
    /// What is asked for.
    pub lines: Vec<ResourceLine>,
    /// By when it is needed.
    pub needed_by: Option<Instant>,
}

/// The answer to an offer of resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAnswer {
    /// The offer.
    pub offer: String,
    /// What is taken.
    pub accept: Vec<ResourceLine>,
    /// By when the answer must go out.
    pub answer_by: Option<Instant>,
    /// Where the rest is asked for.
    pub remainder_from: Option<Party>,
}

/// Powers given for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantOrder {
    /// Stable within the incident.
    pub key: String,
    /// Who gives.
    pub grantor: NodeCode,
    /// Who receives.
    pub grantees: Vec<NodeCode>,
    /// Which powers, for instance `spend`.
    pub powers: Vec<String>,
    /// Factor on money limits, in thousandths.
    pub multiplier_permille: u32,
    /// The most that may be spent under it, in minor units.
    pub cap: Option<i64>,
    /// From when.
    pub starts: Instant,
    /// To when, to the second.
    pub expires: Instant,
    /// Who supervises.
    pub supervisor: Party,
}

/// A wish to spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendRequest {
    /// Named by who asks.
    pub id: SpendId,
    /// The node that spends.
    pub node: NodeCode,
    /// For instance `pump_rental`.
    pub category: String,
    /// The vendor.
    pub vendor: Option<String>,
    /// In minor units, above zero.
    pub amount: i64,
    /// Quotes obtained.
    pub quotes: Option<i64>,
    /// Lives are at stake.
    pub life_safety: bool,
    /// In the asker's words.
    pub reason: Option<String>,
}

/// A report that is due upward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDuty {
    /// Stable within the incident.
    pub key: String,
    /// For instance `phone`, `written`, `update`, `daily`.
    pub kind: String,
    /// Who reports.
    pub node: NodeCode,
    /// To whom.
    pub to: Party,
    /// By when.
    pub due: Instant,
    /// Falls due again at this period.
    pub every: Option<Milliseconds>,
}

/// A message that asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Who is told.
    pub to: Vec<Party>,
    /// What, in each language.
    pub sentences: Vec<Sentence>,
}

/// A timer of a policy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerOrder {
    /// Stable within the incident; a later order moves it.
    pub key: String,
    /// When it falls due.
    pub at: Instant,
    /// What comes back with it.
    pub details: Vec<Attribute>,
}

/// What supervision has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingOrder {
    /// For instance `UNDER-REPORT`.
    pub code: String,
    /// The node it concerns.
    pub node: NodeCode,
    /// The call-out, task, request or report it is about.
    pub subject: Option<String>,
    /// By when it must be answered.
    pub answer_by: Option<Instant>,
    /// The figures behind it.
    pub details: Vec<Attribute>,
    /// Who is told at once.
    pub tell: Vec<Party>,
}

/// A level that a policy holds to be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelAdvice {
    /// The scheme.
    pub scheme: Scheme,
    /// The node.
    pub node: NodeCode,
    /// The level.
    pub level: Level,
    /// Time to confirm, if it needs confirmation.
    pub confirm_within: Option<Milliseconds>,
    /// Climbs when nobody confirms; counted from the confirmation's due time.
    pub ladder: Vec<Rung>,
}

/// A change of mode at a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeChange {
    /// The node.
    pub node: NodeCode,
    /// The scheme that asks for it.
    pub scheme: Scheme,
    /// The new mode.
    pub mode: Mode,
}

/// A number about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// For instance `dead` or `trapped`.
    pub name: String,
    /// `None` is unknown, never zero.
    pub value: Option<i64>,
    /// How firm it is.
    pub stage: FigureStage,
    /// When it was so.
    pub as_of: Instant,
    /// Who says so.
    pub source: String,
}

/// A warning of an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The hazard.
    pub hazard: Hazard,
    /// The node it was issued for.
    pub node: NodeCode,
    /// `None` when it names none, for instance a cancellation.
    pub colour: Option<Colour>,
    /// When it was issued.
    pub issued: Instant,
    /// When it lapses.
    pub expires: Option<Instant>,
    /// Who issued it.
    pub source: String,
}

/// A process to start (流程).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessOrder {
    /// Stable within the incident.
    pub key: String,
    /// Its kind, for instance `stand_down`.
    pub kind: String,
    /// What it begins with.
    pub details: Vec<Attribute>,
}

/// What a policy proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The level that should hold.
    RecommendLevel(LevelAdvice),
    /// The risk stage.
    SetStage(RiskStage),
    /// The mode of a node.
    SetMode(ModeChange),
    /// An order to come.
    Callout(CalloutOrder),
    /// A measure that needs a person's decision.
    Propose(Proposal),
    /// A measure to start now.
    StartMeasure(Measure),
    /// The end of a measure, by key.
    EndMeasure(String),
    /// A measure has been carried out, says the field.
    ConfirmMeasure {
        /// The measure's key.
        key: String,
        /// How many people it reached.
        people: Option<i64>,
    },
    /// Work.
    OpenTask(TaskOrder),
    /// Work that was called done is open again, by key.
    ReopenTask(String),
    /// A request for resources.
    RequestResource(ResourceOrder),
    /// The answer to an offer.
    AnswerOffer(OfferAnswer),
    /// Powers for a time.
    Grant(GrantOrder),
    /// A report that is due.
    RequireReport(ReportDuty),
    /// A message.
    Notify(Notice),
    /// A timer.
    SetTimer(TimerOrder),
    /// The end of a timer, by key.
    CancelTimer(String),
    /// A finding.
    RaiseFinding(FindingOrder),
    /// A figure.
    RecordFigure(Figure),
    /// Ties the incident to another one as part of it.
    Relate(String),
    /// The hazard is over (true) or back (false).
    ClearHazard(bool),
    /// A process to start.
    StartProcess(ProcessOrder),
    /// Room for later.
    Custom {
        /// What it is.
        kind: String,
        /// Its data.
        details: Vec<Attribute>,
    },
}

/// A proposal with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What is proposed.
    pub act: Act,
    /// Why.
    pub because: Because,
}
