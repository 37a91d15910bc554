//! What stands beside and behind the policy in force of a role: a trial, and who answers when it fails.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::Instant;
use crate::record::Activation;

/// What stands beside and behind the policy in force of a role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standby {
    /// How the policy in force has done.
    pub health: Health,
    /// A shadow or canary.
    pub trial: Option<Trial>,
    /// The one in force before that answered without failing.
    pub last_known_good: Option<Activation>,
    /// The certified baseline.
    pub baseline: Option<Activation>,
    /// Former policies that running processes still need, the oldest first.
    pub former: Vec<Activation>,
    /// What was in force, the newest last, at most [`HISTORY_MAX`].
    pub history: Vec<Past>,
}

/// How many activations of a role are remembered at hand; the journal has all.
pub const HISTORY_MAX: usize = 16;

/// An activation that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The entry that put it in force.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// What.
    pub activation: Activation,
}

/// How a policy in force has done since it was activated.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Health {
    /// Questions it answered.
    pub answered: u64,
    /// Its own failures: traps, fuel, sizes, denied questions, invalid answers. What the host felt is not counted.
    pub failed: u64,
    /// When the newest of them were, at most [`RECENT_FAILURES_MAX`].
    pub recent_failures: Vec<Instant>,
}

/// Failures whose instants are remembered.
pub const RECENT_FAILURES_MAX: usize = 64;

/// A policy on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// What is tried.
    pub activation: Activation,
    /// Since when.
    pub since: Instant,
    /// Questions it was asked beside the policy in force, or in its place.
    pub asked: u64,
    /// Answers that differed.
    pub changed: u64,
    /// Questions that it failed to answer.
    pub failed: u64,
}
