//! `cargo xtask incidents [MOST]`: what an event costs beside a thousand open incidents, and beside many more, written to
//! `docs/performance.md`. It reports; it judges nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Value as Json, json};

use crate::performance::host::Host;
use crate::performance::{PAGE, between, number};

/// What stands between these on the page is written by this command.
const MARKS: (&str, &str) = ("<!-- incidents:begin -->", "<!-- incidents:end -->");
/// Places of the city that have incidents of their own.
const PLACES: u64 = 1_000;
/// A street of the example city.
const STREET: &str = "990103901";

pub(crate) fn incidents(root: &Path, muster: &Path, most: u64) -> anyhow::Result<()> {
    ensure!(most >= PLACES, "at least {PLACES} incidents are opened");
    let place = root.join("target").join("incidents");
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
    }
    let city = city(root, &place)?;
    let opens = place.join("opens.json");
    std::fs::write(&opens, opening().to_string())?;
    let host = Host::start(muster, &place.join("data"), &[city])?;
    let mut page = String::from(
        "One district of 1,000 places. The measured event is an ordinary signal at a street above them, one a request, 64 \
         senders; all incidents are open.\n\n| open incidents | events/s | p50 ms | p99 ms | host CPU-s per 10,000 | memory \
         MiB |\n|---|---|---|---|---|---|\n",
    );
    let mut open = 0;
    let counts = std::iter::successors(Some(PLACES), |count| Some(count * 10)).take_while(|count| *count <= most);
    for count in counts {
        // Each opens an incident of its own: another place, and for the same place another hazard.
        let more = (count - open).to_string();
        let real = ("--drill", "false");
        let opened =
            host.bench_of(&opens, "yunhe", &[("--senders", "4"), ("--batch", "100"), ("--events", &more), real])?;
        ensure!(opened["refused"] == 0, "incidents could not be opened: {opened}");
        open = count;
        host.settle()?;
        let event = root.join("examples/yunhe/load/event.json");
        let warm = host.bench_of(&event, "yunhe", &[("--senders", "64"), ("--events", "2000"), real])?;
        ensure!(warm["refused"] == 0, "{warm}");
        let measured = host.bench_of(&event, "yunhe", &[("--senders", "64"), ("--events", "10000"), real])?;
        ensure!(measured["refused"] == 0, "{measured}");
        writeln!(
            page,
            "| {open} | {:.0} | {:.2} | {:.2} | {:.2} | {} |",
            number(&measured, "events_per_second"),
            number(&measured, "p50_ms"),
            number(&measured, "p99_ms"),
            number(&measured, "host_cpu_seconds_per_10000"),
            host.memory_kib()? / 1_024
        )?;
        println!("{page}");
    }
    host.stop()?;
    let whole = root.join(PAGE);
    let before = std::fs::read_to_string(&whole)?;
    std::fs::write(&whole, between(&before, MARKS, &page)?)?;
    Ok(())
}

/// The example city, with many places below one of its streets.
fn city(root: &Path, place: &Path) -> anyhow::Result<PathBuf> {
    let cities = crate::performance::host::many(root, place, 1)?;
    let folder = cities.into_iter().next().context("one city")?;
    let file = folder.join("district.toml");
    let mut text = std::fs::read_to_string(&file)?.replacen("district = \"d0000\"", "district = \"yunhe\"", 1);
    for number in 0..PLACES {
        write!(
            text,
            "\n[[node]]\ncode = \"{STREET}{number:03}\"\nname = \"网格 {number:03}\"\ntier = \"community\"\n"
        )?;
    }
    std::fs::write(&file, text)?;
    Ok(folder)
}

/// A signal that opens an incident of its own each time.
fn opening() -> Json {
    json!({
        "specversion": "1.0",
        "id": "each",
        "source": format!("urn:app:grid:{STREET}"),
        "type": "gov.muster.signal.reported",
        "datacontenttype": "application/json",
        "jurisdiction": format!("{STREET}{{number%{PLACES}}}"),
        "data": {"kind": "traffic_accident", "hazard": "accident-{number}", "provenance": "synthetic"},
    })
}
