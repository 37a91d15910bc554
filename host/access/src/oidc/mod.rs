//! Signed tokens (JWT) of an `OpenID` Connect issuer: verified offline against its public keys, then mapped to bindings.
//!
//! RS256, ES256 and `EdDSA` only, and the key says which. `none` and every HMAC are refused by having no place here: no key
//! of a set is ever used as a shared secret. The primitives are ring's, which the TLS of this host uses too; the
//! envelope (RFC 7515, RFC 7519) is read here, since the libraries for it read the system's clock, or bring in an RSA
//! with an open advisory. Nothing here opens a socket: keys come in behind [`KeySource`].

mod claims;
mod issuer;
mod jwk;
mod jws;
mod keys;

pub use claims::{Audience, Claims};
pub use issuer::{Issuer, Issuers, Rule};
pub use jwk::{Algorithm, KeySet, KeySetError};
pub use jws::{JWT_BYTES_MAX, Unverified};
pub use keys::{FetchError, FileKeys, KeyCache, KeySource, Patience};

use muster_kernel::Instant;

/// Why a signed token does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not a compact JWS with JSON in it.
    #[error("`{part}` {reason}")]
    Form {
        /// The part or field.
        part: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An algorithm that is never taken.
    #[error("`alg` is `{0}`; only RS256, ES256 and EdDSA are taken")]
    Algorithm(String),
    /// The issuer is not one of the settings.
    #[error("`iss` is `{0}`, which is no issuer of [[access.oidc]]")]
    UnknownIssuer(String),
    /// The key is not in the issuer's set.
    #[error("the issuer's key set holds no key `{kid}` for {algorithm}")]
    UnknownKey {
        /// `kid`, or what stands for its absence.
        kid: String,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// No `kid`, and more than one key could be meant.
    #[error("`kid` is missing, and {0} keys of the issuer could be meant")]
    WhichKey(usize),
    /// No keys, or too old ones.
    #[error("the issuer's keys are not there: {0}")]
    NoKeys(String),
    /// The signature does not fit.
    #[error("the signature does not fit key `{0}`")]
    Signature(String),
    /// Meant for somebody else.
    #[error("`aud` is {0:?}, and none of these is this host")]
    OtherAudience(Vec<String>),
    /// Ran out.
    #[error("`exp` was {0}")]
    Expired(Instant),
    /// Not valid yet.
    #[error("`{field}` is {at}, which is still to come")]
    NotYet {
        /// `nbf` or `iat`.
        field: &'static str,
        /// When.
        at: Instant,
    },
}

impl JwtError {
    fn form(part: &'static str, reason: impl Into<String>) -> Self {
        Self::Form { part, reason: reason.into() }
    }
}
