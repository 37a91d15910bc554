//! What is kept of a token, what an administrator did to it, and why something was not done. The host journals every
//! [`AdministrativeAct`]; none of these must ever hold a secret.

use std::collections::BTreeSet;

use muster_kernel::{Instant, Milliseconds};
use serde::{Deserialize, Serialize};

use super::register::{TEXT_BYTES_MAX, TOKENS_MAX};
use super::{SecretDigest, StoreError, TokenId, TokenText};
use crate::identity::BindingError;
use crate::{Binding, ChanceError, Post, Proof, Refusal, Subject};

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

/// Why a change of the register did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// It was refused.
    #[error("{0}")]
    Refused(E),
    /// It could not be kept.
    #[error("{0}; nothing was changed")]
    NotKept(StoreError),
}
