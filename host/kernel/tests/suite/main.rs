//! The kernel's tests over its public interface, one module a subject: `cargo test -p muster-kernel --test suite bounds::`
//! runs one of them.

mod bounds;
mod candidates;
mod golden;
mod invariants;
mod policies;
mod properties;
mod reach;
mod support;
mod warnings;
