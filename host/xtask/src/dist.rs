//! `cargo xtask dist`: the binary that is shipped. It is built twice: once to write down which way its code goes under a
//! load, and once as those ways ask for. What it does is the same; only its machine code is laid out otherwise.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::performance::host::Host;

/// Events of each load: enough that what is rare is seen, too.
const EVENTS: &str = "30000";

/// Builds the binary, and says where it lies.
pub(crate) fn dist(root: &Path) -> anyhow::Result<()> {
    let merge = profile_tool()?;
    let place = root.join("target").join("dist");
    let (seen, data) = (place.join("seen"), place.join("data"));
    for folder in [&seen, &data] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(folder)?;
    }
    let watching = built(root, &place, &format!("-Cprofile-generate={}", seen.display()))?;
    crate::packages(root, &watching)?;
    load(root, &watching, &data)?;
    let ways = place.join("seen.profdata");
    crate::run(Command::new(merge).args(["merge", "--output"]).arg(&ways).arg(&seen))?;
    let shipped = built(root, &place, &format!("-Cprofile-use={}", ways.display()))?;
    let muster = place.join("muster");
    std::fs::copy(&shipped, &muster).with_context(|| shipped.display().to_string())?;
    println!("{}", muster.display());
    Ok(())
}

/// What a host does all day: single events, batches, and the proof of what it decided.
fn load(root: &Path, muster: &Path, data: &Path) -> anyhow::Result<()> {
    let data = data.join("yunhe");
    let host = Host::start(muster, &data, &[root.join("examples/yunhe")])?;
    host.first(root, "yunhe")?;
    host.bench(root, "yunhe", &[("--senders", "64"), ("--events", EVENTS)])?;
    host.bench(root, "yunhe", &[("--senders", "4"), ("--batch", "100"), ("--events", EVENTS)])?;
    // What it saw is written when it ends of itself.
    host.stop()?;
    crate::run(Command::new(muster).arg("verify").arg(&data).stdout(Stdio::null()))
}

/// The tool of the toolchain's own compiler; another version may not read what it wrote.
fn profile_tool() -> anyhow::Result<PathBuf> {
    let root = PathBuf::from(said_by_rustc("sysroot")?);
    let tool = root.join("lib/rustlib").join(said_by_rustc("host-tuple")?).join("bin/llvm-profdata");
    ensure!(tool.exists(), "{} is missing; install it: rustup component add llvm-tools", tool.display());
    Ok(tool)
}

fn said_by_rustc(what: &str) -> anyhow::Result<String> {
    let output = Command::new("rustc").args(["--print", what]).output().context("rustc does not run")?;
    ensure!(output.status.success(), "rustc does not say its {what}");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn built(root: &Path, place: &Path, flags: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--locked", "--package", "muster", "--release"])
        .args(["--message-format", "json-render-diagnostics"])
        // The same profile both times: a function is known by its crate's settings, too.
        // The target is named, so that the flags hold for the binary and not for what builds it.
        .args(["--target", &said_by_rustc("host-tuple")?])
        .env("CARGO_TARGET_DIR", place.join("build"))
        .env("RUSTFLAGS", flags)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "muster does not build");
    crate::executable(&String::from_utf8_lossy(&output.stdout), "muster").context("cargo names no executable `muster`")
}
