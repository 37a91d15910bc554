//! Rhai: a script that is compiled once, its function called with maps, with the limits that its book asks for where
//! scripts are not trusted.

use muster_kernel::role::escalation::Question;
use rhai::{AST, Array, CallFnOptions, Dynamic, INT, Map, OptimizationLevel, Scope};

use super::Engine;
use crate::document::{Document, Form, document};
use crate::rules::Outcome;

const RULES: &str = include_str!("../../rules/thirty.rhai");

/// The script.
pub(super) struct Script {
    engine: rhai::Engine,
    script: AST,
}

impl Script {
    pub(super) fn load() -> Self {
        let mut engine = rhai::Engine::new();
        engine.set_optimization_level(OptimizationLevel::Full);
        engine.set_max_expr_depths(64, 64);
        engine
            .set_max_operations(100_000)
            .set_max_call_levels(16)
            .set_max_string_size(64 << 10)
            .set_max_array_size(1_024)
            .set_max_map_size(1_024);
        let script = engine.compile(RULES).expect("the script compiles");
        Self { engine, script }
    }
}

impl Engine for Script {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        let Document { now, event, data, incident } = document(&mut Values, question);
        let options = CallFnOptions::new().eval_ast(false);
        let arguments = (now, event, data, incident);
        let found: Array = self
            .engine
            .call_fn_with_options(options, &mut Scope::new(), &self.script, "decide", arguments)
            .expect("an answer");
        found.into_iter().map(outcome).collect()
    }
}

fn outcome(effect: Dynamic) -> Outcome {
    let mut effect: Map = effect.cast();
    let mut text = |key: &str| effect.remove(key).and_then(|text| text.into_string().ok()).expect("a text").into();
    let (rule, kind, sentence) = (text("rule"), text("kind"), text("sentence"));
    Outcome { rule, kind, sentence, parameter: effect["parameter"].as_int().expect("a whole number") }
}

struct Values;

impl<'a> Form<'a> for Values {
    type Value = Dynamic;
    type Record = Map;

    fn flag(&mut self, flag: bool) -> Dynamic {
        flag.into()
    }

    fn integer(&mut self, number: i64) -> Dynamic {
        INT::from(number).into()
    }

    fn text(&mut self, text: &'a str) -> Dynamic {
        text.into()
    }

    fn list(&mut self, values: Vec<Dynamic>) -> Dynamic {
        values.into()
    }

    fn record(&mut self, _: usize) -> Map {
        Map::new()
    }

    fn field(&mut self, record: &mut Map, key: &'a str, value: Dynamic) {
        record.insert(key.into(), value);
    }

    fn close(&mut self, record: Map) -> Dynamic {
        record.into()
    }
}
