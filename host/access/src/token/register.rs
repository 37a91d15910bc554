//! The register of tokens: issues, revokes and proves them, in virtual time. Every issue and revocation gives a record
//! for the journal. It must never give a token an end that is further away than the settings allow, nor none at all.

use std::collections::{BTreeMap, BTreeSet};

use muster_kernel::{Instant, Milliseconds};
use serde::{Deserialize, Serialize};

use super::{SecretDigest, Shown, TokenId, TokenText, fresh};
use crate::identity::BindingError;
use crate::{
    Action, Binding, Chance, ChanceError, Identity, Post, Proof, ProofFailure, Refusal, Subject, Target, Verdict,
    permits,
};

/// The form of the register that this version writes.
pub(super) const VERSION: u32 = 1;
/// The most tokens that are kept, ended ones included.
pub(super) const TOKENS_MAX: usize = 10_000;
/// The most bindings, posts or sources of one token.
const PLACES_MAX: usize = 256;
/// The longest name or reason, in bytes.
const TEXT_BYTES_MAX: usize = 500;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// How long tokens may live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest life, from issue to expiry.
    pub life_max: Milliseconds,
}

/// What a token is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Who holds it.
    pub subject: Subject,
    /// What people call the holder.
    pub display_name: String,
    /// Roles, and where.
    pub bindings: Vec<Binding>,
    /// Posts that the holder holds by it.
    #[serde(default)]
    pub posts: BTreeSet<Post>,
    /// Sources under which the holder sends events.
    #[serde(default)]
    pub sources: BTreeSet<String>,
    /// When it ends.
    pub expires: Instant,
}

/// When and why a token was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// When.
    pub at: Instant,
    /// By whom.
    pub by: Subject,
    /// Why, in their words.
    pub reason: String,
}

/// What is kept of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// Its name.
    pub id: TokenId,
    /// The digest of its secret.
    pub secret: SecretDigest,
    /// What it is.
    pub wanted: Wanted,
    /// When it was issued.
    pub issued: Instant,
    /// By whom.
    pub issued_by: Subject,
    /// Whether it dies with its first use for an administrative act.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_time: bool,
    /// Whether and why it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
    /// The day of its last use, UTC, counted from 1970-01-01. A day and no more: it finds tokens that nobody uses, and
    /// follows nobody about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_day: Option<i64>,
}

/// What was done to tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Deed {
    /// The first token of a host was made.
    Bootstrapped {
        /// The token.
        token: TokenId,
        /// When it ends.
        expires: Instant,
    },
    /// A token was issued.
    Issued {
        /// The token.
        token: TokenId,
        /// What it is.
        wanted: Wanted,
    },
    /// A token was taken back.
    Revoked {
        /// The token.
        token: TokenId,
        /// Who held it.
        subject: Subject,
        /// Why.
        reason: String,
    },
}

/// What an administrator did. The host journals it, before it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdministrativeAct {
    /// When.
    pub at: Instant,
    /// Who.
    pub by: Subject,
    /// How they proved it.
    pub proof: Proof,
    /// What.
    pub deed: Deed,
}

/// A token that was issued.
#[derive(Debug)]
pub struct Issued {
    /// Its name.
    pub id: TokenId,
    /// The token, for its holder alone.
    pub text: TokenText,
    /// For the journal: the issue, and the end of a one-time token that was used for it.
    pub acts: Vec<AdministrativeAct>,
}

/// Why a token is not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// Whoever asks may not.
    #[error("no token is issued: {0}")]
    NotPermitted(Refusal),
    /// It would end before it began, or never.
    #[error("`expires` is {given}; it must lie after {now}, and by `token_days_max` at {latest} or before")]
    Expires {
        /// What was asked for.
        given: Instant,
        /// The instant of the issue.
        now: Instant,
        /// The latest that is allowed.
        latest: Instant,
    },
    /// Nobody gives themselves a role that they do not have.
    #[error("`{0}` would give themselves a role that they do not hold; another administrator must issue it")]
    OwnGain(Subject),
    /// A binding that cannot be.
    #[error("`bindings[{index}]`: {reason}")]
    Binding {
        /// Which, from 0.
        index: usize,
        /// Why.
        reason: BindingError,
    },
    /// Too few, too many, too long.
    #[error("`{field}` has {given}; {allowed} are allowed")]
    Size {
        /// The field.
        field: &'static str,
        /// How many there are.
        given: usize,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The token that was used to ask ended in the meantime.
    #[error("no token is issued: token {0}, which was shown, has ended; show another")]
    Ended(TokenId),
    /// The register is full.
    #[error("the register holds {TOKENS_MAX} tokens; remove tokens that ended long ago")]
    Full,
    /// No chance.
    #[error(transparent)]
    Chance(#[from] ChanceError),
}

/// Why a token is not revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// Whoever asks may not.
    #[error("nothing is revoked: {0}")]
    NotPermitted(Refusal),
    /// No such token.
    #[error("there is no token {0}; list the tokens to find its id")]
    Unknown(TokenId),
    /// Revoked before.
    #[error("token {id} was revoked at {at} already")]
    Already {
        /// The token.
        id: TokenId,
        /// When.
        at: Instant,
    },
    /// The reason is missing or too long.
    #[error("`reason` has {0} bytes; 1 to {TEXT_BYTES_MAX} are allowed, for it stands in the journal")]
    Reason(usize),
}

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
        /// What an unknown token is compared with, so that it takes as long as a known one.
        const NOBODY: SecretDigest = SecretDigest([0; 32]);
        let shown = Shown::parse(shown)?;
        let id = shown.id;
        let record = self.records.get_mut(&id);
        let matches = record.as_ref().map_or(&NOBODY, |record| &record.secret).matches(&shown.secret);
        let record = record.ok_or(ProofFailure::UnknownToken(id))?;
        if !matches {
            return Err(ProofFailure::WrongSecret(id));
        }
        if let Some(revoked) = &record.revoked {
            return Err(ProofFailure::RevokedToken { id, at: revoked.at });
        }
        if at >= record.wanted.expires {
            return Err(ProofFailure::ExpiredToken { id, at: record.wanted.expires });
        }
        let day = at.as_millis().div_euclid(DAY);
        // A clock that was set back does not make the last use earlier.
        let is_new_day = record.last_used_day.is_none_or(|last| day > last);
        if is_new_day {
            record.last_used_day = Some(day);
        }
        let wanted = &record.wanted;
        let identity = Identity {
            subject: wanted.subject.clone(),
            display_name: wanted.display_name.clone(),
            bindings: wanted.bindings.clone(),
            posts: wanted.posts.clone(),
            sources: wanted.sources.clone(),
            proof: Proof::Token { id, one_time: record.one_time },
        };
        Ok((identity, is_new_day))
    }
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
