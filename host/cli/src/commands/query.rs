//! `muster show`, `explain` and `status`: questions to a running host.

use std::process::ExitCode;

use anyhow::Context;
use muster_kernel::Instant;
use muster_runtime::AsOf;
use serde_json::Value as Json;

use crate::arguments::{Explain, Output, Show};
use crate::client::Client;

pub(super) fn text(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(super) fn rows(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

pub(super) fn print(value: &Json) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// The part of an address that says when and where: `?as_of=…&node=…`.
pub(super) fn then(as_of: Option<&str>, node: Option<&str>) -> String {
    let escaped = |text: &str| text.replace('+', "%2B");
    let parts = [as_of.map(|text| format!("as_of={}", escaped(text))), node.map(|node| format!("node={node}"))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
}

/// A register, row by row.
pub(crate) fn show(client: &Client, wanted: &Show, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(wanted.district.as_deref())?;
    let when = then(wanted.as_of.as_deref(), wanted.node.as_deref());
    let found = client.get(&format!("/districts/{district}/registers/{}{when}", wanted.register))?;
    match output {
        Output::Json => print(&found)?,
        Output::Text => table(&found),
    }
    Ok(ExitCode::SUCCESS)
}

fn table(found: &Json) {
    match found {
        Json::Array(rows) => rows.iter().for_each(line),
        Json::Object(parts) if parts.values().all(Json::is_array) => {
            for (name, rows) in parts {
                say!("{name}:");
                rows.as_array().into_iter().flatten().for_each(line);
            }
        }
        Json::Object(fields) => fields.iter().for_each(|(name, value)| say!("{name}: {}", text(value))),
        other => say!("{}", text(other)),
    }
}

fn line(row: &Json) {
    let fields = row.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let shown: Vec<String> = fields.map(|(name, value)| format!("{name} {}", text(value))).collect();
    say!("  {}", shown.join("  "));
}

pub(crate) fn explain(client: &Client, wanted: &Explain, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(wanted.district.as_deref())?;
    let positions = match (wanted.seq, &wanted.incident) {
        (Some(seq), _) => vec![seq],
        (None, Some(name)) => touching(client, &district, name, wanted.as_of.as_deref())?,
        (None, None) => return situation(client, &district, wanted, output),
    };
    for seq in positions {
        let found = client.get(&format!("/districts/{district}/entries/{seq}/explanation"))?;
        match output {
            Output::Json => say!("{found}"),
            Output::Text => explained(&found),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How a district stood at an instant: what answered, what a node might do, and what was happening.
fn situation(client: &Client, district: &str, wanted: &Explain, output: Output) -> anyhow::Result<ExitCode> {
    let mut parts = serde_json::Map::new();
    for register in ["policies", "powers", "command", "waiting"] {
        let node = wanted.node.as_deref().filter(|_| register != "policies");
        let when = then(wanted.as_of.as_deref(), node);
        parts.insert(register.into(), client.get(&format!("/districts/{district}/registers/{register}{when}"))?);
    }
    if output == Output::Json {
        print(&Json::Object(parts))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (register, found) in &parts {
        say!("== {register}");
        table(found);
    }
    Ok(ExitCode::SUCCESS)
}

/// The positions of all entries with a fact about an incident, up to a position or an instant.
fn touching(client: &Client, district: &str, name: &str, end: Option<&str>) -> anyhow::Result<Vec<u64>> {
    let incident = client.get(&format!("/districts/{district}/incidents/{name}{}", then(end, None)))?;
    let id = text(&incident["id"]);
    let end = end.map(|end| AsOf::parse(end).with_context(|| format!("--as-of {end}: write a position or an instant")));
    let end = end.transpose()?;
    let mut positions = Vec::new();
    let mut from = 1;
    loop {
        let page = client.get(&format!("/districts/{district}/entries?from={from}&limit=500"))?;
        for row in rows(&page["entries"]) {
            if end.is_some_and(|end| is_after(&row["entry"], end)) {
                return Ok(positions);
            }
            let facts = rows(&row["entry"]["facts"]).filter_map(Json::as_object).flat_map(|fact| fact.values());
            if facts.into_iter().any(|fact| fact["incident"] == id.as_str()) {
                positions.extend(row["entry"]["seq"].as_u64());
            }
        }
        match page["next"].as_u64() {
            Some(next) => from = next,
            None => return Ok(positions),
        }
    }
}

fn is_after(entry: &Json, end: AsOf) -> bool {
    match end {
        AsOf::Position(seq) => entry["seq"].as_u64().is_some_and(|position| position > seq),
        AsOf::Instant(then) => {
            let at = entry["at"].as_str().and_then(|at| Instant::parse(at).ok());
            at.is_some_and(|at| at > then)
        }
    }
}

fn explained(found: &Json) {
    say!("entry {} at {}  {}", found["seq"], text(&found["at"]), text(&found["hash"]));
    let event = &found["happened"]["event"];
    if event.is_null() {
        say!("  happened: {}", found["happened"]);
    } else {
        say!("  happened: {} {} from {}", text(&event["type"]), text(&event["id"]), text(&event["source"]));
    }
    for call in rows(&found["asked"]) {
        let digest = call["package"].as_str().and_then(|digest| digest.get(..12)).unwrap_or("-");
        let ended = if call["failure"].is_null() {
            "answered".to_owned()
        } else {
            format!("failed: {}", text(&call["failure"]))
        };
        say!(
            "  asked {}: {} {} ({digest}), fuel {}, {ended}",
            text(&call["role"]),
            text(&call["name"]),
            text(&call["version"]),
            call["fuel"]
        );
    }
    for fact in rows(&found["took_effect"]) {
        let because = &fact["because"];
        say!("  took effect: {}", text(&fact["kind"]));
        for language in ["zh", "en"] {
            if let Some(sentence) = because[language].as_str() {
                say!("      {}: {sentence}", text(&because["rule"]));
            }
        }
        for limit in rows(&fact["limits"]) {
            say!(
                "      limit {}: {} (used {}, remaining {})",
                text(&limit["name"]),
                limit["limit"],
                limit["used"],
                limit["remaining"]
            );
        }
    }
}

/// A call that came as near to a limit as this is told of before the limit bites.
const NEAR_PERMILLE: u64 = 700;

pub(crate) fn status(client: &Client, output: Output) -> anyhow::Result<ExitCode> {
    let found = client.get("/status")?;
    if output == Output::Json {
        print(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    say!("journal: {}", if found["healthy"] == true { "takes entries" } else { "STOPPED" });
    for row in rows(&found["degraded"]) {
        say!("  ! {}{}", row["district"].as_str().map(|id| format!("{id}: ")).unwrap_or_default(), text(&row["words"]));
    }
    let language = super::language(None);
    rows(&found["outbox"]).for_each(|row| say!("outbox: {}", super::outbox::standing(row, language)));
    for row in rows(&found["intake"]["brokers"]) {
        let standing = if row["connected"] == true { "connected" } else { "NOT CONNECTED" };
        say!(
            "mqtt: {} at {} {standing}: {} received, {} durable, {} refused",
            text(&row["name"]),
            text(&row["broker"]),
            row["received"],
            row["durable"],
            row["refused"]
        );
    }
    for words in rows(&found["access"]["warnings"]) {
        say!("  ! {}", text(&words[super::language(None).tag()]));
    }
    for row in rows(&found["districts"]) {
        say!("{}  entry {}  {} incidents  {} waiting", text(&row["id"]), row["seq"], row["incidents"], row["waiting"]);
        for policy in rows(&row["policies"]) {
            let digest = policy["digest"].as_str().and_then(|digest| digest.get(..12)).unwrap_or("-");
            let nearest = &policy["nearest_limit"];
            let near = nearest["permille"].as_u64().map(|permille| {
                let warning = if permille >= NEAR_PERMILLE { "  ! " } else { ", " };
                format!("{warning}at most {permille}‰ of its {}", text(&nearest["limit"]))
            });
            say!(
                "    {}: {} {} ({digest}), fallback answered {} times{}",
                text(&policy["role"]),
                text(&policy["package"]),
                text(&policy["version"]),
                policy["fallbacks"],
                near.unwrap_or_default()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
