//! A district's policies: what is in force, on trial and behind, what was attempted, and changes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_kernel::record::Activation;
use muster_kernel::role::Binding;
use muster_kernel::state::{Standby, Trial};
use muster_kernel::{Digest, Instant, PolicyMode, Role};
use muster_runtime::Host;
use muster_runtime::change::{Change, Wanted, Who};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::language::Language;
use crate::problem::{Kind, Problem, language};

/// The largest change that is read: a package of the largest size, in base64, with what was signed about it.
pub(crate) const BODY_BYTES_MAX: usize = 96 << 20;

type Answer = Result<Json<Json_>, Problem>;

/// What a change says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    action: Action,
    by: String,
    second: Option<String>,
    reason: Option<String>,
    /// Base64 of the package's bytes.
    package: Option<String>,
    /// Settings files, in order.
    settings: Option<Vec<SettingsFile>>,
    /// Envelopes, one a line.
    attestations: Option<String>,
    permille: Option<u16>,
    /// RFC 3339.
    expires: Option<String>,
    /// Digest of the package to go back to.
    to: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    name: String,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Activate,
    Shadow,
    Canary,
    Promote,
    Rollback,
    EndTrial,
}

fn role_of(text: &str, language: Language) -> Result<Role, Problem> {
    let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    Role::parse(text).ok_or_else(|| {
        Problem::new(Kind::NotFound, language, format!("`{text}` is no role; there are: {}", known.join(", ")))
    })
}

/// `GET /v1/districts/{district}/policies`.
pub(crate) async fn status(State(host): State<Arc<Host>>, Path(district): Path<String>, headers: HeaderMap) -> Answer {
    let ask = |state: &muster_kernel::State| {
        let roles = Role::ALL.iter().map(|role| {
            let core = &state.core;
            let standby = core.standby.get(role).cloned().unwrap_or_default();
            let of = |binding| core.activation(*role, binding).map(|found| activation(state, found));
            json!({
                "role": role,
                "in_force": of(Binding::InForce),
                "trial": standby.trial.as_ref().map(|found| trial(state, found)),
                "last_known_good": of(Binding::LastKnownGood),
                "baseline": of(Binding::Baseline),
                "former": standby.former.iter().map(|found| activation(state, found)).collect::<Vec<_>>(),
                "health": health(state, &standby),
                "folder": core.folder.get(role).map(|(package, settings)| json!({"package": package, "settings": settings})),
            })
        });
        roles.collect::<Vec<Json_>>()
    };
    let roles = host.query(&district, ask).await.map_err(|error| Problem::of_query(&error, language(&headers)))?;
    let trust = host.trust();
    let trust = json!({
        "profile": trust.profile, "serial": trust.serial, "deny_sequence": trust.deny_sequence, "problem": trust.problem,
        "warning": trust.warning.map(|(zh, en)| json!({"zh": zh, "en": en})),
    });
    Ok(Json(json!({"trust": trust, "roles": roles, "attempts": host.attempts(&district)})))
}

fn local(state: &muster_kernel::State, at: Instant) -> String {
    at.to_local_text(state.charter().map_or(0, |charter| charter.utc_offset_seconds))
}

fn activation(state: &muster_kernel::State, found: &Activation) -> Json_ {
    json!({
        "name": found.name, "version": found.version, "package": found.package, "settings": found.settings,
        "mode": found.mode, "permille": found.permille, "terms": found.terms, "evidence": found.evidence,
        "expires": found.expires.map(|expires| local(state, expires)),
    })
}

fn trial(state: &muster_kernel::State, found: &Trial) -> Json_ {
    json!({
        "activation": activation(state, &found.activation), "since": local(state, found.since), "asked": found.asked,
        "changed": found.changed, "failed": found.failed,
    })
}

fn health(state: &muster_kernel::State, standby: &Standby) -> Json_ {
    let last = standby.health.recent_failures.last().map(|at| local(state, *at));
    json!({"answered": standby.health.answered, "failed": standby.health.failed, "last_failure": last})
}

/// `GET /v1/districts/{district}/policies/{role}/history`.
pub(crate) async fn history(
    State(host): State<Arc<Host>>,
    Path((district, role)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let language = language(&headers);
    let role = role_of(&role, language)?;
    let ask = move |state: &muster_kernel::State| {
        let past = state.core.standby.get(&role).map(|standby| standby.history.clone()).unwrap_or_default();
        let rows = past.iter().rev().map(|past| {
            json!({"seq": past.seq, "at": local(state, past.at), "activation": activation(state, &past.activation)})
        });
        rows.collect::<Vec<Json_>>()
    };
    let rows = host.query(&district, ask).await.map_err(|error| Problem::of_query(&error, language))?;
    Ok(Json(json!({"role": role, "history": rows})))
}

/// `GET /v1/backtests/{digest}`.
pub(crate) async fn backtest(
    State(host): State<Arc<Host>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = language(&headers);
    let unknown = || Problem::new(Kind::NotFound, language, format!("there is no backtest `{digest}`"));
    let named = Digest::parse(&digest).ok_or_else(unknown)?;
    let report = tokio::task::block_in_place(|| host.backtest_report(named)).map_err(|_| unknown())?;
    // The vault holds packages too; only what reads as a report is given.
    let is_report = serde_json::from_slice::<Json_>(&report).is_ok_and(|report| report["questions"].is_number());
    if !is_report {
        return Err(unknown());
    }
    Ok(([(CONTENT_TYPE, "application/json")], report).into_response())
}

/// `POST /v1/districts/{district}/policies/{role}`.
pub(crate) async fn change(
    State(host): State<Arc<Host>>,
    Path((district, role)): Path<(String, String)>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Answer {
    let language = language(&headers);
    let role = role_of(&role, language)?;
    let body: ChangeBody =
        serde_json::from_slice(&body).map_err(|reason| Problem::new(Kind::NotJson, language, reason.to_string()))?;
    if body.by.trim().is_empty() {
        return Err(Problem::new(Kind::PolicyInvalid, language, "say who asks for it").field(Some("by")));
    }
    let who = Who { by: body.by.clone(), second: body.second.clone(), reason: body.reason.clone() };
    let change = change_of(role, body, language)?;
    let changed = tokio::task::block_in_place(|| host.change_policy(&district, change, &who));
    let attempt = changed.map_err(|error| Problem::of_change(&error, language))?;
    if attempt.passed() { Ok(Json(json!(attempt))) } else { Err(Problem::of_attempt(attempt, language)) }
}

fn change_of(role: Role, body: ChangeBody, language: Language) -> Result<Change, Problem> {
    let wrong = |field: &str, reason: String| Problem::new(Kind::PolicyInvalid, language, reason).field(Some(field));
    let mode = match body.action {
        Action::Promote => return Ok(Change::Promote { role }),
        Action::EndTrial => return Ok(Change::EndTrial { role }),
        Action::Rollback => {
            let to = body
                .to
                .as_deref()
                .map(|text| Digest::parse(text).ok_or_else(|| wrong("to", "a digest is 64 hexadecimal digits".into())));
            return Ok(Change::Rollback { role, to: to.transpose()? });
        }
        Action::Activate => PolicyMode::Enforce,
        Action::Shadow => PolicyMode::Shadow,
        Action::Canary => PolicyMode::Canary,
    };
    let package = body.package.map(|text| STANDARD.decode(text).map_err(|reason| wrong("package", reason.to_string())));
    let expires = body.expires.map(|text| Instant::parse(&text).map_err(|reason| wrong("expires", reason.to_string())));
    let settings = body.settings.map(|files| files.into_iter().map(|file| (file.name, file.text)).collect());
    Ok(Change::Activate(Box::new(Wanted {
        role,
        mode,
        permille: body.permille,
        package: package.transpose()?,
        settings,
        attestations: body.attestations.map(String::into_bytes),
        expires: expires.transpose()?,
        dry_run: body.dry_run,
    })))
}
