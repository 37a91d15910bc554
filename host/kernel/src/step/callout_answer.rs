//! What the called answer: acknowledged, on the way, on scene, plan handed in; and what the caller closes.
//!
//! The clock runs from the time of issue. Where the answer states when the call reached it, within the window of the
//! charter, it runs from there. A deadline that had passed before anybody told us is made good in the same decision.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Deciding;
use super::callout_match::Called;
use super::level::required;
use crate::act::{Because, Party};
use crate::fold;
use crate::record::{CalloutStep, Fact};
use crate::state::{CallState, Callout};
use crate::value::{find_instant, find_integer, find_text};
use crate::{CalloutId, Event, FindingId, FindingStatus, Instant, Milliseconds, calendar, facts, roster};

/// The call that an event answers.
struct Answered {
    callout: CalloutId,
    party: Party,
    position: usize,
    /// A name for the call-out that is new.
    name: Option<String>,
    row: Callout,
    /// From when its clock runs.
    began: Instant,
}

impl Answered {
    fn call(&self) -> &CallState {
        &self.row.calls[self.position]
    }

    fn due(&self, within: Option<Milliseconds>) -> Option<Instant> {
        within.map(|within| self.began + within)
    }
}

impl Deciding<'_> {
    fn answered(&mut self, event: &Event) -> Result<Answered, Because> {
        let Called { callout, party, name } = self.called(event)?;
        let row = self.state.callouts.get(&callout).cloned().ok_or_else(gone)?;
        let position = row.calls.iter().position(|call| call.called.party == party).ok_or_else(gone)?;
        if row.calls[position].released.is_some() {
            return Err(Because::new("host:released", "该呼叫已由呼叫方解除", "the caller has released this call"));
        }
        let window = self.state.charter().map(|charter| charter.callout_match_window).unwrap_or_default();
        let stated =
            find_instant(&event.attributes, "issued").filter(|stated| (*stated - row.issued).0.abs() <= window.0);
        let began = stated.unwrap_or(row.issued);
        Ok(Answered { callout, party, position, name, row, began })
    }

    /// The answer is valid: what its sender calls the call-out is kept.
    fn learn_callout(&mut self, answered: &Answered) {
        if let Some(name) = answered.name.clone() {
            self.record(Fact::CalloutNamed { callout: answered.callout.clone(), name });
        }
    }

    /// A called party answers for it.
    pub(super) fn acknowledge(&mut self, event: &Event) -> Result<(), Because> {
        let answered = self.answered(event)?;
        if answered.call().acknowledged.is_some() {
            return Err(Because::new("host:acknowledged", "该呼叫此前已签收", "this call was acknowledged before"));
        }
        self.learn_callout(&answered);
        self.make_good(&answered, CalloutStep::Acknowledge, event.occurred);
        let after = event.occurred - answered.began;
        let within = answered.row.order.acknowledge_within;
        let due = answered.due(within);
        let holds = self.clock_of(&answered).and_then(|clock| clock.acknowledgement_holds);
        self.record(Fact::CalloutAcknowledged {
            callout: answered.callout.clone(),
            incident: answered.row.incident.clone(),
            party: answered.party.clone(),
            by: name_of(event),
            holds_until: holds.map(|holds| event.occurred + holds),
            occurred: event.occurred,
            after,
            due,
            on_time: due.is_none_or(|due| event.occurred <= due),
            because: timeliness("acknowledged", "签收", after, within),
        });
        self.excuse_from(event, &answered);
        Ok(())
    }

    fn clock_of(&self, answered: &Answered) -> Option<crate::charter::CalloutClock> {
        self.state.charter()?.callouts.get(&answered.row.order.kind).cloned()
    }

    /// A called party is on its way.
    pub(super) fn en_route(&mut self, event: &Event) -> Result<(), Because> {
        let answered = self.answered(event)?;
        let arrives = find_integer(&event.attributes, "eta_min")
            .map(|minutes| event.occurred + Milliseconds::minutes(minutes.clamp(0, 60 * 24 * 30)))
            .or_else(|| find_instant(&event.attributes, "eta"));
        self.learn_callout(&answered);
        self.record(Fact::CalloutEnRoute {
            callout: answered.callout,
            incident: answered.row.incident,
            party: answered.party,
            occurred: event.occurred,
            arrives,
        });
        Ok(())
    }

    /// A called party is on scene.
    pub(super) fn report_in(&mut self, event: &Event) -> Result<(), Because> {
        let answered = self.answered(event)?;
        if answered.call().reported_in.is_some() {
            return Err(Because::new("host:reported-in", "此前已报到", "this party reported in before"));
        }
        self.learn_callout(&answered);
        self.make_good(&answered, CalloutStep::Arrive, event.occurred);
        let after = event.occurred - answered.began;
        let within = answered.row.order.arrive_within;
        let due = answered.due(within);
        self.record(Fact::CalloutReportedIn {
            callout: answered.callout.clone(),
            incident: answered.row.incident.clone(),
            party: answered.party.clone(),
            unit: find_text(&event.attributes, "unit").map(ToString::to_string),
            headcount: find_integer(&event.attributes, "headcount"),
            occurred: event.occurred,
            after,
            due,
            on_time: due.is_none_or(|due| event.occurred <= due),
            because: timeliness("reported in", "报到", after, within),
        });
        self.excuse_from(event, &answered);
        self.check_span(&answered);
        Ok(())
    }

    /// A called party hands in the joint plan.
    pub(super) fn plan_submitted(&mut self, event: &Event) -> Result<(), Because> {
        let answered = self.answered(event)?;
        if answered.call().planned.is_some() {
            return Err(Because::new("host:planned", "此前已提交联合方案", "this party handed in its plan before"));
        }
        self.learn_callout(&answered);
        let after = event.occurred - answered.began;
        let within = answered.row.order.plan_within;
        let due = answered.due(within);
        self.record(Fact::CalloutPlanned {
            callout: answered.callout,
            incident: answered.row.incident,
            party: answered.party,
            occurred: event.occurred,
            after,
            due,
            on_time: due.is_none_or(|due| event.occurred <= due),
            because: timeliness("handed in the plan", "提交联合方案", after, within),
        });
        Ok(())
    }

    /// Deadlines that passed before this answer, but whose timers had no chance to fire because the call was not known
    /// in time: each takes effect now, with the time at which it was due.
    fn make_good(&mut self, answered: &Answered, step: CalloutStep, occurred: Instant) {
        let ladder = fold::callout_ladder(&answered.row.order, step);
        let before = self.state.callouts.get(&answered.callout).map(|row| row.calls[answered.position].missed.clone());
        if before.is_some_and(|missed| missed.contains(&step)) {
            return;
        }
        for (rung, step_of) in ladder.iter().enumerate() {
            let due = answered.began + step_of.after;
            if due < occurred {
                self.callout_silent(&answered.callout, answered.position, step, rung, due);
            }
        }
    }

    /// A reason for being late that comes with the answer goes to the open finding, for the supervisor to judge (容错).
    fn excuse_from(&mut self, event: &Event, answered: &Answered) {
        let Some(excuse) =
            find_text(&event.attributes, "excuse").or_else(|| find_text(&event.attributes, "delay_reason"))
        else {
            return;
        };
        let subject = subject_of(&answered.callout, &answered.party);
        let open = self.state.findings.iter().filter(|(_, row)| row.order.subject.as_deref() == Some(subject.as_str()));
        let open: Vec<(FindingId, Option<crate::IncidentId>)> = open
            .filter(|(_, row)| row.status == FindingStatus::Open)
            .map(|(id, row)| (id.clone(), row.incident.clone()))
            .collect();
        for (finding, incident) in open {
            self.record(Fact::FindingAnswered {
                finding,
                incident,
                by: event.source.clone(),
                answer: excuse.to_string(),
                excuse: true,
            });
        }
    }

    /// More direct reports than one commander can lead: advice, never a refusal.
    fn check_span(&mut self, answered: &Answered) {
        let Some(incident) = answered.row.incident.clone() else { return };
        let Some(most) = self.state.charter().and_then(|charter| charter.clocks.span_max) else { return };
        let reports = facts::direct_reports(self.state, &incident);
        if reports != most + 1 {
            return;
        }
        let node = answered.row.order.caller.clone();
        let because = Because::new(
            "host:span-of-command",
            format!("直接向责任指挥员报告的已有 {reports} 个单位,建议不超过 {most} 个:请分组"),
            format!("{reports} units report to one commander, {most} is advised: form groups"),
        );
        let subject = Self::subject_of("incident", incident.as_str());
        self.overdue_finding("SPAN-ADVISORY", Some(incident), node, subject, self.now(), because);
    }

    /// The caller lets a called party, or all of them, go.
    pub(super) fn release(&mut self, event: &Event) -> Result<(), Because> {
        let (callout, row) = self.to_release(event)?;
        if !roster::may_act(self.state, &event.source, "call", row.order.caller.as_str()) {
            return Err(Because::new(
                "host:release-by-caller",
                format!("呼叫由 {} 发出,只能由呼叫方解除(事不完、人不撤)", row.order.caller),
                format!("the call-out was issued by `{}`; only the caller releases it", row.order.caller),
            ));
        }
        let only = find_text(&event.attributes, "party");
        let chosen: Vec<Party> = row
            .calls
            .iter()
            .filter(|call| call.released.is_none())
            .filter(|call| only.is_none_or(|only| call.called.title == only || names(&call.called.party, only)))
            .map(|call| call.called.party.clone())
            .collect();
        if chosen.is_empty() {
            return Err(Because::new(
                "host:released",
                "没有可解除的被呼叫方(或已解除)",
                "no called party is left to release",
            ));
        }
        for party in chosen {
            self.record(Fact::CalloutReleased {
                callout: callout.clone(),
                incident: row.incident.clone(),
                party,
                by: row.order.caller.clone(),
                because: Because::new("host:released-by-caller", "由呼叫方解除", "released by the caller"),
            });
        }
        Ok(())
    }

    /// The call-out that a release speaks of: by name, else the newest of the stated kind that this node called.
    fn to_release(&self, event: &Event) -> Result<(CalloutId, Callout), Because> {
        let name = required(event, "callout")?;
        let named = self.state.index.callout_names.get(name).cloned();
        let found = named.or_else(|| self.newest_called_by(event));
        found.and_then(|id| Some((id.clone(), self.state.callouts.get(&id)?.clone()))).ok_or_else(gone)
    }

    /// An acknowledgement ran out without a report-in.
    pub(super) fn acknowledgement_lapsed(&mut self, callout: &CalloutId, position: usize) {
        let Some(row) = self.state.callouts.get(callout).cloned() else { return };
        let Some(call) = row.calls.get(position) else { return };
        if call.reported_in.is_some() || call.released.is_some() {
            return;
        }
        let because = Because::new(
            "host:acknowledgement-lapsed",
            format!("「{}」签收后逾时未到,呼叫重新生效", call.called.title),
            format!("{} acknowledged but did not come; the call stands open again", call.called.title),
        );
        let party = call.called.party.clone();
        self.record(Fact::CalloutLapsed { callout: callout.clone(), incident: row.incident, party, because });
    }

    /// A called party was silent: the next on the ladder are told, and the first miss is a finding.
    pub(super) fn callout_silent(
        &mut self,
        callout: &CalloutId,
        position: usize,
        step: CalloutStep,
        rung: usize,
        due: Instant,
    ) {
        let Some(row) = self.state.callouts.get(callout).cloned() else { return };
        let Some(silent) = row.calls.get(position) else { return };
        let party = silent.called.party.clone();
        let seen_from = roster::node_of(&party).unwrap_or(&row.order.caller).clone();
        let ladder = fold::callout_ladder(&row.order, step);
        let to = match ladder.get(rung) {
            Some(rung) if !self.applies(rung, seen_from.as_str(), due) => Vec::new(),
            Some(rung) if !rung.to.is_empty() => super::level::resolve_all(self.state, &rung.to, seen_from.as_str()),
            // Without a ladder of its own, a miss goes to the duty above the silent party.
            _ => alloc::vec![roster::duty_above(self.state, seen_from.as_str())],
        };
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
            party: party.clone(),
            missed: step,
            due,
            rung: u32::try_from(rung).unwrap_or(u32::MAX),
            to,
            because: because.clone(),
        });
        if !silent.missed.contains(&step) {
            let subject = Some(subject_of(callout, &party));
            self.overdue_finding(code, row.incident, seen_from, subject, due, because);
        }
    }

    /// Whether a step of a ladder applies where the silence is.
    fn applies(&self, rung: &crate::act::Rung, node: &str, at: Instant) -> bool {
        match rung.condition {
            crate::RungCondition::Always => true,
            crate::RungCondition::InEmergency => facts::mode(self.state, node) == crate::Mode::Emergency,
            crate::RungCondition::OutsideWorkingTime => !calendar::is_working_time(self.state, at),
        }
    }
}

/// Who answers, in the words of the event.
fn name_of(event: &Event) -> Option<String> {
    ["by", "person", "by_role", "unit"]
        .iter()
        .find_map(|key| find_text(&event.attributes, key))
        .map(ToString::to_string)
}

fn names(party: &Party, name: &str) -> bool {
    match party {
        Party::Post { name: own, .. } | Party::Department { name: own, .. } | Party::Team(own) => own == name,
        Party::DutyAbove(_) => false,
    }
}

/// `callout/c-000000012-1/rescue`: a finding is about one called party, not about all of them.
fn subject_of(callout: &CalloutId, party: &Party) -> String {
    let who = match party {
        Party::Post { node, name } => format!("{node}:{name}"),
        Party::Department { name, .. } | Party::Team(name) => name.clone(),
        Party::DutyAbove(tier) => tier.to_string(),
    };
    format!("callout/{callout}/{who}")
}

fn gone() -> Because {
    Because::new("host:unknown-callout", "没有这个呼叫", "there is no such call-out")
}

fn timeliness(english: &str, chinese: &str, after: Milliseconds, within: Option<Milliseconds>) -> Because {
    let minutes = after.as_minutes();
    match within {
        Some(within) => Because::new(
            "host:clock",
            format!("发出后 {minutes} 分钟{chinese},时限 {} 分钟", within.as_minutes()),
            format!("{english} {minutes} min after issue; the limit is {} min", within.as_minutes()),
        ),
        None => Because::new(
            "host:clock",
            format!("发出后 {minutes} 分钟{chinese},无时限"),
            format!("{english} {minutes} min after issue; there is no limit"),
        ),
    }
}

fn words(step: CalloutStep) -> (&'static str, &'static str, &'static str) {
    match step {
        CalloutStep::Acknowledge => ("ACK-OVERDUE", "未按时签收", "did not acknowledge in time"),
        CalloutStep::Arrive => ("ARRIVAL-OVERDUE", "未按时报到", "did not report in by its time"),
        CalloutStep::Plan => ("PLAN-OVERDUE", "未按时提交联合方案", "did not hand in the joint plan in time"),
    }
}
