//! `cargo xtask steadiness [MINUTES]`: how the release build bears what is too much for it, written to `docs/performance.md`.
//!
//! A surge of fifty times the usual load with people's acts beside it, a reader that does not read, a disk that is slow, and
//! thousands of districts by Zipf's law. It reports; only a lost event, or a proof that fails, is an error.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value as Json;

use crate::performance::host::{Host, many};
use crate::performance::{between, number};

/// What stands between these on the page is written by this command.
const MARKS: (&str, &str) = ("<!-- steady:begin -->", "<!-- steady:end -->");
/// Districts under the surge.
const CITIES: usize = 20;
/// Events a second on a usual day; the surge is fifty times that.
const USUAL: u64 = 100;
/// What a slow disk adds to each `fdatasync`, in microseconds.
const SLOWER_BY: u64 = 20_000;

pub(crate) fn steadiness(root: &Path, muster: &Path, minutes: u64) -> anyhow::Result<()> {
    let place = root.join("target").join("steadiness");
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
    }
    std::fs::create_dir_all(&place)?;
    let mut page = String::new();
    surge(root, muster, &place, minutes, &mut page)?;
    slow_reader_and_disk(root, muster, &place, &mut page)?;
    zipf(root, muster, &place, &mut page)?;
    let whole = root.join(crate::performance::PAGE);
    let before = std::fs::read_to_string(&whole)?;
    std::fs::write(&whole, between(&before, MARKS, &page)?)?;
    println!("{page}");
    Ok(())
}

/// A row of the table: what it was, and how its requests fared.
fn row(page: &mut String, what: &str, measured: &Json, memory: u64) -> anyhow::Result<()> {
    writeln!(
        page,
        "| {what} | {} | {} | {:.0} | {:.2} | {:.2} | {memory} |",
        measured["taken"],
        measured["refused"],
        number(measured, "events_per_second"),
        number(measured, "p50_ms"),
        number(measured, "p99_ms"),
    )?;
    Ok(())
}

fn surge(root: &Path, muster: &Path, place: &Path, minutes: u64, page: &mut String) -> anyhow::Result<()> {
    let data = place.join("surge");
    let host = Host::start(muster, &data, &many(root, &place.join("cities"), CITIES)?)?;
    host.first(root, "all")?;
    host.settle()?;
    writeln!(page, "## A surge of fifty times the usual load, {minutes} min\n")?;
    writeln!(
        page,
        "{CITIES} districts; a usual day has {USUAL} events/s. The surge comes in batches of 100 from 128 senders, which is \
         more than the host can take; ten acts of people a second come beside it and go first.\n"
    )?;
    writeln!(page, "| | taken | refused | events/s | p50 ms | p99 ms | memory MiB |")?;
    writeln!(page, "|---|---|---|---|---|---|---|")?;
    let usual = [("--senders", "16"), ("--rate", &USUAL.to_string()), ("--events", "3000")];
    let before = host.bench(root, "all", &usual)?;
    row(page, "before, single events", &before, host.memory_kib()? / 1_024)?;
    let (surge, acts, most) = flood(root, &host, minutes)?;
    row(page, "the surge, batches", &surge, most)?;
    row(page, "people's acts beside it", &acts, most)?;
    host.settle()?;
    let after = host.bench(root, "all", &usual)?;
    row(page, "after, single events", &after, host.memory_kib()? / 1_024)?;
    host.stop()?;
    let begun = Instant::now();
    let output = Command::new(muster).arg("verify").arg(&data).arg("--fold-only").output()?;
    ensure!(output.status.success(), "verify fails: {}", String::from_utf8_lossy(&output.stderr));
    writeln!(
        page,
        "\nAfterwards every chain holds (`muster verify --fold-only`, {:.0} s).",
        begun.elapsed().as_secs_f64()
    )?;
    Ok(())
}

/// The surge with the acts beside it; and the most memory that the host held, in MiB.
fn flood(root: &Path, host: &Host, minutes: u64) -> anyhow::Result<(Json, Json, u64)> {
    let seconds = minutes * 60;
    let events = (USUAL * 50 * seconds).to_string();
    let acts = (10 * seconds).to_string();
    let rate = (USUAL * 50).to_string();
    let (over, most) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if let Ok(memory) = host.memory_kib() {
                    most.fetch_max(memory / 1_024, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        let surging = scope.spawn(|| {
            host.bench(
                root,
                "all",
                &[("--senders", "128"), ("--batch", "100"), ("--rate", &rate), ("--events", &events)],
            )
        });
        let act = root.join("examples/yunhe/load/act.json");
        let acting = host.bench_of(&act, "all", &[("--senders", "4"), ("--rate", "10"), ("--events", &acts)]);
        let surged = surging.join().expect("no thread of this command panics");
        over.store(true, Ordering::Relaxed);
        Ok((surged?, acting?, most.load(Ordering::Relaxed)))
    })
}

fn slow_reader_and_disk(root: &Path, muster: &Path, place: &Path, page: &mut String) -> anyhow::Result<()> {
    let data = place.join("slow");
    let host = Host::start(muster, &data, &[root.join("examples/yunhe")])?;
    host.first(root, "yunhe")?;
    host.settle()?;
    writeln!(page, "\n## A reader that does not read, and a slow disk\n")?;
    writeln!(page, "| | taken | refused | events/s | p50 ms | p99 ms | memory MiB |")?;
    writeln!(page, "|---|---|---|---|---|---|---|")?;
    let load = [("--senders", "64"), ("--events", "10000")];
    row(page, "alone", &host.bench(root, "yunhe", &load)?, host.memory_kib()? / 1_024)?;
    let mut deaf = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(host.authority())?;
        write!(stream, "GET /v1/districts/yunhe.exercise/stream?from=1 HTTP/1.1\r\nhost: muster\r\n\r\n")?;
        deaf.push(stream);
    }
    let measured = host.bench(root, "yunhe", &load)?;
    row(page, "20 readers of the stream that never read", &measured, host.memory_kib()? / 1_024)?;
    drop(deaf);
    let inject = format!("inject=fdatasync:delay_enter={SLOWER_BY}");
    let mut slow = Command::new("strace")
        .args([
            "--follow-forks",
            "--quiet=all",
            "-e",
            "trace=fdatasync",
            "-e",
            &inject,
            "--output=/dev/null",
            "--attach",
        ])
        .arg(host.process().to_string())
        .stdin(Stdio::null())
        .spawn()
        .context("strace slows the disk; install it")?;
    std::thread::sleep(Duration::from_secs(1));
    let measured = host.bench(root, "yunhe", &load);
    let told = Command::new("kill").args(["-INT", &slow.id().to_string()]).status()?;
    ensure!(told.success(), "strace cannot be ended");
    slow.wait()?;
    let what = format!("each `fdatasync` {} ms slower", SLOWER_BY / 1_000);
    row(page, &what, &measured?, host.memory_kib()? / 1_024)?;
    row(page, "alone again", &host.bench(root, "yunhe", &load)?, host.memory_kib()? / 1_024)?;
    host.stop()
}

fn zipf(root: &Path, muster: &Path, place: &Path, page: &mut String) -> anyhow::Result<()> {
    let count = 3_000;
    let host = Host::start(muster, &place.join("zipf"), &many(root, &place.join("province"), count)?)?;
    host.settle()?;
    writeln!(page, "\n## {count} districts by Zipf's law\n")?;
    writeln!(page, "| | taken | refused | events/s | p50 ms | p99 ms | memory MiB |")?;
    writeln!(page, "|---|---|---|---|---|---|---|")?;
    for (what, load) in [
        ("64 senders", vec![("--senders", "64"), ("--events", "20000")]),
        ("1,000 events/s", vec![("--senders", "64"), ("--events", "20000"), ("--rate", "1000")]),
    ] {
        let measured = host.bench(root, "all", &load)?;
        row(page, what, &measured, host.memory_kib()? / 1_024)?;
    }
    host.stop()
}
