//! `muster policy`: what is in force and why, and changes to it, as an operator or a policy's releaser makes them.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_server::language::Language;
use serde_json::{Value as Json, json};

use crate::arguments::{Given, Output, Policy, PolicyRole, Trying};
use crate::client::Client;

pub(crate) fn run(client: &Client, policy: &Policy, output: Output) -> anyhow::Result<ExitCode> {
    match policy {
        Policy::Status { district, lang } => status(client, district.as_deref(), super::language(*lang), output),
        Policy::History(of) => history(client, of, output),
        Policy::Activate(trying) => attempt(client, "activate", trying, None, output),
        Policy::Shadow(trying) => attempt(client, "shadow", trying, None, output),
        Policy::Canary { permille, trying } => attempt(client, "canary", trying, Some(*permille), output),
        Policy::Promote { of, given } => change(client, of, json!({"action": "promote"}), given, output),
        Policy::EndTrial { of, given } => change(client, of, json!({"action": "end-trial"}), given, output),
        Policy::Rollback { of, to, given } => {
            change(client, of, json!({"action": "rollback", "to": to}), given, output)
        }
        Policy::Backtest { digest } => {
            say!("{}", serde_json::to_string_pretty(&client.get(&format!("/backtests/{digest}"))?)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("-")
}

fn short(value: &Json) -> String {
    text(value).chars().take(12).collect()
}

fn rows(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

fn status(client: &Client, district: Option<&str>, language: Language, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(district)?;
    let found = client.get(&format!("/districts/{district}/policies"))?;
    if output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(ExitCode::SUCCESS);
    }
    let words = |value: &Json| text(&value[language.tag()]).to_owned();
    let trust = &found["trust"];
    say!("trust: {}, file {}, deny-list {}", text(&trust["profile"]), trust["serial"], trust["deny_sequence"]);
    if trust["warning"].is_object() {
        say!("  ! {}", words(&trust["warning"]));
    }
    if let Some(problem) = trust["problem"].as_str() {
        say!("  ! {problem}");
    }
    for role in rows(&found["roles"]) {
        let health = &role["health"];
        say!("{}: answered {}, failed {}", text(&role["role"]), health["answered"], health["failed"]);
        line("in force", &role["in_force"]);
        if role["trial"].is_object() {
            let trial = &role["trial"];
            line("on trial", &trial["activation"]);
            say!("      {} asked, {} otherwise, {} failed", trial["asked"], trial["changed"], trial["failed"]);
        }
        line("last known good", &role["last_known_good"]);
        line("baseline", &role["baseline"]);
        rows(&role["former"]).for_each(|former| line("former, for running processes", former));
    }
    for attempt in rows(&found["attempts"]) {
        outcome(attempt, &words);
    }
    Ok(ExitCode::SUCCESS)
}

fn line(place: &str, found: &Json) {
    if !found.is_object() {
        return;
    }
    let evidence = &found["evidence"];
    let signers: Vec<&str> = rows(&evidence["signers"]).map(|signer| text(&signer["holder"])).collect();
    let signed = if signers.is_empty() { "nobody".to_owned() } else { signers.join(", ") };
    let until = found["expires"].as_str().map(|until| format!(", until {until}")).unwrap_or_default();
    say!(
        "  {place}: {} {}  {}, settings {}  by {} ({}), signed by {signed}{until}",
        text(&found["name"]),
        text(&found["version"]),
        short(&found["package"]),
        short(&found["settings"]),
        text(&evidence["by"]),
        text(&evidence["way"])
    );
}

/// An attempt in a line.
fn head(attempt: &Json) -> String {
    let dry = if attempt["dry_run"] == true { ", only to be looked at" } else { "" };
    format!(
        "attempt: {} {} {}  by {} ({}){dry}",
        text(&attempt["role"]),
        text(&attempt["mode"]),
        text(&attempt["name"]),
        text(&attempt["by"]),
        text(&attempt["way"])
    )
}

fn step_line(step: &Json, words: &impl Fn(&Json) -> String) -> String {
    let mark = if step["passed"] == true { "ok" } else { "REFUSED" };
    format!("  {:<12} {mark:<8} {}", text(&step["step"]), words(&step["words"]))
}

/// How an attempt ended: the step that refused it, or the last that it passed. All steps are in the JSON.
fn outcome(attempt: &Json, words: &impl Fn(&Json) -> String) {
    say!("{}", head(attempt));
    if let Some(last) = rows(&attempt["steps"]).last() {
        say!("{}", step_line(last, words));
    }
}

fn steps(attempt: &Json, words: &impl Fn(&Json) -> String) {
    say!("{}", head(attempt));
    rows(&attempt["steps"]).for_each(|step| say!("{}", step_line(step, words)));
    if let Some(report) = attempt["backtest"].as_str() {
        say!("  report: muster policy backtest {report}");
    }
}

fn history(client: &Client, of: &PolicyRole, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(of.district.as_deref())?;
    let found = client.get(&format!("/districts/{district}/policies/{}/history", of.role))?;
    if output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(ExitCode::SUCCESS);
    }
    for past in rows(&found["history"]) {
        say!("entry {}, {}", past["seq"], text(&past["at"]));
        line("put in force", &past["activation"]);
    }
    Ok(ExitCode::SUCCESS)
}

fn attempt(
    client: &Client,
    action: &str,
    trying: &Trying,
    permille: Option<u16>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let mut body =
        json!({"action": action, "permille": permille, "expires": trying.expires, "dry_run": trying.dry_run});
    if let Some(package) = &trying.package {
        let bytes = std::fs::read(package).with_context(|| package.display().to_string())?;
        body["package"] = STANDARD.encode(bytes).into();
        if let Some(attestations) = beside(package)? {
            body["attestations"] = attestations.into();
        }
    }
    if !trying.settings.is_empty() {
        let files = trying.settings.iter().map(|file| {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            Ok(json!({"name": file.display().to_string(), "text": text}))
        });
        body["settings"] = files.collect::<anyhow::Result<Json>>()?;
    }
    change(client, &trying.of, body, &trying.given, output)
}

/// What was signed about a package, as it stands beside it.
fn beside(package: &Path) -> anyhow::Result<Option<String>> {
    let mut name = package.as_os_str().to_owned();
    name.push(muster_packages::attestation::SUFFIX);
    match std::fs::read_to_string(&name) {
        Ok(text) => Ok(Some(text)),
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(reason).with_context(|| Path::new(&name).display().to_string()),
    }
}

fn change(client: &Client, of: &PolicyRole, mut body: Json, given: &Given, output: Output) -> anyhow::Result<ExitCode> {
    let district = client.district(of.district.as_deref())?;
    body["by"] = given.by.clone().into();
    body["second"] = given.second.clone().into();
    body["reason"] = given.reason.clone().into();
    let (passed, answer) = client.change(&format!("/districts/{district}/policies/{}", of.role), &body)?;
    let attempt = if passed { &answer } else { &answer["attempt"] };
    match output {
        Output::Json => say!("{}", serde_json::to_string_pretty(attempt)?),
        Output::Text if body["action"] == "end-trial" && passed => say!("{}; the trial has ended", head(attempt)),
        Output::Text => steps(attempt, &|words| text(&words[super::language(None).tag()]).to_owned()),
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
