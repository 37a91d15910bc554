//! Deadlines: their keys, and how they are set and removed. Timers of one instant fire in the order of their keys.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::record::CalloutStep;
use crate::state::{State, Timer, TimerPurpose};
use crate::value::Attribute;
use crate::{CalloutId, IncidentId, Instant, Role};

/// Sets a timer; one with the same key is moved.
pub(super) fn set(state: &mut State, key: String, due: Instant, purpose: TimerPurpose) {
    remove(state, &key);
    state.index.due.insert((due, key.clone()));
    state.timers.put(key, Timer { due, purpose });
}

/// Removes a timer, if there is one.
pub(super) fn remove(state: &mut State, key: &str) {
    let key: String = key.into();
    if let Some(timer) = state.timers.remove(&key) {
        state.index.due.remove(&(timer.due, key));
    }
}

/// Removes all timers whose keys begin so.
pub(super) fn remove_all(state: &mut State, prefix: &str) {
    let keys: Vec<String> = state
        .timers
        .range_from(prefix)
        .map(|(key, _)| key)
        .take_while(|key| key.starts_with(prefix))
        .cloned()
        .collect();
    for key in keys {
        remove(state, &key);
    }
}

/// The key of a deadline of a called party.
pub(super) fn callout(callout: &CalloutId, call: usize, step: CalloutStep) -> String {
    let word = match step {
        CalloutStep::Acknowledge => "acknowledge",
        CalloutStep::Arrive => "arrive",
        CalloutStep::Plan => "plan",
    };
    format!("callout/{callout}/{call:05}/{word}")
}

/// The key of a policy's own timer.
pub(super) fn policy(incident: Option<&IncidentId>, role: Role, key: &str) -> String {
    format!("policy/{role}/{}/{key}", incident.map_or("", IncidentId::as_str))
}

/// Sets a policy's own timer.
pub(super) fn set_policy(
    state: &mut State,
    incident: Option<&IncidentId>,
    role: Role,
    key: &str,
    at: Instant,
    details: &[Attribute],
) {
    let purpose =
        TimerPurpose::Policy { role, incident: incident.cloned(), key: key.into(), details: details.to_vec() };
    set(state, policy(incident, role, key), at, purpose);
}
