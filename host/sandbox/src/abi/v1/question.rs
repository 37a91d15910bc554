//! Kernel → contract. Every question and every fact that a guest is shown.

use muster_kernel::act;
use muster_kernel::facts::{CalloutView, MeasureView, TaskView};
use muster_kernel::role::{IncidentView, ResponseView, incentives, workflow};
use muster_kernel::state::{Grant, Offer, RequestLine, ResourceRequest};
use muster_kernel::value::{Attribute, Decimal};
use muster_kernel::{
    CalloutKind, Colour, Event, FigureStage, GrantId, Instant, Level, MeasureStatus, Milliseconds, Mode, OfferId,
    RequestId, RiskStage, RungCondition, Tier, Value,
};

use super::{roles, wit};

/// Says a kernel value in the contract's words.
pub(crate) trait Wit<T> {
    fn wit(&self) -> T;
}

fn all<T, U: Wit<T>>(values: &[U]) -> Vec<T> {
    values.iter().map(Wit::wit).collect()
}

impl<T, U: Wit<T>> Wit<Option<T>> for Option<U> {
    fn wit(&self) -> Option<T> {
        self.as_ref().map(Wit::wit)
    }
}

impl Wit<i64> for Instant {
    fn wit(&self) -> i64 {
        self.as_millis()
    }
}

impl Wit<i64> for Milliseconds {
    fn wit(&self) -> i64 {
        self.0
    }
}

macro_rules! words {
    ($($kernel:ident => $wit:ident { $($from:ident => $to:ident),* $(,)? })*) => {$(
        impl Wit<wit::$wit> for $kernel {
            fn wit(&self) -> wit::$wit {
                match self { $(Self::$from => wit::$wit::$to,)* }
            }
        }

        impl super::Kernel<$kernel> for wit::$wit {
            fn kernel(self) -> $kernel {
                match self { $(Self::$to => $kernel::$from,)* }
            }
        }
    )*};
}

words! {
    Tier => Tier { Team => Team, Community => Community, Street => Street, District => District, City => City, Province => Province, Nation => Nation }
    Level => Level { Four => Iv, Three => Iii, Two => Ii, One => I }
    Colour => Colour { Blue => Blue, Yellow => Yellow, Orange => Orange, Red => Red }
    RiskStage => RiskStage { Prevent => Prevent, Control => Control, Treat => Treat, Eliminate => Eliminate }
    Mode => Mode { Normal => Normal, Emergency => Emergency }
    FigureStage => FigureStage { Provisional => Provisional, Verified => Verified, Correction => Correction }
    RungCondition => RungCondition { Always => Always, InEmergency => InEmergency, OutsideWorkingTime => OutsideWorkingTime }
    CalloutKind => CallOutKind { Daily => Daily, Tackle => Tackle, Emergency => Emergency, LeaderCall => LeaderCall }
    MeasureStatus => MeasureStatus { Proposed => Proposed, Overdue => Overdue, InForce => InForce, Refused => Refused, Ended => Ended }
}

impl Wit<wit::Value> for Value {
    fn wit(&self) -> wit::Value {
        match self {
            Self::Unknown => wit::Value::Unknown,
            Self::Flag(flag) => wit::Value::Flag(*flag),
            Self::Integer(number) => wit::Value::Integer(*number),
            Self::Decimal(Decimal { unscaled, scale }) => {
                wit::Value::Decimal(wit::Decimal { unscaled: *unscaled, scale: *scale })
            }
            Self::Text(text) => wit::Value::Text(text.clone()),
            Self::Instant(instant) => wit::Value::Instant(instant.as_millis()),
        }
    }
}

impl Wit<wit::Attribute> for Attribute {
    fn wit(&self) -> wit::Attribute {
        wit::Attribute { key: self.key.clone(), value: self.value.wit() }
    }
}

impl Wit<wit::Event> for Event {
    fn wit(&self) -> wit::Event {
        wit::Event {
            id: self.id.clone(),
            source: self.source.clone(),
            kind: self.kind.clone(),
            subject: self.subject.clone(),
            occurred: self.occurred.wit(),
            recorded: self.recorded.wit(),
            node: self.node.to_string(),
            place: self.place.clone(),
            incident: self.incident.clone(),
            exercise: self.exercise,
            attributes: all(&self.attributes),
        }
    }
}

impl Wit<wit::Figure> for act::Figure {
    fn wit(&self) -> wit::Figure {
        wit::Figure {
            name: self.name.clone(),
            value: self.value,
            stage: self.stage.wit(),
            as_of: self.as_of.wit(),
            source: self.source.clone(),
        }
    }
}

impl Wit<wit::Response> for ResponseView {
    fn wit(&self) -> wit::Response {
        wit::Response {
            scheme: self.scheme.to_string(),
            node: self.node.to_string(),
            recommended: self.recommended.wit(),
            in_force: self.in_force.wit(),
            since: self.since.wit(),
            ordered: self.ordered,
        }
    }
}

impl Wit<wit::Incident> for IncidentView {
    fn wit(&self) -> wit::Incident {
        wit::Incident {
            id: self.id.to_string(),
            name: self.name.clone(),
            names: self.names.clone(),
            scheme: self.scheme.to_string(),
            hazard: self.hazard.to_string(),
            node: self.node.to_string(),
            opened: self.opened.wit(),
            stage: self.stage.wit(),
            mode: self.mode.wit(),
            life_safety: self.life_safety,
            response: self.response.wit(),
            floor: self.floor.wit(),
            figures: all(&self.figures),
            commander: self.commander.wit(),
            hazard_cleared: self.hazard_cleared,
            projected_end: self.projected_end.wit(),
            parent: self.parent.as_ref().map(ToString::to_string),
            tags: self.tags.clone(),
        }
    }
}

impl Wit<wit::Warning> for act::Warning {
    fn wit(&self) -> wit::Warning {
        wit::Warning {
            hazard: self.hazard.to_string(),
            node: self.node.to_string(),
            colour: self.colour.wit(),
            issued: self.issued.wit(),
            expires: self.expires.wit(),
            source: self.source.clone(),
        }
    }
}

impl Wit<wit::Party> for act::Party {
    fn wit(&self) -> wit::Party {
        match self {
            Self::Post { node, name } => wit::Party::Post(wit::Post { node: node.to_string(), name: name.clone() }),
            Self::Department { node, name } => {
                wit::Party::Department(wit::Department { node: node.to_string(), name: name.clone() })
            }
            Self::Team(team) => wit::Party::Team(team.clone()),
            Self::DutyAbove(tier) => wit::Party::DutyAbove(tier.wit()),
        }
    }
}

impl Wit<wit::Rung> for act::Rung {
    fn wit(&self) -> wit::Rung {
        wit::Rung {
            after: self.after.wit(),
            to: all(&self.to),
            channels: self.channels.clone(),
            condition: self.condition.wit(),
            repeats: self.repeats,
            every: self.every.wit(),
        }
    }
}

impl Wit<wit::CallOutOrder> for act::CalloutOrder {
    fn wit(&self) -> wit::CallOutOrder {
        wit::CallOutOrder {
            key: self.key.clone(),
            kind: self.kind.wit(),
            caller: self.caller.to_string(),
            to: all(&self.to),
            place: self.place.clone(),
            acknowledge_within: self.acknowledge_within.wit(),
            arrive_within: self.arrive_within.wit(),
            plan_within: self.plan_within.wit(),
            ladder: all(&self.ladder),
            arrival_ladder: all(&self.arrival_ladder),
            life_safety: self.life_safety,
        }
    }
}

impl Wit<wit::CallOut> for CalloutView {
    fn wit(&self) -> wit::CallOut {
        let calls = self.calls.iter().map(|call| wit::Call {
            party: call.party.wit(),
            acknowledged: call.acknowledged.wit(),
            reported_in: call.reported_in.wit(),
            released: call.released.wit(),
        });
        wit::CallOut {
            id: self.id.to_string(),
            order: self.order.wit(),
            issued: self.issued.wit(),
            calls: calls.collect(),
        }
    }
}

impl Wit<wit::Measure> for act::Measure {
    fn wit(&self) -> wit::Measure {
        wit::Measure {
            key: self.key.clone(),
            kind: self.kind.clone(),
            node: self.node.to_string(),
            target: self.target.clone(),
            starts: self.starts.wit(),
            ends: self.ends.wit(),
            exceptions: self.exceptions.clone(),
            life_safety: self.life_safety,
            scope: self.scope.clone(),
            until_below: self.until_below.wit(),
            radius_metres: self.radius_metres,
        }
    }
}

impl Wit<wit::MeasureRecord> for MeasureView {
    fn wit(&self) -> wit::MeasureRecord {
        wit::MeasureRecord { measure: self.measure.wit(), status: self.status.wit(), decide_by: self.decide_by.wit() }
    }
}

impl Wit<wit::ResourceLine> for act::ResourceLine {
    fn wit(&self) -> wit::ResourceLine {
        wit::ResourceLine { kind: self.kind.clone(), quantity: self.quantity }
    }
}

impl Wit<wit::ResourceRequest> for (RequestId, ResourceRequest) {
    fn wit(&self) -> wit::ResourceRequest {
        let (id, row) = self;
        let line = |line: &RequestLine| wit::RequestLine {
            kind: line.kind.clone(),
            wanted: line.wanted,
            committed: line.committed,
        };
        wit::ResourceRequest {
            id: id.to_string(),
            node: row.node.to_string(),
            lines: row.lines.iter().map(line).collect(),
            needed_by: row.needed_by.wit(),
        }
    }
}

impl Wit<wit::ResourceOffer> for (OfferId, Offer) {
    fn wit(&self) -> wit::ResourceOffer {
        let (id, row) = self;
        wit::ResourceOffer {
            id: id.to_string(),
            request: row.request.as_ref().map(ToString::to_string),
            node: row.node.to_string(),
            lines: all(&row.lines),
            arrives: row.arrives.wit(),
            valid_until: row.valid_until.wit(),
        }
    }
}

impl Wit<wit::TaskOrder> for act::TaskOrder {
    fn wit(&self) -> wit::TaskOrder {
        wit::TaskOrder {
            key: self.key.clone(),
            kind: self.kind.clone(),
            to: self.to.wit(),
            node: self.node.to_string(),
            place: self.place.clone(),
            due: self.due.wit(),
            life_safety: self.life_safety,
            items: self.items,
            details: all(&self.details),
        }
    }
}

impl Wit<wit::TaskRecord> for TaskView {
    fn wit(&self) -> wit::TaskRecord {
        wit::TaskRecord {
            id: self.id.to_string(),
            order: self.task.order.wit(),
            state: self.task.state.clone(),
            claim: self.task.claim.clone(),
            by: self.task.by.clone(),
            updated: self.task.updated.wit(),
        }
    }
}

impl Wit<wit::Grant> for (GrantId, Grant) {
    fn wit(&self) -> wit::Grant {
        let (id, grant) = self;
        wit::Grant {
            id: id.to_string(),
            grantor: grant.grantor.to_string(),
            grantee: grant.node.to_string(),
            powers: grant.powers.clone(),
            multiplier_permille: grant.multiplier_permille,
            cap: grant.cap,
            used: grant.used,
            starts: grant.starts.wit(),
            expires: grant.expires.wit(),
            supervisor: grant.supervisor.wit(),
        }
    }
}

impl Wit<wit::SpendRequest> for act::SpendRequest {
    fn wit(&self) -> wit::SpendRequest {
        wit::SpendRequest {
            id: self.id.to_string(),
            node: self.node.to_string(),
            category: self.category.clone(),
            vendor: self.vendor.clone(),
            amount: self.amount,
            quotes: self.quotes,
            life_safety: self.life_safety,
            reason: self.reason.clone(),
        }
    }
}

impl Wit<wit::GrantOrder> for act::GrantOrder {
    fn wit(&self) -> wit::GrantOrder {
        wit::GrantOrder {
            key: self.key.clone(),
            grantor: self.grantor.to_string(),
            grantees: self.grantees.iter().map(ToString::to_string).collect(),
            powers: self.powers.clone(),
            multiplier_permille: self.multiplier_permille,
            cap: self.cap,
            starts: self.starts.wit(),
            expires: self.expires.wit(),
            supervisor: self.supervisor.wit(),
        }
    }
}

impl Wit<wit::LevelAdvice> for act::LevelAdvice {
    fn wit(&self) -> wit::LevelAdvice {
        wit::LevelAdvice {
            scheme: self.scheme.to_string(),
            node: self.node.to_string(),
            level: self.level.wit(),
            confirm_within: self.confirm_within.wit(),
            ladder: all(&self.ladder),
        }
    }
}

impl Wit<wit::ModeChange> for act::ModeChange {
    fn wit(&self) -> wit::ModeChange {
        wit::ModeChange { node: self.node.to_string(), scheme: self.scheme.to_string(), mode: self.mode.wit() }
    }
}

impl Wit<roles::incentives::Service> for incentives::Service {
    fn wit(&self) -> roles::incentives::Service {
        roles::incentives::Service {
            id: self.id.clone(),
            team: self.team.clone(),
            person: self.person.clone(),
            headcount: self.headcount,
            started: self.started.wit(),
            ended: self.ended.wit(),
            task: self.task.clone(),
            incident: self.incident.clone(),
            hazardous: self.hazardous,
            mode: self.mode.wit(),
            exercise: self.exercise,
            verified_by: self.verified_by.clone(),
            settled_today: self.settled_today.wit(),
        }
    }
}

impl Wit<roles::workflow::Process> for workflow::Process {
    fn wit(&self) -> roles::workflow::Process {
        roles::workflow::Process {
            id: self.id.clone(),
            kind: self.kind.clone(),
            version: self.version.clone(),
            state: all(&self.state),
        }
    }
}

impl Wit<roles::workflow::Question> for workflow::Question {
    fn wit(&self) -> roles::workflow::Question {
        let input = match &self.input {
            workflow::Input::Start => roles::workflow::Input::Start,
            workflow::Input::Event(event) => roles::workflow::Input::Event(event.wit()),
            workflow::Input::Timer(key) => roles::workflow::Input::Timer(key.clone()),
        };
        let process = self.process.wit();
        roles::workflow::Question { now: self.now.wit(), process, input, incident: self.incident.wit() }
    }
}
