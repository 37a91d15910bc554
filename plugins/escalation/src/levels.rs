//! How severe is it? The highest of what warnings, repeats, figures and signals say.

use muster_sdk::settings::{self, Row};
use muster_sdk::{
    Act, Attributes, Because, Effect, Event, HOUR, Incident, Level, LevelAdvice, MINUTE, Party, Rung, Tier, because,
    effect, facts,
};

use crate::{condition, text};

/// A level with its reason.
pub(crate) struct Advice {
    pub(crate) level: Level,
    because: Because,
}

impl Advice {
    pub(crate) fn effect(&self, incident: &Incident) -> Effect {
        let tier = settings::text("levels.unconfirmed_goes_to");
        let to = Tier::parse(&tier).map(Party::DutyAbove);
        let advice = LevelAdvice {
            scheme: incident.scheme.clone(),
            node: incident.node.clone(),
            level: self.level,
            confirm_within: Some(settings::integer("levels.confirm_within_minutes") * MINUTE),
            ladder: vec![Rung { after: 0, to: to.into_iter().collect() }],
        };
        effect(Act::RecommendLevel(advice), self.because.clone())
    }
}

/// The highest level that anything about this event speaks for.
pub(crate) fn advised(event: &Event, incident: &Incident, classification: &str) -> Option<Advice> {
    let spoken = match event.kind.rsplit("muster.").next() {
        Some("warning.received") => vec![by_colour(event), by_repeat(event)],
        Some("signal.reported") => vec![by_signal(event, classification)],
        Some("casualty.updated" | "figures.updated") => vec![by_figures(incident)],
        _ => Vec::new(),
    };
    spoken.into_iter().flatten().max_by_key(|advice| advice.level as u8)
}

/// The level that takes force while a higher one waits for a person: the one below the first that needs confirmation.
pub(crate) fn provisional(level: Level) -> Level {
    let first = Level::parse(&settings::text("levels.confirm_from"));
    match first {
        Some(first) if level as u8 >= first as u8 => below(first),
        _ => level,
    }
}

fn below(level: Level) -> Level {
    match level {
        Level::I => Level::Ii,
        Level::Ii => Level::Iii,
        Level::Iii | Level::Iv => Level::Iv,
    }
}

/// The higher of two levels that may be absent.
pub(crate) fn highest(one: Option<Level>, other: Option<Level>) -> Option<Level> {
    [one, other].into_iter().flatten().max_by_key(|level| *level as u8)
}

fn level_of(row: &Row) -> Option<Level> {
    Level::parse(settings::cell(row, "level"))
}

fn by_colour(event: &Event) -> Option<Advice> {
    let (hazard, colour) = (event.text("hazard")?, event.text("colour")?);
    let rows = settings::rows("warning_level", &[("hazard", hazard), ("colour", colour)]);
    let row = rows.first()?;
    let level = level_of(row)?;
    let why = because(
        row.text("rule").unwrap_or("L3"),
        format!("{hazard} {colour} 预警对应 {} 级", level.name()),
        format!("a {colour} {hazard} warning stands for level {}", level.name()),
    );
    Some(Advice { level, because: why })
}

/// The same colour again within the hours of the table.
fn by_repeat(event: &Event) -> Option<Advice> {
    let (hazard, colour) = (event.text("hazard")?, event.text("colour")?);
    let rows = settings::rows("warning_repeat", &[("hazard", hazard), ("colour", colour)]);
    let row = rows.first()?;
    let hours = row.integer("within_hours")?;
    let earlier = facts::warning_history(&event.node, hazard, event.occurred - hours * HOUR);
    let colour_of = |warning: &muster_sdk::Warning| warning.colour == muster_sdk::Colour::parse(colour);
    let before = earlier.iter().find(|warning| colour_of(warning) && warning.issued < event.occurred)?;
    let level = level_of(row)?;
    let minutes = (event.occurred - before.issued) / MINUTE;
    let why = because(
        row.text("rule").unwrap_or("L3"),
        format!("{} 小时 {} 分内第二次 {colour} 预警:建议 {} 级", minutes / 60, minutes % 60, level.name()),
        format!(
            "second {colour} warning after {} h {} min: level {} is advised",
            minutes / 60,
            minutes % 60,
            level.name()
        ),
    );
    Some(Advice { level, because: why })
}

fn by_signal(event: &Event, classification: &str) -> Option<Advice> {
    let rows = settings::rows("signal_level", &[("kind", classification)]);
    let fitting = rows.iter().filter(|row| condition::holds(row, event));
    let advice =
        fitting.filter_map(|row| Some(Advice { level: level_of(row)?, because: text::because_of(row, event) }));
    advice.max_by_key(|advice| advice.level as u8)
}

/// The incident's own figures; what is unknown counts for nothing here and is never zero.
fn by_figures(incident: &Incident) -> Option<Advice> {
    let value = |name: &str| incident.figures.iter().find(|figure| figure.name == name).and_then(|figure| figure.value);
    let advice = settings::rows("figure_level", &[]).into_iter().filter_map(|row| {
        let names = settings::cell(&row, "figures");
        let known: Vec<i64> = names.split_whitespace().filter_map(value).collect();
        let sum: i64 = known.iter().sum();
        let reached = !known.is_empty() && sum >= row.integer("at_least")?;
        let level = level_of(&row)?;
        reached.then(|| Advice {
            level,
            because: because(
                row.text("rule").unwrap_or("L1"),
                format!("{names} 合计 {sum}:{} 级", level.name()),
                format!("{names} together {sum}: level {}", level.name()),
            ),
        })
    });
    advice.max_by_key(|advice| advice.level as u8)
}
