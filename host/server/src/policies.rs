//! A district's policies: what is in force, on trial and behind, what was attempted, and changes.

use std::sync::Arc;

use axum::Json;
use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
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
use muster_runtime::activation::Attempt;
use muster_runtime::change::{Change, Meant, Wanted, Who};
use serde::Deserialize;
use serde_json::{Value as Json_, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_stream::StreamExt as _;

use crate::Service;
use crate::access::Caller;
use crate::access::approvals::Thing;
use crate::language::Language;
use crate::problem::{Kind, Problem};

/// The largest change that is read: a package of the largest size, in base64, with what was signed about it.
pub(crate) const BODY_BYTES_MAX: usize = 96 << 20;
/// Such bodies that are held at once, by everybody together.
const BODIES_MAX: usize = 4;
static BODIES: Semaphore = Semaphore::const_new(BODIES_MAX);
/// The largest body that is read away for somebody who may not send it: what fits into the buffers of a connection anyway.
const SMALL_BYTES: usize = 1 << 20;

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
    change: Change,
    action: Action,
    by: String,
    second: Option<String>,
    reason: Option<String>,
    /// What the request says.
    said: Json_,
    /// Held until it is answered: the bytes of a package are, too.
    _place: SemaphorePermit<'static>,
}

impl Wish {
    /// Reads a change. What answers for people changes by those who release; whoever writes policies may have them tried.
    /// Whoever may do neither is not read: a body may be large.
    async fn read(
        service: &Service,
        caller: &Caller,
        (district, role): (&str, &str),
        request: Request,
    ) -> Result<Self, Problem> {
        let language = caller.language;
        // Which action it is, the body says; whoever may release may propose, too.
        if let Err(refused) = caller.in_district(&service.host, Action::ProposePolicy, district, None).await {
            read_away(request, SMALL_BYTES).await;
            return Err(refused);
        }
        let Ok(place) = BODIES.try_acquire() else {
            read_away(request, BODY_BYTES_MAX).await;
            return Err(Problem::crowded(BODIES_MAX, language));
        };
        let body = bytes_of(request, language).await?;
        let read: Result<ChangeBody, _> = serde_json::from_slice(&body);
        drop(body);
        if let Ok(read) = &read {
            caller.in_district(&service.host, read.access(), district, None).await?;
        }
        let role = role_of(role, language)?;
        let body = read.map_err(|reason| Problem::new(Kind::NotJson, language, reason.to_string()))?;
        if body.by.trim().is_empty() {
            return Err(Problem::new(Kind::PolicyInvalid, language, "say who asks for it").field(Some("by")));
        }
        let said = json!({
            "role": role, "action": format!("{:?}", body.action), "package": body.package, "to": body.to,
            "attestations": body.attestations, "permille": body.permille, "expires": body.expires,
            "dry_run": body.dry_run,
            "settings": body.settings.as_ref().map(|files| {
                files.iter().map(|file| json!({"name": file.name, "text": file.text})).collect::<Vec<Json_>>()
            }),
        });
        let (action, by, second, reason) = (body.access(), body.by.clone(), body.second.clone(), body.reason.clone());
        let change = change_of(role, body, language)?;
        Ok(Self { change, action, by, second, reason, said, _place: place })
    }

    /// The one exact thing that people say yes to: what the request says, and what it leaves to how things stand.
    fn thing(&self, district: &str, meant: &Meant) -> Thing {
        Thing::new(self.action, Target::district(district), &json!({"said": self.said, "meant": meant}))
    }
}

/// The body, up to its limit.
async fn bytes_of(request: Request, language: Language) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let (zh, en) = (
                format!("请求体超过 {BODY_BYTES_MAX} 字节"),
                format!("the body is over {BODY_BYTES_MAX} bytes; a package is smaller"),
            );
            return Problem::new(Kind::TooLarge, language, language.of(&zh, &en));
        }
        Problem::new(Kind::BadRequest, language, rejection.body_text())
    })
}

/// Reads a body away, so that its sender gets the answer and not a broken pipe; nothing of it is kept. One that is larger is
/// left where it is.
async fn read_away(request: Request, most: usize) {
    let most = most as u64;
    if request.body().size_hint().lower() > most {
        return;
    }
    let (mut frames, mut seen) = (request.into_body().into_data_stream(), 0_u64);
    while let Some(Ok(frame)) = frames.next().await {
        seen += frame.len() as u64;
        if seen > most {
            return;
        }
    }
}

/// `POST /v1/districts/{district}/policies/{role}`.
pub(crate) async fn change(
    State(service): State<Service>,
    Path((district, role)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Answer {
    let language = caller.language;
    let wish = Wish::read(&service, &caller, (&district, &role), request).await?;
    caller.is_person("by", &wish.by)?;
    let meant = meant(&service.host, &district, &wish, language).await?;
    let (persons, approvals) = service.gate.take(&caller, &wish.thing(&district, &meant), service.host.now())?;
    let tried = tried(&service, &caller, &district, wish, &persons, meant);
    // A yes is used up by the change that it let through, and by nothing else.
    if !tried.as_ref().is_ok_and(Attempt::passed) {
        service.gate.give_back(approvals);
    }
    let attempt = tried?;
    if attempt.passed() { Ok(Json(json!(attempt))) } else { Err(Problem::of_attempt(attempt, language)) }
}

/// Tries a change, if nothing else is meant by it now than what was said yes to.
fn tried(
    service: &Service,
    caller: &Caller,
    district: &str,
    wish: Wish,
    persons: &[Subject],
    meant: Meant,
) -> Result<Attempt, Problem> {
    let second = second(caller, wish.second, persons)?;
    let who = Who { by: wish.by, second, reason: wish.reason, meant: Some(meant) };
    let changed = tokio::task::block_in_place(|| service.host.change_policy(district, wish.change, &who));
    changed.map_err(|error| Problem::of_change(&error, caller.language))
}

/// What a wish leaves to how things stand: which trial is promoted, what is gone back to, what is kept.
async fn meant(host: &Host, district: &str, wish: &Wish, language: Language) -> Result<Meant, Problem> {
    host.meant(district, &wish.change).await.map_err(|error| Problem::of_change(&error, language))
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
    request: Request,
) -> Answer {
    let wish = Wish::read(&service, &caller, (&district, &role), request).await?;
    let meant = meant(&service.host, &district, &wish, caller.language).await?;
    Ok(Json(service.gate.approve(&caller, wish.thing(&district, &meant), service.host.now())))
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
