//! Entity tags: an answer that the caller has already is not sent again. The tag is the SHA-256 of the answer, so it is
//! right for every language and every reach of a caller. It must never be taken from anything but the answer itself.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use muster_kernel::Digest;

/// An answer may be kept by the one who got it, and is asked for anew each time.
const KEPT: &str = "private, no-cache";
/// What else than the address an answer depends on.
const DEPENDS_ON: &str = "authorization, accept-language";

/// Tags an answer, and leaves it out where the caller has it.
pub(crate) async fn conditional(mut request: Request, next: Next) -> Response {
    let known = known(request.headers());
    // The head of an answer tells the tag of its body, so the body is asked for; the router sends it to nobody.
    if *request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Answers are put together in memory before they leave: there is nothing to wait for, and nothing to bound.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let tag = format!("\"{}\"", Digest::of(&bytes));
    let is_known = known.iter().any(|one| one == "*" || *one == tag);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(ETAG, value);
    }
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static(KEPT));
    parts.headers.insert(VARY, HeaderValue::from_static(DEPENDS_ON));
    if !is_known {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

/// The tags that a caller has. A weak one stands for the same answer here (RFC 9110, 13.1.2).
fn known(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tags = all.flat_map(|value| value.split(',')).map(str::trim);
    tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_one_by_one_weak_or_strong() {
        let mut headers = HeaderMap::new();
        headers.append(IF_NONE_MATCH, HeaderValue::from_static("\"a\", W/\"b\""));
        headers.append(IF_NONE_MATCH, HeaderValue::from_static("*"));
        assert_eq!(known(&headers), ["\"a\"", "\"b\"", "*"]);
    }
}
