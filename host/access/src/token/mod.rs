//! Bearer tokens of this host: `muster_ID_SECRETCHECKSUM`, all in lower-case hexadecimal digits.
//!
//! | part | bytes | for |
//! |---|---|---|
//! | `muster_` | | tools that look for leaked secrets, and people, recognise it |
//! | ID | 8 | in clear: logs, lists and revocations name it |
//! | SECRET | 32 | the proof; shown once, when the token is issued |
//! | CHECKSUM | 4 | CRC-32C of all before it: a mistyped token is not a guess, and a leak is told from noise |
//!
//! The register keeps the SHA-256 of the secret and nothing else of it. It must never keep, print or log a secret.

mod act;
mod bootstrap;
mod proofs;
mod register;
mod store;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{Chance, ChanceError, ProofFailure};

pub use act::{
    AdministrativeAct, ChangeError, Deed, IssueError, Issued, Limits, Revocation, RevokeError, TokenRecord, Wanted,
};
pub use bootstrap::{BOOTSTRAP_LIFE, BootstrapError, bootstrap};
pub use proofs::Proofs;
pub use register::TokenRegister;
pub use store::{FileStore, StoreError, TokenStore};

const PREFIX: &str = "muster_";
const ID_DIGITS: usize = 16;
const SECRET_DIGITS: usize = 64;
const CHECKSUM_DIGITS: usize = 8;
/// The length of every token, in bytes.
pub const TOKEN_BYTES: usize = PREFIX.len() + ID_DIGITS + 1 + SECRET_DIGITS + CHECKSUM_DIGITS;

/// The name of a token: 16 lower-case hexadecimal digits. No secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 8]);

impl TokenId {
    /// Reads 16 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        read_hexadecimal(text, &mut bytes).then_some(Self(bytes))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for TokenId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a token's id is 16 lower-case hexadecimal digits"))
    }
}

/// The SHA-256 of a token's secret.
///
/// No slow hash (Argon2, bcrypt): those buy time where people choose secrets that can be guessed from a list. This one
/// is 256 random bits; trying them all is out of reach at any speed, and a slow hash would only let anybody who sends
/// wrong tokens burn the host's time, on the worst day of all days.
///
/// It has no `==`: two of them can be compared in one way only, in constant time.
///
/// ```compile_fail
/// fn compare(one: muster_access::token::SecretDigest, other: muster_access::token::SecretDigest) -> bool {
///     one == other
/// }
/// ```
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    fn of(secret: &[u8; 32]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Whether both are the same; takes as long when they differ in the first bit as when in none.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretDigest(…)")
    }
}

impl Serialize for SecretDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        muster_kernel::Digest(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SecretDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        muster_kernel::Digest::deserialize(deserializer).map(|digest| Self(digest.0))
    }
}

/// A whole token, as its holder has it. Shown once; overwritten when dropped.
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    /// The text, to be handed to the holder and kept nowhere.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenText(…)")
    }
}

/// A token that was shown, taken apart. Proves nothing yet.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Which token it claims to be.
    pub id: TokenId,
    /// The digest of the secret that was shown.
    pub secret: SecretDigest,
}

impl Shown {
    /// Takes a text apart.
    ///
    /// # Errors
    /// When it has not the form of a token, or its checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, ProofFailure> {
        let parts = || {
            let rest = text.strip_prefix(PREFIX).filter(|_| text.len() == TOKEN_BYTES && text.is_ascii())?;
            let (id, rest) = rest.split_at(ID_DIGITS);
            let (secret, checksum) = rest.strip_prefix('_')?.split_at(SECRET_DIGITS);
            let mut secret_bytes = Zeroizing::new([0; 32]);
            let mut checksum_bytes = [0; 4];
            let readable =
                read_hexadecimal(secret, &mut *secret_bytes) && read_hexadecimal(checksum, &mut checksum_bytes);
            readable.then_some((TokenId::parse(id)?, secret_bytes, u32::from_be_bytes(checksum_bytes)))
        };
        let (id, secret, checksum) = parts().ok_or(ProofFailure::Malformed)?;
        if crc32c::crc32c(&text.as_bytes()[..TOKEN_BYTES - CHECKSUM_DIGITS]) != checksum {
            return Err(ProofFailure::Checksum(id));
        }
        Ok(Self { id, secret: SecretDigest::of(&secret) })
    }

    /// Whether a text looks like a token of this host, and not like a signed token of an issuer.
    pub fn is_ours(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
}

/// A fresh token: its id, the digest to keep, the text to hand over.
fn fresh(chance: &mut impl Chance) -> Result<(TokenId, SecretDigest, TokenText), ChanceError> {
    use std::fmt::Write as _;
    let mut id = [0; 8];
    let mut secret = Zeroizing::new([0; 32]);
    chance.fill(&mut id)?;
    chance.fill(&mut *secret)?;
    // The whole length at once: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(TOKEN_BYTES));
    let infallible = "writing to a string cannot fail";
    write!(text, "{PREFIX}{}_", TokenId(id)).expect(infallible);
    secret.iter().for_each(|byte| write!(text, "{byte:02x}").expect(infallible));
    let checksum = crc32c::crc32c(text.as_bytes());
    write!(text, "{checksum:08x}").expect(infallible);
    Ok((TokenId(id), SecretDigest::of(&secret), TokenText(text)))
}

/// Reads exactly so many lower-case hexadecimal digits; false when the text is anything else.
fn read_hexadecimal(text: &str, bytes: &mut [u8]) -> bool {
    let digit = |letter: u8| match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    digits.len() == bytes.len() * 2
        && bytes.iter_mut().zip(digits.chunks_exact(2)).all(|(byte, pair)| {
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return false };
            *byte = (high << 4) | low;
            true
        })
}
