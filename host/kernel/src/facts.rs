//! What the journal already says: the questions that policies and readers ask of the state. Pure look-ups.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::act::{CalloutOrder, Measure, Party, Warning};
use crate::role::{IncidentView, ResponseView};
use crate::state::{Grant, Incident, MemoryKey, Response, ResponseKey, Spend, State, Task, WarningState};
use crate::value::Value;
use crate::{
    CalloutId, GrantId, Hazard, IncidentId, Instant, Level, MeasureStatus, Mode, NodeCode, Role, Scheme, roster,
};

/// The most incidents that triage is offered.
pub const CANDIDATES_MAX: usize = 32;
/// The most rows that any of these look-ups gives to a policy.
pub const ROWS_MAX: usize = 256;

/// The incident with this id or name.
pub fn find_incident<'a>(state: &'a State, name: &str) -> Option<(&'a IncidentId, &'a Incident)> {
    let id = state.index.incident_names.get(name)?;
    Some((id, state.incidents.get(id)?))
}

/// The incident with this id or name, as a policy sees it.
pub fn incident(state: &State, name: &str) -> Option<IncidentView> {
    let (id, row) = find_incident(state, name)?;
    Some(view(state, id, row))
}

/// The incidents that belong to this one.
pub fn children(state: &State, name: &str) -> Vec<IncidentView> {
    let Some((id, _)) = find_incident(state, name) else { return Vec::new() };
    let children = state.index.children.get(id).into_iter().flatten();
    children.filter_map(|child| Some(view(state, child, state.incidents.get(child)?))).take(ROWS_MAX).collect()
}

/// An incident as a policy sees it.
pub fn view(state: &State, id: &IncidentId, row: &Incident) -> IncidentView {
    IncidentView {
        id: id.clone(),
        name: row.name.clone(),
        names: row.names.clone(),
        scheme: row.scheme.clone(),
        hazard: row.hazard.clone(),
        node: row.node.clone(),
        opened: row.opened,
        stage: row.stage,
        mode: mode(state, row.node.as_str()),
        life_safety: row.life_safety,
        response: own_response(state, id, row),
        floor: floor(state, &row.scheme, &row.node),
        figures: row.figures.values().cloned().collect(),
        parent: row.parent.clone(),
        commander: row.command.as_ref().map(|command| command.commander.clone()),
        hazard_cleared: row.hazard_cleared == Some(true),
        projected_end: projected_end(state, row),
        tags: row.tags.clone(),
    }
}

/// When the last warning that concerns an incident lapses, as far as is known.
fn projected_end(state: &State, row: &Incident) -> Option<Instant> {
    let concerning = roster::ancestors(state, row.node.as_str()).flat_map(|node| standing_at(state, &node.code));
    let open = concerning.filter(|(_, warning)| warning.hazard == row.hazard);
    open.filter_map(|(_, warning)| warning.expires).filter(|expires| *expires > state.core.now).max()
}

fn own_response(state: &State, id: &IncidentId, row: &Incident) -> ResponseView {
    let key = ResponseKey { scheme: row.scheme.clone(), node: row.node.clone(), incident: Some(id.clone()) };
    response_view(&key, state.responses.get(&key).unwrap_or(&Response::default()))
}

fn response_view(key: &ResponseKey, response: &Response) -> ResponseView {
    ResponseView {
        scheme: key.scheme.clone(),
        node: key.node.clone(),
        recommended: response.recommended,
        in_force: response.in_force,
        since: response.since,
        ordered: response.ordered,
    }
}

/// Levels of every scheme and node of an incident.
pub fn responses(state: &State, name: &str) -> Vec<ResponseView> {
    let Some((id, _)) = find_incident(state, name) else { return Vec::new() };
    let keys = state.index.responses_of.get(&Some(id.clone())).into_iter().flatten();
    keys.filter_map(|key| Some(response_view(key, state.responses.get(key)?))).take(ROWS_MAX).collect()
}

/// The highest level in force for a scheme above a node.
pub fn floor(state: &State, scheme: &Scheme, node: &NodeCode) -> Option<Level> {
    let above = roster::ancestors(state, node.as_str()).skip(1);
    above.filter_map(|ancestor| level_at(state, scheme, &ancestor.code)).max()
}

/// The highest level in force for a scheme at a node, of whatever incident.
pub fn level_at(state: &State, scheme: &Scheme, node: &NodeCode) -> Option<Level> {
    let first = ResponseKey { scheme: scheme.clone(), node: node.clone(), incident: None };
    let at_node = state.responses.range_from(&first).take_while(|(key, _)| key.scheme == *scheme && key.node == *node);
    at_node.filter_map(|(_, response)| response.in_force).max()
}

/// The mode of a node: emergency when any scheme holds it, or a node above it, in emergency.
pub fn mode(state: &State, code: &str) -> Mode {
    let holds = |node: &NodeCode| {
        let first = (node.clone(), Scheme::default());
        let of_node = state.modes.range_from(&first).take_while(|((at, _), _)| at == node);
        of_node.into_iter().any(|(_, row)| row.mode == Mode::Emergency)
    };
    if roster::ancestors(state, code).any(|node| holds(&node.code)) { Mode::Emergency } else { Mode::Normal }
}

/// The mode of a node as it was at an instant that may lie in the past: emergency only if it had begun by then.
pub fn mode_at(state: &State, code: &str, at: Instant) -> Mode {
    let held = |node: &NodeCode| {
        let first = (node.clone(), Scheme::default());
        let of_node = state.modes.range_from(&first).take_while(|((at, _), _)| at == node);
        of_node.into_iter().any(|(_, row)| match row.mode {
            Mode::Emergency => row.since <= at,
            // It ended since: whether it had begun by then is not known here, and normal is the narrower answer.
            Mode::Normal => false,
        })
    };
    if roster::ancestors(state, code).any(|node| held(&node.code)) { Mode::Emergency } else { Mode::Normal }
}

/// Open incidents that an event at a node may mean: at the node, above it or below it, the newest first.
pub fn candidates(state: &State, code: &str) -> Vec<IncidentView> {
    let mut found: Vec<(Instant, &IncidentId, &Incident)> = Vec::new();
    let mut collect = |node: &NodeCode| {
        let at_node = state.index.incidents_at.get(node).into_iter().flatten();
        // Ids grow with time: the newest stand last.
        found.extend(at_node.rev().take(CANDIDATES_MAX).filter_map(|id| {
            let row = state.incidents.get(id)?;
            Some((row.opened, id, row))
        }));
    };
    for node in roster::ancestors(state, code) {
        collect(&node.code);
    }
    for node in state.index.incidents_at.keys().filter(|node| is_strictly_below(state, node, code)) {
        collect(node);
    }
    found.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| other.1.cmp(one.1)));
    found.into_iter().take(CANDIDATES_MAX).map(|(_, id, row)| view(state, id, row)).collect()
}

fn is_strictly_below(state: &State, node: &NodeCode, code: &str) -> bool {
    node.as_str() != code && roster::is_within(state, node.as_str(), code)
}

/// Warnings in force for a node or above it, newest first.
pub fn warnings(state: &State, code: &str, hazard: Option<&str>, now: Instant) -> Vec<Warning> {
    let mut found: Vec<(u64, &Warning)> = roster::ancestors(state, code)
        .flat_map(|node| standing_at(state, &node.code))
        .filter(|(_, warning)| hazard.is_none_or(|hazard| warning.hazard.as_str() == hazard))
        .filter(|(_, warning)| warning.expires.is_none_or(|expires| expires > now))
        .collect();
    found.sort_by_key(|(seq, _)| core::cmp::Reverse(*seq));
    found.into_iter().take(ROWS_MAX).map(|(_, warning)| warning.clone()).collect()
}

/// Warnings received for a node and hazard and issued since an instant, newest first.
pub fn warning_history(state: &State, code: &str, hazard: &str, since: Instant) -> Vec<Warning> {
    let mut found: Vec<(u64, &Warning)> = warnings_at(state, &NodeCode::from(code))
        .filter(|(_, warning)| warning.hazard.as_str() == hazard && warning.issued >= since)
        .collect();
    found.reverse();
    found.into_iter().take(ROWS_MAX).map(|(_, warning)| warning.clone()).collect()
}

/// What was received for a node and not taken back, with what a later one replaced.
fn warnings_at<'a>(state: &'a State, node: &NodeCode) -> impl Iterator<Item = (u64, &'a Warning)> + use<'a> {
    rows_at(state, node).map(|(seq, row)| (seq, &row.warning))
}

/// What was received for a node and neither taken back nor replaced.
fn standing_at<'a>(state: &'a State, node: &NodeCode) -> impl Iterator<Item = (u64, &'a Warning)> + use<'a> {
    rows_at(state, node).filter(|(_, row)| !row.superseded).map(|(seq, row)| (seq, &row.warning))
}

fn rows_at<'a>(state: &'a State, node: &NodeCode) -> impl Iterator<Item = (u64, &'a WarningState)> + use<'a> {
    let node = node.clone();
    let rows = state.warnings.range_from(&(node.clone(), 0)).take_while(move |((at, _), _)| *at == node);
    rows.filter(|(_, row)| !row.cancelled).map(|((_, seq), row)| (*seq, row))
}

/// One called party, as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// Who.
    pub party: Party,
    /// Answers for it since.
    pub acknowledged: Option<Instant>,
    /// On scene since.
    pub reported_in: Option<Instant>,
    /// Let go.
    pub released: Option<Instant>,
}

/// A call-out, as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalloutView {
    /// Its id.
    pub id: CalloutId,
    /// The order.
    pub order: CalloutOrder,
    /// When it was issued.
    pub issued: Instant,
    /// The called parties.
    pub calls: Vec<CallView>,
}

/// Call-outs of an incident that are not released.
pub fn open_callouts(state: &State, name: &str) -> Vec<CalloutView> {
    let Some((id, _)) = find_incident(state, name) else { return Vec::new() };
    let open = state.index.open_callouts.get(&Some(id.clone())).into_iter().flatten();
    open.filter_map(|callout| {
        let row = state.callouts.get(callout)?;
        let calls = row.calls.iter().map(|call| CallView {
            party: call.called.party.clone(),
            acknowledged: call.acknowledged,
            reported_in: call.reported_in,
            released: call.released,
        });
        Some(CalloutView { id: callout.clone(), order: row.order.clone(), issued: row.issued, calls: calls.collect() })
    })
    .take(ROWS_MAX)
    .collect()
}

/// A measure and where it stands, as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureView {
    /// The measure.
    pub measure: Measure,
    /// Where it stands.
    pub status: MeasureStatus,
    /// By when it must be decided.
    pub decide_by: Option<Instant>,
}

/// Proposals and measures of an incident that are not ended.
pub fn measures(state: &State, name: &str) -> Vec<MeasureView> {
    let Some((id, _)) = find_incident(state, name) else { return Vec::new() };
    let open = state.index.open_measures.get(&Some(id.clone())).into_iter().flatten();
    open.filter_map(|(_, measure)| {
        let row = state.measures.get(measure)?;
        Some(MeasureView { measure: row.order.clone(), status: row.status, decide_by: row.decide_by })
    })
    .take(ROWS_MAX)
    .collect()
}

/// Grants that reach a node at an instant: its own, else those carried from the nearest node above that holds any
/// and stands low enough for its grants to carry. Expired means expired to the second, whether or not the timer has fired.
pub fn grants(state: &State, code: &str, now: Instant) -> Vec<(GrantId, Grant)> {
    let in_force = |node: &NodeCode| -> Vec<(GrantId, Grant)> {
        let held = state.index.grants_of.get(node).into_iter().flatten();
        held.filter_map(|id| Some((id.clone(), state.grants.get(id)?.clone())))
            .filter(|(_, grant)| grant.starts <= now && now < grant.expires && !grant.revoked)
            .collect()
    };
    let carries_from = state.charter().map(|charter| charter.grant_carries_from);
    roster::ancestors(state, code)
        .filter(|node| node.code.as_str() == code || carries_from.is_some_and(|tier| node.tier <= tier))
        .map(|node| in_force(&node.code))
        .find(|held| !held.is_empty())
        .unwrap_or_default()
}

/// Which spending to sum; an absent filter selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpendingFilter {
    /// Of this incident.
    pub incident: Option<String>,
    /// Of this node alone.
    pub node: Option<String>,
    /// Of this node and every node below.
    pub within: Option<String>,
    /// In this category.
    pub category: Option<String>,
    /// To this vendor.
    pub vendor: Option<String>,
    /// Asked since.
    pub since: Option<Instant>,
}

/// How many wishes a filter selects, and what is spent or held by them, in minor units.
pub fn spent(state: &State, filter: &SpendingFilter) -> (u32, i64) {
    let incident = match &filter.incident {
        None => None,
        Some(name) => match find_incident(state, name) {
            Some((id, _)) => Some(id),
            None => return (0, 0),
        },
    };
    let selected = |spend: &Spend| {
        spend.reserved > 0
            && incident.is_none_or(|incident| spend.incident.as_ref() == Some(incident))
            && filter.category.as_ref().is_none_or(|category| spend.request.category == *category)
            && filter.vendor.as_ref().is_none_or(|vendor| spend.request.vendor.as_ref() == Some(vendor))
            && filter.since.is_none_or(|since| spend.requested >= since)
    };
    let in_place = |node: &&NodeCode| {
        filter.node.as_ref().is_none_or(|wanted| node.as_str() == wanted)
            && filter.within.as_ref().is_none_or(|outer| roster::is_within(state, node.as_str(), outer))
    };
    let nodes = state.index.spends_of.keys().filter(in_place);
    let spends = nodes.flat_map(|node| state.index.spends_of.get(node).into_iter().flatten());
    spends
        .filter_map(|id| state.spends.get(id))
        .filter(|spend| selected(spend))
        .fold((0, 0), |(count, total), spend| (count + 1, total + spend.reserved))
}

/// A value in a policy's memory.
pub fn memory<'a>(state: &'a State, role: Role, incident: &IncidentId, key: &str) -> Option<&'a Value> {
    state.memory.get(&MemoryKey { incident: incident.clone(), role, key: key.into() })
}

/// The watch for a hazard at a node or above it.
pub fn watch(state: &State, code: &str, hazard: Option<&Hazard>) -> Option<crate::WatchId> {
    roster::ancestors(state, code).find_map(|node| {
        let watches = state.index.watches_at.get(&node.code)?;
        let fits = |id: &&crate::WatchId| {
            state.watches.get(*id).is_some_and(|row| hazard.is_none_or(|hazard| row.hazard == *hazard))
        };
        watches.iter().rev().find(fits).cloned()
    })
}

/// A task, as a policy sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Its id.
    pub id: crate::TaskId,
    /// The row.
    pub task: Task,
}

/// Tasks of an incident, open or not, the newest first.
pub fn tasks(state: &State, name: &str) -> Vec<TaskView> {
    let Some((id, _)) = find_incident(state, name) else { return Vec::new() };
    let of_incident = state.index.tasks_of.get(&Some(id.clone())).into_iter().flatten();
    let rows = of_incident.rev().filter_map(|id| Some(TaskView { id: id.clone(), task: state.tasks.get(id)?.clone() }));
    rows.take(ROWS_MAX).collect()
}

/// How many call-outs a node and those below it issued since an instant.
pub fn callouts_issued(state: &State, code: &str, since: Instant) -> u32 {
    // Ids grow with time, and no call-out is issued before the one with a lower id but for those stated late.
    let recent = state.callouts.iter().rev().take(4_096).filter(|(_, row)| row.issued >= since);
    let own = recent.filter(|(_, row)| roster::is_within(state, row.order.caller.as_str(), code));
    u32::try_from(own.count()).unwrap_or(u32::MAX)
}

/// Whether a supervisor froze a power at a node or above it.
pub fn is_frozen(state: &State, code: &str, power: &str) -> bool {
    roster::ancestors(state, code).any(|node| state.freezes.contains(&(node.code.clone(), power.into())))
}

/// What a node may do by its own authority at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectivePowers {
    /// The node.
    pub node: NodeCode,
    /// Its mode.
    pub mode: Mode,
    /// The most for one item, in minor units; `None`: it may not spend by itself.
    pub spend_item: Option<i64>,
    /// The most for one incident.
    pub spend_incident: Option<i64>,
    /// Measures that it may start.
    pub measures: Vec<String>,
    /// Grants that reach it.
    pub grants: Vec<(GrantId, Grant)>,
    /// Powers that a supervisor froze.
    pub frozen: Vec<String>,
}

/// What a node may do by its own authority at an instant.
pub fn effective_powers(state: &State, code: &str, now: Instant) -> Option<EffectivePowers> {
    let node = roster::exact(state, code)?;
    let charter = state.charter()?;
    let grants = grants(state, code, now);
    let factor = grants.iter().filter(|(_, grant)| grant.powers.iter().any(|power| power == "spend"));
    let factor = factor.map(|(_, grant)| grant.multiplier_permille).max().unwrap_or(1_000);
    let factor = factor.min(charter.grant_multiplier_max_permille);
    let own = charter.spending.get(&node.tier).filter(|_| !is_frozen(state, code, "spend"));
    let widened = |limit: i64, multiplies: bool| {
        if multiplies { limit.saturating_mul(i64::from(factor)) / 1_000 } else { limit }
    };
    let startable = charter.measures.iter().filter(|(_, lowest)| node.tier >= **lowest);
    let frozen = state.freezes.iter().filter(|((at, _), _)| roster::is_within(state, code, at.as_str()));
    Some(EffectivePowers {
        node: node.code.clone(),
        mode: mode(state, code),
        spend_item: own.map(|own| widened(own.item, own.multiplies)),
        spend_incident: own.map(|own| widened(own.incident, own.multiplies)),
        measures: startable.map(|(kind, _)| kind.clone()).collect(),
        grants,
        frozen: frozen.map(|((_, power), _)| power.clone()).collect(),
    })
}

/// The three rates (三率), as counts, so that every reader divides the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ThreeRates {
    /// Cases whose first contact is due or done.
    pub due: u32,
    /// Contacted in time.
    pub contacted_in_time: u32,
    /// Resolved.
    pub resolved: u32,
    /// The resident was satisfied.
    pub satisfied: u32,
}

/// The three rates of a node and all below it, at an instant.
pub fn three_rates(state: &State, code: &str, now: Instant) -> ThreeRates {
    let mut rates = ThreeRates::default();
    let here = state.cases.iter().filter(|(_, case)| roster::is_within(state, case.node.as_str(), code));
    for (_, case) in here.filter(|(_, case)| case.contacted.is_some() || case.contact_by <= now) {
        let count = |holds: bool| if holds { case.items } else { 0 };
        rates.due += case.items;
        rates.contacted_in_time += count(case.contacted.is_some_and(|contacted| contacted <= case.contact_by));
        rates.resolved += count(case.resolved == Some(true));
        rates.satisfied += count(case.satisfied == Some(true));
    }
    rates
}

/// Parties that report to an incident's commander now: called, come, and not released.
pub fn direct_reports(state: &State, incident: &IncidentId) -> u32 {
    let open = state.index.open_callouts.get(&Some(incident.clone())).into_iter().flatten();
    let calls = open.filter_map(|id| state.callouts.get(id)).flat_map(|row| &row.calls);
    let here = calls.filter(|call| call.reported_in.is_some() && call.released.is_none());
    let mut parties: Vec<&Party> = here.map(|call| &call.called.party).collect();
    parties.sort_unstable();
    parties.dedup();
    u32::try_from(parties.len()).unwrap_or(u32::MAX)
}
