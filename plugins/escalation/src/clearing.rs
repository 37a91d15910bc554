//! When a hazard is over. Weather: there were warnings, and none is in force any more. What is measured: low readings long
//! enough, from more than one source, and every valve confirmed; a high reading brings it back and belies whoever said it
//! was done. Silence never ends a hazard, and what happened before an alarm says nothing about what came after it.

use muster_sdk::settings::{self, Row};
use muster_sdk::{
    Act, Attribute, Attributes, Effect, Event, Finding, Incident, MINUTE, Value, because, effect, facts, memory,
};

use crate::condition::{first_known, lineage};

/// Nodes whose warnings of its hazard concern the incident. Set as soon as there is one, and never removed.
const WARNED_AT: &str = "warned_at";
/// When the last alarm was measured: what was said of the valves before it is void.
const HIGH_AT: &str = "high_at";
/// When the last reading that is not low was measured: low readings count from after it.
const NOT_LOW_AT: &str = "not_low_at";
const LOW_SINCE: &str = "low_since";
const LOW_SOURCES: &str = "low_sources";
const VALVES: &str = "valves";

fn row_of(hazard: &str, way: &str) -> Option<Row> {
    settings::rows("hazard_over", &[("hazard", hazard), ("when", way)]).into_iter().next()
}

/// Weather is over when it was warned of and no such warning is in force; a new warning brings it back.
///
/// A hazard that no warning ever spoke of is not over because none does.
pub(crate) fn by_warnings(now: i64, event: &Event, incident: &Incident) -> Option<Effect> {
    let row = row_of(&incident.hazard, "no_warning")?;
    let warns = event.kind.ends_with("warning.received") && event.text("hazard") == Some(&incident.hazard);
    let in_force = warned_places(now, event, incident, warns)?;
    let rule = settings::cell(&row, "rule");
    if in_force {
        return (warns && incident.hazard_cleared).then(|| {
            let why = because(rule, "又有预警生效,隐患存在", "a warning is in force again: the hazard is there");
            effect(Act::ClearHazard(false), why)
        });
    }
    let over = incident.projected_end.is_none();
    (over && !incident.hazard_cleared).then(|| {
        let why = because(rule, "预警均已解除或到期,隐患消除", "no warning is in force: the hazard is over");
        effect(Act::ClearHazard(true), why)
    })
}

/// Whether a warning of the hazard is in force where one concerns the incident: at its node, at the event's, and where
/// warnings came in below it. `None` when there never was one.
fn warned_places(now: i64, event: &Event, incident: &Incident, warns: bool) -> Option<bool> {
    let known = memory::text(WARNED_AT);
    let before = known.as_deref().unwrap_or_default();
    let mut places: Vec<&str> = vec![&incident.node];
    for place in core::iter::once(event.node.as_str()).chain(before.split_whitespace()) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places.retain(|place| {
        let open = facts::warnings(place, Some(&incident.hazard));
        open.iter().any(|warning| warning.expires.is_none_or(|expires| expires > now))
    });
    let in_force = !places.is_empty();
    // The end of a warning that nobody here had seen counts where it was for the whole of the incident's place.
    let of_the_whole = warns && lineage(&incident.node).contains(&event.node);
    if in_force {
        memory::set(WARNED_AT, &Value::Text(places.join(" ")));
    } else if of_the_whole && known.is_none() {
        memory::set(WARNED_AT, &Value::Text(event.node.clone()));
    }
    (in_force || of_the_whole || known.is_some()).then_some(in_force)
}

/// A reading: high ones bring the hazard back, low ones count towards its end.
pub(crate) fn by_signal(event: &Event, incident: &Incident, kind: &str) -> Vec<Effect> {
    let rows = settings::rows("hazard_over", &[("kind", kind), ("when", "readings")]);
    let Some(row) = rows.first() else { return Vec::new() };
    if event.flag("valves_confirmed") == Some(true) || all_closed(event) {
        confirm_valves(event);
    }
    let Some(value) = row.text("field").and_then(|fields| first_known(fields, event)) else { return Vec::new() };
    let (Some(high), Some(low)) = (row.number("high"), row.number("low")) else { return Vec::new() };
    if value >= low {
        keep_latest(NOT_LOW_AT, event.occurred);
        memory::set(LOW_SINCE, &Value::Unknown);
        memory::set(LOW_SOURCES, &Value::Unknown);
        if value < high {
            return Vec::new();
        }
        keep_latest(HIGH_AT, event.occurred);
        memory::set(VALVES, &Value::Unknown);
        return is_back(event, incident, row);
    }
    // What was measured before the gas was there, and came late, does not say that it is gone.
    if !is_after(NOT_LOW_AT, event) {
        return Vec::new();
    }
    let since = memory::instant(LOW_SINCE).map_or(event.occurred, |since| since.min(event.occurred));
    memory::set(LOW_SINCE, &Value::Instant(since));
    let before = memory::text(LOW_SOURCES).unwrap_or_default();
    let mut sources: Vec<&str> = before.split_whitespace().collect();
    if !sources.contains(&event.source.as_str()) {
        sources.push(&event.source);
    }
    memory::set(LOW_SOURCES, &Value::Text(sources.join(" ")));
    over(event.occurred - since, sources.len(), incident, row)
}

fn keep_latest(key: &str, occurred: i64) {
    let latest = memory::instant(key).map_or(occurred, |known| known.max(occurred));
    memory::set(key, &Value::Instant(latest));
}

/// Whether the event happened after what is remembered under a key.
fn is_after(key: &str, event: &Event) -> bool {
    memory::instant(key).is_none_or(|at| event.occurred > at)
}

/// An alarm that was measured later voids the word that all valves are closed.
fn confirm_valves(event: &Event) {
    if is_after(HIGH_AT, event) {
        memory::set(VALVES, &Value::Flag(true));
    }
}

/// `valves_closed = 6, valves_total = 6`.
fn all_closed(event: &Event) -> bool {
    let closed = event.integer("valves_closed").or_else(|| event.integer("valves_confirmed"));
    closed.zip(event.integer("valves_total")).is_some_and(|(closed, total)| closed >= total && total > 0)
}

/// A claim about the valves counts only as a claim until nothing belies it.
pub(crate) fn by_claim(event: &Event) {
    let Some(Value::Text(words)) = settings::get("valve_words") else { return };
    let claim = event.text("claim").unwrap_or_default();
    let about_valves = words
        .split_whitespace()
        .any(|word| claim.contains(word) || event.text("task").is_some_and(|task| task.contains(word)));
    if event.text("state") == Some("done") && (about_valves || all_closed(event)) {
        confirm_valves(event);
    }
}

fn over(lasted: i64, sources: usize, incident: &Incident, row: &Row) -> Vec<Effect> {
    let apart = row.integer("minutes_apart").unwrap_or(0) * MINUTE;
    let valves = memory::get(VALVES) == Some(Value::Flag(true));
    let missing = [
        (lasted < apart, "两次低读数间隔不足", "two low readings far enough apart"),
        (
            i64::try_from(sources).unwrap_or(i64::MAX) < row.integer("sources").unwrap_or(1),
            "缺第二来源",
            "a second source",
        ),
        (row.flag("valves") == Some(true) && !valves, "阀门未全部确认", "all valves confirmed"),
    ];
    let missing: Vec<(&str, &str)> =
        missing.iter().filter(|(lacks, _, _)| *lacks).map(|(_, zh, en)| (*zh, *en)).collect();
    if incident.hazard_cleared {
        return Vec::new();
    }
    let rule = settings::cell(row, "rule");
    if missing.is_empty() {
        let why = because(
            rule,
            "两次低读数、第二来源、阀门确认齐备:隐患消除",
            "two low readings, a second source, all valves: the hazard is over",
        );
        return vec![effect(Act::ClearHazard(true), why)];
    }
    let (chinese, english): (Vec<&str>, Vec<&str>) = missing.into_iter().unzip();
    let why = because(
        rule,
        format!("尚不能认定隐患消除:{}", chinese.join("、")),
        format!("the hazard is not over yet; still needed: {}", english.join(", ")),
    );
    let details = vec![Attribute { key: "missing".into(), value: Value::Text(english.join(", ")) }];
    let record = muster_sdk::types::Custom { kind: "hazard_not_over".into(), details };
    vec![effect(Act::Custom(record), why)]
}

/// The hazard is there, whatever was claimed: work that was called done is opened again, and the contradiction is found.
fn is_back(event: &Event, incident: &Incident, row: &Row) -> Vec<Effect> {
    let why = because(
        settings::cell(row, "rule"),
        "读数达到警戒值:隐患存在",
        "the reading is at the alarm value: the hazard is there",
    );
    let mut effects = vec![effect(Act::ClearHazard(false), why)];
    let words: Vec<&str> = row.text("belies").unwrap_or_default().split_whitespace().collect();
    let belied = facts::tasks(&incident.id).into_iter().filter(|task| {
        let claim = task.claim.clone().unwrap_or_default();
        task.state == "done"
            && task.updated.is_some_and(|updated| updated <= event.occurred)
            && words.iter().any(|word| claim.contains(word) || task.id.contains(word) || task.order.kind.contains(word))
    });
    for task in belied {
        let claim = task.claim.clone().unwrap_or_default();
        let by = task.by.clone().unwrap_or_default();
        let why = because(
            "V2",
            format!("{by} 报称「{claim}」已完成,与 {} 的读数矛盾:任务重开", event.source),
            format!("{by} said it was done, the reading of {} says otherwise: the task is open again", event.source),
        );
        let finding = Finding {
            code: "CONTRADICTED".into(),
            node: incident.node.clone(),
            subject: Some(format!("task/{}", task.id)),
            answer_by: None,
            details: vec![
                Attribute { key: "claimed_by".into(), value: Value::Text(by) },
                Attribute { key: "claim".into(), value: Value::Text(claim) },
                Attribute { key: "belied_by".into(), value: Value::Text(event.source.clone()) },
            ],
            tell: incident.commander.clone().into_iter().collect(),
        };
        effects.push(effect(Act::ReopenTask(task.id.clone()), why.clone()));
        effects.push(effect(Act::RaiseFinding(finding), why));
    }
    effects
}
