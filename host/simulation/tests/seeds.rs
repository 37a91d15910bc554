//! Seeds hold, and a seed is a run: what it found can be looked at again. Two hundred by default; `MUSTER_SEEDS` says how
//! many, and `.ci/run` says a thousand.

use muster_simulation::{World, simulate, simulate_many};

#[test]
fn seeds_hold_and_one_seed_is_one_run() {
    let seeds: u64 = std::env::var("MUSTER_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let world = World::read().expect("the examples are whole");
    for seed in 0..5 {
        let twice = [simulate(&world, seed), simulate(&world, seed)];
        let [first, second] = twice.map(|report| report.expect("it holds"));
        assert_eq!(first, second, "seed {seed} gave two different runs");
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let report = simulate_many(&world, 0..seeds, threads).unwrap_or_else(|error| panic!("{error:#}"));
    println!("{seeds} seeds hold: {report}");
    // A run without accidents would prove nothing.
    assert!(report.torn > 0 && report.stopped > 0 && report.fallbacks > 0 && report.failed_starts > 0, "{report}");
}
