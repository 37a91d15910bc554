//! Measures, their proposals, and tasks.

use alloc::format;
use alloc::string::String;

use super::{Moment, timers};
use crate::act::TaskOrder;
use crate::record::Fact;
use crate::state::{MeasureState, State, Task, TimerPurpose};
use crate::{IncidentId, MeasureId, MeasureStatus, TaskId};

fn key(measure: &MeasureId, what: &str) -> String {
    format!("measure/{measure}/{what}")
}

pub(super) fn proposed(state: &mut State, fact: &Fact) {
    let Fact::MeasureProposed { measure, incident, proposal, .. } = fact else { return };
    let row = MeasureState {
        incident: incident.clone(),
        order: proposal.measure.clone(),
        status: MeasureStatus::Proposed,
        decider: Some(proposal.decider.clone()),
        decide_by: Some(proposal.decide_by),
        ladder: proposal.ladder.clone(),
    };
    state.index.add_measure(measure, &row);
    state.measures.put(measure.clone(), row);
    let purpose = TimerPurpose::Proposal { measure: measure.clone(), rung: 0 };
    timers::set(state, key(measure, "decide"), proposal.decide_by, purpose);
}

/// The decision's time passed. The first time is the deadline itself; the ladder's steps follow.
pub(super) fn overdue(state: &mut State, measure: &MeasureId, rung: u32) {
    let Some(row) = state.measures.change(measure) else { return };
    row.status = MeasureStatus::Overdue;
    let next = row.ladder.get(rung as usize + 1).and_then(|step| Some(row.decide_by? + step.after));
    if let Some(due) = next {
        let purpose = TimerPurpose::Proposal { measure: measure.clone(), rung: rung as usize + 1 };
        timers::set(state, key(measure, "decide"), due, purpose);
    }
}

pub(super) fn decided(state: &mut State, measure: &MeasureId, approved: bool) {
    timers::remove(state, &key(measure, "decide"));
    if approved {
        return;
    }
    if let Some(row) = state.measures.change(measure) {
        row.status = MeasureStatus::Refused;
        let row = row.clone();
        state.index.remove_measure(measure, &row);
    }
}

pub(super) fn started(state: &mut State, moment: Moment, fact: &Fact) {
    let Fact::MeasureStarted { measure, incident, order, from, .. } = fact else { return };
    let row = MeasureState {
        incident: incident.clone(),
        order: order.clone(),
        status: MeasureStatus::InForce,
        decider: None,
        decide_by: None,
        ladder: alloc::vec::Vec::new(),
    };
    timers::remove(state, &key(measure, "decide"));
    state.index.add_measure(measure, &row);
    state.measures.put(measure.clone(), row);
    if *from > moment.at {
        timers::set(state, key(measure, "start"), *from, TimerPurpose::MeasureStart(measure.clone()));
    }
    if let Some(ends) = order.ends {
        timers::set(state, key(measure, "end"), ends, TimerPurpose::MeasureEnd(measure.clone()));
    }
}

pub(super) fn ended(state: &mut State, measure: &MeasureId) {
    timers::remove_all(state, &format!("measure/{measure}/"));
    if let Some(row) = state.measures.change(measure) {
        row.status = MeasureStatus::Ended;
        let row = row.clone();
        state.index.remove_measure(measure, &row);
    }
}

pub(super) fn task_opened(state: &mut State, task: &TaskId, incident: Option<&IncidentId>, order: &TaskOrder) {
    let row = Task { incident: incident.cloned(), order: order.clone(), state: "open".into() };
    state.index.add_task(task, &row);
    state.tasks.put(task.clone(), row);
    if let Some(due) = order.due {
        timers::set(state, format!("task/{task}"), due, TimerPurpose::Task(task.clone()));
    }
}

pub(super) fn task_updated(state: &mut State, task: &TaskId, word: &str) {
    let Some(row) = state.tasks.change(task) else { return };
    row.state = word.into();
    if is_over(word) {
        let row = row.clone();
        state.index.remove_task(task, &row);
        timers::remove(state, &format!("task/{task}"));
    }
}

/// Whether a task in this state asks for nothing more.
pub(super) fn is_over(word: &str) -> bool {
    matches!(word, "done" | "cancelled")
}
