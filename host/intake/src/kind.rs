//! The kinds of events that adapters make. The kernel acts on the first two; it keeps the others and acts on none.

/// A signal (信号).
pub const SIGNAL: &str = "gov.muster.signal.reported";
/// A warning of an authority (预警); with `msgtype` `cancel` it takes one back.
pub const WARNING: &str = "gov.muster.warning.received";
/// A message that is no warning and is only kept: a test, a system message, an answer, or one that changes nothing.
pub const MESSAGE: &str = "gov.muster.message.recorded";
/// A warning that had lapsed, or had been replaced, before it came. It is kept and does not come into force.
pub const LAPSED: &str = "gov.muster.warning.lapsed";
