//! Everything that reads bytes from outside, given bytes that nobody meant: real inputs, changed by a seed. A reader must
//! take them or name what is wrong; it must never panic, hang, or take something that it cannot give back.
//!
//! ```sh
//! cargo test -p muster-fuzz                                        # the corpus, and a short run of every target
//! MUSTER_FUZZ_ROUNDS=100000 cargo test -p muster-fuzz --release    # a long one
//! MUSTER_FUZZ_SEED=7 cargo test -p muster-fuzz                     # another one
//! ```
//!
//! An input that breaks a target is written to `target/fuzz/`; once mended it belongs in `corpus/TARGET/`, where it is
//! tried in every run.

mod either_way;
mod journal;
pub mod mutation;
pub mod targets;
