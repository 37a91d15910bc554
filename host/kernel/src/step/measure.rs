//! Measures: proposed to people, or started where the acting tier holds the power.
//!
//! INVARIANT (lowest tier may save lives): an evacuation for life safety starts at any tier, whatever the policies
//! say and even when none of them works.

use alloc::format;
use alloc::vec::Vec;

use super::Deciding;
use super::level::{required, resolve_all};
use crate::act::{Because, Measure, Party, Proposal};
use crate::record::{Fact, Fallback};
use crate::role::discretion::{Subject, Verdict};
use crate::{Event, Level, MeasureId, MeasureStatus, NodeCode, RiskStage, Role, State, facts, roster};

/// The kind of measure that the lowest tier may always start for life safety.
const EVACUATE: &str = "evacuate";

impl Deciding<'_> {
    pub(super) fn open_measure(&self, key: &str) -> Option<MeasureId> {
        self.state.index.open_measures.get(&self.incident)?.get(key).cloned()
    }

    /// Puts a measure before who decides. While one with the same key is open, another changes nothing.
    pub(super) fn propose(&mut self, proposal: Proposal, because: Because) {
        if self.open_measure(&proposal.measure.key).is_some() {
            return;
        }
        let deciders = resolve_all(self.state, &proposal.deciders, proposal.measure.node.as_str());
        let measure = MeasureId::from(self.identifier('m'));
        self.record(Fact::MeasureProposed {
            measure,
            incident: self.incident.clone(),
            proposal: Proposal { deciders, ..proposal },
            because,
        });
    }

    /// Starts a measure if its node holds the power, else puts it before a higher tier.
    pub(super) fn start_measure(&mut self, measure: Measure, because: Because) {
        let open = self.open_measure(&measure.key);
        let in_force = open.as_ref().and_then(|id| self.state.measures.get(id));
        if in_force.is_some_and(|row| row.status == MeasureStatus::InForce && covers(&row.order, &measure)) {
            return;
        }
        let ruled = self.ask_discretion(Subject::Measure(measure.clone()), &measure.node, true);
        let saves_lives = measure.kind == EVACUATE && measure.life_safety;
        let allowed = match &ruled {
            Ok(answer) => matches!(answer.verdict, Verdict::Allow | Verdict::AllowWith(_)),
            Err(failure) => {
                self.policy_failed(Role::Discretion, *failure, Fallback::HumanQueue);
                false
            }
        };
        if saves_lives || (allowed && self.holds_power(&measure)) {
            self.begin_measure(open, measure, because);
        } else {
            let because =
                ruled.map_or(because, |answer| if allowed { power_lacking(&measure) } else { answer.because });
            self.propose_above(measure, because);
        }
    }

    fn holds_power(&self, measure: &Measure) -> bool {
        let lowest = self.state.charter().and_then(|charter| charter.measures.get(&measure.kind));
        let tier = roster::exact(self.state, measure.node.as_str()).map(|node| node.tier);
        let frozen = facts::is_frozen(self.state, measure.node.as_str(), &format!("measure/{}", measure.kind));
        !frozen && matches!((tier, lowest), (Some(tier), Some(lowest)) if tier >= *lowest)
    }

    fn propose_above(&mut self, measure: Measure, because: Because) {
        let decider = roster::duty_above(self.state, measure.node.as_str());
        let wait = self.state.charter().map(|charter| charter.approval_wait).unwrap_or_default();
        let decide_by = self.now() + wait;
        let proposal = Proposal { measure, deciders: alloc::vec![decider], decide_by, ladder: Vec::new() };
        self.propose(proposal, because);
    }

    pub(super) fn begin_measure(&mut self, open: Option<MeasureId>, order: Measure, because: Because) {
        let measure = open.unwrap_or_else(|| MeasureId::from(self.identifier('m')));
        self.record(Fact::MeasureStarted {
            measure,
            incident: self.incident.clone(),
            from: order.starts.map_or(self.now(), |starts| starts.max(self.now())),
            by: order.node.clone(),
            order,
            because,
        });
    }

    pub(super) fn end_measure(&mut self, key: &str, because: Because) {
        if let Some(measure) = self.open_measure(key) {
            self.record(Fact::MeasureEnded { measure, incident: self.incident.clone(), because });
        }
    }

    /// A person decides on a proposal.
    pub(super) fn measure_decided(&mut self, event: &Event) -> Result<(), Because> {
        let measure = MeasureId::from(required(event, "measure")?);
        let approved = decision(event)?;
        let Some(row) = self.state.measures.get(&measure).cloned() else {
            return Err(Because::new(
                "host:unknown-measure",
                format!("没有编号为 {measure} 的处置建议"),
                format!("there is no proposal `{measure}`"),
            ));
        };
        if !matches!(row.status, MeasureStatus::Proposed | MeasureStatus::Overdue) {
            return Err(Because::new("host:decided", "该建议已有决定", "this proposal has been decided"));
        }
        self.check_decider(event, &row)?;
        self.incident.clone_from(&row.incident);
        let because = Because::new("host:decided-by-person", "由有权人决定", "decided by a person with the power");
        self.record(Fact::MeasureDecided {
            measure: measure.clone(),
            incident: row.incident.clone(),
            approved,
            by: event.source.clone(),
            because: because.clone(),
        });
        if approved {
            self.carry_out(event, measure, row.order, because);
        }
        Ok(())
    }

    /// What was approved takes effect. Some proposals are not about people or traffic but about the response itself.
    fn carry_out(&mut self, event: &Event, measure: MeasureId, order: Measure, because: Because) {
        let target = order.target.clone().unwrap_or_default();
        match (order.kind.as_str(), RiskStage::parse(&target)) {
            ("set_stage", Some(stage)) => {
                self.set_stage(stage, because.clone());
                self.record(Fact::MeasureEnded { measure, incident: self.incident.clone(), because });
            }
            ("end_scheme", _) => {
                self.end_scheme(event, &target, &order.node);
                self.record(Fact::MeasureEnded { measure, incident: self.incident.clone(), because });
            }
            _ => self.begin_measure(Some(measure), order, because),
        }
    }

    fn end_scheme(&mut self, event: &Event, scheme: &str, node: &NodeCode) {
        let key =
            crate::state::ResponseKey { scheme: scheme.into(), node: node.clone(), incident: self.incident.clone() };
        let Some(previous) = self.state.responses.get(&key).and_then(|response| response.in_force) else { return };
        self.record(Fact::LevelEnded {
            incident: key.incident.clone(),
            scheme: key.scheme.clone(),
            node: node.clone(),
            previous: Some(previous),
            by: event.source.clone(),
            because: Because::new("host:decided-by-person", "经批准终止响应", "the end of the response was approved"),
        });
        self.end_measures_below(&key, None);
    }

    /// Whether the sender is one of those who may decide, or stands above them.
    fn check_decider(&self, event: &Event, row: &crate::state::MeasureState) -> Result<(), Because> {
        let department = roster::department_of_source(self.state, &event.source);
        let asked = |party: &Party| match party {
            Party::Department { node, name } => {
                department.is_some_and(|department| department.node == *node && department.name == *name)
            }
            other => roster::node_of(other).is_some_and(|node| self.check_approver(event, node).is_ok()),
        };
        if row.deciders.iter().any(asked) {
            return Ok(());
        }
        let node = row.deciders.iter().find_map(roster::node_of).unwrap_or(&row.order.node);
        self.check_approver(event, node)
    }

    /// The field reports that a measure has been carried out, decided or not. What nobody has decided is confirmed
    /// on somebody's word only, and not by the answer that proposes it: a policy cannot decide by calling a thing done.
    pub(super) fn confirm_measure(&mut self, key: &str, people: Option<i64>, because: Because) {
        let Some(measure) = self.open_measure(key) else { return };
        let Some(row) = self.state.measures.get(&measure) else { return };
        if row.confirmed.is_some() {
            return;
        }
        let proposed_now = || {
            let proposed = |fact: &Fact| matches!(fact, Fact::MeasureProposed { measure: of, .. } if *of == measure);
            self.facts.iter().any(proposed)
        };
        if row.status != MeasureStatus::InForce && (self.on_timer || proposed_now()) {
            let kind = row.order.kind.clone();
            let because = Because::new(
                "host:undecided-measure",
                format!("「{kind}」尚未决定,也没有人报告其已执行"),
                format!("`{kind}` is not decided, and nobody reports that it was carried out"),
            );
            return self.proposal_refused("confirm_measure", because);
        }
        let (measure_kind, node) = (row.order.kind.clone(), row.order.node.clone());
        let incident = self.incident.clone();
        self.record(Fact::MeasureConfirmed { measure, incident, measure_kind, node, people, because });
    }

    /// Measures that a level held up end with it.
    pub(super) fn end_measures_below(&mut self, key: &crate::state::ResponseKey, level: Option<Level>) {
        let held_up = |state: &State, row: &crate::state::MeasureState| {
            let at_node = roster::is_within(state, row.order.node.as_str(), key.node.as_str());
            let fallen = row.order.until_below.is_some_and(|until| level.is_none_or(|level| level < until));
            at_node && fallen && row.scheme.as_ref().is_none_or(|scheme| *scheme == key.scheme)
        };
        let because = Because::new(
            "host:level-fell",
            "响应级别已降,随级别生效的措施同时解除",
            "the level that held it up has fallen",
        );
        self.end_open_measures(held_up, &because);
    }

    /// Ends every open measure that fits.
    pub(super) fn end_open_measures(
        &mut self,
        fits: impl Fn(&State, &crate::state::MeasureState) -> bool,
        because: &Because,
    ) -> usize {
        let open = self.state.index.open_measures.values().flat_map(|measures| measures.values());
        let ending: Vec<(MeasureId, Option<crate::IncidentId>)> = open
            .filter_map(|id| Some((id, self.state.measures.get(id)?)))
            .filter(|(_, row)| row.status == MeasureStatus::InForce && fits(self.state, row))
            .map(|(id, row)| (id.clone(), row.incident.clone()))
            .collect();
        let count = ending.len();
        for (measure, incident) in ending {
            self.record(Fact::MeasureEnded { measure, incident, because: because.clone() });
        }
        count
    }

    /// Whether the sender may approve for a node.
    pub(super) fn check_approver(&self, event: &Event, node: &NodeCode) -> Result<(), Because> {
        if roster::may_act(self.state, &event.source, "approve", node.as_str()) {
            return Ok(());
        }
        Err(Because::new(
            "host:approve-without-power",
            format!("来源 {} 无权代表 {node} 审批", event.source),
            format!("source `{}` holds no power to approve for node `{node}`", event.source),
        ))
    }

    pub(super) fn proposal_overdue(&mut self, measure: &MeasureId, rung: usize) {
        let Some(row) = self.state.measures.get(measure).cloned() else { return };
        let due = row.decide_by.unwrap_or(self.now());
        let seen_from = row.deciders.iter().find_map(roster::node_of).unwrap_or(&row.order.node).clone();
        let to = match row.ladder.get(rung) {
            Some(step) => resolve_all(self.state, &step.to, seen_from.as_str()),
            None => alloc::vec![roster::duty_above(self.state, seen_from.as_str())],
        };
        let because = Because::new(
            "host:decision-overdue",
            format!("处置建议「{}」逾期未决,向上报告", row.order.kind),
            format!("no decision on `{}` by its time; it goes up", row.order.kind),
        );
        self.record(Fact::MeasureOverdue {
            measure: measure.clone(),
            incident: row.incident.clone(),
            measure_kind: row.order.kind.clone(),
            node: row.order.node.clone(),
            due,
            rung: u32::try_from(rung).unwrap_or(u32::MAX),
            to,
            because: because.clone(),
        });
        if rung == 0 {
            let subject = Self::subject_of("measure", &row.order.key);
            self.overdue_finding("DECISION-OVERDUE", row.incident, row.order.node, subject, due, because);
        }
    }

    pub(super) fn measure_effective(&mut self, measure: &MeasureId) {
        let Some(row) = self.state.measures.get(measure).cloned() else { return };
        self.record(Fact::MeasureEffective {
            measure: measure.clone(),
            incident: row.incident,
            measure_kind: row.order.kind.clone(),
            node: row.order.node,
            because: Because::new("host:scheduled", "按既定时间生效", "takes effect at its set time"),
        });
    }

    pub(super) fn measure_lapsed(&mut self, measure: &MeasureId) {
        let Some(row) = self.state.measures.get(measure).cloned() else { return };
        self.record(Fact::MeasureEnded {
            measure: measure.clone(),
            incident: row.incident,
            because: Because::new("host:scheduled", "按既定时间结束", "ends at its set time"),
        });
    }
}

/// Whether a measure in force already does what another one asks.
fn covers(in_force: &Measure, wanted: &Measure) -> bool {
    in_force.scope == wanted.scope && in_force.radius_metres >= wanted.radius_metres
}

fn power_lacking(measure: &Measure) -> Because {
    Because::new(
        "host:measure-without-power",
        format!("{} 的层级无权自行启动「{}」,提请上级决定", measure.node, measure.kind),
        format!("the tier of `{}` may not start `{}` by itself; a higher tier decides", measure.node, measure.kind),
    )
}

/// A person's yes or no.
pub(super) fn decision(event: &Event) -> Result<bool, Because> {
    match required(event, "decision")? {
        "approved" => Ok(true),
        "refused" => Ok(false),
        other => Err(Because::new(
            "host:decision",
            format!("决定 {other} 无效,应为 approved 或 refused"),
            format!("`decision` is `{other}`; it must be approved or refused"),
        )),
    }
}
