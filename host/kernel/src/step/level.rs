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
use crate::{Event, IncidentId, Level, Milliseconds, Mode, NodeCode, Scheme, facts, roster};

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
            alloc::vec![Rung {
                after: Milliseconds::ZERO,
                to: alloc::vec![roster::duty_above(self.state, key.node.as_str())],
            }]
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

    /// An order of a person. Orders about a level take force; other kinds are kept and assessed.
    pub(super) fn order(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        if !roster::may_act(self.state, &event.source, "order", event.node.as_str()) {
            return Err(Because::new(
                "host:order-without-power",
                format!("来源 {} 无权为 {} 下达命令", event.source, event.node),
                format!("source `{}` holds no power to order for node `{}`", event.source, event.node),
            ));
        }
        if find_text(&event.attributes, "kind") != Some("response_level") {
            return Ok(());
        }
        let scheme = Scheme::from(required(event, "scheme")?);
        let text = required(event, "level")?;
        let level = Level::parse(text).ok_or_else(|| {
            Because::new(
                "host:order",
                format!("响应级别 {text} 无效,应为 I、II、III 或 IV"),
                format!("`level` is `{text}`; it must be I, II, III or IV"),
            )
        })?;
        self.order_level(event, located, scheme, level);
        Ok(())
    }

    fn order_level(&mut self, event: &Event, located: &Located, scheme: Scheme, level: Level) {
        let bearing = self.bearing(event, &scheme);
        let incident = match bearing {
            Bearing::Own => located.incident.clone(),
            Bearing::Floor | Bearing::Advice => None,
        };
        let key = ResponseKey { scheme: scheme.clone(), node: event.node.clone(), incident: incident.clone() };
        let previous = self.state.responses.get(&key).and_then(|response| response.in_force);
        let by = find_text(&event.attributes, "by_role").unwrap_or(&event.source);
        let because = Because::new(
            "host:order",
            format!("{by}下达命令:{scheme} {level} 级"),
            format!("ordered by {by}: {scheme} level {level}"),
        );
        self.record(Fact::LevelInForce {
            incident: incident.clone(),
            scheme: scheme.clone(),
            node: event.node.clone(),
            level,
            previous,
            from: event.occurred,
            ordered: true,
            bearing,
            because,
        });
        self.check_floor(incident, &scheme, &event.node, level);
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
        };
        let because = Because::new(
            "host:floor",
            format!("{node} 的 {scheme} 级别 {level} 低于上级在用级别 {floor}:已受理,须报上级同意"),
            format!("{scheme} {level} at {node} is below the upper tier's {floor}: accepted, concurrence is asked"),
        );
        self.finding(incident, order, because);
    }

    /// A policy asks for a mode. It may raise to emergency; the way back is a person's order.
    pub(super) fn set_mode(&mut self, incident: Option<IncidentId>, change: crate::act::ModeChange, because: Because) {
        let key = (change.node.clone(), change.scheme.clone());
        let previous = self.state.modes.get(&key).map_or(Mode::Normal, |row| row.mode);
        if change.mode <= previous {
            return;
        }
        self.record(Fact::ModeSet {
            incident,
            node: change.node,
            scheme: change.scheme,
            mode: change.mode,
            previous,
            because,
        });
    }
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
