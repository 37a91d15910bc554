//! Questions: districts, incidents, findings, entries. Every answer rests on durable entries only.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use muster_kernel::facts;
use muster_runtime::{AsOf, Committed, Degradation, DistrictStatus, Host};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::delivery::Deliveries;
use crate::language::Language;
use crate::problem::{Kind, Problem, language};
use crate::{registers, views};

/// Rows on one page.
const PAGE_MAX: usize = 500;
/// Rows on one page when none are asked for.
const PAGE: usize = 100;

type Answer = Result<Json<Json_>, Problem>;

/// Where a page begins and how long it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

impl Page {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX)
    }
}

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

/// `GET /v1/districts`, `GET /v1/status`.
pub(crate) async fn districts(
    State(host): State<Arc<Host>>,
    Extension(deliveries): Extension<Deliveries>,
    headers: HeaderMap,
) -> Answer {
    let mut rows = Vec::new();
    for id in host.districts() {
        rows.push(match host.status(id.as_str(), false).await {
            Ok(found) => status(&found),
            // The others, and what is degraded, are told of all the same.
            Err(error) => json!({"id": id, "problem": Problem::of_query(&error, language(&headers))}),
        });
    }
    let degraded = host.degradations().await;
    let degraded: Vec<Json_> = degraded.iter().map(|found| degradation(found, language(&headers))).collect();
    let outbox = deliveries.rows().await;
    Ok(Json(json!({"healthy": host.is_healthy(), "degraded": degraded, "districts": rows, "outbox": outbox})))
}

/// `GET /v1/districts/{district}`.
pub(crate) async fn district(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let found = host.status(&district, true).await;
    Ok(Json(status(&found.map_err(|error| Problem::of_query(&error, language(&headers)))?)))
}

/// `GET /v1/districts/{district}/incidents`.
pub(crate) async fn incidents(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Answer {
    let limit = page.limit();
    let ask = move |state: &muster_kernel::State| {
        let after = page.from.map(muster_kernel::IncidentId::from);
        let rows = state.incidents.iter().filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after));
        let rows: Vec<Json_> = rows.take(limit + 1).map(|(id, row)| views::brief(state, id, row)).collect();
        rows
    };
    let rows = host.query(&district, ask).await;
    let mut rows = rows.map_err(|error| Problem::of_query(&error, language(&headers)))?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = if more { rows.last().map(|row| row["id"].clone()) } else { None };
    Ok(Json(json!({"incidents": rows, "next": next})))
}

/// Which part of a district, and when.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// A node: it and all below it.
    #[serde(default)]
    node: Option<String>,
    /// A position or an instant: what was known then.
    #[serde(default)]
    as_of: Option<String>,
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
    let (host, district) = (Arc::clone(host), district.to_owned());
    let folded = tokio::task::spawn_blocking(move || host.as_of(&district, then, ask)).await;
    folded.unwrap_or(Err(muster_runtime::QueryError::Unavailable)).map_err(|error| Problem::of_query(&error, language))
}

/// `GET /v1/districts/{district}/incidents/{incident}`: by id or by any name, now or as of then.
pub(crate) async fn incident(
    State(host): State<Arc<Host>>,
    Path((district, incident)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Answer {
    let language = language(&headers);
    let name = incident.clone();
    let view = move |state: &muster_kernel::State| {
        facts::find_incident(state, &name).map(|(id, row)| views::full(state, id, row))
    };
    let found = ask(&host, &district, wanted.as_of.as_deref(), language, view).await?;
    let missing = || Problem::new(Kind::NotFound, language, format!("there is no incident `{incident}` in {district}"));
    found.map(Json).ok_or_else(missing)
}

/// `GET /v1/districts/{district}/registers/{register}`: now or as of then.
pub(crate) async fn register(
    State(host): State<Arc<Host>>,
    Path((district, register)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Answer {
    let language = language(&headers);
    let (name, node) = (register.clone(), wanted.node);
    let read = move |state: &muster_kernel::State| registers::of(state, &name, node.as_deref());
    let found = ask(&host, &district, wanted.as_of.as_deref(), language, read).await?;
    let missing = || {
        let names = registers::NAMES.join(", ");
        Problem::new(Kind::NotFound, language, format!("there is no register `{register}`; there are {names}"))
    };
    found.map(Json).ok_or_else(missing)
}

/// `GET /v1/districts/{district}/findings`.
pub(crate) async fn findings(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let found = host.query(&district, |state| views::findings(state, None)).await;
    let found = found.map_err(|error| Problem::of_query(&error, language(&headers)))?;
    Ok(Json(json!({"findings": found})))
}

/// An entry with its hash.
pub(crate) fn committed(committed: &Committed) -> Json_ {
    json!({"hash": committed.hash, "entry": committed.entry})
}

/// `GET /v1/districts/{district}/entries`.
pub(crate) async fn entries(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    Query(page): Query<Page>,
    headers: HeaderMap,
) -> Answer {
    let language = language(&headers);
    let from = match page.from.as_deref().map(str::parse::<u64>) {
        None => 1,
        Some(Ok(from)) => from,
        Some(Err(_)) => {
            return Err(Problem::new(Kind::BadRequest, language, "`from` must be a position").field(Some("from")));
        }
    };
    let limit = page.limit();
    let rows = read(&host, district, from, limit).await.map_err(|error| Problem::of_query(&error, language))?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|last| last.entry.seq + 1);
    Ok(Json(json!({"entries": rows.iter().map(committed).collect::<Vec<_>>(), "next": next})))
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

/// One entry, or the problem that there is none.
pub(crate) async fn find(host: &Arc<Host>, district: &str, seq: u64, language: Language) -> Result<Committed, Problem> {
    let rows = read(host, district.to_owned(), seq, 1).await.map_err(|error| Problem::of_query(&error, language))?;
    let missing = || Problem::new(Kind::NotFound, language, format!("there is no entry {seq} in {district}"));
    rows.into_iter().find(|row| row.entry.seq == seq).ok_or_else(missing)
}

/// `GET /v1/districts/{district}/entries/{seq}`.
pub(crate) async fn entry(
    State(host): State<Arc<Host>>,
    Path((district, seq)): Path<(String, u64)>,
    headers: HeaderMap,
) -> Answer {
    let found = find(&host, &district, seq, language(&headers)).await?;
    Ok(Json(committed(&found)))
}

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> Json<Json_> {
    Json(json!({"alive": true}))
}

/// `GET /readyz`: events are taken and made durable.
pub(crate) async fn ready(State(host): State<Arc<Host>>) -> Response {
    let healthy = host.is_healthy();
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": healthy}))).into_response()
}

/// `GET /metrics`: the host's counters, for Prometheus.
pub(crate) async fn metrics(State(host): State<Arc<Host>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(axum::http::header::CONTENT_TYPE, kind)], host.metrics().await).into_response()
}
