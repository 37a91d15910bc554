//! Levels, their confirmation, stages and modes.

use muster_kernel::record::{Bearing, Fact};
use muster_kernel::{IncidentId, Level, NodeCode, Scheme};

use super::callout::told;
use super::{Saying, Speaker, say};

pub(super) fn say(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    match fact {
        Fact::LevelRecommended { incident, scheme, node, level, previous, .. } => {
            let about = about(speaker, scheme, node, incident.as_ref());
            let (level, before) = (speaker.level(*level), before(speaker, *previous));
            let text = say!(speaker, "建议{about}启动 {level} 响应{before}", "{level} recommended for {about}{before}");
            speaker.decision(("建议级别", "recommended"), text)
        }
        Fact::LevelInForce { .. } => in_force(speaker, fact),
        Fact::ConfirmationRequired { incident, scheme, node, level, by, due, .. } => {
            let about = about(speaker, scheme, node, incident.as_ref());
            let (level, by, due) = (speaker.level(*level), speaker.party(by), speaker.time(*due));
            let text = say!(
                speaker,
                "{about}的 {level} 响应须由 {by} 在 {due} 前确认",
                "{by} must confirm {level} for {about} by {due}"
            );
            speaker.ask(("待确认", "confirm"), text)
        }
        Fact::ConfirmationEscalated { incident, scheme, node, level, due, to, .. } => {
            let about = about(speaker, scheme, node, incident.as_ref());
            let (level, due, told) = (speaker.level(*level), speaker.time(*due), told(speaker, to));
            let text = say!(
                speaker,
                "{about}的 {level} 响应未在 {due} 前确认{told}",
                "{level} for {about} was not confirmed by {due}{told}"
            );
            speaker.alarm(("逾期", "overdue"), text)
        }
        Fact::StageSet { incident, stage, previous, .. } => {
            let name = speaker.incident(Some(incident));
            let (stage, previous) = (speaker.stage(*stage), speaker.stage(*previous));
            let text =
                say!(speaker, "{name} 由“{previous}”转入“{stage}”阶段", "{name} goes from stage {previous} to {stage}");
            speaker.decision(("阶段", "stage"), text)
        }
        Fact::ModeSet { node, scheme, mode, previous, .. } => {
            let (place, mode, previous) = (speaker.place(node), speaker.mode(*mode), speaker.mode(*previous));
            let text = say!(
                speaker,
                "{place} 由{previous}转为{mode}({scheme})",
                "{place} goes from {previous} to {mode} mode ({scheme})"
            );
            speaker.decision(("模式", "mode"), text)
        }
        _ => None,
    }
}

fn in_force(speaker: &Speaker<'_>, fact: &Fact) -> Option<Saying> {
    let Fact::LevelInForce { incident, scheme, node, level, previous, ordered, bearing, .. } = fact else {
        return None;
    };
    let about = about(speaker, scheme, node, incident.as_ref());
    let (level, before) = (speaker.level(*level), before(speaker, *previous));
    let how = match (bearing, ordered) {
        (Bearing::Floor, _) => speaker.word(",本级不得低于此", ": a floor for this district"),
        (Bearing::Advice, _) => speaker.word(",供参考", ": advice for this district"),
        (Bearing::Own, true) => speaker.word(",由人员下令", ", by order of a person"),
        (Bearing::Own, false) => speaker.word(",临时生效", ", provisionally"),
    };
    let text = say!(speaker, "{about} {level} 响应生效{before}{how}", "{level} is in force for {about}{before}{how}");
    speaker.decision(("级别生效", "in force"), text)
}

fn about(speaker: &Speaker<'_>, scheme: &Scheme, node: &NodeCode, incident: Option<&IncidentId>) -> String {
    let place = speaker.place(node);
    match incident {
        Some(_) => {
            let incident = speaker.incident(incident);
            say!(speaker, "{place}“{scheme}”预案({incident})", "{scheme} at {place} ({incident})")
        }
        None => say!(speaker, "{place}“{scheme}”预案", "{scheme} at {place}"),
    }
}

fn before(speaker: &Speaker<'_>, previous: Option<Level>) -> String {
    let Some(level) = previous.map(|level| speaker.level(level)) else { return String::new() };
    say!(speaker, "(原 {level})", " (before: {level})")
}
