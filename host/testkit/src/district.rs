//! A small district to ask policies about: province, city, district, two streets, an open flood and a signal of
//! ponding. Plain data; how it would have come about through events is the kernel's matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::act::SpendRequest;
use muster_kernel::charter::{Actor, Charter, Department, Node, SpendingCeiling};
use muster_kernel::role::{IncidentView, ResponseView, discretion, escalation, incentives, triage};
use muster_kernel::state::Reputation;
use muster_kernel::value::Attribute;
use muster_kernel::{Event, Instant, Level, Milliseconds, Mode, RiskStage, State, Tier, Value, fold};

/// The city, root of the district.
pub const CITY: &str = "990100";
/// A street in it.
pub const STREET: &str = "990103901";
/// The incident that is open.
pub const INCIDENT: &str = "flood-1";
/// When everything happens.
pub const NOW: i64 = 1_626_782_400_000;

/// The instant of all questions.
pub fn now() -> Instant {
    Instant::from_millis(NOW)
}

/// The tree, directory and ceilings.
pub fn charter() -> Charter {
    Charter {
        district: "test".into(),
        name: BTreeMap::from([("en".into(), "Test".into())]),
        root: CITY.into(),
        utc_offset_seconds: 8 * 3_600,
        currency: "CNY".into(),
        nodes: vec![
            node("990000", Tier::Province, None),
            node(CITY, Tier::City, Some("990000")),
            node("990103", Tier::District, Some(CITY)),
            node(STREET, Tier::Street, Some("990103")),
            node("990103902", Tier::Street, Some("990103")),
        ],
        departments: ["drainage", "water", "construction", "metro", "rescue", "transport", "telecom"]
            .map(department)
            .into(),
        actors: vec![Actor {
            source: "urn:app:muster:street:{node}".into(),
            powers: vec!["spend".into(), "call".into(), "report".into()],
            node: None,
        }],
        spending: BTreeMap::from([(
            Tier::Street,
            SpendingCeiling { item: 10_000_000, incident: 50_000_000, multiplies: true },
        )]),
        measures: BTreeMap::from([("close_road".into(), Tier::Street)]),
        provisional_level_max: Level::Two,
        grant_multiplier_max_permille: 2_000,
        grant_duration_max: Milliseconds::hours(72),
        grant_carries_from: Tier::Street,
        callouts: BTreeMap::new(),
        callout_match_window: Milliseconds::minutes(10),
        identity_window: Milliseconds::hours(24 * 30),
        approval_wait: Milliseconds::hours(2),
        ..Charter::default()
    }
}

fn node(code: &str, tier: Tier, parent: Option<&str>) -> Node {
    Node { code: code.into(), name: code.into(), tier, parent: parent.map(Into::into), population: None }
}

fn department(service: &str) -> Department {
    Department {
        node: CITY.into(),
        name: service.into(),
        title: service.into(),
        services: vec![service.into()],
        sources: vec![format!("urn:org:cn:{{node}}:{service}")],
    }
}

/// The district with its charter in force and nothing open: what facts and roster are answered from.
pub fn state() -> Arc<State> {
    let mut state = State::default();
    state.core.charter = Some(charter());
    fold::rebuild_index(&mut state);
    Arc::new(state)
}

/// Water on a street: enough to inspect, not enough to close the road.
pub fn ponding() -> Event {
    let text = |text: &str| Value::Text(text.into());
    Event {
        id: "e-1".into(),
        source: "urn:app:grid:990103901:walker-7".into(),
        kind: "gov.muster.signal.reported".into(),
        subject: Some("signal/ponding/990103901".into()),
        occurred: now(),
        recorded: now(),
        node: STREET.into(),
        place: STREET.into(),
        incident: Some(INCIDENT.into()),
        exercise: false,
        attributes: vec![
            Attribute::new("kind", text("ponding")),
            Attribute::new("depth_cm", Value::Integer(20)),
            Attribute::new("place.code", text(STREET)),
            Attribute::new("place.name", text("柳渠路隧道口")),
            Attribute::new("provenance", text("synthetic")),
        ],
    }
}

/// The open flood.
pub fn incident() -> IncidentView {
    IncidentView {
        id: INCIDENT.into(),
        name: "flood".into(),
        names: vec!["flood".into()],
        scheme: "flood".into(),
        hazard: "rainstorm".into(),
        node: CITY.into(),
        opened: now(),
        stage: RiskStage::Prevent,
        mode: Mode::Normal,
        life_safety: false,
        response: ResponseView {
            scheme: "flood".into(),
            node: CITY.into(),
            recommended: None,
            in_force: None,
            since: None,
            ordered: false,
        },
        floor: None,
        figures: Vec::new(),
        parent: None,
        tags: Vec::new(),
        commander: None,
        hazard_cleared: false,
        projected_end: None,
    }
}

/// What is this signal?
pub fn triage() -> triage::Question {
    triage::Question {
        now: now(),
        event: ponding().into(),
        reputation: Reputation::default(),
        candidates: vec![incident()],
    }
}

/// What should be done about it?
pub fn escalation() -> escalation::Question {
    escalation::Question {
        now: now(),
        occasion: escalation::Occasion::Event(ponding().into()),
        classification: Some("ponding".into()),
        matter: escalation::Matter::Incident(incident()),
    }
}

/// May the street buy pumps?
pub fn discretion() -> discretion::Question {
    let request = SpendRequest {
        id: "s-1".into(),
        node: STREET.into(),
        category: "pumps".into(),
        vendor: Some("v-1".into()),
        amount: 3_000_000,
        quotes: Some(3),
        life_safety: false,
        reason: Some("泵车租用".into()),
    };
    discretion::Question {
        now: now(),
        subject: discretion::Subject::Spend(request),
        node: STREET.into(),
        tier: Tier::Street,
        incident: Some(incident()),
        proposed: false,
    }
}

/// A settled patrol of two hours.
pub fn service() -> incentives::Service {
    incentives::Service {
        id: "v-1".into(),
        team: Some("t-1".into()),
        person: None,
        headcount: 4,
        started: now(),
        ended: Instant::from_millis(NOW + 2 * 3_600_000),
        task: None,
        incident: Some(INCIDENT.into()),
        hazardous: false,
        mode: Mode::Normal,
        exercise: false,
        verified_by: Some("urn:app:muster:street:990103901".into()),
        settled_today: Milliseconds::hours(0),
    }
}
