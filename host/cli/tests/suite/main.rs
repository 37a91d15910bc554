//! The end-to-end tests, one module a subject: the real binary is started, asked, broken and asked again. One program, so
//! that what they share is compiled and linked once; `cargo test -p muster --test suite storm::` runs one subject.

mod access;
mod care;
mod certify;
mod debian;
mod degraded;
mod guide;
mod guides;
mod intake;
mod metrics;
mod openapi;
mod outbox;
mod outbox_gaps;
mod policies;
mod registers;
mod scenarios;
mod schema;
mod server;
mod storm;
mod support;
mod tidy;
mod traces;
mod trust;
mod upgrade;
mod verify;
