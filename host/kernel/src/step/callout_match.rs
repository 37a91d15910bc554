//! Which call-out, and which called party of it, an event speaks of.
//!
//! People outside name call-outs in their own way. A name that is known decides; an unknown one is tied to the open
//! call-out of the same kind to the same party that was issued nearest to the stated time; without one, the call-out is
//! kept as the sender stated it, and marked so.

use alloc::format;
use alloc::string::{String, ToString};

use super::Deciding;
use super::level::required;
use crate::act::{Because, CalloutOrder, Party};
use crate::state::Callout;
use crate::value::{find_instant, find_text};
use crate::{CalloutId, CalloutKind, Event, Instant, roster};

/// The words that other systems use for the kinds.
fn kind_of(text: &str) -> Option<CalloutKind> {
    CalloutKind::parse(text.strip_suffix("_whistle").unwrap_or(text))
}

/// The call that an event speaks of.
pub(super) struct Called {
    pub(super) callout: CalloutId,
    pub(super) party: Party,
    /// A name for it that is new, to be kept once the event is found valid.
    pub(super) name: Option<String>,
}

impl Deciding<'_> {
    /// The call-out and the called party that an event speaks of.
    pub(super) fn called(&mut self, event: &Event) -> Result<Called, Because> {
        let name = required(event, "callout")?;
        if let Some(callout) = self.state.index.callout_names.get(name).cloned() {
            // Several call-outs may have gone out under one outside name, one for each group of those called.
            let own = self.party_of(event, &callout).map(|party| (callout, party));
            let found = own.or_else(|| self.nearest(event)).ok_or_else(|| not_called(event, name))?;
            return Ok(Called { callout: found.0, party: found.1, name: None });
        }
        if let Some((callout, party)) = self.nearest(event) {
            return Ok(Called { callout, party, name: Some(name.to_string()) });
        }
        if self.means_another_called(event) {
            return Err(not_called(event, name));
        }
        self.stated(event, name)
    }

    /// Whether an open call-out of the stated kind and time exists, but to others.
    fn means_another_called(&self, event: &Event) -> bool {
        let kind = find_text(&event.attributes, "kind").and_then(kind_of);
        let (Some(kind), Some(stated)) = (kind, find_instant(&event.attributes, "issued")) else { return false };
        let window = self.state.charter().map(|charter| charter.callout_match_window).unwrap_or_default();
        let open = self.state.index.open_callouts.get(&self.incident).into_iter().flatten();
        let rows = open.filter_map(|id| self.state.callouts.get(id));
        rows.into_iter().any(|row| {
            row.order.kind == kind && distance(row, Some(stated)) <= window.0 && row.order.caller == event.node
        })
    }

    /// The newest open call-out of the stated kind that the event's node issued.
    pub(super) fn newest_called_by(&self, event: &Event) -> Option<CalloutId> {
        let kind = find_text(&event.attributes, "kind").and_then(kind_of)?;
        let stated = find_instant(&event.attributes, "issued");
        let open = self.state.index.open_callouts.values().flatten();
        let fitting = open.filter_map(|id| {
            let row = self.state.callouts.get(id)?;
            let own = row.order.kind == kind && row.order.caller == event.node;
            own.then(|| (distance(row, stated), core::cmp::Reverse(row.issued), id.clone()))
        });
        fitting.min().map(|(_, _, id)| id)
    }

    fn party_of(&self, event: &Event, callout: &CalloutId) -> Option<Party> {
        let row = self.state.callouts.get(callout)?;
        row.calls.iter().map(|call| &call.called.party).find(|party| self.speaks_for(event, party)).cloned()
    }

    /// Whether an event comes from a called party.
    fn speaks_for(&self, event: &Event, party: &Party) -> bool {
        match party {
            Party::Post { node, .. } => {
                *node == event.node && roster::may_act(self.state, &event.source, "answer", node.as_str())
            }
            Party::Department { node, name } => roster::department_of_source(self.state, &event.source)
                .is_some_and(|department| department.node == *node && department.name == *name),
            Party::Team(team) => find_text(&event.attributes, "team") == Some(team) && self.is_at_home(event, team),
            Party::DutyAbove(_) => false,
        }
    }

    /// Whether an event comes from the place that a team belongs to, from above it or from within it. A team has no source
    /// of its own in the charter: its place is what is known of it.
    fn is_at_home(&self, event: &Event, team: &str) -> bool {
        let teams = self.state.charter().map(|charter| charter.teams.as_slice()).unwrap_or_default();
        let home = teams.iter().find(|known| known.id == team).map(|known| known.node.as_str());
        home.is_none_or(|home| self.in_line(event.node.as_str(), home))
    }

    fn in_line(&self, one: &str, other: &str) -> bool {
        roster::is_within(self.state, one, other) || roster::is_within(self.state, other, one)
    }

    /// What is said of a task, a finding or a case comes from its own place, from above it, or from who was charged with it:
    /// the sender's place is proven when it comes in, so the thing must belong to it.
    pub(super) fn check_concerned<'p>(
        &self,
        event: &Event,
        node: &crate::NodeCode,
        charged: impl IntoIterator<Item = &'p Party>,
    ) -> Result<(), Because> {
        let is_charged = |party: &Party| match party {
            Party::Team(team) => self.is_at_home(event, team),
            other => self.speaks_for(event, other),
        };
        // The same place, also where the charter does not know it.
        let own = *node == event.node || roster::is_within(self.state, node.as_str(), event.node.as_str());
        if own || charged.into_iter().any(is_charged) {
            return Ok(());
        }
        Err(Because::new(
            "host:not-concerned",
            format!("{} 不能代表 {} 处理 {node} 的事项", event.source, event.node),
            format!("`{}` at `{}` is not concerned by what belongs to `{node}`", event.source, event.node),
        ))
    }

    /// The open call-out of the stated kind to this party, issued nearest to the stated time.
    fn nearest(&self, event: &Event) -> Option<(CalloutId, Party)> {
        let kind = kind_of(find_text(&event.attributes, "kind")?)?;
        let stated = find_instant(&event.attributes, "issued");
        let window = self.state.charter()?.callout_match_window;
        let open = self.state.index.open_callouts.values().flatten();
        let fitting = open.filter_map(|id| {
            let row = self.state.callouts.get(id)?;
            let distance = distance(row, stated);
            let near = stated.is_none() || distance <= window.0;
            let unnamed = row.order.kind == kind && near;
            let party = unnamed.then(|| self.party_of(event, id))??;
            Some((distance, core::cmp::Reverse(row.issued), id.clone(), party))
        });
        fitting.min().map(|(_, _, id, party)| (id, party))
    }

    /// Keeps a call-out that is known only from what the sender states.
    fn stated(&mut self, event: &Event, name: &str) -> Result<Called, Because> {
        let kind = required(event, "kind")?;
        let issued = find_instant(&event.attributes, "issued");
        let (Some(kind), Some(issued)) = (kind_of(kind), issued.filter(|issued| *issued <= event.occurred)) else {
            return Err(unknown(name));
        };
        let party = match roster::department_of_source(self.state, &event.source) {
            Some(department) => Party::Department { node: department.node.clone(), name: department.name.clone() },
            None => Party::Post {
                node: event.node.clone(),
                name: find_text(&event.attributes, "by_role").unwrap_or("duty").to_string(),
            },
        };
        let order = CalloutOrder {
            key: format!("stated/{name}"),
            kind,
            caller: event.node.clone(),
            to: alloc::vec![party.clone()],
            place: event.place.clone(),
            acknowledge_within: None,
            arrive_within: None,
            plan_within: None,
            ladder: alloc::vec::Vec::new(),
            arrival_ladder: alloc::vec::Vec::new(),
            life_safety: false,
        };
        let because = Because::new(
            "host:stated-callout",
            format!("日志中没有名为 {name} 的呼叫:按应答方所述的类型和发出时间补记"),
            format!("no call-out `{name}` is on record: kept with the kind and time of issue that the answer states"),
        );
        let called = self.called_party(party.clone());
        let callout = self.issue(order, alloc::vec![called], issued, true, because);
        Ok(Called { callout, party, name: Some(name.to_string()) })
    }
}

fn distance(row: &Callout, stated: Option<Instant>) -> i64 {
    stated.map_or(0, |stated| (row.issued - stated).0.abs())
}

fn not_called(event: &Event, name: &str) -> Because {
    Because::new(
        "host:not-called",
        format!("{} 不是呼叫 {name} 的被呼叫方,不能代为应答", event.source),
        format!("`{}` is not among those called by `{name}` and cannot answer for them", event.source),
    )
}

fn unknown(name: &str) -> Because {
    Because::new(
        "host:unknown-callout",
        format!("没有名为 {name} 的呼叫,且事件未写明类型(kind)和发出时间(issued)"),
        format!("there is no call-out `{name}`, and the event does not state its `kind` and `issued` time"),
    )
}
