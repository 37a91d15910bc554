//! `muster outbox`: how deliveries stand, and what people do about them; and the settings that `muster serve` reads.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use muster_outbox::Settings;
use muster_server::language::Language;
use serde_json::{Value as Json, json};

use crate::arguments::{Actor, Outbox, Output};
use crate::client::Client;

/// The settings in a file: its table `[outbox]`, as in `muster.toml`, or the file as a whole. Files of secrets are
/// relative to its folder.
pub(crate) fn settings(file: &Path) -> anyhow::Result<Settings> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut table: toml::Table = text.parse().with_context(|| file.display().to_string())?;
    let settings: Result<Settings, _> = match table.remove("outbox") {
        Some(outbox) => outbox.try_into(),
        None => table.try_into(),
    };
    let mut settings = settings.with_context(|| format!("{}: the settings of the outbox", file.display()))?;
    settings.rebase(file.parent().unwrap_or(Path::new("")));
    Ok(settings)
}

pub(crate) fn run(client: &Client, outbox: &Outbox, output: Output) -> anyhow::Result<ExitCode> {
    match outbox {
        Outbox::Status { lang } => status(client, super::language(*lang), output),
        Outbox::DeadLetters { recipient, lang } => {
            dead_letters(client, recipient.as_deref(), super::language(*lang), output)
        }
        Outbox::Replay { messages, actor } => {
            messages.iter().try_for_each(|id| on_message(client, id, "replay", actor, output))
        }
        Outbox::Discard { message, actor } => on_message(client, message, "discard", actor, output),
        Outbox::Receipt { message, actor } => on_message(client, message, "receipt", actor, output),
        Outbox::Enable { recipient, channel, actor } => {
            let path = format!("/outbox/recipients/{}/channels/{}/enable", escaped(recipient), escaped(channel));
            act(client, &path, &format!("{recipient}/{channel}"), "enable", actor, output)
        }
        Outbox::Forget { recipient, actor } => act(
            client,
            &format!("/outbox/recipients/{}/forget", escaped(recipient)),
            recipient,
            "forget",
            actor,
            output,
        ),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// As one part of a path (RFC 3986): an identity holds strokes, a name anything.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut part, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            part.push(char::from(byte));
        } else {
            write!(part, "%{byte:02X}").expect("text takes every byte");
        }
        part
    })
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("-")
}

fn rows(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

fn status(client: &Client, language: Language, output: Output) -> anyhow::Result<()> {
    let found = client.get("/outbox")?;
    if output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    for row in rows(&found["recipients"]) {
        say!("{}", standing(row, language));
        for endpoint in rows(&row["endpoints"]) {
            say!("    {}", channel(endpoint, language));
        }
    }
    Ok(())
}

/// One recipient in a line.
pub(crate) fn standing(row: &Json, language: Language) -> String {
    let (name, queued, behind) = (text(&row["recipient"]), &row["queued"], &row["entries_behind"]);
    let (awaiting, dead) = (&row["awaiting"], &row["dead"]);
    let mark = if row["halted"] == true || dead != &json!(0) { "! " } else { "" };
    let waits = row["waiting_for"]["position"]["seq"].as_u64();
    match language {
        Language::Chinese => {
            let waits = waits.map(|seq| format!("，卡在第 {seq} 条")).unwrap_or_default();
            format!("{mark}{name}：待发 {queued}，未读日志 {behind} 条，待回执 {awaiting}，死信 {dead}{waits}")
        }
        Language::English => {
            let waits = waits.map(|seq| format!(", at entry {seq}")).unwrap_or_default();
            format!(
                "{mark}{name}: {queued} to send, {behind} entries unread, {awaiting} without a receipt, {dead} dead \
                 letters{waits}"
            )
        }
    }
}

fn channel(row: &Json, language: Language) -> String {
    let name = text(&row["channel"]);
    let off = row["disabled"].is_object();
    let pause = row["free_from"].as_str();
    match (language, off, pause) {
        (Language::Chinese, true, _) => format!("! {name}：已关闭，自 {}", text(&row["disabled"]["since"])),
        (Language::English, true, _) => format!("! {name}: switched off since {}", text(&row["disabled"]["since"])),
        (Language::Chinese, _, Some(until)) => format!("{name}：暂停至 {until}"),
        (Language::English, _, Some(until)) => format!("{name}: left alone until {until}"),
        (Language::Chinese, ..) => format!("{name}：可用"),
        (Language::English, ..) => format!("{name}: in use"),
    }
}

fn dead_letters(client: &Client, recipient: Option<&str>, language: Language, output: Output) -> anyhow::Result<()> {
    let wanted = recipient.map(|name| format!("?recipient={}", escaped(name))).unwrap_or_default();
    let found = client.get(&format!("/outbox/dead-letters{wanted}"))?;
    if output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    for letter in rows(&found["dead_letters"]) {
        let (id, fact, at, attempts) =
            (text(&letter["id"]), text(&letter["fact"]), text(&letter["given_up"]), &letter["attempts"]);
        let reason = text(&letter["reason"][language.tag()]);
        match language {
            Language::Chinese => {
                let again = if letter["replay"] == true { "，正在重发" } else { "" };
                say!("{id}  {fact}  {at} 列为死信（{attempts} 次）{again}：{reason}");
            }
            Language::English => {
                let again = if letter["replay"] == true { ", being sent again" } else { "" };
                say!("{id}  {fact}  given up at {at} after {attempts} attempts{again}: {reason}");
            }
        }
        say!("    {}", text(&letter["text"]).replace('\n', "\n    "));
    }
    Ok(())
}

fn on_message(client: &Client, id: &str, deed: &str, actor: &Actor, output: Output) -> anyhow::Result<()> {
    act(client, &format!("/outbox/messages/{}/{deed}", escaped(id)), id, deed, actor, output)
}

fn act(client: &Client, path: &str, what: &str, deed: &str, actor: &Actor, output: Output) -> anyhow::Result<()> {
    if deed == "discard" && actor.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        bail!("a message is discarded with a reason only; say why with --reason");
    }
    let (_, answer) = client.change(path, &json!({"by": actor.by, "reason": actor.reason}))?;
    if output == Output::Json {
        say!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    let (chinese, english) = match deed {
        "replay" => ("将重发", "is sent again"),
        "discard" => ("已作废", "is discarded"),
        "receipt" => ("已回执", "is receipted"),
        "enable" => ("已重新启用", "is switched on again"),
        _ => ("已清除", "is forgotten"),
    };
    match super::language(actor.lang) {
        Language::Chinese => say!("{what} {chinese}"),
        Language::English => say!("{what} {english}"),
    }
    Ok(())
}
