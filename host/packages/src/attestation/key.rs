//! Keys: Ed25519 (RFC 8032), public ones in the clear, secret ones never in any text but their own file.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use muster_kernel::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first line of a secret key's file.
const SECRET_HEADER: &str = "muster secret key 1";

/// What a key is called: the first 16 hexadecimal digits of the SHA-256 of its 32 public bytes.
///
/// It only finds the key; a signature is checked with the public key that the trust file names. Two keys of one name
/// are refused there, so its 64 bits decide nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// Why text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the digits of a public key.
    #[error("a public key is 64 lower-case hexadecimal digits; take the line that `muster keygen` printed")]
    Public,
    /// A point that anyone can sign for.
    #[error("this public key is weak: signatures by it prove nothing; make one with `muster keygen`")]
    Weak,
    /// Not a key's name.
    #[error("a key id is 16 lower-case hexadecimal digits, as `muster keygen` prints them")]
    Id,
    /// Not a secret key's file.
    #[error(
        "this is no secret key file: it begins with `{SECRET_HEADER}`, then come `holder` and `seed`; make one with `muster keygen`"
    )]
    Secret,
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A secret key with the name of its holder. It is wiped from memory when dropped.
pub struct SecretKey {
    /// Whose it is.
    pub holder: String,
    key: SigningKey,
}

impl KeyId {
    /// Reads a key's name.
    ///
    /// # Errors
    /// When it is not 16 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let digits = text.len() == 16 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if digits { Ok(Self(text.into())) } else { Err(KeyError::Id) }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PublicKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// When they are no public key, or a weak one.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = Digest::parse(text).ok_or(KeyError::Public)?.0;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Weak) } else { Ok(Self(key)) }
    }

    /// What it is called.
    pub fn id(&self) -> KeyId {
        let mut digits = Digest::of(self.0.as_bytes()).to_string();
        digits.truncate(16);
        KeyId(digits)
    }

    /// Whether the holder of the secret key signed this message. Strict: no signature has a second form.
    pub fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Digest(self.0.to_bytes()), formatter)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl SecretKey {
    /// The key that follows from 32 random bytes. Their randomness is the caller's duty.
    pub fn from_seed(holder: impl Into<String>, seed: [u8; 32]) -> Self {
        Self { holder: holder.into(), key: SigningKey::from_bytes(&seed) }
    }

    /// Reads a secret key's file.
    ///
    /// # Errors
    /// When the text is no such file. The error never holds any of the text.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let mut lines = text.lines();
        if lines.next() != Some(SECRET_HEADER) {
            return Err(KeyError::Secret);
        }
        let mut field = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)).ok_or(KeyError::Secret);
        let holder = field("holder ")?;
        let seed = Digest::parse(field("seed ")?).ok_or(KeyError::Secret)?;
        if lines.next().is_some() {
            return Err(KeyError::Secret);
        }
        Ok(Self::from_seed(holder, seed.0))
    }

    /// The text of its file: for nobody but its holder to read.
    pub fn to_file_text(&self) -> String {
        format!("{SECRET_HEADER}\nholder {}\nseed {}\n", self.holder, Digest(self.key.to_bytes()))
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    /// The secret stays out of logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "secret key {} of {}", self.public().id(), self.holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_key_survives_its_file_and_stays_out_of_debug_text() {
        let key = SecretKey::from_seed("张三", [7; 32]);
        let again = SecretKey::read(&key.to_file_text()).expect("its own text");
        assert_eq!((again.public(), again.holder.as_str()), (key.public(), "张三"));
        assert!(!format!("{key:?}").contains("0707"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "muster secret key 1\nholder a\nseed 07\n", "muster secret key 2\nholder a\n"] {
            assert_eq!(SecretKey::read(text).expect_err(text), KeyError::Secret);
        }
        assert_eq!(PublicKey::parse("00").expect_err("short"), KeyError::Public);
        // The neutral point: everything verifies under it without strictness.
        let neutral = format!("01{}", "0".repeat(62));
        assert_eq!(PublicKey::parse(&neutral).expect_err("weak"), KeyError::Weak);
        assert_eq!(KeyId::parse("0123456789ABCDEF").expect_err("upper case"), KeyError::Id);
    }

    #[test]
    fn the_known_answer_of_rfc_8032_holds() {
        let seed = Digest::parse("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").expect("digits");
        let public = SecretKey::from_seed("test 1", seed.0).public();
        assert_eq!(public.to_string(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    }
}
