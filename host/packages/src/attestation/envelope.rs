//! Envelopes: DSSE v1 (Dead Simple Signing Envelope), with in-toto statements inside.
//!
//! The signature covers the type and the exact bytes of the payload (the pre-authentication encoding), so nothing is
//! parsed before somebody known has signed it, and no re-encoding can change what was signed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

use super::key::SecretKey;
use muster_kernel::Digest;

/// The only type of payload that is read.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The longest envelope: a deny-list of a thousand entries stays below.
const ENVELOPE_BYTES_MAX: usize = 512 << 10;
/// The most signatures on one envelope.
const SIGNATURES_MAX: usize = 16;

/// A signed payload. Holding one says nothing about whether its signatures are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The exact bytes that were signed: a statement, when they can be read as one.
    pub payload: Vec<u8>,
    /// Who claims to have signed.
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key, as the envelope claims.
    pub key: String,
    /// The 64 bytes of an Ed25519 signature.
    pub bytes: [u8; 64],
}

/// Why text is no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than any envelope may be.
    #[error("the envelope has {0} bytes; at most {ENVELOPE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not the JSON of an envelope.
    #[error("it is no DSSE envelope: {0}")]
    Malformed(String),
    /// Another kind of payload.
    #[error("its payload is `{0}`; only `{PAYLOAD_TYPE}` is read")]
    PayloadType(String),
    /// Nobody signed.
    #[error("the envelope bears no signature")]
    NoSignature,
    /// More signatures than any envelope may have.
    #[error("the envelope bears {0} signatures; at most {SIGNATURES_MAX} are read")]
    TooManySignatures(usize),
    /// Not base64.
    #[error("`{0}` is not base64")]
    Base64(&'static str),
    /// Not the bytes of an Ed25519 signature.
    #[error("signature {0} has not the 64 bytes of Ed25519")]
    SignatureLength(usize),
}

/// The envelope's JSON. Unknown fields are ignored, as DSSE wants it: only the payload is signed.
#[derive(Serialize, Deserialize)]
struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Serialize, Deserialize)]
struct SignatureJson {
    /// DSSE lets it be absent. Then no key is found, and the signature counts for nothing.
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// A payload, not yet signed by anybody.
    pub fn of(payload: Vec<u8>) -> Self {
        Self { payload, signatures: Vec::new() }
    }

    /// Adds a signature. A key that has signed already is not added twice.
    pub fn sign(&mut self, key: &SecretKey) {
        let id = key.public().id();
        if self.signatures.iter().any(|signature| signature.key == id.as_str()) {
            return;
        }
        let bytes = key.sign(&self.signed_bytes());
        self.signatures.push(Signature { key: id.as_str().into(), bytes });
    }

    /// Reads one envelope from JSON text, within bounds.
    ///
    /// # Errors
    /// When the text is no envelope with an in-toto payload and at least one signature.
    pub fn read(text: &str) -> Result<Self, EnvelopeError> {
        if text.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge(text.len()));
        }
        let read: EnvelopeJson =
            serde_json::from_str(text).map_err(|reason| EnvelopeError::Malformed(reason.to_string()))?;
        if read.payload_type != PAYLOAD_TYPE {
            // Foreign text is shown, but not at any length.
            return Err(EnvelopeError::PayloadType(read.payload_type.chars().take(80).collect()));
        }
        match read.signatures.len() {
            0 => return Err(EnvelopeError::NoSignature),
            count if count > SIGNATURES_MAX => return Err(EnvelopeError::TooManySignatures(count)),
            _ => {}
        }
        let payload = decode(&read.payload).ok_or(EnvelopeError::Base64("payload"))?;
        let signatures = read.signatures.into_iter().enumerate().map(|(index, signature)| {
            let bytes = decode(&signature.sig).ok_or(EnvelopeError::Base64("sig"))?;
            let bytes = bytes.try_into().map_err(|_| EnvelopeError::SignatureLength(index + 1))?;
            Ok(Signature { key: signature.keyid, bytes })
        });
        Ok(Self { payload, signatures: signatures.collect::<Result<_, EnvelopeError>>()? })
    }

    /// The envelope as one line of JSON, without its end.
    pub fn to_line(&self) -> String {
        let signatures = self.signatures.iter();
        let signatures =
            signatures.map(|one| SignatureJson { keyid: one.key.clone(), sig: STANDARD.encode(one.bytes) });
        let json = EnvelopeJson {
            payload: STANDARD.encode(&self.payload),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: signatures.collect(),
        };
        serde_json::to_string(&json).expect("an envelope holds only text")
    }

    /// SHA-256 of the payload: what this statement is called in evidence.
    pub fn statement_digest(&self) -> Digest {
        Digest::of(&self.payload)
    }

    /// What is signed: DSSE's pre-authentication encoding of type and payload.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), self.payload.len());
        [head.as_bytes(), &self.payload].concat()
    }
}

/// Standard or URL-safe, as DSSE wants it.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> Envelope {
        let mut envelope = Envelope::of(b"{\"_type\":\"\xc3\xbf\xc3\xbe?>\"}".to_vec());
        envelope.sign(&SecretKey::from_seed("a", [1; 32]));
        envelope
    }

    #[test]
    fn the_signed_bytes_are_those_of_dsse() {
        let envelope = Envelope::of(b"hello".to_vec());
        assert_eq!(envelope.signed_bytes(), b"DSSEv1 28 application/vnd.in-toto+json 5 hello");
    }

    #[test]
    fn an_envelope_survives_its_line_and_both_alphabets() {
        let envelope = signed();
        let line = envelope.to_line();
        assert_eq!(Envelope::read(&line), Ok(envelope.clone()));
        let url_safe = EnvelopeJson {
            payload: URL_SAFE.encode(&envelope.payload),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: vec![SignatureJson {
                keyid: envelope.signatures[0].key.clone(),
                sig: URL_SAFE.encode(envelope.signatures[0].bytes),
            }],
        };
        let url_safe = serde_json::to_string(&url_safe).expect("text");
        assert_ne!(url_safe, line, "the payload must tell the alphabets apart");
        assert_eq!(Envelope::read(&url_safe), Ok(envelope));
    }

    #[test]
    fn a_key_signs_once() {
        let mut envelope = signed();
        envelope.sign(&SecretKey::from_seed("a", [1; 32]));
        assert_eq!(envelope.signatures.len(), 1);
    }

    #[test]
    fn what_is_no_envelope_is_refused_by_name() {
        let sig = STANDARD.encode([0; 64]);
        let one = |payload: &str, kind: &str, sigs: &str| {
            Envelope::read(&format!(r#"{{"payload":"{payload}","payloadType":"{kind}","signatures":[{sigs}]}}"#))
        };
        let good = format!(r#"{{"keyid":"a","sig":"{sig}"}}"#);
        assert!(one("aGk=", PAYLOAD_TYPE, &good).is_ok());
        assert_eq!(one("aGk=", "text/plain", &good), Err(EnvelopeError::PayloadType("text/plain".into())));
        assert_eq!(one("aGk=", PAYLOAD_TYPE, ""), Err(EnvelopeError::NoSignature));
        assert_eq!(one("a?", PAYLOAD_TYPE, &good), Err(EnvelopeError::Base64("payload")));
        assert_eq!(one("aGk=", PAYLOAD_TYPE, r#"{"sig":"aGk="}"#), Err(EnvelopeError::SignatureLength(1)));
        let many = vec![good.as_str(); SIGNATURES_MAX + 1].join(",");
        assert_eq!(one("aGk=", PAYLOAD_TYPE, &many), Err(EnvelopeError::TooManySignatures(SIGNATURES_MAX + 1)));
        assert_eq!(
            Envelope::read(&" ".repeat(ENVELOPE_BYTES_MAX + 1)),
            Err(EnvelopeError::TooLarge(ENVELOPE_BYTES_MAX + 1))
        );
    }
}
