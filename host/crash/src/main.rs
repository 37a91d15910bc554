//! Puts the real `muster serve` through power losses, kills and full disks, and checks what it had acknowledged.
//! Must never be shipped, and never touch a data folder that it did not make.

mod chance;
mod check;
mod city;
mod full;
mod history;
mod hollow;
mod host;
mod image;
mod kill;
mod power;
mod recording;
mod senders;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Puts the real host through power losses, kills and full disks.
#[derive(Debug, Parser)]
#[command(name = "muster-crash")]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What all tests share.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Common {
    /// All choices of a run follow from it
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The binary to test; it is built when none is given
    #[arg(long, global = true, value_name = "FILE")]
    muster: Option<PathBuf>,
    /// Policies of the district: `hollow` ones that stop at every call, `none`, `built` from source, or a folder with packages
    #[arg(long, global = true, default_value = "hollow", value_parser = policies)]
    pub(crate) policies: city::Policies,
    /// Where recordings and data folders are kept; `target/crash` by default. It must be on a real disk
    #[arg(long = "folder", global = true, value_name = "DIR")]
    base: Option<PathBuf>,
}

fn policies(text: &str) -> Result<city::Policies, String> {
    Ok(match text {
        "none" => city::Policies::None,
        "hollow" => city::Policies::Hollow,
        "built" => city::Policies::Built,
        folder => city::Policies::Given(folder.into()),
    })
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Power losses at moments drawn by chance
    Power(power::Power),
    /// `kill -9` under load, again and again
    Kill(kill::Kill),
    /// A disk that fills up; needs root, to mount a small file system
    Full,
}

impl Common {
    /// The binary under test.
    pub(crate) fn muster(&self) -> anyhow::Result<PathBuf> {
        match &self.muster {
            Some(file) => Ok(file.canonicalize()?),
            None => host::built(),
        }
    }

    /// The folder of a run.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let base = match &self.base {
            Some(base) => base.clone(),
            None => host::workspace()?.join("target/crash"),
        };
        let folder = base.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder.canonicalize()?)
    }
}

/// The last line of a run, for machines.
pub(crate) fn summary(summary: &serde_json::Value) {
    println!("{summary}");
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Command::Power(power) => power::run(&arguments.common, power),
        Command::Kill(kill) => kill::run(&arguments.common, kill),
        Command::Full => full::run(&arguments.common),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
