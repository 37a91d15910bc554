//! The registers (台账), one shape each.

use muster_kernel::{AwardStatus, Currency, FeedbackClass, Mode};
use serde_json::json;

use super::super::schema::{
    Schema, any_of, anything, count, digest, flag, instant, list, maybe, meaning, named, object, one_of, share, text,
    whole, with,
};
use super::Named;

/// The name of a register's shape.
pub(crate) fn component(register: &str) -> String {
    let (first, rest) = register.split_at(1);
    format!("Register{}{rest}", first.to_uppercase())
}

/// Registers by their names in a path.
pub(super) fn shapes() -> Vec<Named> {
    vec![
        ("policies", policies()),
        ("powers", powers()),
        ("grants", grants()),
        ("resources", resources()),
        ("feedback", feedback()),
        ("rates", rates()),
        ("awards", awards()),
        ("ledger", list(object([("currency", currency()), ("account", text()), ("balance", whole())]))),
        ("pairs", pairs()),
        ("tasks", list(named("Task"))),
        ("processes", processes()),
        ("duty", duty()),
        ("sources", sources()),
        ("command", command()),
        ("waiting", waiting()),
        ("timers", list(object([("due", instant()), ("timer", text())]))),
    ]
}

fn currency() -> Schema {
    one_of(Currency::ALL.iter().map(|currency| currency.as_str()))
}

fn policies() -> Schema {
    list(object([
        ("role", named("Role")),
        ("name", text()),
        ("version", text()),
        ("package", digest()),
        ("settings", digest()),
        ("engine", text()),
    ]))
}

fn grant() -> Schema {
    object([
        ("id", text()),
        ("key", text()),
        ("node", text()),
        ("grantor", text()),
        ("powers", list(text())),
        ("multiplier_permille", count()),
        ("cap_minor", maybe(whole())),
        ("used_minor", whole()),
        ("starts", instant()),
        ("expires", instant()),
        ("revoked", flag()),
        ("in_force", flag()),
        ("supervisor", text()),
    ])
}

fn powers() -> Schema {
    let powers = object([
        ("node", text()),
        ("mode", one_of(Mode::ALL.iter().map(|mode| mode.as_str()))),
        ("spend_item_minor", meaning(maybe(whole()), "`null`: not at all")),
        ("spend_incident_minor", maybe(whole())),
        ("measures", list(text())),
        ("frozen", list(text())),
        ("grants", list(grant())),
    ]);
    any_of(vec![powers, json!({"type": "null", "description": "no such node then"})])
}

fn grants() -> Schema {
    let asked = object([
        ("request", text()),
        ("by", text()),
        ("grantees", list(text())),
        ("powers", list(text())),
        ("cap_minor", maybe(whole())),
        ("expires", instant()),
        ("approver", text()),
        ("renews", maybe(text())),
    ]);
    object([("given", list(grant())), ("asked", list(asked))])
}

fn resources() -> Schema {
    let line = object([("kind", text()), ("wanted", count()), ("committed", count()), ("open", count())]);
    let request = object([
        ("request", text()),
        ("node", text()),
        ("asked_of", text()),
        ("lines", list(line)),
        ("needed_by", maybe(instant())),
        ("incident", maybe(text())),
    ]);
    let line = || list(object([("kind", text()), ("quantity", count())]));
    let offer = object([
        ("offer", text()),
        ("request", maybe(text())),
        ("by", text()),
        ("node", text()),
        ("lines", line()),
        ("taken", line()),
        ("arrives", maybe(instant())),
        ("valid_until", maybe(instant())),
        ("status", one_of(["open", "taken", "declined", "expired", "returned"])),
    ]);
    object([("requests", list(request)), ("offers", list(offer))])
}

fn feedback() -> Schema {
    list(object([
        ("case", text()),
        ("node", text()),
        ("class", one_of(FeedbackClass::ALL.iter().map(|class| class.as_str()))),
        ("items", count()),
        ("opened", instant()),
        ("contact_by", instant()),
        ("contacted", maybe(instant())),
        ("resolved", maybe(flag())),
        ("satisfied", maybe(flag())),
        ("overdue", flag()),
    ]))
}

fn rates() -> Schema {
    let rate = || meaning(maybe(share()), "`null` over nothing");
    object([
        ("due", count()),
        ("contacted_in_time", count()),
        ("resolved", count()),
        ("satisfied", count()),
        ("response_rate", rate()),
        ("resolution_rate", rate()),
        ("satisfaction_rate", rate()),
    ])
}

fn awards() -> Schema {
    list(object([
        ("award", text()),
        ("to", text()),
        ("currency", currency()),
        ("amount", whole()),
        ("status", one_of(AwardStatus::ALL.iter().map(|status| status.as_str()))),
        ("booked", instant()),
        ("incident", maybe(text())),
    ]))
}

fn pairs() -> Schema {
    list(object([
        ("pair", text()),
        ("kind", one_of(["order", "report"])),
        ("from", text()),
        ("awaits", list(text())),
        ("due", instant()),
        ("opened", instant()),
        ("complete", flag()),
        ("gap", flag()),
    ]))
}

fn processes() -> Schema {
    let waits = any_of(vec![object([("until", instant()), ("for", text())]), object([("event", text())])]);
    list(object([
        ("process", text()),
        ("kind", text()),
        ("key", text()),
        ("version", text()),
        ("state", json!({"type": "object", "additionalProperties": anything("as the policy keeps it")})),
        ("waits", list(waits)),
        ("finished", flag()),
        ("incident", maybe(text())),
    ]))
}

fn duty() -> Schema {
    list(object([
        ("node", text()),
        ("post", text()),
        ("person", maybe(text())),
        ("gap", meaning(flag(), "nobody holds it now")),
        ("at", instant()),
    ]))
}

fn sources() -> Schema {
    let judged = object([("source", text()), ("confirmed", count()), ("refuted", count())]);
    let heard = object([("source", text()), ("last", instant()), ("silent", flag())]);
    object([("judged", list(judged)), ("heard", list(heard))])
}

fn command() -> Schema {
    list(with(
        [
            ("incident", text()),
            ("name", text()),
            ("commander", text()),
            ("person", maybe(text())),
            ("deputies", list(text())),
            ("since", instant()),
            ("direct_reports", count()),
        ],
        [],
    ))
}

fn waiting() -> Schema {
    list(object([
        ("what", one_of(["spend", "grant", "measure", "level", "award", "finding"])),
        ("id", text()),
        ("waits_for", text()),
        ("due", maybe(instant())),
    ]))
}
