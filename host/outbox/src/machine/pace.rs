//! When the next attempt may be: pauses with full jitter, circuit breakers, and rates. Pure arithmetic on instants.

use muster_kernel::{Instant, Milliseconds};
use sha2::{Digest as _, Sha256};

use super::Limits;
use crate::settings::RateLimit;
use crate::{Disabled, MessageId};

/// A base that is doubled so many times, at most `most`.
fn doubled(base: Milliseconds, times: u32, most: Milliseconds) -> Milliseconds {
    let factor = 1_i64.checked_shl(times.min(62)).unwrap_or(i64::MAX);
    Milliseconds(base.0.saturating_mul(factor).min(most.0))
}

/// The pause after a failure: random from zero to a bound that doubles with each attempt (full jitter). It follows from
/// the seed, the message and the attempt, so the order of other events does not change it.
pub(super) fn pause(limits: &Limits, seed: u64, id: &MessageId, attempts: u32) -> Milliseconds {
    let bound = doubled(limits.pause, attempts.saturating_sub(1), limits.pause_max);
    let digest = Sha256::digest(format!("{seed}/{id}/{attempts}"));
    let chance = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    let bound = u64::try_from(bound.0).unwrap_or_default();
    Milliseconds(i64::try_from(chance % (bound + 1)).expect("the bound is an i64"))
}

/// One channel of one recipient, as the outbox sees it: how it did of late.
#[derive(Debug, Clone, Default)]
pub(super) struct Endpoint {
    /// Failures in a row.
    failures: u32,
    /// How often in a row the circuit opened.
    openings: u32,
    /// Left alone until then; from then on one attempt probes it.
    pub(super) open_until: Option<Instant>,
    /// The other side asked for time until then.
    pub(super) asked_until: Option<Instant>,
    /// Switched off.
    pub(super) disabled: Option<Disabled>,
}

impl Endpoint {
    /// It is left alone from now on for no longer than it ever would be: the clock may have been set back.
    pub(super) fn bound(&mut self, limits: &Limits, now: Instant) {
        let at_most = |until: Option<Instant>, most: Milliseconds| until.map(|until| until.min(now + most));
        self.open_until = at_most(self.open_until, limits.circuit_max);
        self.asked_until = at_most(self.asked_until, limits.retry_after_max);
    }

    /// From when on it may be tried; `None`: at once.
    pub(super) fn free_from(&self) -> Option<Instant> {
        self.open_until.max(self.asked_until)
    }

    pub(super) fn is_free(&self, now: Instant) -> bool {
        self.free_from().is_none_or(|from| from <= now)
    }

    /// The other side answered. True when the circuit was open until now.
    pub(super) fn succeeded(&mut self) -> bool {
        let was_open = self.open_until.is_some();
        *self = Self { disabled: self.disabled.take(), ..Self::default() };
        was_open
    }

    /// An attempt failed. The instant of the next probe when the circuit opens now.
    pub(super) fn failed(
        &mut self,
        limits: &Limits,
        now: Instant,
        retry_after: Option<Milliseconds>,
    ) -> Option<Instant> {
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.map(|wait| Milliseconds(wait.0.clamp(0, limits.retry_after_max.0)));
        self.asked_until = asked.map(|wait| now + wait);
        if self.failures < limits.circuit_failures && self.open_until.is_none() {
            return None;
        }
        let was_open = self.open_until.is_some();
        let until = now + doubled(limits.circuit, self.openings, limits.circuit_max);
        self.openings = self.openings.saturating_add(1);
        self.open_until = Some(until);
        (!was_open).then_some(until)
    }
}

/// A token bucket, as the instant at which it would be full again (the generic cell rate algorithm). In microseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Rate {
    limit: Option<RateLimit>,
    full_at: i64,
}

impl Rate {
    pub(super) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, full_at: i64::MIN }
    }

    /// Time for one token and for all of them.
    fn lengths(limit: RateLimit) -> (i64, i64) {
        let all = limit.per.0.saturating_mul(1_000);
        ((all / i64::from(limit.messages)).max(1), all)
    }

    /// A clock that was set back must not stop a recipient for longer than one round.
    pub(super) fn bound(&mut self, now: Instant) {
        let Some(limit) = self.limit else { return };
        let (_, all) = Self::lengths(limit);
        self.full_at = self.full_at.min(now.as_millis().saturating_mul(1_000).saturating_add(all));
    }

    /// From when on the next attempt may be.
    pub(super) fn free_from(&self, now: Instant) -> Instant {
        let Some(limit) = self.limit else { return now };
        let (one, all) = Self::lengths(limit);
        let free = self.full_at.saturating_sub(all - one);
        // Rounded up: never early.
        Instant::from_millis(free.saturating_add(999).div_euclid(1_000)).max(now)
    }

    pub(super) fn take(&mut self, now: Instant) {
        let Some(limit) = self.limit else { return };
        let (one, all) = Self::lengths(limit);
        let now = now.as_millis().saturating_mul(1_000);
        self.full_at = self.full_at.clamp(now, now.saturating_add(all)) + one;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;

    fn limits() -> Limits {
        Limits::of(&crate::settings::LimitSettings::default())
    }

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn pauses_spread_over_a_bound_that_doubles_up_to_the_longest() {
        let position = |seq| Position { seq, index: 0 };
        let id = |seq| MessageId { district: "d".into(), position: position(seq), mark: None, recipient: "r".into() };
        for (attempts, bound) in [(1, 1_000), (2, 2_000), (5, 16_000), (11, 600_000), (200, 600_000)] {
            let pauses: Vec<i64> = (0..300).map(|seq| pause(&limits(), 7, &id(seq), attempts).0).collect();
            assert!(pauses.iter().all(|pause| (0..=bound).contains(pause)), "{attempts}");
            let mean = pauses.iter().sum::<i64>() / 300;
            assert!((bound * 2 / 5..=bound * 3 / 5).contains(&mean), "{attempts}: {mean}");
        }
        assert_eq!(pause(&limits(), 7, &id(1), 3), pause(&limits(), 7, &id(1), 3));
        assert_ne!(pause(&limits(), 7, &id(1), 3), pause(&limits(), 8, &id(1), 3));
    }

    #[test]
    fn a_circuit_opens_probes_and_closes() {
        let mut endpoint = Endpoint::default();
        for _ in 0..4 {
            assert_eq!(endpoint.failed(&limits(), at(0), None), None);
        }
        assert_eq!(endpoint.failed(&limits(), at(0), None), Some(at(30_000)));
        assert!(!endpoint.is_free(at(29_999)) && endpoint.is_free(at(30_000)));
        assert_eq!(endpoint.failed(&limits(), at(30_000), None), None, "it is open already");
        assert_eq!(endpoint.free_from(), Some(at(90_000)), "a failed probe doubles");
        for _ in 0..20 {
            endpoint.failed(&limits(), at(0), None);
        }
        assert_eq!(endpoint.free_from(), Some(at(600_000)), "and is bounded");
        assert!(endpoint.succeeded() && !endpoint.succeeded());
        assert!(endpoint.is_free(at(0)));
    }

    #[test]
    fn what_the_other_side_asks_for_is_granted_within_bounds() {
        let mut endpoint = Endpoint::default();
        endpoint.failed(&limits(), at(0), Some(Milliseconds(120_000)));
        assert_eq!(endpoint.free_from(), Some(at(120_000)));
        endpoint.failed(&limits(), at(0), Some(Milliseconds(i64::MAX)));
        assert_eq!(endpoint.free_from(), Some(at(3_600_000)));
    }

    #[test]
    fn a_rate_allows_a_burst_and_then_its_pace() {
        let limit = RateLimit { messages: 20, per: Milliseconds(60_000) };
        let mut rate = Rate::new(Some(limit));
        let mut now = at(0);
        let mut sent = Vec::new();
        for _ in 0..60 {
            now = rate.free_from(now);
            rate.take(now);
            sent.push(now.as_millis());
        }
        assert_eq!(sent[19], 0);
        assert_eq!(sent[20], 3_000);
        assert_eq!(sent[59], 120_000);
        // The clock was set back, and goes on from there.
        let mut now = at(-1_000_000_000);
        rate.bound(now);
        let free = rate.free_from(now);
        assert_eq!(free, now + Milliseconds(3_000));
        while now < free {
            now = now + Milliseconds(1_000);
            rate.bound(now);
        }
        assert_eq!(rate.free_from(now), now, "it is not put off again with every look");
    }
}
