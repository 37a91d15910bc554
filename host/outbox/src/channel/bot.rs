//! Group robots of chat services: one POST of JSON, answered by 200 and a code of the service's own. What a code means
//! is said by each service's module.
//!
//! A robot honours no identity: after a lost answer people may see a message twice, with the same reference in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use muster_kernel::{Instant, Milliseconds};
use serde_json::Value as Json;
use sha2::Sha256;

use super::http::{Http, quote};
use super::{Channel, Parcel, fit, http};
use crate::secret::Secret;
use crate::{Outcome, Trouble};

/// What a code of a service asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken.
    Taken,
    /// Too many: a pause of so many seconds.
    Slower(u32),
    /// It may pass, or be cured by a person.
    Later,
    /// This message will never be taken.
    Refused,
    /// The robot is not there any more.
    Gone,
}

/// A code's meaning: what it asks for, and the cure in English and Chinese.
pub(super) type Meaning = (Verdict, &'static str, &'static str);

/// A chat service.
pub(super) struct Service {
    /// Its name.
    pub(super) name: &'static str,
    /// Its public place.
    pub(super) url: &'static str,
    /// What stands between the place and the token.
    pub(super) before_token: &'static str,
    /// The longest text, in bytes.
    pub(super) text_bytes_max: usize,
    /// Where the code stands in an answer, and where its words.
    pub(super) code_and_words: (&'static str, &'static str),
    /// What follows the address, and the body.
    pub(super) request: fn(&Bot, &str, Instant) -> (String, Json),
    /// What a code means.
    pub(super) meaning: fn(i64) -> Meaning,
}

/// What a code means that no module knows.
pub(super) const UNKNOWN: Meaning =
    (Verdict::Later, "look the code up in the service's documentation", "请查阅该服务的错误码文档");

/// A robot in a group.
pub(super) struct Bot {
    service: &'static Service,
    http: Http,
    url: String,
    pub(super) secret: Option<Secret>,
    pub(super) mention: Vec<String>,
}

impl Bot {
    /// A robot; the reason when its token cannot stand in an address.
    pub(super) fn new(
        service: &'static Service,
        http: Http,
        url: &str,
        token: &Secret,
        secret: Option<Secret>,
        mention: Vec<String>,
    ) -> Result<Self, &'static str> {
        let plain = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
        if !token.reveal().chars().all(plain) {
            return Err("must be letters, digits, `-` and `_`: only what the robot's address ends with, not all of it");
        }
        let url = format!("{url}{}{}", service.before_token, token.reveal());
        Ok(Self { service, http, url, secret, mention })
    }

    fn judge(&self, answer: &str) -> Outcome {
        let (code_at, words_at) = self.service.code_and_words;
        let json: Option<Json> = serde_json::from_str(answer).ok();
        let code = json.as_ref().and_then(|json| json.get(code_at)).and_then(Json::as_i64);
        let (Some(json), Some(code)) = (json, code) else {
            let reason = format!("an answer without a code: {}", quote(answer));
            return Outcome::later(Trouble::Broken { to: http::origin(&self.url), reason });
        };
        let (verdict, cure, cure_chinese) = (self.service.meaning)(code);
        let trouble = Trouble::Service {
            service: self.service.name.into(),
            code,
            answer: quote(json.get(words_at).and_then(Json::as_str).unwrap_or_default()),
            cure: cure.into(),
            cure_chinese: cure_chinese.into(),
        };
        match verdict {
            Verdict::Taken => Outcome::Delivered,
            Verdict::Slower(seconds) => {
                Outcome::Later { trouble, retry_after: Some(Milliseconds(i64::from(seconds) * 1_000)) }
            }
            Verdict::Later => Outcome::later(trouble),
            Verdict::Refused => Outcome::Refused { trouble },
            Verdict::Gone => Outcome::Gone { trouble },
        }
    }
}

impl Channel for Bot {
    fn send(&self, parcel: Parcel<'_>) -> Outcome {
        let text = fit(parcel.message, self.service.text_bytes_max);
        let (query, body) = (self.service.request)(self, &text, parcel.now);
        let headers = [("content-type", "application/json; charset=utf-8")];
        let url = format!("{}{query}", self.url);
        let answer = self.http.post(&url, &headers, body.to_string().as_bytes(), parcel.now);
        match answer.and_then(http::Answer::text) {
            Ok(answer) => self.judge(&answer),
            Err(outcome) => outcome,
        }
    }
}

/// HMAC-SHA256 in Base64.
pub(super) fn hmac_base64(key: &[u8], data: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(data);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Base64 as it must stand in a query (RFC 3986, section 2.1).
pub(super) fn in_query(base64: &str) -> String {
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}
