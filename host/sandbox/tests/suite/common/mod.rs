//! Binds a program to all roles that it answers for.

use std::sync::Arc;

use muster_kernel::Digest;
use muster_kernel::settings::Settings;
use muster_sandbox::{Bound, Capabilities, Engine, Limits, PolicySet, Program};

/// One program with its settings and what it may ask, within the engine's limits.
#[allow(dead_code, reason = "shared by tests and benches; not each needs all")]
pub(crate) fn bind(engine: &Engine, program: &Program, settings: Settings, granted: Capabilities) -> PolicySet {
    bind_within(engine, program, settings, granted, engine.limits())
}

/// One program with its settings, what it may ask and what it may use.
pub(crate) fn bind_within(
    engine: &Engine,
    program: &Program,
    settings: Settings,
    granted: Capabilities,
    limits: Limits,
) -> PolicySet {
    let bound = Bound {
        program: program.clone(),
        package: Digest::of(b"package"),
        settings: Arc::new(settings),
        settings_digest: Digest::of(b"settings"),
        granted,
        limits,
    };
    let mut policies = PolicySet::new(engine.clone());
    for role in program.roles() {
        policies.bind(role, bound.clone());
    }
    policies
}
