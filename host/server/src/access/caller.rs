//! The door: every request passes it before its route is asked, and comes out with a caller or not at all. It must never
//! say more to a stranger than that the proof does not do.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, FORWARDED};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse as _, Response};
use muster_access::{Identity, Proof};

use super::NotLetIn;
use crate::Service;
use crate::connection::Peer;
use crate::language::Language;
use crate::problem::{Problem, language};

/// What proxies say of whom they hand on.
const FORWARDING: [HeaderName; 5] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
    axum::http::header::VIA,
];

/// Whoever asks, proved.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) identity: Arc<Identity>,
    pub(crate) language: Language,
}

impl Caller {
    /// Whether they showed anything at all: whoever did not is asked for a proof instead of being refused.
    pub(crate) fn is_anybody(&self) -> bool {
        self.identity.proof == Proof::Public
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// A route that is asked without passing the door answers nobody.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Problem::unauthenticated(language(&parts.headers)))
    }
}

/// What the header `Authorization` says, when it stands there at all. One that is no text, or stands there twice, proves
/// nothing, and is no reason to look for another proof.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut found = headers.get_all(AUTHORIZATION).iter();
    let first = found.next()?;
    if found.next().is_some() {
        return Some("");
    }
    Some(first.to_str().unwrap_or_default())
}

/// Lets a request in with its caller, or says what it is answered.
pub(crate) async fn at_the_door(service: &Service, request: &mut Request) -> Result<(), Response> {
    let headers = request.headers();
    let language = language(headers);
    let Some(peer) = request.extensions().get::<Arc<Peer>>().cloned() else {
        return Err(Problem::unauthenticated(language).into_response());
    };
    let was_forwarded = FORWARDING.iter().any(|name| headers.contains_key(name));
    let at = service.host.now();
    let problem = match service.gate.identify(authorization(headers), &peer, was_forwarded, at).await {
        Ok(identity) => {
            request.extensions_mut().insert(Caller { identity, language });
            return Ok(());
        }
        Err(NotLetIn::NothingShown) => {
            tracing::debug!(target: "muster::access", remote = %peer.remote, "nothing was shown");
            Problem::unauthenticated(language)
        }
        Err(NotLetIn::Failed(failure)) => {
            // Escaped: a signed token and a certificate hold words of whoever shows them.
            let reason = failure.to_string();
            tracing::warn!(
                target: "muster::access", remote = %peer.remote, code = failure.code(), ?reason, "a proof failed"
            );
            Problem::unauthenticated(language)
        }
        Err(NotLetIn::Throttled(throttled)) => {
            tracing::debug!(target: "muster::access", remote = %peer.remote, %throttled, "a proof had to wait");
            Problem::throttled(throttled, language)
        }
    };
    Err(problem.into_response())
}
