//! The contract as generated from `wit/`: one set of types, one export macro per role.
//!
//! Nothing here is written by hand beyond the calls of the generator.
#![allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::pedantic,
    reason = "generated from the WIT files, which hold the documentation"
)]

pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "imports",
        generate_all,
        additional_derives: [PartialEq, Clone],
    });
}

macro_rules! role {
    ($module:ident, $world:literal, $macro:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                world: $world,
                pub_export_macro: true,
                export_macro_name: $macro,
                additional_derives: [PartialEq, Clone],
                with: {
                    "muster:policy/types@1.0.0": crate::contract::imports::muster::policy::types,
                    "muster:policy/log@1.0.0": crate::contract::imports::muster::policy::log,
                    "muster:policy/settings@1.0.0": crate::contract::imports::muster::policy::settings,
                    "muster:policy/roster@1.0.0": crate::contract::imports::muster::policy::roster,
                    "muster:policy/calendar@1.0.0": crate::contract::imports::muster::policy::calendar,
                    "muster:policy/memory@1.0.0": crate::contract::imports::muster::policy::memory,
                    "muster:policy/facts@1.0.0": crate::contract::imports::muster::policy::facts,
                },
            });
        }
    };
}

role!(triage, "triage-policy", "export_triage");
role!(escalation, "escalation-policy", "export_escalation");
role!(discretion, "discretion-policy", "export_discretion");
role!(incentives, "incentives-policy", "export_incentives");
role!(oversight, "oversight-policy", "export_oversight");
role!(workflow, "workflow-policy", "export_workflow");
