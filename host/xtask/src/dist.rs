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
    let place = place(root);
    let (seen, data) = (place.join("seen"), place.join("data"));
    for folder in [&seen, &data] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::create_dir_all(folder)?;
    }
    let watching = built(root, &format!("-Cprofile-generate={}", seen.display()))?;
    crate::packages(root, &watching)?;
    load(root, &watching, &data)?;
    let ways = ways(root);
    crate::run(Command::new(merge).args(["merge", "--output"]).arg(&ways).arg(&seen))?;
    let shipped = built(root, &as_seen(&ways))?;
    let muster = place.join("muster");
    std::fs::copy(&shipped, &muster).with_context(|| shipped.display().to_string())?;
    println!("{}", muster.display());
    Ok(())
}

/// Whether this is the binary that [`dist`] made, with the ways it saw beside it.
pub(crate) fn is_shipped(root: &Path, muster: &Path) -> bool {
    let made = place(root).join("muster");
    ways(root).exists()
        && made.canonicalize().is_ok_and(|made| muster.canonicalize().is_ok_and(|muster| muster == made))
}

/// Lets cargo build something else as the shipped binary is built.
pub(crate) fn as_shipped<'c>(build: &'c mut Command, root: &Path) -> anyhow::Result<&'c mut Command> {
    flagged(build, root, &as_seen(&ways(root)))
}

fn place(root: &Path) -> PathBuf {
    root.join("target").join("dist")
}

fn ways(root: &Path) -> PathBuf {
    place(root).join("seen.profdata")
}

fn as_seen(ways: &Path) -> String {
    format!("-Cprofile-use={}", ways.display())
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

fn built(root: &Path, flags: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(root).args(["build", "--locked", "--package", "muster", "--release"]);
    build.args(["--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = flagged(&mut build, root, flags)?.output()?;
    ensure!(output.status.success(), "muster does not build");
    crate::executable(&String::from_utf8_lossy(&output.stdout), "muster").context("cargo names no executable `muster`")
}

/// The same profile each time: a function is known by its crate's settings, too. The target is named, so that the flags hold
/// for what is built and not for what builds it.
fn flagged<'c>(build: &'c mut Command, root: &Path, flags: &str) -> anyhow::Result<&'c mut Command> {
    build.args(["--target", &said_by_rustc("host-tuple")?]);
    Ok(build.env("CARGO_TARGET_DIR", place(root).join("build")).env("RUSTFLAGS", flags))
}
