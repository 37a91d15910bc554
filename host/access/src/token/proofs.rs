//! The register made ready for a host that proves a token with every request: one hash, one look-up, and an identity that
//! is shared instead of copied. Made anew whenever the register changes; it must never outlive a change of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use muster_kernel::Instant;

use super::register::{Known, day_of};
use super::{SecretDigest, Shown, TokenId, TokenRegister};
use crate::{Identity, ProofFailure};

/// Stands for a token that was never used.
const NEVER: i64 = i64::MIN;

/// All tokens of a register, ready to be proved by many at once.
#[derive(Debug, Default)]
pub struct Proofs {
    of: BTreeMap<TokenId, Ready>,
}

#[derive(Debug)]
struct Ready {
    secret: SecretDigest,
    identity: Arc<Identity>,
    revoked: Option<Instant>,
    expires: Instant,
    last_used_day: AtomicI64,
}

impl Ready {
    fn known(&self) -> Known<'_> {
        Known { secret: &self.secret, revoked: self.revoked, expires: self.expires }
    }
}

impl Proofs {
    /// Makes a register ready.
    pub fn of(register: &TokenRegister) -> Self {
        let ready = register.records().map(|record| {
            let ready = Ready {
                secret: record.secret,
                identity: Arc::new(record.identity()),
                revoked: record.revoked.as_ref().map(|revoked| revoked.at),
                expires: record.wanted.expires,
                last_used_day: AtomicI64::new(record.last_used_day.unwrap_or(NEVER)),
            };
            (record.id, ready)
        });
        Self { of: ready.collect() }
    }

    /// Who holds the token that is shown.
    ///
    /// # Errors
    /// When the token is no proof.
    pub fn prove(&self, shown: &Shown, at: Instant) -> Result<Arc<Identity>, ProofFailure> {
        let ready = self.of.get(&shown.id);
        Known::check(ready.map(Ready::known), shown, at)?;
        let ready = ready.ok_or(ProofFailure::UnknownToken(shown.id))?;
        // A clock that was set back does not make the last use earlier.
        ready.last_used_day.fetch_max(day_of(at), Ordering::Relaxed);
        Ok(Arc::clone(&ready.identity))
    }

    /// Whether a token that was proved before still counts: for answers that last, such as a stream.
    pub fn still_holds(&self, id: TokenId, at: Instant) -> bool {
        self.of.get(&id).is_some_and(|ready| ready.known().ended(id, at).is_none())
    }

    /// Whether any token counts now.
    pub fn any_holds(&self, at: Instant) -> bool {
        self.of.iter().any(|(id, ready)| ready.known().ended(*id, at).is_none())
    }

    /// On which day each token was used last, for [`TokenRegister::used`].
    pub fn days(&self) -> impl Iterator<Item = (TokenId, i64)> {
        let days = self.of.iter().map(|(id, ready)| (*id, ready.last_used_day.load(Ordering::Relaxed)));
        days.filter(|(_, day)| *day != NEVER)
    }
}
