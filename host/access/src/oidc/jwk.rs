//! Key sets (RFC 7517, 7518, 8037): the public keys of an issuer. What cannot verify RS256, ES256 or `EdDSA` is passed
//! over; a set that gives a private key away is refused as a whole. It must never keep a secret.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::JwtError;

/// The most keys of a set that are read.
const KEYS_MAX: usize = 100;
/// The largest set, in bytes.
pub(super) const SET_BYTES_MAX: usize = 256 << 10;

/// How a token is signed (RFC 7518, 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256, 2048 to 8192 bits.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The name in headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, if it is one that is taken.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            // RFC 9864 gives Ed25519 its own name.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a key set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Too large.
    #[error("the key set has {0} bytes; at most {SET_BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not the JSON of a key set.
    #[error("the key set cannot be read: {0}")]
    Form(String),
    /// A key that cannot be what it says.
    #[error("`keys[{index}]` ({kid}): `{field}` {reason}")]
    Key {
        /// Which, from 0.
        index: usize,
        /// Its name.
        kid: String,
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The private half is in it.
    #[error(
        "`keys[{index}]` ({kid}) holds a private key: whoever read this set can sign as the issuer; tell them to replace it"
    )]
    Private {
        /// Which, from 0.
        index: usize,
        /// Its name.
        kid: String,
    },
    /// Two keys with one name.
    #[error("two keys of the set are named `{0}`; a token could mean either")]
    SameName(String),
    /// Nothing in it can be used.
    #[error("none of the {0} keys of the set verifies RS256, ES256 or EdDSA")]
    Empty(usize),
}

#[derive(Deserialize)]
struct SetJson {
    keys: Vec<KeyJson>,
}

#[derive(Deserialize)]
struct KeyJson {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// Private: only whether it is there matters.
    d: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The uncompressed point, 65 bytes.
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// One public key, which verifies one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    kid: Option<String>,
    public: Public,
}

/// The usable keys of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    /// Reads a JWKS document.
    ///
    /// # Errors
    /// When it is none, gives a private key away, or holds no key that can be used.
    pub fn read(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > SET_BYTES_MAX {
            return Err(KeySetError::TooLarge(bytes.len()));
        }
        let read: SetJson = serde_json::from_slice(bytes).map_err(|reason| KeySetError::Form(reason.to_string()))?;
        if read.keys.len() > KEYS_MAX {
            return Err(KeySetError::Form(format!("it has {} keys; at most {KEYS_MAX} are read", read.keys.len())));
        }
        let given = read.keys.len();
        let (mut keys, mut names) = (Vec::new(), BTreeSet::new());
        for (index, json) in read.keys.iter().enumerate() {
            let Some(public) = public_key(index, json)? else { continue };
            if let Some(kid) = &json.kid
                && !names.insert(kid.clone())
            {
                return Err(KeySetError::SameName(kid.clone()));
            }
            keys.push(Key { kid: json.kid.clone(), public });
        }
        if keys.is_empty() { Err(KeySetError::Empty(given)) } else { Ok(Self { keys }) }
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set without usable keys is not made.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key for this algorithm has this name.
    pub(super) fn holds(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        self.find(kid, algorithm).is_ok()
    }

    /// The one key that is meant.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, JwtError> {
        let fitting = self.keys.iter().filter(|key| key.algorithm() == algorithm);
        let fitting: Vec<&Key> = match kid {
            Some(kid) => fitting.filter(|key| key.kid.as_deref() == Some(kid)).collect(),
            None => fitting.collect(),
        };
        match fitting.as_slice() {
            [key] => Ok(key),
            [] => Err(JwtError::UnknownKey { kid: kid.unwrap_or("(none)").into(), algorithm }),
            several => Err(JwtError::WhichKey(several.len())),
        }
    }
}

impl Key {
    const fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
            Public::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether the signature fits, by the key's own algorithm.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), JwtError> {
        let checked = match &self.public {
            Public::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Public::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
            Public::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        };
        checked.map_err(|_| JwtError::Signature(self.kid.clone().unwrap_or_else(|| "(none)".into())))
    }
}

/// The key, or `None` when it is for something else.
fn public_key(index: usize, json: &KeyJson) -> Result<Option<Public>, KeySetError> {
    let kid = || json.kid.clone().unwrap_or_else(|| "(none)".into());
    let wrong = |field, reason| KeySetError::Key { index, kid: kid(), field, reason };
    if json.d.is_some() {
        return Err(KeySetError::Private { index, kid: kid() });
    }
    let is_for_signatures = json.usage.as_deref().is_none_or(|usage| usage == "sig")
        && json.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    let (algorithm, public): (_, Reading) = match (json.kty.as_str(), json.crv.as_deref()) {
        ("RSA", _) => (Algorithm::Rs256, rsa),
        ("EC", Some("P-256")) => (Algorithm::Es256, p256),
        ("OKP", Some("Ed25519")) => (Algorithm::EdDsa, ed25519),
        _ => return Ok(None),
    };
    // A key that is pinned to another algorithm, for instance PS256, is not for us.
    let is_pinned_elsewhere = json.alg.as_deref().is_some_and(|alg| Algorithm::parse(alg) != Some(algorithm));
    if !is_for_signatures || is_pinned_elsewhere {
        return Ok(None);
    }
    public(json).map(Some).map_err(|(field, reason)| wrong(field, reason))
}

/// The field, and what is wrong with it.
type Fault = (&'static str, &'static str);
type Reading = fn(&KeyJson) -> Result<Public, Fault>;

fn rsa(json: &KeyJson) -> Result<Public, Fault> {
    let n = bytes("n", json.n.as_deref())?;
    // Minimal big-endian, RFC 7518 section 6.3.1.1.
    if n.first() == Some(&0) || !(256..=1024).contains(&n.len()) {
        return Err(("n", "is not a modulus of 2048 to 8192 bits without leading zeros"));
    }
    Ok(Public::Rsa { n, e: bytes("e", json.e.as_deref())? })
}

fn p256(json: &KeyJson) -> Result<Public, Fault> {
    let (x, y) = (sized("x", json.x.as_deref())?, sized("y", json.y.as_deref())?);
    Ok(Public::P256([&[4_u8][..], &x, &y].concat()))
}

fn ed25519(json: &KeyJson) -> Result<Public, Fault> {
    sized("x", json.x.as_deref()).map(Public::Ed25519)
}

fn bytes(field: &'static str, text: Option<&str>) -> Result<Vec<u8>, Fault> {
    let text = text.ok_or((field, "is missing"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| (field, "is not base64url without padding"))
}

fn sized(field: &'static str, text: Option<&str>) -> Result<Vec<u8>, Fault> {
    let bytes = bytes(field, text)?;
    if bytes.len() == 32 { Ok(bytes) } else { Err((field, "has not 32 bytes")) }
}
