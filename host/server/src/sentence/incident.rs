//! Events, incidents, watches and warnings.

use muster_kernel::Colour;
use muster_kernel::act::Warning;
use muster_kernel::record::{Fact, WarningChange};

use super::callout::late_by;
use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    events(speaker, fact).or_else(|| incidents(speaker, fact)).or_else(|| watches(speaker, fact))
}

fn events(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::EventDuplicate { first } => {
            let text =
                say!(speaker, "此前已收到(第 {first} 条),不作变更", "received before (entry {first}); nothing changed");
            speaker.record(("重复", "duplicate"), text)
        }
        Fact::EventPlaced { incident, watch, classification, late_by: late, .. } => {
            let late = late_by(speaker, *late);
            let place = match (incident, watch) {
                (Some(_), _) => {
                    let name = speaker.incident(incident.as_ref());
                    say!(speaker, "归入 {name}", "belongs to {name}")
                }
                (None, Some(_)) => speaker.word("归入值守", "belongs to a watch").into(),
                (None, None) => speaker.word("仅存证", "kept for the record").into(),
            };
            speaker.record(
                ("归类", "placed"),
                say!(speaker, "{classification}:{place}{late}", "{classification}: {place}{late}"),
            )
        }
        Fact::EventRefused { .. } => speaker.alarm(
            ("拒绝", "refused"),
            speaker.word("该行为无效或越权,未作变更", "not valid or not allowed; nothing changed").into(),
        ),
        _ => None,
    }
}

fn incidents(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::IncidentOpened { name, scheme, hazard, node, life_safety, .. } => {
            let place = speaker.place(node);
            let lives = if *life_safety { speaker.word(",涉及生命安全", ", lives are at stake") } else { "" };
            let text = say!(
                speaker,
                "{name}:{place} {hazard}({scheme} 预案){lives}",
                "{name}: {hazard} at {place} (scheme {scheme}){lives}"
            );
            speaker.decision(("立案", "opened"), text)
        }
        Fact::IncidentNamed { incident, name } => speaker.record(
            ("事件", "incident"),
            say!(speaker, "{incident} 的外部编号为 {name}", "{incident} is known outside as {name}"),
        ),
        Fact::IncidentRelated { incident, parent, .. } => {
            let (name, parent) = (speaker.incident(Some(incident)), speaker.incident(Some(parent)));
            speaker.decision(("并入", "related"), say!(speaker, "{name} 并入 {parent}", "{name} is part of {parent}"))
        }
        // It names no colour, and must never read as one more warning.
        Fact::WarningRecorded { warning, change: WarningChange::Cancelled, supersedes, .. } => {
            let (place, hazard, source) = (speaker.place(&warning.node), &warning.hazard, &warning.source);
            let text = if supersedes.as_ref().is_some_and(Vec::is_empty) {
                say!(
                    speaker,
                    "{source} 解除的 {place} {hazard} 预警在此未生效,不作变更",
                    "{source} lifts a {hazard} warning for {place} that is not in force here; nothing changed"
                )
            } else {
                say!(
                    speaker,
                    "{place} {hazard} 预警解除({source})",
                    "the {hazard} warning for {place} is lifted ({source})"
                )
            };
            speaker.record(("预警解除", "warning lifted"), text)
        }
        Fact::WarningRecorded { warning, .. } => speaker.record(("预警", "warning"), warning_text(speaker, warning)),
        _ => None,
    }
}

fn warning_text(speaker: &Speaker<'_>, warning: &Warning) -> String {
    let (place, hazard, source) = (speaker.place(&warning.node), &warning.hazard, &warning.source);
    let colour = match warning.colour {
        Some(Colour::Blue) => speaker.word("蓝色", "blue"),
        Some(Colour::Yellow) => speaker.word("黄色", "yellow"),
        Some(Colour::Orange) => speaker.word("橙色", "orange"),
        Some(Colour::Red) => speaker.word("红色", "red"),
        None => speaker.word("未定色", "uncoloured"),
    };
    let until = warning.expires.map(|expires| speaker.time(expires));
    let until = until.map(|until| say!(speaker, ",至 {until}", ", until {until}")).unwrap_or_default();
    say!(
        speaker,
        "{place} {hazard} {colour}预警{until}({source})",
        "{colour} {hazard} warning for {place}{until} ({source})"
    )
}

fn watches(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::WatchOpened { hazard, node, until, .. } => {
            let place = speaker.place(node);
            let until = until.map(|until| speaker.time(until));
            let until = until.map(|until| say!(speaker, ",至 {until}", ", until {until}")).unwrap_or_default();
            speaker.decision(
                ("值守", "watch"),
                say!(speaker, "{place} 对 {hazard} 开始值守{until}", "{place} watches for {hazard}{until}"),
            )
        }
        Fact::WatchEnded { watch, .. } => {
            let row = speaker.state.watches.get(watch);
            let what =
                row.map_or_else(|| watch.to_string(), |row| format!("{} @ {}", row.hazard, speaker.place(&row.node)));
            speaker.decision(("值守", "watch"), say!(speaker, "{what} 值守结束", "the watch {what} is over"))
        }
        _ => None,
    }
}
