//! Questions: the host, districts, an entry; and the way to ask a state. Every answer rests on durable entries only.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use muster_access::{Action, Words};
use muster_kernel::DistrictId;
use muster_kernel::record::{Cause, Entry};
use muster_runtime::{AsOf, Committed, Degradation, DistrictStatus, Edge, Host};
use serde_json::{Value as Json_, json};
use tokio::sync::Semaphore;

use crate::Service;
use crate::access::Caller;
use crate::connection::turned_away;
use crate::language::Language;
use crate::problem::{Kind, Problem};

type Answer = Result<Json<Json_>, Problem>;

/// Folds of the past at once. Each reads a journal from its first entry and holds a whole state beside the present one.
const FOLDS_MAX: usize = 2;
static FOLDS: Semaphore = Semaphore::const_new(FOLDS_MAX);

fn status(status: &DistrictStatus) -> Json_ {
    let policies: Vec<Json_> = status
        .policies
        .iter()
        .map(|policy| {
            json!({
                "role": policy.role, "package": policy.name, "version": policy.version, "digest": policy.package,
                "settings": policy.settings, "fallbacks": policy.fallbacks, "problem": policy.problem,
                "nearest_limit": policy.nearest_limit.map(|(limit, permille)| json!({"limit": limit, "permille": permille})),
            })
        })
        .collect();
    json!({
        "id": status.id, "name": status.name, "seq": status.seq, "head": status.head, "state": status.state,
        "incidents": status.incidents, "waiting": status.waiting, "policies": policies,
        "reload_problem": status.reload_problem,
    })
}

fn degradation(found: &Degradation, language: Language) -> Json_ {
    let words = match language {
        Language::Chinese => found.chinese(),
        Language::English => found.english(),
    };
    json!({"part": found.part(), "district": found.district(), "words": words})
}

/// `GET /v1/districts`: those that the caller may read.
pub(crate) async fn districts(State(service): State<Service>, caller: Caller) -> Answer {
    let mut rows = Vec::new();
    for id in service.host.districts() {
        if caller.in_district(&service.host, Action::ReadDistrict, id.as_str(), None).await.is_ok() {
            rows.push(id);
        }
    }
    standing(&service, &caller, &rows).await
}

/// `GET /v1/status`: the host as a whole, and who tried to come in.
pub(crate) async fn whole_status(State(service): State<Service>, caller: Caller) -> Answer {
    caller.on_host(Action::ReadStatus)?;
    let Json(mut answer) = standing(&service, &caller, &service.host.districts()).await?;
    let (failures, throttled) = service.gate.failures();
    let failures: serde_json::Map<String, Json_> =
        failures.into_iter().map(|(code, count)| (code.to_owned(), json!(count))).collect();
    answer["access"] = json!({
        "warnings": &*service.warnings, "failed_proofs": failures, "throttled": throttled,
        "connections_turned_away": turned_away(),
        "certificate_ends": service.tls.as_ref().map(|tls| tls.expires().to_string()),
    });
    answer["intake"] = service.sources.standing();
    Ok(Json(answer))
}

/// How some districts stand, and what does not work as it should for them. What concerns no district, and whom the host
/// tells, is for those who may read these of the host itself.
async fn standing(service: &Service, caller: &Caller, districts: &[DistrictId]) -> Answer {
    let (host, language) = (&service.host, caller.language);
    let mut rows = Vec::new();
    for id in districts {
        rows.push(match host.status(id.as_str(), false).await {
            Ok(found) => status(&found),
            // The others, and what is degraded, are told of all the same.
            Err(error) => json!({"id": id, "problem": Problem::of_query(&error, language)}),
        });
    }
    let of_the_host = caller.may_on_host(Action::ReadStatus);
    let degraded = host.degradations().await;
    let theirs = degraded.iter().filter(|found| found.district().map_or(of_the_host, |id| districts.contains(id)));
    let mut degraded: Vec<Json_> = theirs.map(|found| degradation(found, language)).collect();
    if of_the_host {
        degraded.extend(not_in_force(service).into_iter().map(|(part, words)| {
            let words = language.of(&words.zh, &words.en);
            json!({"part": part, "district": null, "words": words})
        }));
    }
    let outbox = if caller.may_on_host(Action::ReadOutbox) { service.deliveries.rows().await } else { None };
    Ok(Json(json!({"healthy": host.is_healthy(), "degraded": degraded, "districts": rows, "outbox": outbox})))
}

/// What the edge knows of that does not work as it should, by its part: certificates and keys of issuers whose newest files
/// are not in force, and brokers that bring nothing.
fn not_in_force(service: &Service) -> Vec<(&'static str, Words)> {
    let tls = service.tls.as_ref().and_then(|tls| tls.problem()).map(|reason| {
        let zh = format!("新的 TLS 文件未生效,仍用原证书:{reason}");
        let en = format!("the newest TLS files are not in force, the certificate before serves on: {reason}");
        ("tls", Words::new(zh, en))
    });
    let issuers = service.gate.issuer_problems().into_iter().map(|(issuer, reason)| {
        let zh = format!("签发方 {issuer} 的新公钥无法取得,原公钥到期前仍有效:{reason}");
        let en = format!(
            "the newest keys of issuer {issuer} cannot be had, those before count until they are too old: {reason}"
        );
        ("access", Words::new(zh, en))
    });
    let brokers = service.sources.problems().map(|words| ("mqtt", words));
    tls.into_iter().chain(issuers).chain(brokers).collect()
}

/// `GET /v1/districts/{district}`.
pub(crate) async fn district(State(host): State<Arc<Host>>, Path(district): Path<String>, caller: Caller) -> Answer {
    caller.in_district(&host, Action::ReadDistrict, &district, None).await?;
    let found = host.status(&district, true).await;
    Ok(Json(status(&found.map_err(|error| Problem::of_query(&error, caller.language))?)))
}

/// Asks the state as it is, or, with `as_of`, as it was.
pub(crate) async fn ask<T: std::marker::Send + 'static>(
    host: &Arc<Host>,
    district: &str,
    as_of: Option<&str>,
    language: Language,
    ask: impl FnOnce(&muster_kernel::State) -> T + std::marker::Send + 'static,
) -> Result<T, Problem> {
    let Some(text) = as_of else {
        return host.query(district, ask).await.map_err(|error| Problem::of_query(&error, language));
    };
    let Some(then) = AsOf::parse(text) else {
        let detail = format!("`as_of` is `{text}`; write a position such as `812`, or an instant with its offset");
        return Err(Problem::new(Kind::BadRequest, language, detail).field(Some("as_of")));
    };
    // Whoever has waited for as long as an answer may take is told so by the route. What has begun is not broken off, so it
    // is the fold itself that holds the place.
    let unavailable = |_| Problem::of_query(&muster_runtime::QueryError::Unavailable, language);
    let place = FOLDS.acquire().await.map_err(unavailable)?;
    let (host, district) = (Arc::clone(host), district.to_owned());
    let folding = move || {
        let _place = place;
        host.as_of(&district, then, ask)
    };
    let folded = tokio::task::spawn_blocking(folding).await;
    folded.unwrap_or(Err(muster_runtime::QueryError::Unavailable)).map_err(|error| Problem::of_query(&error, language))
}

/// An entry with its hash.
pub(crate) fn committed(committed: &Committed) -> Json_ {
    json!({"hash": committed.hash, "entry": committed.entry})
}

/// Reading the journal waits for the disk, so it is done off the threads that answer.
pub(crate) async fn read(
    host: &Arc<Host>,
    district: String,
    from: u64,
    limit: usize,
) -> Result<Vec<Committed>, muster_runtime::QueryError> {
    let host = Arc::clone(host);
    let read = tokio::task::spawn_blocking(move || host.entries(&district, from, limit)).await;
    read.unwrap_or(Err(muster_runtime::QueryError::Unavailable))
}

/// One entry, if the caller may do this with it: an entry belongs to the node of the event that it decided, every other
/// one to the root.
pub(crate) async fn find(
    host: &Arc<Host>,
    caller: &Caller,
    action: Action,
    district: &str,
    seq: u64,
) -> Result<Committed, Problem> {
    let language = caller.language;
    caller.somewhere_in(host, action, district)?;
    let whole = caller.in_district(host, action, district, None).await;
    let rows = read(host, district.to_owned(), seq, 1).await.map_err(|error| Problem::of_query(&error, language));
    let found = rows.map(|rows| rows.into_iter().find(|row| row.entry.seq == seq));
    if let Err(refused) = whole {
        let place = found.as_ref().ok().and_then(Option::as_ref).and_then(|row| node_of(&row.entry));
        let Some(place) = place else { return Err(refused) };
        caller.in_district(host, action, district, Some(&place)).await.map_err(|_| refused)?;
    }
    found?.ok_or_else(|| Problem::new(Kind::NotFound, language, format!("there is no entry {seq} in {district}")))
}

fn node_of(entry: &Entry) -> Option<String> {
    match &entry.cause {
        Cause::Event(event) => Some(event.node.to_string()).filter(|node| !node.is_empty()),
        _ => None,
    }
}

/// `GET /v1/districts/{district}/entries/{seq}`.
pub(crate) async fn entry(
    State(host): State<Arc<Host>>,
    Path((district, seq)): Path<(String, u64)>,
    caller: Caller,
) -> Answer {
    let found = find(&host, &caller, Action::ReadEntries, &district, seq).await?;
    Ok(Json(committed(&found)))
}

/// `GET /healthz`: the process answers.
pub(crate) async fn alive(caller: Caller) -> Answer {
    caller.on_host(Action::ReadHealth)?;
    Ok(Json(json!({"alive": true})))
}

/// `GET /readyz`: events are taken and made durable.
pub(crate) async fn ready(State(host): State<Arc<Host>>, caller: Caller) -> Result<Response, Problem> {
    caller.on_host(Action::ReadHealth)?;
    let healthy = host.is_healthy();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(json!({"ready": healthy}))).into_response())
}

/// `GET /metrics`: the host's counters, for Prometheus.
pub(crate) async fn metrics(State(service): State<Service>, caller: Caller) -> Result<Response, Problem> {
    caller.on_host(Action::ReadMetrics)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let edge = Edge {
        brokers: service.sources.brokers(),
        degraded: not_in_force(&service).into_iter().map(|(part, _)| part).collect(),
        certificate_ends: service.tls.as_ref().map(|tls| tls.expires()),
    };
    Ok(([(axum::http::header::CONTENT_TYPE, kind)], service.host.metrics(edge).await).into_response())
}
