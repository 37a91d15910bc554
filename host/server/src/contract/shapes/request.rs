//! What comes in: events, changes of policies, tokens, acts on the outbox. As strict as the readers are, and no stricter.

use muster_access::AccessRole;
use muster_kernel::{PolicyMode, Tier};
use serde_json::json;

use super::super::schema::{
    Schema, any_of, anything, between, count, digest, flag, form, instant, list, map, maybe, meaning, named, object,
    one_of, only, short, some_text, text, with,
};
use super::{Named, act, approval, done, recorded};

/// The longest `id`, `source`, `type` and the like, as `muster_runtime::cloudevent` has it.
const NAME: usize = muster_runtime::cloudevent::NAME_BYTES_MAX;

pub(super) fn shapes() -> Vec<Named> {
    vec![
        ("CloudEvent", event()),
        ("CloudEventBatch", batch()),
        ("Receipt", receipt()),
        ("BatchAnswer", batch_answer("Receipt")),
        // What was approved stands where a receipt would.
        ("BatchApproval", batch_answer("Approval")),
        ("SourceAnswer", source_answer()),
        ("Approval", approval()),
        ("PolicyChange", change()),
        ("Attempt", attempt()),
        ("NewToken", new_token()),
        ("IssuedToken", issued()),
        ("Revocation", only(object([("reason", meaning(some_text(), "why, for the journal"))]))),
        ("Revoked", object([("id", token_id()), ("recorded", recorded())])),
        ("OutboxAct", act()),
        ("OutboxDone", done()),
        ("Binding", binding()),
    ]
}

fn optional_name() -> Schema {
    json!({"type": ["string", "null"], "maxLength": NAME})
}

fn event() -> Schema {
    let schema = with(
        [
            ("specversion", json!({"const": "1.0"})),
            (
                "id",
                meaning(short(NAME), "with `source` the identity: the same again is a duplicate and changes nothing"),
            ),
            ("source", meaning(short(NAME), "who says so: a source that the sender holds, or their own name")),
            ("type", meaning(short(NAME), "for instance `gov.muster.signal.reported`")),
        ],
        [
            ("subject", optional_name()),
            ("time", maybe(meaning(instant(), "when it happened; without it: now"))),
            ("jurisdiction", meaning(optional_name(), "the area code of the place")),
            ("incidentid", meaning(optional_name(), "the incident that it is about, by id or by any name")),
            ("exercise", json!({"enum": [true, false, null, "true", "false"], "description": "true in a drill"})),
            ("recordedtime", maybe(meaning(instant(), "when the sender recorded it"))),
            ("data", json!({"type": ["object", "null"], "additionalProperties": true})),
        ],
    );
    let mut schema = meaning(schema, "a CloudEvent 1.0 in the JSON event format; docs/events.md says which there are");
    // Extensions are kept with the event.
    schema["additionalProperties"] = json!(true);
    schema["examples"] = json!([{
        "specversion": "1.0", "id": "grid-7/2026-06-30/1", "source": "urn:test:grid",
        "type": "gov.muster.signal.reported", "jurisdiction": "990103901",
        "data": {"kind": "ponding", "depth_cm": 18},
    }]);
    schema
}

/// Each event of a batch is taken or refused by itself, so a batch may hold anything.
fn batch() -> Schema {
    let event = any_of(vec![named("CloudEvent"), anything("what is no event is answered in its place")]);
    json!({"type": "array", "items": event, "maxItems": 1_000})
}

/// Events are answered in their order.
fn batch_answer(of: &str) -> Schema {
    list(any_of(vec![object([("receipt", named(of))]), object([("problem", named("Problem"))])]))
}

fn source_answer() -> Schema {
    let place = with(
        [],
        [
            ("path", meaning(text(), "the element or field of the message")),
            ("line", meaning(count(), "the line of the message, from 1")),
        ],
    );
    let answered = |what: &str, of: &str| object([("place", place.clone()), ("id", maybe(text())), (what, named(of))]);
    list(any_of(vec![answered("receipt", "Receipt"), answered("problem", "Problem")]))
}

fn receipt() -> Schema {
    with(
        [
            ("district", meaning(text(), "the district that decided")),
            ("seq", meaning(count(), "the position of the entry")),
            ("hash", meaning(digest(), "the SHA-256 of the entry as written")),
            ("duplicate", meaning(flag(), "received before: `seq` and `hash` are those of the first time")),
            ("incident", maybe(text())),
            ("facts", meaning(map(count()), "how many facts of each kind took effect")),
            ("answered", meaning(map(text()), "for each role the digest of the package that answered, or `fallback`")),
        ],
        [("fallbacks", map(one_of(["in_force", "last_known_good", "baseline", "built_in", "human_queue", "later"])))],
    )
}

fn change() -> Schema {
    let file = only(object([("name", text()), ("text", text())]));
    let schema = only(with(
        [
            ("action", one_of(["activate", "shadow", "canary", "promote", "rollback", "end-trial"])),
            ("by", meaning(some_text(), "who asks; stands for the caller")),
        ],
        [
            ("second", maybe(text())),
            ("reason", maybe(text())),
            ("package", maybe(meaning(text(), "base64 of the package; without it: the one in force"))),
            ("settings", maybe(list(file))),
            ("attestations", maybe(meaning(text(), "envelopes, one a line"))),
            ("permille", maybe(meaning(between(0, Some(65_535)), "the share of incidents of a canary"))),
            ("expires", maybe(text())),
            ("to", maybe(meaning(text(), "the digest of the package to go back to"))),
            ("dry_run", flag()),
        ],
    ));
    let mut schema = meaning(schema, "a change of the policy of a role; docs/policies.md");
    schema["examples"] = json!([{"action": "activate", "by": "li", "dry_run": true}]);
    schema
}

/// The steps of an activation, as `muster_runtime::activation` names them.
const STEPS: [&str; 10] =
    ["read", "trust", "contract", "capabilities", "compile", "settings", "self_tests", "backtest", "store", "activate"];

fn attempt() -> Schema {
    object([
        ("at", instant()),
        ("role", named("Role")),
        ("mode", one_of(PolicyMode::ALL.iter().map(|mode| mode.as_str()))),
        ("name", text()),
        ("package", digest()),
        ("settings", digest()),
        ("by", text()),
        ("way", text()),
        ("steps", list(object([("step", one_of(STEPS)), ("passed", flag()), ("words", named("Words"))]))),
        ("dry_run", flag()),
        ("seq", maybe(count())),
        ("backtest", maybe(digest())),
    ])
}

pub(super) fn token_id() -> Schema {
    form("^[0-9a-f]{16}$")
}

fn binding() -> Schema {
    only(with(
        [("role", one_of(AccessRole::ALL.iter().map(|role| role.as_str())))],
        [
            ("district", maybe(text())),
            ("node", maybe(text())),
            ("tier", any_of(vec![one_of(Tier::ALL.iter().map(|tier| tier.as_str())), json!({"type": "null"})])),
            ("exercise", flag()),
        ],
    ))
}

pub(super) fn post() -> Schema {
    object([("node", text()), ("name", text())])
}

fn new_token() -> Schema {
    let schema = only(with(
        [("subject", short(muster_access::SUBJECT_BYTES_MAX)), ("bindings", list(named("Binding")))],
        [
            ("display_name", maybe(text())),
            ("posts", list(only(post()))),
            ("sources", list(text())),
            ("expires", maybe(meaning(text(), "RFC 3339; either this or `days`"))),
            ("days", maybe(between(0, Some(u64::from(u32::MAX))))),
        ],
    ));
    let mut schema = meaning(schema, "what a token is to be; docs/access.md");
    schema["examples"] = json!([{
        "subject": "wang", "bindings": [{"role": "duty_officer", "district": "yunhe", "node": "990103"}], "days": 30,
    }]);
    schema
}

fn issued() -> Schema {
    object([
        ("id", token_id()),
        ("token", meaning(text(), "shown here and never again")),
        ("expires", instant()),
        ("recorded", recorded()),
    ])
}
