//! The floor: the rules as a Rust function over the kernel's own types. No isolation, no limits, no copy.

use muster_kernel::Value;
use muster_kernel::role::escalation::{Matter, Occasion, Question};

use super::Engine;
use crate::document::{is_provisional, level, mode, stage};
use crate::rules::{self, Facts, Outcome};

/// The rules, called.
pub(super) struct Native;

impl Engine for Native {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        rules::decide(&facts(question))
    }
}

fn facts(question: &Question) -> Facts<'_> {
    let mut facts = Facts::at(question.now.as_millis());
    if let Occasion::Event(event) = &question.occasion {
        facts.occurred = event.occurred.as_millis();
        for attribute in &event.attributes {
            match &attribute.value {
                Value::Text(word) => facts.word(&attribute.key, word),
                Value::Integer(number) => facts.number(&attribute.key, *number),
                Value::Flag(flag) => facts.flag(&attribute.key, *flag),
                Value::Unknown | Value::Decimal(_) | Value::Instant(_) => {}
            }
        }
    }
    if let Matter::Incident(incident) = &question.matter {
        facts.life_safety = incident.life_safety;
        facts.hazard_cleared = incident.hazard_cleared;
        facts.stage = stage(incident.stage);
        facts.mode = mode(incident.mode);
        facts.level = incident.response.in_force.map(level);
        facts.floor = incident.floor.map(level);
        incident.figures.iter().for_each(|figure| facts.figure(figure.value, is_provisional(figure)));
        incident.tags.iter().for_each(|tag| facts.tag(tag));
    }
    facts
}
