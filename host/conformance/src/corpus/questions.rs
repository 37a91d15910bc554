//! Questions of each role, around the events of the corpus.

use muster_kernel::act::{CalloutOrder, Figure, GrantOrder, LevelAdvice, Measure, ModeChange, Party, SpendRequest};
use muster_kernel::record::Fact;
use muster_kernel::role::{
    IncidentView, MemoryScope, ResponseView, discretion, escalation, incentives, oversight, triage, workflow,
};
use muster_kernel::state::Reputation;
use muster_kernel::value::Attribute;
use muster_kernel::{CalloutKind, FigureStage, Instant, Level, Milliseconds, Mode, RiskStage, Role, Tier, Value};

use super::Nature;
use super::draw::Draw;
use super::events::{self, BOUNDARY_AMOUNTS};
use super::scene::{self, INCIDENTS, NODES};

/// The most incidents that the kernel puts before triage.
const CANDIDATES_MAX: usize = 32;
/// Tiers of the nodes of the scene, in their order.
const TIERS: [Tier; 5] = [Tier::City, Tier::District, Tier::Street, Tier::Street, Tier::Community];

/// What a policy is asked, whatever its role.
#[derive(Debug)]
pub(crate) enum Question {
    Triage(triage::Question),
    Escalation(MemoryScope, escalation::Question),
    Discretion(discretion::Question),
    Incentives(Instant, incentives::Service),
    Oversight(oversight::Question),
    Workflow(MemoryScope, workflow::Question),
}

impl Question {
    pub(super) fn draw(draw: &mut Draw, role: Role, nature: Nature, number: usize) -> Self {
        match role {
            Role::Triage => Self::Triage(triage_question(draw, nature, number)),
            Role::Escalation => {
                let question = escalation_question(draw, nature, number);
                let scope = match &question.matter {
                    escalation::Matter::Incident(incident) => Some(incident.id.clone()),
                    _ => None,
                };
                Self::Escalation(scope, question)
            }
            Role::Discretion => Self::Discretion(discretion_question(draw, nature, number)),
            Role::Incentives => Self::Incentives(scene::now(), service(draw, nature, number)),
            Role::Oversight => Self::Oversight(oversight_question(draw, nature, number)),
            Role::Workflow => {
                let question = workflow_question(draw, nature, number);
                Self::Workflow(question.incident.as_ref().map(|incident| incident.id.clone()), question)
            }
        }
    }
}

fn triage_question(draw: &mut Draw, nature: Nature, number: usize) -> triage::Question {
    let candidates = match nature {
        Nature::Everyday => draw.count(INCIDENTS.len()),
        Nature::Unusual => *draw.pick(&[0, 1, 8, CANDIDATES_MAX]),
        Nature::Hostile => CANDIDATES_MAX,
    };
    let least = if nature == Nature::Everyday { 40 } else { u32::MAX };
    triage::Question {
        now: scene::now(),
        event: events::event(draw, nature, number, scene::now()).into(),
        reputation: Reputation { confirmed: *draw.pick(&[0, 3, least]), refuted: *draw.pick(&[0, 1, least]) },
        candidates: (0..candidates).map(|place| incident(draw, nature, place)).collect(),
    }
}

fn escalation_question(draw: &mut Draw, nature: Nature, number: usize) -> escalation::Question {
    let occasion = if draw.chance(80) {
        escalation::Occasion::Event(events::event(draw, nature, number, scene::now()).into())
    } else {
        let details = events::event(draw, nature, number, scene::now()).attributes;
        escalation::Occasion::Timer { key: name(draw, nature, "check"), due: instant(draw, nature), details }
    };
    let matter = match draw.count(9) {
        0 => escalation::Matter::None,
        1 => escalation::Matter::Watch(escalation::WatchView {
            id: "pg-watch-1".into(),
            hazard: "rainstorm".into(),
            node: (*draw.pick(&NODES)).into(),
            until: draw.chance(70).then(|| instant(draw, nature)),
        }),
        _ => {
            let place = draw.count(INCIDENTS.len() - 1);
            escalation::Matter::Incident(incident(draw, nature, place))
        }
    };
    let classification = draw.chance(70).then(|| name(draw, nature, "ponding"));
    escalation::Question { now: scene::now(), occasion, classification, matter }
}

fn discretion_question(draw: &mut Draw, nature: Nature, number: usize) -> discretion::Question {
    let place = draw.count(NODES.len() - 1);
    let (node, tier) = (NODES[place], TIERS[place]);
    // Each subject comes up as often as the others, whatever the number of questions.
    let subject = match number % 6 {
        0 => discretion::Subject::Spend(spending(draw, nature, node, number)),
        1 => discretion::Subject::Measure(measure(draw, nature, node)),
        2 => discretion::Subject::Callout(callout(draw, nature, node)),
        3 => discretion::Subject::Grant(grant(draw, nature, node)),
        4 => discretion::Subject::Level(LevelAdvice {
            scheme: name(draw, nature, "flood").into(),
            node: node.into(),
            level: *draw.pick(Level::ALL),
            confirm_within: draw.chance(50).then(|| Milliseconds::minutes(15)),
            ladder: Vec::new(),
        }),
        _ => discretion::Subject::Mode(ModeChange {
            node: node.into(),
            scheme: name(draw, nature, "flood").into(),
            mode: *draw.pick(Mode::ALL),
        }),
    };
    let known = draw.count(INCIDENTS.len() - 1);
    let incident = draw.chance(80).then(|| incident(draw, nature, known));
    discretion::Question { now: scene::now(), subject, node: node.into(), tier, incident, proposed: draw.chance(50) }
}

fn amount(draw: &mut Draw, nature: Nature) -> i64 {
    match nature {
        Nature::Everyday => draw.between(1, 20_000_000),
        Nature::Unusual => *draw.pick(&BOUNDARY_AMOUNTS),
        Nature::Hostile => *draw.pick(&[-1, i64::MIN, i64::MIN + 1, 0]),
    }
}

/// The name that is expected, or one of the nature's.
fn name(draw: &mut Draw, nature: Nature, expected: &str) -> String {
    match nature {
        Nature::Everyday => expected.to_owned(),
        Nature::Unusual if draw.chance(70) => expected.to_owned(),
        Nature::Unusual => events::odd_text(draw),
        Nature::Hostile => events::hostile_text(draw),
    }
}

fn instant(draw: &mut Draw, nature: Nature) -> Instant {
    match nature {
        Nature::Everyday => events::around(draw, 24),
        _ => *draw.pick(&[Instant::MIN, Instant::MAX, Instant::from_millis(0), scene::now()]),
    }
}

fn spending(draw: &mut Draw, nature: Nature, node: &str, number: usize) -> SpendRequest {
    SpendRequest {
        id: format!("pg-sp-{number}").into(),
        node: node.into(),
        category: name(draw, nature, "pump_rental"),
        vendor: draw.chance(50).then(|| name(draw, nature, "v-1")),
        amount: amount(draw, nature),
        quotes: draw.chance(60).then(|| if nature == Nature::Everyday { 3 } else { amount(draw, nature) }),
        life_safety: draw.chance(20),
        reason: draw.chance(60).then(|| name(draw, nature, "泵车租用")),
    }
}

fn measure(draw: &mut Draw, nature: Nature, node: &str) -> Measure {
    let kind = *draw.pick(&["close_road", "evacuate", "stop_work"]);
    let exceptions = if nature == Nature::Everyday { draw.count(2) } else { 64 };
    Measure {
        key: format!("{kind}/{node}"),
        kind: name(draw, nature, kind),
        node: node.into(),
        target: draw.chance(50).then(|| name(draw, nature, "柳渠路")),
        starts: draw.chance(30).then(|| instant(draw, nature)),
        ends: draw.chance(50).then(|| instant(draw, nature)),
        exceptions: (0..exceptions).map(|_| name(draw, nature, "ambulances")).collect(),
        life_safety: draw.chance(30),
        scope: Vec::new(),
        until_below: draw.chance(30).then(|| *draw.pick(Level::ALL)),
        radius_metres: draw.chance(30).then(|| *draw.pick(&[0, 500, u32::MAX])),
    }
}

fn callout(draw: &mut Draw, nature: Nature, node: &str) -> CalloutOrder {
    let service = *draw.pick(&["rescue", "drainage", "water"]);
    let called = if nature == Nature::Everyday { 1 } else { 32 };
    let party = Party::Department { node: "990100".into(), name: name(draw, nature, service) };
    CalloutOrder {
        key: name(draw, nature, "pumps"),
        kind: *draw.pick(CalloutKind::ALL),
        caller: node.into(),
        to: vec![party; called],
        place: node.into(),
        acknowledge_within: draw.chance(50).then(|| Milliseconds(amount(draw, nature))),
        arrive_within: draw.chance(50).then(|| Milliseconds(amount(draw, nature))),
        plan_within: None,
        ladder: Vec::new(),
        arrival_ladder: Vec::new(),
        life_safety: draw.chance(30),
    }
}

fn grant(draw: &mut Draw, nature: Nature, node: &str) -> GrantOrder {
    let starts = instant(draw, nature);
    let hours = if nature == Nature::Everyday { draw.between(1, 72) } else { draw.between(-1_000, 100_000) };
    GrantOrder {
        key: name(draw, nature, "g-1"),
        grantor: "990103".into(),
        grantees: vec![node.into()],
        powers: vec![name(draw, nature, "spend")],
        multiplier_permille: *draw.pick(&[1_000, 1_500, 2_000, if nature == Nature::Everyday { 1 } else { u32::MAX }]),
        cap: draw.chance(60).then(|| amount(draw, nature)),
        starts,
        expires: Instant::from_millis(starts.as_millis().saturating_add(Milliseconds::hours(hours).0)),
        supervisor: Party::DutyAbove(Tier::District),
    }
}

fn service(draw: &mut Draw, nature: Nature, number: usize) -> incentives::Service {
    let ended = scene::now();
    let minutes = if nature == Nature::Everyday { draw.between(10, 14 * 60) } else { draw.between(-600, 20_000_000) };
    let started = Instant::from_millis(ended.as_millis() - Milliseconds::minutes(minutes).0);
    let settled = if nature == Nature::Everyday { draw.between(0, 6 * 3_600_000) } else { amount(draw, nature) };
    incentives::Service {
        id: format!("pg-service-{number}"),
        team: draw.chance(70).then(|| name(draw, nature, "team-1")),
        person: draw.chance(40).then(|| name(draw, nature, "person-7")),
        headcount: if nature == Nature::Everyday {
            u32::try_from(draw.between(1, 30)).unwrap_or(1)
        } else {
            *draw.pick(&[0, 1, u32::MAX])
        },
        started,
        ended,
        task: draw.chance(50).then(|| name(draw, nature, "t-1")),
        incident: draw.chance(70).then(|| name(draw, nature, INCIDENTS[0].0)),
        hazardous: draw.chance(30),
        mode: *draw.pick(Mode::ALL),
        exercise: draw.chance(10),
        verified_by: draw.chance(80).then(|| name(draw, nature, "street-desk")),
        settled_today: Milliseconds(settled),
    }
}

fn oversight_question(draw: &mut Draw, nature: Nature, number: usize) -> oversight::Question {
    let occasion = if draw.chance(70) {
        let kinds = if nature == Nature::Everyday { 1 + draw.count(5) } else { 200 };
        oversight::Occasion::Decision((0..kinds).map(|_| fact_kind(draw, nature)).collect())
    } else {
        oversight::Occasion::Period
    };
    let event = draw.chance(70).then(|| events::event(draw, nature, number, scene::now()).into());
    let known = draw.count(INCIDENTS.len() - 1);
    let incident = draw.chance(80).then(|| incident(draw, nature, known));
    oversight::Question { now: scene::now(), occasion, event, incident }
}

fn fact_kind(draw: &mut Draw, nature: Nature) -> String {
    let kind = *draw.pick(Fact::KINDS);
    name(draw, nature, kind)
}

fn workflow_question(draw: &mut Draw, nature: Nature, number: usize) -> workflow::Question {
    let input = match draw.count(2) {
        0 => workflow::Input::Start,
        1 => workflow::Input::Event(events::event(draw, nature, number, scene::now()).into()),
        _ => workflow::Input::Timer(name(draw, nature, "step")),
    };
    let kind = *draw.pick(&["resettlement", "stand_down", "inspection"]);
    let state = match nature {
        Nature::Everyday => Vec::new(),
        _ => events::event(draw, nature, number, scene::now()).attributes,
    };
    let state = state.into_iter().chain([Attribute::new("step", Value::Text(name(draw, nature, "register")))]);
    let process = workflow::Process {
        id: "pg-process-1".into(),
        kind: name(draw, nature, kind),
        version: "0.0.1".into(),
        state: state.collect(),
    };
    let incident = Some(incident(draw, nature, 0));
    workflow::Question { now: scene::now(), process, input, incident }
}

/// The incident at this place of the scene, told in the nature's way; beyond the scene, one that is only told of.
fn incident(draw: &mut Draw, nature: Nature, place: usize) -> IncidentView {
    let (id, hazard, scheme, node, life_safety) = INCIDENTS[place % INCIDENTS.len()];
    let id = if place < INCIDENTS.len() { id.to_owned() } else { format!("{id}-{place}") };
    let figures = match nature {
        Nature::Everyday => draw.count(4),
        _ => 64,
    };
    let names = if nature == Nature::Everyday { vec![id.clone()] } else { vec![name(draw, nature, &id); 8] };
    IncidentView {
        name: name(draw, nature, &id),
        id: id.into(),
        names,
        scheme: scheme.into(),
        hazard: hazard.into(),
        node: node.into(),
        opened: instant(draw, nature),
        stage: *draw.pick(RiskStage::ALL),
        mode: *draw.pick(Mode::ALL),
        life_safety: life_safety || draw.chance(20),
        response: ResponseView {
            scheme: scheme.into(),
            node: node.into(),
            recommended: draw.chance(50).then(|| *draw.pick(Level::ALL)),
            in_force: draw.chance(60).then(|| *draw.pick(Level::ALL)),
            since: draw.chance(60).then(|| instant(draw, nature)),
            ordered: draw.chance(30),
        },
        floor: draw.chance(20).then(|| *draw.pick(Level::ALL)),
        figures: (0..figures).map(|number| figure(draw, nature, number)).collect(),
        parent: (place > 0 && draw.chance(20)).then(|| INCIDENTS[0].0.into()),
        commander: draw.chance(60).then(|| Party::Post { node: node.into(), name: name(draw, nature, "secretary") }),
        hazard_cleared: draw.chance(20),
        projected_end: draw.chance(40).then(|| instant(draw, nature)),
        tags: if nature == Nature::Everyday { Vec::new() } else { vec![name(draw, nature, "tunnel"); 32] },
    }
}

fn figure(draw: &mut Draw, nature: Nature, number: usize) -> Figure {
    let known = ["dead", "missing", "injured", "trapped", "evacuated"];
    let value = match nature {
        Nature::Everyday => draw.between(0, 40),
        _ => amount(draw, nature),
    };
    Figure {
        name: known.get(number).map_or_else(|| format!("figure-{number}"), |name| (*name).to_owned()),
        value: draw.chance(80).then_some(value),
        stage: *draw.pick(FigureStage::ALL),
        as_of: instant(draw, nature),
        source: "urn:app:muster:street:990103901".into(),
    }
}
