//! The thirty rules as an Extism plugin: JSON in, JSON out, as its users do it.

#[path = "../../rules/rules.rs"]
pub mod rules;

use std::borrow::Cow;

use extism_pdk::{FnResult, Json, plugin_fn};
use serde::{Deserialize, Serialize};

use rules::{Facts, Outcome};

/// The question as far as a rule reads it: serde passes over the rest.
#[derive(Deserialize)]
struct Question {
    now: i64,
    event: Event,
    data: Data,
    incident: Incident,
}

#[derive(Deserialize)]
struct Event {
    occurred: i64,
}

/// What is not known is absent.
#[derive(Deserialize)]
struct Data {
    kind: Option<String>,
    place_kind: Option<String>,
    colour: Option<String>,
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
}

#[derive(Deserialize)]
struct Incident {
    stage: String,
    mode: String,
    life_safety: bool,
    hazard_cleared: bool,
    response: Response,
    floor: Option<i64>,
    figures: Vec<Figure>,
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Response {
    in_force: Option<i64>,
}

#[derive(Deserialize)]
struct Figure {
    value: Option<i64>,
    stage: String,
}

#[derive(Serialize)]
struct Proposed {
    rule: Cow<'static, str>,
    kind: Cow<'static, str>,
    parameter: i64,
    sentence: Cow<'static, str>,
}

/// Answers with what the rules propose.
#[plugin_fn]
pub fn decide(Json(question): Json<Question>) -> FnResult<Json<Vec<Proposed>>> {
    let outcomes = rules::decide(&read(&question));
    let proposed = outcomes.into_iter().map(|Outcome { rule, kind, parameter, sentence }| Proposed {
        rule,
        kind,
        parameter,
        sentence,
    });
    Ok(Json(proposed.collect()))
}

fn read(question: &Question) -> Facts<'_> {
    let (incident, data) = (&question.incident, &question.data);
    let mut facts = Facts::at(question.now);
    facts.occurred = question.event.occurred;
    facts.life_safety = incident.life_safety;
    facts.hazard_cleared = incident.hazard_cleared;
    facts.stage = &incident.stage;
    facts.mode = &incident.mode;
    facts.level = incident.response.in_force;
    facts.floor = incident.floor;
    let words = [("kind", &data.kind), ("place_kind", &data.place_kind), ("colour", &data.colour)];
    for (key, word) in words {
        word.iter().for_each(|word| facts.word(key, word));
    }
    let numbers = [
        ("depth_cm", data.depth_cm),
        ("rain_mm", data.rain_mm),
        ("river_over_cm", data.river_over_cm),
        ("pumps_running", data.pumps_running),
        ("trapped", data.trapped),
        ("lanes_blocked", data.lanes_blocked),
        ("vehicles", data.vehicles),
        ("visibility_m", data.visibility_m),
        ("wind_level", data.wind_level),
    ];
    for (key, number) in numbers {
        number.iter().for_each(|number| facts.number(key, *number));
    }
    let flags = [
        ("road_closed", data.road_closed),
        ("power_out", data.power_out),
        ("dangerous_goods", data.dangerous_goods),
        ("evacuated", data.evacuated),
        ("school_near", data.school_near),
    ];
    for (key, flag) in flags {
        flag.iter().for_each(|flag| facts.flag(key, *flag));
    }
    incident.figures.iter().for_each(|figure| facts.figure(figure.value, figure.stage == "provisional"));
    incident.tags.iter().for_each(|tag| facts.tag(tag));
    facts
}
