//! Findings, tasks, reports, figures, stage and kinship: what is kept and watched, without needing authority.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use super::sense::Located;
use crate::act::{Because, Figure, FindingOrder, Notice, ReportDuty, TaskOrder};
use crate::record::{Fact, PairKind};
use crate::state::Task;
use crate::value::{Attribute, Value, find_integer, find_text};
use crate::{
    Event, FigureStage, FindingId, IncidentId, Instant, NodeCode, ReportId, RiskStage, SpendId, TaskId, Tier, facts,
    roster,
};

/// Figures that an event of the kind `casualty.updated` may carry.
const FIGURES: [&str; 12] = [
    "dead",
    "missing",
    "serious",
    "serious_injured",
    "injured",
    "trapped",
    "rescued",
    "evacuated",
    "confirmed",
    "asymptomatic",
    "direct_loss",
    "isolated",
];

/// The report that closes the clock.
const FINAL: &str = "final";

impl Deciding<'_> {
    pub(super) fn finding(&mut self, incident: Option<IncidentId>, order: FindingOrder, because: Because) {
        let finding = FindingId::from(self.identifier('f'));
        let within = self.state.charter().and_then(|charter| charter.clocks.finding_answered);
        let tell = super::level::resolve_all(self.state, &order.tell, order.node.as_str());
        let order = FindingOrder {
            answer_by: order.answer_by.or_else(|| within.map(|within| self.now() + within)),
            tell: tell.clone(),
            ..order
        };
        self.record(Fact::FindingRaised { finding, incident: incident.clone(), order, because: because.clone() });
        if !tell.is_empty() {
            let notice = Notice { to: tell, sentences: because.sentences.clone() };
            self.record(Fact::NoticeSent { incident, notice, because });
        }
    }

    /// A finding that something did not come in time.
    pub(super) fn overdue_finding(
        &mut self,
        code: &str,
        incident: Option<IncidentId>,
        node: NodeCode,
        subject: Option<String>,
        due: Instant,
        because: Because,
    ) {
        let details = alloc::vec![Attribute::new("due", Value::Instant(due))];
        self.finding(
            incident,
            FindingOrder { code: code.to_string(), node, subject, answer_by: None, details, tell: Vec::new() },
            because,
        );
    }

    pub(super) fn set_stage(&mut self, stage: RiskStage, because: Because) {
        let Some(incident) = self.incident.clone() else { return };
        let Some(previous) = self.state.incidents.get(&incident).map(|row| row.stage) else { return };
        if previous != stage {
            self.record(Fact::StageSet { incident, stage, previous, because });
        }
    }

    pub(super) fn relate(&mut self, parent: &str, because: Because) {
        let Some(incident) = self.incident.clone() else { return };
        let Some(parent) = facts::find_incident(self.state, parent).map(|(id, _)| id.clone()) else { return };
        if parent != incident {
            self.record(Fact::IncidentRelated { incident, parent, because });
        }
    }

    pub(super) fn open_task(&self, key: &str) -> Option<TaskId> {
        self.state.index.open_tasks.get(&self.incident)?.get(key).cloned()
    }

    /// Gives work. While a task with the same key is open, another changes nothing.
    pub(super) fn task(&mut self, order: TaskOrder, because: Because) {
        if self.open_task(&order.key).is_some() {
            return;
        }
        let to = roster::resolve(self.state, &order.to, order.node.as_str());
        let task = TaskId::from(self.identifier('t'));
        let order = TaskOrder { to, ..order };
        self.record(Fact::TaskOpened { task, incident: self.incident.clone(), order, because });
    }

    /// Someone says how far a task came. People that it reached are counted once for each task.
    pub(super) fn task_updated(&mut self, event: &Event) -> Result<(), Because> {
        let task = TaskId::from(required(event, "task")?);
        let word = required(event, "state")?.to_string();
        let known = self.state.tasks.get(&task).cloned();
        // A task that is known from what others said of it only is nobody's in particular.
        if let Some(row) = known.as_ref().filter(|row| row.order.kind != Task::STATED) {
            self.check_concerned(event, &row.order.node, [&row.order.to])?;
        }
        let incident = known.as_ref().map_or(self.incident.clone(), |row| row.incident.clone());
        let people = find_integer(&event.attributes, "people").filter(|people| *people >= 0);
        let counted_before = known.as_ref().and_then(|row| row.people);
        self.record(Fact::TaskUpdated {
            task: task.clone(),
            incident: incident.clone(),
            state: word,
            occurred: event.occurred,
            by: event.source.clone(),
            claim: find_text(&event.attributes, "claim").map(ToString::to_string),
            people,
            evidence: super::order::texts(event, "evidence"),
        });
        if let (Some(people), Some(incident)) = (people, incident) {
            self.count_people(event, incident, people - counted_before.unwrap_or(0));
        }
        Ok(())
    }

    fn count_people(&mut self, event: &Event, incident: IncidentId, more: i64) {
        let before = self.state.incidents.get(&incident).and_then(|row| row.figures.get("people_moved_by_tasks"));
        let total = before.and_then(|figure| figure.value).unwrap_or(0) + more;
        let figure = Figure {
            name: "people_moved_by_tasks".to_string(),
            value: Some(total),
            stage: FigureStage::Provisional,
            as_of: event.occurred,
            source: event.source.clone(),
        };
        self.record(Fact::FigureRecorded { incident, figure });
    }

    /// Work that was called done is open again.
    pub(super) fn reopen_task(&mut self, key: &str, because: Because) {
        let of_incident = self.state.index.tasks_of.get(&self.incident).into_iter().flatten();
        let mut rows = of_incident.rev().filter_map(|id| Some((id, self.state.tasks.get(id)?)));
        let found = rows.find(|(id, row)| (row.order.key == key || id.as_str() == key) && row.state == "done");
        let Some((task, by)) = found.map(|(id, row)| (id.clone(), row.by.clone())) else { return };
        self.record(Fact::TaskReopened { task, incident: self.incident.clone(), because: because.clone() });
        if let Some(source) = by {
            self.judge(&source, false, because);
        }
    }

    pub(super) fn papers_overdue(&mut self, spend: &SpendId, due: Instant) {
        let Some(row) = self.state.spends.get(spend).cloned() else { return };
        let because =
            Because::new("D4", "生命安全支出未按时补齐手续", "papers of life-safety spending did not come in time");
        let fact =
            Fact::PapersOverdue { spend: spend.clone(), incident: row.incident.clone(), due, because: because.clone() };
        self.record(fact);
        let subject = Self::subject_of("spend", spend.as_str());
        self.overdue_finding("PAPERS-OVERDUE", row.incident, row.request.node, subject, due, because);
    }

    pub(super) fn task_overdue(&mut self, task: &TaskId, due: Instant) {
        let Some(row) = self.state.tasks.get(task).cloned() else { return };
        let because = Because::new(
            "host:task-overdue",
            format!("任务「{}」逾期未完成", row.order.kind),
            format!("task `{}` is not done by its time", row.order.kind),
        );
        self.record(Fact::TaskOverdue {
            task: task.clone(),
            incident: row.incident.clone(),
            due,
            because: because.clone(),
        });
        let subject = Self::subject_of("task", &row.order.key);
        self.overdue_finding("TASK-OVERDUE", row.incident, row.order.node, subject, due, because);
    }

    /// Opens a duty to report. While one with the same key is open, another changes nothing.
    pub(super) fn require_report(&mut self, duty: ReportDuty, because: Because) {
        let open = self.state.index.open_reports.get(&self.incident);
        if open.is_some_and(|open| open.contains_key(&duty.key)) {
            return;
        }
        let to = roster::resolve(self.state, &duty.to, duty.node.as_str());
        let report = ReportId::from(self.identifier('r'));
        let duty = ReportDuty { to, ..duty };
        self.record(Fact::ReportRequired { report, incident: self.incident.clone(), duty, because });
    }

    /// A report arrived. It answers every open duty of its kind, and the periodic one falls due again.
    pub(super) fn report(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let kind = required(event, "report_kind")?.to_string();
        let open = self.state.index.open_reports.get(&located.incident).into_iter().flatten();
        let answered: Vec<(ReportId, ReportDuty)> = open
            .filter_map(|(_, id)| Some((id.clone(), self.state.reports.get(id)?.duty.clone())))
            .filter(|(_, duty)| answers(event, &kind, &duty.kind))
            .collect();
        let submitted = |report: Option<ReportId>| Fact::ReportSubmitted {
            report,
            incident: located.incident.clone(),
            report_kind: kind.clone(),
            occurred: event.occurred,
            by: event.source.clone(),
        };
        if answered.is_empty() {
            self.record(submitted(None));
        }
        for (report, duty) in answered {
            self.record(submitted(Some(report)));
            if kind != FINAL {
                self.renew(duty, event.occurred);
            }
        }
        self.reported_figures(event, located.incident.as_ref());
        self.open_report_pair(event);
        Ok(())
    }

    /// Figures are kept as reported, beside those of the field and never in their place.
    fn reported_figures(&mut self, event: &Event, incident: Option<&IncidentId>) {
        const NUMBERING: [&str; 2] = ["seq", "sequence"];
        let Some(incident) = incident else { return };
        for attribute in &event.attributes {
            let Value::Integer(number) = attribute.value else { continue };
            if NUMBERING.contains(&attribute.key.as_str()) {
                continue;
            }
            let figure = Figure {
                name: format!("reported.{}", attribute.key),
                value: Some(number),
                stage: FigureStage::Provisional,
                as_of: event.occurred,
                source: event.source.clone(),
            };
            self.record(Fact::FigureRecorded { incident: incident.clone(), figure });
        }
    }

    /// A report upward waits for an answer from there.
    fn open_report_pair(&mut self, event: &Event) {
        let tier = find_text(&event.attributes, "to_tier").and_then(Tier::parse);
        let within = self.state.charter().and_then(|charter| charter.clocks.report_answered);
        let (Some(tier), Some(within)) = (tier, within) else { return };
        let Some(above) = roster::at_tier(self.state, event.node.as_str(), tier).map(|node| node.code.clone()) else {
            return;
        };
        let because =
            Because::new("host:pairing", "报告须获上级回应(双向对对碰)", "every report is answered from above");
        self.open_pair(event, PairKind::Report, alloc::vec![above], event.occurred + within, because);
    }

    fn renew(&mut self, duty: ReportDuty, from: Instant) {
        if let Some(every) = duty.every {
            let because = Because::new("host:periodic-report", "按周期续报", "the report falls due again");
            self.require_report(ReportDuty { due: from + every, ..duty }, because);
        }
    }

    pub(super) fn report_overdue(&mut self, report: &ReportId, due: Instant) {
        let Some(row) = self.state.reports.get(report).cloned() else { return };
        let because = Because::new(
            "host:report-overdue",
            format!("信息报送({})逾期", row.duty.kind),
            format!("the {} report did not come by its time", row.duty.kind),
        );
        self.record(Fact::ReportOverdue {
            report: report.clone(),
            incident: row.incident.clone(),
            report_kind: row.duty.kind.clone(),
            due,
            because: because.clone(),
        });
        let subject = Self::subject_of("report", &row.duty.kind);
        self.overdue_finding("REPORT-OVERDUE", row.incident, row.duty.node, subject, due, because);
    }

    /// A figure that a policy works out. It takes nothing back that was known, and does not pass over a contradiction.
    pub(super) fn figure(&mut self, incident: Option<IncidentId>, figure: Figure) {
        let Some(incident) = incident else { return };
        let row = self.state.incidents.get(&incident);
        let known = row.and_then(|row| row.figures.get(&figure.name)?.value);
        if figure.value.is_some() || known.is_none() {
            self.contradiction(&incident, &figure);
            self.record(Fact::FigureRecorded { incident, figure });
        }
    }

    /// Figures of an incident, as an event states them. `null` is kept as unknown.
    pub(super) fn figures(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let Some(incident) = located.incident.clone() else {
            return Err(Because::new(
                "host:figures",
                "数字未对应任何突发事件,未采用",
                "the figures belong to no incident that is known",
            ));
        };
        let stage = match find_text(&event.attributes, "stage") {
            Some("correction") => FigureStage::Correction,
            Some(text) if text.starts_with("verified") => FigureStage::Verified,
            _ => FigureStage::Provisional,
        };
        for attribute in &event.attributes {
            let known = self.state.incidents.get(&incident).and_then(|row| row.figures.get(&attribute.key)?.value);
            let value = match attribute.value {
                Value::Integer(number) if number >= 0 => Some(number),
                // To say that one does not know takes nothing back that was known.
                Value::Unknown if known.is_none() => None,
                _ => continue,
            };
            if FIGURES.contains(&attribute.key.as_str()) {
                let figure = Figure {
                    name: attribute.key.clone(),
                    value,
                    stage,
                    as_of: event.occurred,
                    source: event.source.clone(),
                };
                self.contradiction(&incident, &figure);
                self.record(Fact::FigureRecorded { incident: incident.clone(), figure });
            }
        }
        Ok(())
    }
}

/// Whether a report of this kind answers a duty of that kind. A first report is both the call and the letter, unless it
/// says by which way it came.
fn answers(event: &Event, kind: &str, duty: &str) -> bool {
    let way = find_text(&event.attributes, "channel").or_else(|| find_text(&event.attributes, "form"));
    // The last report ends the clock; whatever comes in writing is the letter that was due.
    match (kind, way) {
        (FINAL, _) => true,
        (_, Some(way)) if way == duty => true,
        ("first" | "initial", None) => matches!(duty, "phone" | "written"),
        (other, _) => other == duty,
    }
}
