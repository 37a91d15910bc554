//! Assess: the graded escalation ladder.
//!
//! What raises a level and what follows from it stands in the settings: `warning_level`, `warning_repeat`,
//! `figure_level` and `signal_level` say how severe it is; `on_signal`, `on_warning`, `on_watch`, `on_order`, `on_level`
//! say what to do, one row per act, in words an official can read. This code holds no number, no hazard and no department.

mod acts;
mod clearing;
mod condition;
mod levels;
mod offers;
#[cfg(test)]
mod tests;
mod text;
mod waiting;

use muster_sdk::escalation::{Matter, Occasion, Question, Watch};
use muster_sdk::settings::{self, Row};
use muster_sdk::{
    Act, Attribute, Attributes, Effect, Escalation, Event, Finding, Incident, Level, MeasureStatus, Value, because,
    effect, facts, memory,
};

use acts::Scene;

/// The ladder, for those who call the policy as a plain function.
pub struct Ladder;

impl Escalation for Ladder {
    fn assess(question: Question) -> Vec<Effect> {
        match (&question.occasion, &question.matter) {
            (Occasion::Event(event), Matter::Incident(incident)) => Assessment::new(&question, event, incident).run(),
            (Occasion::Event(event), Matter::Watch(watch)) => on_watch(&question, event, watch),
            (Occasion::Event(event), Matter::None) => outside_incidents(&question, event),
            (Occasion::Timer(timer), Matter::Incident(incident)) => waiting::due(&question, timer, Some(incident)),
            (Occasion::Timer(timer), _) => waiting::due(&question, timer, None),
        }
    }
}

muster_sdk::policy! { escalation: Ladder }

/// What to do while there is only a watch.
fn on_watch(question: &Question, event: &Event, watch: &Watch) -> Vec<Effect> {
    let scene = Scene { now: question.now, event, place: &watch.node, incident: None, level: None };
    let rows = settings::rows("on_watch", &[("hazard", &watch.hazard)]);
    scene.effects_of("on_watch", &rows)
}

/// What belongs to no incident: offers that nobody asked for.
fn outside_incidents(question: &Question, event: &Event) -> Vec<Effect> {
    match kind_of(event) {
        "resource.offered" => offers::answer(question.now, event),
        _ => Vec::new(),
    }
}

/// The event's kind without the prefix.
pub(crate) fn kind_of(event: &Event) -> &str {
    event.kind.rsplit("muster.").next().unwrap_or_default()
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
        let figures = levels::figures_of_signal(self.event);
        let advised = levels::advised(self.event, self.incident, self.classification(), &figures);
        self.effects.extend(figures);
        if let Some(advice) = &advised
            && advice.is_news(self.incident)
        {
            self.effects.push(advice.effect(self.incident));
        }
        self.on_level(advised.map(|advice| advice.level));
        match kind_of(self.event) {
            "warning.received" => self.on_warning(),
            "signal.reported" => self.on_signal(),
            "order.issued" => self.on_order(),
            "resource.offered" => self.effects.extend(offers::answer(self.question.now, self.event)),
            "task.updated" => clearing::by_claim(self.event),
            _ => {}
        }
        self.effects
    }

    fn classification(&self) -> &str {
        self.question.classification.as_deref().unwrap_or_default()
    }

    fn scene(&self, place: &'a str, level: Option<Level>) -> Scene<'a> {
        Scene { now: self.question.now, event: self.event, place, incident: Some(self.incident), level }
    }

    /// What follows when a level is reached for the first time, for each level that is passed.
    fn on_level(&mut self, advised: Option<Level>) {
        let holds = self.incident.response.in_force;
        let Some(reached) = levels::highest(holds, advised.map(levels::provisional)) else { return };
        let before = memory::text("level_reached").and_then(|text| Level::parse(&text));
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
        let effects = self.scene(&self.incident.node, Some(reached)).effects_of("on_level", &rows);
        self.effects.extend(effects);
    }

    fn on_warning(&mut self) {
        let hazard = self.event.text("hazard").unwrap_or_default();
        let colour = self.event.text("colour").unwrap_or("none");
        let rows = settings::rows("on_warning", &[("hazard", hazard), ("colour", colour)]);
        let effects = self.scene(&self.event.node, None).effects_of("on_warning", &rows);
        self.effects.extend(effects);
        self.effects.extend(clearing::by_warnings(self.question.now, self.event, self.incident));
        self.list_overdue();
    }

    fn on_signal(&mut self) {
        let question = self.question;
        let kind = question.classification.as_deref().unwrap_or_default();
        let rows = settings::rows("on_signal", &[("kind", kind)]);
        let effects = self.scene(&self.event.node, None).effects_of("on_signal", &rows);
        self.effects.extend(effects);
        self.effects.extend(clearing::by_signal(self.event, self.incident, kind));
    }

    fn on_order(&mut self) {
        let kind = self.event.text("kind").unwrap_or_default();
        let rows = settings::rows("on_order", &[("kind", kind)]);
        let effects = self.scene(&self.event.node, None).effects_of("on_order", &rows);
        self.effects.extend(effects);
        self.effects.extend(clearing::by_warnings(self.question.now, self.event, self.incident));
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
            tell: Vec::new(),
        };
        let why = because(
            "W2",
            format!("再次预警时仍未决定:{names}"),
            format!("still undecided when the next warning came: {names}"),
        );
        self.effects.push(effect(Act::RaiseFinding(finding), why));
    }
}
