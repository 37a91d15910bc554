//! Events in: `CloudEvents` over HTTP, structured, binary and in batches. A receipt leaves only for what is durable.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use muster_kernel::record::Receipt;
use muster_runtime::Host;
use muster_runtime::cloudevent;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json_, json};
use tokio_stream::StreamExt as _;

use crate::language::Language;
use crate::problem::{Kind, Problem, language};

/// Bytes of an oversized body that are read away before the sender is hung up on.
const DRAIN_BYTES_MAX: usize = 32 << 20;
/// Events that one batch may hold.
const BATCH_MAX: usize = 1_000;

/// `POST /v1/events`: to the district whose tree knows the event's jurisdiction.
pub(crate) async fn anywhere(State(host): State<Arc<Host>>, request: Request) -> Result<Response, Problem> {
    take(&host, None, request).await
}

/// `POST /v1/districts/{district}/events`.
pub(crate) async fn to_district(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    take(&host, Some(&district), request).await
}

/// The ways in which `CloudEvents` come over HTTP.
enum Mode {
    Structured,
    Batch,
    Binary,
}

fn mode(headers: &HeaderMap) -> Option<Mode> {
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/cloudevents+json" => Some(Mode::Structured),
        "application/cloudevents-batch+json" => Some(Mode::Batch),
        "application/json" | "" if headers.contains_key("ce-specversion") => Some(Mode::Binary),
        "application/json" => Some(Mode::Structured),
        _ => None,
    }
}

async fn take(host: &Host, district: Option<&str>, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let language = language(&headers);
    let Some(mode) = mode(&headers) else {
        let detail = "send application/cloudevents+json, application/cloudevents-batch+json, or application/json with \
                      ce- headers";
        return Err(Problem::new(Kind::UnsupportedMedia, language, detail));
    };
    let body = body(request, language).await?;
    match mode {
        Mode::Structured => {
            one(host, district, json_of(&body, language)?, language).await.map(IntoResponse::into_response)
        }
        Mode::Binary => {
            let event = binary(&headers, &body, language)?;
            one(host, district, event, language).await.map(IntoResponse::into_response)
        }
        Mode::Batch => batch(host, district, json_of(&body, language)?, language).await,
    }
}

/// The body, up to its limit. What is beyond is read away, so that the sender gets its answer and not a broken pipe.
async fn body(request: Request, language: Language) -> Result<Vec<u8>, Problem> {
    let mut frames = request.into_body().into_data_stream();
    let (mut bytes, mut seen) = (Vec::new(), 0_usize);
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|_| Problem::new(Kind::BadRequest, language, "the body was cut off"))?;
        seen = seen.saturating_add(frame.len());
        if seen > DRAIN_BYTES_MAX {
            break;
        }
        if seen <= crate::BODY_BYTES_MAX {
            bytes.extend_from_slice(&frame);
        }
    }
    if seen > crate::BODY_BYTES_MAX {
        let detail = format!("the body is over {} bytes; send fewer events at once", crate::BODY_BYTES_MAX);
        return Err(Problem::new(Kind::TooLarge, language, detail));
    }
    Ok(bytes)
}

fn json_of(body: &[u8], language: Language) -> Result<Json_, Problem> {
    serde_json::from_slice(body).map_err(|reason| Problem::new(Kind::NotJson, language, reason.to_string()))
}

/// An event whose attributes stand in headers and whose data is the body.
fn binary(headers: &HeaderMap, body: &[u8], language: Language) -> Result<Json_, Problem> {
    let mut event = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let text = percent_decode_str(value.to_str().unwrap_or_default()).decode_utf8();
        let text = text.map_err(|_| {
            Problem::new(Kind::NotCloudEvent, language, format!("`ce-{attribute}` is not UTF-8")).field(Some(attribute))
        })?;
        event.insert(attribute.to_owned(), json!(text));
    }
    if !body.is_empty() {
        event.insert("data".to_owned(), json_of(body, language)?);
    }
    Ok(Json_::Object(event))
}

/// One event. It is taken whole or not at all.
async fn one(host: &Host, district: Option<&str>, json: Json_, language: Language) -> Result<Json<Receipt>, Problem> {
    let parsed = cloudevent::parse(&json, host.now()).map_err(|error| Problem::of_event(&error, language))?;
    let event = parsed.event;
    let district = if let Some(district) = district {
        district.to_owned()
    } else {
        let found = host.district_of(&event.place).await;
        found.map_err(|error| Problem::of_submit(&error, language))?.into_string()
    };
    let receipt = host.submit(&district, event).await.map_err(|error| Problem::of_submit(&error, language))?;
    Ok(Json(receipt))
}

/// Several events: each is taken or refused by itself, and answered in its place.
async fn batch(host: &Host, district: Option<&str>, json: Json_, language: Language) -> Result<Response, Problem> {
    let Json_::Array(events) = json else {
        return Err(Problem::new(Kind::NotCloudEvent, language, "a batch is a JSON array of events"));
    };
    if events.len() > BATCH_MAX {
        return Err(Problem::new(Kind::TooLarge, language, format!("a batch holds at most {BATCH_MAX} events")));
    }
    // All are handed over before the first is waited for, so that they share one commit.
    let waiting = events.into_iter().map(|event| one(host, district, event, language));
    let mut answers = Vec::new();
    for answer in join_in_order(waiting).await {
        answers.push(match answer {
            Ok(Json(receipt)) => json!({"receipt": receipt}),
            Err(problem) => json!({"problem": problem}),
        });
    }
    Ok(Json(answers).into_response())
}

/// Drives all futures at once and gives their results in order.
async fn join_in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(ready) => *output = Some(ready),
                std::task::Poll::Pending => pending = true,
            }
        }
        if pending {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(running.iter_mut().filter_map(|(_, output)| output.take()).collect())
    })
    .await
}
