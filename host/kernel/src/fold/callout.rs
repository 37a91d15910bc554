//! Call-outs: who was called, how far each called party came, and the deadlines of each.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use super::{Moment, timers};
use crate::act::{CalloutOrder, Party, Rung, unrolled};
use crate::record::{CalloutStep, Fact};
use crate::state::{CallState, Callout, State, TimerPurpose};
use crate::{CalloutId, Instant, Milliseconds};

pub(super) fn issued(state: &mut State, fact: &Fact) {
    let Fact::CalloutIssued { callout, incident, order, called, issued, .. } = fact else { return };
    let calls: Vec<CallState> = called
        .iter()
        .map(|called| CallState {
            called: called.clone(),
            acknowledged: None,
            acknowledged_by: None,
            en_route: None,
            reported_in: None,
            planned: None,
            released: None,
            missed: BTreeSet::new(),
        })
        .collect();
    let count = calls.len();
    let row = Callout { incident: incident.clone(), order: order.clone(), issued: *issued, names: Vec::new(), calls };
    state.index.open_callouts.entry(incident.clone()).or_default().insert(callout.clone());
    state.index.callout_names.insert(callout.as_str().to_owned(), callout.clone());
    state.callouts.put(callout.clone(), row);
    for call in 0..count {
        for step in [CalloutStep::Acknowledge, CalloutStep::Arrive, CalloutStep::Plan] {
            arm(state, callout, call, step, 0);
        }
    }
}

/// The ladder of a call-out's deadline. One without a ladder still has its own instant.
pub fn ladder(order: &CalloutOrder, step: CalloutStep) -> Vec<Rung> {
    let (within, rungs): (Option<Milliseconds>, &[Rung]) = match step {
        CalloutStep::Acknowledge => (order.acknowledge_within, &order.ladder),
        CalloutStep::Arrive => (order.arrive_within, &order.arrival_ladder),
        CalloutStep::Plan => (order.plan_within, &[]),
    };
    match within {
        Some(_) if !rungs.is_empty() => unrolled(rungs),
        Some(within) => alloc::vec![Rung::once(within, Vec::new())],
        None => Vec::new(),
    }
}

/// Sets the timer of a rung, if the ladder has it.
fn arm(state: &mut State, callout: &CalloutId, call: usize, step: CalloutStep, rung: usize) {
    let Some(row) = state.callouts.get(callout) else { return };
    let Some(after) = ladder(&row.order, step).get(rung).map(|rung| rung.after) else { return };
    let due = row.issued + after;
    let purpose = TimerPurpose::CalloutStep { callout: callout.clone(), call, step, rung };
    timers::set(state, timers::callout(callout, call, step), due, purpose);
}

pub(super) fn named(state: &mut State, callout: &CalloutId, name: &str) {
    if let Some(row) = state.callouts.change(callout) {
        row.names.push(name.to_owned());
        state.index.callout_names.insert(name.to_owned(), callout.clone());
    }
}

fn position(state: &State, callout: &CalloutId, party: &Party) -> Option<usize> {
    state.callouts.get(callout)?.calls.iter().position(|call| call.called.party == *party)
}

pub(super) fn acknowledged(state: &mut State, fact: &Fact) {
    let Fact::CalloutAcknowledged { callout, party, by, holds_until, occurred, .. } = fact else { return };
    let Some(call) = position(state, callout, party) else { return };
    if let Some(row) = state.callouts.change(callout) {
        row.calls[call].acknowledged.get_or_insert(*occurred);
        row.calls[call].acknowledged_by.clone_from(by);
    }
    timers::remove(state, &timers::callout(callout, call, CalloutStep::Acknowledge));
    if let Some(until) = holds_until {
        let purpose = TimerPurpose::AcknowledgementHolds { callout: callout.clone(), call };
        timers::set(state, holds(callout, call), *until, purpose);
    }
}

fn holds(callout: &CalloutId, call: usize) -> alloc::string::String {
    format!("callout/{callout}/{call:05}/holds")
}

/// An acknowledgement ran out: the call stands open again, and its deadline counts from now.
pub(super) fn lapsed(state: &mut State, moment: Moment, callout: &CalloutId, party: &Party) {
    let Some(call) = position(state, callout, party) else { return };
    let Some(row) = state.callouts.change(callout) else { return };
    row.calls[call].acknowledged = None;
    row.calls[call].acknowledged_by = None;
    let Some(first) = ladder(&row.order, CalloutStep::Acknowledge).into_iter().next() else { return };
    let purpose = TimerPurpose::CalloutStep { callout: callout.clone(), call, step: CalloutStep::Acknowledge, rung: 0 };
    timers::set(state, timers::callout(callout, call, CalloutStep::Acknowledge), moment.at + first.after, purpose);
}

pub(super) fn en_route(state: &mut State, callout: &CalloutId, party: &Party, at: Instant) {
    let Some(call) = position(state, callout, party) else { return };
    if let Some(row) = state.callouts.change(callout) {
        row.calls[call].en_route.get_or_insert(at);
    }
    // Who is on the way has answered.
    timers::remove(state, &timers::callout(callout, call, CalloutStep::Acknowledge));
    timers::remove(state, &holds(callout, call));
}

pub(super) fn planned(state: &mut State, callout: &CalloutId, party: &Party, at: Instant) {
    let Some(call) = position(state, callout, party) else { return };
    if let Some(row) = state.callouts.change(callout) {
        row.calls[call].planned.get_or_insert(at);
    }
    timers::remove(state, &timers::callout(callout, call, CalloutStep::Plan));
}

pub(super) fn reported_in(state: &mut State, callout: &CalloutId, party: &Party, at: Instant) {
    let Some(call) = position(state, callout, party) else { return };
    if let Some(row) = state.callouts.change(callout) {
        row.calls[call].reported_in.get_or_insert(at);
    }
    // Who is on scene has also answered.
    timers::remove(state, &timers::callout(callout, call, CalloutStep::Acknowledge));
    timers::remove(state, &timers::callout(callout, call, CalloutStep::Arrive));
    timers::remove(state, &holds(callout, call));
}

pub(super) fn escalated(state: &mut State, fact: &Fact) {
    let Fact::CalloutEscalated { callout, party, missed, rung, .. } = fact else { return };
    let Some(call) = position(state, callout, party) else { return };
    if let Some(row) = state.callouts.change(callout) {
        row.calls[call].missed.insert(*missed);
    }
    arm(state, callout, call, *missed, *rung as usize + 1);
}

pub(super) fn released(state: &mut State, moment: Moment, callout: &CalloutId, party: &Party) {
    let Some(call) = position(state, callout, party) else { return };
    let Some(row) = state.callouts.change(callout) else { return };
    row.calls[call].released = Some(moment.at);
    let over = row.calls.iter().all(|call| call.released.is_some());
    let incident = row.incident.clone();
    timers::remove_all(state, &format!("callout/{callout}/{call:05}/"));
    if over && let Some(open) = state.index.open_callouts.get_mut(&incident) {
        open.remove(callout);
    }
}
