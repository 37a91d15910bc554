//! Words in which the contract says what JSON looks like: JSON Schema 2020-12, as `OpenAPI` 3.1 takes it over. They build
//! schemas and must never read an answer.

use serde_json::{Map, Value, json};

/// A JSON Schema.
pub(crate) type Schema = Value;

/// Any text.
pub(crate) fn text() -> Schema {
    json!({"type": "string"})
}

/// Any text but an empty one.
pub(crate) fn some_text() -> Schema {
    json!({"type": "string", "minLength": 1})
}

/// Text of 1 to so many letters.
pub(crate) fn short(letters_max: usize) -> Schema {
    json!({"type": "string", "minLength": 1, "maxLength": letters_max})
}

/// Text of a form that a regular expression says.
pub(crate) fn form(pattern: &str) -> Schema {
    json!({"type": "string", "pattern": pattern})
}

/// One of some words.
pub(crate) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Schema {
    json!({"type": "string", "enum": words.into_iter().collect::<Vec<_>>()})
}

/// A point in time, RFC 3339.
pub(crate) fn instant() -> Schema {
    json!({"type": "string", "format": "date-time"})
}

/// A SHA-256.
pub(crate) fn digest() -> Schema {
    form("^[0-9a-f]{64}$")
}

/// A whole number, below zero too.
pub(crate) fn whole() -> Schema {
    json!({"type": "integer"})
}

/// How many.
pub(crate) fn count() -> Schema {
    between(0, None)
}

/// A whole number within bounds.
pub(crate) fn between(least: u64, most: Option<u64>) -> Schema {
    let mut schema = json!({"type": "integer", "minimum": least});
    if let Some(most) = most {
        schema["maximum"] = json!(most);
    }
    schema
}

/// A share from 0 to 1.
pub(crate) fn share() -> Schema {
    json!({"type": "number", "minimum": 0, "maximum": 1})
}

/// Yes or no.
pub(crate) fn flag() -> Schema {
    json!({"type": "boolean"})
}

/// Rows of one kind.
pub(crate) fn list(of: Schema) -> Schema {
    json!({"type": "array", "items": of})
}

/// Names with values of one kind.
pub(crate) fn map(of: Schema) -> Schema {
    json!({"type": "object", "additionalProperties": of})
}

/// An object whose fields are another document's to say.
pub(crate) fn open(about: &str) -> Schema {
    json!({"type": "object", "additionalProperties": true, "description": about})
}

/// Anything that JSON can say.
pub(crate) fn anything(about: &str) -> Schema {
    json!({"description": about})
}

/// One of several schemas, or more than one.
pub(crate) fn any_of(schemas: Vec<Schema>) -> Schema {
    json!({"anyOf": schemas})
}

/// The schema under this name among the components.
pub(crate) fn named(name: &str) -> Schema {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The same, or `null`: unknown, or not there.
pub(crate) fn maybe(schema: Schema) -> Schema {
    match schema {
        Value::Object(mut found) if found.get("type").is_some_and(Value::is_string) && !found.contains_key("enum") => {
            let plain = found["type"].take();
            found["type"] = json!([plain, "null"]);
            Value::Object(found)
        }
        other => any_of(vec![other, json!({"type": "null"})]),
    }
}

/// The same, with what it means.
pub(crate) fn meaning(mut schema: Schema, words: &str) -> Schema {
    schema["description"] = json!(words);
    schema
}

/// An object that has all of these fields. Fields may be added to it later.
pub(crate) fn object<const N: usize>(fields: [(&str, Schema); N]) -> Schema {
    with(fields, [])
}

/// An object that has the first fields, and may have the second.
pub(crate) fn with<const N: usize, const M: usize>(
    always: [(&str, Schema); N],
    sometimes: [(&str, Schema); M],
) -> Schema {
    let required: Vec<&str> = always.iter().map(|(name, _)| *name).collect();
    let fields = always.into_iter().chain(sometimes).map(|(name, schema)| (name.to_owned(), schema));
    json!({"type": "object", "properties": fields.collect::<Map<_, _>>(), "required": required})
}

/// The same object, and no field that it does not name: what the host reads strictly.
pub(crate) fn only(mut schema: Schema) -> Schema {
    schema["additionalProperties"] = json!(false);
    schema
}
