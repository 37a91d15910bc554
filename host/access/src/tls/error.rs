//! Why TLS cannot be served. Each says which file, which certificate in it, why, and what to do; none holds a key.

use std::path::PathBuf;

use muster_kernel::Instant;

use crate::{SecretError, SecretReference};

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("[tls] {field}: {path} cannot be read: {reason}")]
    File {
        /// The setting.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The key cannot be read.
    #[error("[tls] key: {0}")]
    Secret(#[from] SecretError),
    /// Not PEM.
    #[error("{path} is not PEM: {reason}; it must hold sections `-----BEGIN {wanted}-----`")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What it must hold.
        wanted: &'static str,
    },
    /// No section of the kind that is needed.
    #[error("{path} holds no `-----BEGIN {wanted}-----`")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What it must hold.
        wanted: &'static str,
    },
    /// A certificate that cannot be used.
    #[error("certificate {} in {path} cannot be used: {reason}", .index + 1)]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Which, from 0.
        index: usize,
        /// Why.
        reason: String,
    },
    /// A certificate that ran out.
    #[error("certificate {} in {path} ({subject}) expired on {expired}; renew it", .index + 1)]
    Expired {
        /// The file.
        path: PathBuf,
        /// Which, from 0.
        index: usize,
        /// Its subject.
        subject: String,
        /// When it ran out.
        expired: Instant,
    },
    /// A certificate that is not valid yet.
    #[error("certificate {} in {path} ({subject}) is valid from {from} on; wait, or set this machine's clock right", .index + 1)]
    NotYet {
        /// The file.
        path: PathBuf,
        /// Which, from 0.
        index: usize,
        /// Its subject.
        subject: String,
        /// When it begins.
        from: Instant,
    },
    /// A chain whose links do not meet.
    #[error(
        "certificate {} in {path} was issued by `{issuer}`, and the next one is `{next}`; put the host's own certificate \
         first, and after each the one that issued it", .index + 1
    )]
    Order {
        /// The file.
        path: PathBuf,
        /// Which, from 0.
        index: usize,
        /// Who issued it.
        issuer: String,
        /// Whose certificate follows.
        next: String,
    },
    /// The key is another certificate's.
    #[error(
        "the key {key} does not belong to the first certificate in {certificate}; take the two that were made together"
    )]
    OtherKey {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key.
        key: SecretReference,
    },
    /// A key that cannot be used.
    #[error("the key {key} cannot be used: {reason}; take an ECDSA P-256 or P-384, Ed25519 or RSA key in PKCS #8")]
    Key {
        /// The key.
        key: SecretReference,
        /// Why.
        reason: String,
    },
    /// The parts do not make a whole.
    #[error("TLS cannot be set up: {0}")]
    Build(String),
}
