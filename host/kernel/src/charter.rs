//! The charter: what a district is (tree, departments, posts, who may act) and how far anyone in it may go.
//!
//! It belongs to the tier above and to operations, never to a policy: a policy may narrow what stands here, and
//! nothing can widen it. It changes by a journaled activation only.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::act::Rung;
use crate::{CalloutKind, DistrictId, Level, Milliseconds, NodeCode, Tier};

/// A district's tree, directory and ceilings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// The district.
    pub district: DistrictId,
    /// Its name, by language.
    pub name: BTreeMap<String, String>,
    /// The node that the district's own policies speak for. Nodes above it are bodies outside.
    pub root: NodeCode,
    /// Offset of local time from UTC, in seconds.
    pub utc_offset_seconds: i32,
    /// ISO 4217 code of all money.
    pub currency: String,
    /// The tree, bodies above the root included.
    pub nodes: Vec<Node>,
    /// Departments and the services they give.
    pub departments: Vec<Department>,
    /// Who may act, by the source of their events.
    pub actors: Vec<Actor>,
    /// Money ceilings by tier; a tier without one may not spend.
    pub spending: BTreeMap<Tier, SpendingCeiling>,
    /// Kinds of measures by the lowest tier that may start them by its own authority.
    pub measures: BTreeMap<String, Tier>,
    /// The highest level that takes force without a person's confirmation.
    pub provisional_level_max: Level,
    /// The largest factor that a grant may put on money ceilings, in thousandths.
    pub grant_multiplier_max_permille: u32,
    /// The longest that a grant may run.
    pub grant_duration_max: Milliseconds,
    /// Grants held at this tier or below reach the nodes under their holder.
    pub grant_carries_from: Tier,
    /// The clocks of each kind of call-out, where an order names none of its own.
    pub callouts: BTreeMap<CalloutKind, CalloutClock>,
    /// How far the time of issue that a sender states may lie from ours for it to be the same call-out.
    pub callout_match_window: Milliseconds,
    /// How long event identities are remembered.
    pub identity_window: Milliseconds,
    /// How long an approval waits before it goes one tier up.
    pub approval_wait: Milliseconds,
}

/// A jurisdiction (辖区).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its area code.
    pub code: NodeCode,
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: Tier,
    /// The node above it; `None` at the top.
    pub parent: Option<NodeCode>,
    /// Residents, when known.
    pub population: Option<i64>,
}

/// A department (部门) and what it can be called for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Department {
    /// The node it belongs to.
    pub node: NodeCode,
    /// Its short name, for instance `drainage`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it serves, for instance `drainage`, `rescue`.
    pub services: Vec<String>,
    /// Sources of its events; `{node}` stands for its node's code.
    pub sources: Vec<String>,
}

/// Who may act for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The source of its events; `{node}` in it stands for a node's code.
    pub source: String,
    /// What it may do: `order`, `approve`, `spend`, `call`, `report`, `supervise`.
    pub powers: Vec<String>,
    /// The nodes it may act for; `None`: the node in its source, or, without one there, none.
    pub node: Option<NodeCode>,
}

/// The most that a tier may spend by its own authority, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendingCeiling {
    /// For one item, with what is summed into it.
    pub item: i64,
    /// For one incident.
    pub incident: i64,
    /// True when a grant's factor applies to this tier.
    pub multiplies: bool,
}

/// The clocks of a kind of call-out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CalloutClock {
    /// Time to acknowledge.
    pub acknowledge_within: Option<Milliseconds>,
    /// Time to be on scene.
    pub arrive_within: Option<Milliseconds>,
    /// Time to a joint plan.
    pub plan_within: Option<Milliseconds>,
    /// Climbs while there is no acknowledgement.
    pub ladder: Vec<Rung>,
    /// Climbs while nobody has reported in.
    pub arrival_ladder: Vec<Rung>,
}
