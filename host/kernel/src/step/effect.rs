//! Assess: escalation is asked, and each of its proposals goes to the one function that bounds it.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Deciding;
use super::sense::Located;
use crate::act::{Act, Effect, Notice};
use crate::record::Fact;
use crate::role::escalation::{Matter, Occasion, Question, WatchView};
use crate::role::{Failure, oversight};
use crate::{Event, Role, WatchId, facts, roster};

/// The most effects that one answer may hold. A real decision has some tens; more is a fault of the policy.
pub(super) const EFFECTS_MAX: usize = 1_024;
const EFFECTS_OVER: usize = EFFECTS_MAX + 1;

/// The most incidents that one regular inspection looks at.
const INSPECTED_MAX: usize = 64;

impl Deciding<'_> {
    pub(super) fn assess(&mut self, occasion: Occasion, located: &Located) {
        let node = match &occasion {
            Occasion::Event(event) => event.node.to_string(),
            Occasion::Timer { .. } => self.incident_node(),
        };
        let question = Question {
            now: self.now(),
            occasion,
            classification: located.classification.clone(),
            matter: self.matter(located.watch.as_ref()),
        };
        let scope = self.incident.clone();
        let answer = self.ask(
            Role::Escalation,
            &mut |policies, binding, state| policies.escalation(binding, state, scope.clone(), &question),
            |deciding, effects: &Vec<Effect>| match effects.len() {
                EFFECTS_OVER.. => Err(Some(Failure::TooLarge)),
                _ if deciding.all_nodes_known(effects) => Ok(()),
                _ => Err(None),
            },
        );
        match answer {
            Ok(effects) => self.enact_all(Role::Escalation, effects),
            Err(failure) => self.escalation_fallback(&node, failure),
        }
    }

    pub(super) fn incident_node(&self) -> alloc::string::String {
        let row = self.incident.as_ref().and_then(|incident| self.state.incidents.get(incident));
        let root = || self.state.charter().map(|charter| charter.root.to_string()).unwrap_or_default();
        row.map_or_else(root, |row| row.node.to_string())
    }

    fn matter(&self, watch: Option<&WatchId>) -> Matter {
        if let Some(id) = &self.incident
            && let Some(row) = self.state.incidents.get(id)
        {
            return Matter::Incident(facts::view(self.state, id, row));
        }
        match watch.and_then(|id| Some((id, self.state.watches.get(id)?))) {
            Some((id, row)) => Matter::Watch(WatchView {
                id: id.clone(),
                hazard: row.hazard.clone(),
                node: row.node.clone(),
                until: row.until,
            }),
            None => Matter::None,
        }
    }

    /// Whether every node that the effects act on is known, and every node in whose name they act is the district's own:
    /// an answer about a place that is not there is no answer, and the bodies above the district decide for themselves.
    pub(super) fn all_nodes_known(&self, effects: &[Effect]) -> bool {
        let root = self.state.charter().map(|charter| charter.root.as_str()).unwrap_or_default();
        let known = |code: &crate::NodeCode| roster::exact(self.state, code.as_str()).is_some();
        let own = |code: &crate::NodeCode| roster::is_within(self.state, code.as_str(), root);
        effects.iter().all(|effect| match &effect.act {
            Act::RecommendLevel(advice) => own(&advice.node),
            Act::SetMode(change) => own(&change.node),
            Act::Callout(order) => own(&order.caller),
            Act::Propose(proposal) => own(&proposal.measure.node),
            Act::StartMeasure(measure) => own(&measure.node),
            Act::OpenTask(order) => known(&order.node),
            Act::Grant(order) => own(&order.grantor) && order.grantees.iter().all(known),
            Act::RequireReport(duty) => known(&duty.node),
            Act::RaiseFinding(order) => known(&order.node),
            Act::SetStage(_)
            | Act::EndMeasure(_)
            | Act::RequestResource(_)
            | Act::AnswerOffer(_)
            | Act::Notify(_)
            | Act::SetTimer(_)
            | Act::CancelTimer(_)
            | Act::ConfirmMeasure { .. }
            | Act::ReopenTask(_)
            | Act::ClearHazard(_)
            | Act::StartProcess(_)
            | Act::RecordFigure(_)
            | Act::Relate(_)
            | Act::Custom { .. } => true,
        })
    }

    pub(super) fn enact(&mut self, effect: Effect) {
        let because = effect.because;
        let incident = self.incident.clone();
        match effect.act {
            Act::RecommendLevel(advice) => self.recommend(incident, advice, because),
            Act::SetStage(stage) => self.set_stage(stage, because),
            Act::SetMode(change) => self.set_mode(incident, change, because),
            Act::Callout(order) => self.call_out(order, because),
            Act::Propose(proposal) => self.propose(proposal, because),
            Act::StartMeasure(measure) => self.start_measure(measure, because),
            Act::EndMeasure(key) => self.end_measure(&key, because),
            Act::OpenTask(order) => self.task(order, because),
            Act::RequestResource(order) => self.request_resource(order, because),
            Act::AnswerOffer(answer) => self.answer_offer(answer, because),
            Act::ConfirmMeasure { key, people } => self.confirm_measure(&key, people, because),
            Act::ReopenTask(key) => self.reopen_task(&key, because),
            Act::ClearHazard(cleared) => self.clear_hazard(cleared, because),
            Act::StartProcess(order) => self.start_process(order, because),
            Act::Grant(order) => self.grant(order, because),
            Act::RequireReport(duty) => self.require_report(duty, because),
            Act::Notify(notice) => self.notify(notice, because),
            Act::SetTimer(timer) => self.record(Fact::TimerSet {
                incident,
                role: Role::Escalation,
                key: timer.key,
                due: self.due_for_policy(timer.at),
                details: timer.details,
            }),
            Act::CancelTimer(key) => self.record(Fact::TimerCancelled { incident, role: Role::Escalation, key }),
            Act::RaiseFinding(order) => self.finding(incident, order, because),
            Act::RecordFigure(figure) => self.figure(incident, figure),
            Act::Relate(parent) => self.relate(&parent, because),
            Act::Custom { kind, details } => {
                self.record(Fact::CustomRecorded { incident, custom_kind: kind, details, because });
            }
        }
    }

    /// A proposal that the host does not let take effect, with the reason.
    pub(super) fn proposal_refused(&mut self, proposed: &str, because: crate::act::Because) {
        let incident = self.incident.clone();
        self.record(Fact::ProposalRefused { incident, proposed: proposed.to_string(), because });
    }

    fn notify(&mut self, notice: Notice, because: crate::act::Because) {
        if notice.to.is_empty() {
            return;
        }
        let root = self.incident_node();
        let to = super::level::resolve_all(self.state, &notice.to, &root);
        let notice = Notice { to, sentences: notice.sentences };
        self.record(Fact::NoticeSent { incident: self.incident.clone(), notice, because });
    }

    /// Oversight looks at what was decided. Without a bound policy nothing is asked.
    pub(super) fn oversee(&mut self, event: &Arc<Event>) {
        if !self.state.core.policies.contains_key(&Role::Oversight) {
            return;
        }
        let mut kinds: Vec<_> = self.facts.iter().map(|fact| fact.kind().to_string()).collect();
        kinds.dedup();
        let incident =
            self.incident.as_ref().and_then(|id| Some(facts::view(self.state, id, self.state.incidents.get(id)?)));
        let question = oversight::Question {
            now: self.now(),
            occasion: oversight::Occasion::Decision(kinds),
            event: Some(Arc::clone(event)),
            incident,
        };
        self.ask_oversight(&question);
    }

    /// The regular inspection: oversight looks at the district as a whole, and at every open incident.
    pub(super) fn inspect(&mut self) {
        if !self.state.core.policies.contains_key(&Role::Oversight) {
            return;
        }
        let open = self.state.incidents.iter().filter(|(_, row)| row.closed.is_none()).map(|(id, _)| id.clone());
        let matters: Vec<Option<crate::IncidentId>> = core::iter::once(None).chain(open.map(Some)).collect();
        for incident in matters.into_iter().take(INSPECTED_MAX) {
            self.incident = incident;
            let view =
                self.incident.as_ref().and_then(|id| Some(facts::view(self.state, id, self.state.incidents.get(id)?)));
            let question = oversight::Question {
                now: self.now(),
                occasion: oversight::Occasion::Period,
                event: None,
                incident: view,
            };
            self.ask_oversight(&question);
        }
        self.incident = None;
    }

    fn ask_oversight(&mut self, question: &oversight::Question) {
        let answer = self.ask(
            Role::Oversight,
            &mut |policies, binding, state| policies.oversight(binding, state, question),
            |_, _: &Vec<oversight::ReasonedFinding>| Ok(()),
        );
        match answer {
            Ok(findings) => {
                for found in findings.into_iter().take(EFFECTS_MAX) {
                    if !self.has_room() {
                        let failure = Some(Failure::TooLarge);
                        return self.policy_failed(Role::Oversight, failure, crate::record::Fallback::Later);
                    }
                    self.finding(self.incident.clone(), found.finding, found.because);
                }
            }
            Err(failure) => self.policy_failed(Role::Oversight, failure, crate::record::Fallback::Later),
        }
    }

    /// Words for a subject in a finding.
    pub(super) fn subject_of(kind: &str, id: &str) -> Option<alloc::string::String> {
        Some(format!("{kind}/{id}"))
    }
}
