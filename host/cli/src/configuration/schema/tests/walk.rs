//! One change at a time to a file in which every field stands: a number at its bounds and beyond, a value of another kind,
//! a word that is none, a field too many, a field too few.

use serde_json::{Value as Json, json};

use super::{WHOLE, judged, parsed, read, taken};

fn whole() -> Json {
    toml::from_str(WHOLE).expect("TOML")
}

/// The whole file with one change, as text.
fn changed(at: &str, change: impl FnOnce(&mut Json)) -> String {
    let mut document = whole();
    change(document.pointer_mut(at).expect("a place"));
    toml::to_string(&document).expect("TOML")
}

/// Every place of the whole file, as JSON pointers.
fn places() -> Vec<String> {
    fn below(value: &Json, at: &str, found: &mut Vec<String>) {
        let inner: Vec<(String, &Json)> = match value {
            Json::Object(fields) => fields.iter().map(|(key, value)| (key.replace('/', "~1"), value)).collect(),
            Json::Array(rows) => rows.iter().enumerate().map(|(index, row)| (index.to_string(), row)).collect(),
            _ => return,
        };
        for (step, value) in inner {
            let at = format!("{at}/{step}");
            below(value, &at, found);
            found.push(at);
        }
    }
    let mut found = Vec::new();
    below(&whole(), "", &mut found);
    assert!(found.len() > 200, "{}", found.len());
    found
}

/// A schema behind its references.
fn meant(mut schema: &Json) -> &Json {
    loop {
        let inner = schema.get("allOf").and_then(|all| all.get(0)).unwrap_or(schema);
        let Some(reference) = inner.get("$ref").and_then(Json::as_str) else { return schema };
        schema = parsed().pointer(reference.trim_start_matches('#')).expect("a definition");
    }
}

/// What the schema says of a row of an array, or of a field by any name.
fn inner(schema: &Json) -> Option<&Json> {
    let of_pattern = schema.get("patternProperties").and_then(|map| map.as_object()?.values().next());
    let free = of_pattern.or_else(|| schema.get("additionalProperties")).filter(|free| free.is_object());
    schema.get("items").or(free).map(meant)
}

/// What the schema says of a place.
fn schema_of(at: &str) -> &'static Json {
    at.split('/').skip(1).fold(parsed(), |schema, step| {
        let field = schema.get("properties").and_then(|fields| fields.get(step)).map(meant);
        field.or_else(|| inner(schema)).unwrap_or_else(|| panic!("the schema does not know {at}"))
    })
}

/// The words of a schema, with or without a sentence on each.
fn words_of(schema: &Json) -> Vec<String> {
    let of = |schema: &Json| {
        let one = schema.get("const").map(std::slice::from_ref);
        let words = schema.get("enum").and_then(Json::as_array).map(Vec::as_slice).or(one);
        words.unwrap_or_default().iter().map(|word| word.as_str().expect("a word").to_owned()).collect::<Vec<_>>()
    };
    let each = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten();
    of(schema).into_iter().chain(each.flat_map(of)).collect()
}

#[test]
fn the_whole_file_is_taken_and_holds_every_field_of_the_schema() {
    fn hold(schema: &Json, values: &[&Json], at: &str, missing: &mut Vec<String>) {
        for (name, field) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let at = format!("{at}.{name}");
            let values: Vec<&Json> = values.iter().filter_map(|value| value.get(name)).collect();
            if values.is_empty() {
                missing.push(at);
            } else {
                hold(meant(field), &values, &at, missing);
            }
        }
        let Some(inner) = inner(schema) else { return };
        let each = values.iter().flat_map(|value| match value {
            Json::Array(rows) => rows.iter().collect(),
            Json::Object(fields) => fields.values().collect(),
            _ => Vec::new(),
        });
        hold(inner, &each.collect::<Vec<_>>(), &format!("{at}[]"), missing);
    }
    assert!(taken("the whole file", WHOLE), "{:?}", read(WHOLE));
    let mut missing = Vec::new();
    hold(parsed(), &[&whole()], "", &mut missing);
    // The actions are a list of words; a WeCom robot does not sign.
    missing.retain(|field| !field.starts_with(".access.second_person.persons.") && !field.ends_with(".wecom.secret"));
    assert!(missing.is_empty(), "write them into whole.toml: {missing:#?}");
}

#[test]
fn every_field_says_what_it_is() {
    fn silent(schema: &Json, at: &str, found: &mut Vec<String>) {
        for (name, field) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let at = format!("{at}.{name}");
            if field.get("description").is_none() {
                found.push(at.clone());
            }
            silent(meant(field), &at, found);
        }
        if let Some(inner) = inner(schema) {
            silent(inner, &format!("{at}[]"), found);
        }
    }
    let mut found = Vec::new();
    silent(parsed(), "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

/// Numbers that another field bounds more narrowly than their own bounds.
const BOUNDED_BY_ANOTHER: [&str; 5] = [
    "/outbox/timeouts/total_milliseconds",
    "/intake/weather/cap/bounds/south",
    "/intake/weather/cap/bounds/north",
    "/intake/weather/cap/bounds/west",
    "/intake/weather/cap/bounds/east",
];

#[test]
fn numbers_end_for_both_where_the_schema_says() {
    let mut looked_at = 0;
    for at in places().iter().filter(|at| whole().pointer(at).is_some_and(Json::is_i64)) {
        let bound = |name: &str| schema_of(at).get(name).and_then(Json::as_i64);
        let least = bound("minimum").unwrap_or_else(|| panic!("{at} has no least value"));
        // A number without a greatest value is taken as far as TOML goes.
        let greatest = bound("maximum");
        let inside = [Some(least), Some(greatest.unwrap_or(i64::MAX))].into_iter().flatten();
        let outside = [Some(least - 1), greatest.map(|greatest| greatest + 1)].into_iter().flatten();
        for (number, wanted) in inside.map(|one| (one, true)).chain(outside.map(|one| (one, false))) {
            let text = changed(at, |value| *value = json!(number));
            if wanted && BOUNDED_BY_ANOTHER.contains(&at.as_str()) {
                assert_eq!(judged(&text), Ok(()), "{at} = {number}");
            } else {
                assert_eq!(taken(at, &text), wanted, "{at} = {number}: {:?}", read(&text));
            }
        }
        looked_at += 1;
    }
    assert!(looked_at > 40, "{looked_at}");
}

#[test]
fn a_value_of_another_kind_is_refused_by_both() {
    for at in places() {
        let text = changed(&at, |value| *value = if value.is_string() { json!(7) } else { json!("seven") });
        assert!(!taken(&at, &text), "{text}");
    }
}

#[test]
fn a_field_too_many_is_refused_by_both_wherever_it_stands() {
    let tables = places().into_iter().filter(|at| whole().pointer(at).is_some_and(Json::is_object));
    for at in tables.chain([String::new()]) {
        let text = changed(&at, |table| table["nonesuch"] = json!(1));
        assert!(!taken(&at, &text), "{text}");
    }
}

#[test]
fn words_are_those_that_the_reader_knows() {
    let mut looked_at = 0;
    for at in places() {
        let words = words_of(schema_of(&at));
        for word in &words {
            let text = changed(&at, |value| *value = json!(word));
            assert_eq!(judged(&text), Ok(()), "{at} = {word}");
            // Some words ask for other fields than those that stand there; all are known.
            let said = read(&text).err().unwrap_or_default();
            assert!(!said.contains("unknown variant") && !said.contains("no kind of fact"), "{at} = {word}: {said}");
        }
        if !words.is_empty() {
            looked_at += 1;
            assert!(!taken(&at, &changed(&at, |value| *value = json!("nonesuch"))), "{at}");
        }
    }
    assert!(looked_at > 15, "{looked_at}");
}

/// Fields that others of the whole file ask for: a rule across fields, which the reader alone holds.
const ASKED_FOR_BY_OTHERS: [&str; 25] = [
    "/access/client_certificate/0/bindings/0/district",
    "/access/oidc/0/mapping/0/binding/district",
    "/intake/fixed/mapping/place/node",
    "/intake/fixed/mapping",
    "/intake/fixed/source",
    "/intake/gauges/mapping/place/field",
    "/intake/gauges/mapping",
    "/intake/gauges/source",
    "/intake/monitoring/alertmanager/place_label",
    "/intake/monitoring/source",
    "/intake/weather/source",
    "/mqtt/sensors/topic/0/mapping/place/field",
    "/mqtt/sensors/topic/1/mapping/place/node",
    "/mqtt/sensors/username",
    "/outbox/recipient/0/channel/0/dingtalk",
    "/outbox/recipient/0/channel/1/wecom",
    "/outbox/recipient/0/channel/2/feishu",
    "/outbox/recipient/0/channel/3/mail/password",
    "/outbox/recipient/0/channel/3/mail/user",
    "/outbox/recipient/0/channel/3/mail",
    "/outbox/recipient/0/channel/4/webhook",
    "/outbox/recipient",
    "/outbox/subscription",
    "/tls/client_roots",
    "/tls",
];

#[test]
fn a_field_too_few_is_missed_by_both_unless_it_is_another_field_that_asks_for_it() {
    let document = whole();
    let mut asked_for = Vec::new();
    for at in places() {
        let (table, field) = at.rsplit_once('/').expect("a place in something");
        if !document.pointer(table).is_some_and(Json::is_object) {
            continue;
        }
        let text = changed(table, |table| {
            table.as_object_mut().expect("a table").shift_remove(&field.replace("~1", "/"));
        });
        if judged(&text).is_ok() && read(&text).is_err() {
            asked_for.push(at);
        } else {
            taken(&at, &text);
        }
    }
    assert_eq!(asked_for, ASKED_FOR_BY_OTHERS);
}
