//! `muster act`: one event of an officer, put together from its kind and fields, sent to a running host.

use std::process::ExitCode;

use anyhow::{Context, bail};
use muster_runtime::{Clock as _, RealClock};
use serde_json::{Map, Value as Json, json};

use super::send::in_words;
use crate::arguments::{Act, Output};
use crate::client::Client;

pub(crate) fn run(client: &Client, act: &Act, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(act.district.as_deref())?;
    let event = event(act)?;
    let receipt = client.send(Some(&district), &event)?;
    match output {
        Output::Json => say!("{receipt}"),
        Output::Text => say!("{}", in_words(&event, &receipt)),
    }
    // What was refused is recorded, with the reason; whoever acted must see it.
    let refused = receipt["facts"]["event.refused"].as_u64().unwrap_or(0) > 0;
    if !refused {
        return Ok(ExitCode::SUCCESS);
    }
    let place = receipt["district"].as_str().unwrap_or(&district);
    let found = client.get(&format!("/districts/{place}/entries/{}/explanation", receipt["seq"]))?;
    for fact in found["took_effect"].as_array().into_iter().flatten().filter(|fact| fact["kind"] == "event.refused") {
        for language in ["zh", "en"] {
            if let Some(reason) = fact["because"][language].as_str() {
                say!("refused: {reason}");
            }
        }
    }
    Ok(ExitCode::FAILURE)
}

fn event(act: &Act) -> anyhow::Result<Json> {
    let now = RealClock.now();
    let mut data = Json::Object(Map::new());
    for field in &act.fields {
        let Some((path, value)) = field.split_once('=') else {
            bail!("`{field}` is no field; write it as `name=value`");
        };
        put(&mut data, path, typed(value)).with_context(|| format!("the field `{path}`"))?;
    }
    let kind = act.kind.strip_prefix("gov.muster.").unwrap_or(&act.kind);
    let mut event = json!({
        "specversion": "1.0",
        // One act at one instant by one source and process is one event: sent again it is the same one.
        "id": format!("act-{}-{}-{kind}", std::process::id(), now.as_millis()),
        "source": act.source,
        "type": format!("gov.muster.{kind}"),
        "time": now.to_string(),
        "datacontenttype": "application/json",
        "jurisdiction": act.node,
        "data": data,
    });
    if let Some(incident) = &act.incident {
        event["incidentid"] = json!(incident);
    }
    if act.exercise {
        event["exercise"] = json!(true);
    }
    Ok(event)
}

/// Numbers, `true`, `false`, `null`, lists and objects are themselves; everything else is text.
fn typed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// Puts a value at a dotted path.
fn put(data: &mut Json, path: &str, value: Json) -> anyhow::Result<()> {
    let mut place = data;
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let Some(fields) = place.as_object_mut() else { bail!("it goes into a value that holds no fields") };
        if names.peek().is_none() {
            fields.insert(name.to_owned(), value);
            return Ok(());
        }
        place = fields.entry(name).or_insert_with(|| json!({}));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_typed_and_nested() {
        let mut data = json!({});
        for field in ["hours=48", "conditions.cap.minor=100", "reason=two words", "satisfied=true"] {
            let (path, value) = field.split_once('=').expect("a field");
            put(&mut data, path, typed(value)).expect("put");
        }
        let wanted = json!({
            "hours": 48, "conditions": {"cap": {"minor": 100}}, "reason": "two words", "satisfied": true,
        });
        assert_eq!(data, wanted);
        assert!(put(&mut data, "hours.more", json!(1)).is_err());
    }
}
