//! `muster bench`: what a running host carries, measured from outside.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value as Json, json};

use crate::arguments::{Bench, Output};
use crate::client::Client;
use crate::load::{Load, Spread, address_of, processor_time};

pub(crate) fn run(client: &Client, server: &str, bench: &Bench, output: Output) -> anyhow::Result<ExitCode> {
    let districts = match &bench.district {
        Some(all) if all == "all" => client.districts()?,
        one => vec![client.district(one.as_deref())?],
    };
    let event = event(bench)?;
    let mut run = [0; 6];
    getrandom::fill(&mut run).context("the system gives no random bytes")?;
    let run = run.iter().fold(String::from("bench-"), |text, byte| format!("{text}{byte:02x}"));
    for (number, mut first) in first(bench)?.into_iter().enumerate() {
        if bench.drill {
            first["exercise"] = json!(true);
        }
        first["id"] = json!(format!("{run}-first-{number}"));
        for district in &districts {
            client.send(Some(district), &first).context("what is to be sent first was refused")?;
        }
    }
    if let Output::Text = output {
        say!(
            "{:>8} {:>6} {:>9} {:>9} {:>10} {:>10} {:>10} {:>9} {:>14}",
            "senders",
            "batch",
            "events",
            "events/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "refused",
            "CPU-s/10,000"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(bench.threads).enable_all().build()?;
    for senders in &bench.senders {
        let load = Load {
            address: address_of(server)?,
            authorization: client.authorization()?,
            spread: Spread::new(districts.iter().map(|id| format!("/v1/districts/{id}/events")).collect()),
            event: event.clone(),
            run: format!("{run}-{senders}"),
            senders: *senders,
            events: bench.events,
            batch: bench.batch,
            rate: bench.rate,
        };
        let own = || processor_time(std::process::id());
        let (before, own_before) = (bench.process.and_then(processor_time), own());
        let mut outcome = runtime.block_on(load.run())?;
        let used =
            bench.process.and_then(processor_time).zip(before).map(|(after, before)| after.saturating_sub(before));
        ensure!(bench.process.is_none() || used.is_some(), "the processor time of the process cannot be read");
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let each = |used: Duration| used.as_secs_f64() * 10_000.0 / outcome.taken.max(1) as f64;
        let own = own().zip(own_before).map(|(after, before)| each(after.saturating_sub(before)));
        let each = used.map(each);
        let [p50, p99, p999] = [500, 990, 999].map(|permille| millis(outcome.times.permille(permille)));
        match output {
            Output::Json => say!(
                "{}",
                json!({
                    "senders": senders, "batch": bench.batch, "taken": outcome.taken, "refused": outcome.refused,
                    "events_per_second": outcome.rate(), "p50_ms": p50, "p99_ms": p99, "p999_ms": p999,
                    "host_cpu_seconds_per_10000": each, "load_cpu_seconds_per_10000": own,
                })
            ),
            Output::Text => say!(
                "{senders:>8} {:>6} {:>9} {:>9.0} {p50:>10.2} {p99:>10.2} {p999:>10.2} {:>9} {:>14}",
                bench.batch,
                outcome.taken,
                outcome.rate(),
                outcome.refused,
                each.map_or_else(|| "-".to_owned(), |each| format!("{each:.2}")),
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The event that is sent again and again.
fn event(bench: &Bench) -> anyhow::Result<Json> {
    let name = bench.event.display().to_string();
    let text = std::fs::read_to_string(&bench.event).with_context(|| name.clone())?;
    let mut event: Json = serde_json::from_str(&text).with_context(|| format!("{name} holds not one event in JSON"))?;
    ensure!(event.is_object(), "{name}: an event is a JSON object");
    if bench.drill {
        event["exercise"] = json!(true);
    }
    Ok(event)
}

/// What is sent before anything is measured, for instance the warning that opens the incident.
fn first(bench: &Bench) -> anyhow::Result<Vec<Json>> {
    let Some(file) = &bench.first else { return Ok(Vec::new()) };
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| name.clone())?;
    let events = serde_json::Deserializer::from_str(&text).into_iter::<Json>();
    events.enumerate().map(|(number, event)| event.with_context(|| format!("{name}, event {}", number + 1))).collect()
}
