//! The host: its status, tokens, deliveries, counters, and this contract.

use axum::http::StatusCode;

use super::super::Operation;
use super::super::parameter::Values;
use super::super::schema::{named, open, text};
use crate::problem::Kind;

const JSON: &str = "application/json";

pub(crate) fn status() -> Operation {
    let summary = "How the host stands as a whole, and who tried to come in";
    Operation::new("host", "getStatus", summary, named("HostStanding"))
}

pub(crate) fn tokens() -> Operation {
    Operation::new("access", "listTokens", "All tokens without their secrets", named("Tokens"))
}

pub(crate) fn issue() -> Operation {
    Operation::new("access", "issueToken", "Issue a token", named("IssuedToken"))
        .takes(JSON, named("NewToken"))
        .refuses(&[Kind::Busy, Kind::LowSpace, Kind::JournalStopped, Kind::Stopping])
}

pub(crate) fn revoke() -> Operation {
    Operation::new(
        "access",
        "revokeToken",
        "Take a token back, at once; everybody may take back the one they show",
        named("Revoked"),
    )
    .takes(JSON, named("Revocation"))
    .refuses(&[Kind::Busy, Kind::LowSpace, Kind::JournalStopped, Kind::Stopping])
}

pub(crate) fn outbox() -> Operation {
    Operation::new("host", "getOutbox", "How every recipient stands", named("Outbox"))
        .refuses(&[Kind::NoOutbox, Kind::NotDelivering])
}

pub(crate) fn dead_letters() -> Operation {
    Operation::new("host", "listDeadLetters", "Messages that reached nobody", named("DeadLetters"))
        .query("recipient", Values::Name, "those of one recipient")
        .refuses(&[Kind::NoOutbox, Kind::NotDelivering])
}

fn act(id: &'static str, summary: &'static str) -> Operation {
    Operation::new("host", id, summary, named("OutboxDone")).takes(JSON, named("OutboxAct")).refuses(&[
        Kind::NotJson,
        Kind::NoOutbox,
        Kind::NotDelivering,
        Kind::NotNow,
    ])
}

pub(crate) fn message() -> Operation {
    act("actOnMessage", "Note a receipt for a message, send a dead letter again, or discard it")
}

pub(crate) fn enable() -> Operation {
    act("enableChannel", "Switch a channel on again")
}

pub(crate) fn forget() -> Operation {
    act("forgetRecipient", "Give up what is kept of a recipient that the settings do not name any more")
}

pub(crate) fn metrics() -> Operation {
    Operation::new("host", "getMetrics", "Counters, for Prometheus", text())
        .answers_in("application/openmetrics-text; version=1.0.0; charset=utf-8")
}

pub(crate) fn alive() -> Operation {
    Operation::new("host", "isAlive", "The process answers", named("Alive"))
}

pub(crate) fn ready() -> Operation {
    Operation::new("host", "isReady", "Events are taken and made durable", named("Ready")).or_answers(
        StatusCode::SERVICE_UNAVAILABLE,
        "they are not",
        named("Ready"),
    )
}

pub(crate) fn contract() -> Operation {
    Operation::new("host", "getContract", "This document", open("OpenAPI 3.1")).tagged()
}
