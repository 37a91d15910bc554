//! `muster schema`: the JSON Schema of `muster.toml`, for editors, made from the very types that read the file. It says what
//! stands in one field; rules across fields are the reader's alone. It must never say what a reader does not hold to.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value as Json;

use super::File;

/// What `muster init` calls it, beside `muster.toml`.
pub(crate) const SCHEMA_FILE: &str = "muster.schema.json";

/// An address with its port.
pub(super) const SOCKET: &str = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+(%[0-9]+)?\]):[0-9]+$";
/// The name of a source, which stands in the path of a route.
pub(super) const SOURCE_NAME: &str = "^[A-Za-z0-9_.-]{1,64}$";

/// The schema, in the draft that editors of TOML know.
pub(crate) fn schema() -> String {
    let mut settings = SchemaSettings::draft07();
    // First: the generator's own changes want to see what is left.
    settings.transforms.insert(0, Box::new(RecursiveTransform(as_toml)));
    let schema = settings.into_generator().into_root_schema_for::<File>();
    format!("{:#}\n", schema.to_value())
}

/// TOML has no null, a set may be written with a value twice; and how wide a number is in memory, or where a line of the
/// source ends, says nothing to a person.
fn as_toml(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let is_null = |value: &Json| value.is_null() || value.get("type").is_some_and(|kind| kind == "null");
    object.shift_remove("uniqueItems");
    if let Some(Json::String(said)) = object.get_mut("description") {
        *said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if object.get("default").is_some_and(Json::is_null) {
        object.shift_remove("default");
    }
    if object.get("format").and_then(Json::as_str).is_some_and(|format| format.contains("int")) {
        object.shift_remove("format");
    }
    if let Some(Json::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(kind) = object.get_mut("type")
        && let Json::Array(kinds) = kind
    {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            *kind = only.clone();
        }
    }
    let Some(Json::Array(mut either)) = object.shift_remove("anyOf") else { return };
    either.retain(|one| !is_null(one));
    match either.as_slice() {
        [Json::Object(only)] => only.iter().for_each(|(key, value)| {
            object.entry(key).or_insert_with(|| value.clone());
        }),
        _ => {
            object.insert("anyOf".into(), Json::Array(either));
        }
    }
}

#[cfg(test)]
mod tests;
