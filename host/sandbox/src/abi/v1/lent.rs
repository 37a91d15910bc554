//! Questions in the contract's form, lent: their texts lie where the kernel has them and are copied once, into the guest.
//! What is asked at every event is said this way; what is rare is said by [`Wit`] and owns its texts.
//!
//! The shapes below say again what the WIT files say. Admission checks a component against the very types that it is
//! called with, so a difference cannot go unseen: no policy would be admitted.

use muster_kernel::role::{IncidentView, ResponseView, discretion, escalation, oversight, triage};
use muster_kernel::value::{self, Decimal};
use muster_kernel::{Event, Value, act};
use wasmtime::component::{ComponentType, Lower};

use super::question::Wit;
use super::{roles, wit};
use crate::canonical::Give;

/// Says a kernel value in the contract's words, and borrows its texts.
pub(crate) trait Lend<'a, T> {
    fn lend(&'a self) -> T;
}

fn all<'a, T, U: Lend<'a, T>>(values: &'a [U]) -> Vec<T> {
    values.iter().map(Lend::lend).collect()
}

impl<'a, T, U: Lend<'a, T>> Lend<'a, Option<T>> for Option<U> {
    fn lend(&'a self) -> Option<T> {
        self.as_ref().map(Lend::lend)
    }
}

/// `value` of the contract, with its text in whatever way it is held.
#[derive(Debug, Clone, ComponentType, Lower, Give)]
#[component(variant)]
pub(crate) enum ValueOf<Held> {
    #[component(name = "unknown")]
    Unknown,
    #[component(name = "flag")]
    Flag(bool),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "decimal")]
    Decimal(wit::Decimal),
    #[component(name = "text")]
    Text(Held),
    #[component(name = "instant")]
    Instant(i64),
}

impl<'a, T: From<&'a str>> Lend<'a, ValueOf<T>> for Value {
    fn lend(&'a self) -> ValueOf<T> {
        match self {
            Self::Unknown => ValueOf::Unknown,
            Self::Flag(flag) => ValueOf::Flag(*flag),
            Self::Integer(number) => ValueOf::Integer(*number),
            Self::Decimal(Decimal { unscaled, scale }) => {
                ValueOf::Decimal(wit::Decimal { unscaled: *unscaled, scale: *scale })
            }
            Self::Text(text) => ValueOf::Text(text.as_str().into()),
            Self::Instant(instant) => ValueOf::Instant(instant.as_millis()),
        }
    }
}

/// `attribute` of the contract, with its texts in whatever way they are held.
#[derive(Debug, Clone, ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct AttributeOf<Held> {
    pub(crate) key: Held,
    pub(crate) value: ValueOf<Held>,
}

/// An attribute that borrows its texts.
type Attribute<'a> = AttributeOf<&'a str>;

impl<'a> Lend<'a, Attribute<'a>> for value::Attribute {
    fn lend(&'a self) -> Attribute<'a> {
        AttributeOf { key: &self.key, value: self.value.lend() }
    }
}

/// `event` of the contract.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct LentEvent<'a> {
    id: &'a str,
    source: &'a str,
    kind: &'a str,
    subject: Option<&'a str>,
    occurred: i64,
    recorded: i64,
    node: &'a str,
    place: &'a str,
    incident: Option<&'a str>,
    exercise: bool,
    attributes: Vec<Attribute<'a>>,
}

impl<'a> Lend<'a, LentEvent<'a>> for Event {
    fn lend(&'a self) -> LentEvent<'a> {
        LentEvent {
            id: &self.id,
            source: &self.source,
            kind: &self.kind,
            subject: self.subject.as_deref(),
            occurred: self.occurred.wit(),
            recorded: self.recorded.wit(),
            node: self.node.as_str(),
            place: &self.place,
            incident: self.incident.as_deref(),
            exercise: self.exercise,
            attributes: all(&self.attributes),
        }
    }
}

/// `figure` of the contract.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct Figure<'a> {
    name: &'a str,
    value: Option<i64>,
    stage: wit::FigureStage,
    #[component(name = "as-of")]
    as_of: i64,
    source: &'a str,
}

impl<'a> Lend<'a, Figure<'a>> for act::Figure {
    fn lend(&'a self) -> Figure<'a> {
        Figure {
            name: &self.name,
            value: self.value,
            stage: self.stage.wit(),
            as_of: self.as_of.wit(),
            source: &self.source,
        }
    }
}

/// `response` of the contract.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct Response<'a> {
    scheme: &'a str,
    node: &'a str,
    recommended: Option<wit::Level>,
    #[component(name = "in-force")]
    in_force: Option<wit::Level>,
    since: Option<i64>,
    ordered: bool,
}

impl<'a> Lend<'a, Response<'a>> for ResponseView {
    fn lend(&'a self) -> Response<'a> {
        Response {
            scheme: self.scheme.as_str(),
            node: self.node.as_str(),
            recommended: self.recommended.wit(),
            in_force: self.in_force.wit(),
            since: self.since.wit(),
            ordered: self.ordered,
        }
    }
}

/// `post` and `department` of the contract.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct Named<'a> {
    node: &'a str,
    name: &'a str,
}

/// `party` of the contract.
#[derive(ComponentType, Lower, Give)]
#[component(variant)]
pub(crate) enum Party<'a> {
    #[component(name = "post")]
    Post(Named<'a>),
    #[component(name = "department")]
    Department(Named<'a>),
    #[component(name = "team")]
    Team(&'a str),
    #[component(name = "duty-above")]
    DutyAbove(wit::Tier),
}

impl<'a> Lend<'a, Party<'a>> for act::Party {
    fn lend(&'a self) -> Party<'a> {
        match self {
            Self::Post { node, name } => Party::Post(Named { node: node.as_str(), name }),
            Self::Department { node, name } => Party::Department(Named { node: node.as_str(), name }),
            Self::Team(team) => Party::Team(team),
            Self::DutyAbove(tier) => Party::DutyAbove(tier.wit()),
        }
    }
}

/// `incident` of the contract.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct Incident<'a> {
    id: &'a str,
    name: &'a str,
    names: &'a [String],
    scheme: &'a str,
    hazard: &'a str,
    node: &'a str,
    opened: i64,
    stage: wit::RiskStage,
    mode: wit::Mode,
    #[component(name = "life-safety")]
    life_safety: bool,
    response: Response<'a>,
    floor: Option<wit::Level>,
    figures: Vec<Figure<'a>>,
    commander: Option<Party<'a>>,
    #[component(name = "hazard-cleared")]
    hazard_cleared: bool,
    #[component(name = "projected-end")]
    projected_end: Option<i64>,
    parent: Option<&'a str>,
    tags: &'a [String],
}

impl<'a> Lend<'a, Incident<'a>> for IncidentView {
    fn lend(&'a self) -> Incident<'a> {
        Incident {
            id: self.id.as_str(),
            name: &self.name,
            names: &self.names,
            scheme: self.scheme.as_str(),
            hazard: self.hazard.as_str(),
            node: self.node.as_str(),
            opened: self.opened.wit(),
            stage: self.stage.wit(),
            mode: self.mode.wit(),
            life_safety: self.life_safety,
            response: self.response.lend(),
            floor: self.floor.wit(),
            figures: all(&self.figures),
            commander: self.commander.lend(),
            hazard_cleared: self.hazard_cleared,
            projected_end: self.projected_end.wit(),
            parent: self.parent.as_ref().map(muster_kernel::IncidentId::as_str),
            tags: &self.tags,
        }
    }
}

/// Triage's question.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct ToClassify<'a> {
    now: i64,
    event: LentEvent<'a>,
    reputation: roles::triage::Reputation,
    candidates: Vec<Incident<'a>>,
}

impl<'a> Lend<'a, ToClassify<'a>> for triage::Question {
    fn lend(&'a self) -> ToClassify<'a> {
        let reputation =
            roles::triage::Reputation { confirmed: self.reputation.confirmed, refuted: self.reputation.refuted };
        ToClassify { now: self.now.wit(), event: self.event.lend(), reputation, candidates: all(&self.candidates) }
    }
}

/// A timer that fell due, as escalation is shown it.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct DueTimer<'a> {
    key: &'a str,
    due: i64,
    details: Vec<Attribute<'a>>,
}

/// Why escalation is asked.
#[derive(ComponentType, Lower, Give)]
#[component(variant)]
pub(crate) enum Occasion<'a> {
    #[component(name = "event")]
    Event(LentEvent<'a>),
    #[component(name = "timer")]
    Timer(DueTimer<'a>),
}

/// A watch, as escalation is shown it.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct Watch<'a> {
    id: &'a str,
    hazard: &'a str,
    node: &'a str,
    until: Option<i64>,
}

/// What escalation is asked about.
#[derive(ComponentType, Lower, Give)]
#[component(variant)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly always an incident")]
pub(crate) enum Matter<'a> {
    #[component(name = "incident")]
    Incident(Incident<'a>),
    #[component(name = "watch")]
    Watch(Watch<'a>),
    #[component(name = "none")]
    None,
}

/// Escalation's question.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct ToAssess<'a> {
    now: i64,
    occasion: Occasion<'a>,
    classification: Option<&'a str>,
    matter: Matter<'a>,
}

impl<'a> Lend<'a, ToAssess<'a>> for escalation::Question {
    fn lend(&'a self) -> ToAssess<'a> {
        let occasion = match &self.occasion {
            escalation::Occasion::Event(event) => Occasion::Event(event.lend()),
            escalation::Occasion::Timer { key, due, details } => {
                Occasion::Timer(DueTimer { key, due: due.wit(), details: all(details) })
            }
        };
        let matter = match &self.matter {
            escalation::Matter::Incident(incident) => Matter::Incident(incident.lend()),
            escalation::Matter::Watch(watch) => Matter::Watch(Watch {
                id: watch.id.as_str(),
                hazard: watch.hazard.as_str(),
                node: watch.node.as_str(),
                until: watch.until.wit(),
            }),
            escalation::Matter::None => Matter::None,
        };
        ToAssess { now: self.now.wit(), occasion, classification: self.classification.as_deref(), matter }
    }
}

/// `spend-request` of the contract.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct SpendRequest<'a> {
    id: &'a str,
    node: &'a str,
    category: &'a str,
    vendor: Option<&'a str>,
    amount: i64,
    quotes: Option<i64>,
    #[component(name = "life-safety")]
    life_safety: bool,
    reason: Option<&'a str>,
}

impl<'a> Lend<'a, SpendRequest<'a>> for act::SpendRequest {
    fn lend(&'a self) -> SpendRequest<'a> {
        SpendRequest {
            id: self.id.as_str(),
            node: self.node.as_str(),
            category: &self.category,
            vendor: self.vendor.as_deref(),
            amount: self.amount,
            quotes: self.quotes,
            life_safety: self.life_safety,
            reason: self.reason.as_deref(),
        }
    }
}

/// What discretion is asked about.
#[derive(ComponentType, Lower, Give)]
#[component(variant)]
pub(crate) enum Subject<'a> {
    #[component(name = "spend")]
    Spend(SpendRequest<'a>),
    #[component(name = "measure")]
    Measure(wit::Measure),
    #[component(name = "call-out")]
    CallOut(wit::CallOutOrder),
    #[component(name = "grant")]
    Grant(wit::GrantOrder),
    #[component(name = "level")]
    Level(wit::LevelAdvice),
    #[component(name = "mode")]
    Mode(wit::ModeChange),
}

/// Discretion's question.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct ToRule<'a> {
    now: i64,
    subject: Subject<'a>,
    node: &'a str,
    tier: wit::Tier,
    incident: Option<Incident<'a>>,
    proposed: bool,
}

impl<'a> Lend<'a, ToRule<'a>> for discretion::Question {
    fn lend(&'a self) -> ToRule<'a> {
        let subject = match &self.subject {
            discretion::Subject::Spend(request) => Subject::Spend(request.lend()),
            discretion::Subject::Measure(measure) => Subject::Measure(measure.wit()),
            discretion::Subject::Callout(order) => Subject::CallOut(order.wit()),
            discretion::Subject::Grant(order) => Subject::Grant(order.wit()),
            discretion::Subject::Level(advice) => Subject::Level(advice.wit()),
            discretion::Subject::Mode(change) => Subject::Mode(change.wit()),
        };
        ToRule {
            now: self.now.wit(),
            subject,
            node: self.node.as_str(),
            tier: self.tier.wit(),
            incident: self.incident.lend(),
            proposed: self.proposed,
        }
    }
}

/// Why oversight is asked.
#[derive(ComponentType, Lower, Give)]
#[component(variant)]
pub(crate) enum Moment<'a> {
    #[component(name = "decision")]
    Decision(&'a [String]),
    #[component(name = "period")]
    Period,
}

/// Oversight's question.
#[derive(ComponentType, Lower, Give)]
#[component(record)]
pub(crate) struct ToInspect<'a> {
    now: i64,
    occasion: Moment<'a>,
    event: Option<LentEvent<'a>>,
    incident: Option<Incident<'a>>,
}

impl<'a> Lend<'a, ToInspect<'a>> for oversight::Question {
    fn lend(&'a self) -> ToInspect<'a> {
        let occasion = match &self.occasion {
            oversight::Occasion::Decision(kinds) => Moment::Decision(kinds),
            oversight::Occasion::Period => Moment::Period,
        };
        ToInspect {
            now: self.now.wit(),
            occasion,
            event: self.event.as_deref().map(Lend::lend),
            incident: self.incident.lend(),
        }
    }
}
