//! `muster token`: tokens of a running host, issued, listed and revoked over its interface. A token's text is written to a
//! new file that only its owner can read, or to standard output when that is asked for.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value as Json, json};

use crate::arguments::{IssueToken, Output, Token};
use crate::client::Client;

pub(crate) fn run(client: &Client, token: &Token, output: Output) -> anyhow::Result<ExitCode> {
    match token {
        Token::Bootstrap { data, to } => {
            super::init::first_token(data, to)?;
            say!(
                "{}: the first token, for an operator; it holds for 24 hours and ends when it issues another",
                to.display()
            );
        }
        Token::Issue(wanted) => issue(client, wanted, output)?,
        Token::List => list(client, output)?,
        Token::Revoke { id, reason } => {
            let answer = client.post(&format!("/tokens/{id}/revoke"), &json!({"reason": reason}))?;
            match output {
                Output::Json => say!("{answer}"),
                Output::Text => say!("{id} is revoked, and on record in {}", recorded(&answer)),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn issue(client: &Client, wanted: &IssueToken, output: Output) -> anyhow::Result<()> {
    let mut bindings = Vec::new();
    if let Some(role) = &wanted.role {
        let mut binding = Map::from_iter([("role".to_owned(), json!(role))]);
        let fields = [("district", &wanted.district), ("node", &wanted.node), ("tier", &wanted.tier)];
        binding.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
        if wanted.exercise {
            binding.insert("exercise".to_owned(), json!(true));
        }
        bindings.push(Json::Object(binding));
    }
    for binding in &wanted.bindings {
        bindings.push(serde_json::from_str(binding).with_context(|| format!("the binding `{binding}` is not JSON"))?);
    }
    let mut posts = Vec::new();
    for post in &wanted.posts {
        let Some((node, name)) = post.split_once('/') else { bail!("`{post}` is no post; write it as `NODE/NAME`") };
        posts.push(json!({"node": node, "name": name}));
    }
    let body = json!({
        "subject": wanted.subject, "display_name": wanted.name, "bindings": bindings, "posts": posts,
        "sources": wanted.sources, "days": wanted.days, "expires": wanted.expires,
    });
    // Before it is issued: a token that nobody can keep must not be made.
    let mut file = wanted.to.as_deref().map(private).transpose()?;
    let answer = client.post("/tokens", &body);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            if let Some(path) = &wanted.to {
                std::fs::remove_file(path).with_context(|| path.display().to_string())?;
            }
            return Err(error);
        }
    };
    let text = answer["token"].as_str().context("the host gave no token")?;
    let id = answer["id"].as_str().unwrap_or_default();
    match (&mut file, output) {
        (Some(file), _) => {
            writeln!(file, "{text}")?;
            file.sync_all()?;
            let to = wanted.to.as_deref().unwrap_or(Path::new("")).display();
            say!("{id} for {} until {}, in {to}", wanted.subject, answer["expires"].as_str().unwrap_or_default());
        }
        (None, Output::Json) => say!("{answer}"),
        (None, Output::Text) => say!("{text}"),
    }
    Ok(())
}

fn private(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("{}: the file for the token must not be there yet", path.display()))
}

fn recorded(answer: &Json) -> String {
    let rows = answer["recorded"].as_array().into_iter().flatten();
    let places: Vec<String> =
        rows.map(|row| format!("{} at {}", row["district"].as_str().unwrap_or_default(), row["seq"])).collect();
    if places.is_empty() { "no district".to_owned() } else { places.join(", ") }
}

fn list(client: &Client, output: Output) -> anyhow::Result<()> {
    let answer = client.get("/tokens")?;
    if output == Output::Json {
        say!("{answer}");
        return Ok(());
    }
    for row in answer["tokens"].as_array().into_iter().flatten() {
        let text = |field: &str| row[field].as_str().unwrap_or("-").to_owned();
        let bindings: Vec<String> = row["bindings"].as_array().into_iter().flatten().map(binding).collect();
        say!(
            "{}  {:<7}  {}  until {}  last used {}  {}",
            text("id"),
            text("state"),
            text("subject"),
            text("expires"),
            text("last_used"),
            bindings.join("; ")
        );
    }
    Ok(())
}

fn binding(binding: &Json) -> String {
    let parts = ["role", "district", "node", "tier"].map(|field| binding[field].as_str());
    let mut parts: Vec<&str> = parts.into_iter().flatten().collect();
    parts.extend((binding["exercise"] == true).then_some("drills"));
    parts.join(" ")
}
