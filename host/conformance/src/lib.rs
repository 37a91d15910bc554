//! The conformance suite: one package with given settings, put through its paces, and a report of what was found.
//!
//! It runs packages and judges them by rules that are the same for all. It must never depend on a clock, on the machine's
//! chance or on what another package did: the same package, settings, seed and host give the same report.

mod ask;
mod corpus;
mod examination;
mod invariants;
mod report;
mod streams;
mod suite;

pub use corpus::Nature;
pub use report::{Check, CheckReport, Finding, Fuel, REPORT_VERSION, Report, RoleReport, Weight};
pub use suite::{Course, QUESTIONS, QUESTIONS_MAX, SEED, SuiteError, certify, settings_of_first_test};
