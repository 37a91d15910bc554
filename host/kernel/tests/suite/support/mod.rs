//! A small district and a policy that says what a test wants it to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::act::{Act, Because, Effect, ProcessOrder};
use muster_kernel::charter::{Actor, CalloutClock, Charter, Clocks, Department, Funds, Node, Pot, SpendingCeiling};
use muster_kernel::record::{Activation, Fact};
use muster_kernel::role::{
    Asked, Binding, Call, Failure, MemoryScope, Policies, discretion, escalation, incentives, oversight, triage,
    workflow,
};
use muster_kernel::step::{Input, Step, step};
use muster_kernel::value::Attribute;
use muster_kernel::{
    CalloutKind, Currency, Digest, DistrictId, Event, FeedbackClass, Hazard, Instant, Level, Milliseconds, NodeCode,
    Role, Scheme, State, Tier, Value,
};

pub(crate) const CITY: &str = "990100";
pub(crate) const STREET: &str = "990103901";

pub(crate) fn charter() -> Charter {
    let node = |code: &str, tier, parent: Option<&str>| Node {
        code: code.into(),
        name: code.into(),
        tier,
        parent: parent.map(NodeCode::from),
        population: None,
    };
    let actor = |source: &str, powers: &[&str]| Actor {
        source: source.into(),
        powers: powers.iter().map(|power| (*power).into()).collect(),
        node: None,
    };
    Charter {
        district: DistrictId::from("test"),
        name: BTreeMap::new(),
        root: CITY.into(),
        utc_offset_seconds: 8 * 3_600,
        currency: "CNY".into(),
        nodes: vec![
            node("990000", Tier::Province, None),
            node(CITY, Tier::City, Some("990000")),
            node("990103", Tier::District, Some(CITY)),
            node(STREET, Tier::Street, Some("990103")),
            node("990103901001", Tier::Community, Some(STREET)),
        ],
        departments: vec![Department {
            node: CITY.into(),
            name: "rescue".into(),
            title: "rescue".into(),
            services: vec!["rescue".into()],
            sources: vec!["urn:rescue".into()],
        }],
        actors: vec![
            actor("urn:street:{node}", &["spend", "call", "approve", "answer"]),
            actor("urn:secretary:{node}", &["approve"]),
            actor("urn:hq:{node}", &["order", "approve", "command", "budget"]),
            actor("urn:audit:{node}", &["supervise"]),
        ],
        spending: BTreeMap::from([(Tier::Street, SpendingCeiling { item: 1_000, incident: 3_000, multiplies: true })]),
        measures: BTreeMap::from([("close_road".to_owned(), Tier::District)]),
        provisional_level_max: Level::Two,
        grant_multiplier_max_permille: 2_000,
        grant_duration_max: Milliseconds::hours(72),
        grant_carries_from: Tier::Street,
        callouts: BTreeMap::from([(
            CalloutKind::Emergency,
            CalloutClock {
                acknowledge_within: Some(Milliseconds::minutes(5)),
                arrive_within: Some(Milliseconds::minutes(30)),
                ..CalloutClock::default()
            },
        )]),
        callout_match_window: Milliseconds::minutes(10),
        identity_window: Milliseconds::hours(720),
        approval_wait: Milliseconds::hours(2),
        clocks: Clocks {
            feedback: BTreeMap::from([(FeedbackClass::LifeSafety, Milliseconds::hours(2))]),
            papers_within: Some(Milliseconds::hours(24)),
            review_within: Some(Milliseconds::hours(14 * 24)),
            span_max: Some(7),
            ..Clocks::default()
        },
        funds: Funds {
            budgets: BTreeMap::from([(NodeCode::from("990103"), 5_000)]),
            pots: BTreeMap::from([(Currency::Points, Pot { budget: 150, check_above: 100, valid: None })]),
        },
        ..Charter::default()
    }
}

/// A policy that opens or joins one incident, proposes what it was told, and rules as it was told.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) acts: Vec<Act>,
    pub(crate) verdict: Result<discretion::Verdict, Failure>,
    pub(crate) works: bool,
    pub(crate) awards: Vec<incentives::Award>,
    /// What each step of a process answers; `None`: nothing is bound.
    pub(crate) outcome: Option<workflow::Outcome>,
    /// How long its reasons are.
    pub(crate) verbose: usize,
}

impl Default for Scripted {
    fn default() -> Self {
        Self {
            acts: Vec::new(),
            verdict: Ok(discretion::Verdict::Allow),
            works: true,
            awards: Vec::new(),
            outcome: None,
            verbose: 0,
        }
    }
}

impl Scripted {
    pub(crate) fn proposing(acts: Vec<Act>) -> Self {
        Self { acts, ..Self::default() }
    }

    fn asked<T>(&self, role: Role, answer: Result<T, Failure>) -> Asked<T> {
        let answer = if self.works { answer } else { Err(Failure::Trapped) };
        let call = Call {
            role,
            package: Some(Digest::ZERO),
            settings: Some(Digest::ZERO),
            fuel: 1,
            failure: answer.as_ref().err().copied(),
            detail: None,
            binding: Binding::InForce,
        };
        Asked { answer, call, memory: Vec::new(), log: Vec::new() }
    }
}

fn because() -> Because {
    Because::new("test", "测试", "test")
}

impl Policies for Scripted {
    fn triage(&mut self, _: Binding, _: &Arc<State>, question: &triage::Question) -> Asked<triage::Answer> {
        let placement = match question.candidates.first() {
            Some(incident) => triage::Placement::Attach(incident.id.clone()),
            None => triage::Placement::Open(triage::NewIncident {
                name: Some("the-incident".into()),
                scheme: Scheme::from("flood"),
                hazard: Hazard::from("rain"),
                node: CITY.into(),
                life_safety: false,
                parent: None,
            }),
        };
        let answer = triage::Answer {
            placement,
            classification: "test".into(),
            group: None,
            tags: Vec::new(),
            because: because(),
        };
        self.asked(Role::Triage, Ok(answer))
    }

    fn escalation(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: MemoryScope,
        _: &escalation::Question,
    ) -> Asked<Vec<Effect>> {
        let because = match self.verbose {
            0 => because(),
            length => Because::new("test", "测".repeat(length), "test"),
        };
        let effects = self.acts.iter().map(|act| Effect { act: act.clone(), because: because.clone() }).collect();
        self.asked(Role::Escalation, Ok(effects))
    }

    fn discretion(&mut self, _: Binding, _: &Arc<State>, _: &discretion::Question) -> Asked<discretion::Answer> {
        let answer = self.verdict.clone();
        let answer = answer.map(|verdict| discretion::Answer { verdict, limits: Vec::new(), because: because() });
        self.asked(Role::Discretion, answer)
    }

    fn incentives(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: Instant,
        _: &incentives::Service,
    ) -> Asked<Vec<incentives::Award>> {
        self.asked(Role::Incentives, Ok(self.awards.clone()))
    }

    fn oversight(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: &oversight::Question,
    ) -> Asked<Vec<oversight::ReasonedFinding>> {
        self.asked(Role::Oversight, Ok(Vec::new()))
    }

    fn migrate(
        &mut self,
        _: &Arc<State>,
        _: Instant,
        process: &workflow::Process,
    ) -> Asked<Result<Vec<Attribute>, Because>> {
        self.asked(Role::Workflow, Ok(Ok(process.state.clone())))
    }

    fn workflow(
        &mut self,
        _: Binding,
        _: &Arc<State>,
        _: MemoryScope,
        question: &workflow::Question,
    ) -> Asked<workflow::Outcome> {
        let Some(outcome) = self.outcome.clone() else { return self.asked(Role::Workflow, Err(Failure::Unbound)) };
        let own = |act: &Act| match act {
            // A key that is new each time: that the same one runs already stops nothing.
            Act::StartProcess(order) => {
                Act::StartProcess(ProcessOrder { key: question.process.id.clone(), ..order.clone() })
            }
            other => other.clone(),
        };
        let effects = outcome.effects.iter().map(|effect| Effect { act: own(&effect.act), ..effect.clone() }).collect();
        self.asked(Role::Workflow, Ok(workflow::Outcome { effects, ..outcome }))
    }
}

/// A district under test.
pub(crate) struct World {
    pub(crate) state: Arc<State>,
    pub(crate) policies: Scripted,
    pub(crate) now: Instant,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn start() -> Instant {
    Instant::parse("2030-06-01T08:00:00+08:00").expect("valid")
}

impl World {
    pub(crate) fn new(policies: Scripted) -> Self {
        let mut world = Self { state: Arc::new(State::default()), policies, now: start(), steps: Vec::new() };
        world.step(Input::Charter { charter: Box::new(charter()), digest: Digest::ZERO });
        let activation = Activation::plain(Role::Escalation, "test", "1.0.0", Digest::ZERO, Digest::ZERO, "none");
        world.step(Input::Activate(activation));
        world
    }

    /// Decides and gives the kinds of facts that took effect.
    pub(crate) fn step(&mut self, input: Input) -> Vec<Fact> {
        let step = step(&mut self.state, self.now, input, &mut self.policies);
        let facts = step.entry.facts.clone();
        self.steps.push(step);
        facts
    }

    pub(crate) fn event(
        &mut self,
        id: &str,
        source: &str,
        kind: &str,
        place: &str,
        data: &[(&str, Value)],
    ) -> Vec<Fact> {
        self.step(Input::Event(event(self.now, id, source, kind, place, data)))
    }

    pub(crate) fn signal(&mut self, id: &str) -> Vec<Fact> {
        self.event(id, "urn:grid", "gov.muster.signal.reported", STREET, &[])
    }

    pub(crate) fn spend(&mut self, id: &str, amount: i64) -> Fact {
        let data = [
            ("request", Value::Text(id.into())),
            ("category", Value::Text("pumps".into())),
            ("amount.minor", Value::Integer(amount)),
        ];
        let source = format!("urn:street:{STREET}");
        let facts = self.event(id, &source, "gov.muster.spend.requested", STREET, &data);
        facts.into_iter().find(|fact| matches!(fact, Fact::SpendRuled { .. })).expect("a ruling")
    }
}

pub(crate) fn event(now: Instant, id: &str, source: &str, kind: &str, place: &str, data: &[(&str, Value)]) -> Event {
    Event {
        id: id.into(),
        source: source.into(),
        kind: kind.into(),
        subject: None,
        occurred: now,
        recorded: now,
        node: place.into(),
        place: place.into(),
        incident: None,
        exercise: false,
        attributes: data.iter().map(|(key, value)| Attribute::new(*key, value.clone())).collect(),
    }
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.into())
}
