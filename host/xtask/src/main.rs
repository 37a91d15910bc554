//! Chores of the project: `cargo xtask plugins`, `demo`, `count`, `dist`, `performance`, `journals`, `incidents`, `steadiness` and
//! `contract-test`. Nothing here is shipped.

mod contract_test;
mod count;
mod dist;
mod incidents;
mod performance;
mod steadiness;

use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitCode, Stdio};

use anyhow::{Context, bail, ensure};

/// The reference policies, by the folder of their crate under `plugins/`.
const POLICIES: [&str; 6] = ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"];
/// Where the profile that binds them looks for their packages.
const PACKAGES: &str = "examples/ref-v1/packages";
/// Where the demo's host listens.
const LISTEN: &str = "127.0.0.1:7310";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["plugins"] => plugins(),
        ["demo"] => demo("max"),
        ["demo", "--speed", speed] => demo(speed),
        ["count"] => root().and_then(|root| count::count(&root, false)),
        ["count", "--update"] => root().and_then(|root| count::count(&root, true)),
        ["dist"] => root().and_then(|root| dist::dist(&root)),
        ["performance"] => performance(None),
        ["performance", muster] => performance(Some(muster.into())),
        ["journals"] => root().and_then(|root| performance::journals(&root)),
        ["incidents"] => incidents("100000"),
        ["incidents", most] => incidents(most),
        ["steadiness"] => steadiness("10"),
        ["steadiness", minutes] => steadiness(minutes),
        ["contract-test"] => contract_test(false),
        ["contract-test", "--short"] => contract_test(true),
        _ => Err(anyhow::anyhow!(
            "say `cargo xtask plugins`, `cargo xtask demo [--speed max|N]`, `cargo xtask count [--update]`, \
             `cargo xtask dist`, `cargo xtask performance [BINARY]`, `cargo xtask journals`, `cargo xtask incidents [MOST]`, `cargo xtask steadiness [MINUTES]` \
             or `cargo xtask contract-test [--short]`"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.ancestors().nth(2).context("this crate stands two folders below the root")?.to_path_buf())
}

/// Measures the release build, or the binary that is named.
fn performance(named: Option<PathBuf>) -> anyhow::Result<()> {
    let root = root()?;
    let build = named.as_ref().map_or("the release build".into(), |muster| format!("`{}`", muster.display()));
    let muster = named.map_or_else(|| built(&["--release"]), Ok)?;
    packages(&root, &muster)?;
    performance::performance(&root, &muster, &build)
}

/// Opens so many incidents on the release build, and measures beside them.
fn incidents(most: &str) -> anyhow::Result<()> {
    let most = most.parse().with_context(|| format!("`{most}` is no number of incidents"))?;
    let (root, muster) = (root()?, built(&["--release"])?);
    packages(&root, &muster)?;
    incidents::incidents(&root, &muster, most)
}

/// Lets the release build bear too much.
fn steadiness(minutes: &str) -> anyhow::Result<()> {
    let minutes = minutes.parse().context("say how many minutes the surge lasts")?;
    let (root, muster) = (root()?, built(&["--release"])?);
    packages(&root, &muster)?;
    steadiness::steadiness(&root, &muster, minutes)
}

/// Holds a host to the contract of its interface.
fn contract_test(is_short: bool) -> anyhow::Result<()> {
    let root = root()?;
    // The binary that the tests have built already, where it is named.
    let muster = std::env::var_os("MUSTER_BINARY").map_or_else(muster, |named| Ok(named.into()))?;
    packages(&root, &muster)?;
    contract_test::contract_test(&root, &muster, is_short)
}

/// The `muster` binary, built.
fn muster() -> anyhow::Result<PathBuf> {
    built(&[])
}

fn built(options: &[&str]) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root()?)
        .args(["build", "--package", "muster", "--message-format", "json-render-diagnostics"])
        .args(options)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "muster does not build");
    executable(&String::from_utf8_lossy(&output.stdout), "muster").context("cargo names no executable `muster`")
}

/// The executable that cargo says it built for a target: `muster`, or `call-` and a hash for a bench.
fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    let executables = messages.lines().rev().filter_map(|line| line.split_once("\"executable\":\""));
    let mut found = executables.filter_map(|(_, rest)| rest.split_once('"')).map(|(path, _)| PathBuf::from(path));
    let of_target = |path: &PathBuf| {
        let name = path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        name.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    found.find(of_target)
}

/// The address of a host that was just started, once it takes events; and what it says from then on.
fn ready(host: &mut Child) -> anyhow::Result<(String, Lines<BufReader<ChildStderr>>)> {
    let said = host.stderr.take().context("its standard error was asked for")?;
    let (mut lines, mut heard) = (BufReader::new(said).lines(), Vec::new());
    loop {
        let line = lines.next().with_context(|| format!("the host did not come up: {heard:?}"))??;
        if let Some((_, address)) = line.split_once("ready on ") {
            return Ok((address.to_owned(), lines));
        }
        heard.push(line);
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}

/// Builds the reference policies into the profile's folder.
fn plugins() -> anyhow::Result<()> {
    packages(&root()?, &muster()?)
}

fn packages(root: &Path, muster: &Path) -> anyhow::Result<()> {
    for policy in POLICIES {
        let out = root.join(PACKAGES).join(format!("{policy}.wasm"));
        run(Command::new(muster).arg("build").arg(root.join("plugins").join(policy)).arg("--out").arg(out))?;
    }
    Ok(())
}

/// Builds everything, plays the example city's rainstorm and stays up to be asked about it.
fn demo(speed: &str) -> anyhow::Result<()> {
    plugins()?;
    let (root, muster) = (root()?, muster()?);
    let data = root.join("target").join("demo");
    if data.exists() {
        std::fs::remove_dir_all(&data).with_context(|| data.display().to_string())?;
    }
    let city = root.join("examples").join("yunhe");
    let stream = city.join("streams").join("rainstorm.jsonl");
    let mut play = Command::new(&muster);
    play.arg("play").arg(stream).arg("--district").arg(&city).arg("--data").arg(&data).args(["--speed", speed]);
    run(&mut play)?;
    eprintln!("\nThe city stays up. In another terminal, for instance:");
    eprintln!("    {} incident", muster.display());
    eprintln!("    {} incident yh-2021-0719", muster.display());
    eprintln!("    {} explain 40", muster.display());
    eprintln!("Ctrl-C ends it.\n");
    run(Command::new(&muster)
        .arg("serve")
        .arg("--data")
        .arg(&data)
        .arg("--district")
        .arg(&city)
        .args(["--listen", LISTEN]))
}
