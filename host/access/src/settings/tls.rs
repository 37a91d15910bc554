//! `[tls]`: where certificate, key and the roots of clients lie. It must never hold a key itself.

use std::path::PathBuf;

use serde::Deserialize;

use super::{SettingsError, wrong};
use crate::SecretReference;

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

impl TlsSettings {
    /// Whether the table holds together; `names_machines`: machines are to prove themselves by a certificate.
    pub(super) fn check(&self, names_machines: bool) -> Result<(), SettingsError> {
        if self.client_roots.is_some() {
            return Ok(());
        }
        if names_machines {
            return Err(wrong("access.client_certificate", "needs `client_roots` in [tls]"));
        }
        if !self.client_revocations.is_empty() {
            return Err(wrong("tls.client_revocations", "needs `client_roots`"));
        }
        if self.client_certificates == ClientCertificates::Required {
            return Err(wrong("tls.client_certificates", "is `required`, which needs `client_roots`"));
        }
        Ok(())
    }
}
