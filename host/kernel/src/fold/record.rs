//! What is simply kept: the charter, warnings, modes, reports, findings, service and policies' memory.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;

use super::{Moment, timers};
use crate::act::{FindingOrder, ReportDuty, Warning};
use crate::charter::Charter;
use crate::record::{Fact, WarningChange};
use crate::role::incentives::Service;
use crate::state::{Finding, MemoryKey, ModeState, Report, State, TimerPurpose, WarningState};
use crate::value::Value;
use crate::{
    FindingId, FindingStatus, IncidentId, Instant, Milliseconds, Mode, NodeCode, ReportId, Role, Scheme, calendar,
};

const OVERSIGHT: &str = "oversight";

/// The regular inspection comes again.
pub(super) fn rearm_oversight(state: &mut State, key: &str, due: Instant) {
    let every = state.charter().and_then(|charter| charter.clocks.oversight_every);
    if let Some(every) = every.filter(|every| key == OVERSIGHT && every.0 > 0) {
        timers::set(state, OVERSIGHT.into(), due + every, TimerPurpose::Oversight);
    }
}

pub(super) fn charter_activated(state: &mut State, moment: Moment, charter: &Charter) {
    state.core.charter = Some(charter.clone());
    state.index.nodes = charter.nodes.iter().enumerate().map(|(place, node)| (node.code.clone(), place)).collect();
    match charter.clocks.oversight_every {
        Some(_) if state.timers.contains(OVERSIGHT) => {}
        Some(every) => timers::set(state, OVERSIGHT.into(), moment.at + every, TimerPurpose::Oversight),
        None => timers::remove(state, OVERSIGHT),
    }
}

/// Keeps a warning. Those that it names are taken back by one that cancels, and replaced by any other; one that cancels and
/// names none takes back all of its hazard at that node.
pub(super) fn warning(
    state: &mut State,
    moment: Moment,
    incident: Option<&IncidentId>,
    warning: &Warning,
    change: WarningChange,
    supersedes: Option<&[u64]>,
) {
    let cancelled = change == WarningChange::Cancelled;
    let keys: Vec<crate::state::WarningKey> = if cancelled && supersedes.is_none() {
        let first = (warning.node.clone(), 0);
        let at_node = state.warnings.range_from(&first).take_while(|((node, _), _)| *node == warning.node);
        let same = at_node.filter(|(_, row)| row.warning.hazard == warning.hazard && !row.cancelled);
        same.map(|(key, _)| key.clone()).collect()
    } else {
        supersedes.unwrap_or_default().iter().map(|seq| (warning.node.clone(), *seq)).collect()
    };
    for key in keys {
        if let Some(row) = state.warnings.change(&key) {
            row.cancelled |= cancelled;
            row.superseded |= !cancelled;
        }
    }
    let row = WarningState { incident: incident.cloned(), warning: warning.clone(), cancelled, superseded: false };
    state.warnings.put((warning.node.clone(), moment.seq), row);
}

pub(super) fn mode(state: &mut State, moment: Moment, node: &NodeCode, scheme: &Scheme, mode: Mode) {
    state.modes.put((node.clone(), scheme.clone()), ModeState { mode, since: moment.at });
}

pub(super) fn report_required(state: &mut State, report: &ReportId, incident: Option<&IncidentId>, duty: &ReportDuty) {
    let row = Report { incident: incident.cloned(), duty: duty.clone(), submitted: None };
    state.index.add_report(report, &row);
    state.reports.put(report.clone(), row);
    timers::set(state, format!("report/{report}"), duty.due, TimerPurpose::Report(report.clone()));
}

pub(super) fn report_submitted(state: &mut State, report: &ReportId, at: Instant) {
    timers::remove(state, &format!("report/{report}"));
    if let Some(row) = state.reports.change(report) {
        row.submitted = Some(at);
        let row = row.clone();
        state.index.remove_report(report, &row);
    }
}

pub(super) fn finding(
    state: &mut State,
    moment: Moment,
    finding: &FindingId,
    incident: Option<&IncidentId>,
    order: &FindingOrder,
) {
    let row = Finding {
        incident: incident.cloned(),
        order: order.clone(),
        raised: moment.at,
        status: FindingStatus::Open,
        answer: None,
        answered_by: None,
    };
    state.findings.put(finding.clone(), row);
    if let Some(due) = order.answer_by {
        timers::set(state, format!("finding/{finding}"), due, TimerPurpose::Finding(finding.clone()));
    }
}

pub(super) fn service_started(state: &mut State, fact: &Fact) {
    let Fact::ServiceStarted { service, incident, team, headcount, occurred } = fact else { return };
    let row = Service {
        id: service.clone(),
        team: Some(team.clone()),
        person: None,
        headcount: *headcount,
        started: *occurred,
        ended: *occurred,
        task: None,
        incident: incident.as_ref().map(|incident| incident.as_str().to_owned()),
        hazardous: false,
        mode: Mode::Normal,
        exercise: false,
        verified_by: None,
        settled_today: Milliseconds::ZERO,
    };
    state.services.put(service.clone(), row);
}

pub(super) fn service_settled(state: &mut State, service: &Service) {
    state.services.remove(&service.id);
    let who = service.team.as_ref().or(service.person.as_ref()).cloned().unwrap_or_default();
    let key = (who, calendar::day_number(state, service.ended));
    let before = state.settled.get(&key).copied().unwrap_or_default();
    state.settled.put(key, Milliseconds(before.0.saturating_add((service.ended - service.started).0)));
}

pub(super) fn memory(state: &mut State, incident: &IncidentId, role: Role, key: &str, value: &Value) {
    let key = MemoryKey { incident: incident.clone(), role, key: key.to_owned() };
    if *value == Value::Unknown {
        state.memory.remove(&key);
    } else {
        state.memory.put(key, value.clone());
    }
}
