//! Why something is not believed, in words for the person who can act: what, where, and the cure, in two languages.

use std::fmt;

use muster_kernel::{Digest, DistrictId, Instant, Role};

use super::{Need, Office};

/// Why a package or a signature is not believed. `line` counts the lines of the file of attestations from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The package stands on the deny-list.
    RevokedPackage {
        /// The package.
        package: Digest,
        /// Since when.
        since: Instant,
        /// Why, in Chinese and English.
        why: (String, String),
    },
    /// A signature that the named key did not make: payload or signature were changed.
    Tampered {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// Its holder.
        holder: String,
    },
    /// Signed by a key that was revoked.
    RevokedKey {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// Its holder.
        holder: String,
        /// Since when.
        since: Instant,
    },
    /// Rightly signed, but about another package.
    Substituted {
        /// The line.
        line: usize,
        /// What it is about.
        signed: Digest,
        /// What it was found beside.
        package: Digest,
    },
    /// Signed by a key whose time is over.
    Expired {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// Its holder.
        holder: String,
        /// Its end.
        until: Instant,
    },
    /// Signed by a key whose time has not come.
    NotYetValid {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// Its holder.
        holder: String,
        /// Its beginning.
        from: Instant,
    },
    /// Signed by a key, or for a case, that does not reach here.
    OutOfScope {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// Its holder.
        holder: String,
        /// Beyond what.
        scope: Scope,
    },
    /// Signed by a key that may not sign for this.
    WithoutOffice {
        /// The line.
        line: usize,
        /// The key.
        key: String,
        /// Its holder.
        holder: String,
        /// What it would need.
        office: Office,
    },
    /// One holder signed more than once where distinct holders are needed.
    SameHolderTwice {
        /// The holder.
        holder: String,
        /// Which rule, counted from 1.
        rule: usize,
        /// The need that stays open.
        need: Need,
    },
    /// The certifier says that the package failed.
    ConformanceFailed {
        /// The line.
        line: usize,
        /// The certifier.
        holder: String,
    },
    /// An approval whose time is over.
    ApprovalExpired {
        /// The line.
        line: usize,
        /// Who approved.
        holder: String,
        /// Its end.
        expires: Instant,
    },
    /// Signed by a key that the trust file does not name.
    UnknownKey {
        /// The line.
        line: usize,
        /// The key, as the envelope claims.
        key: String,
    },
    /// Not an envelope, or not a statement of ours.
    Malformed {
        /// The line.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// No rule says what a package needs here.
    NoRule {
        /// The district.
        district: DistrictId,
        /// The role.
        role: Role,
    },
    /// Too few distinct holders signed.
    TooFew {
        /// Which rule, counted from 1.
        rule: usize,
        /// What it needs.
        need: Need,
        /// Who signed in that office.
        signed: Vec<String>,
    },
    /// Nobody known signed at all.
    Unsigned,
    /// A deny-list is required, and there is none.
    DenyListMissing,
    /// The deny-list is older than the trust file allows.
    DenyListStale {
        /// When it was issued.
        issued: Instant,
        /// How old it may be, in days.
        days_max: u32,
    },
}

/// Beyond what a signature does not reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The key is held to other districts than this.
    District(DistrictId),
    /// The key is held to other roles than this.
    Role(Role),
    /// The release was signed for other settings than these.
    Settings(Digest),
}

/// Why a package must not be used: the reason to tell first, and all the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason that weighs most.
    pub reason: Reason,
    /// What else is wrong.
    pub also: Vec<Reason>,
}

impl Refusal {
    /// One reason, no others.
    pub fn of(reason: Reason) -> Self {
        Self { reason, also: Vec::new() }
    }

    /// Reasons in order of weight. `None` when there are none.
    pub(super) fn among(mut reasons: Vec<Reason>) -> Option<Self> {
        reasons.sort_by_key(Reason::weight);
        let mut reasons = reasons.into_iter();
        let reason = reasons.next()?;
        Some(Self { reason, also: reasons.collect() })
    }

    /// The refusal in Chinese, with the cure.
    pub fn chinese(&self) -> String {
        let also = self.also.iter().map(|reason| format!("\n  另外：{}", reason.chinese()));
        std::iter::once(self.reason.chinese()).chain(also).collect::<Vec<_>>().concat()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.reason)?;
        self.also.iter().try_for_each(|reason| write!(formatter, "\n  also: {reason}"))
    }
}

impl std::error::Error for Refusal {}

impl Reason {
    /// A word for programs. It never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RevokedPackage { .. } => "package_revoked",
            Self::Tampered { .. } => "tampered",
            Self::RevokedKey { .. } => "key_revoked",
            Self::Substituted { .. } => "substituted",
            Self::Expired { .. } => "key_expired",
            Self::NotYetValid { .. } => "key_not_yet_valid",
            Self::OutOfScope { .. } => "out_of_scope",
            Self::WithoutOffice { .. } => "without_office",
            Self::SameHolderTwice { .. } => "same_holder_twice",
            Self::ConformanceFailed { .. } => "conformance_failed",
            Self::ApprovalExpired { .. } => "approval_expired",
            Self::UnknownKey { .. } => "unknown_key",
            Self::Malformed { .. } => "malformed",
            Self::NoRule { .. } => "no_rule",
            Self::TooFew { .. } => "too_few_signers",
            Self::Unsigned => "unsigned",
            Self::DenyListMissing => "deny_list_missing",
            Self::DenyListStale { .. } => "deny_list_stale",
        }
    }

    /// What is told first: the more it smells of intent, the earlier; what merely lacks comes last.
    const fn weight(&self) -> u8 {
        match self {
            Self::RevokedPackage { .. } => 0,
            Self::Tampered { .. } => 1,
            Self::RevokedKey { .. } => 2,
            Self::Substituted { .. } => 3,
            Self::Expired { .. } | Self::NotYetValid { .. } => 4,
            Self::OutOfScope { .. } => 5,
            Self::WithoutOffice { .. } => 6,
            Self::SameHolderTwice { .. } => 7,
            Self::ConformanceFailed { .. } | Self::ApprovalExpired { .. } => 8,
            Self::UnknownKey { .. } => 9,
            Self::Malformed { .. } => 10,
            Self::NoRule { .. } => 11,
            Self::Unsigned => 12,
            Self::TooFew { .. } => 13,
            Self::DenyListMissing | Self::DenyListStale { .. } => 14,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RevokedPackage { package, since, why } => {
                write!(out, "package {} is revoked since {since}: {}; use another version", package.short(), why.1)
            }
            Self::Tampered { line, key, holder } => write!(
                out,
                "line {line} of the attestations was tampered with: key {key} of {holder} never signed this; \
                 get the file anew from whoever signed it"
            ),
            Self::RevokedKey { line, key, holder, since } => write!(
                out,
                "line {line} of the attestations is signed by key {key} of {holder}, revoked since {since}; \
                 have it signed with a new key"
            ),
            Self::Substituted { line, signed, package } => write!(
                out,
                "the package was substituted: line {line} of the attestations signs {}, this package is {}; \
                 get the package that was signed, or have this one signed",
                signed.short(),
                package.short()
            ),
            Self::Expired { line, key, holder, until } => write!(
                out,
                "line {line} of the attestations: key {key} of {holder} expired at {until}; \
                 have it signed with a valid key"
            ),
            Self::NotYetValid { line, key, holder, from } => write!(
                out,
                "line {line} of the attestations: key {key} of {holder} is valid only from {from}; \
                 wait until then, or have it signed with a valid key"
            ),
            Self::OutOfScope { line, key, holder, scope } => {
                write!(out, "line {line} of the attestations: key {key} of {holder} {scope}")
            }
            Self::WithoutOffice { line, key, holder, office } => write!(
                out,
                "line {line} of the attestations: key {key} of {holder} may not sign as {0}; \
                 have a {0} sign it, or let the trust admins give it this office",
                office.as_str()
            ),
            Self::SameHolderTwice { holder, rule, need } => write!(
                out,
                "{holder} signed more than once and counts once: rule {rule} needs {}; have another holder sign",
                needed(*need)
            ),
            Self::ConformanceFailed { line, holder } => write!(
                out,
                "line {line} of the attestations: {holder} certifies that the package failed; \
                 mend the policy and have it certified again"
            ),
            Self::ApprovalExpired { line, holder, expires } => write!(
                out,
                "line {line} of the attestations: the approval of {holder} expired at {expires}; approve again"
            ),
            Self::UnknownKey { line, key } => write!(
                out,
                "line {line} of the attestations is signed by the unknown key {key}; \
                 if it should be believed, let the trust admins name it in trust.toml"
            ),
            Self::Malformed { line, what } => write!(
                out,
                "line {line} of the attestations cannot be read ({what}); get the file anew from whoever signed it"
            ),
            Self::NoRule { district, role } => write!(
                out,
                "trust.toml does not say who must sign for {role} in {district}, so nothing is used; \
                 let the trust admins add a [[rule]]"
            ),
            Self::TooFew { rule, need, signed } => write!(
                out,
                "rule {rule} needs {}, and {} signed ({}); have the others sign",
                needed(*need),
                signed.len(),
                listed(signed, ", ", "nobody")
            ),
            Self::Unsigned => write!(out, "nobody who is known has signed the package; sign it with `muster sign`"),
            Self::DenyListMissing => {
                write!(out, "trust.toml requires a deny-list, and there is none; put the one that the revokers signed")
            }
            Self::DenyListStale { issued, days_max } => {
                write!(out, "the deny-list was issued at {issued}, more than {days_max} days ago; get a newer one")
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::District(district) => {
                write!(out, "does not reach to {district}; have it signed with a key for this district")
            }
            Self::Role(role) => write!(out, "does not reach to {role}; have it signed with a key for this role"),
            Self::Settings(settings) => {
                write!(out, "signed for other settings than {}; have it signed for these", settings.short())
            }
        }
    }
}

fn needed(need: Need) -> String {
    match need.count {
        1 => format!("a holder of its own as {}", need.office.as_str()),
        count => format!("{count} distinct holders as {}", need.office.as_str()),
    }
}

pub(super) fn listed(names: &[String], between: &str, none: &str) -> String {
    if names.is_empty() { none.into() } else { names.join(between) }
}

/// What did not count, at the end of an error.
pub(super) fn because(faults: &[Reason]) -> String {
    faults.iter().flat_map(|fault| ["; ".to_owned(), fault.to_string()]).collect::<Vec<_>>().concat()
}
