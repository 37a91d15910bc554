//! Guests that pretend: versions that are not, names that only look like the contract's, roles twice, types that lie.

use super::Expect::{Harmless, RefusedAtCompile};
use super::made::{Module, written};
use super::{Hostile, component};
use crate::contract::Contract;

/// The honest module, built against the contract under another version.
fn of_version(version: &str) -> Vec<u8> {
    let contract = Contract::made_up(version, |text| text);
    contract.component("incentives-policy", &Module::default().text(version))
}

/// A module that asks for the log under another version.
fn asking_version(version: &str) -> Vec<u8> {
    let imports = format!("(import \"muster:policy/log@{version}\" \"write\" (func $write (param i32 i32 i32)))");
    let module = Module {
        imports: &imports,
        settle: "(call $write (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 1024)",
        ..Module::default()
    };
    Contract::made_up(version, |text| text).component("incentives-policy", &module.text(version))
}

fn importing(name: &str) -> Vec<u8> {
    written(&format!("(component (import \"{name}\" (instance (export \"write\" (func (param \"message\" string))))))"))
}

/// A component whose exports are empty instances.
fn exporting(names: &[&str]) -> Vec<u8> {
    let exports =
        names.iter().map(|name| format!("(export \"{name}\" (instance $empty))")).collect::<Vec<_>>().concat();
    written(&format!("(component (instance $empty) {exports})"))
}

/// A component whose triage has a function of the right name and these types.
fn answering(types: &str) -> Vec<u8> {
    let core = if types.contains("result") { "(param i32) (result i32) local.get 0" } else { "(param i32)" };
    written(&format!(
        "(component (core module $m (func (export \"f\") {core})) (core instance $i (instantiate $m)) \
         (func $f {types} (canon lift (core func $i \"f\"))) (instance $triage (export \"classify\" (func $f))) \
         (export \"muster:policy/triage@1.0.0\" (instance $triage)))"
    ))
}

pub(super) fn guests() -> Vec<Hostile> {
    vec![
        component(
            "next_major",
            RefusedAtCompile("another major version"),
            || of_version("2.0.0"),
            "exports a role of version 2.0.0",
        ),
        component(
            "past_major",
            RefusedAtCompile("another major version"),
            || of_version("0.9.0"),
            "exports a role of version 0.9.0",
        ),
        component(
            "asks_next_major",
            RefusedAtCompile("another major version"),
            || asking_version("2.0.0"),
            "imports of version 2.0.0",
        ),
        component(
            "far_minor",
            Harmless,
            || asking_version("1.99.0"),
            "claims version 1.99.0 and uses nothing that 1.0.0 has not: the claim gains it nothing",
        ),
        component(
            "pre_release",
            RefusedAtCompile("no released version"),
            || of_version("1.0.0-x"),
            "exports a role of version 1.0.0-x",
        ),
        component(
            "build_number",
            RefusedAtCompile("no released version"),
            || of_version("1.0.0+x"),
            "exports a role of version 1.0.0+x",
        ),
        component(
            "no_version",
            RefusedAtCompile("no released version"),
            || importing("muster:policy/log"),
            "imports the log of no version",
        ),
        component(
            "no_such_interface",
            RefusedAtCompile("muster:policy/network@1.0.0"),
            || importing("muster:policy/network@1.0.0"),
            "imports what the contract does not have",
        ),
        component(
            "look_alike_package",
            RefusedAtCompile("muster:policies/log@1.0.0"),
            || importing("muster:policies/log@1.0.0"),
            "imports from a package whose name looks like the contract's",
        ),
        component(
            "look_alike_vendor",
            RefusedAtCompile("muster-x:policy/log@1.0.0"),
            || importing("muster-x:policy/log@1.0.0"),
            "imports from a vendor whose name looks like ours",
        ),
        component(
            "look_alike_role",
            RefusedAtCompile("exports no role"),
            || exporting(&["muster:policy/incentives-x@1.0.0"]),
            "exports something whose name looks like a role's",
        ),
        component("no_role", RefusedAtCompile("exports no role"), || exporting(&[]), "exports nothing"),
        component(
            "role_twice",
            RefusedAtCompile("more than one version"),
            || exporting(&["muster:policy/incentives@1.0.0", "muster:policy/incentives@1.1.0"]),
            "exports one role in two versions, so that nobody could say which answers",
        ),
        component(
            "empty_role",
            RefusedAtCompile("does not fit the contract"),
            || exporting(&["muster:policy/incentives@1.0.0"]),
            "exports a role without its function",
        ),
        component(
            "wrong_export_type",
            RefusedAtCompile("does not fit the contract"),
            || answering("(param \"question\" u32) (result u32)"),
            "exports a role's function with other types: what is called without a look must have been looked at",
        ),
        component(
            "wrong_export_arity",
            RefusedAtCompile("does not fit the contract"),
            || answering("(param \"question\" u32)"),
            "exports a role's function that answers nothing",
        ),
        component(
            "wrong_import_type",
            RefusedAtCompile("does not fit the contract"),
            || importing("muster:policy/log@1.0.0"),
            "imports the log with another signature",
        ),
    ]
}
