//! What runs met, and many of them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::run::simulate;
use crate::world::World;

/// What a run met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Events sent.
    pub sent: u64,
    /// Events acknowledged.
    pub acknowledged: u64,
    /// Entries in the journal at the end.
    pub entries: u64,
    /// Starts after a kill or a power loss.
    pub starts: u64,
    /// Starts that failed because the disk failed meanwhile, and were tried again.
    pub failed_starts: u64,
    /// Starts that cut a torn tail.
    pub torn: u64,
    /// Times that the journal stopped after a failed write or sync.
    pub stopped: u64,
    /// Answers of the fallback.
    pub fallbacks: u64,
    /// Losses that a lying disk caused and a start named.
    pub named_losses: u64,
    /// SHA-256 over all that happened: two runs of one seed give the same.
    pub trace: [u8; 32],
}

/// Runs seeds on some threads until all are done or one does not hold; gives the sum, or the seed and what it broke.
///
/// # Errors
/// The first seed that did not hold, with the command that runs it again.
pub fn simulate_many(world: &World, seeds: std::ops::Range<u64>, threads: usize) -> anyhow::Result<Report> {
    let next = AtomicU64::new(seeds.start);
    let work = || -> anyhow::Result<Report> {
        let mut sum = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(sum);
            }
            let report = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| simulate(world, seed)));
            let report = report.unwrap_or_else(|_| Err(anyhow::anyhow!("something panicked")));
            match report {
                Ok(report) => sum.add(&report),
                Err(error) => {
                    next.store(seeds.end, Ordering::Relaxed);
                    let again = format!("cargo run -p muster-simulation -- --seed {seed}");
                    return Err(error.context(format!("seed {seed} does not hold; run it again with `{again}`")));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let mut sum = Report::default();
        for worker in workers {
            sum.add(&worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??);
        }
        Ok(sum)
    })
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.entries += other.entries;
        self.starts += other.starts;
        self.failed_starts += other.failed_starts;
        self.torn += other.torn;
        self.stopped += other.stopped;
        self.fallbacks += other.fallbacks;
        self.named_losses += other.named_losses;
        for (byte, more) in self.trace.iter_mut().zip(other.trace) {
            *byte ^= more;
        }
    }
}

impl core::fmt::Display for Report {
    fn fmt(&self, words: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            words,
            "{} events sent, {} acknowledged, {} entries; {} starts ({} failed on a fault and were repeated, {} cut a \
             torn tail), {} journals stopped by a failed write or sync, {} answers of the fallback, {} losses of a lying \
             disk named",
            self.sent,
            self.acknowledged,
            self.entries,
            self.starts,
            self.failed_starts,
            self.torn,
            self.stopped,
            self.fallbacks,
            self.named_losses,
        )
    }
}
