//! The files of `[tls]`, read at once and looked at one by one. It must never let a certificate pass that is out of its
//! time, nor keep a key longer than it takes to hand it to rustls.

use std::path::Path;

use muster_kernel::{Digest, Instant};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::TlsError;
use crate::settings::TlsSettings;
use crate::{Secret, SecretReference, Surroundings};

const CERTIFICATE: &str = "CERTIFICATE";
const REVOCATIONS: &str = "X509 CRL";

/// The bytes of all files.
pub(super) struct Files {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Secret,
    pub(super) client_roots: Option<Vec<u8>>,
    pub(super) revocations: Vec<Vec<u8>>,
    pub(super) digest: Digest,
}

impl Files {
    pub(super) fn read(settings: &TlsSettings, surroundings: &impl Surroundings) -> Result<Self, TlsError> {
        let read = |field, path: &Path| {
            let file = surroundings.file(path);
            let wrong =
                |reason: std::io::Error| TlsError::File { field, path: path.into(), reason: reason.to_string() };
            file.map(|file| file.bytes.to_vec()).map_err(wrong)
        };
        let certificate = read("certificate", &settings.certificate)?;
        let key = settings.key.resolve(surroundings)?;
        let client_roots = settings.client_roots.as_deref().map(|path| read("client_roots", path)).transpose()?;
        let lists = settings.client_revocations.iter().map(|path| read("client_revocations", path));
        let revocations = lists.collect::<Result<Vec<_>, _>>()?;
        let mut whole = Sha256::new();
        let roots = client_roots.as_deref().unwrap_or_default();
        for bytes in [&certificate, key.expose(), roots].into_iter().chain(revocations.iter().map(Vec::as_slice)) {
            // With its length, so that a byte cannot move from one file to the next unseen.
            whole.update((bytes.len() as u64).to_be_bytes());
            whole.update(bytes);
        }
        Ok(Self { certificate, key, client_roots, revocations, digest: Digest(whole.finalize().into()) })
    }
}

/// The certificates of one file.
pub(super) struct Certificates<'a> {
    pub(super) path: &'a Path,
    pub(super) der: Vec<CertificateDer<'static>>,
    parsed: Vec<Certificate>,
}

impl<'a> Certificates<'a> {
    pub(super) fn read(path: &'a Path, bytes: &[u8]) -> Result<Self, TlsError> {
        let der: Vec<CertificateDer<'static>> = sections(path, bytes, CERTIFICATE)?;
        let parse = |(index, der): (usize, &CertificateDer<'_>)| {
            let wrong = |reason: x509_cert::der::Error| TlsError::Certificate {
                path: path.into(),
                index,
                reason: reason.to_string(),
            };
            Certificate::from_der(der).map_err(wrong)
        };
        let parsed = der.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { path, der, parsed })
    }

    /// When the first one ends, if all are within their time.
    pub(super) fn in_time(&self, at: Instant) -> Result<Instant, TlsError> {
        let mut first = None;
        for (index, certificate) in self.parsed.iter().enumerate() {
            let (from, until) = validity(certificate);
            let (path, subject) = (self.path.into(), || certificate.tbs_certificate().subject().to_string());
            if at >= until {
                return Err(TlsError::Expired { path, index, subject: subject(), expired: until });
            }
            if at < from {
                return Err(TlsError::NotYet { path, index, subject: subject(), from });
            }
            first.get_or_insert(until);
        }
        first.ok_or_else(|| TlsError::Nothing { path: self.path.into(), wanted: CERTIFICATE })
    }

    /// Whether each was issued by the next.
    pub(super) fn is_a_chain(&self) -> Result<(), TlsError> {
        for (index, pair) in self.parsed.windows(2).enumerate() {
            let (issuer, next) = (pair[0].tbs_certificate().issuer(), pair[1].tbs_certificate().subject());
            if issuer != next {
                let (issuer, next) = (issuer.to_string(), next.to_string());
                return Err(TlsError::Order { path: self.path.into(), index, issuer, next });
            }
        }
        Ok(())
    }
}

/// From when on, and until just before when, a certificate is valid.
pub(super) fn validity(certificate: &Certificate) -> (Instant, Instant) {
    let instant = |time: x509_cert::time::Time| {
        Instant::from_millis(i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX))
    };
    let validity = certificate.tbs_certificate().validity();
    (instant(validity.not_before), instant(validity.not_after))
}

pub(super) fn private_key(reference: &SecretReference, key: &Secret) -> Result<PrivateKeyDer<'static>, TlsError> {
    // The reason of a PEM error may repeat a line of the file, and that line may be the key.
    let reason = |reason: pem::Error| match reason {
        pem::Error::NoItemsFound => "it holds no `-----BEGIN PRIVATE KEY-----`".to_owned(),
        _ => "it is not PEM".to_owned(),
    };
    PrivateKeyDer::from_pem_slice(key.expose())
        .map_err(|error| TlsError::Key { key: reference.clone(), reason: reason(error) })
}

pub(super) fn revocation_lists(
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    sections(path, bytes, REVOCATIONS)
}

fn sections<T: PemObject>(path: &Path, bytes: &[u8], wanted: &'static str) -> Result<Vec<T>, TlsError> {
    let wrong = |reason: pem::Error| TlsError::Pem { path: path.into(), reason: reason.to_string(), wanted };
    let found = T::pem_slice_iter(bytes).collect::<Result<Vec<T>, _>>().map_err(wrong)?;
    if found.is_empty() { Err(TlsError::Nothing { path: path.into(), wanted }) } else { Ok(found) }
}
