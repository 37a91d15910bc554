//! `cargo xtask performance`: measures the release build, or a binary that is named, on this machine and writes `docs/performance.md`.
//!
//! Each figure stands beside a floor that is measured in the same run: the disk's own append and `fdatasync` of the same
//! bytes. It reports; it judges nothing, and no figure here is asked of a host that keeps less than it does in service.

mod calls;
mod floor;
pub(crate) mod host;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value as Json;

use host::Host;

/// Senders at once, one request under way each.
const SENDERS: [u32; 5] = [1, 16, 64, 256, 1024];
/// Events for each number of senders: enough for a steady figure, few enough for a coffee.
const EVENTS: u64 = 20_000;
/// Between two questions to the disk, as a host under half of its load asks it.
const PAUSE: Duration = Duration::from_millis(2);
/// Where the figures go.
pub(crate) const PAGE: &str = "docs/performance.md";
/// What stands between these is written by this command; the rest of the page is for people.
const MARKS: (&str, &str) = ("<!-- measured:begin -->", "<!-- measured:end -->");

/// The same for the journals, which are measured by themselves.
const JOURNALS: (&str, &str) = ("<!-- journals:begin -->", "<!-- journals:end -->");

/// Measures, and writes the page.
pub(crate) fn performance(root: &Path, muster: &Path, build: &str) -> anyhow::Result<()> {
    let place = root.join("target").join("performance");
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
    }
    std::fs::create_dir_all(&place)?;
    let mut page = String::new();
    machine(&mut page, build)?;
    let single = events_over_http(root, muster, &place, &mut page)?;
    cores(root, muster, &place, &mut page)?;
    districts(root, muster, &place, &mut page)?;
    calls::calls(root, muster, &mut page)?;
    let whole = root.join(PAGE);
    let before = std::fs::read_to_string(&whole).with_context(|| whole.display().to_string())?;
    std::fs::write(&whole, between(&before, MARKS, &page)?)?;
    println!("{page}\n{} events/s at the most, one event a request; written to {PAGE}", single.round());
    Ok(())
}

/// Measures the journal beside others that hold the same entries, and puts their table into the page.
pub(crate) fn journals(root: &Path) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut run = Command::new(cargo);
    run.current_dir(root.join("benches/peers")).args(["run", "--release", "--package", "muster-journal-peers"]);
    let output = run.env("MUSTER_PLACE", root.join("target")).stderr(std::process::Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the journals cannot be measured");
    let table = String::from_utf8(output.stdout)?;
    println!("{table}");
    let whole = root.join(PAGE);
    let before = std::fs::read_to_string(&whole).with_context(|| whole.display().to_string())?;
    std::fs::write(&whole, between(&before, JOURNALS, &table)?).with_context(|| whole.display().to_string())
}

/// The text with everything between two marks replaced.
pub(crate) fn between(text: &str, (begin, end): (&str, &str), fresh: &str) -> anyhow::Result<String> {
    let (head, rest) = text.split_once(begin).with_context(|| format!("the page has no mark {begin}"))?;
    let (_, tail) = rest.split_once(end).with_context(|| format!("the page has no mark {end}"))?;
    Ok(format!("{head}{begin}\n{}\n{end}{tail}", fresh.trim()))
}

fn machine(page: &mut String, build: &str) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?;
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    writeln!(page, "Measured on {cores} cores of {model}, Linux {}, with {build}.\n", kernel.trim())?;
    Ok(())
}

/// One event a request, then batches; beside the disk's floor. Gives the highest rate of single events.
fn events_over_http(root: &Path, muster: &Path, place: &Path, page: &mut String) -> anyhow::Result<f64> {
    let data = place.join("one");
    let city = root.join("examples/yunhe");
    let host = Host::start(muster, &data, std::slice::from_ref(&city))?;
    host.first(root, "yunhe")?;
    writeln!(page, "## Events over HTTP\n")?;
    writeln!(
        page,
        "One district, three roles asked for each event, every limit on, each receipt after `fdatasync`. CPU-seconds are \
         those for 10,000 events: of the host's process alone, and of the load beside it.\n"
    )?;
    writeln!(page, "| senders | events a request | events/s | p50 ms | p99 ms | host CPU-s | load CPU-s |")?;
    writeln!(page, "|---|---|---|---|---|---|---|")?;
    let mut best = 0.0_f64;
    for senders in SENDERS {
        let events = if senders == 1 { EVENTS / 10 } else { EVENTS };
        let measured =
            host.bench(root, "yunhe", &[("--senders", &senders.to_string()), ("--events", &events.to_string())])?;
        best = best.max(number(&measured, "events_per_second"));
        row(page, &measured)?;
    }
    let measured = host.bench(root, "yunhe", &[("--senders", "4"), ("--batch", "100"), ("--events", "40000")])?;
    row(page, &measured)?;
    // An entry's size, for the floor.
    let bytes = host.bytes_per_entry()?;
    let half = format!("{}", (best / 2.0).round());
    // What the batches left to do is theirs.
    host.settle()?;
    let measured = host.bench(root, "yunhe", &[("--senders", "64"), ("--events", "20000"), ("--rate", &half)])?;
    let sync = floor::syncs(place, bytes, 1, Duration::ZERO, Duration::from_secs(3))?;
    let at_intervals = floor::syncs(place, bytes, 1, PAUSE, Duration::from_secs(5))?;
    writeln!(
        page,
        "\nAt half of the highest rate ({half} events/s): p50 {:.2} ms, p99 {:.2} ms. The disk's own append and \
        `fdatasync` of one such entry ({bytes} bytes): p50 {:.2} ms, p99 {:.2} ms without a pause; p50 {:.2} ms, p99 {:.2} ms \
        when it is asked every {} ms.\n",
        number(&measured, "p50_ms"),
        number(&measured, "p99_ms"),
        sync.p50,
        sync.p99,
        at_intervals.p50,
        at_intervals.p99,
        PAUSE.as_millis()
    )?;
    writeln!(page, "| entries in one append | floor, entries/s | p50 ms | p99 ms |")?;
    writeln!(page, "|---|---|---|---|")?;
    for together in [1, 16, 64, 256] {
        let floor = floor::syncs(place, bytes, together, Duration::ZERO, Duration::from_secs(2))?;
        writeln!(page, "| {together} | {:.0} | {:.2} | {:.2} |", floor.per_second, floor.p50, floor.p99)?;
    }
    after_a_kill(muster, &data, &city, host, page)?;
    Ok(best)
}

fn after_a_kill(muster: &Path, data: &Path, city: &Path, host: Host, page: &mut String) -> anyhow::Result<()> {
    host.kill()?;
    let begun = Instant::now();
    let host = Host::start(muster, data, &[city.to_path_buf()])?;
    let until_ready = begun.elapsed();
    host.stop()?;
    let mut entries = 0_u64;
    let mut rates = String::new();
    for (what, arguments) in
        [("every decision made anew, one core", vec!["--threads", "1"]), ("folding only", vec!["--fold-only"])]
    {
        let begun = Instant::now();
        let output = Command::new(muster).arg("verify").arg(data).args(arguments).output()?;
        ensure!(output.status.success(), "verify fails: {}", String::from_utf8_lossy(&output.stderr));
        entries = String::from_utf8_lossy(&output.stdout).lines().filter_map(held).sum();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = entries as f64 / begun.elapsed().as_secs_f64();
        writeln!(rates, "`muster verify`, {what}: {rate:.0} entries/s.")?;
    }
    writeln!(page, "\n## After a kill, and proof\n")?;
    writeln!(page, "Killed with {entries} entries, the host answered again after {:.2} s.", until_ready.as_secs_f64())?;
    page.push_str(&rates);
    Ok(())
}

/// Entries of a chain, as `muster verify` says: `DISTRICT: N entries hold, …`.
fn held(line: &str) -> Option<u64> {
    let (count, _) = line.split_once(": ")?.1.split_once(" entries hold")?;
    count.parse().ok()
}

/// The host on one core, on two, and so on. The load comes from the same machine, so with all cores they share.
fn cores(root: &Path, muster: &Path, place: &Path, page: &mut String) -> anyhow::Result<()> {
    writeln!(page, "\n## One core and more\n")?;
    writeln!(page, "Twenty districts by Zipf's law; the load comes from the same machine and runs on all cores.\n")?;
    writeln!(page, "| cores of the host | events/s | p50 ms | p99 ms | host CPU-s per 10,000 | of its cores in use |")?;
    writeln!(page, "|---|---|---|---|---|---|")?;
    let folders = host::many(root, &place.join("cities-cores"), 20)?;
    for count in 1..=std::thread::available_parallelism()?.get() {
        let host = Host::start_on(count, muster, &place.join(format!("data-cores-{count}")), &folders)?;
        host.settle()?;
        for folder in &folders {
            let name = folder.file_name().and_then(|name| name.to_str()).context("a district's name")?;
            host.first(root, name)?;
        }
        let measured = host.bench(root, "all", &[("--senders", "64"), ("--events", "20000")])?;
        ensure!(measured["refused"] == 0, "events were refused: {measured}");
        let (rate, cost) = (number(&measured, "events_per_second"), number(&measured, "host_cpu_seconds_per_10000"));
        #[expect(clippy::cast_precision_loss, reason = "a few cores")]
        let used = rate * cost / 10_000.0 / count as f64 * 100.0;
        writeln!(
            page,
            "| {count} | {rate:.0} | {:.2} | {:.2} | {cost:.2} | {used:.0} % |",
            number(&measured, "p50_ms"),
            number(&measured, "p99_ms")
        )?;
        host.stop()?;
    }
    Ok(())
}

/// Memory of idle districts, and what an event costs beside them.
fn districts(root: &Path, muster: &Path, place: &Path, page: &mut String) -> anyhow::Result<()> {
    writeln!(page, "\n## Many districts in one process\n")?;
    writeln!(page, "| districts | ready after s | memory MiB | a district, KiB | events/s | host CPU-s per 10,000 |")?;
    writeln!(page, "|---|---|---|---|---|---|")?;
    let mut alone = None;
    for count in [1_usize, 100, 3_000] {
        let folders = host::many(root, &place.join(format!("cities-{count}")), count)?;
        let begun = Instant::now();
        let host = Host::start(muster, &place.join(format!("data-{count}")), &folders)?;
        let ready = begun.elapsed();
        host.settle()?;
        let memory = host.memory_kib()?;
        let alone = *alone.get_or_insert(memory);
        let each =
            if count == 1 { "-".into() } else { format!("{}", memory.saturating_sub(alone) / (count as u64 - 1)) };
        host.first(root, "d0000")?;
        let measured = host.bench(root, "d0000", &[("--senders", "64"), ("--events", "10000")])?;
        writeln!(
            page,
            "| {count} | {:.1} | {} | {each} | {:.0} | {:.2} |",
            ready.as_secs_f64(),
            memory / 1_024,
            number(&measured, "events_per_second"),
            number(&measured, "host_cpu_seconds_per_10000")
        )?;
        host.stop()?;
    }
    Ok(())
}

fn row(page: &mut String, measured: &Json) -> anyhow::Result<()> {
    ensure!(measured["refused"] == 0, "events were refused: {measured}");
    writeln!(
        page,
        "| {} | {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} |",
        measured["senders"],
        measured["batch"],
        number(measured, "events_per_second"),
        number(measured, "p50_ms"),
        number(measured, "p99_ms"),
        number(measured, "host_cpu_seconds_per_10000"),
        number(measured, "load_cpu_seconds_per_10000")
    )?;
    Ok(())
}

pub(crate) fn number(measured: &Json, field: &str) -> f64 {
    measured[field].as_f64().unwrap_or(f64::NAN)
}
