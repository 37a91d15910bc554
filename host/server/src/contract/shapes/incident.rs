//! Incidents with all that belongs to them, findings, and what everybody may see.

use muster_kernel::{CalloutKind, FigureStage, FindingStatus, Level, MeasureStatus, Mode, RiskStage};
use serde_json::{Value as Json, json};

use super::super::schema::{
    Schema, any_of, count, digest, flag, instant, list, maybe, meaning, named, object, one_of, text, whole,
};
use super::Named;

pub(super) fn shapes() -> Vec<Named> {
    vec![
        ("Level", one_of(Level::ALL.iter().map(|level| level.as_str()))),
        ("Incident", incident(&[])),
        ("Incidents", page("incidents", "Incident")),
        ("IncidentInFull", incident(&in_full())),
        ("Finding", finding()),
        ("Findings", page("findings", "Finding")),
        ("Task", task()),
        ("PublicView", public()),
    ]
}

fn page(rows: &str, of: &str) -> Schema {
    object([(rows, list(named(of))), ("next", maybe(meaning(text(), "the `from` of the next page")))])
}

fn stage() -> Schema {
    one_of(RiskStage::ALL.iter().map(|stage| stage.as_str()))
}

fn mode() -> Schema {
    one_of(Mode::ALL.iter().map(|mode| mode.as_str()))
}

/// An incident, with more fields.
fn incident(more: &[(&str, Schema)]) -> Schema {
    let level = object([
        ("recommended", maybe(named("Level"))),
        ("in_force", maybe(named("Level"))),
        ("floor", meaning(maybe(named("Level")), "the level of a body above: none below it counts")),
    ]);
    let mut schema = object([
        ("id", text()),
        ("name", text()),
        ("hazard", text()),
        ("scheme", text()),
        ("node", text()),
        ("place", maybe(text())),
        ("opened", instant()),
        ("stage", meaning(stage(), "防、控、治、消")),
        ("mode", meaning(mode(), "常态、应急")),
        ("life_safety", flag()),
        ("level", level),
        ("part_of", maybe(text())),
        ("commander", maybe(text())),
        ("hazard_cleared", meaning(maybe(flag()), "`null`: nobody has said or measured anything")),
        ("closed", maybe(instant())),
    ]);
    for (name, field) in more {
        schema["properties"][name] = field.clone();
        schema["required"].as_array_mut().into_iter().for_each(|required| required.push(json!(name)));
    }
    schema
}

fn in_full() -> [(&'static str, Schema); 11] {
    [
        ("names", list(text())),
        ("signals", meaning(count(), "how many")),
        ("figures", list(figure())),
        ("levels", list(level())),
        ("callouts", list(callout())),
        ("measures", list(measure())),
        ("tasks", list(named("Task"))),
        ("reports", list(report())),
        ("spending", list(spend())),
        ("grants", list(grant())),
        ("findings", list(named("Finding"))),
    ]
}

fn figure() -> Schema {
    object([
        ("name", text()),
        ("value", meaning(maybe(whole()), "`null` is unknown, never zero")),
        ("stage", one_of(FigureStage::ALL.iter().map(|stage| stage.as_str()))),
        ("as_of", instant()),
        ("source", text()),
    ])
}

fn level() -> Schema {
    let confirmation = object([("level", named("Level")), ("by", text()), ("due", instant())]);
    object([
        ("scheme", text()),
        ("node", text()),
        ("recommended", maybe(named("Level"))),
        ("in_force", maybe(named("Level"))),
        ("since", maybe(instant())),
        ("ordered", flag()),
        ("confirmation", maybe(confirmation)),
    ])
}

fn callout() -> Schema {
    let call = object([
        ("party", text()),
        ("person", maybe(text())),
        ("acknowledged", maybe(instant())),
        ("acknowledged_by", maybe(text())),
        ("en_route", maybe(instant())),
        ("planned", maybe(instant())),
        ("reported_in", maybe(instant())),
        ("released", maybe(instant())),
        ("missed", list(one_of(["acknowledge", "arrive", "plan"]))),
    ]);
    object([
        ("id", text()),
        ("names", list(text())),
        ("kind", one_of(CalloutKind::ALL.iter().map(|kind| kind.as_str()))),
        ("caller", text()),
        ("place", text()),
        ("issued", instant()),
        ("acknowledge_by", maybe(instant())),
        ("arrive_by", maybe(instant())),
        ("plan_by", maybe(instant())),
        ("called", list(call)),
    ])
}

fn measure() -> Schema {
    object([
        ("id", text()),
        ("kind", text()),
        ("node", text()),
        ("target", maybe(text())),
        ("status", one_of(MeasureStatus::ALL.iter().map(|status| status.as_str()))),
        ("deciders", list(text())),
        ("decide_by", maybe(instant())),
        ("starts", maybe(instant())),
        ("scope", list(text())),
        ("exceptions", list(text())),
        ("confirmed", maybe(instant())),
    ])
}

fn task() -> Schema {
    object([
        ("id", text()),
        ("kind", text()),
        ("to", text()),
        ("node", text()),
        ("place", maybe(text())),
        ("due", maybe(instant())),
        ("items", meaning(count(), "how many like items it stands for")),
        ("life_safety", flag()),
        ("state", meaning(text(), "`open`, or what was last said of it")),
        ("claim", maybe(text())),
        ("said_by", maybe(text())),
    ])
}

fn report() -> Schema {
    object([
        ("id", text()),
        ("kind", text()),
        ("node", text()),
        ("to", text()),
        ("due", instant()),
        ("submitted", maybe(instant())),
    ])
}

fn spend() -> Schema {
    let verdict: Json = one_of(["allowed", "second_signature", "routed", "refused"]);
    object([
        ("request", text()),
        ("node", text()),
        ("category", text()),
        ("vendor", maybe(text())),
        ("amount_minor", whole()),
        ("reserved_minor", whole()),
        ("currency", meaning(text(), "ISO 4217: of both amounts")),
        ("verdict", verdict),
        ("waits_for", maybe(text())),
        ("requested", instant()),
    ])
}

fn grant() -> Schema {
    object([
        ("id", text()),
        ("node", text()),
        ("grantor", text()),
        ("powers", list(text())),
        ("multiplier_permille", count()),
        ("cap_minor", maybe(whole())),
        ("used_minor", whole()),
        ("starts", instant()),
        ("expires", instant()),
        ("in_force", flag()),
        ("supervisor", text()),
    ])
}

fn finding() -> Schema {
    object([
        ("id", text()),
        ("code", text()),
        ("node", text()),
        ("subject", maybe(text())),
        ("incident", maybe(text())),
        ("raised", instant()),
        ("status", one_of(FindingStatus::ALL.iter().map(|status| status.as_str()))),
        ("answer", maybe(text())),
        ("answer_by", maybe(instant())),
    ])
}

fn public() -> Schema {
    let measure = object([
        ("kind", text()),
        ("place", maybe(text())),
        ("scope", list(text())),
        ("exceptions", list(text())),
        ("starts", maybe(instant())),
        ("ends", maybe(instant())),
        ("radius_metres", maybe(count())),
    ]);
    let incident = object([
        ("hazard", text()),
        ("place", maybe(text())),
        ("opened", instant()),
        ("closed", maybe(instant())),
        ("level", maybe(named("Level"))),
        ("stage", stage()),
        ("mode", mode()),
        ("measures", list(measure)),
    ]);
    object([
        ("as_of", instant()),
        ("seq", count()),
        ("head", digest()),
        ("incidents", list(incident)),
        ("rates", any_of(vec![named("RegisterRates"), json!({"type": "null"})])),
    ])
}
