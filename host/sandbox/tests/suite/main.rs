//! The sandbox's tests, one module a subject: `cargo test -p muster-sandbox --test suite contract::` runs one of them. The
//! corpus of hostile guests counts its memory in a program of its own, `corpus`.

mod common;
mod compiled;
mod contract;
mod direct;
mod hostile;
mod margins;
mod next_minor;
mod shape;
