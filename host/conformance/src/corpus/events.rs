//! Events of the corpus: what people and devices send every day, what they send rarely, and what nobody sends in good
//! faith. All of them pass the intake's limits: what the intake refuses never reaches a policy.

use muster_kernel::value::{Attribute, Decimal};
use muster_kernel::{Colour, Event, Instant, Level, Milliseconds, Value};
use muster_runtime::cloudevent::{ATTRIBUTES_MAX, DEPTH_MAX, TEXT_BYTES_MAX};

use super::Nature;
use super::draw::Draw;
use super::scene::{self, INCIDENTS, NODES};

/// The longest text of one event's attributes together: what a body of the HTTP interface can carry.
const EVENT_TEXT_BYTES_MAX: usize = 768 << 10;
/// Texts that are well-formed and seldom seen.
const ODD_TEXTS: [&str; 8] = [
    "",
    " ",
    "\u{3000}\u{3000}",
    "𠮷野家前路口",
    "e\u{301}e\u{301}e\u{301}",
    "👩\u{200d}🚒👨\u{200d}🚒",
    "柳渠路\u{200b}隧道口",
    "990103901'; --",
];
/// Texts that try to confuse whoever reads them.
const HOSTILE_TEXTS: [&str; 6] =
    ["", "\0", "\u{202e}gnp.exe\u{202c}", "\u{feff}\u{fffe}", "\0\0\0990100\0", "\u{2066}\u{2067}\u{2068}\u{2069}"];
/// Amounts at which something changes, in minor units: the proving ground's ceilings, and the ends of the number line.
pub(super) const BOUNDARY_AMOUNTS: [i64; 10] =
    [0, 1, 499_999, 500_000, 500_001, 10_000_000, 10_000_001, 200_000_001, i64::MAX - 1, i64::MAX];

type Data = Vec<(&'static str, Value)>;

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// An event of this nature. `number` makes its identity.
pub(crate) fn event(draw: &mut Draw, nature: Nature, number: usize, at: Instant) -> Event {
    let mut event = everyday(draw, number, at);
    match nature {
        Nature::Everyday => {}
        Nature::Unusual => unusual(draw, &mut event),
        Nature::Hostile => hostile(draw, &mut event),
    }
    event
}

/// A team checks in, or, later, out, vouched for by someone else: what leads to a question of incentives.
pub(crate) fn service(number: usize, at: Instant, begins: bool) -> Event {
    let kind = if begins { "gov.muster.volunteer.checked_in" } else { "gov.muster.volunteer.checked_out" };
    let text = |key: &str, value: &str| Attribute::new(key, Value::Text(value.into()));
    Event {
        id: format!("pg-{number}"),
        source: "urn:app:muster:street:990103901".into(),
        kind: kind.into(),
        subject: None,
        occurred: at,
        recorded: at,
        node: "990103901".into(),
        place: "990103901".into(),
        incident: Some(INCIDENTS[0].0.into()),
        exercise: false,
        attributes: vec![
            text("team", "team-9"),
            text("verified_by", "street-desk"),
            Attribute::new("headcount", Value::Integer(12)),
        ],
    }
}

fn everyday(draw: &mut Draw, number: usize, at: Instant) -> Event {
    let node = *draw.pick(&NODES);
    let incident = draw.chance(60).then(|| draw.pick(&INCIDENTS).0.to_owned());
    let (kind, source, data) = match draw.count(9) {
        0..=2 => ("signal.reported", "urn:app:grid:walker-7".to_owned(), signal(draw)),
        3 => ("warning.received", "urn:org:cn:990100:weather".to_owned(), warning(draw)),
        4 => ("spend.requested", format!("urn:app:muster:street:{node}"), spending(draw, number)),
        5 => ("order.issued", "urn:org:cn:990100:hq".to_owned(), order(draw)),
        6 => answered(draw),
        7 => ("casualty.updated", format!("urn:app:muster:street:{node}"), figures(draw)),
        _ => progress(draw, node, number),
    };
    Event {
        id: format!("pg-{number}"),
        source,
        kind: format!("gov.muster.{kind}"),
        subject: draw.chance(50).then(|| format!("{kind}/{node}")),
        occurred: at,
        recorded: at,
        node: node.into(),
        place: node.into(),
        incident,
        exercise: draw.chance(5),
        attributes: data.into_iter().map(|(key, value)| Attribute::new(key, value)).collect(),
    }
}

fn signal(draw: &mut Draw) -> Data {
    let kinds = ["ponding", "reservoir_level", "people_trapped", "gas_leak", "forecast", "fever", "unheard_of"];
    let mut data = vec![
        ("kind", text(*draw.pick(&kinds))),
        ("place.code", text(*draw.pick(&NODES))),
        ("place.name", text("柳渠路隧道口")),
    ];
    if draw.chance(60) {
        data.push(("depth_cm", Value::Integer(draw.between(1, 180))));
    }
    if draw.chance(30) {
        data.push(("hazard", text(draw.pick(&INCIDENTS).1)));
    }
    if draw.chance(30) {
        data.push(("people_trapped", Value::Integer(draw.between(0, 40))));
    }
    if draw.chance(30) {
        data.push(("rain_mm_h", Value::Decimal(Decimal { unscaled: draw.between(0, 2_019), scale: 1 })));
    }
    data
}

fn warning(draw: &mut Draw) -> Data {
    let mut data = vec![("hazard", text(*draw.pick(&["rainstorm", "typhoon", "epidemic"])))];
    if draw.chance(90) {
        data.push(("colour", text(draw.pick(Colour::ALL).as_str())));
        data.push(("valid_h", Value::Integer(draw.between(1, 48))));
    } else {
        data.push(("msgtype", text("cancel")));
    }
    data
}

fn spending(draw: &mut Draw, number: usize) -> Data {
    vec![
        ("request", text(format!("pg-sp-{number}"))),
        ("category", text(*draw.pick(&["pump_rental", "meals", "sandbags"]))),
        ("amount.minor", Value::Integer(draw.between(1, 20_000_000))),
        ("amount.currency", text("CNY")),
        ("quotes", Value::Integer(draw.between(0, 3))),
        ("life_safety", Value::Flag(draw.chance(20))),
    ]
}

fn order(draw: &mut Draw) -> Data {
    let scheme = ("scheme", text(draw.pick(&INCIDENTS).2));
    match draw.count(3) {
        0 => vec![("kind", text("stand_down")), ("hazard_cleared", Value::Flag(draw.chance(50)))],
        1 => vec![("kind", text("close_road")), ("target", text("柳渠路")), ("hours", Value::Integer(6))],
        _ => vec![("kind", text("response_level")), ("level", text(draw.pick(Level::ALL).as_str())), scheme],
    }
}

fn answered(draw: &mut Draw) -> (&'static str, String, Data) {
    let kind = *draw.pick(&["callout.acknowledged", "callout.en_route", "callout.reported_in", "callout.released"]);
    let source = if kind == "callout.released" {
        "urn:app:muster:street:990103901"
    } else {
        *draw.pick(&["urn:org:cn:990100:drainage", "urn:org:cn:990100:rescue"])
    };
    let data = vec![("callout", text("pg-callout-1")), ("headcount", Value::Integer(draw.between(1, 30)))];
    (kind, source.to_owned(), data)
}

fn figures(draw: &mut Draw) -> Data {
    let mut data = vec![("stage", text(*draw.pick(&["provisional", "verified", "correction"])))];
    for name in ["dead", "missing", "injured", "trapped", "evacuated", "confirmed"] {
        if draw.chance(40) {
            data.push((name, Value::Integer(draw.between(0, 30))));
        } else if draw.chance(20) {
            data.push((name, Value::Unknown));
        }
    }
    data
}

/// The rest of the day's work: tasks, service, residents, resources, reports, signatures.
fn progress(draw: &mut Draw, node: &str, number: usize) -> (&'static str, String, Data) {
    let street = format!("urn:app:muster:street:{node}");
    let team = ("team", text(format!("team-{}", draw.count(3))));
    match draw.count(7) {
        0 => ("task.updated", street, vec![("task", text("t-1")), ("state", text("done"))]),
        1 => ("volunteer.checked_in", street, vec![team, ("headcount", Value::Integer(draw.between(1, 20)))]),
        2 => ("volunteer.checked_out", street, vec![team, ("verified_by", text("street-desk"))]),
        3 => ("feedback.received", street, vec![("case", text(format!("case-{number}"))), ("class", text("general"))]),
        4 => {
            let items = [("items.0.type", text("boat")), ("items.0.qty", Value::Integer(draw.between(1, 12)))];
            let mut data = vec![("request", text(format!("pg-rs-{number}")))];
            data.extend(items);
            ("resource.requested", street, data)
        }
        5 => ("report.submitted", street, vec![("report_kind", text("first")), ("channel", text("phone"))]),
        6 => {
            let request = ("request", text(format!("pg-sp-{}", draw.count(40))));
            ("approval.decided", "urn:org:cn:990100:hq".into(), vec![request, ("decision", text("approved"))])
        }
        _ => ("siren.tested", street, vec![("well", Value::Flag(true))]),
    }
}

/// Well-formed, and at the edge: unknown values, extreme numbers and instants, odd text, many attributes.
fn unusual(draw: &mut Draw, event: &mut Event) {
    for attribute in &mut event.attributes {
        if draw.chance(40) {
            attribute.value = odd_value(draw);
        }
    }
    match draw.count(4) {
        0 => event.occurred = *draw.pick(&[Instant::MIN, Instant::MAX, Instant::from_millis(0)]),
        1 => event.subject = Some((*draw.pick(&ODD_TEXTS)).to_owned()),
        2 => event.incident = Some("no-such-incident".into()),
        3 => {
            let more = 20 + draw.count(80);
            event.attributes.extend((0..more).map(|number| Attribute::new(format!("more.{number}"), odd_value(draw))));
        }
        _ => event.attributes.push(Attribute::new("note", text("水情".repeat(200 + draw.count(800))))),
    }
}

pub(super) fn odd_text(draw: &mut Draw) -> String {
    (*draw.pick(&ODD_TEXTS)).to_owned()
}

fn odd_value(draw: &mut Draw) -> Value {
    match draw.count(6) {
        0 => Value::Unknown,
        1 => Value::Flag(draw.chance(50)),
        2 => Value::Integer(*draw.pick(&BOUNDARY_AMOUNTS)),
        3 => Value::Decimal(Decimal { unscaled: *draw.pick(&[i64::MAX, 1, 0]), scale: Decimal::SCALE_MAX }),
        4 => Value::Instant(*draw.pick(&[Instant::MIN, Instant::MAX])),
        _ => text(*draw.pick(&ODD_TEXTS)),
    }
}

/// Meant to break its reader, within what the intake lets through.
fn hostile(draw: &mut Draw, event: &mut Event) {
    match draw.count(5) {
        0 => {
            let texts = draw.count(EVENT_TEXT_BYTES_MAX / TEXT_BYTES_MAX - 1) + 1;
            let giant = "险".repeat(TEXT_BYTES_MAX / "险".len());
            event.attributes.extend((0..texts).map(|number| Attribute::new(format!("text.{number}"), text(&giant))));
        }
        1 => {
            let room = ATTRIBUTES_MAX - event.attributes.len();
            let deep = vec!["0"; DEPTH_MAX - 1].join(".");
            event.attributes.extend(
                (0..room).map(|number| Attribute::new(format!("items.{deep}.{number}"), Value::Integer(i64::MIN + 1))),
            );
        }
        2 => {
            for attribute in &mut event.attributes {
                attribute.value = text(hostile_text(draw));
            }
        }
        3 => {
            for attribute in &mut event.attributes {
                attribute.value = Value::Integer(*draw.pick(&[-1, i64::MIN, i64::MAX]));
            }
        }
        4 => {
            // The same keys over and over: only the first may count.
            let again: Vec<Attribute> = event.attributes.iter().cycle().take(400).cloned().collect();
            event.attributes.extend(again);
        }
        _ => {
            // The intake asks that kind and source are not empty, and nothing more.
            event.kind = format!("k{}", hostile_text(draw));
            event.source = format!("s{}", hostile_text(draw));
            event.place = hostile_text(draw);
            event.incident = Some(hostile_text(draw));
        }
    }
}

pub(super) fn hostile_text(draw: &mut Draw) -> String {
    (*draw.pick(&HOSTILE_TEXTS)).to_owned()
}

/// An instant near that of the scene, in steps of a minute.
pub(super) fn around(draw: &mut Draw, hours: i64) -> Instant {
    scene::now() + Milliseconds::minutes(draw.between(-60 * hours, 60 * hours))
}
