//! The readers' tests, one module a subject: `cargo test -p muster-intake --test suite traps::` runs one of them. What hostile
//! messages cost is counted in a program of its own, `hostile`.

mod common;
mod emission;
#[cfg(feature = "mqtt")]
mod mqtt;
mod mutations;
mod samples;
mod settings;
mod traps;
