//! The sensor client against a real broker.
