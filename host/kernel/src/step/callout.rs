//! Call-outs: issued by policies and people. What the called answer stands in `callout_answer`.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use super::sense::Located;
use crate::act::{Because, CalloutOrder, Party};
use crate::record::{CalledParty, Fact};
use crate::value::find_text;
use crate::{CalloutId, CalloutKind, Event, Instant, Milliseconds, NodeCode, calendar, facts, roster};

impl Deciding<'_> {
    /// Calls. While a call-out with the same key is open for the incident, another changes nothing.
    pub(super) fn call_out(&mut self, order: CalloutOrder, because: Because) {
        if order.to.is_empty() || self.is_open(&order.key) {
            return;
        }
        let caller = order.caller.clone();
        if facts::is_frozen(self.state, caller.as_str(), "call") {
            return self.proposal_refused("callout", call_frozen(&caller));
        }
        let called = super::level::resolve_all(self.state, &order.to, caller.as_str());
        let called = called.into_iter().map(|party| self.called_party(party)).collect();
        self.issue(order, called, self.now(), false, because);
    }

    /// A party with the name that people know it by, and whoever holds the post now.
    pub(super) fn called_party(&self, party: Party) -> CalledParty {
        let person = match &party {
            Party::Post { node, name } => roster::on_duty(self.state, node, name, self.now()).map(ToString::to_string),
            _ => None,
        };
        CalledParty { title: roster::title(self.state, &party), party, person }
    }

    /// A post that keeps a roster and has nobody on it is a gap: it is noted, and the duty above is called in its place.
    fn fill_gaps(&mut self, called: &mut Vec<CalledParty>) {
        let uncovered = |called: &&CalledParty| match &called.party {
            Party::Post { node, name } => called.person.is_none() && roster::keeps_roster(self.state, node, name),
            _ => false,
        };
        let gaps: Vec<CalledParty> = called.iter().filter(uncovered).cloned().collect();
        for gap in gaps {
            let Some(node) = roster::node_of(&gap.party).cloned() else { continue };
            let above = self.called_party(roster::duty_above(self.state, node.as_str()));
            if called.iter().all(|known| known.party != above.party) {
                called.push(above);
            }
            let because = Because::new(
                "host:roster-gap",
                format!("「{}」此刻无人值守,改呼上级值班", gap.title),
                format!("nobody is on duty as {}; the duty above is called too", gap.title),
            );
            let subject = Self::subject_of("post", &gap.title);
            self.overdue_finding("ROSTER-GAP", self.incident.clone(), node, subject, self.now(), because);
        }
    }

    fn is_open(&self, key: &str) -> bool {
        let open = self.state.index.open_callouts.get(&self.incident).into_iter().flatten();
        open.filter_map(|id| self.state.callouts.get(id)).any(|row| row.order.key == key)
    }

    /// Records a call-out with the charter's clocks where the order names none of its own.
    pub(super) fn issue(
        &mut self,
        order: CalloutOrder,
        mut called: Vec<CalledParty>,
        issued: Instant,
        stated: bool,
        because: Because,
    ) -> CalloutId {
        let order = self.with_clocks(order, issued);
        let callout = CalloutId::from(self.identifier('c'));
        let by = |within: Option<Milliseconds>| within.map(|within| issued + within);
        self.fill_gaps(&mut called);
        self.record(Fact::CalloutIssued {
            callout: callout.clone(),
            incident: self.incident.clone(),
            acknowledge_by: by(order.acknowledge_within),
            arrive_by: by(order.arrive_within),
            plan_by: by(order.plan_within),
            order,
            called,
            issued,
            stated,
            because,
        });
        callout
    }

    fn with_clocks(&self, mut order: CalloutOrder, issued: Instant) -> CalloutOrder {
        let Some(clock) = self.state.charter().and_then(|charter| charter.callouts.get(&order.kind)) else {
            return order;
        };
        let working =
            clock.acknowledge_working_days.map(|days| calendar::add_working_days(self.state, issued, days) - issued);
        order.acknowledge_within = order.acknowledge_within.or(working).or(clock.acknowledge_within);
        order.arrive_within = order.arrive_within.or(clock.arrive_within);
        order.plan_within = order.plan_within.or(clock.plan_within);
        if order.ladder.is_empty() {
            order.ladder.clone_from(&clock.ladder);
        }
        if order.arrival_ladder.is_empty() {
            order.arrival_ladder.clone_from(&clock.arrival_ladder);
        }
        order
    }

    /// A person calls.
    pub(super) fn callout_by_person(&mut self, event: &Event, located: &Located) -> Result<(), Because> {
        if !roster::may_act(self.state, &event.source, "call", event.node.as_str()) {
            return Err(Because::new(
                "host:call-without-power",
                format!("来源 {} 无权为 {} 发出呼叫", event.source, event.node),
                format!("source `{}` holds no power to call for node `{}`", event.source, event.node),
            ));
        }
        if facts::is_frozen(self.state, event.node.as_str(), "call") {
            return Err(call_frozen(&event.node));
        }
        let kind = required(event, "kind")?;
        let kind = CalloutKind::parse(kind.strip_suffix("_whistle").unwrap_or(kind)).ok_or_else(|| {
            Because::new(
                "host:callout",
                format!("呼叫类型 {kind} 无效"),
                format!("`kind` is `{kind}`; it must be daily, tackle, emergency or leader_call"),
            )
        })?;
        let to = self.addressees(event)?;
        let name = find_text(&event.attributes, "callout");
        let order = CalloutOrder {
            key: name.map_or_else(|| format!("by-person/{}", event.id), ToString::to_string),
            kind,
            caller: event.node.clone(),
            to,
            place: event.place.clone(),
            acknowledge_within: None,
            arrive_within: None,
            plan_within: None,
            ladder: Vec::new(),
            arrival_ladder: Vec::new(),
            life_safety: false,
        };
        self.incident.clone_from(&located.incident);
        let because = Because::new(
            "host:called-by-person",
            find_text(&event.attributes, "reason").unwrap_or("人工呼叫"),
            find_text(&event.attributes, "reason").unwrap_or("called by a person"),
        );
        let called = order.to.iter().map(|party| self.called_party(party.clone())).collect();
        let callout = self.issue(order, called, event.occurred, false, because);
        if let Some(name) = name {
            self.record(Fact::CalloutNamed { callout, name: name.to_string() });
        }
        Ok(())
    }

    /// Who a person calls: departments by service or name, `970102:health` for one of a certain node. A name that the
    /// directory does not know is called all the same, at the nearest district: no call is lost to a spelling.
    fn addressees(&self, event: &Event) -> Result<Vec<Party>, Because> {
        let lists = ["departments", "services", "to", "department"];
        let wanted = lists.iter().flat_map(|list| super::order::texts(event, list));
        let mut to: Vec<Party> = Vec::new();
        for name in wanted {
            let party = self.addressee(event, &name);
            if !to.contains(&party) {
                to.push(party);
            }
        }
        if to.is_empty() {
            return Err(Because::new("host:callout", "呼叫未写明部门(departments)", "the call names no `departments`"));
        }
        Ok(to)
    }

    fn addressee(&self, event: &Event, name: &str) -> Party {
        let (node, name) = match name.split_once([':', '/']) {
            Some((node, name)) if roster::exact(self.state, node).is_some() => (node, name),
            _ => (event.node.as_str(), name),
        };
        if let Some(known) = roster::department(self.state, node, name) {
            return Party::Department { node: known.node.clone(), name: known.name.clone() };
        }
        let departments = self.state.charter().map(|charter| charter.departments.as_slice()).unwrap_or_default();
        let above: Vec<&crate::NodeCode> = roster::ancestors(self.state, node).map(|node| &node.code).collect();
        let named =
            departments.iter().find(|row| (row.name == name || row.title == name) && above.contains(&&row.node));
        if let Some(known) = named {
            return Party::Department { node: known.node.clone(), name: known.name.clone() };
        }
        let district = roster::at_tier(self.state, node, crate::Tier::District).map(|node| node.code.clone());
        Party::Department { node: district.unwrap_or_else(|| event.node.clone()), name: name.to_string() }
    }
}

fn call_frozen(caller: &NodeCode) -> Because {
    Because::new(
        "host:power-frozen",
        format!("{caller} 的呼叫权已被监管冻结"),
        format!("the power of `{caller}` to call is frozen by its supervisor"),
    )
}
