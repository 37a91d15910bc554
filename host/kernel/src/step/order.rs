//! Orders of people: levels, ends of responses, modes, command, and measures with their stages.
//!
//! Whoever orders must hold the power for that kind of order at the node or above it. A person's order needs no
//! policy's yes; what it may not do is lower a guard that the charter holds up (see `mode`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Deciding;
use super::sense::Located;
use crate::act::{Because, Measure};
use crate::record::{Fact, PairKind};
use crate::state::MeasureState;
use crate::value::{Attribute, find_instant, find_integer, find_text};
use crate::{Event, Instant, Level, MeasureId, MeasureStatus, Milliseconds, NodeCode, State, Value, roster};

/// Words for an order that brings a place back to normal.
const BACK_TO_NORMAL: [&str; 5] = ["return_to_normal", "stand_down", "end_emergency", "mode_normal", "resume_normal"];
/// Words for an order that ends a response.
const END_OF_RESPONSE: [&str; 4] = ["response_end", "end_response", "response_terminated", "end_scheme"];
/// Words for an order that lifts measures.
const LIFT: [&str; 4] = ["lift", "lift_measure", "end_measure", "reopen"];
/// Words for an order that names the commander.
const COMMAND: [&str; 4] = ["appoint_commander", "commander", "command", "command_handover"];

impl Deciding<'_> {
    /// An order of a person.
    pub(super) fn order(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let kind = find_text(&event.attributes, "kind").unwrap_or_default();
        let power = format!("order/{kind}");
        if !roster::may_act(self.state, &event.source, &power, event.node.as_str()) {
            return Err(Because::new(
                "host:order-without-power",
                format!("来源 {} 无权为 {} 下达此类命令({kind})", event.source, event.node),
                format!("source `{}` holds no power to order `{kind}` for node `{}`", event.source, event.node),
            ));
        }
        match kind {
            "response_level" => self.order_level(event, located)?,
            "" => return Ok(()),
            "mode" | "mode_change" => self.order_mode(event)?,
            kind if BACK_TO_NORMAL.contains(&kind) => self.return_to_normal(event)?,
            kind if END_OF_RESPONSE.contains(&kind) => self.end_response(event, located)?,
            kind if COMMAND.contains(&kind) => self.appoint(event, located)?,
            kind if LIFT.contains(&kind) => self.lift(event)?,
            "close_incident" => self.close_incident(event, located)?,
            "staged_stop" => self.staged(event)?,
            kind => self.measure_by_order(event, kind),
        }
        self.end_named(event);
        self.open_order_pair(event);
        Ok(())
    }

    /// `ends = ["staged_stop"]`: the order lifts these kinds at its node.
    fn end_named(&mut self, event: &Event) {
        for kind in texts(event, "ends") {
            self.lift_kind(event, &kind);
        }
    }

    fn lift_kind(&mut self, event: &Event, kind: &str) -> usize {
        let fits = |state: &State, row: &MeasureState| {
            let named = row.order.kind == kind || row.order.key.starts_with(&format!("order/{kind}/"));
            named && roster::is_within(state, row.order.node.as_str(), event.node.as_str())
        };
        let because = Because::new("host:order", format!("命令解除:{kind}"), format!("lifted by order: {kind}"));
        self.end_open_measures(fits, &because)
    }

    fn lift(&mut self, event: &Event) -> Result<(), Because> {
        let kind = ["measure", "lifts", "what"].iter().find_map(|key| find_text(&event.attributes, key));
        let Some(kind) = kind else { return Ok(()) };
        if let Some(row) = self.state.measures.get(&MeasureId::from(kind)) {
            let (incident, measure) = (row.incident.clone(), MeasureId::from(kind));
            if matches!(row.status, MeasureStatus::Ended | MeasureStatus::Refused) {
                return Err(Because::new(
                    "host:unknown-measure",
                    format!("措施 {kind} 已不在用"),
                    format!("the measure `{kind}` is in force no more"),
                ));
            }
            let power = format!("order/{}", find_text(&event.attributes, "kind").unwrap_or_default());
            if !roster::may_act(self.state, &event.source, &power, row.order.node.as_str()) {
                return Err(Because::new(
                    "host:order-without-power",
                    format!("来源 {} 无权解除 {} 的措施", event.source, row.order.node),
                    format!("source `{}` holds no power to lift a measure of `{}`", event.source, row.order.node),
                ));
            }
            let because = Because::new("host:order", "命令解除", "lifted by order");
            self.record(Fact::MeasureEnded { measure, incident, because });
            return Ok(());
        }
        if self.lift_kind(event, kind) == 0 {
            return Err(Because::new(
                "host:unknown-measure",
                format!("{} 没有在用的「{kind}」措施", event.node),
                format!("no measure `{kind}` is in force at `{}`", event.node),
            ));
        }
        Ok(())
    }

    /// An order in stages: each stage takes effect at its own time and binds only what it names.
    fn staged(&mut self, event: &Event) -> Result<(), Because> {
        let stages = (0..64).map_while(|stage| {
            let at = find_instant(&event.attributes, &format!("stages.{stage}.at"))?;
            Some((
                stage,
                at,
                texts(event, &format!("stages.{stage}.stop")),
                texts(event, &format!("stages.{stage}.except")),
            ))
        });
        let stages: Vec<(i32, Instant, Vec<String>, Vec<String>)> = stages.collect();
        if stages.is_empty() {
            return Err(Because::new(
                "host:order",
                "分阶段命令没有阶段(stages.N.at)",
                "the staged order holds no stage with a time: `stages.N.at`",
            ));
        }
        let standing = texts(event, "except");
        // What one stage leaves out, the others leave out too, until a stage of its own names it.
        let exempt: Vec<String> = stages.iter().flat_map(|(_, _, _, except)| except.clone()).chain(standing).collect();
        for (number, at, scope, _) in &stages {
            let named_by_now =
                |sector: &String| stages.iter().any(|(_, when, names, _)| when <= at && names.contains(sector));
            let mut exceptions: Vec<String> = exempt.iter().filter(|sector| !named_by_now(sector)).cloned().collect();
            exceptions.extend(self.state.charter().map(|charter| charter.exemptions.clone()).unwrap_or_default());
            exceptions.sort_unstable();
            exceptions.dedup();
            let measure = Measure {
                starts: Some(*at),
                exceptions,
                scope: scope.clone(),
                ..ordered(event, "staged_stop", &format!("order/staged_stop/{}/{number}", event.id))
            };
            self.begin_measure(None, measure, by_order(event, "staged_stop"));
        }
        Ok(())
    }

    fn measure_by_order(&mut self, event: &Event, kind: &str) {
        let target = find_text(&event.attributes, "target").or_else(|| find_text(&event.attributes, "scope"));
        let key = format!("order/{kind}/{}", target.unwrap_or(event.place.as_str()));
        let proposed = self.proposals_of(event, kind);
        let measure = ordered(event, kind, &key);
        let because = by_order(event, kind);
        for (id, incident) in &proposed {
            self.record(Fact::MeasureDecided {
                measure: id.clone(),
                incident: incident.clone(),
                approved: true,
                by: event.source.clone(),
                because: because.clone(),
            });
        }
        match proposed.into_iter().next() {
            Some((id, incident)) => {
                let key = self.state.measures.get(&id).map_or(key, |row| row.order.key.clone());
                let mine = core::mem::replace(&mut self.incident, incident);
                self.begin_measure(Some(id), Measure { key, ..measure }, because);
                self.incident = mine;
            }
            None => self.begin_measure(self.open_measure(&measure.key), measure, because),
        }
    }

    /// Open proposals of this kind at the order's node, above it or below it: the order decides them.
    fn proposals_of(&self, event: &Event, kind: &str) -> Vec<(MeasureId, Option<crate::IncidentId>)> {
        let near = |node: &NodeCode| {
            roster::is_within(self.state, node.as_str(), event.node.as_str())
                || roster::is_within(self.state, event.node.as_str(), node.as_str())
        };
        let open = self.state.index.open_measures.values().flat_map(|measures| measures.values());
        let rows = open.filter_map(|id| Some((id, self.state.measures.get(id)?)));
        rows.filter(|(_, row)| matches!(row.status, MeasureStatus::Proposed | MeasureStatus::Overdue))
            .filter(|(_, row)| row.order.kind == kind && near(&row.order.node))
            .map(|(id, row)| (id.clone(), row.incident.clone()))
            .collect()
    }

    fn close_incident(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let Some(incident) = located.incident.clone() else {
            return Err(Because::new("host:order", "没有可办结的事件", "the order names no open incident"));
        };
        let open = self.state.index.open_tasks.get(&located.incident).into_iter().flat_map(|tasks| tasks.values());
        let open = open.filter_map(|id| self.state.tasks.get(id)).filter(|task| task.order.life_safety).count();
        if open > 0 {
            return Err(Because::new(
                "host:open-life-safety",
                format!("尚有 {open} 项生命安全任务未完成,不能办结"),
                format!("{open} life-safety tasks are open; the incident cannot be closed"),
            ));
        }
        let because = by_order(event, "close_incident");
        self.record(Fact::IncidentClosed { incident, by: event.source.clone(), because });
        Ok(())
    }

    /// An order that names whom it is for waits for their confirmation.
    fn open_order_pair(&mut self, event: &Event) {
        let awaits: Vec<NodeCode> = texts(event, "to")
            .into_iter()
            .filter_map(|code| roster::exact(self.state, &code).map(|node| node.code.clone()))
            .collect();
        let stated = find_integer(&event.attributes, "confirm_within_min").map(Milliseconds::minutes);
        let within = stated.or_else(|| self.state.charter().and_then(|charter| charter.clocks.order_confirmed));
        if let (Some(within), false) = (within, awaits.is_empty()) {
            let because =
                Because::new("host:pairing", "命令须逐级确认(双向对对碰)", "every order needs confirmation from below");
            self.open_pair(event, PairKind::Order, awaits, event.occurred + within, because);
        }
    }
}

/// The measure as the order words it.
fn ordered(event: &Event, kind: &str, key: &str) -> Measure {
    let attributes = &event.attributes;
    let named = ["target", "site", "unit", "name", "place.name"].iter().find_map(|field| find_text(attributes, field));
    let until = find_text(attributes, "until");
    let scope = match texts(event, "scope") {
        scope if scope.is_empty() => texts(event, "stop"),
        scope => scope,
    };
    Measure {
        key: key.to_string(),
        kind: kind.to_string(),
        node: event.node.clone(),
        target: named.map(ToString::to_string),
        starts: ["at", "from", "starts"].iter().find_map(|field| find_instant(attributes, field)),
        ends: ["until", "to", "ends_at"].iter().find_map(|field| find_instant(attributes, field)).or_else(|| {
            let hours = find_integer(attributes, "hours").filter(|hours| (1..=24 * 366).contains(hours))?;
            Some(event.occurred + Milliseconds::hours(hours))
        }),
        exceptions: [texts(event, "except"), texts(event, "exceptions")].concat(),
        life_safety: false,
        scope,
        until_below: until.and_then(until_level),
        radius_metres: find_integer(attributes, "radius_m").and_then(|metres| u32::try_from(metres).ok()),
    }
}

/// `level_I_ended` → level I.
fn until_level(text: &str) -> Option<Level> {
    Level::parse(text.strip_prefix("level_")?.strip_suffix("_ended")?)
}

fn by_order(event: &Event, kind: &str) -> Because {
    let name = find_text(&event.attributes, "name").unwrap_or(kind);
    let by = find_text(&event.attributes, "by_role").unwrap_or(&event.source);
    Because::new("host:order", format!("{by}下达命令:{name}"), format!("ordered by {by}: {name}"))
}

/// The texts of a list, or one text alone.
pub(super) fn texts(event: &Event, path: &str) -> Vec<String> {
    let mut found: Vec<String> = find_text(&event.attributes, path).map(ToString::to_string).into_iter().collect();
    let listed = event.attributes.iter().filter(|attribute| is_item(attribute, path));
    found.extend(listed.filter_map(|attribute| match &attribute.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }));
    found
}

fn is_item(attribute: &Attribute, path: &str) -> bool {
    let rest = attribute.key.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'));
    rest.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}
