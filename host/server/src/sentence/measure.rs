//! Measures, tasks, notices and resources.

use muster_kernel::act::ResourceLine;
use muster_kernel::record::Fact;
use muster_kernel::{MeasureId, TaskId};

use super::callout::told;
use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    measures(speaker, fact).or_else(|| tasks(speaker, fact)).or_else(|| messages(speaker, fact))
}

fn measures(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::MeasureProposed { proposal, .. } => {
            let (measure, decider) = (speaker.measure(&proposal.measure), speaker.parties(&proposal.deciders));
            let due = speaker.time(proposal.decide_by);
            let text = say!(
                speaker,
                "措施 {measure},须由 {decider} 在 {due} 前决定",
                "measure {measure}: {decider} must decide by {due}"
            );
            speaker.ask(("待批", "decide"), text)
        }
        Fact::MeasureOverdue { measure_kind: kind, node, due, to, .. } => {
            let (place, due, told) = (speaker.place(node), speaker.time(*due), told(speaker, to));
            let text = say!(
                speaker,
                "措施 {kind} @ {place} 未在 {due} 前决定{told}",
                "measure {kind} @ {place} was not decided by {due}{told}"
            );
            speaker.alarm(("逾期", "overdue"), text)
        }
        Fact::MeasureDecided { measure, approved, by, .. } => {
            let measure = known_measure(speaker, measure);
            let verdict =
                speaker.word(if *approved { "批准" } else { "不批准" }, if *approved { "approves" } else { "refuses" });
            speaker.decision(
                ("审批", "decided"),
                say!(speaker, "{by} {verdict}措施 {measure}", "{by} {verdict} measure {measure}"),
            )
        }
        Fact::MeasureStarted { order, from, .. } => {
            let (measure, from) = (speaker.measure(order), speaker.time(*from));
            speaker.decision(("措施", "measure"), say!(speaker, "{measure} 自 {from} 起执行", "{measure} from {from}"))
        }
        Fact::MeasureEffective { measure_kind: kind, node, .. } => {
            let place = speaker.place(node);
            speaker.decision(
                ("措施", "measure"),
                say!(speaker, "{kind} @ {place} 现在生效", "{kind} @ {place} takes effect now"),
            )
        }
        Fact::MeasureEnded { measure, .. } => {
            let measure = known_measure(speaker, measure);
            speaker.decision(("措施", "measure"), say!(speaker, "{measure} 结束", "{measure} is over"))
        }
        _ => None,
    }
}

fn tasks(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::TaskOpened { order, .. } => {
            let (kind, to, by) = (&order.kind, speaker.party(&order.to), speaker.by(order.due));
            let place = order.place.clone().unwrap_or_else(|| speaker.place(&order.node));
            let items = order.items;
            let count = if items > 1 { say!(speaker, " {items} 处", ", {items} items") } else { String::new() };
            let text = say!(speaker, "{to}:{kind} @ {place}{count}{by}", "{to}: {kind} @ {place}{count}{by}");
            speaker.ask(("任务", "task"), text)
        }
        Fact::TaskUpdated { task, state, by, .. } => {
            let task = known_task(speaker, task);
            speaker.record(("任务", "task"), say!(speaker, "{task}:{by} 报告为 {state}", "{task}: {state}, says {by}"))
        }
        Fact::TaskOverdue { task, due, .. } => {
            let (task, due) = (known_task(speaker, task), speaker.time(*due));
            speaker
                .alarm(("逾期", "overdue"), say!(speaker, "{task} 未在 {due} 前完成", "{task} was not done by {due}"))
        }
        _ => None,
    }
}

fn messages(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::NoticeSent { notice, .. } => {
            let to = speaker.parties(&notice.to);
            let tag = speaker.language.tag();
            let wanted = notice.sentences.iter().find(|sentence| sentence.language.starts_with(tag));
            let text = wanted.or_else(|| notice.sentences.first()).map_or("", |sentence| sentence.text.as_str());
            speaker.decision(("告知", "told"), say!(speaker, "{to}:{text}", "{to}: {text}"))
        }
        Fact::ResourceRequested { order, .. } => {
            let (to, lines, by) = (speaker.party(&order.to), lines(&order.lines), speaker.by(order.needed_by));
            speaker.ask(("求援", "requested"), say!(speaker, "向 {to} 申请 {lines}{by}", "{lines} from {to}{by}"))
        }
        Fact::OfferAnswered { answer, .. } => {
            let (offer, lines) = (&answer.offer, lines(&answer.accept));
            let rest = answer.remainder_from.as_ref().map(|party| speaker.party(party));
            let rest = rest.map(|party| say!(speaker, ",其余向 {party} 申请", "; the rest is asked of {party}"));
            let rest = rest.unwrap_or_default();
            let text =
                say!(speaker, "对支援 {offer} 接收 {lines}{rest}", "of offer {offer}, {lines} is accepted{rest}");
            speaker.decision(("支援", "offer"), text)
        }
        _ => None,
    }
}

fn lines(lines: &[ResourceLine]) -> String {
    let shown: Vec<String> = lines.iter().map(|line| format!("{} × {}", line.quantity, line.kind)).collect();
    if shown.is_empty() { "0".into() } else { shown.join(", ") }
}

fn known_measure(speaker: &Speaker<'_>, measure: &MeasureId) -> String {
    let row = speaker.state.measures.get(measure);
    row.map_or_else(|| measure.to_string(), |row| speaker.measure(&row.order))
}

fn known_task(speaker: &Speaker<'_>, task: &TaskId) -> String {
    let Some(row) = speaker.state.tasks.get(task) else { return task.to_string() };
    let place = row.order.place.clone().unwrap_or_else(|| speaker.place(&row.order.node));
    format!("{}: {} @ {place}", speaker.party(&row.order.to), row.order.kind)
}
