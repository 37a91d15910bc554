//! The register of tokens: issues, revokes and proves them, in virtual time. Every issue and revocation gives a record
//! for the journal. It must never give a token an end that is further away than the settings allow, nor none at all.

use std::collections::BTreeMap;

use muster_kernel::Instant;

use super::{
    AdministrativeAct, ChangeError, Deed, IssueError, Issued, Limits, Revocation, RevokeError, SecretDigest, Shown,
    TokenId, TokenRecord, TokenStore, TokenText, Wanted, fresh,
};
use crate::{
    Action, Binding, Chance, ChanceError, Identity, Proof, ProofFailure, Refusal, Subject, Target, Verdict, permits,
};

/// The form of the register that this version writes.
pub(super) const VERSION: u32 = 1;
/// The most tokens that are kept, ended ones included.
pub(super) const TOKENS_MAX: usize = 10_000;
/// The most bindings, posts or sources of one token.
const PLACES_MAX: usize = 256;
/// The longest name or reason, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 500;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// All tokens of a host.
#[derive(Debug, Clone, Default)]
pub struct TokenRegister {
    records: BTreeMap<TokenId, TokenRecord>,
}

impl TokenRegister {
    /// The register with these records; of two with one id the later one counts.
    pub(super) fn of(records: Vec<TokenRecord>) -> Self {
        Self { records: records.into_iter().map(|record| (record.id, record)).collect() }
    }

    /// All records, by id.
    pub fn records(&self) -> impl Iterator<Item = &TokenRecord> {
        self.records.values()
    }

    /// Whether no token was ever issued.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Changes the register and keeps the change, both or neither: what was not kept did not happen.
    ///
    /// # Errors
    /// When the change is refused, or the store cannot keep it. The register is as before then.
    pub fn change<T, E>(
        &mut self,
        store: &impl TokenStore,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, ChangeError<E>> {
        let mut next = self.clone();
        let done = change(&mut next).map_err(ChangeError::Refused)?;
        store.replace(&next).map_err(ChangeError::NotKept)?;
        *self = next;
        Ok(done)
    }

    /// Issues a token. A one-time token that was used to ask for it ends with it.
    ///
    /// # Errors
    /// When whoever asks may not, or the token cannot be. Nothing is changed then.
    pub fn issue(
        &mut self,
        wanted: Wanted,
        by: &Identity,
        at: Instant,
        limits: Limits,
        chance: &mut impl Chance,
    ) -> Result<Issued, IssueError> {
        may_administer(by).map_err(IssueError::NotPermitted)?;
        // Two requests may have been proved by one one-time token at once; the second finds it used.
        if let Proof::Token { id, .. } = by.proof
            && self.records.get(&id).is_none_or(|record| record.revoked.is_some())
        {
            return Err(IssueError::Ended(id));
        }
        check(&wanted, at, limits)?;
        let gains = |binding: &Binding| !by.bindings.contains(binding);
        if wanted.subject.is_same_person(&by.subject) && wanted.bindings.iter().any(gains) {
            return Err(IssueError::OwnGain(by.subject.clone()));
        }
        let (id, text) = self.add(wanted.clone(), &by.subject, at, false, chance)?;
        let mut acts = vec![act(at, by, Deed::Issued { token: id, wanted })];
        if let Proof::Token { id: used, one_time: true } = by.proof {
            let reason = format!("it was used once, to issue {id}");
            acts.extend(self.end(used, by, at, &reason));
        }
        Ok(Issued { id, text, acts })
    }

    pub(super) fn add(
        &mut self,
        wanted: Wanted,
        issued_by: &Subject,
        at: Instant,
        one_time: bool,
        chance: &mut impl Chance,
    ) -> Result<(TokenId, TokenText), IssueError> {
        if self.records.len() >= TOKENS_MAX {
            return Err(IssueError::Full);
        }
        let (id, secret, text) = fresh(chance)?;
        if self.records.contains_key(&id) {
            return Err(ChanceError(format!("the id {id} came up twice")).into());
        }
        let issued_by = issued_by.clone();
        let record =
            TokenRecord { id, secret, wanted, issued: at, issued_by, one_time, revoked: None, last_used_day: None };
        self.records.insert(id, record);
        Ok((id, text))
    }

    /// Takes a token back, at once.
    ///
    /// # Errors
    /// When whoever asks may not, or there is nothing to take back. Nothing is changed then.
    pub fn revoke(
        &mut self,
        id: TokenId,
        by: &Identity,
        at: Instant,
        reason: &str,
    ) -> Result<AdministrativeAct, RevokeError> {
        // Everybody may give up their own token; it may just have been lost.
        if !matches!(by.proof, Proof::Token { id: own, .. } if own == id) {
            may_administer(by).map_err(RevokeError::NotPermitted)?;
        }
        if reason.trim().is_empty() || reason.len() > TEXT_BYTES_MAX {
            return Err(RevokeError::Reason(reason.len()));
        }
        let record = self.records.get(&id).ok_or(RevokeError::Unknown(id))?;
        match &record.revoked {
            Some(revoked) => Err(RevokeError::Already { id, at: revoked.at }),
            None => self.end(id, by, at, reason).ok_or(RevokeError::Unknown(id)),
        }
    }

    fn end(&mut self, id: TokenId, by: &Identity, at: Instant, reason: &str) -> Option<AdministrativeAct> {
        let record = self.records.get_mut(&id).filter(|record| record.revoked.is_none())?;
        record.revoked = Some(Revocation { at, by: by.subject.clone(), reason: reason.into() });
        let subject = record.wanted.subject.clone();
        Some(act(at, by, Deed::Revoked { token: id, subject, reason: reason.into() }))
    }

    /// Removes tokens that ended before an instant; the journal keeps what they were. How many were removed.
    pub fn forget_ended(&mut self, before: Instant) -> usize {
        let ended = |record: &TokenRecord| {
            let end = record.revoked.as_ref().map_or(record.wanted.expires, |revoked| revoked.at);
            end.min(record.wanted.expires) < before
        };
        let all = self.records.len();
        self.records.retain(|_, record| !ended(record));
        all - self.records.len()
    }

    /// Who holds the token that is shown. True beside it: the day of the last use changed, so the register is to be
    /// kept again some time.
    ///
    /// # Errors
    /// When the token is no proof.
    pub fn prove(&mut self, shown: &str, at: Instant) -> Result<(Identity, bool), ProofFailure> {
        let shown = Shown::parse(shown)?;
        let record = self.records.get_mut(&shown.id);
        let known = record.as_deref().map(Known::of);
        Known::check(known, &shown, at)?;
        let record = record.ok_or(ProofFailure::UnknownToken(shown.id))?;
        let day = day_of(at);
        // A clock that was set back does not make the last use earlier.
        let is_new_day = record.last_used_day.is_none_or(|last| day > last);
        if is_new_day {
            record.last_used_day = Some(day);
        }
        Ok((record.identity(), is_new_day))
    }

    /// Takes over on which days tokens were used last. True: something is new, so the register is to be kept again.
    pub fn used(&mut self, days: impl IntoIterator<Item = (TokenId, i64)>) -> bool {
        let mut is_new = false;
        for (id, day) in days {
            let Some(record) = self.records.get_mut(&id) else { continue };
            if record.last_used_day.is_none_or(|last| day > last) {
                record.last_used_day = Some(day);
                is_new = true;
            }
        }
        is_new
    }
}

/// What must be known of a token to judge one that is shown.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) secret: &'a SecretDigest,
    pub(super) revoked: Option<Instant>,
    pub(super) expires: Instant,
}

impl<'a> Known<'a> {
    fn of(record: &'a TokenRecord) -> Self {
        let revoked = record.revoked.as_ref().map(|revoked| revoked.at);
        Self { secret: &record.secret, revoked, expires: record.wanted.expires }
    }

    /// Whether what is shown is the token that is known, and still counts.
    pub(super) fn check(known: Option<Self>, shown: &Shown, at: Instant) -> Result<(), ProofFailure> {
        /// What an unknown token is compared with, so that it takes as long as a known one.
        const NOBODY: SecretDigest = SecretDigest([0; 32]);
        let id = shown.id;
        let matches = known.map_or(&NOBODY, |known| known.secret).matches(&shown.secret);
        let known = known.ok_or(ProofFailure::UnknownToken(id))?;
        if !matches {
            return Err(ProofFailure::WrongSecret(id));
        }
        known.ended(id, at).map_or(Ok(()), Err)
    }

    /// Why the token does not count any more.
    pub(super) fn ended(self, id: TokenId, at: Instant) -> Option<ProofFailure> {
        if let Some(at) = self.revoked {
            return Some(ProofFailure::RevokedToken { id, at });
        }
        (at >= self.expires).then_some(ProofFailure::ExpiredToken { id, at: self.expires })
    }
}

impl TokenRecord {
    /// Whom the token stands for.
    pub(super) fn identity(&self) -> Identity {
        let wanted = &self.wanted;
        Identity {
            subject: wanted.subject.clone(),
            display_name: wanted.display_name.clone(),
            bindings: wanted.bindings.clone(),
            posts: wanted.posts.clone(),
            sources: wanted.sources.clone(),
            proof: Proof::Token { id: self.id, one_time: self.one_time },
        }
    }
}

/// The day of an instant, UTC, counted from 1970-01-01.
pub(super) fn day_of(at: Instant) -> i64 {
    at.as_millis().div_euclid(DAY)
}

pub(super) fn act(at: Instant, by: &Identity, deed: Deed) -> AdministrativeAct {
    AdministrativeAct { at, by: by.subject.clone(), proof: by.proof.clone(), deed }
}

fn may_administer(by: &Identity) -> Result<(), Refusal> {
    let no_tree = |_: &muster_kernel::NodeCode| None;
    match permits(by, Action::AdministerTokens, &Target::host(), &no_tree) {
        Verdict::Permitted(_) => Ok(()),
        Verdict::Refused(refusal) => Err(refusal),
    }
}

pub(super) fn check(wanted: &Wanted, at: Instant, limits: Limits) -> Result<(), IssueError> {
    let size = |field, given, allowed| Err(IssueError::Size { field, given, allowed });
    let latest = at + limits.life_max;
    if wanted.expires <= at || wanted.expires > latest {
        return Err(IssueError::Expires { given: wanted.expires, now: at, latest });
    }
    if wanted.bindings.is_empty() || wanted.bindings.len() > PLACES_MAX {
        return size("bindings", wanted.bindings.len(), "1 to 256");
    }
    if wanted.posts.len() > PLACES_MAX {
        return size("posts", wanted.posts.len(), "0 to 256");
    }
    if wanted.sources.len() > PLACES_MAX {
        return size("sources", wanted.sources.len(), "0 to 256");
    }
    if wanted.display_name.trim().is_empty() || wanted.display_name.len() > TEXT_BYTES_MAX {
        return size("display_name", wanted.display_name.len(), "1 to 500 bytes");
    }
    let wrong = wanted.bindings.iter().enumerate().find_map(|(index, binding)| Some((index, binding.check().err()?)));
    wrong.map_or(Ok(()), |(index, reason)| Err(IssueError::Binding { index, reason }))
}
