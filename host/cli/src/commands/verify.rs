//! `muster verify`: proves a data folder, beside a live host or on a copy. Never writes.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_kernel::DistrictId;
use muster_runtime::verify::{Progress, Verified, Verifier};
use muster_store::checkpoint;

use crate::arguments::Verify;

pub(crate) fn run(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let verifier = Verifier::open(&arguments.data)?;
    let chains = verifier.journal().verify(arguments.only.as_deref(), |_| {})?;
    if let Some(fault) = chains.fault {
        say!("FAULT: {fault}");
        return Ok(ExitCode::FAILURE);
    }
    let checkpoints = checkpoint::read(&arguments.data.join(checkpoint::FOLDER))?;
    match checkpoint::check(&checkpoints, verifier.journal(), arguments.key.as_deref())? {
        Ok(count) => say!("{count} signed checkpoints hold"),
        Err(fault) => {
            say!("FAULT: {fault}");
            return Ok(ExitCode::FAILURE);
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if arguments.threads == 0 { cores } else { arguments.threads };
    let mut holds = true;
    for (district, entries) in chains.records {
        let district = DistrictId::from(district);
        let begun = Instant::now();
        let progress = Progress::default();
        let verified = shown(&progress, entries, || {
            if arguments.fold_only {
                let state = verifier.fold(&district, &progress)?;
                return Ok(Verified { entries: state.core.seq, ..Verified::default() });
            }
            verifier.execute(&district, threads, &progress)
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        if let Some(divergence) = &verified.divergence {
            holds = false;
            say!("{district}: DIVERGES at {divergence}");
            continue;
        }
        let head = verifier.journal().head(district.as_str());
        let rate = rate(verified.entries, seconds);
        let taken = match verified.taken {
            0 => String::new(),
            taken => format!(", {taken} failures of the host taken as recorded"),
        };
        let how = if arguments.fold_only { "folded" } else { "decided anew" };
        say!(
            "{district}: {} entries hold, {how}, {} calls{taken}; head {}; {rate} entries/s",
            verified.entries,
            verified.calls,
            muster_kernel::Digest(head.hash)
        );
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn rate(entries: u64, seconds: f64) -> u64 {
    (entries as f64 / seconds.max(0.001)) as u64
}

/// Works, and tells a terminal how far it is.
fn shown<T>(progress: &Progress, entries: u64, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                eprint!("\r{} of {entries} entries", progress.entries.load(Ordering::Relaxed));
                std::thread::sleep(Duration::from_millis(200));
            }
            eprint!("\r\x1b[K");
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}
