//! What a change of a policy means in a state: by it people say yes to what takes force, and not to words alone. It must
//! leave nothing out that takes force without being brought.

use muster_kernel::Digest;
use muster_kernel::record::Activation;
use muster_kernel::role::Binding;
use muster_kernel::state::Core;
use serde::Serialize;

use crate::change::{Change, ChangeError, past};

/// What a change leaves to how things stand: digests of what would take force by it, as far as it does not bring them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meant {
    package: Option<Digest>,
    settings: Option<Digest>,
    attestations: Option<Digest>,
}

impl Meant {
    /// What is meant in a state.
    pub(crate) fn by(change: &Change, core: &Core) -> Result<Self, ChangeError> {
        let kept = |activation: &Activation| activation.evidence.as_ref().and_then(|evidence| evidence.attestations);
        let all = |activation: &Activation| Self {
            package: Some(activation.package),
            settings: Some(activation.settings),
            attestations: kept(activation),
        };
        let trial = |role| core.activation(role, Binding::Candidate).ok_or(ChangeError::NoTrial(role));
        match change {
            Change::Activate(wanted) => {
                let in_force = core.activation(wanted.role, Binding::InForce);
                let package = in_force.filter(|_| wanted.package.is_none());
                let settings = in_force.filter(|_| wanted.settings.is_none());
                let attestations = package.filter(|_| wanted.attestations.is_none());
                Ok(Self {
                    package: package.map(|kept| kept.package),
                    settings: settings.map(|kept| kept.settings),
                    attestations: attestations.and_then(kept),
                })
            }
            Change::Promote { role } | Change::EndTrial { role } => Ok(all(trial(*role)?)),
            Change::Rollback { role, to } => Ok(all(past(core, *role, *to)?)),
        }
    }
}
