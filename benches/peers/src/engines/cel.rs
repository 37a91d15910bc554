//! CEL: a program for each condition, and for each rule that holds two more for its parameter and its sentence. The
//! question is bound by `Val`, which borrows its texts.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelString};
use cel::common::value::Val;
use cel::{Context, Env, Program, Value};
use muster_kernel::role::escalation::Question;
use serde::Deserialize;

use super::Engine;
use crate::document::{Document, Form, document};
use crate::rules::Outcome;

const RULES: &str = include_str!("../../rules/thirty.cel.json");

#[derive(Deserialize)]
struct Written {
    rule: String,
    kind: String,
    when: String,
    parameter: String,
    sentence: String,
}

struct Rule {
    rule: String,
    kind: String,
    when: Program,
    parameter: Program,
    sentence: Program,
}

/// The expressions.
pub(super) struct Expressions {
    environment: Arc<Env>,
    rules: Vec<Rule>,
}

impl Expressions {
    pub(super) fn load() -> Self {
        let environment = Arc::new(Env::stdlib());
        let program = |text: &str| environment.compile(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
        let written: Vec<Written> = serde_json::from_str(RULES).expect("the rules are JSON");
        let rules = written.into_iter().map(|written| Rule {
            when: program(&written.when),
            parameter: program(&written.parameter),
            sentence: program(&written.sentence),
            rule: written.rule,
            kind: written.kind,
        });
        let rules = rules.collect();
        Self { environment, rules }
    }
}

impl Engine for Expressions {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        let Document { now, event, data, incident } = document(&mut Values, question);
        let mut context = Context::with_env(Arc::clone(&self.environment));
        context.add_variable_as_val("now", now);
        context.add_variable_as_val("event", event);
        context.add_variable_as_val("data", data);
        context.add_variable_as_val("incident", incident);
        let holds = |rule: &&Rule| rule.when.execute(&context) == Ok(Value::Bool(true));
        self.rules.iter().filter(holds).map(|rule| outcome(rule, &context)).collect()
    }
}

fn outcome(rule: &Rule, context: &Context<'_, '_>) -> Outcome {
    let Ok(Value::Int(parameter)) = rule.parameter.execute(context) else { panic!("{}: no parameter", rule.rule) };
    let Ok(Value::String(sentence)) = rule.sentence.execute(context) else { panic!("{}: no sentence", rule.rule) };
    Outcome {
        rule: rule.rule.clone().into(),
        kind: rule.kind.clone().into(),
        parameter,
        sentence: Arc::unwrap_or_clone(sentence).into(),
    }
}

struct Values;

impl<'a> Form<'a> for Values {
    type Value = Box<dyn Val + 'a>;
    type Record = HashMap<CelMapKey<'a>, Box<dyn Val + 'a>>;

    fn flag(&mut self, flag: bool) -> Self::Value {
        Box::new(CelBool::from(flag))
    }

    fn integer(&mut self, number: i64) -> Self::Value {
        Box::new(CelInt::from(number))
    }

    fn text(&mut self, text: &'a str) -> Self::Value {
        Box::new(CelString::from(text))
    }

    fn list(&mut self, values: Vec<Self::Value>) -> Self::Value {
        Box::new(CelList::from(values))
    }

    fn record(&mut self, fields: usize) -> Self::Record {
        HashMap::with_capacity(fields)
    }

    fn field(&mut self, record: &mut Self::Record, key: &'a str, value: Self::Value) {
        record.insert(CelMapKey::String(CelString::from(key)), value);
    }

    fn close(&mut self, record: Self::Record) -> Self::Value {
        Box::new(CelMap::from(record))
    }
}
