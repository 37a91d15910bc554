//! Binds a program to all roles that it answers for.

use std::sync::Arc;

use muster_kernel::Digest;
use muster_kernel::settings::Settings;
use muster_sandbox::{Bound, Capabilities, Engine, PolicySet, Program};

/// One program with its settings and what it may ask.
pub(crate) fn bind(engine: &Engine, program: &Program, settings: Settings, granted: Capabilities) -> PolicySet {
    let bound = Bound {
        program: program.clone(),
        package: Digest::of(b"package"),
        settings: Arc::new(settings),
        settings_digest: Digest::of(b"settings"),
        granted,
    };
    let mut policies = PolicySet::new(engine.clone());
    for role in program.roles() {
        policies.bind(role, bound.clone());
    }
    policies
}
