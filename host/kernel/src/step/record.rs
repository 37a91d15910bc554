//! Findings, tasks, reports, figures, stage and kinship: what is kept and watched, without needing authority.

use alloc::format;
use alloc::string::{String, ToString};

use super::Deciding;
use super::level::required;
use super::sense::Located;
use crate::act::{Because, Figure, FindingOrder, ReportDuty, TaskOrder};
use crate::record::Fact;
use crate::value::{Attribute, Value, find_text};
use crate::{Event, FigureStage, FindingId, IncidentId, Instant, NodeCode, ReportId, RiskStage, TaskId, facts, roster};

/// Figures that an event of the kind `casualty.updated` may carry.
const FIGURES: [&str; 9] =
    ["dead", "missing", "serious", "injured", "trapped", "rescued", "evacuated", "confirmed", "direct_loss"];

impl Deciding<'_> {
    pub(super) fn finding(&mut self, incident: Option<IncidentId>, order: FindingOrder, because: Because) {
        let finding = FindingId::from(self.identifier('f'));
        self.record(Fact::FindingRaised { finding, incident, order, because });
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
            FindingOrder { code: code.to_string(), node, subject, answer_by: None, details },
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

    /// Someone says how far a task came.
    pub(super) fn task_updated(&mut self, event: &Event) -> Result<(), Because> {
        let task = TaskId::from(required(event, "task")?);
        let word = required(event, "state")?.to_string();
        let incident = self.state.tasks.get(&task).map_or(self.incident.clone(), |row| row.incident.clone());
        self.record(Fact::TaskUpdated {
            task,
            incident,
            state: word,
            occurred: event.occurred,
            by: event.source.clone(),
        });
        Ok(())
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
        let answered: alloc::vec::Vec<(ReportId, ReportDuty)> = open
            .filter_map(|(_, id)| Some((id.clone(), self.state.reports.get(id)?.duty.clone())))
            .filter(|(_, duty)| duty.kind == kind)
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
            self.renew(duty, event.occurred);
        }
        Ok(())
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

    pub(super) fn figure(&mut self, incident: Option<IncidentId>, figure: Figure) {
        if let Some(incident) = incident {
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
            let value = match attribute.value {
                Value::Integer(number) if number >= 0 => Some(number),
                Value::Unknown => None,
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
                self.record(Fact::FigureRecorded { incident: incident.clone(), figure });
            }
        }
        Ok(())
    }
}
