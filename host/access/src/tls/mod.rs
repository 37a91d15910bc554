//! TLS of the host: a rustls server of TLS 1.2 and 1.3 over ring, from PEM files, with client certificates for machines.
//!
//! It reads bytes that are handed in and gives a configuration; it opens no socket. It must never serve with a
//! certificate that is broken, out of its time or without its key, and never fall back to plain text.

pub mod client;
mod error;
mod files;
mod keeper;

use std::sync::Arc;

use muster_kernel::{Digest, Instant};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::Surroundings;
use crate::settings::{ClientCertificates, TlsSettings, TlsVersion};

pub use error::TlsError;
use files::{Certificates, Files};
pub use keeper::{Refresh, TlsKeeper};

/// What the HTTP edge speaks (RFC 7301).
const PROTOCOL: &[u8] = b"http/1.1";

/// A configuration that can serve, and when its certificate ends.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// For rustls; one `Arc` for all connections until the next one takes its place.
    pub config: Arc<ServerConfig>,
    /// When the first certificate of the chain ends.
    pub expires: Instant,
    /// The digest of all files that it was made from.
    pub files: Digest,
}

/// Makes the configuration from the files that the settings name.
///
/// # Errors
/// When a file cannot be read or used: which file, which certificate in it, why, and the cure.
pub fn load(
    settings: &TlsSettings,
    surroundings: &impl Surroundings,
    time: Arc<dyn TimeProvider>,
    at: Instant,
) -> Result<Loaded, TlsError> {
    make(settings, Files::read(settings, surroundings)?, time, at)
}

fn make(settings: &TlsSettings, files: Files, time: Arc<dyn TimeProvider>, at: Instant) -> Result<Loaded, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = Certificates::read(&settings.certificate, &files.certificate)?;
    chain.is_a_chain()?;
    let expires = chain.in_time(at)?;
    let key = files::private_key(&settings.key, &files.key)?;
    let certified = CertifiedKey::from_der(chain.der, key, &provider).map_err(|reason| match reason {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::OtherKey { certificate: settings.certificate.clone(), key: settings.key.clone() }
        }
        reason => TlsError::Key { key: settings.key.clone(), reason: reason.to_string() },
    })?;
    let versions: &[&SupportedProtocolVersion] = match settings.minimum_version {
        TlsVersion::V12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V13 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), time)
        .with_protocol_versions(versions)
        .map_err(|reason| TlsError::Build(reason.to_string()))?;
    let builder = match (&settings.client_roots, &files.client_roots) {
        (Some(path), Some(bytes)) => {
            let roots = Certificates::read(path, bytes)?;
            let verifier = client_verifier(settings, roots, &files.revocations, provider, at)?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Loaded { config: Arc::new(config), expires, files: files.digest })
}

fn client_verifier(
    settings: &TlsSettings,
    roots: Certificates<'_>,
    revocations: &[Vec<u8>],
    provider: Arc<CryptoProvider>,
    at: Instant,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    roots.in_time(at)?;
    let path = roots.path;
    let mut store = RootCertStore::empty();
    for (index, der) in roots.der.into_iter().enumerate() {
        let wrong =
            |reason: rustls::Error| TlsError::Certificate { path: path.into(), index, reason: reason.to_string() };
        store.add(der).map_err(wrong)?;
    }
    let mut lists: Vec<CertificateRevocationListDer<'static>> = Vec::new();
    for (path, bytes) in settings.client_revocations.iter().zip(revocations) {
        lists.extend(files::revocation_lists(path, bytes)?);
    }
    let has_lists = !lists.is_empty();
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider).with_crls(lists);
    if has_lists {
        // A list that ran out may lack the very machine that was stolen; a root without any list is not covered by one.
        builder = builder.enforce_revocation_expiration().allow_unknown_revocation_status();
    }
    if settings.client_certificates == ClientCertificates::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|reason| TlsError::Build(reason.to_string()))
}
