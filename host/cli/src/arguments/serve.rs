//! How a host is run, on the command line: each flag overrules what the environment and `muster.toml` say.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    /// The settings; `muster.toml` here by default, unless --data and --district say all that is needed
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where journal, view and vault are kept
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// A district's folder; may be given several times
    #[arg(long = "district", value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,
    /// Where to listen; 127.0.0.1:7310 by default
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// Listen beyond this machine without TLS or without any token all the same
    #[arg(long)]
    pub(crate) insecure_listen: bool,
    /// Whose signatures count for packages; without it, the host runs under the development profile
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Tell people and systems what was decided, as this file says: the table `[outbox]`, or what stands in it
    #[arg(long, value_name = "FILE")]
    pub(crate) outbox: Option<PathBuf>,
    /// Threads that decide; 0, the default, is one less than the machine has cores
    #[arg(long)]
    pub(crate) shards: Option<usize>,
    /// Size of a journal segment in MiB, 64 by default; each is given its whole room on the disk when it is begun
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_024))]
    pub(crate) segment_mebibytes: Option<u64>,
    /// Below so many MiB of free disk, 256 by default, signals are refused while acts of people are still taken
    #[arg(long)]
    pub(crate) low_space_mebibytes: Option<u64>,
    /// Read the settings, and every district's folder, as a start would, and end: nothing is opened
    #[arg(long)]
    pub(crate) dry_run: bool,
}
