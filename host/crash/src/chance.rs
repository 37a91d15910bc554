//! Chance that can be had again: every choice of a run follows from its seed. Must never ask the machine for randomness.

/// A stream of choices (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The choices of one piece of work, for instance of one image: they depend on nothing that other pieces do.
    pub(crate) fn of(seed: u64, piece: u64) -> Self {
        let mut chance = Self(seed ^ piece.wrapping_mul(0xa076_1d64_78bd_642f));
        chance.next();
        chance
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below a bound; 0 when the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// A place in a list of this length.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// Whether something of so many per cent happens.
    pub(crate) fn per_cent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_choices_and_pieces_differ() {
        let three = |seed, piece| {
            let mut chance = Chance::of(seed, piece);
            [chance.next(), chance.next(), chance.next()]
        };
        assert_eq!(three(7, 1), three(7, 1));
        assert_ne!(three(7, 1), three(7, 2));
        assert_ne!(three(7, 1), three(8, 1));
    }
}
