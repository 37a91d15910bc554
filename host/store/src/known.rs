//! What is known of the durable journal: the end of every chain, and where records stand.

use std::collections::BTreeMap;

/// The end of a district's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Position of the last record; 0 before the first.
    pub seq: u64,
    /// Its hash; zeros before the first.
    pub hash: [u8; 32],
}

/// What is known of the durable journal.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) heads: BTreeMap<String, Head>,
    pub(crate) places: Places,
    pub(crate) free_bytes: Option<u64>,
}

/// Where records stand, sparsely.
#[derive(Default)]
pub(crate) struct Places {
    pub(crate) by_district: BTreeMap<String, BTreeMap<u64, (u64, u64)>>,
}

/// Where records stand; every so many of a district are remembered, the rest is found by walking.
impl Places {
    const EVERY: u64 = 256;

    /// Whether the place of the record at this position is remembered.
    pub(crate) fn are_remembered(seq: u64) -> bool {
        seq % Self::EVERY == 1
    }

    pub(crate) fn add(&mut self, district: &str, seq: u64, segment: u64, offset: u64) {
        if Self::are_remembered(seq) {
            self.by_district.entry(district.into()).or_default().insert(seq, (segment, offset));
        }
    }

    /// Where the first record of all stands.
    pub(crate) fn first(&self) -> Option<(u64, u64)> {
        self.by_district.values().filter_map(|places| places.values().next()).min().copied()
    }

    /// The nearest remembered place at or before a position.
    pub(crate) fn before(&self, district: &str, seq: u64) -> Option<(u64, u64)> {
        let places = self.by_district.get(district)?;
        places.range(..=seq).next_back().map(|(_, place)| *place)
    }
}
