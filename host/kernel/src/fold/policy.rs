//! Policies: which is in force, which is on trial, who stands behind them, and how they have done.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Moment, timers};
use crate::record::Activation;
use crate::role::{Binding, Call, Failure};
use crate::state::{HISTORY_MAX, Health, Past, RECENT_FAILURES_MAX, Standby, State, TimerPurpose, Trial};
use crate::{Digest, Instant, PolicyMode, Role};

/// Former workflow policies that are kept for running processes at most; the oldest goes first.
const FORMER_MAX: usize = 4;

/// The key of the deadline of a policy that was let in for a time.
fn expiry(role: Role) -> String {
    format!("policy-expiry/{role}")
}

pub(super) fn activated(state: &mut State, moment: Moment, activation: &Activation) {
    match activation.mode {
        PolicyMode::Enforce => {
            let way = activation.evidence.as_ref().map_or("folder", |evidence| evidence.way.as_str());
            if matches!(way, "folder" | "start") {
                state.core.folder.insert(activation.role, (activation.package, activation.settings));
            }
            enforce(state, moment, activation, way != "rollback");
        }
        PolicyMode::Shadow | PolicyMode::Canary => {
            let trial = Trial { activation: activation.clone(), since: moment.at, asked: 0, changed: 0, failed: 0 };
            standby(state, activation.role).trial = Some(trial);
        }
        PolicyMode::Baseline => standby(state, activation.role).baseline = Some(activation.clone()),
    }
    set_expiry(state, activation.role);
}

/// INVARIANT (broken glass): whatever was let in for a time has its deadline as long as it may answer from any place. One
/// timer a role, at the earliest end.
fn set_expiry(state: &mut State, role: Role) {
    let bound = state.core.bindings().filter(|(of, _, _)| *of == role);
    match bound.filter_map(|(_, _, activation)| activation.expires).min() {
        Some(due) => timers::set(state, expiry(role), due, TimerPurpose::PolicyExpiry(role)),
        None => timers::remove(state, &expiry(role)),
    }
}

fn standby(state: &mut State, role: Role) -> &mut Standby {
    state.core.standby.entry(role).or_default()
}

/// Puts a policy in force. The one before it stands behind it from now on, if it did well and was not for a time only.
fn enforce(state: &mut State, moment: Moment, activation: &Activation, keep_before: bool) {
    let role = activation.role;
    let good = is_good(state, role, moment.at);
    let before = state.core.policies.insert(role, activation.clone());
    let before = before.filter(|before| !before.runs_as(activation));
    let former = before.clone().filter(|before| role == Role::Workflow && is_needed(state, before));
    let needed: Vec<bool> = state
        .core
        .standby
        .get(&role)
        .map(|standby| standby.former.iter().map(|former| is_needed(state, former)).collect())
        .unwrap_or_default();
    let standby = standby(state, role);
    let mut needed = needed.into_iter();
    standby.former.retain(|former| needed.next().unwrap_or(false) && !former.runs_as(activation));
    standby.former.extend(former);
    if standby.former.len() > FORMER_MAX {
        standby.former.remove(0);
    }
    if let Some(before) = before.filter(|before| good && keep_before && !before.is_for_a_time()) {
        standby.last_known_good = Some(before);
    }
    standby.last_known_good = standby.last_known_good.take().filter(|known| !known.runs_as(activation));
    standby.trial = standby.trial.take().filter(|trial| !runs_the_same(&trial.activation, activation));
    standby.health = Health::default();
    standby.history.push(Past { seq: moment.seq, at: moment.at, activation: activation.clone() });
    if standby.history.len() > HISTORY_MAX {
        standby.history.remove(0);
    }
}

fn runs_the_same(trial: &Activation, activation: &Activation) -> bool {
    trial.package == activation.package && trial.settings == activation.settings
}

/// Whether a running process still runs by this policy's version.
fn is_needed(state: &State, former: &Activation) -> bool {
    state.processes.iter().any(|(_, row)| !row.finished && row.version == former.version)
}

/// Whether the policy in force has answered, and is not failing now.
fn is_good(state: &State, role: Role, now: Instant) -> bool {
    let Some(standby) = state.core.standby.get(&role) else { return false };
    standby.health.answered > 0 && !is_failing(state, standby, now)
}

/// Whether the policy in force failed as often as the profile lets it.
pub(crate) fn is_failing(state: &State, standby: &Standby, now: Instant) -> bool {
    let rules = state.charter().and_then(|charter| charter.change.as_ref()).cloned().unwrap_or_default();
    let within = standby.health.recent_failures.iter().filter(|at| **at + rules.failing_within > now).count();
    rules.failures_max > 0 && within >= usize::try_from(rules.failures_max).unwrap_or(usize::MAX)
}

pub(super) fn demoted(state: &mut State, moment: Moment, role: Role, binding: Binding, package: Digest) {
    match binding {
        Binding::InForce => {
            state.core.policies.remove(&role);
            let next = state.core.next_in_line(role).cloned();
            let standby = standby(state, role);
            standby.last_known_good = None;
            standby.health = Health::default();
            if let Some(next) = next {
                // It ends when it was to end, wherever it answers from.
                let next = Activation { mode: PolicyMode::Enforce, ..next };
                standby.history.push(Past { seq: moment.seq, at: moment.at, activation: next.clone() });
                if standby.history.len() > HISTORY_MAX {
                    standby.history.remove(0);
                }
                state.core.policies.insert(role, next);
            }
        }
        Binding::Candidate => standby(state, role).trial = None,
        Binding::LastKnownGood => standby(state, role).last_known_good = None,
        Binding::Baseline => standby(state, role).baseline = None,
        Binding::Former(_) => standby(state, role).former.retain(|former| former.package != package),
    }
    set_expiry(state, role);
}

/// Counts what was answered.
pub(super) fn count(state: &mut State, calls: &[Call]) {
    for call in calls.iter().filter(|call| call.failure.is_none()) {
        match call.binding {
            Binding::InForce => standby(state, call.role).health.answered += 1,
            Binding::Candidate => {
                let trial = standby(state, call.role).trial.as_mut();
                if let Some(trial) = trial.filter(|trial| trial.activation.mode == PolicyMode::Canary) {
                    trial.asked += 1;
                }
            }
            Binding::LastKnownGood | Binding::Baseline | Binding::Former(_) => {}
        }
    }
}

/// Counts a failure of the policy's own. What the host felt - a clock, a missing file - is not held against it.
pub(super) fn failed(state: &mut State, moment: Moment, role: Role, failure: Failure, binding: Binding) {
    if matches!(failure, Failure::Unbound | Failure::TooSlow | Failure::HostFault) {
        return;
    }
    let standby = standby(state, role);
    match binding {
        Binding::InForce => {
            standby.health.failed += 1;
            standby.health.recent_failures.push(moment.at);
            if standby.health.recent_failures.len() > RECENT_FAILURES_MAX {
                standby.health.recent_failures.remove(0);
            }
        }
        Binding::Candidate => {
            if let Some(trial) = &mut standby.trial {
                trial.failed += 1;
                trial.asked += 1;
            }
        }
        Binding::LastKnownGood | Binding::Baseline | Binding::Former(_) => {}
    }
}

/// Counts what a shadow said.
pub(super) fn compared(state: &mut State, role: Role, failed: bool, changed: bool) {
    if let Some(trial) = &mut standby(state, role).trial {
        trial.asked += 1;
        trial.failed += u64::from(failed);
        trial.changed += u64::from(changed);
    }
}
