//! Keeps what is loaded in step with what the state says is bound: in force, on trial, and behind.
//!
//! The state decides; this only finds the program. It never compiles on the path of an event.

use std::collections::BTreeMap;

use muster_kernel::record::{Activation, Entry, Fact, Terms};
use muster_kernel::role::Binding;
use muster_kernel::{Role, State};
use muster_sandbox::{Bound, Capabilities, Capability, Limits, PolicySet};

/// Whether an entry changed which policies are bound.
pub(crate) fn are_changed_by(entry: &Entry) -> bool {
    let changes = |fact: &Fact| matches!(fact, Fact::PolicyActivated { .. } | Fact::PolicyDemoted { .. });
    entry.facts.iter().any(changes)
}

/// What is bound once the state is followed. What is loaded already is kept; the rest is asked of `load`.
pub(crate) fn follow(
    policies: &PolicySet,
    state: &State,
    mut load: impl FnMut(Role, Binding, &Activation) -> Option<Bound>,
) -> PolicySet {
    let mut bound = BTreeMap::new();
    for (role, binding, activation) in state.core.bindings() {
        let known = policies.all_bound().find(|(known_role, _, known)| *known_role == role && runs(known, activation));
        let found = known.map(|(_, _, known)| known.clone()).or_else(|| load(role, binding, activation));
        if let Some(found) = found {
            bound.insert((role, binding), within(found, activation));
        }
    }
    policies.rebound(bound)
}

/// Whether a program with its settings is what an activation names.
pub(crate) fn runs(bound: &Bound, activation: &Activation) -> bool {
    bound.package == activation.package && bound.settings_digest == activation.settings
}

/// The same program within the terms of an activation: never more than it imports, and never more than the host gives.
pub(crate) fn within(bound: Bound, activation: &Activation) -> Bound {
    let granted = match &activation.terms {
        // A name that this host does not know grants nothing.
        Some(terms) => terms
            .capabilities
            .iter()
            .filter_map(|name| Capability::named(name))
            .fold(Capabilities::NONE, Capabilities::with),
        None => Capabilities::all(),
    };
    let limits = activation.terms.as_ref().map_or(Limits::FIRST, limits_of);
    Bound { granted: bound.program.imports().and(granted), limits, ..bound }
}

fn limits_of(terms: &Terms) -> Limits {
    let limits = &terms.limits;
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Limits {
        fuel: limits.fuel,
        transfer: size(limits.transfer),
        questions: limits.questions,
        memory_bytes: size(limits.memory_bytes),
        table_elements: size(limits.table_elements),
        milliseconds: Limits::STANDARD.milliseconds,
        log_lines: limits.log_lines as usize,
        log_line_bytes: limits.log_line_bytes as usize,
        memory_changes: limits.memory_changes as usize,
    }
}

/// Limits as they stand in the journal.
pub(crate) fn recorded(limits: &Limits) -> muster_kernel::record::CallLimits {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    muster_kernel::record::CallLimits {
        fuel: limits.fuel,
        transfer: limits.transfer as u64,
        questions: limits.questions,
        memory_bytes: limits.memory_bytes as u64,
        table_elements: limits.table_elements as u64,
        log_lines: count(limits.log_lines),
        log_line_bytes: count(limits.log_line_bytes),
        memory_changes: count(limits.memory_changes),
    }
}
