//! What tests and benches of several crates share: policy packages built on the spot, a small district to ask them
//! about, the contract's versions, and the corpus of hostile guests.
//!
//! For tests only. It may panic when the machine does not play along; no crate that is shipped may depend on it outside
//! of `[dev-dependencies]`.

pub mod contract;
pub mod corpus;
pub mod district;
pub mod examples;
pub mod guests;
pub mod measure;
