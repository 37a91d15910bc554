//! ZEN: a decision table in the JDM format, compiled and indexed before the first call.

use muster_kernel::role::escalation::Question;
use zen_engine::model::DecisionContent;
use zen_engine::{Decision, DecisionEngine, Variable};
use zen_expression::variable::VariableMap;

use super::Engine;
use crate::document::{Document, Form, document};
use crate::rules::Outcome;

const RULES: &str = include_str!("../../rules/thirty.jdm.json");

/// The table.
pub(super) struct Table(Decision);

impl Table {
    pub(super) fn load() -> Self {
        let content: DecisionContent = serde_json::from_str(RULES).expect("the table is JDM");
        let mut decision = DecisionEngine::default().create_decision(content.into()).expect("a decision");
        decision.validate().expect("a valid graph");
        decision.compile();
        Self(decision)
    }
}

impl Engine for Table {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        let Document { now, event, data, incident } = document(&mut Values, question);
        let mut fields = VariableMap::with_capacity(4);
        for (key, value) in [("now", now), ("event", event), ("data", data), ("incident", incident)] {
            fields.insert(Variable::key(key), value);
        }
        // Nothing in a table waits: the future is ready when it is polled.
        let response = pollster::block_on(self.0.evaluate(Variable::from_object(fields))).expect("an answer");
        let Variable::Array(rows) = response.result else { panic!("a table that collects answers with a list") };
        rows.borrow().iter().map(outcome).collect()
    }
}

fn outcome(row: &Variable) -> Outcome {
    let Variable::Object(row) = row else { panic!("a row is an object") };
    let row = row.borrow();
    let text = |key: &str| row.get_str(key).and_then(Variable::as_str).expect("a text").to_owned().into();
    let Some(Variable::Number(parameter)) = row.get_str("parameter") else { panic!("the parameter is a number") };
    let parameter = i64::try_from(*parameter).expect("a whole number");
    Outcome { rule: text("rule"), kind: text("kind"), sentence: text("sentence"), parameter }
}

struct Values;

impl<'a> Form<'a> for Values {
    type Value = Variable;
    type Record = VariableMap;

    fn flag(&mut self, flag: bool) -> Variable {
        Variable::Bool(flag)
    }

    fn integer(&mut self, number: i64) -> Variable {
        Variable::Number(number.into())
    }

    fn text(&mut self, text: &'a str) -> Variable {
        Variable::String(text.into())
    }

    fn list(&mut self, values: Vec<Variable>) -> Variable {
        Variable::from_array(values)
    }

    fn record(&mut self, fields: usize) -> VariableMap {
        VariableMap::with_capacity(fields)
    }

    fn field(&mut self, record: &mut VariableMap, key: &'a str, value: Variable) {
        record.insert(Variable::key(key), value);
    }

    fn close(&mut self, record: VariableMap) -> Variable {
        Variable::from_object(record)
    }
}
