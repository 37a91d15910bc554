//! What one call knows and may do. Grants are checked here, below every contract version.

use std::sync::Arc;

use muster_kernel::role::{LogLine, MemoryScope};
use muster_kernel::{Instant, LogSeverity, Role, State, Value, facts};

use crate::abi::v1::Shelf;
use crate::limits::{Limits, Meter};

/// Something that a policy may ask the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// To log.
    Log,
    /// To read its settings.
    Settings,
    /// To read nodes, departments and posts.
    Roster,
    /// To reckon in civil time.
    Calendar,
    /// To remember.
    Memory,
    /// To read what the journal says.
    Facts,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Log, Self::Settings, Self::Roster, Self::Calendar, Self::Memory, Self::Facts];

    /// The name of the contract's interface.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Settings => "settings",
            Self::Roster => "roster",
            Self::Calendar => "calendar",
            Self::Memory => "memory",
            Self::Facts => "facts",
        }
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// None.
    pub const NONE: Self = Self(0);

    /// All that the contract knows.
    pub fn all() -> Self {
        Capability::ALL.into_iter().fold(Self::NONE, Self::with)
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u8)
    }

    /// Those that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set has this one.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }
}

/// A guest asked for what it was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy asked for `{}`, which it was not granted", .0.interface())]
pub(crate) struct Denied(pub(crate) Capability);

/// A guest gave or asked more than a cap allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy went over the cap on {0}")]
pub(crate) struct OverCap(pub(crate) &'static str);

/// One call's view of the world.
pub(crate) struct Context {
    pub(crate) state: Arc<State>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) now: Instant,
    pub(crate) meter: Meter,
    pub(crate) memory: Vec<(String, Value)>,
    pub(crate) lines: Vec<LogLine>,
    /// Questions that the guest asked so far, and the bytes that it handed over with them.
    asked: (u32, usize),
    role: Role,
    scope: MemoryScope,
    granted: Capabilities,
    limits: Limits,
}

impl Context {
    pub(crate) fn new(
        state: Arc<State>,
        shelf: Arc<Shelf>,
        now: Instant,
        role: Role,
        scope: MemoryScope,
        granted: Capabilities,
        limits: Limits,
    ) -> Self {
        let meter = Meter::new(&limits);
        let (memory, lines) = (Vec::new(), Vec::new());
        Self { state, shelf, now, meter, memory, lines, asked: (0, 0), role, scope, granted, limits }
    }

    /// Ends the call unless the capability was granted and the guest has not asked too much. `bytes` is what the guest
    /// handed over with this question: the engine limits it for each question, this limits their sum.
    pub(crate) fn need(&mut self, capability: Capability, bytes: usize) -> wasmtime::Result<()> {
        if !self.granted.has(capability) {
            return Err(wasmtime::Error::new(Denied(capability)));
        }
        let (questions, handed_over) = (self.asked.0 + 1, self.asked.1.saturating_add(bytes));
        if questions > self.limits.questions {
            return Err(wasmtime::Error::new(OverCap("questions to the host")));
        }
        if handed_over > self.limits.transfer {
            return Err(wasmtime::Error::new(OverCap("data handed over with questions")));
        }
        self.asked = (questions, handed_over);
        Ok(())
    }

    /// Keeps a line, cut to its cap; lines beyond the cap are dropped, they are for the author only.
    #[expect(clippy::unnecessary_wraps, reason = "an import may end the call; this one never does")]
    pub(crate) fn log(&mut self, severity: LogSeverity, mut message: String) -> wasmtime::Result<()> {
        if self.lines.len() < self.limits.log_lines {
            message.truncate(message.floor_char_boundary(self.limits.log_line_bytes));
            self.lines.push(LogLine { severity, message });
        }
        Ok(())
    }

    /// What the policy remembers: this call's own changes first, then the journal's.
    pub(crate) fn remembered(&self, key: &str) -> Option<&Value> {
        let fresh = self.memory.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value);
        fresh
            .or_else(|| facts::memory(&self.state, self.role, self.scope.as_ref()?, key))
            .filter(|value| **value != Value::Unknown)
    }

    pub(crate) fn remember(&mut self, key: String, value: Value) -> wasmtime::Result<()> {
        if self.memory.len() >= self.limits.memory_changes {
            return Err(wasmtime::Error::new(OverCap("changes to memory")));
        }
        self.memory.push((key, value));
        Ok(())
    }
}
