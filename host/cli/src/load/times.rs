//! How long many requests took.

use std::time::Duration;

/// The times of requests, in the order in which they ended.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// The time within which so many of a thousand ended; zero of none.
    pub(crate) fn permille(&mut self, permille: usize) -> Duration {
        if self.0.is_empty() {
            return Duration::ZERO;
        }
        let place = (self.0.len() * permille / 1_000).min(self.0.len() - 1);
        *self.0.select_nth_unstable(place).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permille_is_the_time_within_which_so_many_ended() {
        let mut times = Times::default();
        assert_eq!(times.permille(990), Duration::ZERO);
        (1..=1_000).rev().for_each(|millis| times.add(Duration::from_millis(millis)));
        assert_eq!(times.permille(500), Duration::from_millis(501));
        assert_eq!(times.permille(990), Duration::from_millis(991));
        assert_eq!(times.permille(1_000), Duration::from_secs(1));
    }
}
