//! How severe is it? The highest of what warnings, repeats, figures and signals say.

use muster_sdk::settings::{self, Row};
use muster_sdk::{
    Act, Attribute, Attributes, Because, Colour, Effect, Event, Figure, FigureStage, HOUR, Incident, Level,
    LevelAdvice, MINUTE, Party, Rung, RungCondition, Value, because, effect, facts, memory, roster,
};

use crate::{condition, text};

/// A level with its reason.
pub(crate) struct Advice {
    pub(crate) level: Level,
    because: Because,
    /// Said again though the level was advised before.
    again: bool,
    /// Said though a higher level was advised before: what spoke for that is gone.
    downward: bool,
}

impl Advice {
    fn new(level: Level, because: Because) -> Self {
        Self { level, because, again: false, downward: false }
    }

    /// Whether it says something that was not said before.
    pub(crate) fn is_news(&self, incident: &Incident) -> bool {
        match incident.response.recommended {
            None => true,
            Some(before) if self.level as u8 > before as u8 => true,
            Some(before) if self.level == before => self.again,
            Some(_) => self.downward,
        }
    }

    pub(crate) fn effect(&self, incident: &Incident) -> Effect {
        let above = roster::find(&incident.node).map(|node| crate::acts::next_above(node.tier));
        let rung = Rung {
            after: 0,
            to: above.map(Party::DutyAbove).into_iter().collect(),
            channels: Vec::new(),
            condition: RungCondition::Always,
            repeats: 0,
            every: None,
        };
        let advice = LevelAdvice {
            scheme: incident.scheme.clone(),
            node: incident.node.clone(),
            level: self.level,
            confirm_within: Some(settings::integer("levels.confirm_within_minutes") * MINUTE),
            ladder: vec![rung],
        };
        effect(Act::RecommendLevel(advice), self.because.clone())
    }
}

/// The figures that a signal carries, for the tables to weigh: `signal_figure` says where they stand.
pub(crate) fn figures_of_signal(event: &Event) -> Vec<Effect> {
    if crate::kind_of(event) != "signal.reported" {
        return Vec::new();
    }
    let figures = figure_rows(event).into_iter().filter_map(|row| {
        let value = event.integer(settings::cell(&row, "field"))?;
        let name = settings::cell(&row, "figure").to_string();
        let figure = Figure {
            name: name.clone(),
            value: Some(value),
            stage: FigureStage::Provisional,
            as_of: event.occurred,
            source: event.source.clone(),
        };
        let why = because("L1", format!("来报 {name} {value}"), format!("reported: {name} {value}"));
        Some(effect(Act::RecordFigure(figure), why))
    });
    figures.collect()
}

/// So many numbers of an event are asked for one by one: cheaper than the whole table, most rows of which concern nobody.
const ASKED_ALONE: usize = 4;

/// The rows of `signal_figure` that may concern an event, in the order of the table. One row alone has no order; where
/// several answer, the whole table is asked for its order.
fn figure_rows(event: &Event) -> Vec<Row> {
    let number = |attribute: &&Attribute| matches!(attribute.value, Value::Integer(_));
    let numbers: Vec<&Attribute> = event.attributes.iter().filter(number).collect();
    if numbers.len() <= ASKED_ALONE {
        let of = |attribute: &Attribute| settings::rows("signal_figure", &[("field", &attribute.key)]);
        let rows: Vec<Row> = numbers.into_iter().flat_map(of).collect();
        if rows.len() <= 1 {
            return rows;
        }
    }
    settings::rows("signal_figure", &[])
}

/// The highest level that anything about this event speaks for.
pub(crate) fn advised(event: &Event, incident: &Incident, classification: &str, figures: &[Effect]) -> Option<Advice> {
    let spoken = match crate::kind_of(event) {
        "warning.received" => return by_warning(event, incident),
        "signal.reported" if figures.is_empty() => vec![by_signal(event, incident, classification)],
        "signal.reported" => vec![by_signal(event, incident, classification), by_figures(incident, figures)],
        "casualty.updated" | "figures.updated" => vec![by_figures(incident, figures)],
        _ => Vec::new(),
    };
    highest_of(spoken)
}

fn highest_of(spoken: Vec<Option<Advice>>) -> Option<Advice> {
    spoken.into_iter().flatten().max_by_key(|advice| (advice.level as u8, advice.again))
}

/// What a warning speaks for, together with what people have suffered: a lower colour lowers the advice, nothing else.
fn by_warning(event: &Event, incident: &Incident) -> Option<Advice> {
    let highest = highest_of(vec![by_colour(event), by_repeat(event), by_figures(incident, &[])])?;
    Some(Advice { downward: fell(event), ..highest })
}

/// Whether the colour is lower than that of the warning before.
fn fell(event: &Event) -> bool {
    let (Some(hazard), Some(colour)) = (event.text("hazard"), event.text("colour").and_then(Colour::parse)) else {
        return false;
    };
    let earlier = facts::warning_history(&event.node, hazard, i64::MIN);
    let before = earlier.iter().find(|warning| warning.issued < event.occurred).and_then(|warning| warning.colour);
    before.is_some_and(|before| (colour as u8) < before as u8)
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
    Some(Advice::new(level, why))
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
    Some(Advice::new(level, why))
}

fn by_signal(event: &Event, incident: &Incident, classification: &str) -> Option<Advice> {
    let rows = settings::rows("signal_level", &[("kind", classification)]);
    let fitting = rows.iter().filter(|row| condition::holds(row, event, Some(incident), &event.node, event.occurred));
    let advice = fitting.filter_map(|row| {
        let again = row.flag("again") == Some(true);
        Some(Advice { again, ..Advice::new(level_of(row)?, text::because_of(row, event)) })
    });
    advice.max_by_key(|advice| (advice.level as u8, advice.again))
}

/// The figures of the incident and of all that belongs to it; what is unknown counts for nothing here and is never zero.
///
/// A level that consequences reach for the first time is said, even where something else spoke for it before.
fn by_figures(incident: &Incident, figures: &[Effect]) -> Option<Advice> {
    let known = sums(incident, figures);
    let mut reached: Vec<(String, Advice)> = Vec::new();
    for row in settings::rows("figure_level", &[]) {
        let Some(advice) = reached_by(&row, &known) else { continue };
        let names = settings::cell(&row, "figures").to_string();
        match reached.iter_mut().find(|(of, _)| *of == names) {
            Some((_, before)) if before.level as u8 >= advice.level as u8 => {}
            Some((_, before)) => *before = advice,
            None => reached.push((names, advice)),
        }
    }
    let advice = reached.into_iter().map(|(names, advice)| {
        let key = format!("consequence/{names}");
        let before = memory::text(&key).and_then(|text| Level::parse(&text));
        let again = before.is_none_or(|before| advice.level as u8 > before as u8);
        if again {
            memory::set(&key, &Value::Text(advice.level.name().into()));
        }
        Advice { again, ..advice }
    });
    advice.max_by_key(|advice| (advice.level as u8, advice.again))
}

/// What one row of `figure_level` says of the figures, if its bound is reached.
fn reached_by(row: &Row, known: &[(String, i64)]) -> Option<Advice> {
    let names = settings::cell(row, "figures");
    let of = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let values: Vec<i64> = names.split_whitespace().filter_map(of).collect();
    let (sum, least) = (values.iter().sum::<i64>(), row.integer("at_least")?);
    if values.is_empty() || sum < least {
        return None;
    }
    let level = level_of(row)?;
    let why = because(
        row.text("rule").unwrap_or("L1"),
        format!("{names} 合计 {sum},达到 {least}:{} 级", level.name()),
        format!("{names} together {sum}, {least} or more: level {}", level.name()),
    );
    Some(Advice::new(level, why))
}

/// Every figure that is known, added up over the incident and its parts.
fn sums(incident: &Incident, figures: &[Effect]) -> Vec<(String, i64)> {
    let fresh = figures.iter().filter_map(|effect| match &effect.act {
        Act::RecordFigure(figure) => Some((figure.name.clone(), figure.value?)),
        _ => None,
    });
    let mut known: Vec<(String, i64)> = fresh.collect();
    for figure in &incident.figures {
        if let Some(value) = figure.value.filter(|_| known.iter().all(|(name, _)| *name != figure.name)) {
            known.push((figure.name.clone(), value));
        }
    }
    for part in facts::children(&incident.id) {
        for figure in part.figures {
            let Some(value) = figure.value else { continue };
            match known.iter_mut().find(|(name, _)| *name == figure.name) {
                Some((_, sum)) => *sum += value,
                None => known.push((figure.name, value)),
            }
        }
    }
    known
}
