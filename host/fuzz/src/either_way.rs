//! A component compiled both ways: called directly and as the engine runs it, it is the same program, or refused in the same
//! words.

use std::sync::Arc;

use muster_kernel::role::{Binding, Policies};
use muster_kernel::settings::Settings;
use muster_kernel::{Digest, Role};
use muster_sandbox::{Bound, Capabilities, Engine, PolicySet, Program};
use muster_testkit::district;

/// Compiles, asks, compares.
pub(crate) fn component(engine: &Engine, bytes: &[u8]) {
    match (engine.compile(bytes), engine.compile_component(bytes)) {
        (Ok(direct), Ok(component)) => {
            let [direct, component] = [direct, component].map(|program| asked(engine, program));
            // The clock, and the depth of the host's own stack below a guest's allocator, are not the guest's to decide.
            let not_its_own = |said: &String| said.contains("TooSlow") || said.contains("call stack exhausted");
            if !direct.iter().chain(&component).any(not_its_own) {
                assert_eq!(direct, component, "called directly, it is another program");
            }
        }
        (direct, component) => {
            let [direct, component] = [direct, component].map(|program| program.err().map(|reason| reason.to_string()));
            assert_eq!(direct, component, "one way it is refused, and not the other way");
        }
    }
}

/// What comes of one question in each of the roles that are asked at every event.
fn asked(engine: &Engine, program: Program) -> Vec<String> {
    let roles = program.roles();
    let bound = Bound {
        program,
        package: Digest::of(b"package"),
        settings: Arc::new(Settings::default()),
        settings_digest: Digest::of(b"settings"),
        granted: Capabilities::all(),
        limits: engine.limits(),
    };
    let mut policies = PolicySet::new(engine.clone());
    let (state, place) = (district::state(), Binding::InForce);
    let mut said = vec![format!("{roles:?}")];
    for role in roles {
        policies.bind(role, bound.clone());
        said.push(match role {
            Role::Triage => format!("{:?}", policies.triage(place, &state, &district::triage())),
            Role::Escalation => format!("{:?}", policies.escalation(place, &state, None, &district::escalation())),
            Role::Discretion => format!("{:?}", policies.discretion(place, &state, &district::discretion())),
            Role::Incentives => {
                format!("{:?}", policies.incentives(place, &state, district::now(), &district::service()))
            }
            Role::Oversight | Role::Workflow => String::new(),
        });
    }
    said
}
