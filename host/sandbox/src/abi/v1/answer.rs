//! Contract → kernel. Every answer and every argument that a guest gives.

use muster_kernel::act;
use muster_kernel::facts::SpendingFilter;
use muster_kernel::role::{discretion, incentives, oversight, triage, workflow};
use muster_kernel::value::{Attribute, Decimal};
use muster_kernel::{Currency, Instant, Milliseconds, Value};

use super::bindings::muster::policy::facts as wit_facts;
use super::{roles, wit};

/// Says a value of the contract in the kernel's words.
pub(crate) trait Kernel<T> {
    fn kernel(self) -> T;
}

fn all<T, U: Kernel<T>>(values: Vec<U>) -> Vec<T> {
    values.into_iter().map(Kernel::kernel).collect()
}

fn instant(millis: i64) -> Instant {
    Instant::from_millis(millis)
}

impl Kernel<Value> for wit::Value {
    fn kernel(self) -> Value {
        match self {
            Self::Unknown => Value::Unknown,
            Self::Flag(flag) => Value::Flag(flag),
            Self::Integer(number) => Value::Integer(number),
            Self::Decimal(decimal) => {
                Value::Decimal(Decimal { unscaled: decimal.unscaled, scale: decimal.scale.min(Decimal::SCALE_MAX) })
            }
            Self::Text(text) => Value::Text(text),
            Self::Instant(millis) => Value::Instant(instant(millis)),
        }
    }
}

impl Kernel<Attribute> for wit::Attribute {
    fn kernel(self) -> Attribute {
        Attribute { key: self.key, value: self.value.kernel() }
    }
}

/// A reason, as the guest gave it.
fn from_because(because: wit::Because) -> act::Because {
    act::Because { rule: because.rule, source: because.source, sentences: all(because.sentences) }
}

impl Kernel<act::Sentence> for wit::Sentence {
    fn kernel(self) -> act::Sentence {
        act::Sentence { language: self.language, text: self.text }
    }
}

impl Kernel<act::Party> for wit::Party {
    fn kernel(self) -> act::Party {
        match self {
            Self::Post(post) => act::Party::Post { node: post.node.into(), name: post.name },
            Self::Department(department) => {
                act::Party::Department { node: department.node.into(), name: department.name }
            }
            Self::Team(team) => act::Party::Team(team),
            Self::DutyAbove(tier) => act::Party::DutyAbove(tier.kernel()),
        }
    }
}

impl Kernel<act::Rung> for wit::Rung {
    fn kernel(self) -> act::Rung {
        act::Rung {
            after: length(self.after),
            to: all(self.to),
            channels: self.channels,
            condition: self.condition.kernel(),
            repeats: self.repeats,
            every: self.every.map(length),
        }
    }
}

/// A length of time is never negative; a guest's negative one counts as none.
fn length(millis: i64) -> Milliseconds {
    Milliseconds(millis.max(0))
}

impl Kernel<act::CalloutOrder> for wit::CallOutOrder {
    fn kernel(self) -> act::CalloutOrder {
        act::CalloutOrder {
            key: self.key,
            kind: self.kind.kernel(),
            caller: self.caller.into(),
            to: all(self.to),
            place: self.place,
            acknowledge_within: self.acknowledge_within.map(length),
            arrive_within: self.arrive_within.map(length),
            plan_within: self.plan_within.map(length),
            ladder: all(self.ladder),
            arrival_ladder: all(self.arrival_ladder),
            life_safety: self.life_safety,
        }
    }
}

impl Kernel<act::Measure> for wit::Measure {
    fn kernel(self) -> act::Measure {
        act::Measure {
            key: self.key,
            kind: self.kind,
            node: self.node.into(),
            target: self.target,
            starts: self.starts.map(instant),
            ends: self.ends.map(instant),
            exceptions: self.exceptions,
            life_safety: self.life_safety,
            scope: self.scope,
            until_below: self.until_below.map(Kernel::kernel),
            radius_metres: self.radius_metres,
        }
    }
}

impl Kernel<act::Proposal> for wit::Proposal {
    fn kernel(self) -> act::Proposal {
        act::Proposal {
            measure: self.measure.kernel(),
            deciders: all(self.deciders),
            decide_by: instant(self.decide_by),
            ladder: all(self.ladder),
        }
    }
}

impl Kernel<act::TaskOrder> for wit::TaskOrder {
    fn kernel(self) -> act::TaskOrder {
        act::TaskOrder {
            key: self.key,
            kind: self.kind,
            to: self.to.kernel(),
            node: self.node.into(),
            place: self.place,
            due: self.due.map(instant),
            life_safety: self.life_safety,
            items: self.items.max(1),
            details: all(self.details),
        }
    }
}

impl Kernel<act::ResourceLine> for wit::ResourceLine {
    fn kernel(self) -> act::ResourceLine {
        act::ResourceLine { kind: self.kind, quantity: self.quantity }
    }
}

impl Kernel<act::Figure> for wit::Figure {
    fn kernel(self) -> act::Figure {
        act::Figure {
            name: self.name,
            value: self.value,
            stage: self.stage.kernel(),
            as_of: instant(self.as_of),
            source: self.source,
        }
    }
}

impl Kernel<act::FindingOrder> for wit::Finding {
    fn kernel(self) -> act::FindingOrder {
        act::FindingOrder {
            code: self.code,
            node: self.node.into(),
            subject: self.subject,
            answer_by: self.answer_by.map(instant),
            details: all(self.details),
            tell: all(self.tell),
        }
    }
}

impl Kernel<act::GrantOrder> for wit::GrantOrder {
    fn kernel(self) -> act::GrantOrder {
        act::GrantOrder {
            key: self.key,
            grantor: self.grantor.into(),
            grantees: self.grantees.into_iter().map(Into::into).collect(),
            powers: self.powers,
            multiplier_permille: self.multiplier_permille,
            cap: self.cap,
            starts: instant(self.starts),
            expires: instant(self.expires),
            supervisor: self.supervisor.kernel(),
        }
    }
}

impl Kernel<act::ReportDuty> for wit::ReportDuty {
    fn kernel(self) -> act::ReportDuty {
        act::ReportDuty {
            key: self.key,
            kind: self.kind,
            node: self.node.into(),
            to: self.to.kernel(),
            due: instant(self.due),
            every: self.every.map(length),
        }
    }
}

impl Kernel<act::LevelAdvice> for wit::LevelAdvice {
    fn kernel(self) -> act::LevelAdvice {
        act::LevelAdvice {
            scheme: self.scheme.into(),
            node: self.node.into(),
            level: self.level.kernel(),
            confirm_within: self.confirm_within.map(length),
            ladder: all(self.ladder),
        }
    }
}

impl Kernel<act::Act> for wit::Act {
    fn kernel(self) -> act::Act {
        match self {
            Self::RecommendLevel(advice) => act::Act::RecommendLevel(advice.kernel()),
            Self::SetStage(stage) => act::Act::SetStage(stage.kernel()),
            Self::SetMode(change) => act::Act::SetMode(act::ModeChange {
                node: change.node.into(),
                scheme: change.scheme.into(),
                mode: change.mode.kernel(),
            }),
            Self::CallOut(order) => act::Act::Callout(order.kernel()),
            Self::Propose(proposal) => act::Act::Propose(proposal.kernel()),
            Self::StartMeasure(measure) => act::Act::StartMeasure(measure.kernel()),
            Self::EndMeasure(key) => act::Act::EndMeasure(key),
            Self::OpenTask(order) => act::Act::OpenTask(order.kernel()),
            Self::RequestResource(order) => act::Act::RequestResource(act::ResourceOrder {
                key: order.key,
                to: order.to.kernel(),
                lines: all(order.lines),
                needed_by: order.needed_by.map(instant),
            }),
            Self::AnswerOffer(answer) => act::Act::AnswerOffer(act::OfferAnswer {
                offer: answer.offer,
                accept: all(answer.accept),
                answer_by: answer.answer_by.map(instant),
                remainder_from: answer.remainder_from.map(Kernel::kernel),
            }),
            Self::Grant(order) => act::Act::Grant(order.kernel()),
            Self::RequireReport(duty) => act::Act::RequireReport(duty.kernel()),
            Self::Notify(notice) => {
                act::Act::Notify(act::Notice { to: all(notice.to), sentences: all(notice.sentences) })
            }
            Self::SetTimer(timer) => act::Act::SetTimer(act::TimerOrder {
                key: timer.key,
                at: instant(timer.at),
                details: all(timer.details),
            }),
            Self::CancelTimer(key) => act::Act::CancelTimer(key),
            Self::RaiseFinding(finding) => act::Act::RaiseFinding(finding.kernel()),
            Self::RecordFigure(figure) => act::Act::RecordFigure(figure.kernel()),
            Self::ConfirmMeasure(done) => act::Act::ConfirmMeasure { key: done.key, people: done.people },
            Self::ReopenTask(key) => act::Act::ReopenTask(key),
            Self::ClearHazard(cleared) => act::Act::ClearHazard(cleared),
            Self::StartProcess(order) => act::Act::StartProcess(act::ProcessOrder {
                key: order.key,
                kind: order.kind,
                details: all(order.details),
            }),
            Self::Relate(parent) => act::Act::Relate(parent),
            Self::Custom(custom) => act::Act::Custom { kind: custom.kind, details: all(custom.details) },
        }
    }
}

impl Kernel<act::Effect> for wit::Effect {
    fn kernel(self) -> act::Effect {
        act::Effect { act: self.act.kernel(), because: from_because(self.because) }
    }
}

/// The state of a process that was carried over, or why it was not.
pub(crate) fn migrated(answer: Result<Vec<wit::Attribute>, wit::Because>) -> Result<Vec<Attribute>, act::Because> {
    answer.map(all).map_err(from_because)
}

pub(crate) fn effects(effects: Vec<wit::Effect>) -> Vec<act::Effect> {
    all(effects)
}

impl Kernel<triage::Answer> for roles::triage::Answer {
    fn kernel(self) -> triage::Answer {
        use roles::triage::Placement;
        let placement = match self.placement {
            Placement::RecordOnly => triage::Placement::RecordOnly,
            Placement::Attach(incident) => triage::Placement::Attach(incident.into()),
            Placement::Open(new) => triage::Placement::Open(triage::NewIncident {
                name: new.name,
                scheme: new.scheme.into(),
                hazard: new.hazard.into(),
                node: new.node.into(),
                life_safety: new.life_safety,
                parent: new.parent.map(Into::into),
            }),
            Placement::Watch(new) => triage::Placement::Watch(triage::NewWatch {
                hazard: new.hazard.into(),
                node: new.node.into(),
                until: new.until.map(instant),
            }),
        };
        triage::Answer {
            placement,
            classification: self.classification,
            group: self.group,
            tags: self.tags,
            because: from_because(self.because),
        }
    }
}

impl Kernel<discretion::Signature> for roles::discretion::Signature {
    fn kernel(self) -> discretion::Signature {
        discretion::Signature { by: self.by.kernel(), decide_by: instant(self.decide_by) }
    }
}

impl Kernel<discretion::Answer> for roles::discretion::Answer {
    fn kernel(self) -> discretion::Answer {
        use roles::discretion::Verdict;
        let verdict = match self.verdict {
            Verdict::Allow => discretion::Verdict::Allow,
            Verdict::AllowWith(duties) => discretion::Verdict::AllowWith(duties),
            Verdict::SecondSignature(signature) => discretion::Verdict::SecondSignature(signature.kernel()),
            Verdict::Route(signature) => discretion::Verdict::Route(signature.kernel()),
            Verdict::Refuse => discretion::Verdict::Refuse,
        };
        let limits = self.limits.into_iter().map(|limit| discretion::LimitUse {
            name: limit.name,
            limit: limit.limit,
            used: limit.used,
            remaining: limit.remaining,
        });
        discretion::Answer { verdict, limits: limits.collect(), because: from_because(self.because) }
    }
}

impl Kernel<incentives::Award> for roles::incentives::Award {
    fn kernel(self) -> incentives::Award {
        let currency = match self.currency {
            roles::incentives::Currency::Points => Currency::Points,
            roles::incentives::Currency::Money => Currency::Money,
        };
        incentives::Award {
            to: self.to,
            currency,
            amount: self.amount,
            per_head: self.per_head,
            because: from_because(self.because),
        }
    }
}

pub(crate) fn awards(awards: Vec<roles::incentives::Award>) -> Vec<incentives::Award> {
    all(awards)
}

pub(crate) fn findings(findings: Vec<roles::oversight::ReasonedFinding>) -> Vec<oversight::ReasonedFinding> {
    let reasoned = findings.into_iter().map(|found| oversight::ReasonedFinding {
        finding: found.finding.kernel(),
        because: from_because(found.because),
    });
    reasoned.collect()
}

impl Kernel<workflow::Outcome> for roles::workflow::Outcome {
    fn kernel(self) -> workflow::Outcome {
        let waits = self.waits.into_iter().map(|wait| match wait {
            roles::workflow::Wait::Until(timed) => workflow::Wait::Until { key: timed.key, at: instant(timed.at) },
            roles::workflow::Wait::EventOf(kind) => workflow::Wait::EventOf(kind),
        });
        workflow::Outcome {
            state: all(self.state),
            effects: all(self.effects),
            waits: waits.collect(),
            finished: self.finished,
            because: from_because(self.because),
        }
    }
}

impl Kernel<SpendingFilter> for wit_facts::SpendingFilter {
    fn kernel(self) -> SpendingFilter {
        SpendingFilter {
            incident: self.incident,
            node: self.node,
            within: self.within,
            category: self.category,
            vendor: self.vendor,
            since: self.since.map(instant),
        }
    }
}
