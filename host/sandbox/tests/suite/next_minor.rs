//! A policy that is built today on a host that pretends to be the next minor version: it offers every interface under
//! 1.1.0 only, with one more interface and one more function, and asks for the role under 1.1.0.

use crate::common;
use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::Value;
use muster_kernel::role::{Binding, Policies};
use muster_kernel::settings::Settings;
use muster_sandbox::{Capabilities, Engine, Limits};
use muster_testkit::contract::Contract;
use muster_testkit::{district, guests};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Config, Store};

const NEXT: &str = "1.1.0";

/// Today's contract, one interface and one function richer.
fn contract() -> Contract {
    Contract::made_up(NEXT, |text| {
        let text = text.replace("    import facts;\n", "    import facts;\n    import weather;\n");
        let text = text.replace("    local: func(", "    holiday: func(at: instant) -> bool;\n    local: func(");
        text.replace(
            "interface log {",
            "interface weather {\n    rainfall: func(node: string) -> option<s64>;\n}\n\ninterface log {",
        )
    })
}

/// A host that offers all that a contract imports. It answers for settings and refuses the rest.
fn linker(engine: &wasmtime::Engine, contract: &Contract, settings: &Settings) -> Linker<()> {
    let mut by_interface = BTreeMap::<String, Vec<String>>::new();
    for import in contract.imports() {
        by_interface.entry(import.interface).or_default().push(import.function);
    }
    let settings = Arc::new(settings.clone());
    let mut linker = Linker::new(engine);
    linker.instance(&format!("muster:policy/types@{NEXT}")).expect("a new name");
    for (interface, functions) in by_interface {
        let name = format!("muster:policy/{interface}@{NEXT}");
        let mut offered = linker.instance(&name).expect("a new name");
        for function in functions {
            let (place, settings) = (format!("{interface}/{function}"), Arc::clone(&settings));
            let answer = move |_: wasmtime::StoreContextMut<'_, ()>, _, asked: &[Val], answer: &mut [Val]| {
                let ("settings/get", [Val::String(key)]) = (place.as_str(), asked) else {
                    return Err(wasmtime::Error::msg(format!("nobody was to ask for {place}")));
                };
                answer[0] = setting(settings.get(key));
                Ok(())
            };
            offered.func_new(&function, answer).expect("a new name");
        }
    }
    linker
}

fn setting(value: Option<&Value>) -> Val {
    let integer = |number: &i64| Val::Variant("integer".into(), Some(Box::new(Val::S64(*number))));
    match value {
        Some(Value::Integer(number)) => Val::Option(Some(Box::new(integer(number)))),
        other => panic!("the reference rates are integers, not {other:?}"),
    }
}

/// The question of `district::service`, in the contract's words.
fn service() -> Val {
    let asked = district::service();
    let text = |text: &str| Val::String(text.into());
    let optional = |text: &Option<String>| Val::Option(text.as_ref().map(|text| Box::new(Val::String(text.clone()))));
    let fields = [
        ("id", text(&asked.id)),
        ("team", optional(&asked.team)),
        ("person", optional(&asked.person)),
        ("headcount", Val::U32(asked.headcount)),
        ("started", Val::S64(asked.started.as_millis())),
        ("ended", Val::S64(asked.ended.as_millis())),
        ("task", optional(&asked.task)),
        ("incident", optional(&asked.incident)),
        ("hazardous", Val::Bool(asked.hazardous)),
        ("mode", Val::Enum("normal".into())),
        ("exercise", Val::Bool(asked.exercise)),
        ("verified-by", optional(&asked.verified_by)),
        ("settled-today", Val::S64(asked.settled_today.0)),
    ];
    Val::Record(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// What the policy answers on the host of the next version: the amounts.
fn answered_by_next(package: &[u8], settings: &Settings) -> Vec<i64> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    let engine = wasmtime::Engine::new(&config).expect("an engine");
    let component = Component::new(&engine, package).expect("a component");
    let mut store = Store::new(&engine, ());
    let linker = linker(&engine, &contract(), settings);
    let instance = linker.instantiate(&mut store, &component).expect("today's policy links to the next host");
    let role = instance.get_export_index(&mut store, None, &format!("muster:policy/incentives@{NEXT}"));
    let role = role.expect("the role is found under the next version");
    let settle = instance.get_export_index(&mut store, Some(&role), "settle").expect("its function");
    let settle = instance.get_func(&mut store, settle).expect("a function");
    let mut answer = [Val::Bool(false)];
    settle.call(&mut store, &[Val::S64(district::NOW), service()], &mut answer).expect("an answer");
    let [Val::List(awards)] = answer else { panic!("no list of awards: {answer:?}") };
    awards.iter().map(amount).collect()
}

fn amount(award: &Val) -> i64 {
    let Val::Record(fields) = award else { panic!("no award: {award:?}") };
    let amount = fields.iter().find(|(name, _)| name == "amount").map(|(_, value)| value);
    let Some(Val::S64(amount)) = amount else { panic!("no amount: {award:?}") };
    *amount
}

#[test]
fn a_policy_that_is_built_today_runs_on_the_next_minor_version() {
    for world in Contract::today().worlds() {
        assert_eq!(
            contract().succeeds(&Contract::today(), &world),
            Ok(()),
            "{world}: the pretended contract is no successor"
        );
    }
    let package = guests::policy("incentives");
    let settings = guests::reference_settings("incentives");
    let engine = Engine::new(Limits { milliseconds: 600_000, ..Limits::STANDARD }).expect("an engine");
    let program = engine.compile(&package).expect("a program");
    let mut today = common::bind(&engine, &program, settings.clone(), Capabilities::all());
    let asked = today.incentives(Binding::InForce, &district::state(), district::now(), &district::service());
    let expected: Vec<i64> = asked.answer.expect("awards").iter().map(|award| award.amount).collect();
    assert!(expected.first().is_some_and(|amount| *amount > 0), "an empty answer proves little");
    assert_eq!(answered_by_next(&package, &settings), expected);
}
