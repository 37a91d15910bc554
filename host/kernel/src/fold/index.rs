//! What can be found quickly: follows from the tables, is rebuilt when they are loaded.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::measure::is_over;
use crate::roster;
use crate::state::{Incident, Index, MeasureState, Report, State, Task};
use crate::{IncidentId, MeasureId, MeasureStatus, NodeCode, ReportId, TaskId};

impl Index {
    pub(super) fn add_incident(&mut self, id: &IncidentId, row: &Incident) {
        self.add_name(id.as_str(), id);
        for name in core::iter::once(&row.name).chain(&row.names) {
            self.add_name(name, id);
        }
        if let Some(parent) = &row.parent {
            self.children.entry(parent.clone()).or_default().insert(id.clone());
        }
    }

    /// An incident bears a name. Names are never given back, so the numbers that are taken only grow.
    pub(super) fn add_name(&mut self, name: &str, id: &IncidentId) {
        self.incident_names.insert(name.into(), id.clone());
        self.count_up(name);
        if let Some((named, _)) = name.rsplit_once('-')
            && self.incident_names.contains_key(named)
        {
            self.count_up(named);
        }
    }

    fn count_up(&mut self, name: &str) {
        let first = self.free_number(name);
        let mut number = first;
        while self.incident_names.contains_key(&numbered(name, number)) {
            number = number.saturating_add(1);
        }
        if number > first {
            self.name_numbers.insert(name.into(), number);
        }
    }

    /// The least number from 2 that no `NAME-NUMBER` bears, for a name that is borne.
    pub(crate) fn free_number(&self, name: &str) -> u32 {
        self.name_numbers.get(name).copied().unwrap_or(2)
    }

    pub(super) fn add_measure(&mut self, id: &MeasureId, row: &MeasureState) {
        if !matches!(row.status, MeasureStatus::Ended | MeasureStatus::Refused) {
            let open = self.open_measures.entry(row.incident.clone()).or_default();
            open.insert(row.order.key.clone(), id.clone());
        }
    }

    pub(super) fn remove_measure(&mut self, id: &MeasureId, row: &MeasureState) {
        if let Some(open) = self.open_measures.get_mut(&row.incident)
            && open.get(&row.order.key) == Some(id)
        {
            open.remove(&row.order.key);
        }
    }

    pub(super) fn add_task(&mut self, id: &TaskId, row: &Task) {
        self.tasks_of.entry(row.incident.clone()).or_default().insert(id.clone());
        if !is_over(&row.state) {
            self.open_tasks.entry(row.incident.clone()).or_default().insert(row.order.key.clone(), id.clone());
        }
    }

    pub(super) fn remove_task(&mut self, id: &TaskId, row: &Task) {
        if let Some(open) = self.open_tasks.get_mut(&row.incident)
            && open.get(&row.order.key) == Some(id)
        {
            open.remove(&row.order.key);
        }
    }

    pub(super) fn add_report(&mut self, id: &ReportId, row: &Report) {
        if row.submitted.is_none() {
            self.open_reports.entry(row.incident.clone()).or_default().insert(row.duty.key.clone(), id.clone());
        }
    }

    pub(super) fn remove_report(&mut self, id: &ReportId, row: &Report) {
        if let Some(open) = self.open_reports.get_mut(&row.incident)
            && open.get(&row.duty.key) == Some(id)
        {
            open.remove(&row.duty.key);
        }
    }
}

/// A name that is taken, with a number behind it.
pub(crate) fn numbered(name: &str, number: u32) -> String {
    format!("{name}-{number}")
}

/// An incident is open at a node, and thereby within each node above it.
pub(super) fn open_incident(state: &mut State, id: &IncidentId, node: &NodeCode) {
    state.index.incidents_at.entry(node.clone()).or_default().insert(id.clone());
    for above in lineage(state, node) {
        state.index.incidents_within.entry(above).or_default().insert(id.clone());
    }
}

/// An incident is not open any more.
pub(super) fn close_incident(state: &mut State, id: &IncidentId, node: &NodeCode) {
    let lineage = lineage(state, node);
    remove_from(&mut state.index.incidents_at, core::iter::once(node), id);
    remove_from(&mut state.index.incidents_within, lineage.iter(), id);
}

fn remove_from<'a>(
    index: &mut BTreeMap<NodeCode, BTreeSet<IncidentId>>,
    nodes: impl Iterator<Item = &'a NodeCode>,
    id: &IncidentId,
) {
    for node in nodes {
        let Some(open) = index.get_mut(node) else { continue };
        open.remove(id);
        if open.is_empty() {
            index.remove(node);
        }
    }
}

fn lineage(state: &State, node: &NodeCode) -> Vec<NodeCode> {
    roster::ancestors(state, node.as_str()).map(|node| node.code.clone()).collect()
}

/// The tree changed: where nodes stand, and which incidents are open within them.
pub(super) fn rebuild_tree(state: &mut State) {
    let nodes = state.charter().into_iter().flat_map(|charter| &charter.nodes);
    state.index.nodes = nodes.enumerate().map(|(place, node)| (node.code.clone(), place)).collect();
    state.index.incidents_at = BTreeMap::new();
    state.index.incidents_within = BTreeMap::new();
    let open = state.incidents.iter().filter(|(_, row)| row.closed.is_none());
    let open: Vec<(IncidentId, NodeCode)> = open.map(|(id, row)| (id.clone(), row.node.clone())).collect();
    for (id, node) in &open {
        open_incident(state, id, node);
    }
}

/// Rebuilds the index from the tables.
pub fn rebuild(state: &mut State) {
    let mut index = Index::default();
    for (id, row) in state.incidents.iter() {
        index.add_incident(id, row);
    }
    for (id, row) in state.watches.iter() {
        index.watches_at.entry(row.node.clone()).or_default().insert(id.clone());
    }
    for (id, row) in state.callouts.iter() {
        if row.calls.iter().any(|call| call.released.is_none()) {
            index.open_callouts.entry(row.incident.clone()).or_default().insert(id.clone());
        }
        index.callout_names.insert(id.as_str().into(), id.clone());
        for name in &row.names {
            index.callout_names.insert(name.clone(), id.clone());
        }
    }
    for (id, row) in state.measures.iter() {
        index.add_measure(id, row);
    }
    for (id, row) in state.tasks.iter() {
        index.add_task(id, row);
    }
    for (id, row) in state.reports.iter() {
        index.add_report(id, row);
    }
    // A grant that expired has no timer any more.
    for (id, row) in state.grants.iter() {
        if state.timers.contains(&alloc::format!("grant/{id}")) {
            index.grants_of.entry(row.node.clone()).or_default().insert(id.clone());
        }
    }
    for (id, row) in state.spends.iter() {
        index.spends_of.entry(row.request.node.clone()).or_default().insert(id.clone());
    }
    for (id, row) in state.processes.iter().filter(|(_, row)| !row.finished) {
        index.running.entry(row.incident.clone()).or_default().insert(row.key.clone(), id.clone());
    }
    for (key, _) in state.responses.iter() {
        index.responses_of.entry(key.incident.clone()).or_default().insert(key.clone());
    }
    for (key, row) in state.timers.iter() {
        index.due.insert((row.due, key.clone()));
    }
    index.identities_by_age = state.identities.iter().map(|(number, row)| (row.recorded, *number)).collect();
    state.index = index;
    rebuild_tree(state);
}
