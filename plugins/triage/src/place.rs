//! Where a node stands in the tree.

use muster_sdk::roster;

/// A tree is never deeper; the bound ends a walk whatever the roster says.
const DEPTH_MAX: usize = 16;

/// The node and all nodes above it, lowest first.
pub(crate) fn lineage(code: &str) -> Vec<String> {
    let mut codes = Vec::with_capacity(6);
    let mut next = Some(code.to_string());
    while let Some(code) = next.filter(|_| codes.len() < DEPTH_MAX) {
        let node = roster::find(&code);
        next = node.and_then(|node| node.parent);
        codes.push(code);
    }
    codes
}
