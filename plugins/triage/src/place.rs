//! Where a node stands in the tree.

use muster_sdk::roster;

/// A tree is never deeper; the bound ends a walk whatever the roster says.
const DEPTH_MAX: usize = 16;

/// The node and all nodes above it, lowest first. Each is asked for only when the one below did not settle the matter.
pub(crate) fn lineage(code: &str) -> impl Iterator<Item = String> {
    core::iter::successors(Some(code.to_string()), |code| roster::find(code)?.parent).take(DEPTH_MAX)
}
