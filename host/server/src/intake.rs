//! Events in: `CloudEvents` over HTTP, structured, binary and in batches. A receipt leaves only for what is durable.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use muster_access::{Action, Target};
use muster_kernel::Event;
use muster_kernel::record::Receipt;
use muster_runtime::cloudevent;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Map, Value as Json_, json};
use tokio_stream::StreamExt as _;

use crate::Service;
use crate::access::Caller;
use crate::access::approvals::Thing;
use crate::language::Language;
use crate::problem::{Kind, Problem};

/// Bytes of an oversized body that are read away before the sender is hung up on.
const DRAIN_BYTES_MAX: usize = 32 << 20;
/// Events that one batch may hold.
const BATCH_MAX: usize = 1_000;

/// `POST /v1/events`: to the district whose tree knows the event's jurisdiction.
pub(crate) async fn anywhere(
    State(service): State<Service>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    Intake { service, caller, district: None, approves: false }.take(request).await
}

/// `POST /v1/districts/{district}/events`.
pub(crate) async fn to_district(
    State(service): State<Service>,
    Path(district): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    Intake { service, caller, district: Some(district), approves: false }.take(request).await
}

/// `POST /v1/districts/{district}/events/approval`: a second person says yes to an event that another one will send.
pub(crate) async fn approve(
    State(service): State<Service>,
    Path(district): Path<String>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    Intake { service, caller, district: Some(district), approves: true }.take(request).await
}

/// Events on their way in: whose they are, and where they are to go.
struct Intake {
    service: Service,
    caller: Caller,
    /// The district of the route; without one, each event goes where its jurisdiction is known.
    district: Option<String>,
    /// Nothing is sent: the caller only says yes to it.
    approves: bool,
}

/// What came of an event.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Receipt(Receipt),
    Approval(Json_),
}

/// What came of one event of several.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Item {
    Receipt(Answer),
    Problem(Problem),
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

/// The body, up to its limit. What is beyond is read away, so that the sender gets its answer and not a broken pipe.
pub(crate) async fn body(request: Request, language: Language) -> Result<Vec<u8>, Problem> {
    read(request.into_body(), language).await
}

async fn read(body: Body, language: Language) -> Result<Vec<u8>, Problem> {
    let mut frames = body.into_data_stream();
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
        let most = crate::BODY_BYTES_MAX;
        let detail = match language {
            Language::Chinese => format!("请求体超过 {most} 字节;请减少一次发送的事件"),
            Language::English => format!("the body is over {most} bytes; send fewer events at once"),
        };
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

impl Intake {
    async fn take(self, request: Request) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        let (headers, language) = (parts.headers, self.caller.language);
        let Some(mode) = mode(&headers) else {
            let detail = "send application/cloudevents+json, application/cloudevents-batch+json, or application/json \
                          with ce- headers";
            return Err(Problem::new(Kind::UnsupportedMedia, language, detail));
        };
        let body = read(body, language).await?;
        match mode {
            Mode::Structured => self.one(json_of(&body, language)?).await.map(|answer| Json(answer).into_response()),
            Mode::Binary => {
                self.one(binary(&headers, &body, language)?).await.map(|answer| Json(answer).into_response())
            }
            Mode::Batch => self.batch(json_of(&body, language)?).await,
        }
    }

    /// One event. It is taken whole or not at all.
    async fn one(&self, json: Json_) -> Result<Answer, Problem> {
        let (host, language) = (&*self.service.host, self.caller.language);
        let parsed = cloudevent::parse(json, host.now()).map_err(|error| Problem::of_event(&error, language))?;
        let event = parsed.event;
        let found;
        let district = if let Some(district) = &self.district {
            district.as_str()
        } else {
            found = host.district_of(&event.place).await.map_err(|error| Problem::of_submit(&error, language))?;
            found.as_str()
        };
        if self.approves {
            return self.approve(district, event).await.map(Answer::Approval);
        }
        send(&self.service, &self.caller, district, event).await.map(Answer::Receipt)
    }

    /// A yes to an event. Whoever may not send it may not approve it; it stays the sender's own.
    async fn approve(&self, district: &str, event: Event) -> Result<Json_, Problem> {
        let action = Action::of_event(&event.kind);
        let host = &self.service.host;
        let drill = event.exercise && !muster_runtime::is_exercise(&district.into());
        let target =
            if drill { muster_runtime::exercise_of(&district.into()).to_string() } else { district.to_owned() };
        let place = (!event.place.is_empty()).then_some(event.place.as_str());
        self.caller.in_district(host, action, &target, place).await?;
        Ok(self.service.gate.approve(&self.caller, thing(action, district, &event), host.now()))
    }

    /// Several events: each is taken or refused by itself, and answered in its place.
    async fn batch(&self, json: Json_) -> Result<Response, Problem> {
        let language = self.caller.language;
        let Json_::Array(events) = json else {
            return Err(Problem::new(Kind::NotCloudEvent, language, "a batch is a JSON array of events"));
        };
        if events.len() > BATCH_MAX {
            return Err(Problem::new(Kind::TooLarge, language, format!("a batch holds at most {BATCH_MAX} events")));
        }
        // All are handed over before the first is waited for, so that they share one commit.
        let answers = join_all(events.into_iter().map(|event| self.one(event))).await;
        let answers: Vec<Item> =
            answers.into_iter().map(|answer| answer.map_or_else(Item::Problem, Item::Receipt)).collect();
        Ok(Json(answers).into_response())
    }
}

/// `CloudEvents` of a source that the settings name; without a district, each goes where its jurisdiction is known.
pub(crate) async fn of_source(
    service: Service,
    caller: Caller,
    district: Option<String>,
    request: Request,
) -> Result<Response, Problem> {
    Intake { service, caller, district, approves: false }.take(request).await
}

/// Sends an event to a district as the caller, if they may. The receipt comes once it is durable.
pub(crate) async fn send(service: &Service, caller: &Caller, district: &str, event: Event) -> Result<Receipt, Problem> {
    let Service { host, gate, sources, .. } = service;
    let permission = caller.to_send(host, district, &event)?;
    let action = Action::of_event(&event.kind);
    if gate.needs_a_second(action) {
        gate.persons(caller, &thing(action, district, &event), host.now())?;
    }
    let message = sources.is_of_a_message(&event).then(|| event.clone());
    let receipt = host.submit_if(district, event, permission).await;
    let receipt = receipt.map_err(|error| Problem::of_submit(&error, caller.language))?;
    if let Some(event) = message {
        sources.remember(&event);
    }
    Ok(receipt)
}

/// An event as something that more than one person may have to stand behind: all that the sender says.
fn thing(action: Action, district: &str, event: &Event) -> Thing {
    let mut target = Target::district(district);
    target.exercise |= event.exercise;
    let said = json!({
        "id": event.id, "source": event.source, "type": event.kind, "subject": event.subject, "place": event.place,
        "incident": event.incident, "exercise": event.exercise, "attributes": event.attributes,
    });
    Thing::new(action, target, &said)
}
