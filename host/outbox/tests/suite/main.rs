//! The outbox's tests, one module a subject: `cargo test -p muster-outbox --test suite outages::` runs one of them.

mod carrier;
mod channels;
mod clock;
mod crash;
mod identity;
mod ladder;
mod mail;
mod outages;
mod settings;
mod support;
