//! What the outbox must know of a district, behind one narrow trait. The host's server stands behind it; the outbox
//! itself never reads a district's state.

use muster_kernel::record::{Entry, Fact};
use muster_kernel::{DistrictId, IncidentId, NodeCode};

use crate::Language;

/// A fact in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// One word for what kind of thing it is.
    pub label: String,
    /// The sentence.
    pub text: String,
}

/// Where an incident is, and whether lives are at stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentPlace {
    /// Its node.
    pub node: NodeCode,
    /// Lives are at stake.
    pub life_safety: bool,
}

/// What the host knows of its districts.
pub trait DistrictView: Send {
    /// A fact in words.
    fn say(&self, entry: &Entry, fact: &Fact, language: Language) -> Said;

    /// The district's name for people.
    fn name(&self, district: &DistrictId, language: Language) -> String;

    /// Offset of the district's local time from UTC, in seconds.
    fn utc_offset_seconds(&self, district: &DistrictId) -> i32;

    /// The node and every node above it, from below.
    fn lineage(&self, district: &DistrictId, node: &NodeCode) -> Vec<NodeCode>;

    /// An incident, when the district knows it.
    fn incident(&self, district: &DistrictId, incident: &IncidentId) -> Option<IncidentPlace>;

    /// Ways to reach people that the step of the ladder behind this fact names, in order
    /// ([`Rung::channels`](muster_kernel::act::Rung::channels)); empty: as the recipient is used to.
    fn ways(&self, entry: &Entry, fact: &Fact) -> Vec<String>;
}
