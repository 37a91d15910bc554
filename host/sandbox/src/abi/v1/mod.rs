//! `muster:policy@1`: the generated bindings and the translation to and from the kernel's types.

use wasmtime::component::{HasSelf, Linker};

use crate::context::Context;

mod answer;
mod direct;
mod exports;
mod imports;
mod lent;
mod question;
mod settings;

/// Generated from `wit/`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated from the WIT files, which hold the documentation"
)]
pub(crate) mod bindings {
    // The world `policy` of the contract without its settings, which are linked by hand: see `settings`.
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package muster:host;

            world hosted {
                import muster:policy/types@1.0.0;
                import muster:policy/log@1.0.0;
                import muster:policy/roster@1.0.0;
                import muster:policy/calendar@1.0.0;
                import muster:policy/memory@1.0.0;
                import muster:policy/facts@1.0.0;
                export muster:policy/triage@1.0.0;
                export muster:policy/escalation@1.0.0;
                export muster:policy/discretion@1.0.0;
                export muster:policy/incentives@1.0.0;
                export muster:policy/oversight@1.0.0;
                export muster:policy/workflow@1.0.0;
            }
        ",
        world: "muster:host/hosted",
        imports: { default: trappable },
        additional_derives: [crate::canonical::Give, crate::canonical::Take],
    });
}

pub(crate) use answer::Kernel;
pub(crate) use bindings::exports::muster::policy as roles;
pub(crate) use bindings::muster::policy::types as wit;
pub(crate) use exports::{Exports, Running};
pub(crate) use lent::Lend;
pub(crate) use question::Wit;
pub(crate) use settings::Shelf;

pub(crate) use direct::link as link_directly;

/// Links what a policy may import.
pub(crate) fn link(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    bindings::Hosted::add_to_linker::<Context, HasSelf<Context>>(linker, |context| context)?;
    settings::link(linker)
}

/// Answers that are lists.
pub(crate) mod answer_lists {
    pub(crate) use super::answer::{awards, effects, findings, migrated};
}
