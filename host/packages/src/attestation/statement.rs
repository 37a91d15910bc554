//! Statements: in-toto Statement v1, with predicates of our own.
//!
//! A predicate that holds a field we do not know is refused: it may be a restriction, and a restriction that is not
//! understood must not be passed over. New fields come with a new predicate type.

use muster_kernel::{Digest, DistrictId, Instant, Role};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::key::KeyId;

/// The type of every statement.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const RELEASE: &str = "urn:muster:statement:release:v1";
const CONFORMANCE: &str = "urn:muster:statement:conformance:v1";
const APPROVAL: &str = "urn:muster:statement:approval:v1";
const DENY_LIST: &str = "urn:muster:statement:deny-list:v1";
const TRUST_CHANGE: &str = "urn:muster:statement:trust-change:v1";
/// The most files that one statement speaks of.
const SUBJECTS_MAX: usize = 16;
/// The longest name or reason, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

/// Something said about exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The bytes that it speaks of.
    pub subjects: Vec<Subject>,
    /// What is said.
    pub predicate: Predicate,
}

/// Bytes that a statement speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// What they are called; for people only.
    pub name: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// This package is ours, and meant to be used.
    Release(Release),
    /// This package was put through the conformance suite.
    Conformance(Conformance),
    /// A person takes responsibility for something out of the ordinary.
    Approval(Approval),
    /// Packages and keys that must not be believed any more.
    DenyList(DenyStatement),
    /// This trust file may replace the one in force.
    TrustChange(TrustChange),
}

/// A release: whoever signs stands behind the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The package's id, for people.
    pub id: String,
    /// The package's version, for people.
    pub version: String,
    /// In which office it is signed.
    #[serde(default)]
    pub office: ReleaseOffice,
    /// Only together with these settings, when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Digest>,
    /// When it was signed, as the signer claims.
    pub at: Instant,
}

/// The offices in which a release is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseOffice {
    /// Who made it.
    #[default]
    Vendor,
    /// Who lets it into districts.
    Releaser,
}

/// What a certifier found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conformance {
    /// The result.
    pub result: ConformanceResult,
    /// SHA-256 of the corpus that it was put through.
    pub corpus: Digest,
    /// The version of the host that ran it.
    pub host: String,
    /// The most fuel that one call used.
    pub fuel_max: u64,
    /// The most memory that one call used, in bytes.
    pub memory_bytes_max: u64,
    /// SHA-256 of the report for people, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Digest>,
    /// When it was signed, as the signer claims.
    pub at: Instant,
}

/// How the conformance suite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConformanceResult {
    /// All of it held.
    Passed,
    /// Something did not.
    Failed,
}

/// A person's approval: of this package with these settings, here, for this role, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Of what.
    pub kind: ApprovalKind,
    /// Where.
    pub district: DistrictId,
    /// For which role.
    pub role: Role,
    /// The digest of the settings that it will run with.
    pub settings: Digest,
    /// Why.
    pub reason: String,
    /// From when on it counts no more. Breaking the glass always has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// When it was signed, as the signer claims.
    pub at: Instant,
}

/// What a person can approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// To activate although the backtest gate says no.
    Override,
    /// To let it use capabilities that the one before did not have.
    Widen,
    /// To activate in a crisis what the crisis rules refuse.
    BreakGlass,
}

impl ApprovalKind {
    /// The word in statements and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Widen => "widen",
            Self::BreakGlass => "break_glass",
        }
    }
}

/// The whole deny-list, as it stands from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyStatement {
    /// Grows with every list, so that an older one never replaces a newer one.
    pub sequence: u64,
    /// What must not be believed.
    pub entries: Vec<DenyEntry>,
    /// When it was signed, as the signer claims.
    pub at: Instant,
}

/// One entry of the deny-list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyEntry {
    /// What is denied.
    pub denied: Denied,
    /// Why, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
    /// From when on, by the clock of the host that judges.
    pub since: Instant,
}

/// What is denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denied {
    /// A package, by the digest of its bytes.
    Package(Digest),
    /// A key, and with it all that it ever signed.
    Key(KeyId),
}

/// Consent to a new trust file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustChange {
    /// The new file's serial number.
    pub serial: u64,
    /// Why.
    pub reason: String,
    /// When it was signed, as the signer claims.
    pub at: Instant,
}

/// Why a payload is no statement of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not the JSON of a statement.
    #[error("its payload is no in-toto statement: {0}")]
    Malformed(String),
    /// A version of in-toto that is not read.
    #[error("its payload is a `{0}`; only `{STATEMENT_TYPE}` is read")]
    StatementType(String),
    /// A predicate that is not ours.
    #[error("it says `{0}`, which this host does not know")]
    PredicateType(String),
    /// A field that cannot be.
    #[error("`{field}`: {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
struct StatementJson {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<SubjectJson>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Json,
}

#[derive(Serialize, Deserialize)]
struct SubjectJson {
    #[serde(default)]
    name: String,
    digest: DigestJson,
}

#[derive(Serialize, Deserialize)]
struct DigestJson {
    sha256: Digest,
}

impl Statement {
    /// A statement about one file.
    pub fn about(name: impl Into<String>, digest: Digest, predicate: Predicate) -> Self {
        Self { subjects: vec![Subject { name: name.into(), digest }], predicate }
    }

    /// A deny-list. It speaks of itself: its subject is the digest of its own predicate.
    pub fn deny_list(list: DenyStatement) -> Self {
        let digest = list.digest();
        Self::about("deny-list", digest, Predicate::DenyList(list))
    }

    /// Reads a payload. Nothing in it may be believed before its signature was checked.
    ///
    /// # Errors
    /// When it is no statement, or one that this host does not know.
    pub fn read(payload: &[u8]) -> Result<Self, StatementError> {
        let read: StatementJson = serde_json::from_slice(payload).map_err(|reason| malformed(&reason))?;
        if read.statement_type != STATEMENT_TYPE {
            return Err(StatementError::StatementType(shortened(&read.statement_type)));
        }
        if read.subject.is_empty() || read.subject.len() > SUBJECTS_MAX {
            return Err(StatementError::Field { field: "subject", reason: "must name 1 to 16 files" });
        }
        let subjects = read.subject.into_iter();
        let subjects = subjects.map(|subject| Subject { name: subject.name, digest: subject.digest.sha256 }).collect();
        let predicate = match read.predicate_type.as_str() {
            RELEASE => Predicate::Release(predicate(read.predicate)?),
            CONFORMANCE => Predicate::Conformance(predicate(read.predicate)?),
            APPROVAL => Predicate::Approval(predicate(read.predicate)?),
            DENY_LIST => Predicate::DenyList(predicate(read.predicate)?),
            TRUST_CHANGE => Predicate::TrustChange(predicate(read.predicate)?),
            other => return Err(StatementError::PredicateType(shortened(other))),
        };
        let statement = Self { subjects, predicate };
        statement.check()?;
        Ok(statement)
    }

    /// The payload of an envelope.
    pub fn to_payload(&self) -> Vec<u8> {
        let (predicate_type, predicate) = match &self.predicate {
            Predicate::Release(release) => (RELEASE, json(release)),
            Predicate::Conformance(conformance) => (CONFORMANCE, json(conformance)),
            Predicate::Approval(approval) => (APPROVAL, json(approval)),
            Predicate::DenyList(list) => (DENY_LIST, json(list)),
            Predicate::TrustChange(change) => (TRUST_CHANGE, json(change)),
        };
        let subject = self.subjects.iter();
        let subject =
            subject.map(|one| SubjectJson { name: one.name.clone(), digest: DigestJson { sha256: one.digest } });
        let statement = StatementJson {
            statement_type: STATEMENT_TYPE.into(),
            subject: subject.collect(),
            predicate_type: predicate_type.into(),
            predicate,
        };
        serde_json::to_vec(&statement).expect("a statement holds nothing that JSON cannot say")
    }

    fn check(&self) -> Result<(), StatementError> {
        let wrong = |field, reason| Err(StatementError::Field { field, reason });
        if let Predicate::Approval(approval) = &self.predicate {
            if approval.reason.trim().is_empty() || approval.reason.len() > TEXT_BYTES_MAX {
                return wrong("reason", "an approval says why, in at most 2000 bytes");
            }
            if approval.kind == ApprovalKind::BreakGlass && approval.expires.is_none() {
                return wrong("expires", "breaking the glass always has an end: sign with `--expires`");
            }
        }
        if let Predicate::DenyList(list) = &self.predicate
            && self.subjects.iter().all(|subject| subject.digest != list.digest())
        {
            return wrong("subject", "a deny-list speaks of itself: its subject is the digest of its own predicate");
        }
        Ok(())
    }
}

impl DenyStatement {
    /// SHA-256 of the predicate's compact JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a deny-list holds nothing that JSON cannot say"))
    }
}

fn predicate<T: DeserializeOwned>(json: Json) -> Result<T, StatementError> {
    serde_json::from_value(json).map_err(|reason| malformed(&reason))
}

fn json(predicate: &impl Serialize) -> Json {
    serde_json::to_value(predicate).expect("a predicate holds nothing that JSON cannot say")
}

fn malformed(reason: &serde_json::Error) -> StatementError {
    StatementError::Malformed(shortened(&reason.to_string()))
}

/// Foreign text is shown, but not at any length.
fn shortened(text: &str) -> String {
    text.chars().take(160).collect()
}
