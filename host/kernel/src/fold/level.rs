//! Levels: recommended, in force, and confirmations that are waited for.

use alloc::format;
use alloc::string::String;

use super::{Moment, timers};
use crate::record::Fact;
use crate::state::{Confirmation, Response, ResponseKey, State, TimerPurpose};

fn change<'a>(state: &'a mut State, key: &ResponseKey) -> &'a mut Response {
    if !state.responses.contains(key) {
        state.responses.put(key.clone(), Response::default());
        state.index.responses_of.entry(key.incident.clone()).or_default().insert(key.clone());
    }
    state.responses.change(key).expect("the row was put when it was absent")
}

fn timer_key(key: &ResponseKey) -> String {
    let incident = key.incident.as_ref().map_or("", |incident| incident.as_str());
    format!("confirmation/{}/{}/{incident}", key.scheme, key.node)
}

pub(super) fn recommended(state: &mut State, moment: Moment, fact: &Fact) {
    let Fact::LevelRecommended { incident, scheme, node, level, .. } = fact else { return };
    let key = ResponseKey { scheme: scheme.clone(), node: node.clone(), incident: incident.clone() };
    let response = change(state, &key);
    if response.recommended != Some(*level) {
        response.recommended = Some(*level);
        response.recommended_since = Some(moment.at);
    }
}

pub(super) fn in_force(state: &mut State, fact: &Fact) {
    let Fact::LevelInForce { incident, scheme, node, level, from, ordered, .. } = fact else { return };
    let key = ResponseKey { scheme: scheme.clone(), node: node.clone(), incident: incident.clone() };
    let response = change(state, &key);
    response.in_force = Some(*level);
    response.since = Some(*from);
    response.ordered = *ordered;
    if response.confirmation.as_ref().is_some_and(|confirmation| *ordered || *level >= confirmation.level) {
        response.confirmation = None;
        timers::remove(state, &timer_key(&key));
    }
}

pub(super) fn confirmation_required(state: &mut State, fact: &Fact) {
    let Fact::ConfirmationRequired { incident, scheme, node, level, by, due, ladder, .. } = fact else { return };
    let key = ResponseKey { scheme: scheme.clone(), node: node.clone(), incident: incident.clone() };
    change(state, &key).confirmation =
        Some(Confirmation { level: *level, due: *due, by: by.clone(), ladder: ladder.clone() });
    set_timer(state, &key, 0);
}

/// Sets the timer of the next rung of a confirmation's ladder, if there is one.
fn set_timer(state: &mut State, key: &ResponseKey, rung: usize) {
    let Some(confirmation) = state.responses.get(key).and_then(|response| response.confirmation.as_ref()) else {
        return;
    };
    let Some(step) = confirmation.ladder.get(rung) else { return };
    let due = confirmation.due + step.after;
    timers::set(state, timer_key(key), due, TimerPurpose::Confirmation { response: key.clone(), rung });
}

pub(super) fn escalated(state: &mut State, fact: &Fact) {
    let Fact::ConfirmationEscalated { incident, scheme, node, rung, .. } = fact else { return };
    let key = ResponseKey { scheme: scheme.clone(), node: node.clone(), incident: incident.clone() };
    set_timer(state, &key, *rung as usize + 1);
}

pub(super) fn ended(state: &mut State, fact: &Fact) {
    let Fact::LevelEnded { incident, scheme, node, .. } = fact else { return };
    let key = ResponseKey { scheme: scheme.clone(), node: node.clone(), incident: incident.clone() };
    let response = change(state, &key);
    *response = Response::default();
    timers::remove(state, &timer_key(&key));
}
