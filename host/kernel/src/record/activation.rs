//! A policy bound to a role: what runs, with what it may ask and use, and on whose authority it came.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{Digest, Instant, PolicyMode, Role};

/// A policy bound to a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// The role.
    pub role: Role,
    /// The package's id, for instance `ref/escalation`.
    pub name: String,
    /// The package's version.
    pub version: String,
    /// Digest of the package's exact bytes.
    pub package: Digest,
    /// Digest of the settings' exact bytes.
    pub settings: Digest,
    /// The engine that counts its fuel.
    pub engine: String,
    /// How it runs.
    #[serde(default = "enforce", skip_serializing_if = "is_enforce")]
    pub mode: PolicyMode,
    /// In canary mode: how many of a thousand incidents it answers for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permille: Option<u16>,
    /// What it may ask and use; absent: all that the contract knew, within the first limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// When it ends by itself and the one before comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// Why the host let it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
}

const fn enforce() -> PolicyMode {
    PolicyMode::Enforce
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
const fn is_enforce(mode: &PolicyMode) -> bool {
    matches!(mode, PolicyMode::Enforce)
}

impl Activation {
    /// A policy that answers, on no more authority than that of who holds the host's files.
    pub fn plain(role: Role, name: &str, version: &str, package: Digest, settings: Digest, engine: &str) -> Self {
        Self {
            role,
            name: name.into(),
            version: version.into(),
            package,
            settings,
            engine: engine.into(),
            mode: PolicyMode::Enforce,
            permille: None,
            terms: None,
            expires: None,
            evidence: None,
        }
    }

    /// Whether it runs the same bytes with the same settings within the same terms.
    pub fn runs_as(&self, other: &Self) -> bool {
        self.package == other.package && self.settings == other.settings && self.terms == other.terms
    }

    /// Whether it was let in for a time only: with an end, or by a broken glass, which never comes without one. Nothing
    /// brings it back by itself once another is in its place.
    pub fn is_for_a_time(&self) -> bool {
        let exceptions = self.evidence.iter().flat_map(|evidence| &evidence.exceptions);
        self.expires.is_some() || exceptions.into_iter().any(|exception| exception.kind == Exception::BREAK_GLASS)
    }
}

/// What a binding gives a package: manifest, binding and host ceiling, intersected when it was activated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What it may ask the host, by the names of the contract's interfaces.
    pub capabilities: Vec<String>,
    /// What one call may use.
    pub limits: CallLimits,
}

/// What one call may use, as far as it decides how a call ends. The clock is a safety net and stands nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    /// Units of fuel.
    pub fuel: u64,
    /// Bytes, about, that the guest hands over.
    pub transfer: u64,
    /// Questions to the host.
    pub questions: u32,
    /// Bytes of linear memory.
    pub memory_bytes: u64,
    /// Elements of a table.
    pub table_elements: u64,
    /// Log lines that are kept.
    pub log_lines: u32,
    /// Bytes of a log line that are kept.
    pub log_line_bytes: u32,
    /// Changes to its memory.
    pub memory_changes: u32,
}

/// Why the host let a policy in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Who asked for it: a person, or `host` for what the host does by itself.
    pub by: String,
    /// By which way: `folder`, `api`, `start`, `rollback`, `promotion`, `revocation`.
    pub way: String,
    /// Who signed for the package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Signer>,
    /// Digest of the statements they signed, as the host keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestations: Option<Digest>,
    /// What the candidate would have decided otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtest: Option<BacktestSummary>,
    /// What people let pass that a rule would have stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// What a development profile lets pass, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Someone whose signature counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signer {
    /// The person or organisation.
    pub holder: String,
    /// In which office: `vendor`, `certifier`, `releaser`.
    pub office: String,
    /// The key.
    pub key: String,
}

/// A backtest in numbers. The whole report is kept under its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestSummary {
    /// Digest of the report.
    pub report: Digest,
    /// Entries that were decided again.
    pub entries: u32,
    /// Questions that both policies were asked.
    pub questions: u32,
    /// Answers that differ.
    pub changed: u32,
    /// Of these: narrower than before.
    pub stricter: u32,
    /// Of these: wider than before.
    pub looser: u32,
    /// Questions that the candidate failed to answer.
    pub failed: u32,
    /// Within the thresholds of the profile.
    pub passed: bool,
}

/// A rule that people set aside, with their reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// `override` (of the backtest), `widen` (a wider capability), `break_glass`.
    pub kind: String,
    /// Who: each one a different person.
    pub people: Vec<String>,
    /// Why.
    pub reason: String,
}

impl Exception {
    /// The kind that sets aside the backtest and the rules of an emergency.
    pub const BREAK_GLASS: &str = "break_glass";
}
