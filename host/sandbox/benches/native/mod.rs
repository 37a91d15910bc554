//! The ladder's own rules, compiled into this program and answered by the SDK's harness: the floor under the sandbox.
//!
//! It is the plugin itself, linked in: what it answers is checked against what the guest answered.

use std::hint::black_box;

use muster_discretion::Limits;
use muster_escalation::Ladder;
use muster_kernel::act::Effect as Proposed;
use muster_kernel::role::discretion::Subject as KernelSubject;
use muster_kernel::settings::Settings;
use muster_kernel::value::{Attribute as Cell, Decimal};
use muster_kernel::{Tier as KernelTier, Value as KernelValue};
use muster_sdk::escalation::{Matter, Occasion};
use muster_sdk::testing::Harness;
use muster_sdk::{
    Attribute, Discretion as _, Effect, Escalation as _, Event, Incident, Mode, RiskStage, SpendRequest, Tier,
    Triage as _, Value, types,
};
use muster_testkit::measure::Bench;
use muster_testkit::{district, guests};
use muster_triage::Sorter;

/// Measures triage's rules, after proving that they say what the guest said.
pub(crate) fn triage(bench: &Bench, expected: &str) {
    let asked = district::triage();
    let reputation =
        muster_sdk::triage::Reputation { confirmed: asked.reputation.confirmed, refuted: asked.reputation.refuted };
    let (now, candidates) = (asked.now.as_millis(), vec![incident()]);
    let question = muster_sdk::triage::Question { now, event: event(), reputation, candidates };
    harness("triage").run(|| {
        assert_eq!(Sorter::classify(question.clone()).because.rule, expected, "the native rules answer something else");
        bench.case("triage/native", || Sorter::classify(black_box(&question).clone()));
    });
}

/// Measures the ladder's rules, after proving that they say what the guest said.
pub(crate) fn escalation(bench: &Bench, expected: &[Proposed]) {
    let asked = district::escalation();
    let question = muster_sdk::escalation::Question {
        now: asked.now.as_millis(),
        occasion: Occasion::Event(event()),
        matter: Matter::Incident(incident()),
        classification: asked.classification,
    };
    let rules = |effects: &[Effect]| effects.iter().map(|effect| effect.because.rule.clone()).collect::<Vec<_>>();
    harness("escalation").run(|| {
        let same = expected.iter().map(|effect| effect.because.rule.clone()).collect::<Vec<_>>();
        let answered = Ladder::assess(question.clone());
        assert_eq!(rules(&answered), same, "the native rules answer something else");
        bench.case("escalation/native", || Ladder::assess(black_box(&question).clone()));
    });
}

/// Measures the limits' rules, after proving that they say what the guest said.
pub(crate) fn discretion(bench: &Bench, expected: &str) {
    let asked = district::discretion();
    let KernelSubject::Spend(request) = asked.subject else { panic!("the district is asked to spend") };
    let request = SpendRequest {
        id: request.id.to_string(),
        node: request.node.to_string(),
        category: request.category,
        vendor: request.vendor,
        amount: request.amount,
        quotes: request.quotes,
        life_safety: request.life_safety,
        reason: request.reason,
    };
    let question = muster_sdk::discretion::Question {
        now: asked.now.as_millis(),
        subject: muster_sdk::discretion::Subject::Spend(request),
        node: asked.node.to_string(),
        tier: tier(asked.tier),
        incident: Some(incident()),
        proposed: asked.proposed,
    };
    harness("discretion").run(|| {
        assert_eq!(Limits::rule(question.clone()).because.rule, expected, "the native rules answer something else");
        bench.case("discretion/native", || Limits::rule(black_box(&question).clone()));
    });
}

/// The same settings, nodes and departments as the sandboxed call has.
fn harness(policy: &str) -> Harness {
    let harness = with_settings(Harness::new(), &guests::reference_settings(policy));
    let charter = district::charter();
    let harness = charter.nodes.iter().fold(harness, |harness, node| {
        let parent = node.parent.as_ref().map(muster_kernel::NodeCode::as_str);
        harness.add_node(node.code.as_str(), tier(node.tier), parent)
    });
    charter.departments.iter().fold(harness, |harness, department| {
        harness.add_department(department.node.as_str(), &department.name, &department.services[0])
    })
}

fn with_settings(mut harness: Harness, settings: &Settings) -> Harness {
    for (key, setting) in &settings.values {
        harness = harness.setting(key, value(setting));
    }
    for (table, rows) in &settings.tables {
        for row in rows {
            let cells: Vec<_> = row.iter().map(|cell| (cell.key.as_str(), value(&cell.value))).collect();
            harness = harness.row(table, &cells);
        }
    }
    harness
}

fn value(value: &KernelValue) -> Value {
    match value {
        KernelValue::Unknown => Value::Unknown,
        KernelValue::Flag(flag) => Value::Flag(*flag),
        KernelValue::Integer(number) => Value::Integer(*number),
        KernelValue::Decimal(Decimal { unscaled, scale }) => {
            Value::Decimal(types::Decimal { unscaled: *unscaled, scale: *scale })
        }
        KernelValue::Text(text) => Value::Text(text.clone()),
        KernelValue::Instant(instant) => Value::Instant(instant.as_millis()),
    }
}

fn tier(tier: KernelTier) -> Tier {
    Tier::parse(tier.as_str()).expect("both know the same tiers")
}

fn event() -> Event {
    let event = district::ponding();
    let attribute = |cell: &Cell| Attribute { key: cell.key.clone(), value: value(&cell.value) };
    Event {
        id: event.id,
        source: event.source,
        kind: event.kind,
        subject: event.subject,
        occurred: event.occurred.as_millis(),
        recorded: event.recorded.as_millis(),
        node: event.node.to_string(),
        place: event.place,
        incident: event.incident,
        exercise: event.exercise,
        attributes: event.attributes.iter().map(attribute).collect(),
    }
}

fn incident() -> Incident {
    let incident = district::incident();
    let response = types::Response {
        scheme: incident.response.scheme.to_string(),
        node: incident.response.node.to_string(),
        recommended: None,
        in_force: None,
        since: None,
        ordered: false,
    };
    Incident {
        id: incident.id.to_string(),
        name: incident.name,
        names: incident.names,
        scheme: incident.scheme.to_string(),
        hazard: incident.hazard.to_string(),
        node: incident.node.to_string(),
        opened: incident.opened.as_millis(),
        stage: RiskStage::Prevent,
        mode: Mode::Normal,
        life_safety: incident.life_safety,
        response,
        floor: None,
        commander: None,
        hazard_cleared: false,
        projected_end: None,
        figures: Vec::new(),
        parent: None,
        tags: incident.tags,
    }
}
