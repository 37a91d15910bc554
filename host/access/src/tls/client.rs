//! Machines that prove themselves by a client certificate. rustls has checked chain, purpose, time and revocation by
//! then; here the certificate's name is looked up in the settings. It must never take a name from a certificate that no
//! setting names, or match a part of a name.

use std::collections::BTreeSet;
use std::fmt;

use muster_kernel::{Digest, Instant};
use serde::{Deserialize, Deserializer};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::files::validity;
use crate::{Binding, Identity, Post, Proof, ProofFailure, Subject};

/// A name in a certificate: `uri:…`, `dns:…` or `email:…` of its alternative names, or `subject:…` (RFC 4514).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateName {
    /// A uniform resource identifier.
    Uri(String),
    /// A DNS name, in lower case.
    Dns(String),
    /// A mail address.
    Email(String),
    /// The whole subject, as RFC 4514 writes it: `CN=gauge-7,O=Yunhe Water`.
    Subject(String),
}

/// Not a name of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a certificate; write `uri:…`, `dns:…`, `email:…` or `subject:CN=…`")]
pub struct CertificateNameError(pub String);

impl CertificateName {
    /// Reads a name.
    ///
    /// # Errors
    /// When it has none of the four forms.
    pub fn parse(text: &str) -> Result<Self, CertificateNameError> {
        match text.split_once(':') {
            Some((_, "")) | None => Err(CertificateNameError(text.into())),
            Some(("uri", name)) => Ok(Self::Uri(name.into())),
            Some(("dns", name)) => Ok(Self::Dns(name.to_ascii_lowercase())),
            Some(("email", name)) => Ok(Self::Email(name.into())),
            Some(("subject", name)) => Ok(Self::Subject(name.into())),
            Some(_) => Err(CertificateNameError(text.into())),
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(name) => write!(formatter, "uri:{name}"),
            Self::Dns(name) => write!(formatter, "dns:{name}"),
            Self::Email(name) => write!(formatter, "email:{name}"),
            Self::Subject(name) => write!(formatter, "subject:{name}"),
        }
    }
}

impl<'de> Deserialize<'de> for CertificateName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What a certificate's name stands for: one `[[access.client_certificate]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The name in the certificate.
    pub certificate: CertificateName,
    /// Under which subject it is counted.
    pub subject: Subject,
    /// What people call it; its subject by default.
    pub display_name: Option<String>,
    /// Roles, and where.
    pub bindings: Vec<Binding>,
    /// Posts that it holds.
    #[serde(default)]
    pub posts: BTreeSet<Post>,
    /// Sources under which it sends events.
    #[serde(default)]
    pub sources: BTreeSet<String>,
}

/// Which machine a verified certificate stands for: of the settings' machines the first that it names.
///
/// # Errors
/// When it cannot be read, names none of them, or ran out while its connection lasted.
pub fn identify(der: &[u8], machines: &[Machine], at: Instant) -> Result<Identity, ProofFailure> {
    let unknown = |what: String| ProofFailure::UnknownCertificate(what);
    let certificate = Certificate::from_der(der).map_err(|reason| unknown(format!("unreadable: {reason}")))?;
    let (from, until) = validity(&certificate);
    if at < from || at >= until {
        return Err(unknown(format!("valid from {from} until {until}, and now it is {at}")));
    }
    let names = names(&certificate).map_err(|reason| unknown(format!("its names are unreadable: {reason}")))?;
    let Some(machine) = machines.iter().find(|machine| names.contains(&machine.certificate)) else {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        return Err(unknown(names.join(", ")));
    };
    Ok(Identity {
        subject: machine.subject.clone(),
        display_name: machine.display_name.clone().unwrap_or_else(|| machine.subject.to_string()),
        bindings: machine.bindings.clone(),
        posts: machine.posts.clone(),
        sources: machine.sources.clone(),
        proof: Proof::ClientCertificate {
            subject: certificate.tbs_certificate().subject().to_string(),
            digest: Digest::of(der),
        },
    })
}

fn names(certificate: &Certificate) -> Result<BTreeSet<CertificateName>, x509_cert::der::Error> {
    let body = certificate.tbs_certificate();
    let mut names = BTreeSet::new();
    if !body.subject().is_empty() {
        names.insert(CertificateName::Subject(body.subject().to_string()));
    }
    let alternative = body.get_extension::<SubjectAltName>()?;
    for name in alternative.iter().flat_map(|(_, names)| &names.0) {
        match name {
            GeneralName::UniformResourceIdentifier(uri) => names.insert(CertificateName::Uri(uri.to_string())),
            GeneralName::DnsName(name) => names.insert(CertificateName::Dns(name.to_string().to_ascii_lowercase())),
            GeneralName::Rfc822Name(address) => names.insert(CertificateName::Email(address.to_string())),
            _ => false,
        };
    }
    Ok(names)
}
