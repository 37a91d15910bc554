//! Slows down those who guess: failed proofs are counted by remote address and by token, each in a bucket of its own
//! that refills with time. In virtual time and bounded memory. It must never lock a rightful holder out because a
//! stranger guesses at the holder's token.

use std::collections::BTreeMap;
use std::net::IpAddr;

use muster_kernel::{Instant, Milliseconds};

use crate::token::TokenId;
use crate::{ProofFailure, Words};

/// How many failures are let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Failures in a row; at least 1.
    pub burst: u32,
    /// Time after which one more is let pass; above zero.
    pub refill: Milliseconds,
    /// Addresses, and likewise tokens, that are remembered at most.
    pub remembered_max: usize,
}

impl Default for Pace {
    /// Ten in a row, then one every 30 seconds; 10,000 addresses and 10,000 tokens.
    fn default() -> Self {
        Self { burst: 10, refill: Milliseconds(30_000), remembered_max: 10_000 }
    }
}

/// Too many failed proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed proofs; wait {} s", .retry_after.0.div_euclid(1_000) + 1)]
pub struct Throttled {
    /// When the next may be tried.
    pub retry_after: Milliseconds,
}

impl Throttled {
    /// Whole seconds for the header `Retry-After`, rounded up.
    pub const fn retry_after_seconds(self) -> i64 {
        self.retry_after.0.div_euclid(1_000) + 1
    }

    /// The same for people.
    pub fn words(self) -> Words {
        let zh = format!("身份验证失败次数过多；请等待 {} 秒", self.retry_after_seconds());
        Words::new(zh, self.to_string())
    }
}

/// Since when a bucket would be full, had nothing failed after now. A bucket that is full says nothing and is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    full_at: Instant,
}

#[derive(Debug, Clone)]
struct Buckets<K> {
    pace: Pace,
    of: BTreeMap<K, Bucket>,
}

impl<K: Ord + Clone> Buckets<K> {
    fn new(pace: Pace) -> Self {
        Self { pace, of: BTreeMap::new() }
    }

    fn is_full(&self, key: &K, at: Instant) -> bool {
        self.of.get(key).is_none_or(|bucket| bucket.full_at <= at)
    }

    /// How long until one more failure is let pass; `None`: now.
    fn wait(&self, key: &K, at: Instant) -> Option<Milliseconds> {
        // With `burst - 1` refills outstanding, exactly one failure is left.
        let left_for_one = i64::from(self.pace.burst.max(1) - 1).saturating_mul(self.pace.refill.0);
        let free_at = self.of.get(key)?.full_at - Milliseconds(left_for_one);
        (free_at > at).then(|| free_at - at)
    }

    fn spend(&mut self, key: K, at: Instant) {
        let refill = Milliseconds(self.pace.refill.0.max(1));
        let whole = Milliseconds(refill.0.saturating_mul(i64::from(self.pace.burst.max(1))));
        if let Some(bucket) = self.of.get_mut(&key) {
            // Never emptier than empty: whoever waits a while can try again, however much was tried before.
            bucket.full_at = (bucket.full_at.max(at) + refill).min(at + whole);
            return;
        }
        if self.of.len() >= self.pace.remembered_max.max(1) {
            self.of.retain(|_, bucket| bucket.full_at > at);
        }
        if self.of.len() >= self.pace.remembered_max.max(1) {
            // Every bucket says something: the one that says least goes.
            let least = self.of.iter().min_by_key(|(_, bucket)| bucket.full_at).map(|(key, _)| key.clone());
            least.map(|key| self.of.remove(&key));
        }
        self.of.insert(key, Bucket { full_at: at + refill });
    }
}

/// The guard of one host.
#[derive(Debug, Clone)]
pub struct GuessingGuard {
    remotes: Buckets<IpAddr>,
    tokens: Buckets<TokenId>,
    failures: BTreeMap<&'static str, u64>,
    throttled: u64,
}

impl GuessingGuard {
    /// A guard that has seen nothing yet.
    pub fn new(pace: Pace) -> Self {
        Self { remotes: Buckets::new(pace), tokens: Buckets::new(pace), failures: BTreeMap::new(), throttled: 0 }
    }

    /// Whether a proof may be tried. To be asked before the proof is looked at.
    ///
    /// A token at which many guess is closed to addresses that guessed themselves, not to the address of its holder.
    ///
    /// # Errors
    /// When it is to wait.
    pub fn admit(&mut self, remote: IpAddr, token: Option<TokenId>, at: Instant) -> Result<(), Throttled> {
        let remote = site(remote);
        let by_token = token.filter(|_| !self.remotes.is_full(&remote, at)).and_then(|id| self.tokens.wait(&id, at));
        match self.remotes.wait(&remote, at).max(by_token) {
            None => Ok(()),
            Some(retry_after) => {
                self.throttled = self.throttled.saturating_add(1);
                Err(Throttled { retry_after })
            }
        }
    }

    /// Counts a failed proof.
    pub fn failed(&mut self, remote: IpAddr, failure: &ProofFailure, at: Instant) {
        let count = self.failures.entry(failure.code()).or_default();
        *count = count.saturating_add(1);
        self.remotes.spend(site(remote), at);
        if let Some(token) = failure.token() {
            self.tokens.spend(token, at);
        }
    }

    /// Failed proofs since the start, by [`ProofFailure::code`].
    pub const fn failures(&self) -> &BTreeMap<&'static str, u64> {
        &self.failures
    }

    /// Proofs that had to wait, since the start.
    pub const fn throttled(&self) -> u64 {
        self.throttled
    }

    /// Addresses and tokens that are remembered.
    pub fn remembered(&self) -> (usize, usize) {
        (self.remotes.of.len(), self.tokens.of.len())
    }
}

/// What counts as one remote: an IPv4 address; of IPv6 the first 64 bits, which one subscriber has whole.
fn site(remote: IpAddr) -> IpAddr {
    match remote.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Pace = Pace { burst: 3, refill: Milliseconds(1_000), remembered_max: 50 };

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn token() -> TokenId {
        TokenId::parse("00112233445566ff").expect("an id")
    }

    #[test]
    fn after_a_burst_one_waits_and_then_may_again() {
        let mut guard = GuessingGuard::new(PACE);
        for _ in 0..3 {
            guard.admit(address(1), None, at(0)).expect("within the burst");
            guard.failed(address(1), &ProofFailure::Malformed, at(0));
        }
        assert_eq!(guard.admit(address(1), None, at(0)), Err(Throttled { retry_after: Milliseconds(1_000) }));
        guard.admit(address(2), None, at(0)).expect("another address");
        guard.admit(address(1), None, at(1_000)).expect("one more");
        guard.failed(address(1), &ProofFailure::Malformed, at(1_000));
        assert!(guard.admit(address(1), None, at(1_999)).is_err());
        assert_eq!(guard.failures().get("malformed"), Some(&4));
        assert_eq!(guard.throttled(), 2);
    }

    #[test]
    fn guesses_at_a_token_close_it_to_those_who_guess_and_not_to_its_holder() {
        let mut guard = GuessingGuard::new(PACE);
        for last in 1..=3 {
            guard.failed(address(last), &ProofFailure::WrongSecret(token()), at(0));
        }
        assert!(guard.admit(address(1), Some(token()), at(0)).is_err(), "one guess each, and together too many");
        guard.admit(address(1), None, at(0)).expect("with another proof");
        guard.admit(address(200), Some(token()), at(0)).expect("the holder's address");
    }

    #[test]
    fn however_much_was_tried_the_next_try_is_one_refill_away() {
        let mut guard = GuessingGuard::new(PACE);
        for _ in 0..1_000 {
            guard.failed(address(1), &ProofFailure::WrongSecret(token()), at(0));
        }
        let throttled = guard.admit(address(1), Some(token()), at(0)).expect_err("far too many");
        assert_eq!(throttled.retry_after, PACE.refill);
        guard.admit(address(1), Some(token()), at(0) + PACE.refill).expect("one more");
    }

    #[test]
    fn one_subscriber_is_one_remote() {
        assert_eq!(site("2001:db8:1:2:3:4:5:6".parse().expect("v6")), site("2001:db8:1:2::9".parse().expect("v6")));
        assert_ne!(site("2001:db8:1:2::".parse().expect("v6")), site("2001:db8:1:3::".parse().expect("v6")));
        assert_eq!(site("::ffff:192.0.2.1".parse().expect("v6")), address(1));
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_no_wait_is_longer_than_one_refill(
            tries in prop::collection::vec((any::<u32>(), any::<u8>(), 0_i64..500), 1..400)
        ) {
            let mut guard = GuessingGuard::new(PACE);
            let mut now = 0;
            for (remote, id, pause) in tries {
                now += pause;
                let (remote, id) = (IpAddr::from(remote.to_be_bytes()), TokenId::parse(&format!("{id:016x}")).expect("an id"));
                guard.failed(remote, &ProofFailure::UnknownToken(id), at(now));
                let (remotes, tokens) = guard.remembered();
                prop_assert!(remotes <= 50 && tokens <= 50);
                if let Err(throttled) = guard.admit(remote, Some(id), at(now)) {
                    prop_assert!(throttled.retry_after <= PACE.refill && throttled.retry_after > Milliseconds::ZERO);
                    prop_assert!(guard.admit(remote, Some(id), at(now) + throttled.retry_after).is_ok());
                }
            }
        }

        #[test]
        fn no_more_failures_pass_than_burst_and_refills(pauses in prop::collection::vec(0_i64..700, 1..200)) {
            let mut guard = GuessingGuard::new(PACE);
            let (mut now, mut passed) = (0, 0);
            for pause in pauses {
                now += pause;
                if guard.admit(address(1), None, at(now)).is_ok() {
                    guard.failed(address(1), &ProofFailure::Malformed, at(now));
                    passed += 1;
                }
                prop_assert!(passed <= i64::from(PACE.burst) + now / PACE.refill.0);
            }
        }
    }
}
