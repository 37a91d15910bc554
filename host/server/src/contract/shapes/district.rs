//! How districts and their policies stand, entries of the journal and why they were decided so.

use muster_kernel::{PolicyMode, Role};
use serde_json::json;

use super::super::schema::{
    Schema, any_of, count, digest, flag, instant, list, map, maybe, meaning, named, object, one_of, open, text, with,
};
use super::Named;

pub(super) fn shapes() -> Vec<Named> {
    vec![
        ("Role", one_of(Role::ALL.iter().map(|role| role.as_str()))),
        ("Standing", standing()),
        ("DistrictRow", any_of(vec![named("District"), object([("id", text()), ("problem", named("Problem"))])])),
        ("District", district()),
        ("Entry", entry()),
        ("Committed", object([("hash", digest()), ("entry", named("Entry"))])),
        (
            "Entries",
            object([
                ("entries", list(named("Committed"))),
                ("next", maybe(meaning(count(), "the `from` of the next page"))),
            ]),
        ),
        ("Call", call()),
        ("Explanation", explanation()),
        ("Activation", activation()),
        ("Policies", policies()),
        (
            "PolicyHistory",
            object([
                ("role", named("Role")),
                ("history", list(object([("seq", count()), ("at", instant()), ("activation", named("Activation"))]))),
            ]),
        ),
        ("Backtest", backtest()),
    ]
}

/// What does not work as it should.
fn degraded() -> Schema {
    let parts = ["journal", "space", "view", "policy", "folder", "trust", "tls", "access", "outbox", "mqtt"];
    object([("part", one_of(parts)), ("district", maybe(text())), ("words", text())])
}

pub(super) fn standing() -> Schema {
    object([
        ("healthy", flag()),
        (
            "degraded",
            meaning(
                list(degraded()),
                "what concerns no district stands here only for those who may read the status of the host",
            ),
        ),
        ("districts", list(named("DistrictRow"))),
        (
            "outbox",
            meaning(
                any_of(vec![list(named("Recipient")), json!({"type": "null"})]),
                "`null` where nothing is delivered, and for those who may not read the outbox",
            ),
        ),
    ])
}

fn district() -> Schema {
    let policy = object([
        ("role", named("Role")),
        ("package", text()),
        ("version", text()),
        ("digest", digest()),
        ("settings", digest()),
        ("fallbacks", meaning(count(), "how often a fallback answered")),
        ("problem", maybe(text())),
        ("nearest_limit", maybe(object([("limit", text()), ("permille", count())]))),
    ]);
    object([
        ("id", text()),
        ("name", meaning(map(text()), "by language")),
        ("seq", meaning(count(), "the last position")),
        ("head", meaning(digest(), "its hash")),
        ("state", meaning(maybe(digest()), "`null` in the list of all: it costs a pass over every row")),
        ("incidents", count()),
        ("waiting", meaning(count(), "events that wait to be decided")),
        ("policies", list(policy)),
        ("reload_problem", maybe(text())),
    ])
}

/// Instants are UTC here: an entry is shown as it stands in the journal.
fn entry() -> Schema {
    let about = "one key: `event`, `timer`, `charter`, `activation` or `withdrawal`";
    object([
        ("version", count()),
        ("district", text()),
        ("seq", count()),
        ("prev", meaning(digest(), "the hash of the entry before")),
        ("at", instant()),
        (
            "cause",
            meaning(
                any_of(vec![
                    json!({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": true}),
                    json!({"const": "migration"}),
                ]),
                about,
            ),
        ),
        ("calls", list(named("Call"))),
        (
            "facts",
            list(any_of(vec![
                json!({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": true}),
                text(),
            ])),
        ),
    ])
}

fn failure() -> Schema {
    one_of(["unbound", "trapped", "out_of_fuel", "too_slow", "too_large", "denied", "invalid", "host_fault"])
}

fn binding() -> Schema {
    let word = one_of(["in_force", "candidate", "last_known_good", "baseline"]);
    let former = object([("former", digest())]);
    meaning(
        any_of(vec![word, former]),
        "which of the role's policies; in an entry left out when it is the one in force",
    )
}

fn call() -> Schema {
    with(
        [
            ("role", named("Role")),
            ("package", maybe(digest())),
            ("settings", maybe(digest())),
            ("fuel", count()),
            ("failure", maybe(failure())),
            ("detail", maybe(text())),
        ],
        [("binding", binding())],
    )
}

fn explanation() -> Schema {
    let asked = object([
        ("role", named("Role")),
        ("binding", binding()),
        ("package", maybe(digest())),
        ("name", maybe(text())),
        ("version", maybe(text())),
        ("settings", maybe(digest())),
        ("fuel", count()),
        ("failure", maybe(failure())),
        ("detail", maybe(text())),
    ]);
    object([
        ("seq", count()),
        ("hash", digest()),
        ("prev", digest()),
        ("at", instant()),
        ("happened", open("the cause, under its kind")),
        ("asked", list(asked)),
        ("took_effect", list(open("a fact as a line of `muster play`: docs/play-output.md"))),
    ])
}

fn activation() -> Schema {
    object([
        ("name", text()),
        ("version", text()),
        ("package", digest()),
        ("settings", digest()),
        ("mode", one_of(PolicyMode::ALL.iter().map(|mode| mode.as_str()))),
        ("permille", maybe(count())),
        ("terms", maybe(open("what it may ask and use"))),
        ("evidence", maybe(open("on whose authority it came"))),
        ("expires", maybe(instant())),
    ])
}

fn policies() -> Schema {
    let trust = object([
        ("profile", one_of(["development", "production"])),
        ("serial", count()),
        ("deny_sequence", count()),
        ("problem", maybe(text())),
        ("warning", maybe(named("Words"))),
    ]);
    let trial = object([
        ("activation", named("Activation")),
        ("since", instant()),
        ("asked", count()),
        ("changed", count()),
        ("failed", count()),
    ]);
    let role = object([
        ("role", named("Role")),
        ("in_force", maybe(named("Activation"))),
        ("trial", maybe(trial)),
        ("last_known_good", maybe(named("Activation"))),
        ("baseline", maybe(named("Activation"))),
        ("former", list(named("Activation"))),
        ("health", object([("answered", count()), ("failed", count()), ("last_failure", maybe(instant()))])),
        ("folder", maybe(object([("package", digest()), ("settings", digest())]))),
    ]);
    object([("trust", trust), ("roles", list(role)), ("attempts", list(named("Attempt")))])
}

fn backtest() -> Schema {
    object([
        ("district", text()),
        ("candidate", open("the activation that was tried")),
        ("in_force", maybe(digest())),
        ("from", count()),
        ("to", count()),
        ("questions", count()),
        ("changed", count()),
        ("failed", count()),
        ("directions", map(count())),
        ("subjects", list(json!({"type": "array", "prefixItems": [text(), count()], "items": false}))),
        ("examples", list(open("a decision that changed"))),
        ("passed", flag()),
        ("reasons", list(named("Words"))),
    ])
}
