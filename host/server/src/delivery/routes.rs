//! What may be asked of deliveries, and done about them. Every act names who acts.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use muster_access::Action;
use muster_outbox::{CarrierError, ChannelName, Command, CommandError, DeadLetter, MessageId, RecipientName};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use super::{Deliveries, Running};
use crate::access::Caller;
use crate::language::Language;
use crate::problem::{Kind, Problem};

type Answer = Result<Json<Json_>, Problem>;

/// Who acts, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    by: String,
    #[serde(default)]
    reason: Option<String>,
}

/// Whose dead letters.
#[derive(Debug, Deserialize)]
pub(crate) struct Letters {
    recipient: Option<String>,
}

/// Asks off the threads that answer: the carrier may keep one waiting.
async fn ask<T: Send + 'static>(
    deliveries: &Deliveries,
    language: Language,
    ask: impl FnOnce(&Running) -> Result<T, CarrierError> + Send + 'static,
) -> Result<T, Problem> {
    let Some(running) = deliveries.running().cloned() else {
        return Err(Problem::new(
            Kind::NoOutbox,
            language,
            match language {
                Language::Chinese => "请在 muster.toml 中写明 [outbox],或启动主机时加上 --outbox FILE",
                Language::English => "write `[outbox]` in muster.toml, or start the host with `--outbox FILE`",
            },
        ));
    };
    let asked = tokio::task::spawn_blocking(move || ask(&running)).await;
    asked.unwrap_or(Err(CarrierError::Stopped)).map_err(|error| problem(&error, language))
}

fn problem(error: &CarrierError, language: Language) -> Problem {
    let kind = match error {
        CarrierError::Command(CommandError::NoReason) => Kind::BadRequest,
        CarrierError::Command(CommandError::NoLetter(_) | CommandError::NotAwaited(_)) => Kind::NotFound,
        CarrierError::Command(_) => Kind::NotNow,
        _ => Kind::NotDelivering,
    };
    Problem::new(kind, language, error.to_string())
}

/// `GET /v1/outbox`.
pub(crate) async fn status(State(deliveries): State<Deliveries>, caller: Caller) -> Answer {
    caller.on_host(Action::ReadOutbox)?;
    let rows = ask(&deliveries, caller.language, Running::status).await?;
    Ok(Json(json!({"recipients": rows})))
}

/// `GET /v1/outbox/dead-letters`: of one recipient, or of all.
pub(crate) async fn dead_letters(
    State(deliveries): State<Deliveries>,
    Query(wanted): Query<Letters>,
    caller: Caller,
) -> Answer {
    caller.on_host(Action::ReadDeadLetters)?;
    let language = caller.language;
    let letters = ask(&deliveries, language, move |running| {
        let all = running.status()?.into_iter().map(|row| row.recipient);
        let wanted = wanted.recipient;
        let names = all.filter(|name| wanted.as_deref().is_none_or(|wanted| wanted == name.as_str()));
        let mut letters = Vec::new();
        for name in names {
            letters.extend(running.dead_letters(&name)?);
        }
        Ok(letters)
    });
    let letters: Vec<Json_> = letters.await?.iter().map(letter).collect();
    Ok(Json(json!({"dead_letters": letters})))
}

fn letter(letter: &DeadLetter) -> Json_ {
    let message = &letter.message;
    let words = |language| letter.reason.in_words(language);
    json!({
        "id": message.id.to_string(),
        "recipient": message.id.recipient,
        "district": message.id.district,
        "entry": message.id.position.seq,
        "fact": message.kind,
        "urgency": message.urgency,
        "exercise": message.exercise,
        "decided": message.at,
        "subject": message.subject,
        "text": message.text,
        "given_up": letter.at,
        "attempts": letter.progress.attempts,
        "reason": {"zh": words(muster_outbox::Language::Chinese), "en": words(muster_outbox::Language::English)},
        "way": letter.progress.trail.iter().map(|hop| json!({
            "channel": hop.channel, "at": hop.at,
            "trouble": {
                "zh": hop.trouble.in_words(muster_outbox::Language::Chinese),
                "en": hop.trouble.in_words(muster_outbox::Language::English),
            },
        })).collect::<Vec<_>>(),
        "replay": letter.replay,
    })
}

/// Who acts on the outbox, and why; asked only of those who may, and in nobody else's name.
fn act(caller: &Caller, body: &[u8]) -> Result<Act, Problem> {
    caller.on_host(Action::ReplayDeadLetters)?;
    let act: Act = serde_json::from_slice(body)
        .map_err(|reason| Problem::new(Kind::NotJson, caller.language, reason.to_string()))?;
    if act.by.trim().is_empty() {
        return Err(Problem::new(Kind::BadRequest, caller.language, "say who acts").field(Some("by")));
    }
    caller.is_person("by", &act.by)?;
    Ok(act)
}

/// `POST /v1/outbox/messages/{id}/{act}`: `receipt`, `replay` or `discard`.
pub(crate) async fn message(
    State(deliveries): State<Deliveries>,
    Path((id, deed)): Path<(String, String)>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let Act { by, reason } = act(&caller, &body)?;
    let language = caller.language;
    let no_message = || Problem::new(Kind::NotFound, language, format!("`{id}` is not the identity of a message"));
    let id = MessageId::parse(&id).ok_or_else(no_message)?;
    let command = match deed.as_str() {
        "receipt" => Command::Receipt { id, by: by.clone() },
        "replay" => Command::Replay { id, by: by.clone() },
        "discard" => Command::Discard { id, by: by.clone(), reason: reason.clone().unwrap_or_default() },
        other => {
            let detail = format!("`{other}` cannot be done to a message; there are receipt, replay, discard");
            return Err(Problem::new(Kind::NotFound, language, detail));
        }
    };
    carry_out(&deliveries, command, by, reason, language).await
}

/// `POST /v1/outbox/recipients/{recipient}/channels/{channel}/enable`.
pub(crate) async fn enable(
    State(deliveries): State<Deliveries>,
    Path((recipient, channel)): Path<(String, String)>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let Act { by, reason } = act(&caller, &body)?;
    let (recipient, channel) = (RecipientName::from(recipient.as_str()), ChannelName::from(channel.as_str()));
    carry_out(&deliveries, Command::Enable { recipient, channel, by: by.clone() }, by, reason, caller.language).await
}

/// `POST /v1/outbox/recipients/{recipient}/forget`: what is kept of one that the settings do not name any more.
pub(crate) async fn forget(
    State(deliveries): State<Deliveries>,
    Path(recipient): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let Act { by, reason } = act(&caller, &body)?;
    let command = Command::Forget { recipient: RecipientName::from(recipient.as_str()) };
    carry_out(&deliveries, command, by, reason, caller.language).await
}

async fn carry_out(
    deliveries: &Deliveries,
    command: Command,
    by: String,
    reason: Option<String>,
    language: Language,
) -> Answer {
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let done = format!("{command:?}");
    ask(deliveries, language, move |running| running.command(command)).await?;
    tracing::info!(target: "muster::outbox", by, reason, "{done}");
    Ok(Json(json!({"done": true, "by": by, "reason": reason})))
}
