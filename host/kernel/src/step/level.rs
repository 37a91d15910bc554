//! Levels. The machine may raise provisionally up to the charter's bound; people confirm above it and order every
//! fall. An upper tier's level for the same scheme is a floor; going below it is accepted with a finding.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Deciding;
use super::sense::Located;
use crate::act::{Because, FindingOrder, LevelAdvice, Party, Rung};
use crate::record::{Bearing, Fact};
use crate::state::{Response, ResponseKey};
use crate::value::{Attribute, Value, find_text};
use crate::{Event, IncidentId, Instant, Level, Milliseconds, NodeCode, Scheme, facts, roster};

impl Deciding<'_> {
    /// A policy holds a level to be right.
    pub(super) fn recommend(&mut self, incident: Option<IncidentId>, advice: LevelAdvice, because: Because) {
        let key = ResponseKey { scheme: advice.scheme.clone(), node: advice.node.clone(), incident: incident.clone() };
        let before = self.state.responses.get(&key).cloned().unwrap_or_default();
        self.record(Fact::LevelRecommended {
            incident,
            scheme: advice.scheme.clone(),
            node: advice.node.clone(),
            level: advice.level,
            previous: before.recommended,
            because: because.clone(),
        });
        let Some(bound) = self.state.charter().map(|charter| charter.provisional_level_max) else { return };
        let provisional = advice.level.min(bound);
        if before.in_force.is_none_or(|in_force| provisional > in_force) {
            self.raise_provisionally(&key, &before, provisional, because.clone());
        }
        if advice.level > bound && before.in_force.is_none_or(|in_force| advice.level > in_force) {
            self.ask_confirmation(&key, &before, &advice, because);
        }
    }

    fn raise_provisionally(&mut self, key: &ResponseKey, before: &Response, level: Level, because: Because) {
        self.record(Fact::LevelInForce {
            incident: key.incident.clone(),
            scheme: key.scheme.clone(),
            node: key.node.clone(),
            level,
            previous: before.in_force,
            from: self.now(),
            ordered: false,
            bearing: Bearing::Own,
            latency: None,
            floor_for: roster::children(self.state, key.node.as_str()),
            because,
        });
    }

    /// Asks once: while a confirmation of this level is waited for, the same advice changes nothing.
    fn ask_confirmation(&mut self, key: &ResponseKey, before: &Response, advice: &LevelAdvice, because: Because) {
        if before.confirmation.as_ref().is_some_and(|waiting| waiting.level >= advice.level) {
            return;
        }
        let wait = advice.confirm_within.unwrap_or(Milliseconds::ZERO);
        let ladder = if advice.ladder.is_empty() {
            alloc::vec![Rung::once(Milliseconds::ZERO, alloc::vec![roster::duty_above(self.state, key.node.as_str())])]
        } else {
            advice.ladder.clone()
        };
        self.record(Fact::ConfirmationRequired {
            incident: key.incident.clone(),
            scheme: key.scheme.clone(),
            node: key.node.clone(),
            level: advice.level,
            by: Party::Post { node: key.node.clone(), name: "commander".to_string() },
            due: self.now() + wait,
            ladder,
            because,
        });
    }

    /// A person orders a level: it takes force, from when it was ordered.
    pub(super) fn order_level(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let scheme = Scheme::from(required(event, "scheme")?);
        let text = required(event, "level")?;
        let level = Level::parse(text).ok_or_else(|| {
            Because::new(
                "host:order",
                format!("响应级别 {text} 无效,应为 I、II、III 或 IV"),
                format!("`level` is `{text}`; it must be I, II, III or IV"),
            )
        })?;
        let key = self.ordered_response(event, located, &scheme);
        let before = self.state.responses.get(&key).cloned().unwrap_or_default();
        let latency = latency(&before, level, event.occurred);
        let by = find_text(&event.attributes, "by_role").unwrap_or(&event.source);
        let because = Because::new(
            "host:order",
            format!("{by}下达命令:{scheme} {level} 级"),
            format!("ordered by {by}: {scheme} level {level}"),
        );
        self.record(Fact::LevelInForce {
            incident: key.incident.clone(),
            scheme: scheme.clone(),
            node: key.node.clone(),
            level,
            previous: before.in_force,
            from: event.occurred,
            ordered: true,
            bearing: self.bearing(event, &scheme),
            latency,
            floor_for: roster::children(self.state, key.node.as_str()),
            because,
        });
        self.check_latency(&key, &before, level, latency);
        self.check_floor(key.incident.clone(), &scheme, &key.node, level);
        if before.in_force.is_some_and(|in_force| level < in_force) {
            self.end_measures_below(&key, Some(level));
        }
        Ok(())
    }

    /// A person ends a response: no level of the scheme holds at the node any more.
    pub(super) fn end_response(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let scheme = Scheme::from(required(event, "scheme")?);
        let key = self.ordered_response(event, located, &scheme);
        let Some(previous) = self.state.responses.get(&key).and_then(|response| response.in_force) else {
            return Err(Because::new(
                "host:order",
                format!("{} 的 {scheme} 响应未启动,无可终止", event.node),
                format!("no response under `{scheme}` is in force at `{}`", event.node),
            ));
        };
        let because = Because::new("host:order", "命令终止响应", "the response is ended by order");
        self.record(Fact::LevelEnded {
            incident: key.incident.clone(),
            scheme,
            node: key.node.clone(),
            previous: Some(previous),
            by: event.source.clone(),
            because,
        });
        self.end_measures_below(&key, None);
        Ok(())
    }

    /// Which response an order is about: our own levels belong to their incident, those from above to none.
    fn ordered_response(&self, event: &Event, located: &Located, scheme: &Scheme) -> ResponseKey {
        let own = self.bearing(event, scheme) == Bearing::Own;
        let incident = located.incident.clone().filter(|_| own);
        // Whoever stands above an incident's place orders the level of that incident.
        let of_incident = incident.as_ref().and_then(|id| self.state.incidents.get(id));
        let below = of_incident.filter(|row| {
            row.scheme == *scheme && roster::is_within(self.state, row.node.as_str(), event.node.as_str())
        });
        let node = below.map_or_else(|| event.node.clone(), |row| row.node.clone());
        ResponseKey { scheme: scheme.clone(), node, incident }
    }

    /// A level that was advised long before it was ordered is a finding: who advised, when, and how long it took.
    fn check_latency(&mut self, key: &ResponseKey, before: &Response, level: Level, latency: Option<Milliseconds>) {
        let Some((latency, since)) = latency.zip(before.recommended_since) else { return };
        let asked = before.confirmation.as_ref().filter(|asked| asked.level <= level);
        let Some(due) = asked.map(|asked| asked.due).filter(|due| since + latency > *due) else { return };
        let (hours, minutes) = (latency.as_minutes() / 60, latency.as_minutes() % 60);
        let because = Because::new(
            "host:decision-latency",
            format!(
                "{} {level} 级:{} 建议,{} 下令,历时 {hours} 小时 {minutes} 分,应于 {} 前确认",
                key.scheme,
                self.local(since),
                self.local(since + latency),
                self.local(due)
            ),
            format!(
                "{} {level}: advised {}, ordered {}: {hours} h {minutes} min; it was due by {}",
                key.scheme,
                self.local(since),
                self.local(since + latency),
                self.local(due)
            ),
        );
        let order = FindingOrder {
            code: "DECISION-LATE".to_string(),
            node: key.node.clone(),
            subject: Some(format!("level/{}", key.scheme)),
            answer_by: None,
            details: alloc::vec![
                Attribute::new("recommended", Value::Instant(since)),
                Attribute::new("ordered", Value::Instant(since + latency)),
                Attribute::new("latency_minutes", Value::Integer(latency.as_minutes())),
            ],
            tell: Vec::new(),
        };
        self.finding(key.incident.clone(), order, because);
    }

    /// What an ordered level means here: our own, a floor from above, or advice of another scheme.
    fn bearing(&self, event: &Event, scheme: &Scheme) -> Bearing {
        let root = self.state.charter().map(|charter| charter.root.clone()).unwrap_or_default();
        if roster::is_within(self.state, event.node.as_str(), root.as_str()) {
            return Bearing::Own;
        }
        let same = self
            .state
            .responses
            .iter()
            .any(|(key, response)| key.scheme == *scheme && response.in_force.is_some() && key.node != event.node);
        if same { Bearing::Floor } else { Bearing::Advice }
    }

    /// Going below the floor is accepted, with a finding and a request for concurrence.
    fn check_floor(&mut self, incident: Option<IncidentId>, scheme: &Scheme, node: &NodeCode, level: Level) {
        let Some(floor) = facts::floor(self.state, scheme, node) else { return };
        if level >= floor {
            return;
        }
        let text = |key: &str, value: &str| Attribute::new(key, Value::Text(value.to_string()));
        let above = roster::duty_above(self.state, node.as_str());
        let order = FindingOrder {
            code: "FLOOR-BELOW-UPPER".to_string(),
            node: node.clone(),
            subject: Some(scheme.to_string()),
            answer_by: None,
            details: alloc::vec![
                text("level", level.as_str()),
                text("floor", floor.as_str()),
                text("concurrence_asked_of", &roster::title(self.state, &above)),
            ],
            tell: alloc::vec![above],
        };
        let because = Because::new(
            "host:floor",
            format!("{node} 的 {scheme} 级别 {level} 低于上级在用级别 {floor}:已受理,须报上级同意"),
            format!("{scheme} {level} at {node} is below the upper tier's {floor}: accepted, concurrence is asked"),
        );
        self.finding(incident, order, because);
    }
}

/// From the recommendation of at least this level to the order that made it true.
fn latency(before: &Response, level: Level, ordered: Instant) -> Option<Milliseconds> {
    let raised = before.in_force.is_none_or(|in_force| in_force < level);
    let advised = before.recommended.is_some_and(|recommended| recommended >= level);
    let since = before.recommended_since.filter(|since| raised && advised && *since <= ordered)?;
    Some(ordered - since)
}

/// A text that an event must carry.
pub(super) fn required<'a>(event: &'a Event, field: &str) -> Result<&'a str, Because> {
    find_text(&event.attributes, field).ok_or_else(|| {
        Because::new(
            "host:incomplete",
            format!("事件缺少字段 data.{field}"),
            format!("the event lacks the text `data.{field}`"),
        )
    })
}

/// The parties of a rung, made real as seen from a node, each once.
pub(super) fn resolve_all(state: &crate::State, to: &[Party], seen_from: &str) -> Vec<Party> {
    let mut parties: Vec<Party> = Vec::with_capacity(to.len());
    for party in to {
        let party = roster::resolve(state, party, seen_from);
        if !parties.contains(&party) {
            parties.push(party);
        }
    }
    parties
}
