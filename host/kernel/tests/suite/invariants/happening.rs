//! Whatever a policy may propose and whatever a person or a device may send, sensible or not.

use muster_kernel::act::{Act, CalloutOrder, GrantOrder, LevelAdvice, Measure, ModeChange, Party};
use muster_kernel::{CalloutKind, Level, Milliseconds, Mode, NodeCode, Scheme, Tier, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{self, CITY, STREET};

const COMMUNITY: &str = "990103901001";
const NODES: [&str; 5] = ["990000", CITY, "990103", STREET, COMMUNITY];
const SOURCES: [&str; 8] = [
    "urn:street:990103901",
    "urn:street:990103901001",
    "urn:secretary:990103901",
    "urn:hq:990100",
    "urn:hq:990103",
    "urn:rescue",
    "urn:audit:990103",
    "urn:nobody",
];
/// Sources at a place where they hold a power.
const ENTITLED: [(&str, &str); 5] = [
    ("urn:secretary:990103901", STREET),
    ("urn:hq:990100", CITY),
    ("urn:hq:990103", "990103"),
    ("urn:audit:990103", "990103"),
    ("urn:rescue", STREET),
];

fn node() -> impl Strategy<Value = NodeCode> {
    prop::sample::select(NODES.to_vec()).prop_map(NodeCode::from)
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(Level::ALL.to_vec())
}

/// Whatever a policy may propose, sensible or not.
fn act() -> impl Strategy<Value = Act> {
    let advice = (node(), level()).prop_map(|(node, level)| {
        Act::RecommendLevel(LevelAdvice {
            scheme: Scheme::from("flood"),
            node,
            level,
            confirm_within: Some(Milliseconds::minutes(15)),
            ladder: Vec::new(),
        })
    });
    let mode = (node(), any::<bool>()).prop_map(|(node, normal)| {
        let mode = if normal { Mode::Normal } else { Mode::Emergency };
        Act::SetMode(ModeChange { node, scheme: Scheme::from("flood"), mode })
    });
    let grant = (node(), node(), 0_u32..9_000, -50_i64..900, prop::option::of(0_i64..4_000)).prop_map(
        |(grantor, grantee, multiplier_permille, hours, cap)| {
            Act::Grant(GrantOrder {
                key: format!("g{hours}"),
                grantor,
                grantees: vec![grantee],
                powers: vec!["spend".into()],
                multiplier_permille,
                cap,
                starts: support::start(),
                expires: support::start() + Milliseconds::hours(hours),
                supervisor: Party::DutyAbove(Tier::District),
            })
        },
    );
    let kind = prop::sample::select(vec!["close_road", "evacuate", "no_such_measure"]);
    let measure = (kind, node(), any::<bool>()).prop_map(|(kind, node, life_safety)| {
        Act::StartMeasure(Measure {
            key: format!("{kind}/{node}"),
            kind: kind.into(),
            node,
            target: None,
            starts: None,
            ends: None,
            exceptions: Vec::new(),
            life_safety,
            scope: Vec::new(),
            until_below: None,
            radius_metres: None,
        })
    });
    let callout = (node(), 0_i64..40).prop_map(|(caller, minutes)| {
        Act::Callout(CalloutOrder {
            key: format!("c{minutes}"),
            kind: CalloutKind::Emergency,
            caller,
            to: vec![Party::Department { node: CITY.into(), name: "rescue".into() }],
            place: STREET.into(),
            acknowledge_within: Some(Milliseconds::minutes(minutes)),
            arrive_within: None,
            plan_within: None,
            ladder: Vec::new(),
            arrival_ladder: Vec::new(),
            life_safety: false,
        })
    });
    prop_oneof![advice, mode, grant, measure, callout, any::<bool>().prop_map(Act::ClearHazard)]
}

type Sent = (&'static str, Vec<(&'static str, Value)>);

/// What a person or a device may send: the kind and fields that it takes, with the wrong ones among them.
fn event() -> impl Strategy<Value = Sent> {
    prop_oneof![money(), other()]
}

fn id(prefix: &'static str) -> impl Strategy<Value = Value> + Clone {
    (0_u8..4).prop_map(move |number| Value::Text(format!("{prefix}-{number}")))
}

fn decision() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["approved", "refused"]).prop_map(|word| Value::Text(word.into()))
}

/// Who asks for money, who decides on it, and what widens it.
fn money() -> impl Strategy<Value = Sent> {
    let request = (0_u8..40).prop_map(|number| Value::Text(format!("q-{number}")));
    prop_oneof![
        8 => (request.clone(), -5_i64..2_500, prop::bool::weighted(0.1)).prop_map(|(request, amount, lives)| (
            "spend.requested",
            vec![
                ("request", request),
                ("category", Value::Text("pumps".into())),
                ("amount.minor", Value::Integer(amount)),
                ("life_safety", Value::Flag(lives)),
            ]
        )),
        2 => (request.clone(), decision())
            .prop_map(|(request, decision)| ("approval.decided", vec![("request", request), ("decision", decision)])),
        2 => (request, 0_i64..3_000).prop_map(|(request, amount)| (
            "spend.settled",
            vec![("request", request), ("amount.minor", Value::Integer(amount))]
        )),
        2 => (id("gr"), 1_i64..200, 0_i64..5_000).prop_map(|(request, hours, cap)| (
            "grant.requested",
            vec![("request", request), ("hours", Value::Integer(hours)), ("cap.minor", Value::Integer(cap))]
        )),
        2 => (id("gr"), decision(), 1_i64..500).prop_map(|(request, decision, hours)| (
            "approval.decided",
            vec![("request", request), ("decision", decision), ("conditions.hours", Value::Integer(hours))]
        )),
        2 => id("gr").prop_map(|grant| ("grant.revoked", vec![("grant", grant)])),
    ]
}

/// The rest of what a person or a device may send.
fn other() -> impl Strategy<Value = Sent> {
    let text = |text: &str| Value::Text(text.into());
    let figure = prop_oneof![Just(Value::Unknown), (0_i64..40).prop_map(Value::Integer)];
    prop_oneof![
        Just(("signal.reported", vec![("kind", text("ponding"))])),
        (level(), node()).prop_map(move |(level, _)| (
            "order.issued",
            vec![
                ("kind", Value::Text("response_level".into())),
                ("scheme", Value::Text("flood".into())),
                ("level", Value::Text(level.as_str().into())),
            ]
        )),
        any::<bool>().prop_map(|cleared| (
            "order.issued",
            vec![("kind", Value::Text("stand_down".into())), ("hazard_cleared", Value::Flag(cleared))]
        )),
        (id("c"), prop::sample::select(vec!["acknowledged", "reported_in", "released", "en_route"])).prop_map(
            |(callout, what)| {
                let kind = match what {
                    "acknowledged" => "callout.acknowledged",
                    "reported_in" => "callout.reported_in",
                    "released" => "callout.released",
                    _ => "callout.en_route",
                };
                let issued = support::start().to_string();
                (
                    kind,
                    vec![
                        ("callout", callout),
                        ("kind", Value::Text("emergency_whistle".into())),
                        ("issued", Value::Text(issued)),
                    ],
                )
            }
        ),
        (figure.clone(), figure).prop_map(|(dead, missing)| (
            "casualty.updated",
            vec![("dead", dead), ("missing", missing), ("stage", Value::Text("provisional".into()))]
        )),
        id("team").prop_map(|team| ("volunteer.checked_in", vec![("team", team)])),
        (id("team"), id("team"))
            .prop_map(|(team, verifier)| ("volunteer.checked_out", vec![("team", team), ("verified_by", verifier)])),
        (id("team"), decision()).prop_map(|(to, decision)| ("award.decided", vec![("to", to), ("decision", decision)])),
        id("team").prop_map(|to| ("award.disputed", vec![("to", to)])),
        (id("r"), 0_i64..9).prop_map(|(request, quantity)| (
            "resource.requested",
            vec![
                ("request", request),
                ("items.0.type", Value::Text("boat".into())),
                ("items.0.qty", Value::Integer(quantity)),
            ]
        )),
        any::<bool>().prop_map(|frozen| (
            if frozen { "power.frozen" } else { "power.released" },
            vec![("power", Value::Text("spend".into()))]
        )),
        id("who").prop_map(|person| ("commander.appointed", vec![("person", person)])),
    ]
}

#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) kind: &'static str,
    pub(crate) data: Vec<(&'static str, Value)>,
    pub(crate) source: &'static str,
    pub(crate) place: &'static str,
    pub(crate) acts: Vec<Act>,
    pub(crate) verdict: u8,
    pub(crate) award: i64,
    pub(crate) wait_minutes: i64,
    pub(crate) again: bool,
}

impl Happening {
    /// A street buys something within its limit for one item.
    pub(crate) fn purchase(number: usize, amount: i64) -> Self {
        let request = Value::Text(format!("bought-{number}"));
        let category = Value::Text("pumps".into());
        Self {
            kind: "spend.requested",
            data: vec![("request", request), ("category", category), ("amount.minor", Value::Integer(amount))],
            source: SOURCES[0],
            place: STREET,
            acts: Vec::new(),
            verdict: 0,
            award: 0,
            wait_minutes: 1,
            again: false,
        }
    }
}

pub(crate) fn happening() -> impl Strategy<Value = Happening> {
    let anyone = (prop::sample::select(SOURCES.to_vec()), prop::sample::select(NODES.to_vec()));
    let sender =
        prop_oneof![3 => Just((SOURCES[0], STREET)), 2 => prop::sample::select(ENTITLED.to_vec()), 3 => anyone];
    (event(), sender, vec(act(), 0..3), 0_u8..4, -20_i64..300, 0_i64..2_000, prop::bool::weighted(0.1)).prop_map(
        |((kind, data), (source, place), acts, verdict, award, wait_minutes, again)| Happening {
            kind,
            data,
            source,
            place,
            acts,
            verdict,
            award,
            wait_minutes,
            again,
        },
    )
}
