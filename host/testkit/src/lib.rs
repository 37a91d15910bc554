//! What tests and benches of several crates share: policy packages built on the spot, and a small district to ask
//! them about.
//!
//! For tests only. It may panic when the machine does not play along; no crate that is shipped may depend on it outside
//! of `[dev-dependencies]`.

pub mod district;
pub mod examples;
pub mod guests;
pub mod measure;
