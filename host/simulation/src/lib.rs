//! The real kernel, shard, journal, view keeper and sandbox under a seeded scheduler, on a disk, a view and a clock that
//! fail as real ones do. The same seed gives the same run, to the byte.
//!
//! It must never use another source of chance than its seed, and never a rule of its own in place of the host's.
//! What each run checks is in [`checks`]; `docs/simulation.md` tells what was planted to see that it would be found.

pub mod checks;
mod clock;
pub mod disk;
mod report;
mod rows;
mod run;
pub mod world;

pub use report::{Report, simulate_many};
pub use run::simulate;
pub use world::World;
