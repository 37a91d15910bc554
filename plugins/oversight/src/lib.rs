//! Supervise: what was reported against what the field knew, lateness with what may excuse it, split purchases, and
//! call-outs that are never or too often used.
//!
//! What is compared and which circumstances may excuse stands in the settings. A finding is a question, never a verdict.

mod reports;

use muster_sdk::facts::{self, SpendingFilter};
use muster_sdk::oversight::{Occasion, Question, ReasonedFinding};
use muster_sdk::settings;
use muster_sdk::{
    Attribute, Attributes, Because, Event, Finding, HOUR, Incident, MINUTE, MeasureStatus, Oversight, Party, Tier,
    Value, because, roster,
};

struct Probes;

impl Oversight for Probes {
    fn inspect(question: Question) -> Vec<ReasonedFinding> {
        match (&question.occasion, &question.event, &question.incident) {
            (Occasion::Decision(kinds), Some(event), incident) => {
                let made = |kind: &str| kinds.iter().any(|made| made == kind);
                let mut found = Vec::new();
                if made("report.submitted") {
                    found.extend(incident.as_ref().and_then(|incident| reports::under_reported(event, incident)));
                }
                if made("callout.reported_in") {
                    found.extend(incident.as_ref().and_then(|incident| late_with_reason(event, incident)));
                }
                if made("spend.ruled") {
                    found.extend(split(question.now, event));
                }
                found
            }
            (Occasion::Period, _, None) => use_of_callouts(question.now),
            _ => Vec::new(),
        }
    }
}

muster_sdk::policy! { oversight: Probes }

pub(crate) fn text(key: &str, value: &str) -> Attribute {
    Attribute { key: key.into(), value: Value::Text(value.into()) }
}

pub(crate) fn number(key: &str, value: i64) -> Attribute {
    Attribute { key: key.into(), value: Value::Integer(value) }
}

pub(crate) fn finding(
    code: &str,
    node: &str,
    subject: Option<String>,
    details: Vec<Attribute>,
    tell: Vec<Party>,
    because: Because,
) -> ReasonedFinding {
    let finding = Finding { code: code.into(), node: node.into(), subject, answer_by: None, details, tell };
    ReasonedFinding { finding, because }
}

/// Someone came late while something known stood in the way: the reason goes on file for the supervisor (容错).
fn late_with_reason(event: &Event, incident: &Incident) -> Option<ReasonedFinding> {
    let (callout, after) = facts::open_call_outs(&incident.id).into_iter().find_map(|callout| {
        let came = callout.calls.iter().any(|call| call.reported_in == Some(event.occurred));
        let after = event.occurred - callout.issued;
        (came && callout.order.arrive_within.is_some_and(|within| after > within)).then_some((callout, after))
    })?;
    let (excuse, place) = circumstance(incident)?;
    let minutes = after / MINUTE;
    let why = because(
        "C4",
        format!("到场用时 {minutes} 分钟;当时已知:{}。可作容错事由,待监管人审定", excuse.0),
        format!("on scene after {minutes} min; known then: {}. It may excuse; the supervisor decides", excuse.1),
    );
    let details = vec![
        text("excuse", &excuse.1),
        text("excuse_zh", &excuse.0),
        text("review", "open"),
        text("circumstance_at", &place),
        number("minutes", minutes),
    ];
    Some(finding("ARRIVAL-LATE", &event.node, Some(format!("callout/{}", callout.id)), details, Vec::new(), why))
}

/// What was in force then, in the incident or the larger one, that may excuse lateness.
fn circumstance(incident: &Incident) -> Option<((String, String), String)> {
    let incidents = core::iter::once(incident.id.clone()).chain(incident.parent.clone());
    let measures = incidents.into_iter().flat_map(|id| facts::measures(&id));
    let in_force = measures.filter(|record| record.status == MeasureStatus::InForce);
    in_force.into_iter().find_map(|record| {
        let rows = settings::rows("circumstance", &[("measure", &record.measure.kind)]);
        let row = rows.first()?;
        let words = (settings::cell(row, "zh").to_string(), settings::cell(row, "en").to_string());
        Some((words, record.measure.target.unwrap_or(record.measure.node)))
    })
}

/// Several requests to one vendor or in one category that stay below the limit one by one and pass it together (拆分采购).
fn split(now: i64, event: &Event) -> Option<ReasonedFinding> {
    let node = roster::find(&event.node)?;
    let rows = settings::rows("split", &[("tier", node.tier.name())]);
    let limit = rows.first()?.integer("item")?;
    let own = event.integer("amount.minor")?;
    let since = Some(now - settings::integer("split_window_hours") * HOUR);
    let filter = SpendingFilter {
        incident: None,
        node: Some(node.code.clone()),
        within: None,
        category: None,
        vendor: Some(event.text("vendor")?.to_string()),
        since,
    };
    let before = facts::spent(&filter);
    // What was just allowed is among the sum already; what was sent up is not.
    let allowed = facts::spent(&SpendingFilter { since: Some(now), ..filter }).count > 0;
    let (count, total) = if allowed { (before.count, before.total) } else { (before.count + 1, before.total + own) };
    let granted = facts::grants(&node.code).into_iter().find(|grant| grant.powers.iter().any(|power| power == "spend"));
    let limit = limit * granted.map_or(1_000, |grant| i64::from(grant.multiplier_permille)) / 1_000;
    if count < 2 || own > limit || total <= limit {
        return None;
    }
    let why = because(
        "D3",
        format!("同一供应商 24 小时内 {} 笔合计 {} 分,单笔均未超 {limit} 分:疑似拆分", before.count, total),
        format!(
            "{} requests to one vendor within 24 h come to {total}, each below {limit}: it looks split",
            before.count
        ),
    );
    let details = vec![number("count", i64::from(count)), number("total", total), number("limit", limit)];
    let subject = event.text("request").map(|request| format!("spend/{request}"));
    Some(finding("SPLIT-PURCHASE", &event.node, subject, details, Vec::new(), why))
}

/// A street that never calls, or calls every day, is looked at: the band stands in the settings.
fn use_of_callouts(now: i64) -> Vec<ReasonedFinding> {
    let Some(root) = roster::find("") else { return Vec::new() };
    let days = settings::integer("callouts.days");
    let (least, most) = (settings::integer("callouts.least"), settings::integer("callouts.most"));
    let since = now - days * 24 * HOUR;
    let streets = roster::below(&root.code, Tier::Street).into_iter();
    let outside = streets.filter_map(|street| {
        let count = i64::from(facts::call_outs_issued(&street, since));
        let (code, chinese, english) = if count < least {
            ("CALLOUT-UNUSED", "过少", "too few")
        } else if count > most {
            ("CALLOUT-OVERUSED", "过多", "too many")
        } else {
            return None;
        };
        let why = because(
            "C",
            format!("{days} 天内呼叫 {count} 次,{chinese}(应在 {least} 至 {most} 之间)"),
            format!("{count} call-outs in {days} days: {english} (between {least} and {most} is usual)"),
        );
        Some(finding(code, &street, None, vec![number("count", count)], Vec::new(), why))
    });
    outside.collect()
}
