//! Who is let in, and to what, against the real binary: every role at every route and every kind of place, tokens and
//! their ends, those who guess, TLS and its certificates, and callers that are slow or large.

mod doors;
mod fortress;
mod matrix;
mod settings;
mod sources;
mod standing;
mod tls;
mod tokens;
