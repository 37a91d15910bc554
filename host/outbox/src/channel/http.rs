//! HTTP POST, and what its answers mean. One connection for one request: nothing is repeated behind our back, every
//! address is judged when it is called, and redirects are never followed.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use muster_kernel::{Instant, Milliseconds};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::PathAndQuery;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::settings::Timeouts;
use crate::{AddressClass, AddressPolicy, Outcome, Trouble};

/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// How much of an answer is quoted, in characters.
const QUOTE_CHARS_MAX: usize = 200;

/// A client that only posts.
#[derive(Clone)]
pub(super) struct Http {
    agent: ureq::Agent,
}

/// An answer with a status of success.
pub(super) struct Answer {
    response: ureq::http::Response<ureq::Body>,
    to: String,
    uri: Uri,
}

impl Http {
    pub(super) fn new(timeouts: Timeouts, addresses: AddressPolicy) -> Self {
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .proxy(None)
            .user_agent("muster-outbox")
            .timeout_resolve(Some(timeouts.connect))
            .timeout_connect(Some(timeouts.connect))
            .timeout_recv_response(Some(timeouts.read))
            .timeout_recv_body(Some(timeouts.read))
            .timeout_global(Some(timeouts.total))
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), Guard { addresses });
        Self { agent }
    }

    /// Posts a body. An answer that is no success comes back as the outcome.
    pub(super) fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        now: Instant,
    ) -> Result<Answer, Outcome> {
        let to = origin(url);
        let request = headers.iter().fold(self.agent.post(url), |request, (name, value)| request.header(*name, *value));
        let response = request.send(body).map_err(|error| Outcome::later(failure(&to, error)))?;
        let uri = url.parse().expect("an address that was called can be read");
        let answer = Answer { response, to, uri };
        match answer.response.status().as_u16() {
            200..=299 => Ok(answer),
            status => Err(answer.refusal(status, now)),
        }
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text, as much of it as is read. What it echoes of our address is taken out: that can be secret.
    pub(super) fn text(mut self) -> Result<String, Outcome> {
        let mut bytes = Vec::new();
        let read = self.response.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
        match read {
            Ok(_) => Ok(self.without_echo(&String::from_utf8_lossy(&bytes))),
            Err(error) => Err(Outcome::later(failure(&self.to, error.into()))),
        }
    }

    fn without_echo(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for echo in [self.uri.path_and_query().map(PathAndQuery::as_str), self.uri.query(), Some(self.uri.path())] {
            if let Some(echo) = echo.filter(|echo| echo.len() > 1) {
                text = text.replace(echo, "…");
            }
        }
        text
    }

    /// What a status other than success means. Statuses that speak of the message itself end its way on this channel;
    /// all others may pass, also those that come of wrong settings on either side: the message waits for the cure.
    fn refusal(self, status: u16, now: Instant) -> Outcome {
        let to = self.to.clone();
        let retry_after = self.header("retry-after").and_then(|text| retry_after(text, now));
        if (300..400).contains(&status) {
            let location = self.header("location").map_or_else(|| "nowhere".into(), origin);
            return Outcome::later(Trouble::Redirected { to, status, location });
        }
        if status == 410 {
            return Outcome::Gone { trouble: Trouble::GoneForGood { to } };
        }
        let answer = self.text().map_or_else(|_| "an answer that broke off".into(), |text| quote(&text));
        let trouble = Trouble::Status { to, status, answer };
        match status {
            400 | 413 | 415 | 422 => Outcome::Refused { trouble },
            _ => Outcome::Later { trouble, retry_after },
        }
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: Instant) -> Option<Milliseconds> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(Milliseconds(i64::from(seconds) * 1_000));
    }
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    let millis = date.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    Some(Instant::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)) - now)
}

/// The beginning of an answer, fit to stand in a line.
pub(super) fn quote(text: &str) -> String {
    let plain: String = text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    let plain = plain.trim();
    match plain.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None if plain.is_empty() => "nothing".into(),
        None => plain.into(),
    }
}

/// Scheme, host and port: what may be shown of an address whose path and query can be secret.
pub(super) fn origin(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    let origin = uri.and_then(|uri| {
        let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}://{}{port}", uri.scheme_str()?, uri.host()?))
    });
    origin.unwrap_or_else(|| "an address of its own".into())
}

fn failure(to: &str, error: ureq::Error) -> Trouble {
    use std::io::ErrorKind as Kind;
    let to = to.to_owned();
    match error {
        ureq::Error::Timeout(stage) => Trouble::TimedOut { to, stage: stage.to_string() },
        ureq::Error::HostNotFound => Trouble::Unreachable { to, reason: "the name is not known".into() },
        ureq::Error::ConnectionFailed => Trouble::Unreachable { to, reason: "no connection".into() },
        ureq::Error::Tls(reason) => Trouble::Insecure { to, reason: reason.into() },
        ureq::Error::Rustls(reason) => Trouble::Insecure { to, reason: reason.to_string() },
        ureq::Error::Other(other) => match other.downcast::<Refused>() {
            Ok(refused) => refused.trouble(),
            Err(other) => Trouble::Broken { to, reason: other.to_string() },
        },
        ureq::Error::Io(error) => match error.kind() {
            Kind::TimedOut | Kind::WouldBlock => Trouble::TimedOut { to, stage: "socket".into() },
            Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::AddrNotAvailable
            | Kind::NotFound => Trouble::Unreachable { to, reason: error.to_string() },
            Kind::InvalidData => Trouble::Insecure { to, reason: error.to_string() },
            _ => Trouble::Broken { to, reason: error.to_string() },
        },
        // These could quote the address, which may be secret.
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Trouble::Broken { to, reason: "the address or a header cannot be sent as it is".into() }
        }
        other => Trouble::Broken { to, reason: other.to_string() },
    }
}

/// Resolves as the system does, and lets only those addresses through that may be called.
#[derive(Debug)]
struct Guard {
    addresses: AddressPolicy,
}

/// Why an address is not called.
#[derive(Debug, thiserror::Error)]
#[error("the address may not be called")]
struct Refused {
    to: String,
    class: AddressClass,
}

impl Refused {
    fn trouble(&self) -> Trouble {
        match self.class {
            AddressClass::Public => Trouble::Insecure {
                to: self.to.clone(),
                reason: "http without encryption goes only to places that `allow_addresses` names; write https".into(),
            },
            class => Trouble::Forbidden { to: self.to.clone(), class },
        }
    }
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        let mut refused = None;
        for address in &found {
            match self.judge(uri, address) {
                Ok(()) => allowed.push(*address),
                Err(reason) => refused = refused.or(Some(reason)),
            }
        }
        match refused {
            Some(refused) if allowed.is_empty() => Err(ureq::Error::Other(Box::new(refused))),
            _ => Ok(allowed),
        }
    }
}

impl Guard {
    fn judge(&self, uri: &Uri, address: &SocketAddr) -> Result<(), Refused> {
        let refused = |class| Refused { to: format!("{} ({address})", uri.host().unwrap_or_default()), class };
        self.addresses.check(address.ip()).map_err(refused)?;
        let public = AddressClass::of(address.ip()) == AddressClass::Public;
        if public && uri.scheme_str() == Some("http") { Err(refused(AddressClass::Public)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Instant::parse("2015-10-21T07:28:00Z").expect("an instant");
        assert_eq!(retry_after(" 120 ", now), Some(Milliseconds(120_000)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:30:00 GMT", now), Some(Milliseconds(120_000)));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn an_origin_shows_neither_path_nor_query() {
        assert_eq!(origin("https://oapi.dingtalk.com/robot/send?access_token=s"), "https://oapi.dingtalk.com");
        assert_eq!(origin("http://127.0.0.1:80/x"), "http://127.0.0.1:80");
        assert_eq!(origin("/s3cret"), "an address of its own");
    }

    #[test]
    fn http_without_encryption_does_not_go_to_the_public_network() {
        let guard = Guard { addresses: AddressPolicy { allow: vec![AddressClass::Private] } };
        let judge = |url: &str, address: &str| {
            let address: SocketAddr = address.parse().expect("an address");
            guard.judge(&url.parse().expect("a uri"), &address).map_err(|refused| refused.trouble().to_string())
        };
        assert_eq!(judge("https://example.org/", "93.184.216.34:443"), Ok(()));
        assert_eq!(judge("http://hooks.internal/", "10.0.0.8:80"), Ok(()));
        insta::assert_snapshot!(
            judge("http://example.org/", "93.184.216.34:80").expect_err("in the clear"),
            @"example.org (93.184.216.34:80) has no secure connection to offer: http without encryption goes only to places that `allow_addresses` names; write https; check its certificate and the name in the address"
        );
        insta::assert_snapshot!(
            judge("https://metadata.example/", "169.254.169.254:443").expect_err("link-local"),
            @"metadata.example (169.254.169.254:443) is a link_local address, which is not allowed; if it is meant, put it into `allow_addresses`"
        );
    }
}
