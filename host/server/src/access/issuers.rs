//! Signed tokens of issuers while the host runs: keys are fetched when `muster-access` says that they are due, and what
//! was verified is remembered for a moment, since a signature costs more than all the rest of a request. It must never
//! remember a verdict longer than the token itself holds.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use muster_access::oidc::{FetchError, FileKeys, Issuers, KeySource};
use muster_access::settings::KeysFrom;
use muster_access::{AccessSettings, Identity, ProofFailure, System};
use muster_kernel::{Digest, Instant, Milliseconds};

/// So long a verified token is not verified again.
const REMEMBERED_FOR: Milliseconds = Milliseconds(60_000);
/// Verified tokens that are remembered at most.
const REMEMBERED_MAX: usize = 10_000;
/// So long an issuer may take to give its keys.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
/// The largest key set that is read.
const KEY_SET_BYTES_MAX: u64 = 1 << 20;

/// The issuers of a running host.
pub(crate) struct RunningIssuers {
    issuers: RwLock<Issuers>,
    places: BTreeMap<String, KeysFrom>,
    /// One fetch at a time; those who need the same keys wait for it.
    fetching: tokio::sync::Mutex<()>,
    verified: Mutex<BTreeMap<Digest, (Arc<Identity>, Instant)>>,
}

impl RunningIssuers {
    pub(crate) fn new(settings: &AccessSettings) -> Self {
        let places = settings.oidc.iter().map(|issuer| (issuer.issuer.clone(), issuer.keys.clone()));
        Self {
            issuers: RwLock::new(settings.issuers()),
            places: places.collect(),
            fetching: tokio::sync::Mutex::default(),
            verified: Mutex::default(),
        }
    }

    pub(crate) async fn prove(&self, token: &str, at: Instant) -> Result<Arc<Identity>, ProofFailure> {
        let name = Digest::of(token.as_bytes());
        if let Some(identity) = self.remembered(&name, at) {
            return Ok(identity);
        }
        if self.fetch_due(token, at).is_some() {
            let _one_at_a_time = self.fetching.lock().await;
            // Whoever held it before may have fetched the same keys.
            if let Some(issuer) = self.fetch_due(token, at) {
                self.fetch(&issuer, at).await;
            }
        }
        let proved = self.issuers.read().unwrap_or_else(PoisonError::into_inner).prove_until(token, at);
        let (identity, until) = proved?;
        let identity = Arc::new(identity);
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= REMEMBERED_MAX {
            verified.retain(|_, (_, until)| at < *until);
        }
        if verified.len() < REMEMBERED_MAX {
            verified.insert(name, (Arc::clone(&identity), until.min(at + REMEMBERED_FOR)));
        }
        Ok(identity)
    }

    fn remembered(&self, name: &Digest, at: Instant) -> Option<Arc<Identity>> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let (identity, until) = verified.get(name)?;
        (at < *until).then(|| Arc::clone(identity))
    }

    fn fetch_due(&self, token: &str, at: Instant) -> Option<String> {
        let issuers = self.issuers.read().unwrap_or_else(PoisonError::into_inner);
        issuers.fetch_due(token, at).map(str::to_owned)
    }

    async fn fetch(&self, issuer: &str, at: Instant) {
        let Some(place) = self.places.get(issuer).cloned() else { return };
        let fetched = tokio::task::spawn_blocking(move || match place {
            KeysFrom::File(path) => FileKeys { path, surroundings: System }.fetch(),
            KeysFrom::Address(address) => FetchedKeys { address }.fetch(),
        });
        let fetched = fetched.await.unwrap_or_else(|reason| Err(FetchError(reason.to_string())));
        if let Err(reason) = &fetched {
            tracing::warn!(target: "muster::access", issuer, %reason, "the issuer's keys could not be fetched");
        }
        self.issuers.write().unwrap_or_else(PoisonError::into_inner).take(issuer, fetched, at);
        // Whoever was verified with keys that are gone is verified anew.
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let issuers = self.issuers.read().unwrap_or_else(PoisonError::into_inner);
        let problem = |issuer: &muster_access::oidc::Issuer| {
            issuer.keys.problem().map(|problem| (issuer.name.clone(), problem.to_owned()))
        };
        issuers.iter().filter_map(problem).collect()
    }
}

/// A key set at an address. The roots of the machine say whom to believe.
struct FetchedKeys {
    address: String,
}

impl KeySource for FetchedKeys {
    fn fetch(&mut self) -> Result<Vec<u8>, FetchError> {
        let failed = |reason: &dyn std::fmt::Display| FetchError(format!("the key set {}: {reason}", self.address));
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(FETCH_WITHIN))
            .tls_config(tls)
            // An address that leads elsewhere is another address; the settings name the one that is believed.
            .max_redirects(0)
            .build()
            .new_agent();
        let response = agent.get(&self.address).call().map_err(|reason| failed(&reason))?;
        if !response.status().is_success() {
            return Err(failed(&response.status()));
        }
        let mut bytes = Vec::new();
        let mut body = response.into_body().into_reader().take(KEY_SET_BYTES_MAX + 1);
        body.read_to_end(&mut bytes).map_err(|reason| failed(&reason))?;
        if bytes.len() as u64 > KEY_SET_BYTES_MAX {
            return Err(failed(&format!("it is over {KEY_SET_BYTES_MAX} bytes")));
        }
        Ok(bytes)
    }
}
