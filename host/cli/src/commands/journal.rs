//! `muster journal`: reads a journal on disk, beside a live host or on a copy. Never writes.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use muster_store::{Disk, Journal, Options};

use crate::arguments::Journal as Command;

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Cat { data, from, only } => cat(&data, from, only.as_deref()),
    }
}

fn open(data: &Path) -> anyhow::Result<Journal> {
    let folder = data.join("journal");
    anyhow::ensure!(folder.is_dir(), "{} holds no journal; give the data folder of a host", data.display());
    let disk = Disk::open(&folder).with_context(|| folder.display().to_string())?;
    Ok(Journal::open_read_only(disk, Options::default())?)
}

fn cat(data: &Path, from: u64, only: Option<&str>) -> anyhow::Result<ExitCode> {
    let journal = open(data)?;
    let mut out = std::io::stdout().lock();
    let districts = journal.heads();
    for district in districts.keys().filter(|district| only.is_none_or(|only| only == district.as_str())) {
        for record in journal.read(district, from) {
            out.write_all(&record?.payload)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
