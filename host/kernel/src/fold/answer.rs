//! What people owe each other: resources, residents' cases, pairs, findings, posts, devices, sources and processes.

use alloc::format;
use alloc::vec::Vec;

use super::{Moment, timers};
use crate::act::ResourceLine;
use crate::record::Fact;
use crate::role::workflow::Wait;
use crate::state::{
    Case, Offer, OfferStatus, Override, Pair, ProcessState, Pulse, RequestLine, ResourceRequest, State, TimerPurpose,
};
use crate::{FindingId, FindingStatus, Instant, OfferId, RequestId};

pub(super) fn requested(state: &mut State, fact: &Fact) {
    let Fact::ResourceRequested { request, incident, node, order, .. } = fact else { return };
    let line = |line: &ResourceLine| RequestLine { kind: line.kind.clone(), wanted: line.quantity, committed: 0 };
    let row = ResourceRequest {
        incident: incident.clone(),
        node: node.clone(),
        key: order.key.clone(),
        to: order.to.clone(),
        lines: order.lines.iter().map(line).collect(),
        needed_by: order.needed_by,
    };
    state.requests.put(request.clone(), row);
}

pub(super) fn offered(state: &mut State, fact: &Fact) {
    let Fact::ResourceOffered { offer, request, incident, by, node, lines, arrives, valid_until, .. } = fact else {
        return;
    };
    let row = Offer {
        incident: incident.clone(),
        request: request.clone(),
        by: by.clone(),
        node: node.clone(),
        lines: lines.clone(),
        taken: Vec::new(),
        arrives: *arrives,
        valid_until: *valid_until,
        status: OfferStatus::Open,
    };
    state.offers.put(offer.clone(), row);
    if let Some(until) = valid_until {
        timers::set(state, format!("offer/{offer}"), *until, TimerPurpose::Offer(offer.clone()));
    }
}

pub(super) fn offer_answered(state: &mut State, offer: &OfferId, request: Option<&RequestId>, taken: &[ResourceLine]) {
    timers::remove(state, &format!("offer/{offer}"));
    if let Some(row) = state.offers.change(offer) {
        row.status = if taken.is_empty() { OfferStatus::Declined } else { OfferStatus::Taken };
        row.taken = taken.to_vec();
    }
    commit(state, request, taken, true);
}

fn commit(state: &mut State, request: Option<&RequestId>, lines: &[ResourceLine], more: bool) {
    let Some(row) = request.and_then(|request| state.requests.change(request)) else { return };
    for line in lines {
        if let Some(wanted) = row.lines.iter_mut().find(|wanted| wanted.kind == line.kind) {
            let changed = if more { u32::saturating_add } else { u32::saturating_sub };
            wanted.committed = changed(wanted.committed, line.quantity);
        }
    }
}

pub(super) fn offer_expired(state: &mut State, offer: &OfferId) {
    if let Some(row) = state.offers.change(offer) {
        row.status = OfferStatus::Expired;
    }
}

pub(super) fn returned(state: &mut State, offer: &OfferId, lines: &[ResourceLine]) {
    let Some(row) = state.offers.change(offer) else { return };
    for line in lines {
        if let Some(taken) = row.taken.iter_mut().find(|taken| taken.kind == line.kind) {
            taken.quantity = taken.quantity.saturating_sub(line.quantity);
        }
    }
    row.taken.retain(|taken| taken.quantity > 0);
    if row.taken.is_empty() {
        row.status = OfferStatus::Returned;
    }
}

pub(super) fn case(state: &mut State, moment: Moment, fact: &Fact) {
    match fact {
        Fact::FeedbackOpened { case, incident, node, class, items, contact_by, .. } => {
            let row = Case {
                incident: incident.clone(),
                node: node.clone(),
                class: *class,
                items: *items,
                opened: moment.at,
                contact_by: *contact_by,
                contacted: None,
                resolved: None,
                handled_by: None,
                satisfied: None,
            };
            state.cases.put(case.clone(), row);
            timers::set(state, format!("feedback/{case}"), *contact_by, TimerPurpose::Feedback(case.clone()));
        }
        Fact::FeedbackContacted { case, occurred, by, .. } => {
            timers::remove(state, &format!("feedback/{case}"));
            if let Some(row) = state.cases.change(case) {
                row.contacted.get_or_insert(*occurred);
                row.handled_by = Some(by.clone());
            }
        }
        Fact::FeedbackResolved { case, resolved, by, .. } => {
            if let Some(row) = state.cases.change(case) {
                row.resolved = Some(*resolved);
                row.handled_by = Some(by.clone());
            }
        }
        Fact::FeedbackRated { case, satisfied, .. } => {
            if let Some(row) = state.cases.change(case) {
                row.satisfied = Some(*satisfied);
            }
        }
        _ => {}
    }
}

pub(super) fn pair(state: &mut State, moment: Moment, fact: &Fact) {
    match fact {
        Fact::PairOpened { pair, pair_kind, incident, from, awaits, due, .. } => {
            let row = Pair {
                kind: *pair_kind,
                incident: incident.clone(),
                from: from.clone(),
                awaits: awaits.iter().cloned().collect(),
                due: *due,
                opened: moment.at,
            };
            state.pairs.put(pair.clone(), row);
            timers::set(state, format!("pair/{pair}"), *due, TimerPurpose::Pair(pair.clone()));
        }
        Fact::PairAnswered { pair, node, complete, .. } => {
            if let Some(row) = state.pairs.change(pair) {
                row.awaits.remove(node);
            }
            if *complete {
                timers::remove(state, &format!("pair/{pair}"));
            }
        }
        _ => {}
    }
}

pub(super) fn finding(state: &mut State, finding: &FindingId, status: FindingStatus, answer: Option<(&str, &str)>) {
    timers::remove(state, &format!("finding/{finding}"));
    let Some(row) = state.findings.change(finding) else { return };
    row.status = status;
    if let Some((answer, by)) = answer {
        row.answer = Some(answer.into());
        row.answered_by = Some(by.into());
    }
}

pub(super) fn duty(state: &mut State, fact: &Fact) {
    let Fact::DutyOverridden { node, post, person, from, until, .. } = fact else { return };
    let row = Override { person: person.clone(), until: *until };
    state.overrides.put((node.clone(), post.clone(), *from), row);
}

pub(super) fn source_judged(state: &mut State, source: &str, confirmed: bool) {
    let mut row = state.sources.get(source).copied().unwrap_or_default();
    let count = if confirmed { &mut row.confirmed } else { &mut row.refuted };
    *count = count.saturating_add(1);
    state.sources.put(source.into(), row);
}

/// Whatever comes from a source that must be heard from starts its clock anew.
pub(super) fn heard(state: &mut State, at: Instant, source: &str) {
    let known = state.charter().and_then(|charter| charter.heartbeats.iter().find(|row| row.source == source));
    let Some(every) = known.map(|row| row.every) else { return };
    state.pulses.put(source.into(), Pulse { last: at, silent: false, every });
    timers::set(state, format!("heartbeat/{source}"), at + every, TimerPurpose::Heartbeat(source.into()));
}

pub(super) fn silent(state: &mut State, source: &str) {
    if let Some(row) = state.pulses.change(&source.into()) {
        row.silent = true;
    }
}

pub(super) fn process(state: &mut State, fact: &Fact) {
    match fact {
        Fact::ProcessStarted { process, incident, key, process_kind, .. } => {
            let row = ProcessState {
                incident: incident.clone(),
                key: key.clone(),
                kind: process_kind.clone(),
                version: alloc::string::String::new(),
                state: Vec::new(),
                waits: Vec::new(),
                finished: false,
            };
            state.index.running.entry(incident.clone()).or_default().insert(key.clone(), process.clone());
            state.processes.put(process.clone(), row);
        }
        Fact::ProcessStepped { process, version, state: next, waits, finished, .. } => {
            timers::remove_all(state, &format!("process/{process}/"));
            let Some(row) = state.processes.change(process) else { return };
            row.version.clone_from(version);
            row.state.clone_from(next);
            row.waits.clone_from(waits);
            row.finished = *finished;
            let (incident, key) = (row.incident.clone(), row.key.clone());
            if *finished {
                if let Some(running) = state.index.running.get_mut(&incident) {
                    running.remove(&key);
                }
                return;
            }
            for wait in waits {
                if let Wait::Until { key, at } = wait {
                    let purpose = TimerPurpose::Process { process: process.clone(), key: key.clone() };
                    timers::set(state, format!("process/{process}/{key}"), *at, purpose);
                }
            }
        }
        Fact::ProcessMigrated { process, version, state: next, moved: true, .. } => {
            if let Some(row) = state.processes.change(process) {
                row.version.clone_from(version);
                row.state.clone_from(next);
            }
        }
        _ => {}
    }
}
