//! The ladder against the SDK's host: when a hazard is over, and what waits.

use muster_sdk::escalation::{DueTimer, Matter, Occasion, Question, Watch};
use muster_sdk::testing::Harness;
use muster_sdk::{
    Act, Attribute, Attributes as _, Effect, Escalation as _, Event, HOUR, Incident, MINUTE, Mode, RiskStage, Tier,
    TimerOrder, Value, Warning, types,
};

use crate::Ladder;

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn incident(hazard: &str) -> Incident {
    let response = types::Response {
        scheme: "flood".into(),
        node: "city".into(),
        recommended: None,
        in_force: None,
        since: None,
        ordered: false,
    };
    Incident {
        id: "i".into(),
        name: "i".into(),
        names: Vec::new(),
        scheme: "flood".into(),
        hazard: hazard.into(),
        node: "city".into(),
        opened: 0,
        stage: RiskStage::Control,
        mode: Mode::Emergency,
        life_safety: true,
        response,
        floor: None,
        figures: Vec::new(),
        commander: None,
        hazard_cleared: false,
        projected_end: None,
        parent: None,
        tags: Vec::new(),
    }
}

fn event(kind: &str, source: &str, node: &str, occurred: i64, fields: &[(&str, Value)]) -> Event {
    let field = |(key, value): &(&str, Value)| Attribute { key: (*key).into(), value: value.clone() };
    Event {
        id: "1".into(),
        source: source.into(),
        kind: format!("gov.muster.{kind}"),
        subject: None,
        occurred,
        recorded: occurred,
        node: node.into(),
        place: node.into(),
        incident: None,
        exercise: false,
        attributes: fields.iter().map(field).collect(),
    }
}

fn host() -> Harness {
    let weather = [("hazard", text("rainstorm|tunnel_inrush")), ("when", text("no_warning")), ("rule", text("M"))];
    let gas = [
        ("hazard", text("gas")),
        ("kind", text("gas_reading")),
        ("when", text("readings")),
        ("rule", text("P")),
        ("field", text("lel_pct")),
        ("high", Value::Integer(20)),
        ("low", Value::Integer(10)),
        ("minutes_apart", Value::Integer(10)),
        ("sources", Value::Integer(2)),
        ("valves", Value::Flag(true)),
    ];
    Harness::new()
        .text("valve_words", "valve")
        .text("levels.confirm_from", "I")
        .integer("levels.confirm_within_minutes", 15)
        .row("hazard_over", &weather)
        .row("hazard_over", &gas)
        .add_node("city", Tier::City, None)
        .add_node("district", Tier::District, Some("city"))
}

/// What the ladder says to one event of an incident, and the host afterwards.
fn ask(host: Harness, now: i64, kind: &str, event: Event, incident: Incident) -> (Vec<Effect>, Harness) {
    let question = Question {
        now,
        occasion: Occasion::Event(event),
        classification: Some(kind.into()),
        matter: Matter::Incident(incident),
    };
    host.run(|| Ladder::assess(question))
}

fn cleared(effects: &[Effect]) -> Option<bool> {
    effects.iter().find_map(|effect| match effect.act {
        Act::ClearHazard(cleared) => Some(cleared),
        _ => None,
    })
}

fn order(at: i64, node: &str) -> Event {
    event("order.issued", "urn:hq", node, at, &[("kind", text("service_stop"))])
}

fn warned(at: i64, node: &str, colour: &str) -> Event {
    let fields = [("hazard", text("rainstorm")), ("colour", text(colour))];
    event("warning.received", "urn:weather", node, at, &fields)
}

fn warning(node: &str, expires: i64) -> Warning {
    Warning {
        hazard: "rainstorm".into(),
        node: node.into(),
        colour: Some(muster_sdk::Colour::Red),
        issued: 0,
        expires: Some(expires),
        source: "urn:weather".into(),
    }
}

#[test]
fn a_hazard_that_no_warning_spoke_of_is_not_over_because_none_does() {
    let host = host().warning(warning("city", 6 * HOUR));
    let (effects, host) = ask(host, HOUR, "order", order(HOUR, "city"), incident("tunnel_inrush"));
    assert_eq!(cleared(&effects), None, "people are in the tunnel; the rain's warnings say nothing of it");
    let (effects, _) = ask(host, 7 * HOUR, "order", order(7 * HOUR, "city"), incident("tunnel_inrush"));
    assert_eq!(cleared(&effects), None);
    let (effects, _) = ask(self::host(), HOUR, "order", order(HOUR, "city"), incident("rainstorm"));
    assert_eq!(cleared(&effects), None, "it was opened by a signal, before any warning");
}

#[test]
fn weather_is_over_when_its_last_warning_lapsed_and_back_with_the_next() {
    let host = host().warning(warning("city", 6 * HOUR));
    let (effects, host) = ask(host, HOUR, "warning", warned(HOUR, "city", "red"), incident("rainstorm"));
    assert_eq!(cleared(&effects), None);
    let (effects, host) = ask(host, 7 * HOUR, "order", order(7 * HOUR, "city"), incident("rainstorm"));
    assert_eq!(cleared(&effects), Some(true));
    let over = Incident { hazard_cleared: true, ..incident("rainstorm") };
    let host = host.warning(warning("city", 20 * HOUR));
    let (effects, _) = ask(host, 8 * HOUR, "warning", warned(8 * HOUR, "city", "red"), over);
    assert_eq!(cleared(&effects), Some(false));
}

#[test]
fn a_warning_below_the_incident_keeps_its_hazard_there() {
    let host = host().warning(warning("district", 6 * HOUR));
    let (effects, host) = ask(host, HOUR, "warning", warned(HOUR, "district", "red"), incident("rainstorm"));
    assert_eq!(cleared(&effects), None, "the red warning itself");
    let (effects, host) = ask(host, 2 * HOUR, "order", order(2 * HOUR, "city"), incident("rainstorm"));
    assert_eq!(cleared(&effects), None, "an order of the city, which knows no warning of its own");
    let (effects, _) = ask(host, 7 * HOUR, "order", order(7 * HOUR, "city"), incident("rainstorm"));
    assert_eq!(cleared(&effects), Some(true), "it lapsed");
}

#[test]
fn the_end_of_a_warning_below_that_nobody_had_seen_says_nothing_of_the_whole() {
    let (effects, _) = ask(host(), HOUR, "warning", warned(HOUR, "district", "none"), incident("rainstorm"));
    assert_eq!(cleared(&effects), None);
    let (effects, _) = ask(host(), HOUR, "warning", warned(HOUR, "city", "none"), incident("rainstorm"));
    assert_eq!(cleared(&effects), Some(true));
}

fn reading(source: &str, at: i64, percent: i64) -> Event {
    event("signal.reported", source, "city", at, &[("lel_pct", Value::Integer(percent))])
}

fn valves(at: i64) -> Event {
    let fields = [("state", text("done")), ("claim", text("every valve is closed"))];
    event("task.updated", "urn:gas", "city", at, &fields)
}

/// What the last of several events did to the hazard of a gas incident; each arrives at the minute beside it.
fn after(events: Vec<(i64, Event)>) -> Option<bool> {
    let mut host = host();
    let mut last = None;
    for (minute, event) in events {
        let (effects, next) = ask(host, minute * MINUTE, "gas_reading", event, incident("gas"));
        last = cleared(&effects);
        host = next;
    }
    last
}

#[test]
fn low_readings_from_before_the_alarm_do_not_count() {
    let (one, two) = ("urn:sensor:1", "urn:sensor:2");
    let late = vec![
        (120, reading(one, 120 * MINUTE, 55)),
        (122, valves(122 * MINUTE)),
        (125, reading(one, 60 * MINUTE, 6)),
        (126, reading(two, 126 * MINUTE, 4)),
    ];
    assert_eq!(after(late.clone()), None, "one low reading six minutes after the alarm");
    let more = [late, vec![(137, reading(one, 137 * MINUTE, 5))]].concat();
    assert_eq!(after(more), Some(true), "a second one eleven minutes later, from the other source");
}

#[test]
fn how_long_it_was_low_is_measured_from_reading_to_reading() {
    let (one, two) = ("urn:sensor:1", "urn:sensor:2");
    let delayed =
        vec![(100, valves(100 * MINUTE)), (110, reading(one, 110 * MINUTE, 5)), (140, reading(two, 112 * MINUTE, 4))];
    assert_eq!(after(delayed), None, "two minutes apart, however late the second one came");
}

#[test]
fn what_was_said_of_the_valves_before_the_alarm_is_void() {
    let (one, two) = ("urn:sensor:1", "urn:sensor:2");
    let claimed_before = |claimed: i64| {
        vec![
            (100, reading(one, 100 * MINUTE, 55)),
            (101, valves(claimed * MINUTE)),
            (110, reading(one, 110 * MINUTE, 5)),
            (121, reading(two, 121 * MINUTE, 4)),
        ]
    };
    assert_eq!(after(claimed_before(90)), None);
    assert_eq!(after(claimed_before(101)), Some(true));
}

/// A row that waits ten minutes and then closes a road.
fn waiting(more: &[(&str, Value)]) -> Vec<(&'static str, Value)> {
    let mut cells = vec![
        ("rule", text("P")),
        ("zh", text("封路")),
        ("en", text("{depth_cm} cm: the road is closed")),
        ("effect", text("start")),
        ("measure", text("close_road")),
        ("after_minutes", Value::Integer(10)),
    ];
    for (key, value) in more {
        let key = ["kind", "hazard", "colour", "level", "scheme", "field", "at_least", "unseen", "remember"]
            .into_iter()
            .find(|known| known == key)
            .expect("a column");
        cells.push((key, value.clone()));
    }
    cells
}

fn timers(effects: Vec<Effect>) -> Vec<TimerOrder> {
    let timers = effects.into_iter().filter_map(|effect| match effect.act {
        Act::SetTimer(order) => Some(order),
        _ => None,
    });
    timers.collect()
}

/// What is done when a timer falls due.
fn fall_due(host: Harness, timer: TimerOrder, matter: Matter) -> (Vec<Effect>, Harness) {
    let due = DueTimer { key: timer.key, due: timer.at, details: timer.details };
    let question = Question { now: timer.at, occasion: Occasion::Timer(due), classification: None, matter };
    host.run(|| Ladder::assess(question))
}

fn ponding(source: &str, depth: i64) -> Event {
    event("signal.reported", source, "city", 0, &[("depth_cm", Value::Integer(depth))])
}

fn closes_the_road(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(&effect.act, Act::StartMeasure(measure) if measure.kind == "close_road"))
}

#[test]
fn a_row_that_waits_does_so_only_if_its_conditions_hold() {
    let deep = [("kind", text("ponding")), ("field", text("depth_cm")), ("at_least", Value::Integer(27))];
    let rows = || host().row("on_signal", &waiting(&deep));
    let (effects, _) = ask(rows(), 0, "ponding", ponding("urn:s", 3), incident("rainstorm"));
    assert!(effects.is_empty(), "3 cm close no road, not later either");
    let (effects, host) = ask(rows(), 0, "ponding", ponding("urn:s", 30), incident("rainstorm"));
    assert!(!closes_the_road(&effects), "not yet");
    let timer = timers(effects).pop().expect("it waits");
    assert_eq!(timer.at, 10 * MINUTE);
    let (effects, _) = fall_due(host, timer, Matter::Incident(incident("rainstorm")));
    assert!(closes_the_road(&effects));
    assert_eq!(effects[0].because.sentences[1].text, "30 cm: the road is closed");
}

#[test]
fn two_sensors_with_the_same_id_wait_each_for_itself() {
    let rows = || host().row("on_signal", &waiting(&[("kind", text("ponding"))]));
    let key = |source: &str| {
        let (effects, _) = ask(rows(), 0, "ponding", ponding(source, 30), incident("rainstorm"));
        timers(effects).pop().expect("it waits").key
    };
    assert_ne!(key("urn:sensor:1"), key("urn:sensor:2"));
}

#[test]
fn two_rows_of_one_event_wait_each_for_itself() {
    let row = waiting(&[("kind", text("ponding"))]);
    let (effects, _) =
        ask(host().row("on_signal", &row).row("on_signal", &row), 0, "ponding", ponding("urn:s", 30), incident("gas"));
    let timers = timers(effects);
    assert_eq!(timers.len(), 2);
    assert_ne!(timers[0].key, timers[1].key);
}

#[test]
fn rows_wait_in_every_table_that_takes_the_column() {
    let host = || {
        host()
            .row("on_warning", &waiting(&[("hazard", text("rainstorm")), ("colour", text("red"))]))
            .row("on_order", &waiting(&[("kind", text("service_stop"))]))
            .row("on_level", &waiting(&[("scheme", text("flood")), ("level", text("III"))]))
            .row("on_watch", &waiting(&[("hazard", text("rainstorm"))]))
    };
    let mut raised = incident("rainstorm");
    raised.response.in_force = Some(muster_sdk::Level::Ii);
    let level = ask(host(), 0, "act", event("note", "urn:s", "city", 0, &[]), raised).0;
    let warning = ask(host(), 0, "warning", warned(0, "city", "red"), incident("rainstorm")).0;
    let order = ask(host(), 0, "order", order(0, "city"), incident("rainstorm")).0;
    for (table, effects) in [("on_warning", warning), ("on_order", order), ("on_level", level)] {
        let timer = timers(effects).pop().unwrap_or_else(|| panic!("{table} does not wait"));
        let (effects, _) = fall_due(host(), timer, Matter::Incident(incident("rainstorm")));
        assert!(closes_the_road(&effects), "{table}");
    }
    let watch = Watch { id: "w".into(), hazard: "rainstorm".into(), node: "district".into(), until: None };
    let occasion = Occasion::Event(ponding("urn:s", 30));
    let question = Question { now: 0, occasion, classification: None, matter: Matter::Watch(watch) };
    let timer = timers(host().run(|| Ladder::assess(question)).0).pop().expect("on_watch waits");
    let (effects, _) = fall_due(host(), timer, Matter::None);
    assert!(
        effects.iter().any(|effect| matches!(&effect.act, Act::StartMeasure(measure) if measure.node == "district")),
        "it is done where the watch is"
    );
}

#[test]
fn once_is_once_also_while_it_waits() {
    let cells = [("kind", text("ponding")), ("unseen", text("closed")), ("remember", text("closed"))];
    let host = host().row("on_signal", &waiting(&cells));
    let (effects, host) = ask(host, 0, "ponding", ponding("urn:s", 30), incident("rainstorm"));
    let timer = timers(effects).pop().expect("it waits");
    let (again, host) = ask(host, MINUTE, "ponding", ponding("urn:t", 30), incident("rainstorm"));
    assert!(again.is_empty(), "the first one is on its way");
    assert!(closes_the_road(&fall_due(host, timer, Matter::Incident(incident("rainstorm"))).0));
}

#[test]
fn no_field_of_an_event_passes_for_a_row() {
    let host = host().row("on_signal", &waiting(&[("kind", text("ponding"))]));
    let fields = [("later.row.effect", text("mode")), ("later.at", text("district"))];
    let (effects, host) =
        ask(host, 0, "ponding", event("signal.reported", "urn:s", "city", 0, &fields), incident("rainstorm"));
    let timer = timers(effects).pop().expect("it waits");
    assert_eq!(timer.details.text("later.at"), Some("city"));
    assert!(closes_the_road(&fall_due(host, timer, Matter::Incident(incident("rainstorm"))).0));
}
