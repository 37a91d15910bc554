//! What one call of each reference policy takes, over several runs of the sandbox's own bench: a machine with other work beside
//! it is slow for seconds at a time, and one run would say that of whichever case it met.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::count::{self, Profile};
use crate::dist;

/// Runs of the bench, each a process of its own.
const RUNS: usize = 7;

/// What one case took in each run, microseconds.
#[derive(Debug, Default)]
struct Taken {
    medians: Vec<f64>,
    p99s: Vec<f64>,
}

/// Measures calls as the binary makes them: built for its load where the binary is the shipped one.
pub(super) fn calls(root: &Path, muster: &Path, page: &mut String) -> anyhow::Result<()> {
    let profile = if dist::is_shipped(root, muster) { Profile::Shipped } else { Profile::Release };
    let bench = count::built(root, "muster-sandbox", "call", profile)?;
    let mut cases = Vec::new();
    let mut taken: BTreeMap<String, Taken> = BTreeMap::new();
    for _ in 0..RUNS {
        let output = Command::new(&bench).current_dir(root.join("host/sandbox")).arg("--bench").output()?;
        ensure!(output.status.success(), "the bench of calls fails: {}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Some((name, median, p99)) = read(line) else { continue };
            if !taken.contains_key(name) {
                cases.push(name.to_owned());
            }
            let case = taken.entry(name.to_owned()).or_default();
            case.medians.push(median);
            case.p99s.push(p99);
        }
    }
    ensure!(!cases.is_empty(), "the bench of calls measured nothing");
    writeln!(page, "\n## One call of a reference policy\n")?;
    writeln!(
        page,
        "A fresh instance, fuel, clock, memory and transfer limits on; `native` is the same source called as a Rust \
         function. {RUNS} runs of 20,000 calls each; the figures are the middle ones of the runs.\n"
    )?;
    writeln!(page, "| call | median us | p99 us | medians of the runs us |")?;
    writeln!(page, "|---|--:|--:|---|")?;
    for name in cases {
        let case = taken.remove(&name).context("each case was measured")?;
        let (medians, p99s) = (sorted(case.medians), sorted(case.p99s));
        let (lowest, highest) = (medians[0], medians[medians.len() - 1]);
        writeln!(page, "| {name} | {:.1} | {:.1} | {lowest:.1} to {highest:.1} |", middle(&medians), middle(&p99s))?;
    }
    Ok(())
}

/// The case, its median and its 99th percentile, of a line that says them.
fn read(line: &str) -> Option<(&str, f64, f64)> {
    let (name, figures) = line.split_once(" median ")?;
    let (median, p99) = figures.split_once(" p99 ")?;
    let micros = |text: &str| text.trim().strip_suffix("us")?.trim().parse().ok();
    Some((name.trim(), micros(median)?, micros(p99)?))
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_by(f64::total_cmp);
    figures
}

fn middle(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_bench_is_read_and_any_other_is_not() {
        let line = "without rules/sandbox                        median   10.35 us   p99   39.19 us";
        assert_eq!(read(line), Some(("without rules/sandbox", 10.35, 39.19)));
        assert_eq!(read("triage answers under R1, fuel 4711"), None);
    }

    #[test]
    fn the_figure_is_the_middle_one_whatever_the_order() {
        assert!((middle(&sorted(vec![30.0, 10.0, 11.0])) - 11.0).abs() < f64::EPSILON);
    }
}
