//! An issuer's keys over time: fetched when there are none, when they grew old, and when a token names an unknown one;
//! kept for a while when the issuer cannot be reached. In virtual time; it must never fetch as often as strangers ask.

use std::path::PathBuf;

use muster_kernel::{Instant, Milliseconds};

use super::{JwtError, KeySet, Unverified};
use crate::Surroundings;

/// Why keys were not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);

/// Where the bytes of a key set come from.
pub trait KeySource {
    /// The JWKS document.
    ///
    /// # Errors
    /// When it cannot be had; the words say from where and why.
    fn fetch(&mut self) -> Result<Vec<u8>, FetchError>;
}

/// A key set in a file, for hosts without a network.
#[derive(Debug)]
pub struct FileKeys<S> {
    /// The file.
    pub path: PathBuf,
    /// What reads it.
    pub surroundings: S,
}

impl<S: Surroundings> KeySource for FileKeys<S> {
    fn fetch(&mut self) -> Result<Vec<u8>, FetchError> {
        let read = self.surroundings.file(&self.path);
        let file = read.map_err(|reason| FetchError(format!("the key set {}: {reason}", self.path.display())))?;
        Ok(file.bytes.to_vec())
    }
}

/// How long keys count, and how often they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// So long nobody asks for newer ones, unless an unknown key is named.
    pub fresh_for: Milliseconds,
    /// So long after that they still count while newer ones cannot be had.
    pub stale_for: Milliseconds,
    /// The least time between two fetches, whoever asks and however they ended.
    pub retry_after: Milliseconds,
}

impl Default for Patience {
    /// An hour, a day, a minute.
    fn default() -> Self {
        Self {
            fresh_for: Milliseconds::hours(1),
            stale_for: Milliseconds::hours(24),
            retry_after: Milliseconds::minutes(1),
        }
    }
}

/// The keys that are known, and since when.
#[derive(Debug, Clone)]
pub struct KeyCache {
    patience: Patience,
    known: Option<(KeySet, Instant)>,
    tried: Option<Instant>,
    problem: Option<String>,
}

impl KeyCache {
    /// Knows no keys yet.
    pub const fn new(patience: Patience) -> Self {
        Self { patience, known: None, tried: None, problem: None }
    }

    /// Whether keys are to be fetched before this token is verified.
    pub fn is_fetch_due(&self, token: &Unverified<'_>, at: Instant) -> bool {
        if self.tried.is_some_and(|tried| at < tried + self.patience.retry_after) {
            return false;
        }
        match &self.known {
            None => true,
            Some((keys, since)) => at >= *since + self.patience.fresh_for || !token.key_is_in(keys),
        }
    }

    /// Takes what a fetch gave. What cannot be used leaves the keys before as they are, and is told by
    /// [`Self::problem`].
    pub fn take(&mut self, fetched: Result<Vec<u8>, FetchError>, at: Instant) {
        self.tried = Some(at);
        let read = fetched.map_err(|reason| reason.to_string());
        match read.and_then(|bytes| KeySet::read(&bytes).map_err(|reason| reason.to_string())) {
            Ok(keys) => {
                self.known = Some((keys, at));
                self.problem = None;
            }
            Err(reason) => self.problem = Some(reason),
        }
    }

    /// The keys that count now.
    ///
    /// # Errors
    /// When there are none, or only such as are older than may be.
    pub fn keys(&self, at: Instant) -> Result<&KeySet, JwtError> {
        let why = || self.problem.clone().unwrap_or_else(|| "they were not fetched yet".into());
        match &self.known {
            None => Err(JwtError::NoKeys(why())),
            Some((_, since)) if at >= *since + self.patience.fresh_for + self.patience.stale_for => {
                Err(JwtError::NoKeys(format!("those of {since} are too old, and newer ones cannot be had: {}", why())))
            }
            Some((keys, _)) => Ok(keys),
        }
    }

    /// Why the last fetch gave nothing, while it is so. For the host's status: until the keys are too old, nobody
    /// notices otherwise.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}
