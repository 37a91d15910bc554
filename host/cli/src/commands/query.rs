//! `muster incident`, `explain` and `status`: questions to a running host.

use std::process::ExitCode;

use anyhow::Context;
use muster_kernel::Instant;
use muster_runtime::AsOf;
use serde_json::Value as Json;

use crate::arguments::{Explain, Incident, Output, Show};
use crate::client::Client;

fn text(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn rows(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

fn print(value: &Json) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

pub(crate) fn incident(client: &Client, wanted: &Incident, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(wanted.district.as_deref())?;
    let Some(name) = &wanted.name else {
        let node = wanted.node.as_deref().map(|node| format!("&node={node}")).unwrap_or_default();
        let found = client.get(&format!("/districts/{district}/incidents?limit=500{node}"))?;
        match output {
            Output::Json => print(&found)?,
            Output::Text => rows(&found["incidents"]).for_each(|row| say!("{}", brief(row))),
        }
        return Ok(ExitCode::SUCCESS);
    };
    let found =
        client.get(&format!("/districts/{district}/incidents/{name}{}", then(wanted.as_of.as_deref(), None)))?;
    match output {
        Output::Json => print(&found)?,
        Output::Text => shown(&found),
    }
    Ok(ExitCode::SUCCESS)
}

fn brief(row: &Json) -> String {
    let level = &row["level"];
    format!(
        "{}  {} · {} · {}  level {} (recommended {})  stage {}  mode {}  since {}",
        text(&row["name"]),
        text(&row["hazard"]),
        text(&row["place"]),
        text(&row["scheme"]),
        text(&level["in_force"]),
        text(&level["recommended"]),
        text(&row["stage"]),
        text(&row["mode"]),
        text(&row["opened"])
    )
}

/// The part of an address that says when and where: `?as_of=…&node=…`.
fn then(as_of: Option<&str>, node: Option<&str>) -> String {
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

fn shown(found: &Json) {
    say!("{}", brief(found));
    section(found, "levels", |row| {
        let waits = &row["confirmation"];
        let waits = if waits.is_null() {
            String::new()
        } else {
            format!("; level {} waits for {} until {}", text(&waits["level"]), text(&waits["by"]), text(&waits["due"]))
        };
        format!(
            "{} at {}: in force {} since {}{waits}",
            text(&row["scheme"]),
            text(&row["node"]),
            text(&row["in_force"]),
            text(&row["since"])
        )
    });
    section(found, "callouts", |row| {
        let called: Vec<String> = rows(&row["called"]).map(called).collect();
        format!("{} {} issued {}: {}", text(&row["id"]), text(&row["kind"]), text(&row["issued"]), called.join("; "))
    });
    section(found, "measures", |row| {
        format!(
            "{} {} at {}: {} (decided by {} until {})",
            text(&row["id"]),
            text(&row["kind"]),
            text(&row["node"]),
            text(&row["status"]),
            deciders(&row["deciders"]),
            text(&row["decide_by"])
        )
    });
    section(found, "tasks", |row| {
        format!(
            "{} {} for {}: {} (due {})",
            text(&row["id"]),
            text(&row["kind"]),
            text(&row["to"]),
            text(&row["state"]),
            text(&row["due"])
        )
    });
    section(found, "spending", |row| {
        format!(
            "{} {} by {}: {} fen, {} (waits for {})",
            text(&row["request"]),
            text(&row["category"]),
            text(&row["node"]),
            text(&row["amount_minor"]),
            text(&row["verdict"]),
            text(&row["waits_for"])
        )
    });
    section(found, "grants", |row| {
        format!(
            "{} to {} until {}: {} (in force: {})",
            text(&row["id"]),
            text(&row["node"]),
            text(&row["expires"]),
            text(&row["powers"]),
            text(&row["in_force"])
        )
    });
    section(found, "reports", |row| {
        format!(
            "{} to {} due {}, submitted {}",
            text(&row["kind"]),
            text(&row["to"]),
            text(&row["due"]),
            text(&row["submitted"])
        )
    });
    section(found, "findings", |row| {
        format!("{} {} {} at {}", text(&row["raised"]), text(&row["code"]), text(&row["subject"]), text(&row["node"]))
    });
}

fn section(found: &Json, name: &str, line: impl Fn(&Json) -> String) {
    let mut lines = rows(&found[name]).peekable();
    if lines.peek().is_some() {
        say!("  {name}:");
        lines.for_each(|row| say!("    {}", line(row)));
    }
}

fn deciders(row: &Json) -> String {
    let names: Vec<String> = rows(row).map(text).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

fn called(call: &Json) -> String {
    let how_far = ["released", "reported_in", "acknowledged"]
        .into_iter()
        .find(|step| !call[*step].is_null())
        .map_or_else(|| "no answer".to_owned(), |step| format!("{} {}", step.replace('_', " "), text(&call[step])));
    let missed: Vec<String> = rows(&call["missed"]).map(text).collect();
    let missed = if missed.is_empty() { String::new() } else { format!(", missed: {}", missed.join(" ")) };
    format!("{} ({how_far}{missed})", text(&call["party"]))
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
