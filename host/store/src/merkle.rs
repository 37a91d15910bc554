//! A tree over the hashes of a chain, as RFC 6962 builds it: one signed root stands for all entries, and a short path
//! proves that one of them is under it.

use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

fn leaf(hash: &Hash) -> Hash {
    Sha256::new().chain_update([0]).chain_update(hash).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// A tree that grows at its right end. Only the roots of its whole subtrees are kept: one for each bit of its size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Tree {
    /// A tree of this size with these subtrees, from the largest to the smallest; `None` when they do not fit the size.
    pub fn restored(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (u32::try_from(subtrees.len()) == Ok(size.count_ones())).then_some(Self { size, subtrees })
    }

    /// Adds the hash of the next entry.
    pub fn add(&mut self, hash: &Hash) {
        let mut whole = leaf(hash);
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("there is a subtree for each bit of the size");
            whole = node(&left, &whole);
        }
        self.subtrees.push(whole);
        self.size += 1;
    }

    /// How many hashes it holds.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its whole subtrees.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// The root. Of nothing, it is the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut rest = self.subtrees.iter().rev();
        let Some(last) = rest.next() else { return Sha256::digest([]).into() };
        rest.fold(*last, |right, left| node(left, &right))
    }
}

/// The path from one hash to the root of all of them, the nearest first (RFC 6962, 2.1.1). `None` when there is no such
/// position.
pub fn path(hashes: &[Hash], position: usize) -> Option<Vec<Hash>> {
    if position >= hashes.len() {
        return None;
    }
    if hashes.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = hashes.split_at(split(hashes.len()));
    let (mut steps, other) = match position.checked_sub(left.len()) {
        None => (path(left, position)?, right),
        Some(position) => (path(right, position)?, left),
    };
    let mut beside = Tree::default();
    for hash in other {
        beside.add(hash);
    }
    steps.push(beside.root());
    Some(steps)
}

/// The root that a hash at a position leads to on a path, in a tree of that size. `None` when the path does not fit.
pub fn root_of(hash: &Hash, position: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if position >= size {
        return None;
    }
    if size == 1 {
        return path.is_empty().then(|| leaf(hash));
    }
    let (beside, below) = path.split_last()?;
    let half = size.next_power_of_two() / 2;
    match position.checked_sub(half) {
        None => Some(node(&root_of(hash, position, half, below)?, beside)),
        Some(position) => Some(node(beside, &root_of(hash, position, size - half, below)?)),
    }
}

/// The largest power of two below a number above one.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(hashes: &[Hash]) -> Tree {
        let mut tree = Tree::default();
        for hash in hashes {
            tree.add(hash);
        }
        tree
    }

    fn hashes(count: u64) -> Vec<Hash> {
        (0..count).map(|number| Sha256::digest(number.to_le_bytes()).into()).collect()
    }

    #[test]
    fn every_entry_is_proved_and_nothing_else_is() {
        for count in 1..=33 {
            let hashes = hashes(count);
            let tree = grown(&hashes);
            for (position, hash) in hashes.iter().enumerate() {
                let steps = path(&hashes, position).expect("a path");
                assert_eq!(root_of(hash, position as u64, count, &steps), Some(tree.root()));
                assert_ne!(root_of(&[9; 32], position as u64, count, &steps), Some(tree.root()));
                let other = (position as u64 + 1) % count;
                assert!(count == 1 || root_of(hash, other, count, &steps) != Some(tree.root()));
            }
            assert_eq!(path(&hashes, hashes.len()), None);
        }
    }

    /// Test vector of RFC 6962 implementations: the tree over no entry.
    #[test]
    fn the_empty_tree_is_the_hash_of_nothing() {
        assert_eq!(
            crate::vault::hexadecimal(&Tree::default().root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn a_restored_tree_grows_as_the_first_would_have() {
        let hashes = hashes(21);
        let begun = grown(&hashes[..13]);
        let mut restored = Tree::restored(13, begun.subtrees().to_vec()).expect("it fits");
        for hash in &hashes[13..] {
            restored.add(hash);
        }
        assert_eq!(restored, grown(&hashes));
        assert_eq!(Tree::restored(13, Vec::new()), None);
    }
}
