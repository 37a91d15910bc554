//! A small district that is nobody's: where a package is put through its own tests before it meets a real one.
//!
//! Its tree, posts and ceilings are part of what self-tests may rely on, so they only ever grow.

use std::collections::BTreeMap;

use muster_kernel::charter::{Actor, CalloutClock, Charter, Clocks, Department, Funds, Node, Pot, SpendingCeiling};
use muster_kernel::{CalloutKind, Currency, DistrictId, FeedbackClass, Level, Milliseconds, NodeCode, Tier};

/// A city with a district, two streets and a community under a province; codes that no real place has.
pub fn charter() -> Charter {
    Charter {
        district: DistrictId::from("proving-ground"),
        name: BTreeMap::from([("zh".into(), "试验场".into()), ("en".into(), "Proving ground".into())]),
        root: "990100".into(),
        utc_offset_seconds: 8 * 3_600,
        currency: "CNY".into(),
        nodes: nodes(),
        departments: ["rescue", "drainage", "water", "transport", "traffic", "telecom", "construction", "metro", "gas"]
            .map(department)
            .into(),
        actors: actors(),
        spending: spending(),
        measures: BTreeMap::from([
            ("close_road".to_owned(), Tier::Street),
            ("stop_work".to_owned(), Tier::City),
            ("evacuate".to_owned(), Tier::Community),
        ]),
        provisional_level_max: Level::Two,
        grant_multiplier_max_permille: 2_000,
        grant_duration_max: Milliseconds::hours(72),
        grant_carries_from: Tier::Street,
        callouts: CalloutKind::ALL.iter().map(|kind| (*kind, clock())).collect(),
        callout_match_window: Milliseconds::minutes(10),
        identity_window: Milliseconds::hours(30 * 24),
        approval_wait: Milliseconds::hours(2),
        clocks: Clocks {
            feedback: FeedbackClass::ALL.iter().map(|class| (*class, Milliseconds::hours(24))).collect(),
            papers_within: Some(Milliseconds::hours(24)),
            review_within: Some(Milliseconds::hours(14 * 24)),
            span_max: Some(7),
            ..Clocks::default()
        },
        funds: Funds {
            budgets: BTreeMap::from([(NodeCode::from("990103"), 500_000_000)]),
            pots: BTreeMap::from([(Currency::Points, Pot { budget: 1_000_000, check_above: 2_000, valid: None })]),
        },
        ..Charter::default()
    }
}

fn nodes() -> Vec<Node> {
    let node = |code: &str, name: &str, tier, parent: Option<&str>| Node {
        code: code.into(),
        name: name.into(),
        tier,
        parent: parent.map(NodeCode::from),
        population: Some(10_000),
    };
    vec![
        node("990000", "试验省", Tier::Province, None),
        node("990100", "试验市", Tier::City, Some("990000")),
        node("990103", "试验区", Tier::District, Some("990100")),
        node("990103901", "柳渠街道", Tier::Street, Some("990103")),
        node("990103902", "文化街道", Tier::Street, Some("990103")),
        node("990103901001", "柳渠社区", Tier::Community, Some("990103901")),
    ]
}

fn department(service: &str) -> Department {
    Department {
        node: "990100".into(),
        name: service.into(),
        title: service.into(),
        services: vec![service.into()],
        sources: vec![format!("urn:org:cn:{{node}}:{service}")],
    }
}

fn actors() -> Vec<Actor> {
    let actor = |source: &str, powers: &[&str]| Actor {
        source: source.into(),
        powers: powers.iter().map(|power| (*power).to_owned()).collect(),
        node: None,
    };
    vec![
        actor("urn:app:muster:community:{node}", &["spend", "call", "answer"]),
        actor("urn:app:muster:street:{node}", &["spend", "call", "answer", "report"]),
        actor("urn:app:muster:district:{node}", &["spend", "call", "approve", "answer", "report"]),
        actor("urn:org:cn:{node}:hq", &["order", "approve", "command", "budget", "roster", "grant"]),
        actor("urn:org:cn:{node}:audit", &["supervise"]),
    ]
}

fn spending() -> BTreeMap<Tier, SpendingCeiling> {
    let ceiling = |item, incident, multiplies| SpendingCeiling { item, incident, multiplies };
    BTreeMap::from([
        (Tier::Community, ceiling(500_000, 2_000_000, true)),
        (Tier::Street, ceiling(10_000_000, 50_000_000, true)),
        (Tier::District, ceiling(200_000_000, 1_000_000_000, false)),
    ])
}

fn clock() -> CalloutClock {
    CalloutClock {
        acknowledge_within: Some(Milliseconds::minutes(5)),
        arrive_within: Some(Milliseconds::minutes(30)),
        ..CalloutClock::default()
    }
}
