//! The envelope of a signed token: three parts in base64url (RFC 7515, compact). What it says before its signature was
//! checked is only used to find the key; it must never be used to permit.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{Algorithm, Claims, JwtError, KeySet};

/// The longest token that is read, in bytes: headers of a request are not longer either.
pub const JWT_BYTES_MAX: usize = 16 << 10;
/// The longest name of a key, in bytes.
const KID_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

/// A token, taken apart and not verified.
#[derive(Debug)]
pub struct Unverified<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    issuer: String,
    /// What was signed.
    message: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// When it is not a compact JWS with an algorithm that is taken and a payload that names an issuer.
    pub fn parse(text: &'a str) -> Result<Self, JwtError> {
        if text.len() > JWT_BYTES_MAX {
            return Err(JwtError::form("token", format!("has {} bytes; at most {JWT_BYTES_MAX} are read", text.len())));
        }
        let parts = text.rsplit_once('.').and_then(|(message, signature)| {
            let (header, payload) = message.split_once('.')?;
            (!payload.contains('.')).then_some((message, header, payload, signature))
        });
        let Some((message, header, payload, signature)) = parts else {
            return Err(JwtError::form("token", "has not three parts with dots between them"));
        };
        let header: Header = serde_json::from_slice(&decoded("header", header)?)
            .map_err(|reason| JwtError::form("header", format!("cannot be read: {reason}")))?;
        let algorithm = Algorithm::parse(&header.alg).ok_or_else(|| JwtError::Algorithm(shortened(&header.alg)))?;
        if header.crit.is_some() {
            return Err(JwtError::form("crit", "asks for extensions; none is known"));
        }
        // A token of another kind (logout, event, proof of possession) by the same issuer is no proof (RFC 8725, 3.11).
        if let Some(kind) = &header.typ {
            let kind = kind.to_ascii_lowercase();
            if !matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt") {
                return Err(JwtError::form("typ", format!("is `{}`; only JWT and at+jwt are taken", shortened(&kind))));
            }
        }
        if header.kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
            return Err(JwtError::form("kid", format!("is over {KID_BYTES_MAX} bytes")));
        }
        let payload = decoded("payload", payload)?;
        let issued: Issued = serde_json::from_slice(&payload)
            .map_err(|reason| JwtError::form("payload", format!("cannot be read: {reason}")))?;
        let signature = decoded("signature", signature)?;
        Ok(Self { algorithm, kid: header.kid, issuer: issued.iss, message, payload, signature })
    }

    /// The issuer that it claims.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether a set has the key that it names.
    pub fn key_is_in(&self, keys: &KeySet) -> bool {
        keys.holds(self.kid.as_deref(), self.algorithm)
    }

    /// What was signed, once the signature fits the key that it names.
    ///
    /// # Errors
    /// When there is no such key, or the signature does not fit, or what was signed cannot be read.
    pub fn verify(&self, keys: &KeySet) -> Result<Claims, JwtError> {
        let key = keys.find(self.kid.as_deref(), self.algorithm)?;
        key.verify(self.message.as_bytes(), &self.signature)?;
        Claims::read(&self.payload)
    }
}

fn decoded(part: &'static str, text: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtError::form(part, "is not base64url without padding"))
}

/// Text of a stranger, cut for the log.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
