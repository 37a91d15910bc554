//! Reported totals against what the field knew: less than was known for longer than the grace is under-reporting (R2).

use muster_sdk::oversight::ReasonedFinding;
use muster_sdk::settings;
use muster_sdk::{Attributes, Event, Incident, MINUTE, Party, Tier, because, facts, roster};

use crate::{finding, number, text};

/// One figure: as reported, and as the field knew it long enough ago.
struct Gap {
    name: String,
    reported: i64,
    known: i64,
}

pub(crate) fn under_reported(event: &Event, incident: &Incident) -> Option<ReasonedFinding> {
    let grace = settings::integer("reports.grace_minutes") * MINUTE;
    let before = event.occurred - grace;
    let gaps: Vec<Gap> = settings::rows("compare", &[])
        .into_iter()
        .filter_map(|row| {
            let reported = event.integer(settings::cell(&row, "report"))?;
            let name = settings::cell(&row, "figure").to_string();
            let known = known_before(incident, &name, before)?;
            (reported < known).then_some(Gap { name, reported, known })
        })
        .collect();
    if gaps.is_empty() {
        return None;
    }
    let of = |language: fn(&Gap) -> String| gaps.iter().map(language).collect::<Vec<_>>();
    let chinese =
        of(|gap| format!("{} 上报 {}、现场 {},少报 {}", gap.name, gap.reported, gap.known, gap.known - gap.reported));
    let english = of(|gap| {
        format!("{}: {} reported, {} known, {} missing", gap.name, gap.reported, gap.known, gap.known - gap.reported)
    });
    let why = because(
        "R2",
        format!("{}。报告照发,附更正,告知上级", chinese.join(";")),
        format!("{}. The report goes out with an addendum, and the tier above is told", english.join("; ")),
    );
    let mut details: Vec<_> = gaps.iter().map(|gap| number(&gap.name, gap.known - gap.reported)).collect();
    details.push(text("addendum", &english.join("; ")));
    let subject = event.subject.clone().unwrap_or_else(|| format!("report/{}", event.id));
    Some(finding("UNDER-REPORT", &incident.node, Some(subject), details, vec![above(event)], why))
}

/// Who the report goes to, or the duty one tier up.
fn above(event: &Event) -> Party {
    let named = event.text("to_tier").and_then(Tier::parse);
    let parent = || {
        let node = roster::find(&event.node)?;
        Some(roster::find(&node.parent?)?.tier)
    };
    Party::DutyAbove(named.or_else(parent).unwrap_or(Tier::Nation))
}

/// The total over the incident and its parts, of what was known by then. Unknown is not zero: it adds nothing.
fn known_before(incident: &Incident, name: &str, before: i64) -> Option<i64> {
    let parts = facts::children(&incident.id);
    let all = core::iter::once(incident).chain(&parts);
    let figures = all.flat_map(|incident| &incident.figures);
    let known: Vec<i64> = figures
        .filter(|figure| figure.name == name && figure.as_of <= before)
        .filter_map(|figure| figure.value)
        .collect();
    (!known.is_empty()).then(|| known.iter().sum())
}
