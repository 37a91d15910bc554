//! Instructions of the hot path, counted by callgrind and compared with what is checked in: a guard against slow
//! growth that works on a noisy machine. It counts the development build, which the tests have built already. It never
//! measures seconds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

/// What was counted last: a line for each case, instructions of one call and the case's name.
const KEPT: &str = "host/xtask/counts.txt";
/// How much a count may grow before the guard fails, in thousandths. Hash seeds and addresses move counts a little.
const GROWTH_PERMILLE: u64 = 30;
/// The function that callgrind counts in, and how many calls it makes: see `muster_testkit::measure`.
const COUNTED: &str = "muster_testkit::measure::counted";
const CALLS: u64 = 20;
/// The benches that can be counted: package and target.
const BENCHES: [(&str, &str); 1] = [("muster-sandbox", "call")];

/// Counts, and compares with what is kept; with `update`, keeps the new counts.
pub(crate) fn count(root: &Path, update: bool) -> anyhow::Result<()> {
    let mut counted = BTreeMap::new();
    for (package, bench) in BENCHES {
        counted.extend(instructions(root, &built(root, package, bench, Profile::Development)?)?);
    }
    ensure!(!counted.is_empty(), "no bench counted anything");
    let place = root.join(KEPT);
    if update {
        return std::fs::write(&place, text(&counted)).with_context(|| place.display().to_string());
    }
    let kept = std::fs::read_to_string(&place).with_context(|| place.display().to_string())?;
    compare(&parsed(&kept)?, &counted)
}

/// How a bench is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the tests are: to count.
    Development,
    /// As a host is that one builds by hand: to time.
    Release,
    /// As a host is that is shipped, by the ways that `cargo xtask dist` saw: to time.
    Shipped,
}

/// The bench's executable.
pub(crate) fn built(root: &Path, package: &str, bench: &str, profile: Profile) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(root);
    match profile {
        // The whole workspace's features, so that nothing is built twice; and as a fresh machine builds, for incremental
        // compiling cuts crates into more units, which counts differently.
        Profile::Development => build
            .args(["build", "--workspace", "--bench", bench])
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "false"),
        Profile::Release => build.args(["bench", "--package", package, "--bench", bench, "--no-run"]),
        // The binary is named beside it for its features: a crate with others would be another one, that nobody saw.
        Profile::Shipped => crate::dist::as_shipped(
            build.args(["bench", "--package", "muster", "--package", package, "--bench", bench, "--no-run"]),
            root,
        )?,
    };
    build.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = build.output()?;
    ensure!(output.status.success(), "the bench `{bench}` of {package} does not build");
    crate::executable(&String::from_utf8_lossy(&output.stdout), bench)
        .with_context(|| format!("cargo names no executable of the bench `{bench}`"))
}

/// Instructions of one call of each case. Callgrind writes a file each time the counted function returns; the bench
/// says which case that was.
fn instructions(root: &Path, bench: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let place = root.join("target").join("counts");
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| place.display().to_string())?;
    }
    std::fs::create_dir_all(&place).with_context(|| place.display().to_string())?;
    let out = place.join("out");
    let mut valgrind = Command::new("valgrind");
    valgrind.current_dir(root.join("host/sandbox")).args(["--tool=callgrind", "--collect-atstart=no"]);
    valgrind.arg(format!("--toggle-collect={COUNTED}")).arg(format!("--dump-after={COUNTED}"));
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(bench).args(["--bench", "--count"]);
    let output = valgrind.stderr(Stdio::inherit()).output().context("valgrind does not run; install valgrind")?;
    ensure!(output.status.success(), "{} fails under callgrind: {}", bench.display(), output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    let cases = said.lines().filter_map(|line| line.strip_prefix("counted "));
    let counts = cases.enumerate().map(|(number, case)| {
        let dump = out.with_extension((number + 1).to_string());
        let dump = std::fs::read_to_string(&dump).with_context(|| dump.display().to_string())?;
        let totals = dump.lines().find_map(|line| line.strip_prefix("totals: ")).context("a dump without totals")?;
        Ok((case.to_owned(), totals.trim().parse::<u64>()? / CALLS))
    });
    counts.collect()
}

fn text(counts: &BTreeMap<String, u64>) -> String {
    let mut text = String::from("# Instructions of one call. Written by `cargo xtask count --update`.\n");
    for (case, count) in counts {
        writeln!(text, "{count:>9}  {case}").expect("text takes every line");
    }
    text
}

fn parsed(text: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let counts = lines.map(|line| {
        let (count, case) = line.trim().split_once("  ").with_context(|| format!("{KEPT}: `{line}`"))?;
        Ok((case.to_owned(), count.parse()?))
    });
    counts.collect()
}

fn compare(kept: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let mut grown = Vec::new();
    for (case, count) in counted {
        let before = kept.get(case).copied();
        println!("{count:>9}  {case}{}", before.map_or(" (new)".into(), |before| format!(" (kept: {before})")));
        if before.is_none_or(|before| *count * 1_000 > before * (1_000 + GROWTH_PERMILLE)) {
            grown.push(case.as_str());
        }
    }
    grown.extend(kept.keys().filter(|case| !counted.contains_key(*case)).map(String::as_str));
    if grown.is_empty() {
        return Ok(());
    }
    bail!(
        "{} grew by more than {} %, is new or is gone: make it cheaper, or say why in the change and run `cargo xtask count --update`",
        grown.join(", "),
        GROWTH_PERMILLE / 10
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(cases: &[(&str, u64)]) -> BTreeMap<String, u64> {
        cases.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect()
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let kept = counts(&[("a/sandbox", 12_345), ("b of c", 7)]);
        assert_eq!(parsed(&text(&kept)).expect("readable"), kept);
    }

    #[test]
    fn growth_beyond_the_tolerance_fails_and_less_does_not() {
        let kept = counts(&[("a", 1_000)]);
        assert!(compare(&kept, &counts(&[("a", 1_030)])).is_ok());
        assert!(compare(&kept, &counts(&[("a", 500)])).is_ok());
        assert!(compare(&kept, &counts(&[("a", 1_031)])).is_err());
        assert!(compare(&kept, &counts(&[("a", 1_000), ("b", 1)])).is_err());
        assert!(compare(&kept, &counts(&[])).is_err());
    }
}
