//! Keeps TLS in force while its files change: a new certificate takes the place of the old one in one step, a broken
//! one leaves the old one and is told of. Running connections keep what they began with. It must never serve half of an
//! old and half of a new set of files.

use std::sync::{Arc, PoisonError, RwLock};

use muster_kernel::Instant;
use rustls::ServerConfig;
use rustls::time_provider::TimeProvider;

use super::files::Files;
use super::{Loaded, TlsError, make};
use crate::Surroundings;
use crate::settings::TlsSettings;

/// What a look at the files came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// The files are those in force.
    Unchanged,
    /// The new files are in force.
    Replaced {
        /// When their certificate ends.
        expires: Instant,
    },
    /// The new files cannot be used; what was in force serves on.
    Kept {
        /// Why.
        reason: TlsError,
        /// When the certificate that serves on ends.
        expires: Instant,
    },
}

/// TLS in force.
#[derive(Debug)]
pub struct TlsKeeper {
    settings: TlsSettings,
    time: Arc<dyn TimeProvider>,
    /// The whole configuration is swapped, not only the certificate: roots and revocations of clients change too, and
    /// remembered sessions of clients that are now revoked go with the old one.
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    loaded: Loaded,
    problem: Option<TlsError>,
}

impl TlsKeeper {
    /// Loads the files for the first time.
    ///
    /// # Errors
    /// When they cannot be used: a host does not begin with broken TLS.
    pub fn start(
        settings: TlsSettings,
        surroundings: &impl Surroundings,
        time: Arc<dyn TimeProvider>,
        at: Instant,
    ) -> Result<Self, TlsError> {
        let loaded = super::load(&settings, surroundings, Arc::clone(&time), at)?;
        Ok(Self { settings, time, current: RwLock::new(Current { loaded, problem: None }) })
    }

    /// What a new connection is to use.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).loaded.config)
    }

    /// When the certificate in force ends.
    pub fn expires(&self) -> Instant {
        self.current.read().unwrap_or_else(PoisonError::into_inner).loaded.expires
    }

    /// Why the newest files are not in force, while it is so. For the host's status.
    pub fn problem(&self) -> Option<TlsError> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// Looks at the files again: when they changed, and once in a while.
    pub fn refresh(&self, surroundings: &impl Surroundings, at: Instant) -> Refresh {
        let made = Files::read(&self.settings, surroundings).and_then(|files| {
            if files.digest == self.current.read().unwrap_or_else(PoisonError::into_inner).loaded.files {
                return Ok(None);
            }
            make(&self.settings, files, Arc::clone(&self.time), at).map(Some)
        });
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match made {
            Ok(None) => {
                current.problem = None;
                Refresh::Unchanged
            }
            Ok(Some(loaded)) => {
                let expires = loaded.expires;
                *current = Current { loaded, problem: None };
                Refresh::Replaced { expires }
            }
            Err(reason) => {
                current.problem = Some(reason.clone());
                Refresh::Kept { reason, expires: current.loaded.expires }
            }
        }
    }
}
