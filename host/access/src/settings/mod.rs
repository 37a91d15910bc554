//! `[access]` and `[tls]` of `muster.toml`. Every field is known or refused; every number has bounds; secrets are named
//! by where they lie. Without these tables the host listens on its own machine only.

mod issuer;
mod tls;

use std::collections::{BTreeMap, BTreeSet};

use muster_kernel::Milliseconds;
use serde::Deserialize;

use crate::Action;
use crate::guard::Pace;
use crate::identity::BindingError;
use crate::listen::Posture;
use crate::oidc::Issuers;
use crate::second_person::SecondPersonRules;
use crate::tls::client::Machine;
use crate::token::Limits;

pub use issuer::{IssuerSettings, KeysFrom, MappingSettings};
pub use tls::{ClientCertificates, TlsSettings, TlsVersion};

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
        tls.check(!self.access.client_certificate.is_empty())
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
