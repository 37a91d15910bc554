//! `/v1/tokens`: issuing, listing and revoking. Every act of an administrator is an entry in the journal of each district
//! that it concerns, written by the host ([ADR 16](../../../docs/adr/0016-who-may-come-in.md)). A token's text is in the
//! answer that issues it and nowhere else.

use axum::Json;
use axum::extract::{Path, State};
use muster_access::token::{
    AdministrativeAct, ChangeError, Deed, IssueError, RevokeError, StoreError, TokenId, TokenRecord, TokenStore as _,
    Wanted,
};
use muster_access::{Action, Binding, Proof, System};
use muster_kernel::{DistrictId, Instant, Milliseconds, NodeCode, roster};
use muster_runtime::{Host, SubmitError, cloudevent};
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Caller, Gate};
use crate::Service;
use crate::problem::{Kind, Problem};

/// The source of what the host writes about access.
const SOURCE: &str = "urn:muster:host:access";

type Answer = Result<Json<Json_>, Problem>;

/// What a token is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueBody {
    subject: muster_access::Subject,
    display_name: Option<String>,
    bindings: Vec<Binding>,
    #[serde(default)]
    posts: BTreeSet<muster_access::Post>,
    #[serde(default)]
    sources: BTreeSet<String>,
    /// RFC 3339; either this or `days`.
    expires: Option<String>,
    days: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeBody {
    reason: String,
}

/// `GET /v1/tokens`.
pub(crate) async fn list(State(service): State<Service>, caller: Caller) -> Answer {
    caller.on_host(Action::AdministerTokens)?;
    let at = service.host.now();
    let mut register = service.gate.register.lock().await;
    register.used(service.gate.proofs().days());
    let rows: Vec<Json_> = register.records().map(|record| row(record, at)).collect();
    Ok(Json(json!({"tokens": rows})))
}

/// A token without its secret.
fn row(record: &TokenRecord, at: Instant) -> Json_ {
    let wanted = &record.wanted;
    let last_used = record.last_used_day.map(|day| Instant::from_millis(day * 24 * 3_600_000).to_string());
    let state = match &record.revoked {
        Some(_) => "revoked",
        None if at >= wanted.expires => "expired",
        None => "valid",
    };
    json!({
        "id": record.id, "state": state, "subject": wanted.subject, "display_name": wanted.display_name,
        "bindings": wanted.bindings, "posts": wanted.posts, "sources": wanted.sources, "issued": record.issued,
        "issued_by": record.issued_by, "expires": wanted.expires, "one_time": record.one_time,
        "revoked": record.revoked,
        "last_used": last_used.as_deref().and_then(|text| text.get(..10)),
    })
}

/// `POST /v1/tokens`.
pub(crate) async fn issue(State(service): State<Service>, caller: Caller, body: axum::body::Bytes) -> Answer {
    caller.on_host(Action::AdministerTokens)?;
    let Service { host, gate, .. } = &service;
    let at = host.now();
    let body: IssueBody = read(&caller, &body)?;
    let wanted = wanted(&caller, body, at)?;
    for (index, binding) in wanted.bindings.iter().enumerate() {
        is_known(&caller, host, index, binding).await?;
    }
    let mut register = gate.register.lock().await;
    let mut next = register.clone();
    let issued = next.issue(wanted, &caller.identity, at, gate.limits(), &mut System);
    let issued = issued.map_err(|error| refused_issue(&caller, &error))?;
    // First the journal: no token works that is not on record.
    let mut recorded = Vec::new();
    for act in &issued.acts {
        recorded
            .extend(gate.record(host, &next, act).await.map_err(|error| Problem::of_submit(&error, caller.language))?);
    }
    keep(gate, &caller, &next)?;
    *register = next;
    let expires = register.records().find(|record| record.id == issued.id).map(|record| record.wanted.expires);
    Ok(Json(json!({
        "id": issued.id, "token": issued.text.expose(), "expires": expires, "recorded": recorded,
    })))
}

/// `POST /v1/tokens/{token}/revoke`.
pub(crate) async fn revoke(
    State(service): State<Service>,
    Path(token): Path<String>,
    caller: Caller,
    body: axum::body::Bytes,
) -> Answer {
    let Service { host, gate, .. } = &service;
    let own = |id: TokenId| matches!(caller.identity.proof, Proof::Token { id: shown, .. } if shown == id);
    let id = TokenId::parse(&token);
    if !id.is_some_and(own) {
        caller.on_host(Action::AdministerTokens)?;
    }
    let unknown = || Problem::new(Kind::NotFound, caller.language, format!("there is no token `{token}`"));
    let id = id.ok_or_else(unknown)?;
    let body: RevokeBody = read(&caller, &body)?;
    let mut register = gate.register.lock().await;
    let mut next = register.clone();
    let act = next.revoke(id, &caller.identity, host.now(), &body.reason);
    let act = act.map_err(|error| refused_revocation(&caller, &error))?;
    // First the revocation: a journal that stopped must not keep a stolen token alive.
    keep(gate, &caller, &next)?;
    *register = next;
    let recorded = gate.record(host, &register, &act).await;
    let recorded = recorded.map_err(|error| {
        let problem = Problem::of_submit(&error, caller.language);
        problem.because(caller.language.of("令牌已作废,但未能写入日志", "the token is revoked, but not on record"))
    })?;
    Ok(Json(json!({"id": id, "recorded": recorded})))
}

fn read<T: for<'a> Deserialize<'a>>(caller: &Caller, body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|reason| Problem::new(Kind::BadRequest, caller.language, reason.to_string()))
}

fn wanted(caller: &Caller, body: IssueBody, at: Instant) -> Result<Wanted, Problem> {
    let wrong = |detail: &str| Problem::new(Kind::BadRequest, caller.language, detail).field(Some("expires"));
    let expires = match (body.expires, body.days) {
        (Some(text), None) => Instant::parse(&text).map_err(|reason| wrong(&reason.to_string()))?,
        (None, Some(days)) => at + Milliseconds::hours(24 * i64::from(days)),
        _ => return Err(wrong("every token ends: say either `expires`, an instant, or `days`")),
    };
    Ok(Wanted {
        display_name: body.display_name.unwrap_or_else(|| body.subject.to_string()),
        subject: body.subject,
        bindings: body.bindings,
        posts: body.posts,
        sources: body.sources,
        expires,
    })
}

/// A binding to what is not there would never work, and nobody would know why.
async fn is_known(caller: &Caller, host: &Host, index: usize, binding: &Binding) -> Result<(), Problem> {
    let Some(district) = &binding.district else { return Ok(()) };
    let wrong = |field: &str, detail: String| {
        Problem::new(Kind::BadRequest, caller.language, detail).field(Some(&format!("bindings[{index}].{field}")))
    };
    if !host.serves(district.as_str()) {
        return Err(wrong("district", format!("there is no district `{district}` on this host")));
    }
    let Some(node) = binding.node.clone() else { return Ok(()) };
    let code = node.clone();
    let known = host.query(district.as_str(), move |state| roster::exact(state, code.as_str()).is_some()).await;
    if known.map_err(|error| Problem::of_query(&error, caller.language))? {
        Ok(())
    } else {
        Err(wrong("node", format!("the tree of {district} has no node `{node}`")))
    }
}

fn keep(gate: &Gate, caller: &Caller, next: &muster_access::token::TokenRegister) -> Result<(), Problem> {
    let kept = tokio::task::block_in_place(|| gate.store.replace(next));
    kept.map_err(|error| not_kept(caller, error))?;
    gate.show(next);
    Ok(())
}

fn not_kept(caller: &Caller, error: StoreError) -> Problem {
    let refused: ChangeError<std::convert::Infallible> = ChangeError::NotKept(error);
    tracing::error!(target: "muster::access", error = %refused, "the register of tokens");
    Problem::new(Kind::LowSpace, caller.language, refused.to_string())
}

fn refused_issue(caller: &Caller, error: &IssueError) -> Problem {
    match error {
        IssueError::NotPermitted(refusal) => caller.refused(refusal),
        IssueError::OwnGain(_) => Problem::new(Kind::Forbidden, caller.language, error.to_string()),
        _ => Problem::new(Kind::BadRequest, caller.language, error.to_string()),
    }
}

fn refused_revocation(caller: &Caller, error: &RevokeError) -> Problem {
    match error {
        RevokeError::NotPermitted(refusal) => caller.refused(refusal),
        RevokeError::Unknown(_) => Problem::new(Kind::NotFound, caller.language, error.to_string()),
        RevokeError::Already { .. } | RevokeError::Reason(_) => {
            Problem::new(Kind::BadRequest, caller.language, error.to_string())
        }
    }
}

impl Gate {
    /// From now on proofs are judged by this register.
    fn show(&self, register: &muster_access::token::TokenRegister) {
        let days: Vec<_> = self.proofs().days().collect();
        let mut shown = register.clone();
        shown.used(days);
        let proofs = Arc::new(super::Proofs::of(&shown));
        *self.proofs.write().unwrap_or_else(std::sync::PoisonError::into_inner) = proofs;
    }

    /// Puts first tokens on record that were made while no host ran. An entry that is there already stays as it is.
    ///
    /// # Errors
    /// When a district does not take the entry.
    pub async fn record_first_tokens(&self, host: &Host) -> Result<(), SubmitError> {
        let register = self.register.lock().await;
        let first = register.records().filter(|record| record.one_time && record.revoked.is_none());
        for record in first.filter(|record| host.now() < record.wanted.expires) {
            let act = AdministrativeAct {
                at: record.issued,
                by: record.issued_by.clone(),
                proof: Proof::Token { id: record.id, one_time: true },
                deed: Deed::Bootstrapped { token: record.id, expires: record.wanted.expires },
            };
            self.record(host, &register, &act).await?;
        }
        Ok(())
    }

    /// Writes an act into the journal of every district that it concerns. Durable when it returns.
    async fn record(
        &self,
        host: &Host,
        register: &muster_access::token::TokenRegister,
        act: &AdministrativeAct,
    ) -> Result<Vec<Json_>, SubmitError> {
        let (token, kind) = match &act.deed {
            Deed::Bootstrapped { token, .. } => (*token, "bootstrapped"),
            Deed::Issued { token, .. } => (*token, "issued"),
            Deed::Revoked { token, .. } => (*token, "revoked"),
        };
        let mut recorded = Vec::new();
        for (district, node) in concerned(host, register, token) {
            let event = json!({
                "specversion": "1.0", "id": format!("{token}/{kind}"), "source": SOURCE,
                "type": format!("gov.muster.access.token_{kind}"), "time": act.at.to_string(),
                "jurisdiction": node.map(|node| node.to_string()).unwrap_or_default(), "data": act,
            });
            let event = cloudevent::parse(event, act.at).expect("the host writes valid events").event;
            let receipt = host.submit(district.as_str(), event).await?;
            recorded.push(json!({"district": receipt.district, "seq": receipt.seq}));
        }
        Ok(recorded)
    }
}

/// The districts in which a token reaches anything, and where; a role of the host reaches all.
fn concerned(
    host: &Host,
    register: &muster_access::token::TokenRegister,
    token: TokenId,
) -> Vec<(DistrictId, Option<NodeCode>)> {
    let bindings = register.records().find(|record| record.id == token).map(|record| record.wanted.bindings.as_slice());
    let bindings = bindings.unwrap_or_default();
    let whole = bindings.iter().any(|binding| binding.district.is_none());
    let districts = host.districts().into_iter();
    let reached = districts.filter_map(|id| {
        let own = bindings.iter().find(|binding| binding.district.as_ref() == Some(&id));
        (whole || own.is_some()).then(|| (id, own.and_then(|binding| binding.node.clone())))
    });
    reached.collect()
}
