//! Binds a package to the roles it answers for.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::settings::Settings;
use muster_kernel::{Digest, Value};
use muster_sandbox::{Bound, Capabilities, Engine, Limits, PolicySet, Program};

/// The production limits, but for the clock: a busy machine must not stop what the fuel is there to stop.
pub fn patient() -> Limits {
    Limits { epochs: 600_000, ..Limits::STANDARD }
}

/// The settings of the hostile guest.
pub fn behaviour(name: &str) -> Settings {
    let values = BTreeMap::from([("behaviour".into(), Value::Text(name.into()))]);
    Settings { values, ..Settings::default() }
}

/// One program for all its roles.
pub fn bind(engine: &Engine, program: &Program, settings: Settings, granted: Capabilities) -> PolicySet {
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
