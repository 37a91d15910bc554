//! What happens when a policy fails. Nothing is lost, and the entry says which rung of the ladder answered.
//!
//! Triage: kept with the incident it names or may belong to, else with a new one, and a person sorts it. Escalation
//! fails upward: the duty posts above are told. Discretion fails closed: a higher tier decides. Incentives fail late.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Deciding;
use super::sense::unsorted_group;
use crate::act::{Because, Notice, TaskOrder};
use crate::record::{Fact, Fallback};
use crate::role::triage::{Answer, NewIncident, Placement};
use crate::role::{Failure, IncidentView};
use crate::value::find_text;
use crate::{Event, Hazard, IncidentId, Role, Scheme, TaskId, roster};

/// The scheme of incidents that nobody could sort.
const UNSORTED: &str = "unsorted";

impl Deciding<'_> {
    /// Says that a policy failed and which rung answered.
    pub(super) fn policy_failed(&mut self, role: Role, failure: Option<Failure>, fallback: Fallback) {
        let (failure, chinese, english) = describe(failure);
        let (answered_zh, answered_en) = match fallback {
            Fallback::InForce => ("灰度候选失败,由现行版本作答", "the candidate failed and the one in force answered"),
            Fallback::LastKnownGood => ("由上一可用版本作答", "the last known good one answered"),
            Fallback::Baseline => ("由认证基线作答", "the certified baseline answered"),
            Fallback::BuiltIn | Fallback::HumanQueue | Fallback::Later => {
                ("由主机兜底规则处置", "the host's fallback answered")
            }
        };
        let because = Because::new(
            "host:fallback",
            format!("{role} 策略未能给出有效答复({chinese}),{answered_zh}"),
            format!("the {role} policy gave no valid answer ({english}); {answered_en}"),
        );
        let binding = core::mem::take(&mut self.failed);
        self.record(Fact::PolicyFailed { role, failure, fallback, because, binding });
    }

    /// Answers for triage. `failure` is `None` when the answer named what does not exist.
    pub(super) fn triage_fallback(
        &mut self,
        event: &Event,
        named: Option<&IncidentId>,
        candidates: &[IncidentView],
        failure: Option<Failure>,
    ) -> Answer {
        self.policy_failed(Role::Triage, failure, Fallback::BuiltIn);
        let hazard = find_text(&event.attributes, "hazard").unwrap_or(UNSORTED);
        let likely = named.cloned().or_else(|| {
            let same = candidates.iter().find(|candidate| candidate.hazard.as_str() == hazard);
            same.map(|candidate| candidate.id.clone())
        });
        let placement = match likely {
            Some(incident) => Placement::Attach(incident),
            None => Placement::Open(NewIncident {
                name: None,
                scheme: Scheme::from(UNSORTED),
                hazard: Hazard::from(hazard),
                node: event.node.clone(),
                life_safety: false,
                parent: None,
            }),
        };
        Answer {
            placement,
            classification: find_text(&event.attributes, "kind").unwrap_or(UNSORTED).to_string(),
            group: Some(unsorted_group(event)),
            tags: alloc::vec![UNSORTED.to_string()],
            because: Because::new(
                "host:fallback-triage",
                "感知策略不可用:按灾种归并,无可归并者单独立案,待人工分类",
                "triage is unavailable: attached by hazard, or opened on its own, for a person to sort",
            ),
        }
    }

    /// Escalation fails upward: the duty post of the node and the one above are told, and someone must assess by hand.
    pub(super) fn escalation_fallback(&mut self, node: &str, failure: Option<Failure>) {
        self.policy_failed(Role::Escalation, failure, Fallback::HumanQueue);
        let because = Because::new(
            "host:fallback-escalation",
            "研判策略不可用:向上级值班报告,转人工研判",
            "escalation is unavailable: the duty posts above are told, a person assesses",
        );
        let incident = self.incident.clone();
        let here = roster::node(self.state, node).map_or_else(|| node.into(), |found| found.code.clone());
        let mut to = alloc::vec![roster::duty_of(here.clone()), roster::duty_above(self.state, here.as_str())];
        to.dedup();
        self.record(Fact::NoticeSent {
            incident: incident.clone(),
            notice: Notice { to: to.clone(), sentences: because.sentences.clone() },
            because: because.clone(),
        });
        let key = format!("assess-by-hand/{here}");
        if self.open_task(&key).is_none() {
            let task = TaskId::from(self.identifier('t'));
            let order = TaskOrder {
                key,
                kind: "assess_by_hand".to_string(),
                to: to.remove(0),
                node: here,
                place: None,
                due: None,
                life_safety: false,
                items: 1,
                details: Vec::new(),
            };
            self.record(Fact::TaskOpened { task, incident, order, because });
        }
    }
}

fn describe(failure: Option<Failure>) -> (Failure, &'static str, &'static str) {
    let Some(failure) = failure else {
        return (Failure::Invalid, "答复引用了不存在的对象", "its answer names what does not exist");
    };
    let (chinese, english) = match failure {
        Failure::Unbound => ("未绑定策略", "no policy is bound"),
        Failure::Trapped => ("运行中止", "it trapped"),
        Failure::OutOfFuel => ("超出运算限额", "it ran out of fuel"),
        Failure::TooSlow => ("超时被中止", "it was stopped for being too slow"),
        Failure::TooLarge => ("超出容量限额", "it went over a size limit"),
        Failure::Denied => ("调用了未授予的能力", "it asked for what it was not granted"),
        Failure::Invalid => ("答复无效", "its answer is not valid"),
        Failure::HostFault => ("主机未能启动策略", "the host could not start it"),
    };
    (failure, chinese, english)
}
