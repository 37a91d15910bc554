//! The manifest: what a package says about itself, embedded in the component as a custom section.
//!
//! It is a claim. Roles and imports are held against the binary, limits against the host's; nothing here grants anything.

use std::collections::BTreeMap;

use muster_kernel::Role;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::contents::SECTION;
use crate::contract::{Capability, ContractError, ContractRange};
use crate::schema::{Schema, SchemaError};
use crate::self_test::{SelfTest, SelfTestError};

/// The largest manifest that is read, with its schema and its self-tests.
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;
/// The longest vendor, and the longest name.
const ID_PART_BYTES_MAX: usize = 64;
/// The languages that every text has.
pub const LANGUAGES: [&str; 2] = ["zh", "en"];

/// Who made a package and what it is. What is optional was not in the first manifests, which are still read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// `vendor/name`, for instance `ref/escalation`: lower-case letters, digits and hyphens.
    pub id: String,
    /// Semantic version (semver 2.0.0).
    pub version: String,
    /// The oldest contract that will do, for instance `muster:policy@1.0.0`: see [`ContractRange`].
    pub contract: String,
    /// What it is called, by language.
    #[serde(default)]
    pub title: BTreeMap<String, String>,
    /// What it does, by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub description: BTreeMap<String, String>,
    /// The roles that it answers for; `None` when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<Role>>,
    /// The capabilities that it wants; `None` when it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imports: Option<Vec<Capability>>,
    /// The limits that it wants for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsWanted>,
    /// What its settings may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_schema: Option<Schema>,
    /// What it must answer to some events, before it is activated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<SelfTest>,
}

/// Limits that a package wants for one call. They only ever lower the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsWanted {
    /// Units of fuel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Bytes of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl LimitsWanted {
    /// The fuel of a call where the host allows so much.
    pub fn fuel_within(&self, host: u64) -> u64 {
        self.fuel.map_or(host, |wanted| wanted.min(host))
    }

    /// The memory of a call in bytes where the host allows so much.
    pub fn memory_bytes_within(&self, host: u64) -> u64 {
        self.memory_bytes.map_or(host, |wanted| wanted.min(host))
    }
}

/// What a manifest says that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not `vendor/name`.
    #[error("`id`: `{0}` is not `vendor/name` in lower-case letters, digits and hyphens, each at most 64")]
    Id(String),
    /// Not a semantic version.
    #[error("`version`: `{0}` is no semantic version, for instance 1.2.3: {1}")]
    Version(String, String),
    /// Not a contract.
    #[error("`contract`: {0}")]
    Contract(#[from] ContractError),
    /// A role or capability that stands twice.
    #[error("`{0}`: `{1}` stands there twice")]
    Twice(&'static str, &'static str),
    /// A limit of nothing.
    #[error("`limits.{0}`: nothing runs within 0; leave it out to have the host's")]
    NoLimit(&'static str),
    /// A schema that cannot be.
    #[error("`settings_schema`: {0}")]
    Schema(#[from] SchemaError),
    /// A self-test that cannot be.
    #[error("`tests`: {0}")]
    SelfTest(#[from] SelfTestError),
}

/// Something that a manifest ought to say and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingText {
    /// The field.
    pub field: &'static str,
    /// The language.
    pub language: &'static str,
}

impl Manifest {
    /// The component with this manifest embedded at its end.
    pub fn embed(&self, component: &[u8]) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a manifest holds nothing that JSON cannot say");
        let mut section = Vec::with_capacity(json.len() + SECTION.len() + 4);
        write_length(&mut section, SECTION.len());
        section.extend_from_slice(SECTION.as_bytes());
        section.extend_from_slice(&json);
        let mut bytes = component.to_vec();
        bytes.push(0);
        write_length(&mut bytes, section.len());
        bytes.extend(section);
        bytes
    }

    /// Titles and descriptions that are missing in one of the [`LANGUAGES`].
    pub fn missing_texts(&self) -> Vec<MissingText> {
        let fields = [("title", &self.title), ("description", &self.description)];
        let missing = |(field, texts): (&'static str, &BTreeMap<String, String>)| {
            let languages = LANGUAGES.into_iter();
            let languages = languages.filter(|language| texts.get(*language).is_none_or(|text| text.trim().is_empty()));
            languages.map(|language| MissingText { field, language }).collect::<Vec<_>>()
        };
        fields.into_iter().flat_map(missing).collect()
    }

    /// Whether all that it says can be.
    ///
    /// # Errors
    /// The first thing that cannot.
    pub fn check(&self) -> Result<(), ManifestError> {
        let parts: Vec<&str> = self.id.split('/').collect();
        if parts.len() != 2 || !parts.iter().all(|part| is_id_part(part)) {
            return Err(ManifestError::Id(self.id.chars().take(160).collect()));
        }
        Version::parse(&self.version)
            .map_err(|reason| ManifestError::Version(self.version.chars().take(80).collect(), reason.to_string()))?;
        ContractRange::parse(&self.contract)?;
        let roles = self.roles.iter().flatten().map(|role| role.as_str()).collect::<Vec<_>>();
        let imports = self.imports.iter().flatten().map(|capability| capability.as_str()).collect::<Vec<_>>();
        once("roles", &roles)?;
        once("imports", &imports)?;
        let LimitsWanted { fuel, memory_bytes } = self.limits.unwrap_or_default();
        for (name, limit) in [("fuel", fuel), ("memory_bytes", memory_bytes)] {
            if limit == Some(0) {
                return Err(ManifestError::NoLimit(name));
            }
        }
        self.settings_schema.as_ref().map_or(Ok(()), Schema::validate)?;
        Ok(crate::self_test::validate(&self.tests, self.roles.as_deref())?)
    }
}

fn is_id_part(part: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !part.is_empty() && part.len() <= ID_PART_BYTES_MAX && part.bytes().all(right) && !part.starts_with('-')
}

fn once(field: &'static str, words: &[&'static str]) -> Result<(), ManifestError> {
    let twice = words.iter().enumerate().find(|(index, word)| words[..*index].contains(word));
    twice.map_or(Ok(()), |(_, word)| Err(ManifestError::Twice(field, word)))
}

/// Unsigned LEB128, as the binary format wants it.
fn write_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits fit a byte");
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}
