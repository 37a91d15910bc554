//! Chance that can be had again: everything drawn follows from a name, so that one case can be made anew by itself.

use muster_kernel::Digest;

/// Draws for one case.
pub(crate) struct Draw(fastrand::Rng);

impl Draw {
    /// The draws of this name; the same name draws the same.
    pub(crate) fn of(name: &str) -> Self {
        let Digest(bytes) = Digest::of(name.as_bytes());
        let seed = bytes.iter().take(8).fold(0_u64, |seed, byte| seed << 8 | u64::from(*byte));
        Self(fastrand::Rng::with_seed(seed))
    }

    /// One of these; there must be at least one.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.0.usize(..choices.len())]
    }

    /// A number in this range, both ends included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0.i64(least..=most)
    }

    /// A count up to and including this one.
    pub(crate) fn count(&mut self, most: usize) -> usize {
        self.0.usize(..=most)
    }

    /// True so many times out of a hundred.
    pub(crate) fn chance(&mut self, percent: u8) -> bool {
        self.0.u8(..100) < percent
    }
}
