//! A district's policies: what is in force, on trial and behind, what was attempted, and changes.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_access::{Action, Proof, Subject, Target, Words};
use muster_kernel::record::Activation;
use muster_kernel::role::Binding;
use muster_kernel::state::{Standby, Trial};
use muster_kernel::{Digest, Instant, PolicyMode, Role};
use muster_runtime::Host;
use muster_runtime::change::{Change, Wanted, Who};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::Service;
use crate::access::Caller;
use crate::access::approvals::Thing;
use crate::language::Language;
use crate::problem::{Kind, Problem};

/// The largest change that is read: a package of the largest size, in base64, with what was signed about it.
pub(crate) const BODY_BYTES_MAX: usize = 96 << 20;

type Answer = Result<Json<Json_>, Problem>;

/// What a change says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    action: Asked,
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

impl ChangeBody {
    /// Which action it is to ask for this.
    fn access(&self) -> Action {
        match self.action {
            _ if self.dry_run => Action::ProposePolicy,
            Asked::Shadow | Asked::EndTrial => Action::ProposePolicy,
            Asked::Activate | Asked::Canary | Asked::Promote | Asked::Rollback => Action::ReleasePolicy,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    name: String,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Asked {
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
pub(crate) async fn status(State(host): State<Arc<Host>>, Path(district): Path<String>, caller: Caller) -> Answer {
    caller.in_district(&host, Action::ReadPolicies, &district, None).await?;
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
    let roles = host.query(&district, ask).await.map_err(|error| Problem::of_query(&error, caller.language))?;
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
    caller: Caller,
) -> Answer {
    let language = caller.language;
    caller.in_district(&host, Action::ReadPolicies, &district, None).await?;
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
    caller: Caller,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(Kind::NotFound, caller.language, format!("there is no backtest `{digest}`"));
    let report =
        Digest::parse(&digest).and_then(|named| tokio::task::block_in_place(|| host.backtest_report(named)).ok());
    // The vault holds packages too; only what reads as a report is given.
    let read = report.as_deref().and_then(|report| serde_json::from_slice::<Json_>(report).ok());
    let district = read.as_ref().filter(|report| report["questions"].is_number());
    let district = district.and_then(|report| report["district"].as_str());
    let (Some(report), Some(district)) = (&report, district) else {
        // Who could not read any report does not learn which there are.
        return Err(caller.on_host(Action::ReadStatus).err().unwrap_or_else(unknown));
    };
    caller.in_district(&host, Action::ReadBacktests, district, None).await?;
    let report = report.clone();
    Ok(([(CONTENT_TYPE, "application/json")], report).into_response())
}

/// What a body that comes in wants, once it is known that its sender may want it.
struct Wish {
    role: Role,
    body: ChangeBody,
    thing: Thing,
}

/// Reads a change. What answers for people changes by those who release; whoever writes policies may have them tried.
async fn wish(
    service: &Service,
    caller: &Caller,
    (district, role): (&str, &str),
    body: &[u8],
) -> Result<Wish, Problem> {
    let language = caller.language;
    let role = role_of(role, language);
    let read: Result<ChangeBody, _> = serde_json::from_slice(body);
    // What cannot be read is told only to those who could propose something.
    let action = read.as_ref().map_or(Action::ProposePolicy, ChangeBody::access);
    caller.in_district(&service.host, action, district, None).await?;
    let (role, body) = (role?, read.map_err(|reason| Problem::new(Kind::NotJson, language, reason.to_string()))?);
    if body.by.trim().is_empty() {
        return Err(Problem::new(Kind::PolicyInvalid, language, "say who asks for it").field(Some("by")));
    }
    let said = json!({
        "role": role, "action": format!("{:?}", body.action), "package": body.package, "to": body.to,
        "attestations": body.attestations, "permille": body.permille, "expires": body.expires, "dry_run": body.dry_run,
        "settings": body.settings.as_ref().map(|files| {
            files.iter().map(|file| json!({"name": file.name, "text": file.text})).collect::<Vec<Json_>>()
        }),
    });
    Ok(Wish { role, body, thing: Thing::new(action, Target::district(district), &said) })
}

/// `POST /v1/districts/{district}/policies/{role}`.
pub(crate) async fn change(
    State(service): State<Service>,
    Path((district, role)): Path<(String, String)>,
    caller: Caller,
    body: axum::body::Bytes,
) -> Answer {
    let language = caller.language;
    let Wish { role, body, thing } = wish(&service, &caller, (&district, &role), &body).await?;
    caller.is_person("by", &body.by)?;
    let persons = service.gate.persons(&caller, &thing, service.host.now())?;
    let second = second(&caller, body.second.clone(), &persons)?;
    let who = Who { by: body.by.clone(), second, reason: body.reason.clone() };
    let change = change_of(role, body, language)?;
    let changed = tokio::task::block_in_place(|| service.host.change_policy(&district, change, &who));
    let attempt = changed.map_err(|error| Problem::of_change(&error, language))?;
    if attempt.passed() { Ok(Json(json!(attempt))) } else { Err(Problem::of_attempt(attempt, language)) }
}

/// The second person: one who proved it. A name that somebody else wrote down counts on the machine of a developer only.
fn second(caller: &Caller, named: Option<String>, persons: &[Subject]) -> Result<Option<String>, Problem> {
    let mut others = persons.iter().skip(1).map(ToString::to_string);
    let Some(named) = named else { return Ok(others.next()) };
    if others.any(|other| other == named) || caller.identity.proof == Proof::LoopbackDevelopment {
        return Ok(Some(named));
    }
    let words = Words::new(
        format!("{named} 尚未以本人凭证批准这一变更;请其向 …/approval 提交同样的内容"),
        format!(
            "`{named}` has not approved this exact change with a proof of their own; let them send it to …/approval"
        ),
    );
    Err(caller.forbidden(&words).field(Some("second")))
}

/// `POST /v1/districts/{district}/policies/{role}/approval`: a second person says yes to a change that another one will
/// ask for.
pub(crate) async fn approve(
    State(service): State<Service>,
    Path((district, role)): Path<(String, String)>,
    caller: Caller,
    body: axum::body::Bytes,
) -> Answer {
    let Wish { thing, .. } = wish(&service, &caller, (&district, &role), &body).await?;
    Ok(Json(service.gate.approve(&caller, thing, service.host.now())))
}

fn change_of(role: Role, body: ChangeBody, language: Language) -> Result<Change, Problem> {
    let wrong = |field: &str, reason: String| Problem::new(Kind::PolicyInvalid, language, reason).field(Some(field));
    let mode = match body.action {
        Asked::Promote => return Ok(Change::Promote { role }),
        Asked::EndTrial => return Ok(Change::EndTrial { role }),
        Asked::Rollback => {
            let to = body
                .to
                .as_deref()
                .map(|text| Digest::parse(text).ok_or_else(|| wrong("to", "a digest is 64 hexadecimal digits".into())));
            return Ok(Change::Rollback { role, to: to.transpose()? });
        }
        Asked::Activate => PolicyMode::Enforce,
        Asked::Shadow => PolicyMode::Shadow,
        Asked::Canary => PolicyMode::Canary,
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
