//! What can be found quickly: keys by what they are looked for by. It follows from the tables ([`crate::fold`] keeps it), and
//! must never hold what they do not.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use super::ResponseKey;
use crate::{
    CalloutId, GrantId, IncidentId, Instant, MeasureId, NodeCode, ProcessId, ReportId, SpendId, TaskId, WatchId,
};

/// What can be found quickly. Follows from the tables; never stored.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Open incidents by the node they were opened for.
    pub incidents_at: BTreeMap<NodeCode, BTreeSet<IncidentId>>,
    /// Open incidents of a node and of all nodes below it, so that a search does not grow with the tree.
    pub incidents_within: BTreeMap<NodeCode, BTreeSet<IncidentId>>,
    /// Incidents by any name.
    pub incident_names: BTreeMap<String, IncidentId>,
    /// By name, the least number from 2 that no `NAME-NUMBER` bears yet, where it is above 2.
    pub name_numbers: BTreeMap<String, u32>,
    /// Incidents by the larger one they belong to.
    pub children: BTreeMap<IncidentId, BTreeSet<IncidentId>>,
    /// Call-outs that are not released, by incident.
    pub open_callouts: BTreeMap<Option<IncidentId>, BTreeSet<CalloutId>>,
    /// Call-outs by any name.
    pub callout_names: BTreeMap<String, CalloutId>,
    /// Measures that are not ended or refused, by incident and key.
    pub open_measures: BTreeMap<Option<IncidentId>, BTreeMap<String, MeasureId>>,
    /// Open tasks by incident and key.
    pub open_tasks: BTreeMap<Option<IncidentId>, BTreeMap<String, TaskId>>,
    /// All tasks by incident.
    pub tasks_of: BTreeMap<Option<IncidentId>, BTreeSet<TaskId>>,
    /// Processes that run, by incident and key.
    pub running: BTreeMap<Option<IncidentId>, BTreeMap<String, ProcessId>>,
    /// Reports that are due, by incident and key.
    pub open_reports: BTreeMap<Option<IncidentId>, BTreeMap<String, ReportId>>,
    /// Grants by holder.
    pub grants_of: BTreeMap<NodeCode, BTreeSet<GrantId>>,
    /// Spending by node.
    pub spends_of: BTreeMap<NodeCode, BTreeSet<SpendId>>,
    /// Watches by node.
    pub watches_at: BTreeMap<NodeCode, BTreeSet<WatchId>>,
    /// Responses by incident.
    pub responses_of: BTreeMap<Option<IncidentId>, BTreeSet<ResponseKey>>,
    /// Timers by due time.
    pub due: BTreeSet<(Instant, String)>,
    /// Identities by the time they were recorded, to forget the old.
    pub identities_by_age: BTreeSet<(Instant, u128)>,
    /// Position of each node in the charter.
    pub nodes: BTreeMap<NodeCode, usize>,
}
