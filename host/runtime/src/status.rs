//! How a district stands, for those who look at it.

use std::collections::BTreeMap;

use muster_kernel::role::Binding;
use muster_kernel::{Digest, DistrictId, Role, State, snapshot};
use muster_sandbox::PolicySet;

/// A policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStatus {
    /// The role.
    pub role: Role,
    /// The package's id.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its bytes.
    pub package: Digest,
    /// Digest of its settings.
    pub settings: Digest,
    /// How often the fallback answered instead, since the start.
    pub fallbacks: u64,
    /// Why it is not loaded, when it is not: the fallback answers for it.
    pub problem: Option<String>,
    /// The limit that one of its calls came nearest to since it was bound, and how near in thousandths.
    pub nearest_limit: Option<(&'static str, u32)>,
}

/// How a district stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistrictStatus {
    /// The district.
    pub id: DistrictId,
    /// Its name, by language.
    pub name: BTreeMap<String, String>,
    /// Position of the newest entry.
    pub seq: u64,
    /// Its hash.
    pub head: Digest,
    /// Digest of the state, when it was asked for.
    pub state: Option<Digest>,
    /// The policies in force.
    pub policies: Vec<PolicyStatus>,
    /// Why the folder's newest files are not in force, when they are not.
    pub reload_problem: Option<String>,
    /// Events that wait.
    pub waiting: usize,
    /// Open incidents.
    pub incidents: usize,
}

/// What is loaded for a district, and how it has done; nothing, when only its journal answers.
#[derive(Default)]
pub(crate) struct Loaded<'a> {
    pub(crate) policies: Option<&'a PolicySet>,
    pub(crate) fallbacks: BTreeMap<Role, u64>,
    pub(crate) unloaded: BTreeMap<(Role, Binding), String>,
}

pub(crate) fn status_of(
    id: &DistrictId,
    state: &State,
    loaded: &Loaded<'_>,
    waiting: usize,
    reload_problem: Option<String>,
    digest: bool,
) -> DistrictStatus {
    let nearest = |role| {
        let (resource, permille) = loaded.policies?.margins(role)?.worst.nearest();
        Some((resource.name(), permille))
    };
    let policies = state.core.policies.values().map(|activation| PolicyStatus {
        role: activation.role,
        name: activation.name.clone(),
        version: activation.version.clone(),
        package: activation.package,
        settings: activation.settings,
        fallbacks: loaded.fallbacks.get(&activation.role).copied().unwrap_or(0),
        problem: loaded.unloaded.get(&(activation.role, Binding::InForce)).cloned(),
        nearest_limit: nearest(activation.role),
    });
    DistrictStatus {
        id: id.clone(),
        name: state.charter().map(|charter| charter.name.clone()).unwrap_or_default(),
        seq: state.core.seq,
        head: state.core.head,
        state: digest.then(|| snapshot::digest(state)),
        policies: policies.collect(),
        reload_problem,
        waiting,
        incidents: state.incidents.len(),
    }
}
