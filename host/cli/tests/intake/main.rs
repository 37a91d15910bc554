//! What a city already speaks, asked of the real binary: every sample of CAP with its trap, Alertmanager, JSON lines and a
//! real broker; over power cuts; and what is refused, with its place, its reason, and a count.

#[path = "../support/mod.rs"]
mod support;

mod cap;
mod host;
mod mosquitto;
mod others;
mod refusals;
mod settings;
