//! Call-outs: issued by policies and people, answered by the called, closed by the caller alone.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::Deciding;
use super::level::required;
use super::sense::Located;
use crate::act::{Because, CalloutOrder, Party};
use crate::record::{CalledParty, Fact};
use crate::state::Callout;
use crate::value::{below, find_integer, find_text};
use crate::{CalloutId, CalloutKind, Event, Instant, Milliseconds, Value, roster};

impl Deciding<'_> {
    /// Calls. While a call-out with the same key is open for the incident, another changes nothing.
    pub(super) fn call_out(&mut self, order: CalloutOrder, because: Because) {
        if order.to.is_empty() || self.is_open(&order.key) {
            return;
        }
        let caller = order.caller.clone();
        let called: Vec<CalledParty> = super::level::resolve_all(self.state, &order.to, caller.as_str())
            .into_iter()
            .map(|party| CalledParty { title: roster::title(self.state, &party), party })
            .collect();
        self.issue(order, called, self.now(), false, because);
    }

    fn is_open(&self, key: &str) -> bool {
        let open = self.state.index.open_callouts.get(&self.incident).into_iter().flatten();
        open.filter_map(|id| self.state.callouts.get(id)).any(|row| row.order.key == key)
    }

    /// Records a call-out with the charter's clocks where the order names none of its own.
    pub(super) fn issue(
        &mut self,
        order: CalloutOrder,
        called: Vec<CalledParty>,
        issued: Instant,
        stated: bool,
        because: Because,
    ) -> CalloutId {
        let order = self.with_clocks(order);
        let callout = CalloutId::from(self.identifier('c'));
        let by = |within: Option<Milliseconds>| within.map(|within| issued + within);
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

    fn with_clocks(&self, mut order: CalloutOrder) -> CalloutOrder {
        let Some(clock) = self.state.charter().and_then(|charter| charter.callouts.get(&order.kind)) else {
            return order;
        };
        order.acknowledge_within = order.acknowledge_within.or(clock.acknowledge_within);
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
        let called =
            order.to.iter().map(|party| CalledParty { title: roster::title(self.state, party), party: party.clone() });
        let called = called.collect();
        let callout = self.issue(order, called, event.occurred, false, because);
        if let Some(name) = name {
            self.record(Fact::CalloutNamed { callout, name: name.to_string() });
        }
        Ok(())
    }

    /// The services that a person calls for, each given by the nearest department.
    fn addressees(&self, event: &Event) -> Result<Vec<Party>, Because> {
        let wanted = below(&event.attributes, "departments");
        let mut to = Vec::with_capacity(wanted.len());
        for (_, value) in wanted {
            let Value::Text(service) = value else { continue };
            let department = roster::department(self.state, event.node.as_str(), service).ok_or_else(|| {
                Because::new(
                    "host:callout",
                    format!("没有提供 {service} 服务的部门"),
                    format!("no department serves `{service}` for node `{}`", event.node),
                )
            })?;
            to.push(Party::Department { node: department.node.clone(), name: department.name.clone() });
        }
        if to.is_empty() {
            return Err(Because::new("host:callout", "呼叫未写明部门(departments)", "the call names no `departments`"));
        }
        Ok(to)
    }

    /// A called party answers for it.
    pub(super) fn acknowledge(&mut self, event: &Event) -> Result<(), Because> {
        let (callout, party) = self.called(event)?;
        let Some(row) = self.state.callouts.get(&callout).cloned() else { return Err(gone()) };
        if call_of(&row, &party).is_some_and(|call| call.acknowledged.is_some()) {
            return Err(Because::new("host:acknowledged", "该呼叫此前已签收", "this call was acknowledged before"));
        }
        let after = event.occurred - row.issued;
        let due = row.order.acknowledge_within.map(|within| row.issued + within);
        let on_time = due.is_none_or(|due| event.occurred <= due);
        self.record(Fact::CalloutAcknowledged {
            callout,
            incident: row.incident.clone(),
            party,
            occurred: event.occurred,
            after,
            due,
            on_time,
            because: timeliness("acknowledged", "签收", after, row.order.acknowledge_within),
        });
        Ok(())
    }

    /// A called party is on scene.
    pub(super) fn report_in(&mut self, event: &Event) -> Result<(), Because> {
        let (callout, party) = self.called(event)?;
        let Some(row) = self.state.callouts.get(&callout).cloned() else { return Err(gone()) };
        if call_of(&row, &party).is_some_and(|call| call.reported_in.is_some()) {
            return Err(Because::new("host:reported-in", "此前已报到", "this party reported in before"));
        }
        let after = event.occurred - row.issued;
        let due = row.order.arrive_within.map(|within| row.issued + within);
        let on_time = due.is_none_or(|due| event.occurred <= due);
        self.record(Fact::CalloutReportedIn {
            callout,
            incident: row.incident.clone(),
            party,
            unit: find_text(&event.attributes, "unit").map(ToString::to_string),
            headcount: find_integer(&event.attributes, "headcount"),
            occurred: event.occurred,
            after,
            due,
            on_time,
            because: timeliness("reported in", "报到", after, row.order.arrive_within),
        });
        Ok(())
    }

    /// The caller lets a called party, or all of them, go.
    pub(super) fn release(&mut self, event: &Event) -> Result<(), Because> {
        let name = required(event, "callout")?;
        let found = self.state.index.callout_names.get(name).cloned();
        let Some((callout, row)) = found.and_then(|id| Some((id.clone(), self.state.callouts.get(&id)?.clone())))
        else {
            return Err(gone());
        };
        if !roster::may_act(self.state, &event.source, "call", row.order.caller.as_str()) {
            return Err(Because::new(
                "host:release-by-caller",
                format!("呼叫由 {} 发出,只能由呼叫方解除(事不完、人不撤)", row.order.caller),
                format!("the call-out was issued by `{}`; only the caller releases it", row.order.caller),
            ));
        }
        let only = find_text(&event.attributes, "party");
        let chosen: Vec<Party> = row
            .calls
            .iter()
            .filter(|call| call.released.is_none())
            .filter(|call| only.is_none_or(|only| call.called.title == only))
            .map(|call| call.called.party.clone())
            .collect();
        if chosen.is_empty() {
            return Err(Because::new(
                "host:released",
                "没有可解除的被呼叫方(或已解除)",
                "no called party is left to release",
            ));
        }
        for party in chosen {
            self.record(Fact::CalloutReleased {
                callout: callout.clone(),
                incident: row.incident.clone(),
                party,
                by: row.order.caller.clone(),
                because: Because::new("host:released-by-caller", "由呼叫方解除", "released by the caller"),
            });
        }
        Ok(())
    }
}

fn call_of<'a>(row: &'a Callout, party: &Party) -> Option<&'a crate::state::CallState> {
    row.calls.iter().find(|call| call.called.party == *party)
}

fn gone() -> Because {
    Because::new("host:unknown-callout", "没有这个呼叫", "there is no such call-out")
}

fn timeliness(english: &str, chinese: &str, after: Milliseconds, within: Option<Milliseconds>) -> Because {
    let minutes = after.as_minutes();
    match within {
        Some(within) => Because::new(
            "host:clock",
            format!("发出后 {minutes} 分钟{chinese},时限 {} 分钟", within.as_minutes()),
            format!("{english} {minutes} min after issue; the limit is {} min", within.as_minutes()),
        ),
        None => Because::new(
            "host:clock",
            format!("发出后 {minutes} 分钟{chinese},无时限"),
            format!("{english} {minutes} min after issue; there is no limit"),
        ),
    }
}
