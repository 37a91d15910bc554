//! `muster prove` and `muster check-proof`: one entry, shown to stand under the host's signature without the journal.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use muster_store::{Disk, Journal, Options, Proof, checkpoint};

pub(crate) fn prove(data: &Path, district: &str, entry: u64) -> anyhow::Result<ExitCode> {
    let folder = data.join("journal");
    anyhow::ensure!(folder.is_dir(), "{} holds no `journal`; give a host's data folder", data.display());
    let disk = Disk::open(&folder).with_context(|| folder.display().to_string())?;
    let journal = Journal::open_read_only(disk, Options::default())?;
    let checkpoints = checkpoint::read(&data.join(checkpoint::FOLDER))?;
    let proof = Proof::of(&journal, &checkpoints, district, entry)?;
    say!("{}", serde_json::to_string_pretty(&proof)?);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn check(file: &Path, key: Option<&str>) -> anyhow::Result<ExitCode> {
    let named = || file.display().to_string();
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(named)?;
    }
    let proof: Proof = serde_json::from_str(&text).with_context(named)?;
    if let Err(fault) = proof.holds(key) {
        say!("FAULT: {fault}");
        return Ok(ExitCode::FAILURE);
    }
    let believed = if key.is_some() { "the key given" } else { "the key that the proof names" };
    let checkpoint = &proof.checkpoint;
    say!(
        "entry {} of {} stands in a chain of {} entries, signed {} with {believed}, {}",
        proof.seq,
        proof.district,
        checkpoint.seq,
        checkpoint.at,
        checkpoint.key
    );
    Ok(ExitCode::SUCCESS)
}
