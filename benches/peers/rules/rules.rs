//! The thirty rules, once in Rust: the native floor, Muster's guest and Extism's guest all compile this one file.
//!
//! What is not known stays `None` and holds no rule that needs it; it is never zero and never "no". The file knows no
//! engine: whoever compiles it says the question in [`Facts`] and gives the [`Outcome`]s on.

use std::borrow::Cow;

/// Half an hour: a signal that took longer to come in is a finding.
const LATE_MILLISECONDS: i64 = 30 * 60 * 1_000;

/// What a rule that holds proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The rule.
    pub rule: Cow<'static, str>,
    /// What is to be done.
    pub kind: Cow<'static, str>,
    /// How much, how far, how soon: what the kind needs.
    pub parameter: i64,
    /// Why, for people.
    pub sentence: Cow<'static, str>,
}

/// The question as far as any rule reads it.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    now: i64,
    /// When it happened, in milliseconds.
    pub occurred: i64,
    /// Whether people's lives are known to be at stake.
    pub life_safety: bool,
    /// The hazard is over.
    pub hazard_cleared: bool,
    /// Stage of the incident.
    pub stage: &'a str,
    /// Mode of the node.
    pub mode: &'a str,
    /// The level in force: 4 is the lowest, 1 the highest.
    pub level: Option<i64>,
    /// The level that a node above has put in force.
    pub floor: Option<i64>,
    kind: Option<&'a str>,
    place_kind: Option<&'a str>,
    colour: Option<&'a str>,
    depth_cm: Option<i64>,
    rain_mm: Option<i64>,
    river_over_cm: Option<i64>,
    pumps_running: Option<i64>,
    trapped: Option<i64>,
    lanes_blocked: Option<i64>,
    vehicles: Option<i64>,
    visibility_m: Option<i64>,
    wind_level: Option<i64>,
    road_closed: Option<bool>,
    power_out: Option<bool>,
    dangerous_goods: Option<bool>,
    evacuated: Option<bool>,
    school_near: Option<bool>,
    provisional_figures: i64,
    unknown_figures: i64,
    tunnel: bool,
}

impl<'a> Facts<'a> {
    /// Nothing is known yet but when the question is put, in milliseconds.
    pub fn at(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    /// A text of the event.
    pub fn word(&mut self, key: &str, word: &'a str) {
        match key {
            "kind" => self.kind = Some(word),
            "place_kind" => self.place_kind = Some(word),
            "colour" => self.colour = Some(word),
            _ => {}
        }
    }

    /// A whole number of the event.
    pub fn number(&mut self, key: &str, number: i64) {
        match key {
            "depth_cm" => self.depth_cm = Some(number),
            "rain_mm" => self.rain_mm = Some(number),
            "river_over_cm" => self.river_over_cm = Some(number),
            "pumps_running" => self.pumps_running = Some(number),
            "trapped" => self.trapped = Some(number),
            "lanes_blocked" => self.lanes_blocked = Some(number),
            "vehicles" => self.vehicles = Some(number),
            "visibility_m" => self.visibility_m = Some(number),
            "wind_level" => self.wind_level = Some(number),
            _ => {}
        }
    }

    /// A yes or no of the event.
    pub fn flag(&mut self, key: &str, flag: bool) {
        match key {
            "road_closed" => self.road_closed = Some(flag),
            "power_out" => self.power_out = Some(flag),
            "dangerous_goods" => self.dangerous_goods = Some(flag),
            "evacuated" => self.evacuated = Some(flag),
            "school_near" => self.school_near = Some(flag),
            _ => {}
        }
    }

    /// A figure of the incident.
    pub fn figure(&mut self, value: Option<i64>, provisional: bool) {
        self.provisional_figures += i64::from(provisional);
        self.unknown_figures += i64::from(value.is_none());
    }

    /// A tag of the incident.
    pub fn tag(&mut self, tag: &str) {
        self.tunnel |= tag == "tunnel";
    }
}

/// What the rules propose, in the order of their ids.
pub fn decide(facts: &Facts<'_>) -> Vec<Outcome> {
    let mut found = Found(Vec::with_capacity(8));
    water(facts, &mut found);
    weather(facts, &mut found);
    people(facts, &mut found);
    road(facts, &mut found);
    incident(facts, &mut found);
    found.0
}

struct Found(Vec<Outcome>);

impl Found {
    fn add(&mut self, rule: &'static str, kind: &'static str, parameter: i64, sentence: impl Into<Cow<'static, str>>) {
        let sentence = sentence.into();
        self.0.push(Outcome { rule: rule.into(), kind: kind.into(), parameter, sentence });
    }
}

fn water(facts: &Facts<'_>, found: &mut Found) {
    let underpass = facts.place_kind == Some("underpass");
    let ponding = facts.kind == Some("ponding");
    if let Some(depth) = facts.depth_cm {
        if underpass && depth >= 27 && facts.road_closed != Some(true) {
            found.add("F01", "close_road", 200, format!("{depth} cm of water in an underpass: close the road"));
        }
        if underpass && (15..27).contains(&depth) {
            found.add("F02", "warn_drivers", 15, format!("{depth} cm of water in an underpass: put up signs"));
        }
    } else if ponding {
        found.add("F03", "inspect", 20, "Nobody knows how deep the water is: someone measures");
    }
    match (facts.depth_cm, facts.pumps_running) {
        (Some(depth), Some(pumps)) if ponding && depth >= 20 && pumps < 2 => {
            found.add("F04", "send_pumps", depth * 4, format!("{depth} cm of water and {pumps} pumps at work"));
        }
        (Some(depth), None) if ponding && depth >= 20 => {
            found.add("F05", "ask_pumps", 10, format!("{depth} cm of water, and nobody knows how many pumps work"));
        }
        _ => {}
    }
    if let Some(over) = facts.river_over_cm {
        if (0..50).contains(&over) {
            found.add("F06", "patrol_dike", 2, format!("The river is {over} cm above its warning stage"));
        }
        if over >= 50 {
            found.add("F07", "evacuate_low", over * 10, format!("The river is {over} cm above its warning stage"));
        }
        if over >= 50 && facts.evacuated == Some(false) {
            found.add("F08", "call_out", 30, "The river rises, and people are still in the low part");
        }
    }
    if let Some(depth) = facts.depth_cm.filter(|depth| facts.tunnel && *depth >= 10) {
        found.add("F09", "watch_tunnel", 30, format!("{depth} cm of water near a tunnel"));
    }
    let wet = facts.depth_cm.is_some_and(|depth| depth >= 30) || facts.rain_mm.is_some_and(|rain| rain >= 50);
    if facts.stage == "prevent" && wet {
        found.add("F10", "set_stage", 2, "Prevention is over: the water is here");
    }
}

fn weather(facts: &Facts<'_>, found: &mut Found) {
    if let Some(rain) = facts.rain_mm {
        if rain >= 50 && facts.level.is_none() {
            found.add("F11", "recommend_level", 3, format!("{rain} mm in an hour, and no level is in force"));
        }
        if rain >= 100 && facts.level.is_none_or(|level| level > 2) {
            found.add("F12", "recommend_level", 2, format!("{rain} mm in an hour"));
        }
        if rain >= 30 && facts.kind == Some("landslide") {
            found.add("F13", "evacuate_slope", 500, format!("A slope slides, and {rain} mm fell in an hour"));
        }
    }
    if facts.colour == Some("red") && facts.mode != "emergency" {
        found.add("F14", "set_mode", 1, "A red warning is in force");
    }
    if matches!(facts.colour, Some("orange" | "red")) && facts.school_near == Some(true) {
        found.add("F15", "close_school", 12, "A school lies where the warning holds");
    }
    if let Some(wind) = facts.wind_level.filter(|wind| *wind >= 8) {
        found.add("F16", "secure_cranes", wind, format!("Wind of level {wind}"));
    }
}

fn people(facts: &Facts<'_>, found: &mut Found) {
    if let Some(trapped) = facts.trapped {
        if trapped >= 1 {
            found.add("F17", "rescue", trapped, format!("{trapped} people are trapped"));
        }
        if trapped >= 10 && !facts.life_safety {
            found.add("F18", "set_life_safety", 1, format!("{trapped} people are trapped: lives are at stake"));
        }
    } else if facts.depth_cm.is_some_and(|depth| depth >= 50) {
        found.add("F19", "count_people", 10, "Deep water, and nobody knows who is in it");
    }
    if facts.power_out == Some(true) && facts.place_kind == Some("metro_entrance") {
        found.add("F20", "stop_metro", 5, "No power at a metro entrance");
    }
}

fn road(facts: &Facts<'_>, found: &mut Found) {
    let collision = facts.kind == Some("collision");
    if let Some(lanes) = facts.lanes_blocked.filter(|lanes| collision && *lanes >= 1) {
        found.add("R21", "divert", lanes, format!("{lanes} lanes are blocked by a collision"));
    }
    if collision && facts.dangerous_goods == Some(true) {
        found.add("R22", "perimeter", 500, "Dangerous goods in a collision");
    }
    if collision && facts.dangerous_goods.is_none() {
        found.add("R23", "ask_cargo", 10, "A collision, and nobody knows what was on board");
    }
    if let (Some(visibility), Some(vehicles)) = (facts.visibility_m, facts.vehicles)
        && visibility < 200
        && vehicles >= 3
    {
        found.add("R24", "limit_speed", 40, format!("{vehicles} vehicles, and one sees {visibility} m far"));
    }
    if facts.kind == Some("road_collapse") && facts.lanes_blocked.is_none_or(|lanes| lanes >= 2) {
        found.add("R25", "close_road", 300, "The road caved in");
    }
    if let Some(vehicles) = facts.vehicles.filter(|vehicles| *vehicles >= 5 && facts.road_closed == Some(false)) {
        found.add("R26", "tow", vehicles, format!("{vehicles} vehicles stand on an open road"));
    }
}

fn incident(facts: &Facts<'_>, found: &mut Found) {
    if let Some(floor) = facts.floor.filter(|floor| facts.level.is_none_or(|level| level > *floor)) {
        found.add("I27", "raise_to_floor", floor, format!("Above, level {floor} is in force"));
    }
    if facts.provisional_figures >= 2 {
        let figures = facts.provisional_figures;
        found.add("I28", "verify_figures", figures, format!("{figures} figures are provisional"));
    }
    if facts.unknown_figures >= 1 {
        found.add("I29", "ask_figures", 60, "A figure is not known");
    }
    if facts.now - facts.occurred > LATE_MILLISECONDS && !facts.hazard_cleared {
        found.add("I30", "late_signal", 30, "The signal took more than half an hour");
    }
}
