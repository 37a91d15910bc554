//! `[[access.oidc]]`: issuers whose signed tokens are taken, and what their claims stand for. It must never let a subject
//! of one issuer pass for a subject of another.

use std::collections::BTreeSet;
use std::path::PathBuf;

use muster_kernel::Milliseconds;
use serde::{Deserialize, Deserializer};

use super::{SettingsError, bounded, checked, seconds, wrong};
use crate::oidc::{Issuer, Patience, Rule};
use crate::{Binding, Post};

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
        let is_port = |port: &str| {
            port.is_empty()
                || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()))
        };
        let local = |rest: &str| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| host.strip_prefix(name).is_some_and(is_port))
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

impl IssuerSettings {
    pub(super) fn check<'a>(
        &self,
        place: &str,
        mut others: impl Iterator<Item = &'a Self>,
    ) -> Result<(), SettingsError> {
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

    pub(super) fn issuer(&self) -> Issuer {
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
