//! `muster:policy@1`: the generated bindings and the translation to and from the kernel's types.

mod answer;
mod imports;
mod question;

/// Generated from `wit/`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated from the WIT files, which hold the documentation"
)]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "policy",
        imports: { default: trappable },
    });
}

pub(crate) use answer::Kernel;
pub(crate) use bindings::Policy;
pub(crate) use bindings::exports::muster::policy as roles;
pub(crate) use bindings::muster::policy::types as wit;
pub(crate) use question::Wit;

/// Answers that are lists.
pub(crate) mod answer_lists {
    pub(crate) use super::answer::{awards, effects, findings, migrated};
}
