//! `[access]` and `[tls]` of `muster.toml`. Every field is known or refused; every number has bounds; secrets are named
//! by where they lie. Without these tables the host listens on its own machine only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use muster_kernel::Milliseconds;
use serde::{Deserialize, Deserializer};

use crate::guard::Pace;
use crate::identity::BindingError;
use crate::listen::Posture;
use crate::oidc::{Issuer, Issuers, Patience, Rule};
use crate::second_person::SecondPersonRules;
use crate::tls::client::Machine;
use crate::token::Limits;
use crate::{Action, Binding, Post, SecretReference};

/// Both tables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[access]`.
    #[serde(default)]
    pub access: AccessSettings,
    /// `[tls]`.
    pub tls: Option<TlsSettings>,
}

/// `[access]`: who may come in, and how they prove it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessSettings {
    /// Listen beyond the machine without TLS or authentication all the same.
    pub insecure: bool,
    /// Whoever sits at the machine may do everything, without proof.
    pub development: bool,
    /// Everybody may read the public views, without proof.
    pub public_view: bool,
    /// The longest life of a token, in days: 1 to 400.
    pub token_days_max: u32,
    /// How failed proofs are slowed down.
    pub guessing: GuessingSettings,
    /// What one person may not do alone.
    pub second_person: SecondPersonSettings,
    /// Issuers whose signed tokens are taken.
    pub oidc: Vec<IssuerSettings>,
    /// Machines that prove themselves by a certificate.
    pub client_certificate: Vec<Machine>,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            insecure: false,
            development: false,
            public_view: false,
            token_days_max: 90,
            guessing: GuessingSettings::default(),
            second_person: SecondPersonSettings::default(),
            oidc: Vec::new(),
            client_certificate: Vec::new(),
        }
    }
}

/// `[access.guessing]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuessingSettings {
    /// Failures in a row that are let pass: 1 to 1,000.
    pub failures: u32,
    /// Seconds after which one more is: 1 to 3,600.
    pub refill_seconds: u32,
    /// Addresses, and likewise tokens, that are remembered: 100 to 1,000,000.
    pub remembered_max: usize,
}

impl Default for GuessingSettings {
    fn default() -> Self {
        Self { failures: 10, refill_seconds: 30, remembered_max: 10_000 }
    }
}

/// `[access.second_person]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecondPersonSettings {
    /// Distinct persons by action, the one who does it included: 2 to 10. For instance `{ release_policy = 2 }`.
    pub persons: BTreeMap<Action, usize>,
    /// Minutes that an approval holds: 1 to 10,080.
    pub approvals_hold_minutes: u32,
}

impl Default for SecondPersonSettings {
    fn default() -> Self {
        Self { persons: BTreeMap::new(), approvals_hold_minutes: 60 }
    }
}

/// Where an issuer's key set lies: `file:PATH`, or an `https:` address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysFrom {
    /// A file.
    File(PathBuf),
    /// An address; `http:` only on the machine itself.
    Address(String),
}

impl<'de> Deserialize<'de> for KeysFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let local = |rest: &str| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            ["127.0.0.1", "[::1]", "localhost"]
                .iter()
                .any(|name| host.strip_prefix(name).is_some_and(|port| port.is_empty() || port.starts_with(':')))
        };
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("https", rest)) if rest.len() > 2 && rest.starts_with("//") => Ok(Self::Address(text)),
            Some(("http", rest)) if rest.strip_prefix("//").is_some_and(local) => Ok(Self::Address(text)),
            _ => Err(serde::de::Error::custom(format!(
                "`{text}` is no place of a key set; write `file:PATH` or an https address: whoever is on the way of a plain one could put in keys"
            ))),
        }
    }
}

/// `[[access.oidc]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// `iss`, to the letter.
    pub issuer: String,
    /// Names of this host in `aud`; at least one.
    pub audience: Vec<String>,
    /// Where its key set lies.
    pub keys: KeysFrom,
    /// How far clocks may differ, in seconds: 0 to 300.
    #[serde(default = "sixty")]
    pub skew_seconds: u32,
    /// The claim that names the subject.
    #[serde(default = "sub")]
    pub subject_claim: String,
    /// The claim that people are called by.
    #[serde(default = "name")]
    pub name_claim: String,
    /// Stands before every subject of this issuer; another one for each issuer.
    #[serde(default)]
    pub subject_prefix: String,
    /// Minutes after which keys are fetched anew: 1 to 1,440.
    #[serde(default = "sixty")]
    pub fresh_minutes: u32,
    /// Hours that they still count while the issuer cannot be reached: 0 to 720.
    #[serde(default = "day")]
    pub stale_hours: u32,
    /// The least seconds between two fetches: 1 to 3,600.
    #[serde(default = "sixty")]
    pub retry_seconds: u32,
    /// What its claims stand for.
    #[serde(default)]
    pub mapping: Vec<MappingSettings>,
}

/// `[[access.oidc.mapping]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingSettings {
    /// The claim; `a.b` is `b` inside `a`.
    pub claim: String,
    /// Its value, or one of its values; `{node}` stands for the code of the binding's node.
    pub value: String,
    /// The role, and where.
    pub binding: Binding,
    /// Posts that come with it.
    #[serde(default)]
    pub posts: BTreeSet<Post>,
    /// Sources that come with it; `{node}` as in the value.
    #[serde(default)]
    pub sources: BTreeSet<String>,
}

fn sixty() -> u32 {
    60
}

fn day() -> u32 {
    24
}

fn sub() -> String {
    "sub".into()
}

fn name() -> String {
    "name".into()
}

/// The least version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246, for older devices; forward secrecy and authenticated ciphers only.
    #[default]
    #[serde(rename = "1.2")]
    V12,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V13,
}

/// Whether callers must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    /// They may; a wrong one is refused all the same.
    #[default]
    Optional,
    /// They must, also those who show a token.
    Required,
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM: the host's certificate, and after each the one that issued it.
    pub certificate: PathBuf,
    /// PEM: its key, as `file:PATH` or `env:NAME`.
    pub key: SecretReference,
    /// The least version.
    #[serde(default)]
    pub minimum_version: TlsVersion,
    /// PEM: who issues certificates of clients; absent: client certificates are not asked for.
    pub client_roots: Option<PathBuf>,
    /// PEM: lists of revoked client certificates.
    #[serde(default)]
    pub client_revocations: Vec<PathBuf>,
    /// Whether callers must show one.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not the TOML of these tables.
    #[error("the settings cannot be read: {0}")]
    Syntax(String),
    /// A field that cannot be.
    #[error("`{field}` {reason}")]
    Field {
        /// The field, for instance `access.oidc[0].audience`.
        field: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
}

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> SettingsError {
    SettingsError::Field { field: field.into(), reason: reason.into() }
}

fn bounded<T: PartialOrd + std::fmt::Display>(field: &str, given: T, least: T, most: T) -> Result<(), SettingsError> {
    if given < least || given > most {
        return Err(wrong(field, format!("is {given}; {least} to {most} are allowed")));
    }
    Ok(())
}

impl Settings {
    /// Reads both tables from a text that holds nothing else.
    ///
    /// # Errors
    /// When it is not their TOML, or does not hold together.
    pub fn read(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|reason| SettingsError::Syntax(reason.to_string()))?;
        settings.check()?;
        Ok(settings)
    }

    /// Whether both tables hold together, for whoever reads them as a part of a larger file.
    ///
    /// # Errors
    /// Names the first field that does not.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.access.check()?;
        let Some(tls) = &self.tls else {
            return match self.access.client_certificate.first() {
                Some(_) => Err(wrong("access.client_certificate", "needs [tls] with `client_roots`")),
                None => Ok(()),
            };
        };
        if tls.client_roots.is_none() {
            if !self.access.client_certificate.is_empty() {
                return Err(wrong("access.client_certificate", "needs `client_roots` in [tls]"));
            }
            if !tls.client_revocations.is_empty() {
                return Err(wrong("tls.client_revocations", "needs `client_roots`"));
            }
            if tls.client_certificates == ClientCertificates::Required {
                return Err(wrong("tls.client_certificates", "is `required`, which needs `client_roots`"));
            }
        }
        Ok(())
    }

    /// What protects the port, for [`crate::listen::listen`]. `has_tokens`: a token was issued or is waiting to be used.
    pub fn posture(&self, has_tokens: bool) -> Posture {
        let can_prove = has_tokens || !self.access.oidc.is_empty() || !self.access.client_certificate.is_empty();
        Posture {
            tls: self.tls.is_some(),
            authentication: can_prove && !self.access.development,
            insecure: self.access.insecure,
        }
    }
}

impl AccessSettings {
    fn check(&self) -> Result<(), SettingsError> {
        bounded("access.token_days_max", self.token_days_max, 1, 400)?;
        bounded("access.guessing.failures", self.guessing.failures, 1, 1_000)?;
        bounded("access.guessing.refill_seconds", self.guessing.refill_seconds, 1, 3_600)?;
        bounded("access.guessing.remembered_max", self.guessing.remembered_max, 100, 1_000_000)?;
        let hold = self.second_person.approvals_hold_minutes;
        bounded("access.second_person.approvals_hold_minutes", hold, 1, 10_080)?;
        for (action, persons) in &self.second_person.persons {
            bounded(&format!("access.second_person.persons.{action}"), *persons, 2, 10)?;
        }
        for (index, issuer) in self.oidc.iter().enumerate() {
            let others = self.oidc.iter().take(index);
            issuer.check(&format!("access.oidc[{index}]"), others)?;
        }
        let mut names = BTreeSet::new();
        for (index, machine) in self.client_certificate.iter().enumerate() {
            let place = format!("access.client_certificate[{index}]");
            if !names.insert(&machine.certificate) {
                return Err(wrong(format!("{place}.certificate"), "stands for another machine above already"));
            }
            if machine.bindings.is_empty() {
                return Err(wrong(format!("{place}.bindings"), "is empty; say what the machine may do"));
            }
            for (number, binding) in machine.bindings.iter().enumerate() {
                checked(&format!("{place}.bindings[{number}]"), binding.check())?;
            }
        }
        Ok(())
    }

    /// How long tokens may live.
    pub fn limits(&self) -> Limits {
        Limits { life_max: Milliseconds::hours(24 * i64::from(self.token_days_max)) }
    }

    /// How failed proofs are slowed down.
    pub fn pace(&self) -> Pace {
        Pace {
            burst: self.guessing.failures,
            refill: seconds(self.guessing.refill_seconds),
            remembered_max: self.guessing.remembered_max,
        }
    }

    /// What one person may not do alone.
    pub fn second_person_rules(&self) -> SecondPersonRules {
        SecondPersonRules {
            persons: self.second_person.persons.clone(),
            approvals_hold: Milliseconds::minutes(self.second_person.approvals_hold_minutes.into()),
        }
    }

    /// The issuers, without keys yet.
    pub fn issuers(&self) -> Issuers {
        Issuers::new(self.oidc.iter().map(IssuerSettings::issuer))
    }
}

fn seconds(count: u32) -> Milliseconds {
    Milliseconds(i64::from(count) * 1_000)
}

fn checked(field: &str, binding: Result<(), BindingError>) -> Result<(), SettingsError> {
    binding.map_err(|reason| wrong(field, format!("cannot be: {reason}")))
}

impl IssuerSettings {
    fn check<'a>(&self, place: &str, mut others: impl Iterator<Item = &'a Self>) -> Result<(), SettingsError> {
        let field = |name: &str| format!("{place}.{name}");
        if self.issuer.is_empty() {
            return Err(wrong(field("issuer"), "is empty"));
        }
        if self.audience.is_empty() || self.audience.iter().any(String::is_empty) {
            let reason = "must name this host: without it a token for any other service would be taken here";
            return Err(wrong(field("audience"), reason));
        }
        bounded(&field("skew_seconds"), self.skew_seconds, 0, 300)?;
        bounded(&field("fresh_minutes"), self.fresh_minutes, 1, 1_440)?;
        bounded(&field("stale_hours"), self.stale_hours, 0, 720)?;
        bounded(&field("retry_seconds"), self.retry_seconds, 1, 3_600)?;
        if let Some(other) =
            others.find(|other| other.issuer == self.issuer || other.subject_prefix == self.subject_prefix)
        {
            let reason = format!(
                "is also that of `{}`; name each issuer once, with a prefix of its own, or a subject of one could pass for \
                 a subject of the other",
                other.issuer
            );
            return Err(wrong(field("subject_prefix"), reason));
        }
        for (index, mapping) in self.mapping.iter().enumerate() {
            let place = field(&format!("mapping[{index}]"));
            checked(&format!("{place}.binding"), mapping.binding.check())?;
            let takes_node = match mapping.value.matches("{node}").count() {
                0 => false,
                1 => true,
                _ => return Err(wrong(format!("{place}.value"), "holds `{node}` more than once")),
            };
            if takes_node && (mapping.binding.node.is_some() || mapping.binding.district.is_none()) {
                let reason = "must have a district and no node: `{node}` in `value` gives the node";
                return Err(wrong(format!("{place}.binding"), reason));
            }
            if !takes_node && mapping.sources.iter().any(|source| source.contains("{node}")) {
                return Err(wrong(format!("{place}.sources"), "holds `{node}`, and `value` does not"));
            }
        }
        Ok(())
    }

    fn issuer(&self) -> Issuer {
        let patience = Patience {
            fresh_for: Milliseconds::minutes(self.fresh_minutes.into()),
            stale_for: Milliseconds::hours(self.stale_hours.into()),
            retry_after: seconds(self.retry_seconds),
        };
        let rules = self.mapping.iter().map(|mapping| Rule {
            claim: mapping.claim.clone(),
            value: mapping.value.clone(),
            binding: mapping.binding.clone(),
            posts: mapping.posts.clone(),
            sources: mapping.sources.clone(),
        });
        Issuer {
            skew: seconds(self.skew_seconds),
            subject_claim: self.subject_claim.clone(),
            name_claim: self.name_claim.clone(),
            subject_prefix: self.subject_prefix.clone(),
            rules: rules.collect(),
            ..Issuer::new(self.issuer.clone(), self.audience.clone(), patience)
        }
    }
}
