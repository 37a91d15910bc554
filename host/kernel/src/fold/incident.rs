//! Incidents and watches.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::{Moment, index, timers};
use crate::act::Figure;
use crate::record::Fact;
use crate::state::{Command, Incident, State, TimerPurpose, Watch};
use crate::{IncidentId, RiskStage};

pub(super) fn opened(state: &mut State, moment: Moment, fact: &Fact) {
    let Fact::IncidentOpened { incident, name, scheme, hazard, node, stage, life_safety, parent, tags, .. } = fact
    else {
        return;
    };
    let row = Incident {
        name: name.clone(),
        names: Vec::new(),
        scheme: scheme.clone(),
        hazard: hazard.clone(),
        node: node.clone(),
        opened: moment.at,
        stage: *stage,
        life_safety: *life_safety,
        parent: parent.clone(),
        tags: tags.clone(),
        figures: BTreeMap::new(),
        signals: 0,
        groups: BTreeMap::new(),
        command: None,
        hazard_cleared: None,
        closed: None,
        seq: moment.seq,
    };
    state.index.add_incident(incident, &row);
    state.incidents.put(incident.clone(), row);
    index::open_incident(state, incident, node);
}

/// Signals of one group count as one.
pub(super) fn placed(
    state: &mut State,
    moment: Moment,
    incident: Option<&IncidentId>,
    group: Option<&alloc::string::String>,
) {
    let Some(row) = incident.and_then(|incident| state.incidents.change(incident)) else { return };
    row.seq = moment.seq;
    if let Some(group) = group {
        let count = row.groups.entry(group.clone()).or_default();
        *count = count.saturating_add(1);
        if *count > 1 {
            return;
        }
    }
    row.signals = row.signals.saturating_add(1);
}

pub(super) fn closed(state: &mut State, moment: Moment, incident: &IncidentId) {
    let Some(row) = state.incidents.change(incident) else { return };
    row.closed = Some(moment.at);
    let node = row.node.clone();
    index::close_incident(state, incident, &node);
    timers::remove_all(state, &alloc::format!("policy/{}/{incident}/", crate::Role::Escalation));
}

pub(super) fn command(state: &mut State, moment: Moment, fact: &Fact) {
    let Fact::CommandAssumed { incident, commander, person, deputies, .. } = fact else { return };
    if let Some(row) = state.incidents.change(incident) {
        let (commander, person, deputies) = (commander.clone(), person.clone(), deputies.clone());
        row.command = Some(Command { commander, person, deputies, since: moment.at });
    }
}

pub(super) fn hazard(state: &mut State, incident: &IncidentId, cleared: bool) {
    if let Some(row) = state.incidents.change(incident) {
        row.hazard_cleared = Some(cleared);
    }
}

pub(super) fn named(state: &mut State, incident: &IncidentId, name: &str) {
    if let Some(row) = state.incidents.change(incident) {
        row.names.push(name.to_string());
        state.index.add_name(name, incident);
    }
}

pub(super) fn related(state: &mut State, incident: &IncidentId, parent: &IncidentId) {
    if let Some(row) = state.incidents.change(incident) {
        if let Some(before) = row.parent.replace(parent.clone())
            && let Some(children) = state.index.children.get_mut(&before)
        {
            children.remove(incident);
        }
        state.index.children.entry(parent.clone()).or_default().insert(incident.clone());
    }
}

pub(super) fn stage(state: &mut State, incident: &IncidentId, stage: RiskStage) {
    if let Some(row) = state.incidents.change(incident) {
        row.stage = stage;
    }
}

pub(super) fn figure(state: &mut State, incident: &IncidentId, figure: &Figure) {
    if let Some(row) = state.incidents.change(incident) {
        row.figures.insert(figure.name.clone(), figure.clone());
    }
}

pub(super) fn watch(state: &mut State, fact: &Fact) {
    match fact {
        Fact::WatchOpened { watch, hazard, node, until, stage, .. } => {
            let row = Watch { hazard: hazard.clone(), node: node.clone(), until: *until, stage: *stage };
            if let Some(until) = until {
                timers::set(state, alloc::format!("watch/{watch}"), *until, TimerPurpose::Watch(watch.clone()));
            }
            state.index.watches_at.entry(node.clone()).or_default().insert(watch.clone());
            state.watches.put(watch.clone(), row);
        }
        Fact::WatchEnded { watch, .. } => {
            timers::remove(state, &alloc::format!("watch/{watch}"));
            if let Some(row) = state.watches.remove(watch)
                && let Some(watches) = state.index.watches_at.get_mut(&row.node)
            {
                watches.remove(watch);
            }
        }
        _ => {}
    }
}
