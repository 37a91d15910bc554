//! Reported totals against what the field knew: less than was known for longer than the grace is under-reporting (R2).
//!
//! Only the newest figure of a name is at hand. Where the field reports often it is fresher than the grace, and whether an
//! earlier one was already above the report cannot be seen: it is asked all the same, and said since when it is known. Else
//! the better the field reports, the less would be found.

use muster_sdk::oversight::ReasonedFinding;
use muster_sdk::settings;
use muster_sdk::{Attribute, Attributes, Event, Figure, Incident, MINUTE, Party, Tier, Value, because, facts, roster};

use crate::{finding, number, text};

/// One figure: as reported, and as the field knew it.
struct Gap {
    name: String,
    reported: i64,
    known: Known,
    /// How long the field had known it when the report came, in minutes.
    minutes: i64,
    /// Whether that is within the grace.
    fresh: bool,
}

/// A total, and the time of the newest figure in it.
struct Known {
    total: i64,
    since: i64,
}

impl Gap {
    fn missing(&self) -> i64 {
        self.known.total - self.reported
    }

    fn chinese(&self) -> String {
        let Self { name, reported, known, minutes, fresh } = self;
        let grace = if *fresh { "(在宽限内,此前数字待核)" } else { "" };
        format!("{name} 上报 {reported}、现场 {} 已知 {minutes} 分钟{grace},少报 {}", known.total, self.missing())
    }

    fn english(&self) -> String {
        let Self { name, reported, known, minutes, fresh } = self;
        let grace = if *fresh { " (within the grace; what was known before is to be looked at)" } else { "" };
        format!(
            "{name}: {reported} reported, {} known for {minutes} min{grace}, {} missing",
            known.total,
            self.missing()
        )
    }
}

pub(crate) fn under_reported(event: &Event, incident: &Incident) -> Option<ReasonedFinding> {
    let grace = settings::integer("reports.grace_minutes") * MINUTE;
    let parts = facts::children(&incident.id);
    let figures: Vec<&Figure> =
        core::iter::once(incident).chain(&parts).flat_map(|incident| &incident.figures).collect();
    let gaps: Vec<Gap> = settings::rows("compare", &[])
        .into_iter()
        .filter_map(|row| {
            let reported = event.integer(settings::cell(&row, "report"))?;
            let name = settings::cell(&row, "figure").to_string();
            let above = |at: i64| known_at(&figures, &name, at).filter(|known| reported < known.total);
            let known = above(event.occurred - grace).or_else(|| above(event.occurred))?;
            let ago = event.occurred - known.since;
            Some(Gap { name, reported, known, minutes: ago / MINUTE, fresh: ago < grace })
        })
        .collect();
    if gaps.is_empty() {
        return None;
    }
    let of = |language: fn(&Gap) -> String| gaps.iter().map(language).collect::<Vec<_>>();
    let (chinese, english) = (of(Gap::chinese), of(Gap::english));
    let why = because(
        "R2",
        format!("{}。报告照发,附更正,告知上级", chinese.join(";")),
        format!("{}. The report goes out with an addendum, and the tier above is told", english.join("; ")),
    );
    let mut details: Vec<_> = gaps.iter().map(|gap| number(&gap.name, gap.missing())).collect();
    details.extend(
        gaps.iter()
            .map(|gap| Attribute { key: format!("{}.known_since", gap.name), value: Value::Instant(gap.known.since) }),
    );
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
fn known_at(figures: &[&Figure], name: &str, at: i64) -> Option<Known> {
    let known = figures.iter().filter(|figure| figure.name == name && figure.as_of <= at);
    let known = known.filter_map(|figure| Some(Known { total: figure.value?, since: figure.as_of }));
    known.reduce(|sum, more| Known { total: sum.total + more.total, since: sum.since.max(more.since) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_sdk::testing::Harness;
    use muster_sdk::{FigureStage, HOUR, Mode, RiskStage, types};

    fn incident(id: &str, parent: Option<&str>, dead: Option<i64>, as_of: i64) -> Incident {
        let response = types::Response {
            scheme: "flood".into(),
            node: "d".into(),
            recommended: None,
            in_force: None,
            since: None,
            ordered: false,
        };
        let figure = Figure {
            name: "dead".into(),
            value: dead,
            stage: FigureStage::Provisional,
            as_of,
            source: "urn:health".into(),
        };
        Incident {
            id: id.into(),
            name: id.into(),
            names: Vec::new(),
            scheme: "flood".into(),
            hazard: "rainstorm".into(),
            node: "d".into(),
            opened: 0,
            stage: RiskStage::Control,
            mode: Mode::Emergency,
            life_safety: true,
            response,
            floor: None,
            figures: vec![figure],
            commander: None,
            hazard_cleared: false,
            projected_end: None,
            parent: parent.map(Into::into),
            tags: Vec::new(),
        }
    }

    /// What is found when a report at ten o'clock says so many dead.
    fn reported(dead: i64, incident: &Incident, parts: Vec<Incident>) -> Option<ReasonedFinding> {
        let report = Event {
            id: "r".into(),
            source: "urn:hq".into(),
            kind: "gov.muster.report.submitted".into(),
            subject: None,
            occurred: 10 * HOUR,
            recorded: 10 * HOUR,
            node: "d".into(),
            place: "d".into(),
            incident: None,
            exercise: false,
            attributes: vec![number("dead_total", dead), text("to_tier", "city")],
        };
        let row = [("report", Value::Text("dead_total".into())), ("figure", Value::Text("dead".into()))];
        let host = Harness::new().integer("reports.grace_minutes", 120).row("compare", &row);
        let host = parts.into_iter().fold(host, Harness::incident);
        host.run(|| under_reported(&report, incident)).0
    }

    fn detail(found: &ReasonedFinding, key: &str) -> Option<Value> {
        found.finding.details.value(key).cloned()
    }

    #[test]
    fn less_than_was_known_for_longer_than_the_grace_is_found() {
        let found = reported(9, &incident("i", None, Some(11), 7 * HOUR), Vec::new()).expect("a finding");
        assert_eq!(detail(&found, "dead"), Some(Value::Integer(2)));
        assert_eq!(detail(&found, "dead.known_since"), Some(Value::Instant(7 * HOUR)));
        assert!(!found.because.sentences[1].text.contains("grace"), "{}", found.because.sentences[1].text);
        assert!(reported(11, &incident("i", None, Some(11), 7 * HOUR), Vec::new()).is_none());
    }

    #[test]
    fn a_fresh_figure_hides_nothing() {
        let found = reported(3, &incident("i", None, Some(7), 9 * HOUR), Vec::new()).expect("a finding");
        assert_eq!(detail(&found, "dead"), Some(Value::Integer(4)));
        assert_eq!(detail(&found, "dead.known_since"), Some(Value::Instant(9 * HOUR)));
        let words = &found.because.sentences[1].text;
        assert!(words.contains("7 known for 60 min (within the grace"), "{words}");
    }

    #[test]
    fn what_became_known_after_the_report_is_not_held_against_it() {
        assert!(reported(3, &incident("i", None, Some(7), 11 * HOUR), Vec::new()).is_none());
        assert!(reported(3, &incident("i", None, None, 7 * HOUR), Vec::new()).is_none(), "unknown is not zero");
    }

    #[test]
    fn what_the_parts_knew_long_ago_is_enough_for_the_whole() {
        let parts = vec![incident("p", Some("i"), Some(8), 7 * HOUR), incident("q", Some("i"), Some(1), 9 * HOUR)];
        let found = reported(12, &incident("i", None, Some(12), 6 * HOUR), parts).expect("a finding");
        assert_eq!(detail(&found, "dead"), Some(Value::Integer(8)));
        assert_eq!(detail(&found, "dead.known_since"), Some(Value::Instant(7 * HOUR)));
    }
}
