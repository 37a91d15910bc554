//! What a verified token says (RFC 7519), and whether it holds now and here. It reads no clock.

use muster_kernel::{Instant, Milliseconds};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::JwtError;
use super::jws::shortened;

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    /// All of them.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    audience: Audience,
    /// `exp`.
    pub expires: Instant,
    not_before: Option<Instant>,
    issued: Option<Instant>,
    all: Map<String, Json>,
}

#[derive(Deserialize)]
struct ClaimsJson {
    iss: String,
    sub: String,
    aud: Audience,
    exp: serde_json::Number,
    nbf: Option<serde_json::Number>,
    iat: Option<serde_json::Number>,
    #[serde(flatten)]
    other: Map<String, Json>,
}

impl Claims {
    pub(super) fn read(payload: &[u8]) -> Result<Self, JwtError> {
        // Into a struct: a claim that stands twice is refused, since the issuer may have meant the other one.
        let read: ClaimsJson = serde_json::from_slice(payload)
            .map_err(|reason| JwtError::form("payload", format!("cannot be read: {reason}")))?;
        let date = |field: &'static str, date: Option<serde_json::Number>| {
            date.map(|date| numeric_date(&date).ok_or_else(|| JwtError::form(field, "is not a time"))).transpose()
        };
        let expires = date("exp", Some(read.exp))?.ok_or_else(|| JwtError::form("exp", "is missing"))?;
        let (not_before, issued) = (date("nbf", read.nbf)?, date("iat", read.iat)?);
        let mut all = read.other;
        all.insert("iss".into(), read.iss.clone().into());
        all.insert("sub".into(), read.sub.clone().into());
        Ok(Self { issuer: read.iss, subject: read.sub, audience: read.aud, expires, not_before, issued, all })
    }

    /// Whether they hold for one of these audiences, now; clocks may differ by `skew`.
    pub(super) fn check(&self, audiences: &[String], at: Instant, skew: Milliseconds) -> Result<(), JwtError> {
        let names = self.audience.names();
        if !names.iter().any(|name| audiences.contains(name)) {
            return Err(JwtError::OtherAudience(names.iter().take(8).map(|name| shortened(name)).collect()));
        }
        if at >= self.expires + skew {
            return Err(JwtError::Expired(self.expires));
        }
        for (field, from) in [("nbf", self.not_before), ("iat", self.issued)] {
            if let Some(from) = from.filter(|from| *from > at + skew) {
                return Err(JwtError::NotYet { field, at: from });
            }
        }
        Ok(())
    }

    /// The texts of a claim: one, or a list of them. `a.b` is `b` inside `a`, unless a claim is named `a.b` itself.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.all.get(name).or_else(|| {
            let mut steps = name.split('.');
            let first = self.all.get(steps.next()?)?;
            steps.try_fold(first, |value, step| value.get(step))
        });
        match found {
            Some(Json::String(text)) => vec![text],
            Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// Seconds since 1970, possibly with a fraction (RFC 7519, `NumericDate`).
fn numeric_date(number: &serde_json::Number) -> Option<Instant> {
    if let Some(seconds) = number.as_i64() {
        return Some(Instant::from_millis(seconds.saturating_mul(1_000)));
    }
    let seconds = number.as_f64().filter(|seconds| seconds.is_finite() && seconds.abs() < 1e12)?;
    // Within ±1e15, which both types hold exactly.
    #[allow(clippy::cast_possible_truncation)]
    Some(Instant::from_millis((seconds * 1_000.0).floor() as i64))
}
