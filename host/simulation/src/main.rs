//! Runs seeds of the simulation: `cargo run -p muster-simulation -- [--seed N | --seeds COUNT [--from N]]`.

use std::process::ExitCode;

use clap::Parser;
use muster_simulation::{World, simulate, simulate_many};

/// Runs the host under seeded faults.
#[derive(Parser)]
struct Arguments {
    /// One seed, run twice: both times the same must happen.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; one for each core by default.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(words) => {
            println!("{words}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<String> {
    let world = World::read()?;
    if let Some(seed) = arguments.seed {
        let report = simulate(&world, seed)?;
        anyhow::ensure!(simulate(&world, seed)? == report, "seed {seed} gave two different runs");
        return Ok(format!("seed {seed} holds: {report}"));
    }
    let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let end = arguments.from + arguments.seeds;
    let report = simulate_many(&world, arguments.from..end, threads)?;
    Ok(format!("{} seeds hold: {report}", arguments.seeds))
}
