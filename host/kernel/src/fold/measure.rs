//! Measures, their proposals, and tasks.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Moment, timers};
use crate::act::{TaskOrder, unrolled};
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
        deciders: proposal.deciders.clone(),
        decide_by: Some(proposal.decide_by),
        ladder: unrolled(&proposal.ladder),
        confirmed: None,
        scheme: None,
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
        deciders: Vec::new(),
        decide_by: None,
        ladder: Vec::new(),
        confirmed: state.measures.get(measure).and_then(|row| row.confirmed),
        scheme: scheme_of(state, incident.as_ref()),
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

/// The scheme of the incident that a measure belongs to.
fn scheme_of(state: &State, incident: Option<&IncidentId>) -> Option<crate::Scheme> {
    Some(state.incidents.get(incident?)?.scheme.clone())
}

/// The field says that it is carried out: nobody needs to decide on it any more.
pub(super) fn confirmed(state: &mut State, moment: Moment, measure: &MeasureId) {
    timers::remove(state, &key(measure, "decide"));
    if let Some(row) = state.measures.change(measure) {
        row.confirmed = Some(moment.at);
        row.status = MeasureStatus::InForce;
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
    let row = Task {
        incident: incident.cloned(),
        order: order.clone(),
        state: "open".into(),
        claim: None,
        by: None,
        updated: None,
        people: None,
    };
    state.index.add_task(task, &row);
    state.tasks.put(task.clone(), row);
    if let Some(due) = order.due {
        timers::set(state, format!("task/{task}"), due, TimerPurpose::Task(task.clone()));
    }
}

pub(super) fn task_updated(state: &mut State, fact: &Fact) {
    let Fact::TaskUpdated { task, incident, state: word, occurred, by, claim, people, .. } = fact else { return };
    if !state.tasks.contains(task) {
        stated(state, task, incident.as_ref());
    }
    let Some(row) = state.tasks.change(task) else { return };
    row.state.clone_from(word);
    row.by = Some(by.clone());
    row.updated = Some(*occurred);
    if claim.is_some() {
        row.claim.clone_from(claim);
    }
    if people.is_some() {
        row.people = *people;
    }
    let row = row.clone();
    if is_over(word) {
        state.index.remove_task(task, &row);
        timers::remove(state, &format!("task/{task}"));
    } else {
        state.index.add_task(task, &row);
    }
}

/// Keeps work that is known only from what its doer says.
fn stated(state: &mut State, task: &TaskId, incident: Option<&IncidentId>) {
    let root = state.charter().map(|charter| charter.root.clone()).unwrap_or_default();
    let order = TaskOrder {
        key: format!("stated/{task}"),
        kind: Task::STATED.into(),
        to: crate::roster::duty_of(root.clone()),
        node: root,
        place: None,
        due: None,
        life_safety: false,
        items: 1,
        details: Vec::new(),
    };
    task_opened(state, task, incident, &order);
}

/// Work that was called done is open again; its due time stands.
pub(super) fn task_reopened(state: &mut State, task: &TaskId) {
    let Some(row) = state.tasks.change(task) else { return };
    row.state = "reopened".into();
    let row = row.clone();
    state.index.add_task(task, &row);
}

/// Whether a task in this state asks for nothing more.
pub(super) fn is_over(word: &str) -> bool {
    matches!(word, "done" | "cancelled")
}
