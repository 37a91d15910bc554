//! The host as a whole: its status, tokens, and what it delivers.

use super::super::schema::{
    Schema, count, flag, instant, list, map, maybe, meaning, named, object, one_of, open, text, with,
};
use super::Named;
use super::district::standing;
use super::request::{post, token_id};

pub(super) fn shapes() -> Vec<Named> {
    vec![
        ("HostStanding", host_standing()),
        ("Tokens", object([("tokens", list(named("Token")))])),
        ("Token", token()),
        ("Outbox", object([("recipients", list(named("Recipient")))])),
        ("Recipient", recipient()),
        ("DeadLetters", object([("dead_letters", list(named("DeadLetter")))])),
        ("DeadLetter", dead_letter()),
        ("Alive", object([("alive", flag())])),
        ("Ready", object([("ready", meaning(flag(), "events are taken and made durable"))])),
    ]
}

fn host_standing() -> Schema {
    let access = object([
        ("warnings", list(named("Words"))),
        ("failed_proofs", meaning(map(count()), "by kind")),
        ("throttled", count()),
        ("connections_turned_away", count()),
        ("certificate_ends", maybe(instant())),
    ]);
    let mut schema = standing();
    for (name, shape) in [("access", access), ("intake", intake())] {
        schema["properties"][name] = shape;
        schema["required"].as_array_mut().into_iter().for_each(|required| required.push(name.into()));
    }
    schema
}

fn intake() -> Schema {
    let source = object([("name", text()), ("format", text()), ("source", text()), ("district", maybe(text()))]);
    let broker = object([
        ("name", text()),
        ("broker", meaning(text(), "host and port")),
        ("district", maybe(text())),
        ("connected", flag()),
        ("since", maybe(instant())),
        ("problem", maybe(text())),
        ("topics", list(text())),
        ("withheld", meaning(list(text()), "topics that the broker does not let this host read")),
        ("received", count()),
        ("durable", count()),
        ("refused", count()),
        ("put_off", meaning(count(), "messages that were not taken yet and come again")),
        ("connections", count()),
        ("last_refusal", maybe(text())),
    ]);
    object([
        ("sources", list(source)),
        ("messages_remembered", meaning(count(), "that a later message may refer to")),
        ("brokers", list(broker)),
    ])
}

fn token() -> Schema {
    object([
        ("id", token_id()),
        ("state", one_of(["valid", "expired", "revoked"])),
        ("subject", text()),
        ("display_name", text()),
        ("bindings", list(named("Binding"))),
        ("posts", list(post())),
        ("sources", list(text())),
        ("issued", instant()),
        ("issued_by", text()),
        ("expires", instant()),
        ("one_time", flag()),
        ("revoked", maybe(object([("at", instant()), ("by", text()), ("reason", text())]))),
        ("last_used", meaning(maybe(serde_json::json!({"type": "string", "format": "date"})), "a day, UTC")),
    ])
}

fn recipient() -> Schema {
    let disabled = object([("since", instant()), ("reason", open("what went wrong, under its kind"))]);
    let endpoint = object([("channel", text()), ("free_from", maybe(instant())), ("disabled", maybe(disabled))]);
    object([
        ("recipient", text()),
        ("queued", count()),
        ("entries_behind", count()),
        ("awaiting", meaning(count(), "messages that wait for a receipt")),
        ("dead", count()),
        ("halted", flag()),
        ("waiting_for", maybe(open("the identity of the message that the others wait for"))),
        ("endpoints", list(endpoint)),
    ])
}

fn dead_letter() -> Schema {
    let hop = object([("channel", text()), ("at", instant()), ("trouble", named("Words"))]);
    with(
        [
            ("id", text()),
            ("recipient", text()),
            ("district", text()),
            ("entry", count()),
            ("fact", text()),
            ("urgency", one_of(["ordinary", "life_safety"])),
            ("exercise", flag()),
            ("decided", instant()),
            ("subject", text()),
            ("text", text()),
            ("given_up", instant()),
            ("attempts", count()),
            ("reason", named("Words")),
            ("way", list(hop)),
            ("replay", flag()),
        ],
        [],
    )
}
