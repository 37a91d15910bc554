//! Lists, page by page and filtered: incidents, findings, entries, registers. What a page leaves out it says; it must never
//! leave out a row that nobody asked to be left out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::LINK;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use muster_access::{Action, Words};
use muster_kernel::record::{Cause, Entry};
use muster_kernel::state::Incident;
use muster_kernel::{FindingId, IncidentId, facts};
use muster_runtime::{Committed, Host};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::access::Caller;
use crate::access::permit::Reach;
use crate::problem::{Kind, Problem};
use crate::reads::{ask, committed, read};
use crate::registers::{self, Part, Rows};
use crate::views;

/// Rows on one page, at most.
pub(crate) const PAGE_MAX: usize = 500;
/// Rows on one page when none are asked for.
const PAGE: usize = 100;
/// Entries that one request looks through for those that it wants.
const LOOKED_THROUGH_MAX: usize = 5_000;
/// What may have made a district decide, as an entry names it.
pub(crate) const CAUSES: [&str; 6] = ["event", "timer", "charter", "activation", "migration", "withdrawal"];

type Answer = Result<Json<Json_>, Problem>;

/// Which incidents.
#[derive(Debug, Deserialize)]
pub(crate) struct Incidents {
    /// A node: it and all below it.
    node: Option<String>,
    status: Option<String>,
    level: Option<String>,
    stage: Option<String>,
    mode: Option<String>,
    hazard: Option<String>,
    from: Option<String>,
    limit: Option<usize>,
}

impl Incidents {
    /// What can be told without building a row. The district waits while its rows are looked through.
    fn may_want(&self, row: &Incident) -> bool {
        self.status.as_deref().is_none_or(|status| row.closed.is_none() == (status == "open"))
            && self.stage.as_deref().is_none_or(|stage| row.stage.as_str() == stage)
            && self.hazard.as_deref().is_none_or(|hazard| row.hazard.as_str() == hazard)
    }

    fn wants(&self, row: &Json_) -> bool {
        is(self.level.as_deref(), &row["level"]["in_force"]) && is(self.mode.as_deref(), &row["mode"])
    }
}

/// Whether a field is as wanted; everything is, where nothing is.
fn is(wanted: Option<&str>, field: &Json_) -> bool {
    wanted.is_none_or(|wanted| field == wanted)
}

/// Takes the rows of one page; tells where the next one begins.
fn page(mut rows: Vec<Json_>, limit: Option<usize>) -> (Vec<Json_>, Json_) {
    let Some(limit) = limit.filter(|limit| rows.len() > *limit) else { return (rows, Json_::Null) };
    rows.truncate(limit);
    let next = rows.last().map_or(Json_::Null, |row| row["id"].clone());
    (rows, next)
}

/// `GET /v1/districts/{district}/incidents`.
pub(crate) async fn incidents(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    Query(wanted): Query<Incidents>,
    caller: Caller,
) -> Answer {
    let reach = caller.in_district(&host, Action::ReadIncidents, &district, wanted.node.as_deref()).await?;
    let limit = wanted.limit.unwrap_or(PAGE);
    let ask = move |state: &muster_kernel::State| {
        let after = wanted.from.as_deref().map(IncidentId::from).unwrap_or_default();
        let part = Part::new(state, wanted.node.as_deref(), reach);
        let rows = state.incidents.range_from(&after).filter(|(id, _)| **id != after);
        let rows = rows.filter(|(_, row)| wanted.may_want(row) && part.holds(state, &row.node));
        let rows = rows.map(|(id, row)| views::brief(state, id, row)).filter(|row| wanted.wants(row));
        rows.take(limit + 1).collect::<Vec<_>>()
    };
    let rows = host.query(&district, ask).await.map_err(|error| Problem::of_query(&error, caller.language))?;
    let (rows, next) = page(rows, Some(limit));
    Ok(Json(json!({"incidents": rows, "next": next})))
}

/// Which findings, and when.
#[derive(Debug, Deserialize)]
pub(crate) struct Findings {
    node: Option<String>,
    as_of: Option<String>,
    status: Option<String>,
    code: Option<String>,
    incident: Option<String>,
    from: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/districts/{district}/findings`.
pub(crate) async fn findings(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    Query(wanted): Query<Findings>,
    caller: Caller,
) -> Answer {
    let reach = caller.in_district(&host, Action::ReadFindings, &district, wanted.node.as_deref()).await?;
    let (as_of, limit) = (wanted.as_of.clone(), wanted.limit);
    let read = move |state: &muster_kernel::State| {
        let after = wanted.from.as_deref().map(FindingId::from);
        let part = Part::new(state, wanted.node.as_deref(), reach);
        let rows = state.findings.iter().filter(|(_, row)| part.holds(state, &row.order.node));
        let rows = rows.filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after));
        let rows = rows.map(|(id, row)| views::finding(state, id, row)).filter(|row| {
            is(wanted.status.as_deref(), &row["status"])
                && is(wanted.code.as_deref(), &row["code"])
                && is(wanted.incident.as_deref(), &row["incident"])
        });
        rows.take(limit.map_or(usize::MAX, |limit| limit + 1)).collect::<Vec<_>>()
    };
    let rows = ask(&host, &district, as_of.as_deref(), caller.language, read).await?;
    let (rows, next) = page(rows, limit);
    Ok(Json(json!({"findings": rows, "next": next})))
}

/// Which entries.
#[derive(Debug, Deserialize)]
pub(crate) struct Entries {
    cause: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    from: Option<u64>,
    limit: Option<usize>,
}

impl Entries {
    const fn wants_all(&self) -> bool {
        self.cause.is_none() && self.kind.is_none()
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.cause.as_deref().is_none_or(|cause| cause == cause_of(entry))
            && self.kind.as_deref().is_none_or(|kind| match &entry.cause {
                Cause::Event(event) => event.kind == kind || event.kind.strip_prefix("gov.muster.") == Some(kind),
                _ => false,
            })
    }
}

/// The word under which the cause stands in the entry.
const fn cause_of(entry: &Entry) -> &'static str {
    match entry.cause {
        Cause::Event(_) => CAUSES[0],
        Cause::Timer { .. } => CAUSES[1],
        Cause::Charter { .. } => CAUSES[2],
        Cause::Activation(_) => CAUSES[3],
        Cause::Migration => CAUSES[4],
        Cause::Withdrawal(_) => CAUSES[5],
    }
}

/// `GET /v1/districts/{district}/entries`.
pub(crate) async fn entries(
    State(host): State<Arc<Host>>,
    Path(district): Path<String>,
    Query(wanted): Query<Entries>,
    caller: Caller,
) -> Answer {
    caller.in_district(&host, Action::ReadEntries, &district, None).await?;
    let limit = wanted.limit.unwrap_or(PAGE);
    // Without a filter a page is what was read; with one, as many are read as may be looked through.
    let at_once = if wanted.wants_all() { limit } else { PAGE_MAX };
    let (mut from, mut looked_through) = (wanted.from.unwrap_or(1).max(1), 0);
    let mut rows: Vec<Committed> = Vec::new();
    let next = loop {
        let found = read(&host, district.clone(), from, at_once).await;
        let found = found.map_err(|error| Problem::of_query(&error, caller.language))?;
        let (read, last) = (found.len(), found.last().map(|last| last.entry.seq));
        rows.extend(found.into_iter().filter(|row| wanted.wants(&row.entry)));
        looked_through += read;
        let Some(last) = last.filter(|_| read == at_once) else { break None };
        from = last + 1;
        if rows.len() >= limit || looked_through >= LOOKED_THROUGH_MAX {
            break Some(from);
        }
    };
    // What was read beyond the page is read again with the next one.
    let next = if rows.len() > limit { rows.get(limit).map(|row| row.entry.seq) } else { next };
    rows.truncate(limit);
    Ok(Json(json!({"entries": rows.iter().map(committed).collect::<Vec<_>>(), "next": next})))
}

/// Which part of a register, and when.
#[derive(Debug, Deserialize)]
pub(crate) struct Register {
    node: Option<String>,
    as_of: Option<String>,
    kind: Option<String>,
    status: Option<String>,
    incident: Option<String>,
    from: Option<usize>,
    limit: Option<usize>,
}

impl Register {
    /// The fields of a row that are wanted to be so, if the register has all of them.
    fn rows(&self, register: &str, caller: &Caller) -> Result<Rows, Problem> {
        let filters = [("kind", &self.kind), ("status", &self.status), ("incident", &self.incident)];
        let mut rows = Rows { wanted: Vec::new(), from: self.from.unwrap_or(0), limit: self.limit };
        for (name, value) in filters {
            let Some(value) = value else { continue };
            let Some(field) = registers::field_of(register, name) else {
                return Err(no_such_filter(register, name, caller));
            };
            rows.wanted.push((field, value.clone()));
        }
        for (name, given) in [("from", self.from.is_some()), ("limit", self.limit.is_some())] {
            if given && !registers::is_list(register) {
                let (zh, en) = (
                    format!("台账 {register} 不是列表,没有分页;请去掉 `{name}`"),
                    format!("the register `{register}` is no list and has no pages; leave out `{name}`"),
                );
                let detail = caller.language.of(&zh, &en);
                return Err(Problem::new(Kind::BadRequest, caller.language, detail).field(Some(name)));
            }
        }
        Ok(rows)
    }
}

fn no_such_filter(register: &str, name: &str, caller: &Caller) -> Problem {
    let filters = ["kind", "status", "incident"];
    let filters: Vec<&str> = filters.into_iter().filter(|name| registers::field_of(register, name).is_some()).collect();
    let (zh, en) = if filters.is_empty() {
        (
            format!("台账 {register} 不能按 `{name}` 筛选;请去掉"),
            format!("the register `{register}` has no rows to choose by `{name}`; leave it out"),
        )
    } else {
        (
            format!("台账 {register} 不能按 `{name}` 筛选;可用:{}", filters.join("、")),
            format!("the register `{register}` cannot be chosen from by `{name}`; there are: {}", filters.join(", ")),
        )
    };
    Problem::new(Kind::BadRequest, caller.language, caller.language.of(&zh, &en)).field(Some(name))
}

/// `GET /v1/districts/{district}/registers/{register}`: now or as of then.
pub(crate) async fn register(
    State(host): State<Arc<Host>>,
    Path((district, register)): Path<(String, String)>,
    Query(wanted): Query<Register>,
    uri: Uri,
    caller: Caller,
) -> Result<Response, Problem> {
    // A register without places is that of the whole district, whatever node is named.
    let node = wanted.node.clone().filter(|_| registers::has_places(&register));
    let reach = caller.in_district(&host, Action::ReadRegisters, &district, node.as_deref()).await?;
    if reach == Reach::Alone && !registers::has_places(&register) {
        return Err(caller.forbidden(&Words::new(
            format!("台账 {register} 属于全辖区,而您的角色只及于本级"),
            format!("the register {register} is that of the whole district, and your role reaches one node only"),
        )));
    }
    if !registers::NAMES.contains(&register.as_str()) {
        let names = registers::NAMES.join(", ");
        let detail = format!("there is no register `{register}`; there are {names}");
        return Err(Problem::new(Kind::NotFound, caller.language, detail));
    }
    let rows = wanted.rows(&register, &caller)?;
    let next = rows.limit.map(|limit| rows.from + limit);
    let read = move |state: &muster_kernel::State| {
        let whole = registers::of(state, &register, &Part::new(state, node.as_deref(), reach));
        rows.of(whole.unwrap_or_default())
    };
    let (found, more) = ask(&host, &district, wanted.as_of.as_deref(), caller.language, read).await?;
    let mut response = Json(found).into_response();
    if let Some(link) = next.filter(|_| more).and_then(|next| next_link(&uri, next)) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// The same request from another row on.
fn next_link(uri: &Uri, from: usize) -> Option<HeaderValue> {
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("from="));
    let query: Vec<String> = kept.map(str::to_owned).chain([format!("from={from}")]).collect();
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))).ok()
}

/// `GET /v1/districts/{district}/incidents/{incident}`: by id or by any name, now or as of then.
pub(crate) async fn incident(
    State(host): State<Arc<Host>>,
    Path((district, incident)): Path<(String, String)>,
    Query(wanted): Query<Then>,
    caller: Caller,
) -> Answer {
    // Which node it lies at, the fold tells; whether the caller has a part in the district at all is asked before.
    caller.somewhere_in(&host, Action::ReadIncidents, &district)?;
    let (name, asking, place) = (incident.clone(), caller.clone(), district.clone());
    let view = move |state: &muster_kernel::State| {
        let (id, row) = facts::find_incident(state, &name)?;
        let may = asking.at_node(state, Action::ReadIncidents, &place, Some(row.node.as_str()));
        may.then(|| views::full(state, id, row))
    };
    let found = ask(&host, &district, wanted.as_of.as_deref(), caller.language, view).await;
    if let Ok(Some(found)) = found {
        return Ok(Json(found));
    }
    // Whoever may not read them all does not learn which there are.
    caller.in_district(&host, Action::ReadIncidents, &district, None).await?;
    found?;
    Err(Problem::new(Kind::NotFound, caller.language, format!("there is no incident `{incident}` in {district}")))
}

/// When.
#[derive(Debug, Deserialize)]
pub(crate) struct Then {
    /// A position or an instant: what was known then.
    as_of: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_the_next_begins_and_the_last_one_that_there_is_none() {
        let rows = |ids: &[&str]| ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>();
        assert_eq!(page(rows(&["a", "b", "c"]), Some(2)), (rows(&["a", "b"]), json!("b")));
        assert_eq!(page(rows(&["a", "b"]), Some(2)), (rows(&["a", "b"]), Json_::Null));
        assert_eq!(page(rows(&["a", "b"]), None), (rows(&["a", "b"]), Json_::Null));
    }

    #[test]
    fn the_link_keeps_everything_but_where_the_page_began() {
        let uri: Uri = "/v1/districts/y/registers/tasks?from=2&kind=inspect&limit=2".parse().expect("an address");
        let link = next_link(&uri, 4).expect("a link");
        assert_eq!(link, "</v1/districts/y/registers/tasks?kind=inspect&limit=2&from=4>; rel=\"next\"");
    }
}
