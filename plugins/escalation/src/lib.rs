//! Assess: the graded escalation ladder.
//!
//! What raises a level and what follows from it stands in the settings: `warning_level`, `warning_repeat` and
//! `figure_level` say how severe it is; `on_warning`, `on_signal`, `on_watch` and `on_level` say what to do, one row per
//! act, in words an official can read. This code holds no number, no hazard and no department.

mod acts;
mod condition;
mod levels;
mod text;

use muster_sdk::escalation::{Matter, Occasion, Question, Watch};
use muster_sdk::settings::{self, Row};
use muster_sdk::{
    Act, Attribute, Attributes, Effect, Escalation, Event, Finding, Incident, Level, MeasureStatus, Value, because,
    effect, facts, memory,
};

use acts::Scene;

struct Ladder;

impl Escalation for Ladder {
    fn assess(question: Question) -> Vec<Effect> {
        let Occasion::Event(event) = &question.occasion else { return Vec::new() };
        match &question.matter {
            Matter::Incident(incident) => Assessment::new(&question, event, incident).run(),
            Matter::Watch(watch) => on_watch(&question, event, watch),
            Matter::None => Vec::new(),
        }
    }
}

muster_sdk::policy! { escalation: Ladder }

/// What to do while there is only a watch.
fn on_watch(question: &Question, event: &Event, watch: &Watch) -> Vec<Effect> {
    let scene = Scene { now: question.now, event, place: &watch.node, scheme: "", level: None };
    let rows = settings::rows("on_watch", &[("hazard", &watch.hazard)]);
    scene.effects_of(&rows)
}

/// One event of an incident.
struct Assessment<'a> {
    question: &'a Question,
    event: &'a Event,
    incident: &'a Incident,
    effects: Vec<Effect>,
}

impl<'a> Assessment<'a> {
    fn new(question: &'a Question, event: &'a Event, incident: &'a Incident) -> Self {
        Self { question, event, incident, effects: Vec::new() }
    }

    fn run(mut self) -> Vec<Effect> {
        let advised = levels::advised(self.event, self.incident, self.classification());
        if let Some(advice) = &advised {
            let recommended = self.incident.response.recommended;
            if recommended.is_none_or(|recommended| advice.level as u8 > recommended as u8) {
                self.effects.push(advice.effect(self.incident));
            }
        }
        self.on_level(advised.map(|advice| advice.level));
        match self.event.kind.rsplit("muster.").next() {
            Some("warning.received") => self.on_warning(),
            Some("signal.reported") => self.on_signal(),
            _ => {}
        }
        self.effects
    }

    fn classification(&self) -> &str {
        self.question.classification.as_deref().unwrap_or_default()
    }

    fn scene(&self, place: &'a str, level: Option<Level>) -> Scene<'a> {
        Scene { now: self.question.now, event: self.event, place, scheme: &self.incident.scheme, level }
    }

    /// What follows when a level is reached for the first time, for each level that is passed.
    fn on_level(&mut self, advised: Option<Level>) {
        let holds = self.incident.response.in_force;
        let Some(reached) = levels::highest(holds, advised.map(levels::provisional)) else { return };
        let before = memory::get("level_reached").and_then(|value| match value {
            Value::Text(text) => Level::parse(&text),
            _ => None,
        });
        if before.is_some_and(|before| before as u8 >= reached as u8) {
            return;
        }
        memory::set("level_reached", &Value::Text(reached.name().into()));
        let passed = |row: &Row| {
            let level = Level::parse(settings::cell(row, "level"));
            level.is_some_and(|level| {
                level as u8 <= reached as u8 && before.is_none_or(|before| level as u8 > before as u8)
            })
        };
        let rows: Vec<Row> = settings::rows("on_level", &[("scheme", &self.incident.scheme)]);
        let rows: Vec<Row> = rows.into_iter().filter(passed).collect();
        let place = self.incident.node.clone();
        let effects = Scene { place: &place, ..self.scene(&self.incident.node, Some(reached)) }.effects_of(&rows);
        self.effects.extend(effects);
    }

    fn on_warning(&mut self) {
        let hazard = self.event.text("hazard").unwrap_or_default();
        let colour = self.event.text("colour").unwrap_or("none");
        let rows = settings::rows("on_warning", &[("hazard", hazard), ("colour", colour)]);
        let effects = self.scene(&self.event.node, None).effects_of(&rows);
        self.effects.extend(effects);
        self.list_overdue();
    }

    fn on_signal(&mut self) {
        let rows = settings::rows("on_signal", &[("kind", self.classification())]);
        let effects = self.scene(&self.event.node, None).effects_of(&rows);
        self.effects.extend(effects);
    }

    /// A further warning while decisions are overdue: they are listed again.
    fn list_overdue(&mut self) {
        let overdue: Vec<String> = facts::measures(&self.incident.id)
            .into_iter()
            .filter(|record| record.status == MeasureStatus::Overdue)
            .map(|record| record.measure.kind)
            .collect();
        if overdue.is_empty() {
            return;
        }
        let names = overdue.join(" ");
        let finding = Finding {
            code: "DECISION-OVERDUE".into(),
            node: self.incident.node.clone(),
            subject: Some(format!("incident/{}", self.incident.name)),
            answer_by: None,
            details: vec![Attribute { key: "measures".into(), value: Value::Text(names.clone()) }],
        };
        let why = because(
            "W2",
            format!("再次预警时仍未决定:{names}"),
            format!("still undecided when the next warning came: {names}"),
        );
        self.effects.push(effect(Act::RaiseFinding(finding), why));
    }
}
