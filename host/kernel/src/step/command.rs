//! Command: exactly one person answers for an incident at any instant (责任指挥员).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Deciding;
use super::order::texts;
use super::sense::Located;
use crate::act::{Because, Party};
use crate::record::Fact;
use crate::value::find_text;
use crate::{Event, IncidentId, NodeCode, roster};

/// The post that answers for an incident until someone else is named.
const COMMANDER: &str = "commander";
/// Who follows when the commander is lost.
const DEPUTY: &str = "deputy_commander";

impl Deciding<'_> {
    /// From its first moment an incident has a commander: that of its node.
    pub(super) fn first_command(&mut self, incident: &IncidentId, node: &NodeCode) {
        let commander = Party::Post { node: node.clone(), name: COMMANDER.to_string() };
        let because =
            Because::new("U", "立案即明确责任指挥员", "an incident has one responsible commander from its start");
        self.assume(incident.clone(), commander, None, self.deputies_at(node), because);
    }

    fn deputies_at(&self, node: &NodeCode) -> Vec<Party> {
        let above = roster::duty_above(self.state, node.as_str());
        alloc::vec![Party::Post { node: node.clone(), name: DEPUTY.to_string() }, above]
    }

    fn assume(
        &mut self,
        incident: IncidentId,
        commander: Party,
        person: Option<String>,
        deputies: Vec<Party>,
        because: Because,
    ) {
        let row = self.state.incidents.get(&incident).and_then(|row| row.command.clone());
        let person = person.or_else(|| match &commander {
            Party::Post { node, name } => roster::on_duty(self.state, node, name, self.now()).map(ToString::to_string),
            _ => None,
        });
        let previous = row.as_ref().map(|command| command.commander.clone());
        if row.is_some_and(|command| command.commander == commander && command.person == person) {
            return;
        }
        self.record(Fact::CommandAssumed { incident, commander, person, deputies, previous, because });
    }

    /// A person names the commander, or hands over.
    pub(super) fn appoint(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let Some(incident) = located.incident.clone() else {
            return Err(Because::new("host:command", "指挥员任命未对应在办事件", "the order names no open incident"));
        };
        let attributes = &event.attributes;
        let person = ["person", "commander", "to", "name"].iter().find_map(|key| find_text(attributes, key));
        let post = ["post", "by_post", "role", "commander_role"].iter().find_map(|key| find_text(attributes, key));
        if person.is_none() && post.is_none() {
            return Err(Because::new(
                "host:command",
                "未写明指挥员(person 或 post)",
                "the order names no commander: say `person` or `post`",
            ));
        }
        let node = find_text(attributes, "node").and_then(|code| roster::node(self.state, code));
        let node = node.map_or_else(|| event.node.clone(), |node| node.code.clone());
        let commander = Party::Post { node: node.clone(), name: post.unwrap_or(COMMANDER).to_string() };
        let deputies: Vec<Party> =
            texts(event, "deputies").into_iter().map(|name| Party::Post { node: node.clone(), name }).collect();
        let deputies = if deputies.is_empty() { self.deputies_at(&node) } else { deputies };
        let because = Because::new(
            "U",
            format!("{} 任命责任指挥员,前任即时交接", event.source),
            format!("named by `{}`; the one before hands over at this instant", event.source),
        );
        self.assume(incident, commander, person.map(ToString::to_string), deputies, because);
        Ok(())
    }

    /// A person with the power to order names the commander, by an event of its own.
    pub(super) fn command(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        let may = ["command", "order/commander"]
            .iter()
            .any(|power| roster::may_act(self.state, &event.source, power, event.node.as_str()));
        if !may {
            return Err(without_power(event));
        }
        self.appoint(event, located)
    }

    /// The commander cannot be reached: the first deputy answers for the incident from now on.
    pub(super) fn command_lost(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        if !roster::may_act(self.state, &event.source, "command", event.node.as_str())
            && !roster::may_act(self.state, &event.source, "order", event.node.as_str())
        {
            return Err(without_power(event));
        }
        let incident = located.incident.clone();
        let command = incident.as_ref().and_then(|id| self.state.incidents.get(id)?.command.clone());
        let (Some(incident), Some(command)) = (incident, command) else {
            return Err(Because::new("host:command", "没有可接替的指挥", "no command to take over"));
        };
        let mut deputies = command.deputies.into_iter();
        let Some(next) = deputies.next() else {
            return Err(Because::new("host:command", "没有副职可接替", "there is no deputy to take over"));
        };
        let because = Because::new("U", "指挥员失联,由副职接替", "the commander is lost; the deputy takes over");
        self.assume(incident, next, None, deputies.collect(), because);
        Ok(())
    }
}

fn without_power(event: &Event) -> Because {
    Because::new(
        "host:order-without-power",
        format!("来源 {} 无权决定 {} 的指挥", event.source, event.node),
        format!("source `{}` holds no power over command at `{}`", event.source, event.node),
    )
}
