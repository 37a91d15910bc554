//! Who is where: nodes, departments and posts, answered from the charter in force.
//!
//! Pure look-ups. Nothing here decides who may act; see [`crate::charter`] and the bounds of the step.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::act::Party;
use crate::charter::{Department, Node};
use crate::{Instant, NodeCode, State, Tier};

/// The node with this code, or its nearest known ancestor by code; the root when there is none.
pub fn node<'a>(state: &'a State, code: &str) -> Option<&'a Node> {
    let known = exact(state, code).or_else(|| lineage_of(code).skip(1).find_map(|candidate| exact(state, &candidate)));
    known.or_else(|| exact(state, state.charter()?.root.as_str()))
}

/// The node with exactly this code.
pub fn exact<'a>(state: &'a State, code: &str) -> Option<&'a Node> {
    let position = *state.index.nodes.get(code)?;
    state.charter()?.nodes.get(position)
}

/// The codes that may stand for a place, the longest first: the code itself, then its area codes upward.
///
/// Chinese area codes nest: 12 digits for a community, 9 for a street, 6 for a district, where `..00` is a city and
/// `..0000` a province.
pub fn lineage_of(code: &str) -> impl Iterator<Item = String> {
    let mut codes: Vec<String> = Vec::with_capacity(6);
    let mut add = |candidate: String| {
        if !candidate.is_empty() && !codes.contains(&candidate) {
            codes.push(candidate);
        }
    };
    add(code.to_string());
    if code.bytes().all(|digit| digit.is_ascii_digit()) {
        for length in [12, 9, 6] {
            if code.len() > length {
                add(code[..length].to_string());
            }
        }
        if code.len() >= 6 {
            add(alloc::format!("{}00", &code[..4]));
            add(alloc::format!("{}0000", &code[..2]));
        }
    }
    codes.into_iter()
}

/// The node and all nodes above it, lowest first.
pub fn ancestors<'a>(state: &'a State, code: &str) -> impl Iterator<Item = &'a Node> {
    // A tree deeper than this is a loop; the charter is checked for loops when it is read, this bound makes sure.
    const DEPTH_MAX: usize = 16;
    core::iter::successors(exact(state, code), move |node| exact(state, node.parent.as_ref()?.as_str())).take(DEPTH_MAX)
}

/// Whether `inner` is `outer` or lies below it.
pub fn is_within(state: &State, inner: &str, outer: &str) -> bool {
    ancestors(state, inner).any(|node| node.code.as_str() == outer)
}

/// The nearest node at this tier or higher, starting with the node itself; the highest when none is that high.
pub fn at_tier<'a>(state: &'a State, code: &str, tier: Tier) -> Option<&'a Node> {
    let mut last = None;
    for node in ancestors(state, code) {
        last = Some(node);
        if node.tier >= tier {
            break;
        }
    }
    last
}

/// All nodes of a tier at or below a node, by code.
pub fn below(state: &State, code: &str, tier: Tier) -> Vec<NodeCode> {
    let Some(charter) = state.charter() else { return Vec::new() };
    let of_tier = charter.nodes.iter().filter(|node| node.tier == tier);
    let mut codes: Vec<NodeCode> =
        of_tier.filter(|node| is_within(state, node.code.as_str(), code)).map(|node| node.code.clone()).collect();
    codes.sort_unstable();
    codes
}

/// The department that gives this service to a node: its own, or the nearest above.
pub fn department<'a>(state: &'a State, code: &str, service: &str) -> Option<&'a Department> {
    let charter = state.charter()?;
    ancestors(state, code).find_map(|node| {
        let of_node = charter.departments.iter().filter(|department| department.node == node.code);
        of_node.into_iter().find(|department| department.services.iter().any(|given| given == service))
    })
}

/// The department whose events come from this source.
pub fn department_of_source<'a>(state: &'a State, source: &str) -> Option<&'a Department> {
    let charter = state.charter()?;
    charter.departments.iter().find(|department| {
        department.sources.iter().any(|pattern| pattern.replace("{node}", department.node.as_str()) == source)
    })
}

/// The nodes for which this source may use this power. A node code in the source counts where the pattern has `{node}`.
pub fn acts_for(state: &State, source: &str, power: &str) -> Vec<NodeCode> {
    let Some(charter) = state.charter() else { return Vec::new() };
    // `order` covers `order/service_stop`, never the other way round.
    let covers =
        |held: &String| held == power || power.strip_prefix(held.as_str()).is_some_and(|of| of.starts_with('/'));
    let holding = charter.actors.iter().filter(|actor| actor.powers.iter().any(covers));
    holding
        .filter_map(|actor| match actor.source.split_once("{node}") {
            Some((before, after)) => {
                let code = node_in(source, before, after)?;
                Some(actor.node.clone().unwrap_or_else(|| code.into()))
            }
            None if actor.source == source => Some(actor.node.clone().unwrap_or_else(|| charter.root.clone())),
            None => None,
        })
        .collect()
}

/// What stands for `{node}` in a source. A `*` after it stands for any text without a colon.
fn node_in<'a>(source: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = source.strip_prefix(before)?;
    let Some((middle, end)) = after.split_once('*') else { return rest.strip_suffix(after) };
    let (code, wild) = rest.strip_suffix(end)?.split_once(middle)?;
    (!code.is_empty() && !wild.contains(':')).then_some(code)
}

/// Whether this source may use this power for a node: it acts for the node itself or for one above it.
pub fn may_act(state: &State, source: &str, power: &str, node: &str) -> bool {
    acts_for(state, source, power).iter().any(|held| is_within(state, node, held.as_str()))
}

/// Turns a relative party of a ladder into a real one, seen from the party that was silent.
pub fn resolve(state: &State, party: &Party, seen_from: &str) -> Party {
    match party {
        Party::DutyAbove(tier) => {
            let node = at_tier(state, seen_from, *tier).map_or_else(|| seen_from.into(), |node| node.code.clone());
            duty_of(node)
        }
        other => other.clone(),
    }
}

/// The duty post of a node.
pub fn duty_of(node: NodeCode) -> Party {
    Party::Post { node, name: "duty".to_string() }
}

/// The duty post one tier above a node; its own when it is the highest.
pub fn duty_above(state: &State, code: &str) -> Party {
    let above = ancestors(state, code).nth(1).or_else(|| exact(state, code));
    duty_of(above.map_or_else(|| code.into(), |node| node.code.clone()))
}

/// The node that a party belongs to, when it belongs to one.
pub fn node_of(party: &Party) -> Option<&NodeCode> {
    match party {
        Party::Post { node, .. } | Party::Department { node, .. } => Some(node),
        Party::Team(_) | Party::DutyAbove(_) => None,
    }
}

/// What people call a party.
pub fn title(state: &State, party: &Party) -> String {
    let place =
        |node: &NodeCode| exact(state, node.as_str()).map_or_else(|| node.to_string(), |found| found.name.clone());
    match party {
        Party::Post { node, name } => alloc::format!("{} {name}", place(node)),
        Party::Department { node, name } => {
            let departments = state.charter().map(|charter| charter.departments.as_slice()).unwrap_or_default();
            let known = departments.iter().find(|department| department.node == *node && department.name == *name);
            known.map_or_else(|| alloc::format!("{} {name}", place(node)), |department| department.title.clone())
        }
        Party::Team(team) => team.clone(),
        Party::DutyAbove(tier) => alloc::format!("duty of the {tier} above"),
    }
}

/// Who holds a post of a node at an instant: by an override, else by the roster. `None`: nobody is known.
pub fn on_duty<'a>(state: &'a State, node: &NodeCode, post: &str, at: Instant) -> Option<&'a str> {
    let first = (node.clone(), String::from(post), Instant::MIN);
    let of_post = state.overrides.range_from(&first).take_while(|((of, name, _), _)| of == node && name == post);
    let overriding = of_post.filter(|((_, _, from), row)| *from <= at && at < row.until).last();
    overriding.map(|(_, row)| row.person.as_str()).or_else(|| on_roster(state, node, post, at))
}

fn on_roster<'a>(state: &'a State, node: &NodeCode, post: &str, at: Instant) -> Option<&'a str> {
    let mut duties = state.charter()?.duties.iter();
    duties.find_map(|duty| {
        let runs = duty.starts <= at && duty.ends.is_none_or(|ends| at < ends);
        if duty.node != *node || duty.post != post || !runs || duty.shift.0 <= 0 {
            return None;
        }
        let shifts = (at - duty.starts).0 / duty.shift.0;
        let turn = usize::try_from(shifts).ok()?.checked_rem(duty.people.len())?;
        duty.people.get(turn).map(String::as_str)
    })
}

/// Whether a roster is kept for a post at all. Where none is, nobody can be missing from it.
pub fn keeps_roster(state: &State, node: &NodeCode, post: &str) -> bool {
    let duties = state.charter().map(|charter| charter.duties.as_slice()).unwrap_or_default();
    duties.iter().any(|duty| duty.node == *node && duty.post == post)
}

/// The children of a node in the tree, by code.
pub fn children(state: &State, code: &str) -> Vec<NodeCode> {
    let nodes = state.charter().map(|charter| charter.nodes.as_slice()).unwrap_or_default();
    let below = nodes.iter().filter(|node| node.parent.as_ref().is_some_and(|parent| parent.as_str() == code));
    below.map(|node| node.code.clone()).collect()
}
