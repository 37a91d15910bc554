//! Thirty rules over one event and its incident: the guest that `benches/peers` compares with other engines. The rules
//! are its `rules.rs`, which is compiled into the native floor and into the Extism guest as well.
//!
//! It reads no settings, so that what is compared is a call and nothing else. It must never be bound in a district.

#[path = "../../../../../benches/peers/rules/rules.rs"]
pub mod rules;

use muster_sdk::escalation::{Matter, Occasion, Question};
use muster_sdk::types::Custom;
use muster_sdk::{
    Act, Attribute, Because, Effect, Escalation, Event, FigureStage, Incident, Level, Mode, RiskStage, Sentence, Value,
    effect,
};

use rules::{Facts, Outcome};

struct Thirty;

impl Escalation for Thirty {
    fn assess(question: Question) -> Vec<Effect> {
        let mut facts = Facts::at(question.now);
        if let Occasion::Event(event) = &question.occasion {
            read_event(&mut facts, event);
        }
        if let Matter::Incident(incident) = &question.matter {
            read_incident(&mut facts, incident);
        }
        rules::decide(&facts).into_iter().map(proposed).collect()
    }
}

fn read_event<'a>(facts: &mut Facts<'a>, event: &'a Event) {
    facts.occurred = event.occurred;
    for Attribute { key, value } in &event.attributes {
        match value {
            Value::Text(word) => facts.word(key, word),
            Value::Integer(number) => facts.number(key, *number),
            Value::Flag(flag) => facts.flag(key, *flag),
            Value::Unknown | Value::Decimal(_) | Value::Instant(_) => {}
        }
    }
}

fn read_incident(facts: &mut Facts<'_>, incident: &Incident) {
    facts.life_safety = incident.life_safety;
    facts.hazard_cleared = incident.hazard_cleared;
    facts.stage = match incident.stage {
        RiskStage::Prevent => "prevent",
        RiskStage::Control => "control",
        RiskStage::Treat => "treat",
        RiskStage::Eliminate => "eliminate",
    };
    facts.mode = match incident.mode {
        Mode::Normal => "normal",
        Mode::Emergency => "emergency",
    };
    facts.level = incident.response.in_force.map(number);
    facts.floor = incident.floor.map(number);
    for figure in &incident.figures {
        facts.figure(figure.value, figure.stage == FigureStage::Provisional);
    }
    incident.tags.iter().for_each(|tag| facts.tag(tag));
}

fn number(level: Level) -> i64 {
    match level {
        Level::I => 1,
        Level::Ii => 2,
        Level::Iii => 3,
        Level::Iv => 4,
    }
}

/// What a rule proposes, with its reason.
fn proposed(outcome: Outcome) -> Effect {
    let parameter = Attribute { key: "parameter".into(), value: Value::Integer(outcome.parameter) };
    let act = Act::Custom(Custom { kind: outcome.kind.into(), details: vec![parameter] });
    let sentence = Sentence { language: "en".into(), text: outcome.sentence.into() };
    effect(act, Because { rule: outcome.rule.into(), source: None, sentences: vec![sentence] })
}

muster_sdk::policy! { escalation: Thirty }
