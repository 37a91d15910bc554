//! Standard Webhooks signatures, both ways: `webhook-id`, `webhook-timestamp` and `webhook-signature` with scheme `v1`
//! (HMAC-SHA256 over `id.timestamp.body`). Time comes in as an argument; comparison is in constant time.
//!
//! Source: the Standard Webhooks specification 1.0.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use muster_kernel::{Instant, Milliseconds};
use sha2::Sha256;

/// How far the timestamp may lie from now, either way.
pub const TOLERANCE: Milliseconds = Milliseconds::minutes(5);
/// The most identities that are remembered against replay. More within the tolerance are refused for now.
pub const REMEMBERED_MAX: usize = 100_000;
/// Signatures that are looked at in one header.
const SIGNATURES_MAX: usize = 16;

/// Why a key is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not in the form of the standard.
    #[error("is not `whsec_` followed by Base64; make one with 32 random bytes")]
    Form,
    /// Too short or too long.
    #[error("has {0} bytes; the standard wants 24 to 64")]
    Length(usize),
}

/// A symmetric key. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

impl Key {
    /// Reads `whsec_` and Base64.
    ///
    /// # Errors
    /// When it has another form, or not 24 to 64 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix("whsec_").and_then(|digits| STANDARD.decode(digits).ok());
        let bytes = bytes.ok_or(KeyError::Form)?;
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(KeyError::Length(bytes.len())) }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// The value of `webhook-signature`: one signature for each key, so that a receiver that knows only one of them, old
/// or new, can verify during a rotation.
pub fn sign(keys: &[Key], id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let one = |key: &Key| format!("v1,{}", STANDARD.encode(key.mac(id, &timestamp, body).finalize().into_bytes()));
    keys.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The three headers as they came.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
}

/// Why a webhook is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The identity is missing or too long.
    #[error("`webhook-id` is empty or longer than 256 bytes")]
    Id,
    /// The timestamp is no number of seconds.
    #[error("`webhook-timestamp` is not a number of seconds since 1970")]
    Timestamp,
    /// Too old or too new.
    #[error(
        "`webhook-timestamp` lies {0} seconds from now, more than the 300 that are allowed; check the sender's clock"
    )]
    Stale(i64),
    /// No signature is right.
    #[error("`webhook-signature` holds no signature by a key that is known here; check the secret on both sides")]
    Signature,
    /// It came before.
    #[error("the webhook `{0}` was taken before; a sender must not send it again after a success")]
    Replayed(String),
    /// Too many within the tolerance.
    #[error("too many webhooks within the tolerance; try again later")]
    Busy,
}

/// Verifies webhooks that come in, and refuses what came before.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Vec<Key>,
    /// When each identity that was taken may be forgotten: its timestamp is too old by then.
    taken: BTreeMap<String, Instant>,
    by_time: BTreeSet<(Instant, String)>,
}

impl Verifier {
    /// A verifier that knows these keys, several during a rotation.
    pub fn new(keys: Vec<Key>) -> Self {
        Self { keys, taken: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    /// Takes a webhook, once. The sender repeats under the same identity what we failed to answer: take it into what is
    /// durable first, or give it back with [`release`](Self::release) when that fails.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn verify(&mut self, headers: Headers<'_>, body: &[u8], now: Instant) -> Result<(), VerifyError> {
        let Headers { id, timestamp, signature } = headers;
        if id.is_empty() || id.len() > 256 {
            return Err(VerifyError::Id);
        }
        let seconds: i64 = timestamp.parse().map_err(|_| VerifyError::Timestamp)?;
        let sent = Instant::from_millis(seconds.saturating_mul(1_000));
        let apart = (now - sent).0.saturating_abs();
        if apart > TOLERANCE.0 {
            return Err(VerifyError::Stale(apart / 1_000));
        }
        let right = |one: &str| {
            let bytes = one.strip_prefix("v1,").and_then(|digits| STANDARD.decode(digits).ok());
            // Every key is tried, each in constant time.
            bytes.is_some_and(|bytes| {
                let good = |key: &Key| key.mac(id, timestamp, body).verify_slice(&bytes).is_ok();
                self.keys.iter().filter(|key| good(key)).count() > 0
            })
        };
        if !signature.split(' ').take(SIGNATURES_MAX).any(right) {
            return Err(VerifyError::Signature);
        }
        self.remember(id, now)
    }

    /// Forgets an identity that could not be made durable, so that its sender may repeat it.
    pub fn release(&mut self, id: &str) {
        if let Some(until) = self.taken.remove(id) {
            self.by_time.remove(&(until, id.to_owned()));
        }
    }

    fn remember(&mut self, id: &str, now: Instant) -> Result<(), VerifyError> {
        while let Some((until, old)) = self.by_time.first() {
            if *until >= now {
                break;
            }
            let old = old.clone();
            self.release(&old);
        }
        if self.taken.contains_key(id) {
            return Err(VerifyError::Replayed(id.to_owned()));
        }
        if self.taken.len() >= REMEMBERED_MAX {
            return Err(VerifyError::Busy);
        }
        // A timestamp may lie as far ahead as behind: twice the tolerance until none with it can be right.
        let until = now + TOLERANCE + TOLERANCE;
        self.taken.insert(id.to_owned(), until);
        self.by_time.insert((until, id.to_owned()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn key(text: &str) -> Key {
        Key::parse(text).expect("a key")
    }

    fn at(seconds: i64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    /// The example that the standard's own libraries test with.
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SENT: i64 = 1_614_265_330;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_standards_own_example_is_signed_alike() {
        assert_eq!(sign(&[key(OLD)], ID, SENT, BODY), SIGNATURE);
        let two = sign(&[key(NEW), key(OLD)], ID, SENT, BODY);
        assert!(two.starts_with("v1,") && two.ends_with(SIGNATURE) && two.split(' ').count() == 2);
    }

    #[test]
    fn one_known_key_is_enough_and_nothing_else_is() {
        let verify = |keys: &[&str], signature: &str, body: &[u8], now| {
            let mut verifier = Verifier::new(keys.iter().map(|text| key(text)).collect());
            verifier.verify(Headers { id: ID, timestamp: &SENT.to_string(), signature }, body, at(now))
        };
        let two = sign(&[key(NEW), key(OLD)], ID, SENT, BODY);
        assert_eq!(verify(&[OLD], &two, BODY, SENT), Ok(()));
        assert_eq!(verify(&[NEW], &two, BODY, SENT), Ok(()));
        assert_eq!(verify(&[NEW, OLD], SIGNATURE, BODY, SENT + 300), Ok(()));
        assert_eq!(verify(&[OLD], SIGNATURE, BODY, SENT + 301), Err(VerifyError::Stale(301)));
        assert_eq!(verify(&[OLD], SIGNATURE, BODY, SENT - 301), Err(VerifyError::Stale(301)));
        assert_eq!(verify(&[NEW], SIGNATURE, BODY, SENT), Err(VerifyError::Signature));
        assert_eq!(verify(&[], SIGNATURE, BODY, SENT), Err(VerifyError::Signature));
        assert_eq!(verify(&[OLD], SIGNATURE, b"{}", SENT), Err(VerifyError::Signature));
        for other in ["", "v1,", "v1a,xxxx", &SIGNATURE.replace("v1,", "v2,"), "v1,AAAA"] {
            assert_eq!(verify(&[OLD], other, BODY, SENT), Err(VerifyError::Signature), "{other}");
        }
    }

    #[test]
    fn what_came_before_is_refused_until_it_is_too_old_by_itself() {
        let mut verifier = Verifier::new(vec![key(OLD)]);
        let mut send = |id: &str, sent: i64, now: i64| {
            let signature = sign(&[key(OLD)], id, sent, BODY);
            verifier.verify(Headers { id, timestamp: &sent.to_string(), signature: &signature }, BODY, at(now))
        };
        // The latest timestamp that is taken: it stays right for ten minutes.
        assert_eq!(send("a", 1_300, 1_000), Ok(()));
        assert_eq!(send("a", 1_300, 1_600), Err(VerifyError::Replayed("a".into())));
        assert_eq!(send("a", 1_300, 1_601), Err(VerifyError::Stale(301)));
        assert_eq!(send("b", 1_600, 1_601), Ok(()));
        verifier.release("b");
        let signature = sign(&[key(OLD)], "b", 1_600, BODY);
        let headers = Headers { id: "b", timestamp: "1600", signature: &signature };
        assert_eq!(verifier.verify(headers, BODY, at(1_602)), Ok(()), "it could not be kept, so it may come again");
        assert_eq!(verifier.taken.len(), 1, "what is too old is not remembered");
    }

    #[test]
    fn a_key_has_the_form_and_the_length_of_the_standard() {
        assert_eq!(Key::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(KeyError::Form));
        assert_eq!(Key::parse("whsec_?"), Err(KeyError::Form));
        assert_eq!(Key::parse("whsec_AAAA"), Err(KeyError::Length(3)));
        assert_eq!(format!("{:?}", key(OLD)), "Key(…)");
    }
}
