//! Deadlines that passed. Silence is an event.

use alloc::format;
use alloc::vec::Vec;

use super::Deciding;
use super::level::resolve_all;
use super::sense::Located;
use crate::act::{Because, Party};
use crate::fold;
use crate::record::{CalloutStep, Fact};
use crate::role::escalation::Occasion;
use crate::state::{ResponseKey, TimerPurpose};
use crate::{CalloutId, Instant, Role, WatchId, roster};

impl Deciding<'_> {
    pub(super) fn timer(&mut self, purpose: TimerPurpose, due: Instant) {
        match purpose {
            TimerPurpose::CalloutStep { callout, call, step, rung } => {
                self.callout_silent(&callout, call, step, rung, due);
            }
            TimerPurpose::Confirmation { response, rung } => self.unconfirmed(response, rung, due),
            TimerPurpose::Proposal { measure, rung } => self.proposal_overdue(&measure, rung),
            TimerPurpose::MeasureStart(measure) => self.measure_effective(&measure),
            TimerPurpose::MeasureEnd(measure) => self.measure_lapsed(&measure),
            TimerPurpose::Task(task) => self.task_overdue(&task, due),
            TimerPurpose::Report(report) => self.report_overdue(&report, due),
            TimerPurpose::Grant(grant) => self.grant_expired(&grant),
            TimerPurpose::Approval(spend) => self.approval_overdue(&spend, due),
            TimerPurpose::Watch(watch) => self.watch_over(watch),
            TimerPurpose::Policy { role: Role::Escalation, incident, key, details } => {
                self.incident = incident;
                self.assess(Occasion::Timer { key, due, details }, &Located::default());
            }
            // No other role sets timers.
            TimerPurpose::Policy { .. } => {}
        }
    }

    /// A called party was silent: the next on the ladder are told, and the first miss is a finding.
    fn callout_silent(&mut self, callout: &CalloutId, call: usize, step: CalloutStep, rung: usize, due: Instant) {
        let Some(row) = self.state.callouts.get(callout).cloned() else { return };
        let Some(silent) = row.calls.get(call) else { return };
        let ladder = fold::callout_ladder(&row.order, step);
        let party = silent.called.party.clone();
        let seen_from = roster::node_of(&party).unwrap_or(&row.order.caller).clone();
        let to = ladder.get(rung).map(|rung| resolve_all(self.state, &rung.to, seen_from.as_str())).unwrap_or_default();
        let (code, chinese, english) = words(step);
        let because = Because::new(
            "host:callout-silent",
            format!("「{}」{chinese}", silent.called.title),
            format!("{} {english}", silent.called.title),
        );
        self.incident.clone_from(&row.incident);
        self.record(Fact::CalloutEscalated {
            callout: callout.clone(),
            incident: row.incident.clone(),
            party,
            missed: step,
            due,
            rung: u32::try_from(rung).unwrap_or(u32::MAX),
            to,
            because: because.clone(),
        });
        if !silent.missed.contains(&step) {
            let subject = Self::subject_of("callout", callout.as_str());
            self.overdue_finding(code, row.incident, seen_from, subject, due, because);
        }
    }

    fn unconfirmed(&mut self, response: ResponseKey, rung: usize, due: Instant) {
        let Some(row) = self.state.responses.get(&response) else { return };
        let Some(confirmation) = row.confirmation.clone() else { return };
        let to: Vec<Party> = confirmation
            .ladder
            .get(rung)
            .map(|step| resolve_all(self.state, &step.to, response.node.as_str()))
            .unwrap_or_default();
        let because = Because::new(
            "host:confirmation-overdue",
            format!("{} {} 级建议逾期未确认,提级上报", response.scheme, confirmation.level),
            format!("nobody confirmed {} level {} by its time; it goes up", response.scheme, confirmation.level),
        );
        self.incident.clone_from(&response.incident);
        self.record(Fact::ConfirmationEscalated {
            incident: response.incident,
            scheme: response.scheme,
            node: response.node,
            level: confirmation.level,
            due,
            rung: u32::try_from(rung).unwrap_or(u32::MAX),
            to,
            because,
        });
    }

    fn watch_over(&mut self, watch: WatchId) {
        let because = Because::new("host:watch-ended", "关注期满", "the time of the watch is over");
        self.record(Fact::WatchEnded { watch, because });
    }
}

fn words(step: CalloutStep) -> (&'static str, &'static str, &'static str) {
    match step {
        CalloutStep::Acknowledge => ("ACK-OVERDUE", "未按时签收", "did not acknowledge in time"),
        CalloutStep::Arrive => ("ARRIVAL-OVERDUE", "未按时报到", "did not report in by its time"),
        CalloutStep::Plan => ("PLAN-OVERDUE", "未按时提交联合方案", "did not hand in the joint plan in time"),
    }
}
