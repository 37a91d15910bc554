//! The charter: what a district is (tree, departments, posts, who may act) and how far anyone in it may go.
//!
//! It belongs to the tier above and to operations, never to a policy: a policy may narrow what stands here, and
//! nothing can widen it. It changes by a journaled activation only.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::act::Rung;
use crate::change::ChangeRules;
use crate::{CalloutKind, Currency, DistrictId, FeedbackClass, Instant, Level, Milliseconds, NodeCode, Tier};

/// A district's tree, directory and ceilings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// Holidays, and weekend days that are worked.
    pub calendar: Calendar,
    /// Who holds which post when.
    pub duties: Vec<Duty>,
    /// Teams: professional, social work, volunteers.
    pub teams: Vec<Team>,
    /// Vendors under a framework contract.
    pub vendors: Vec<Vendor>,
    /// Standing agreements of aid.
    pub agreements: Vec<Agreement>,
    /// The smallest areas that a measure can bind.
    pub units: Vec<ControlUnit>,
    /// Devices and posts that must be heard from.
    pub heartbeats: Vec<Heartbeat>,
    /// Whom no stop ever binds, for instance `emergency_vehicles`.
    pub exemptions: Vec<String>,
    /// Deadlines of answers.
    pub clocks: Clocks,
    /// Budgets and pots.
    pub funds: Funds,
    /// How the district's policies may change; absent: as [`ChangeRules::default`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeRules>,
}

impl Charter {
    /// How the district's policies may change.
    pub fn change_rules(&self) -> ChangeRules {
        self.change.clone().unwrap_or_default()
    }
}

/// Days that are not what their weekday says. Dates are written `2026-10-01`, in local time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calendar {
    /// Days off.
    pub holidays: BTreeSet<String>,
    /// Saturdays and Sundays that are worked.
    pub workdays: BTreeSet<String>,
}

/// A duty roster (值班表): the people of a post, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// The node.
    pub node: NodeCode,
    /// The post, for instance `duty_leader`.
    pub post: String,
    /// Who takes turns, in order.
    pub people: Vec<String>,
    /// When the first of them began.
    pub starts: Instant,
    /// When the roster ends; `None`: it runs on.
    pub ends: Option<Instant>,
    /// How long a shift is; never zero.
    pub shift: Milliseconds,
}

/// A team (队伍).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Its id.
    pub id: String,
    /// Its name.
    pub title: String,
    /// The node it belongs to.
    pub node: NodeCode,
    /// `professional`, `social_work`, `volunteer`, `informal`.
    pub kind: String,
    /// Who brings new members on (老带新): the mentor team's id.
    pub mentor: Option<String>,
}

/// A vendor under a framework contract (对口援助商家).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Its id.
    pub id: String,
    /// Its name.
    pub title: String,
    /// The highest price of one order, by category, in minor units.
    pub ceilings: BTreeMap<String, i64>,
}

/// A standing agreement of aid (对口支援).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its name.
    pub name: String,
    /// Who helps.
    pub giver: NodeCode,
    /// Who is helped.
    pub receiver: NodeCode,
    /// Kinds of resources, each with the most that may be drawn.
    pub resources: BTreeMap<String, u32>,
}

/// The smallest area that a measure can bind (防控单元).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlUnit {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The node it lies in.
    pub node: NodeCode,
    /// Residents, when known.
    pub population: Option<i64>,
}

/// Something that must be heard from: its silence is a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The source of its events.
    pub source: String,
    /// The node it stands in.
    pub node: NodeCode,
    /// The longest silence.
    pub every: Milliseconds,
}

/// Deadlines of answers, from below and from above.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Clocks {
    /// First contact with residents, by class.
    pub feedback: BTreeMap<FeedbackClass, Milliseconds>,
    /// An order is confirmed from below within.
    pub order_confirmed: Option<Milliseconds>,
    /// A report is answered from above within.
    pub report_answered: Option<Milliseconds>,
    /// A finding is answered within.
    pub finding_answered: Option<Milliseconds>,
    /// Oversight inspects again after.
    pub oversight_every: Option<Milliseconds>,
    /// The shortest time in emergency mode.
    pub emergency_minimum: Milliseconds,
    /// A review is due so long after the return to normal.
    pub review_within: Option<Milliseconds>,
    /// More direct reports than this are too many for one commander.
    pub span_max: Option<u32>,
    /// The public sees what was decided so much later; `None`: there is no public view.
    pub public_delay: Option<Milliseconds>,
    /// Papers of what was spent to save lives come within.
    pub papers_within: Option<Milliseconds>,
}

/// Budgets and pots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Funds {
    /// Money that a node and those below it may spend, in minor units. A node without one has no budget of its own.
    pub budgets: BTreeMap<NodeCode, i64>,
    /// Where awards come from.
    pub pots: BTreeMap<Currency, Pot>,
}

/// Where awards of a currency come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pot {
    /// What it holds at the start.
    pub budget: i64,
    /// An award above this waits for a person's budget check.
    pub check_above: i64,
    /// Awards lapse after; `None`: never.
    pub valid: Option<Milliseconds>,
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
    /// What it may do: `order`, `approve`, `spend`, `call`, `report`, `supervise`, `grant`, `budget`, `roster`, `verify`.
    /// `order/service_stop` gives that one kind of order only.
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
    /// Working days to acknowledge, where the clock counts those.
    pub acknowledge_working_days: Option<u32>,
    /// An acknowledgement without a report-in holds so long; then the call stands open again.
    pub acknowledgement_holds: Option<Milliseconds>,
    /// Climbs while there is no acknowledgement.
    pub ladder: Vec<Rung>,
    /// Climbs while nobody has reported in.
    pub arrival_ladder: Vec<Rung>,
}
