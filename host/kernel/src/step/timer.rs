//! Deadlines that passed. Silence is an event.

use alloc::format;
use alloc::vec::Vec;

use super::Deciding;
use super::level::resolve_all;
use super::sense::Located;
use crate::act::{Because, Party};
use crate::record::Fact;
use crate::role::escalation::Occasion;
use crate::state::{ResponseKey, TimerPurpose};
use crate::{Instant, Role, WatchId};

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
            TimerPurpose::PolicyExpiry(role) => self.policy_expired(role),
            TimerPurpose::Feedback(case) => self.feedback_overdue(&case),
            TimerPurpose::Pair(pair) => self.pair_overdue(&pair),
            TimerPurpose::Offer(offer) => self.offer_expired(&offer),
            TimerPurpose::GrantRequest(request) => self.grant_request_overdue(&request, due),
            TimerPurpose::Papers(spend) => self.papers_overdue(&spend, due),
            TimerPurpose::Award(award) => self.award_expired(&award),
            TimerPurpose::Finding(finding) => self.finding_overdue(&finding),
            TimerPurpose::Heartbeat(source) => self.heartbeat_lost(&source),
            TimerPurpose::AcknowledgementHolds { callout, call } => self.acknowledgement_lapsed(&callout, call),
            TimerPurpose::Oversight => self.inspect(),
            TimerPurpose::Process { process, key } => self.process_due(&process, key),
            TimerPurpose::Policy { role: Role::Escalation, incident, key, details } => {
                self.incident = incident;
                self.assess(Occasion::Timer { key, due, details }, &Located::default());
            }
            // No other role sets timers of its own.
            TimerPurpose::Policy { .. } => {}
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
