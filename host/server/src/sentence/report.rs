//! Reports upward, findings and figures.

use muster_kernel::FigureStage;
use muster_kernel::record::Fact;

use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::ReportRequired { duty, .. } => {
            let (place, kind) = (speaker.place(&duty.node), &duty.kind);
            let (to, due) = (speaker.party(&duty.to), speaker.time(duty.due));
            let text = say!(
                speaker,
                "{place} 须于 {due} 前向 {to} 报送 {kind} 报告",
                "{place} owes {to} a {kind} report by {due}"
            );
            speaker.ask(("须报告", "report"), text)
        }
        Fact::ReportSubmitted { report_kind, by, occurred: at, .. } => {
            let at = speaker.time(*at);
            speaker.decision(
                ("已报告", "reported"),
                say!(
                    speaker,
                    "{by} 于 {at} 报送 {report_kind} 报告",
                    "{by} handed in the {report_kind} report at {at}"
                ),
            )
        }
        Fact::ReportOverdue { report, report_kind, due, .. } => {
            let due = speaker.time(*due);
            let row = speaker.state.reports.get(report);
            let place = row.map_or_else(|| report.to_string(), |row| speaker.place(&row.duty.node));
            let text = say!(
                speaker,
                "{place} 的 {report_kind} 报告未在 {due} 前报送",
                "the {report_kind} report of {place} did not come by {due}"
            );
            speaker.alarm(("逾期", "overdue"), text)
        }
        Fact::FindingRaised { order, .. } => {
            let (code, place, details) = (&order.code, speaker.place(&order.node), speaker.details(&order.details));
            let subject = order.subject.as_deref().map(|subject| format!(" {subject}")).unwrap_or_default();
            let details = if details.is_empty() { details } else { format!(" ({details})") };
            let answer = order.answer_by.map(|due| speaker.time(due));
            let answer =
                answer.map(|due| say!(speaker, ",须于 {due} 前答复", ", to be answered by {due}")).unwrap_or_default();
            speaker.alarm(("监管", "finding"), format!("{code} @ {place}{subject}{details}{answer}"))
        }
        Fact::FigureRecorded { figure, .. } => {
            let (name, source) = (&figure.name, &figure.source);
            let value = figure.value.map_or_else(|| speaker.word("不明", "unknown").into(), |value| value.to_string());
            let firm = match figure.stage {
                FigureStage::Provisional => speaker.word("初报", "provisional"),
                FigureStage::Verified => speaker.word("核实", "verified"),
                FigureStage::Correction => speaker.word("订正", "correction"),
            };
            speaker.record(
                ("数据", "figure"),
                say!(speaker, "{name}:{value}({firm},{source})", "{name}: {value} ({firm}, {source})"),
            )
        }
        Fact::CustomRecorded { custom_kind: kind, details, .. } => {
            let details = speaker.details(details);
            speaker.decision(("记录", "recorded"), format!("{kind} {details}").trim_end().to_owned())
        }
        _ => None,
    }
}
