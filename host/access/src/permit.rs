//! Whether an identity may do an action on a target, and what is missing when not. Pure: same arguments, same verdict.
//!
//! It must never permit by default. Other districts are walls, and a district's drills are another district.

use std::fmt;

use muster_kernel::{DistrictId, NodeCode, State, Tier, roster};
use serde::{Deserialize, Serialize};

use crate::identity::EXERCISE_SUFFIX;
use crate::matrix::{roles_with, scope_of};
use crate::{AccessRole, Action, Binding, Identity, Scope, Words};

/// The most steps from a node to the top: more are a circle in the tree.
const DEPTH_MAX: usize = 32;

/// The tree of a district, as its charter has it.
pub trait Tree {
    /// The node above; `None` at the top and for a node that the tree does not know.
    fn parent(&self, node: &NodeCode) -> Option<NodeCode>;

    /// The tier of a node, when known.
    fn tier(&self, node: &NodeCode) -> Option<Tier>;

    /// Whether a node is another one or below it.
    fn is_within(&self, inner: &NodeCode, outer: &NodeCode) -> bool {
        let above = std::iter::successors(Some(inner.clone()), |node| self.parent(node));
        above.take(DEPTH_MAX).any(|node| node == *outer)
    }
}

/// A tree that knows parents only: a binding that is narrowed to a tier reaches nothing in it.
impl<F: Fn(&NodeCode) -> Option<NodeCode>> Tree for F {
    fn parent(&self, node: &NodeCode) -> Option<NodeCode> {
        self(node)
    }

    fn tier(&self, _: &NodeCode) -> Option<Tier> {
        None
    }
}

/// The tree of the charter in force; without a charter every node stands alone.
impl Tree for State {
    fn parent(&self, node: &NodeCode) -> Option<NodeCode> {
        roster::exact(self, node.as_str())?.parent.clone()
    }

    fn tier(&self, node: &NodeCode) -> Option<Tier> {
        Some(roster::exact(self, node.as_str())?.tier)
    }
}

/// What an action is to be done on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The district; `None`: the host itself.
    pub district: Option<DistrictId>,
    /// Its drills, not the district.
    pub exercise: bool,
    /// The node; `None`: unknown. Whoever asks about a whole district asks about its root.
    pub node: Option<NodeCode>,
}

impl Target {
    /// The host itself.
    pub const fn host() -> Self {
        Self { district: None, exercise: false, node: None }
    }

    /// A district by its name as it stands in a route: `NAME`, or `NAME.exercise` for its drills.
    pub fn district(name: &str) -> Self {
        let (name, exercise) = name.strip_suffix(EXERCISE_SUFFIX).map_or((name, false), |name| (name, true));
        Self { district: Some(name.into()), exercise, node: None }
    }

    /// A node of it.
    #[must_use]
    pub fn at(self, node: impl Into<NodeCode>) -> Self {
        Self { node: Some(node.into()), ..self }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.district, &self.node) {
            (None, _) => formatter.write_str("the host"),
            (Some(district), node) => {
                write!(formatter, "{district}{}", if self.exercise { EXERCISE_SUFFIX } else { "" })?;
                node.as_ref().map_or(Ok(()), |node| write!(formatter, " {node}"))
            }
        }
    }
}

/// The binding that permits, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// The binding.
    pub binding: Binding,
    /// How far its role reaches with the action.
    pub scope: Scope,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may, by this binding: the first that does.
    Permitted(Grounds),
    /// It may not.
    Refused(Refusal),
}

impl Verdict {
    /// Whether it may.
    pub const fn is_permitted(&self) -> bool {
        matches!(self, Self::Permitted(_))
    }
}

/// What is missing. Ordered: a later one came nearer to a permission, and is the one that is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Bound to nothing at all.
    NoBinding(Action),
    /// None of its roles has the action.
    NoRole {
        /// The action.
        action: Action,
        /// The roles that have it.
        roles: Vec<AccessRole>,
    },
    /// Held for something else than the host.
    NotTheHost(Action, AccessRole),
    /// Held in another district.
    OtherDistrict(Action, AccessRole, DistrictId),
    /// Held in the district and not in its drills, or the other way round. True: the target is a drill.
    Wall(Action, AccessRole, bool),
    /// The binding has no node, and the action needs one.
    BindingWithoutNode(Action, AccessRole),
    /// The target's node is unknown, and the action is bound to nodes.
    TargetWithoutNode(Action, AccessRole),
    /// The target's node lies elsewhere in the tree.
    OutsideNode {
        /// The action.
        action: Action,
        /// The role.
        role: AccessRole,
        /// The binding's node.
        own: NodeCode,
        /// The target's node.
        node: NodeCode,
        /// How far the role reaches from its node.
        scope: Scope,
    },
    /// The target's node is of a higher tier than the binding, or of an unknown one.
    AboveTier(Action, AccessRole, Tier),
}

impl Refusal {
    /// Whether the tree of the district could have changed the verdict. False: it is refused whatever the tree says.
    pub const fn depends_on_tree(&self) -> bool {
        matches!(self, Self::TargetWithoutNode(..) | Self::OutsideNode { .. } | Self::AboveTier(..))
    }

    /// What is missing and how to get it, for people.
    pub fn words(&self) -> Words {
        match self {
            Self::NoBinding(action) => Words::new(
                format!("不能{}：没有绑定任何角色；请由管理员绑定角色", action.chinese()),
                format!("may not {}: bound to no role; ask an administrator for one", action.english()),
            ),
            Self::NoRole { action, roles } => {
                let zh: Vec<&str> = roles.iter().map(|role| role.chinese()).collect();
                let en: Vec<&str> = roles.iter().map(|role| role.english()).collect();
                Words::new(
                    format!("不能{}：需要以下角色之一：{}", action.chinese(), zh.join("、")),
                    format!("may not {}: it needs one of the roles {}", action.english(), en.join(", ")),
                )
            }
            Self::NotTheHost(action, role) => Words::new(
                format!("不能{}：{}的绑定只及于辖区，不及于主机", action.chinese(), role.chinese()),
                format!("may not {} for the whole host: the role {role} is bound to a district", action.english()),
            ),
            Self::OtherDistrict(action, role, district) => Words::new(
                format!("不能在 {district} {}：{}的绑定不在该辖区", action.chinese(), role.chinese()),
                format!("may not {} in {district}: the role {role} is bound elsewhere", action.english()),
            ),
            Self::Wall(action, role, true) => Words::new(
                format!("不能在演练中{}：{}的绑定不含演练；请绑定 exercise = true", action.chinese(), role.chinese()),
                format!(
                    "may not {} in a drill: the role {role} is bound outside of drills; bind it with `exercise = true`",
                    action.english()
                ),
            ),
            Self::Wall(action, role, false) => Words::new(
                format!("不能在实战中{}：{}的绑定只含演练", action.chinese(), role.chinese()),
                format!("may not {} outside of drills: the role {role} is bound for drills only", action.english()),
            ),
            Self::BindingWithoutNode(action, role) => Words::new(
                format!("不能{}：{}的绑定没有写明节点；请补上 node", action.chinese(), role.chinese()),
                format!("may not {}: the role {role} is bound without a node; add `node`", action.english()),
            ),
            Self::TargetWithoutNode(action, role) => Words::new(
                format!("不能{}：对象没有已知的节点，而{}只及于节点；请写明节点", action.chinese(), role.chinese()),
                format!(
                    "may not {}: no known node is named, and the role {role} reaches nodes only; name the node",
                    action.english()
                ),
            ),
            Self::OutsideNode { action, role, own, node, scope } => Words::new(
                format!(
                    "不能在 {node} {}：{}只及于 {own}{}",
                    action.chinese(),
                    role.chinese(),
                    if *scope == Scope::OwnNode { "" } else { " 及其下级" }
                ),
                format!(
                    "may not {} at {node}: the role {role} reaches {own}{} only",
                    action.english(),
                    if *scope == Scope::OwnNode { "" } else { " and below" }
                ),
            ),
            Self::AboveTier(action, role, tier) => Words::new(
                format!("不能{}：{}只及于{}及以下层级", action.chinese(), role.chinese(), tier_chinese(*tier)),
                format!("may not {}: the role {role} reaches the tier {tier} and lower ones only", action.english()),
            ),
        }
    }
}

const fn tier_chinese(tier: Tier) -> &'static str {
    match tier {
        Tier::Team => "队伍",
        Tier::Community => "社区",
        Tier::Street => "街道、乡镇",
        Tier::District => "区、县",
        Tier::City => "市",
        Tier::Province => "省",
        Tier::Nation => "国家",
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words().en)
    }
}

/// Whether an identity may do an action on a target.
///
/// The tree is that of the target's district; for the host itself any will do.
pub fn permits(identity: &Identity, action: Action, target: &Target, tree: &impl Tree) -> Verdict {
    let asked = |binding: &Binding| {
        let scope = scope_of(binding.role, action);
        reaches(binding, scope, action, target, tree).map(|()| Grounds { binding: binding.clone(), scope })
    };
    // A short way to a yes, never to a no: what is not near may permit, too, where a role reaches the whole host.
    if let Some(grounds) = identity.bindings_near(target.district.as_ref()).find_map(|binding| asked(binding).ok()) {
        return Verdict::Permitted(grounds);
    }
    let mut nearest = Refusal::NoBinding(action);
    for binding in &identity.bindings {
        match asked(binding) {
            Ok(grounds) => return Verdict::Permitted(grounds),
            Err(refusal) => nearest = nearest.max(refusal),
        }
    }
    Verdict::Refused(nearest)
}

/// Whether a binding, whose role reaches so far, reaches the target. A wider scope never reaches less.
pub(crate) fn reaches(
    binding: &Binding,
    scope: Scope,
    action: Action,
    target: &Target,
    tree: &impl Tree,
) -> Result<(), Refusal> {
    let role = binding.role;
    if scope == Scope::Nowhere {
        return Err(Refusal::NoRole { action, roles: roles_with(action) });
    }
    // What is wrong with a binding is no reason to let it count for more: it counts for nothing.
    if binding.check().is_err() {
        return Err(Refusal::NoBinding(action));
    }
    if scope == Scope::Host {
        return Ok(());
    }
    let Some(district) = &target.district else { return Err(Refusal::NotTheHost(action, role)) };
    if binding.district.as_ref() != Some(district) {
        return Err(Refusal::OtherDistrict(action, role, district.clone()));
    }
    if binding.exercise != target.exercise {
        return Err(Refusal::Wall(action, role, target.exercise));
    }
    if scope < Scope::District {
        within_nodes(binding, scope, action, target, tree)?;
    }
    let Some(highest) = binding.tier else { return Ok(()) };
    let tier = target.node.as_ref().and_then(|node| tree.tier(node));
    if tier.is_some_and(|tier| tier <= highest) { Ok(()) } else { Err(Refusal::AboveTier(action, role, highest)) }
}

fn within_nodes(
    binding: &Binding,
    scope: Scope,
    action: Action,
    target: &Target,
    tree: &impl Tree,
) -> Result<(), Refusal> {
    let role = binding.role;
    let Some(own) = &binding.node else { return Err(Refusal::BindingWithoutNode(action, role)) };
    let Some(node) = &target.node else { return Err(Refusal::TargetWithoutNode(action, role)) };
    if node == own || (scope == Scope::OwnAndBelow && tree.is_within(node, own)) {
        return Ok(());
    }
    Err(Refusal::OutsideNode { action, role, own: own.clone(), node: node.clone(), scope })
}
