//! Thirty rules over one event and its incident, asked of Muster and of the engines that one would embed in its place.
//!
//! Every engine gets the same question as a Rust value and answers with the same Rust values: putting the question in the
//! engine's form and reading its answer are part of a call. What is prepared once (compiling, linking, a warm instance
//! where the engine reuses one) is not.

pub mod corpus;
pub mod document;
pub mod engines;
pub mod report;
#[path = "../rules/rules.rs"]
pub mod rules;

pub use rules::Outcome;
