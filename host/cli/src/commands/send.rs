//! `muster send`: events from a file to a running host.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Deserializer, Value as Json};

use crate::arguments::{Output, Send};
use crate::client::Client;

pub(crate) fn run(client: &Client, send: &Send, output: Output) -> anyhow::Result<ExitCode> {
    let name = send.file.display().to_string();
    let text = if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        text
    } else {
        std::fs::read_to_string(&send.file).with_context(|| name.clone())?
    };
    for (number, event) in Deserializer::from_str(&text).into_iter::<Json>().enumerate() {
        let event = event.with_context(|| format!("{name}, event {}", number + 1))?;
        let receipt = client
            .send(send.district.as_deref(), &event)
            .with_context(|| format!("{name}, event {} ({})", number + 1, event["id"].as_str().unwrap_or("no id")))?;
        match output {
            Output::Json => say!("{receipt}"),
            Output::Text => say!("{}", in_words(&event, &receipt)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn in_words(event: &Json, receipt: &Json) -> String {
    let facts = receipt["facts"].as_object().map(|facts| {
        let kinds: Vec<String> = facts.iter().map(|(kind, count)| format!("{kind} ×{count}")).collect();
        kinds.join(", ")
    });
    let again = if receipt["duplicate"] == true { " (received before)" } else { "" };
    format!(
        "{}: entry {} of {}, {}{again}  {}",
        event["id"].as_str().unwrap_or_default(),
        receipt["seq"],
        receipt["district"].as_str().unwrap_or_default(),
        receipt["hash"].as_str().and_then(|hash| hash.get(..12)).unwrap_or_default(),
        facts.unwrap_or_default()
    )
}
