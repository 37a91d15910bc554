//! What stands in answers and requests, by name. A shape says what the handler beside it puts together; the end-to-end
//! tests hold real answers to it, both ways: no field that is not here, none of these that is missing.

mod district;
mod host;
mod incident;
mod register;
mod request;

use serde_json::{Map, Value as Json};

use super::schema::{
    Schema, any_of, count, flag, form, instant, list, meaning, named, object, one_of, only, text, whole, with,
};
use crate::problem::Kind;

pub(crate) use register::component as register_component;

/// A shape and its name.
type Named = (&'static str, Schema);

/// All of them, by name.
pub(crate) fn all() -> Map<String, Json> {
    let mut shapes = vec![("Problem", problem()), ("Words", words())];
    shapes.extend(request::shapes());
    shapes.extend(district::shapes());
    shapes.extend(incident::shapes());
    shapes.extend(host::shapes());
    let registers = register::shapes().into_iter().map(|(name, schema)| (register_component(name), schema));
    let mut all: Vec<(String, Schema)> = shapes.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    all.extend(registers);
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all.into_iter().collect()
}

/// The stable codes, each as it stands in `type`.
fn problem() -> Schema {
    let codes: Vec<String> = Kind::ALL.iter().map(|kind| format!("urn:muster:problem:{}", kind.code())).collect();
    let problem = with(
        [
            (
                "type",
                meaning(
                    any_of(vec![one_of(codes.iter().map(String::as_str)), form(super::OF_INTAKE)]),
                    "the stable code of what went wrong",
                ),
            ),
            ("title", meaning(text(), "what it is called, in the reader's language")),
            ("status", meaning(whole(), "the status of the answer")),
            ("detail", meaning(text(), "what is wrong here, why, and what to do")),
        ],
        [
            ("field", meaning(text(), "the parameter, attribute or field at fault")),
            ("line", meaning(count(), "the line of the input at fault, from 1")),
            ("items", meaning(named("SourceAnswer"), "what came of each part of the message")),
            ("attempt", named("Attempt")),
        ],
    );
    meaning(problem, "what went wrong, as RFC 9457 says it")
}

/// The same sentence twice.
fn words() -> Schema {
    object([("zh", text()), ("en", text())])
}

/// A yes that waits for the request itself.
fn approval() -> Schema {
    object([
        ("approved", meaning(super::schema::digest(), "what exactly was approved")),
        ("by", text()),
        ("action", text()),
        ("until", meaning(instant(), "so long it counts")),
    ])
}

/// Whether something is in effect, and the entries that say so.
fn recorded() -> Schema {
    list(object([("district", text()), ("seq", whole())]))
}

/// Who acts on the outbox, and why.
fn act() -> Schema {
    only(with(
        [("by", meaning(super::schema::some_text(), "who acts; stands for the caller"))],
        [("reason", super::schema::maybe(text()))],
    ))
}

/// That it was done.
fn done() -> Schema {
    object([("done", flag()), ("by", text()), ("reason", super::schema::maybe(text()))])
}
