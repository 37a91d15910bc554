//! The engines, each behind the one function that is measured.

mod cedar;
mod cel;
mod extism;
mod muster;
mod native;
mod rego;
mod rhai;
mod zen;

use muster_kernel::role::escalation::Question;

use crate::rules::Outcome;

pub use muster::{Host, Policy};

/// An engine with the thirty rules loaded.
pub trait Engine {
    /// One call: the question in, what the rules propose out.
    ///
    /// # Panics
    /// When the engine fails: then there is nothing to measure.
    fn decide(&mut self, question: &Question) -> Vec<Outcome>;
}

/// An engine in the table.
pub struct Peer {
    /// What people call it.
    pub name: &'static str,
    /// The package in `Cargo.lock` whose version is shown; none for what is built here.
    pub package: Option<&'static str>,
    /// Whether a call sees nothing of the call before it.
    pub fresh: &'static str,
    /// What ends a call that does not end by itself.
    pub limits: &'static str,
    /// What a user of the engine must know about the row.
    pub note: &'static str,
    /// The rules that it cannot say.
    pub lacks: &'static [&'static str],
    /// Whether its parameters and sentences can hold what the event says.
    pub speaks: bool,
    /// The engine.
    pub engine: Box<dyn Engine>,
}

/// The name of the native floor, which others are compared with.
pub const NATIVE: &str = "native Rust";
/// The name of Muster's row.
pub const MUSTER: &str = "**Muster**";

/// All of them, ready to be called.
///
/// # Panics
/// When one cannot be made ready.
pub fn all() -> Vec<Peer> {
    let whole = |name, package, fresh, limits, note, engine| Peer {
        name,
        package,
        fresh,
        limits,
        note,
        lacks: &[],
        speaks: true,
        engine,
    };
    let extism = extism::Guest::build();
    vec![
        whole(NATIVE, None, "no", "none", "the floor: a function call", Box::new(native::Native)),
        whole(
            MUSTER,
            None,
            "yes: new instance",
            "fuel, clock, memory, tables, transfer, questions, log",
            "typed by WIT",
            Box::new(Host::start().policy()),
        ),
        whole(
            "Extism, new plugin",
            Some("extism"),
            "yes: new instance",
            "fuel, timeout, memory",
            "JSON; compiled once, `Plugin::new_from_compiled` for each call",
            Box::new(extism::Fresh::mapped(&extism)),
        ),
        whole(
            "Extism, new plugin, pooled",
            Some("extism"),
            "yes: new instance",
            "fuel, timeout, memory",
            "the same with wasmtime's pooling allocator, as Muster has it",
            Box::new(extism::Fresh::pooled(&extism)),
        ),
        whole(
            "Extism, reused plugin",
            Some("extism"),
            "no: memory stays",
            "none",
            "JSON; one plugin called again and again",
            Box::new(extism::Reused::unlimited(&extism)),
        ),
        whole(
            "regorus, interpreter",
            Some("regorus"),
            "no side effects in Rego",
            "none set",
            "Rego; engine prepared once",
            Box::new(rego::Interpreter::load()),
        ),
        whole(
            "regorus, virtual machine",
            Some("regorus"),
            "no side effects in Rego",
            "instructions",
            "Rego compiled to the RVM; machine reused",
            Box::new(rego::Machine::load()),
        ),
        whole(
            "zen-engine",
            Some("zen-engine"),
            "no side effects in a table",
            "depth of graphs",
            "decision table, precompiled and indexed",
            Box::new(zen::Table::load()),
        ),
        whole(
            "Rhai",
            Some("rhai"),
            "yes: new scope",
            "operations, depth, sizes",
            "script compiled once, optimised",
            Box::new(rhai::Script::load()),
        ),
        whole(
            "CEL",
            Some("cel"),
            "no side effects in CEL",
            "none",
            "30 conditions; two more expressions for each that holds",
            Box::new(cel::Expressions::load()),
        ),
        Peer {
            name: "Cedar, 28 rules",
            package: Some("cedar-policy"),
            fresh: "no side effects in Cedar",
            limits: "none needed: no loops",
            note: "names the policies that hold; no figures in parameters and sentences",
            lacks: cedar::LACKS,
            speaks: false,
            engine: Box::new(cedar::Authorization::load()),
        },
    ]
}
