//! TLS towards the broker: rustls with ring, the broker's certificate checked against the roots that are given or, when
//! none are, those of the machine. There is no way to switch the check off.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The configuration of every connection.
pub(super) fn configuration(roots_pem: Option<&[u8]>) -> Result<rumqttc::TlsConfiguration, String> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = roots_pem {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|reason| reason.to_string())?;
            roots.add(certificate).map_err(|reason| reason.to_string())?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err("no root certificate is known".into());
    }
    let configuration = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|reason| reason.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(rumqttc::TlsConfiguration::Rustls(Arc::new(configuration)))
}
