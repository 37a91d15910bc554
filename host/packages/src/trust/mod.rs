//! Trust: whose word counts for what, here and now.
//!
//! `trust.toml` belongs to those who operate the host, not to a district. It names keys, their holders, what each may
//! sign for, and how many distinct holders a package needs. Everything is judged offline, from bytes and the instant
//! that is given. Nothing here reads a clock, a file or the network, and nothing here is ever decided by a name or a
//! time that a signer merely claims.

mod approval;
mod change;
mod chinese;
mod deny;
mod file;
mod judge;
mod reason;
mod votes;

use muster_kernel::{Digest, DistrictId, Instant, Role};
use serde::{Deserialize, Serialize};

use crate::attestation::{ApprovalKind, KeyId, PublicKey};

pub use approval::{ApprovalCase, Approvals, Approved};
pub use change::{Accepted, Change, ChangeError, change};
pub use deny::{DenyError, DenyList};
pub use file::{FILE_BYTES_MAX, TrustError};
pub use judge::{Case, Evidence, Signer};
pub use reason::{Reason, Refusal, Scope};

/// How strict the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// What is not signed as the rules want it does not run.
    Production,
    /// What is not signed runs with a warning. What was revoked or tampered with does not.
    Development,
}

impl Profile {
    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Development => "development",
        }
    }
}

/// What a key may sign for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Office {
    /// Makes packages and releases them.
    Vendor,
    /// Puts packages through the conformance suite.
    Certifier,
    /// Lets packages into districts, and approves what is out of the ordinary.
    Releaser,
    /// Changes the trust file.
    TrustAdmin,
    /// Keeps the deny-list.
    Revoker,
}

impl Office {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Vendor, Self::Certifier, Self::Releaser, Self::TrustAdmin, Self::Revoker];

    /// The word in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Certifier => "certifier",
            Self::Releaser => "releaser",
            Self::TrustAdmin => "trust_admin",
            Self::Revoker => "revoker",
        }
    }

    /// What it is called in Chinese.
    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Vendor => "厂商",
            Self::Certifier => "认证方",
            Self::Releaser => "放行人",
            Self::TrustAdmin => "信任管理员",
            Self::Revoker => "吊销人",
        }
    }
}

/// A key that the trust file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name, which follows from its bytes.
    pub id: KeyId,
    /// The key.
    pub public: PublicKey,
    /// The person or organisation that holds it. Signers are counted by holder, never by key.
    pub holder: String,
    /// What it may sign for.
    pub offices: Vec<Office>,
    /// From when on it counts.
    pub from: Instant,
    /// From when on it counts no more.
    pub until: Instant,
    /// Only in these districts and their drills; in all when empty.
    pub districts: Vec<DistrictId>,
    /// Only for these roles; for all when empty.
    pub roles: Vec<Role>,
    /// From when on nothing that it ever signed counts.
    pub revoked_since: Option<Instant>,
}

/// How many distinct holders must have signed in an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// The office.
    pub office: Office,
    /// How many, at least 1.
    pub count: usize,
}

/// What a package needs in some districts for some roles. Every rule that matches must be satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// In these districts and their drills; in all when empty.
    pub districts: Vec<DistrictId>,
    /// For these roles; for all when empty.
    pub roles: Vec<Role>,
    /// Who must have signed.
    pub needs: Vec<Need>,
    /// Who must have signed in crisis mode. Never less than `needs`.
    pub crisis: Vec<Need>,
}

/// How many distinct holders with [`Office::TrustAdmin`] a change of the trust file needs; likewise, with
/// [`Office::Revoker`], a change of the deny-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// To make it stricter.
    pub strengthen: usize,
    /// To make it weaker in anything. Always more than `strengthen`.
    pub weaken: usize,
}

/// How many distinct holders with [`Office::Releaser`] each kind of approval needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalQuorum {
    /// To activate against the backtest gate: at least 2.
    #[serde(rename = "override")]
    pub overriding: usize,
    /// To widen capabilities: at least 1.
    pub widen: usize,
    /// To break the glass: at least 2.
    pub break_glass: usize,
}

impl Default for ApprovalQuorum {
    fn default() -> Self {
        Self { overriding: 2, widen: 1, break_glass: 2 }
    }
}

impl ApprovalQuorum {
    /// How many an approval of this kind needs.
    pub const fn of(&self, kind: ApprovalKind) -> usize {
        match kind {
            ApprovalKind::Override => self.overriding,
            ApprovalKind::Widen => self.widen,
            ApprovalKind::BreakGlass => self.break_glass,
        }
    }
}

/// A trust file that was read and holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// SHA-256 of the file's bytes.
    pub digest: Digest,
    /// Grows with every file, so that an older one never replaces a newer one.
    pub serial: u64,
    /// How strict the host is.
    pub profile: Profile,
    /// How old the deny-list may be, in days. Without it no deny-list is required.
    pub deny_list_days_max: Option<u32>,
    /// What a change needs.
    pub change: Quorum,
    /// What an approval needs.
    pub approval: ApprovalQuorum,
    /// The keys.
    pub keys: Vec<Key>,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl Trust {
    /// The trust of a host that has no trust file: development, nobody known.
    pub fn absent() -> Self {
        Self {
            digest: Digest::of(b""),
            serial: 0,
            profile: Profile::Development,
            deny_list_days_max: None,
            change: Quorum { strengthen: 1, weaken: 2 },
            approval: ApprovalQuorum::default(),
            keys: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// The key with this name.
    pub fn key(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id.as_str() == id)
    }

    /// What must be said at every start, in Chinese and English: that this host runs what nobody signed.
    pub fn warning(&self) -> Option<(&'static str, &'static str)> {
        (self.profile == Profile::Development).then_some((
            "信任配置为开发模式：未签名的策略包也会运行。正式使用前，请在 trust.toml 中写 profile = \"production\"",
            "the trust profile is development: packages that nobody signed will run. \
             Before real use, write profile = \"production\" in trust.toml",
        ))
    }
}

/// Whether a list of districts covers this one. A district's drill is covered with it.
fn covers_district(districts: &[DistrictId], district: &DistrictId) -> bool {
    let plain = district.as_str().strip_suffix(".exercise").unwrap_or(district.as_str());
    districts.is_empty() || districts.iter().any(|one| one.as_str() == plain || one == district)
}

fn covers_role(roles: &[Role], role: Role) -> bool {
    roles.is_empty() || roles.contains(&role)
}
