//! Holds JSON to a schema in the few words that the contract's own schemas are made of, and to the letter: a field that is
//! not described is a fault. A word of JSON Schema that is not here fails the test, so that none is passed over.

use serde_json::{Map, Value as Json};

/// Where and how a value is not as described.
pub(crate) fn faults(contract: &Json, schema: &Json, value: &Json) -> Vec<String> {
    let mut faults = Vec::new();
    Check { contract }.value(schema, value, "", &mut faults);
    faults
}

struct Check<'a> {
    contract: &'a Json,
}

impl Check<'_> {
    fn value(&self, schema: &Json, value: &Json, at: &str, faults: &mut Vec<String>) {
        let Json::Object(words) = schema else { panic!("{at}: {schema} is no schema") };
        for (word, said) in words {
            if let Some(fault) = self.word(word, said, words, value, at, faults) {
                faults.push(format!("{at}: {fault}"));
            }
        }
    }

    /// One word of a schema; what is wrong within the value is added to the faults.
    fn word(
        &self,
        word: &str,
        said: &Json,
        schema: &Map<String, Json>,
        value: &Json,
        at: &str,
        faults: &mut Vec<String>,
    ) -> Option<String> {
        let fits = match word {
            "description" | "examples" | "format" => true,
            "$ref" => {
                let place = said.as_str().and_then(|text| text.strip_prefix('#')).expect("within the contract");
                let schema = self.contract.pointer(place).unwrap_or_else(|| panic!("{place} is not there"));
                self.value(schema, value, at, faults);
                true
            }
            "type" => types(said).any(|kind| is_of(value, kind)),
            "const" => value == said,
            "enum" => said.as_array().expect("a list").contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= said.as_f64().expect("a number")),
            "maximum" => value.as_f64().is_none_or(|number| number <= said.as_f64().expect("a number")),
            "minLength" => letters(value).is_none_or(|count| count >= said.as_u64().expect("a number")),
            "maxLength" => letters(value).is_none_or(|count| count <= said.as_u64().expect("a number")),
            "minProperties" => value.as_object().is_none_or(|all| all.len() as u64 >= said.as_u64().expect("a number")),
            "maxProperties" => value.as_object().is_none_or(|all| all.len() as u64 <= said.as_u64().expect("a number")),
            "maxItems" => value.as_array().is_none_or(|all| all.len() as u64 <= said.as_u64().expect("a number")),
            "pattern" => value.as_str().is_none_or(|text| is_of_form(text, said.as_str().expect("a form"))),
            "allOf" => {
                said.as_array().expect("a list").iter().for_each(|schema| self.value(schema, value, at, faults));
                true
            }
            "anyOf" => {
                let all = said.as_array().expect("a list");
                let tried = all.iter().map(|schema| self::faults(self.contract, schema, value)).collect::<Vec<_>>();
                if tried.iter().any(Vec::is_empty) {
                    return None;
                }
                return Some(format!("fits none: {tried:?}"));
            }
            "required" => {
                let names = said.as_array().expect("a list").iter().filter_map(Json::as_str);
                let missing: Vec<&str> =
                    names.filter(|name| value.as_object().is_some_and(|all| !all.contains_key(*name))).collect();
                return (!missing.is_empty()).then(|| format!("lacks {missing:?}"));
            }
            "properties" => {
                self.fields(said, schema, value, at, faults);
                true
            }
            // Without `properties`, a map; with them, looked at there.
            "additionalProperties" => {
                if !schema.contains_key("properties") && said.is_object() {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        self.value(said, field, &format!("{at}/{name}"), faults);
                    }
                }
                true
            }
            "items" => {
                if said.is_object() {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.value(said, item, &format!("{at}/{index}"), faults);
                    }
                }
                true
            }
            "prefixItems" => {
                let (said, items) = (said.as_array().expect("a list"), value.as_array());
                for (index, (schema, item)) in said.iter().zip(items.into_iter().flatten()).enumerate() {
                    self.value(schema, item, &format!("{at}/{index}"), faults);
                }
                items.is_none_or(|items| items.len() == said.len())
            }
            other => panic!("{at}: this check does not know `{other}`"),
        };
        (!fits).then(|| format!("{value} is not as `{word}` says: {said}"))
    }

    fn fields(&self, said: &Json, schema: &Map<String, Json>, value: &Json, at: &str, faults: &mut Vec<String>) {
        let known = said.as_object().expect("fields");
        for (name, field) in value.as_object().into_iter().flatten() {
            match known.get(name) {
                Some(schema) => self.value(schema, field, &format!("{at}/{name}"), faults),
                None if schema.get("additionalProperties") == Some(&Json::Bool(true)) => {}
                // A schema that asks for no field narrows another one that stands beside it.
                None if !schema.contains_key("required") => {}
                None => faults.push(format!("{at}/{name} is not described")),
            }
        }
    }
}

fn types(said: &Json) -> impl Iterator<Item = &str> {
    let one = said.as_str().into_iter();
    one.chain(said.as_array().into_iter().flatten().filter_map(Json::as_str))
}

fn is_of(value: &Json, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type"),
    }
}

fn letters(value: &Json) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

/// The contract has two forms: so many hexadecimal digits, and a word behind the name of its family.
fn is_of_form(text: &str, form: &str) -> bool {
    if let Some(family) = form.strip_prefix('^').and_then(|rest| rest.strip_suffix("[a-z0-9-]+$")) {
        let is_of_word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        return text.strip_prefix(family).is_some_and(|word| !word.is_empty() && word.bytes().all(is_of_word));
    }
    let count = form.strip_prefix("^[0-9a-f]{").and_then(|rest| rest.strip_suffix("}$"));
    let count: usize = count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("the form {form}"));
    text.len() == count && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
