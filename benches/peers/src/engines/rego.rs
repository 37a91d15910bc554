//! Rego in regorus, in both of its engines: the interpreter, prepared once, and the virtual machine, reused.

use std::sync::Arc;

use muster_kernel::role::escalation::Question;
use regorus::Value;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;

use super::Engine;
use crate::document::{Document, Form, document};
use crate::rules::Outcome;

const RULES: &str = include_str!("../../rules/thirty.rego");
const ENTRY: &str = "data.thirty.effects";
/// What the machine may execute in one call.
const INSTRUCTIONS: usize = 100_000;

/// The interpreter.
pub(super) struct Interpreter(regorus::Engine);

impl Interpreter {
    pub(super) fn load() -> Self {
        Self(engine())
    }
}

fn engine() -> regorus::Engine {
    let mut engine = regorus::Engine::new();
    engine.add_policy("thirty.rego".into(), RULES.into()).expect("the policy parses");
    engine
}

impl Engine for Interpreter {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        self.0.set_input(input(question));
        outcomes(&self.0.eval_rule(ENTRY.into()).expect("an answer"))
    }
}

/// The virtual machine.
pub(super) struct Machine(RegoVM);

impl Machine {
    pub(super) fn load() -> Self {
        let entry: Arc<str> = ENTRY.into();
        let compiled = engine().compile_with_entrypoint(&entry).expect("the policy compiles");
        let program = Compiler::compile_from_policy(&compiled, &[ENTRY]).expect("the policy compiles to a program");
        let mut machine = RegoVM::new();
        machine.load_program(program);
        machine.set_max_instructions(INSTRUCTIONS);
        Self(machine)
    }
}

impl Engine for Machine {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        self.0.set_input(input(question));
        outcomes(&self.0.execute().expect("an answer"))
    }
}

fn input(question: &Question) -> Value {
    let Document { now, event, data, incident } = document(&mut Values, question);
    let mut input = Value::new_object();
    let fields = input.as_object_mut().expect("an object");
    for (key, value) in [("now", now), ("event", event), ("data", data), ("incident", incident)] {
        fields.insert(key.into(), value);
    }
    input
}

fn outcomes(answer: &Value) -> Vec<Outcome> {
    let effects = answer.as_set().expect("a set of effects");
    effects.iter().map(outcome).collect()
}

fn outcome(effect: &Value) -> Outcome {
    let text = |key: &str| effect[key].as_string().expect("a text").to_string().into();
    Outcome {
        rule: text("rule"),
        kind: text("kind"),
        parameter: effect["parameter"].as_i64().expect("a whole number"),
        sentence: text("sentence"),
    }
}

struct Values;

impl<'a> Form<'a> for Values {
    type Value = Value;
    type Record = Value;

    fn flag(&mut self, flag: bool) -> Value {
        flag.into()
    }

    fn integer(&mut self, number: i64) -> Value {
        number.into()
    }

    fn text(&mut self, text: &'a str) -> Value {
        text.into()
    }

    fn list(&mut self, values: Vec<Value>) -> Value {
        values.into()
    }

    fn record(&mut self, _: usize) -> Value {
        Value::new_object()
    }

    fn field(&mut self, record: &mut Value, key: &'a str, value: Value) {
        record.as_object_mut().expect("an object").insert(key.into(), value);
    }

    fn close(&mut self, record: Value) -> Value {
        record
    }
}
