//! What one call knows and may do. Grants are checked here, below every contract version.

use std::sync::Arc;

use muster_kernel::role::{LogLine, MemoryScope};
use muster_kernel::{Instant, LogSeverity, Role, State, Value, facts};

use crate::abi::v1::Shelf;
use crate::canonical::Guest;
use crate::capability::{Capabilities, Capability};
use crate::limits::{Limits, Meter};
use crate::margins::{Margins, Resource, Used};

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
    /// The guest, once it was instantiated, when it is called directly.
    pub(crate) guest: Option<Guest>,
    /// The guest may ask the host: the component model's `may_leave`, cleared while it gives room or clears up after its answer.
    may_leave: bool,
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
        Self {
            state,
            shelf,
            now,
            meter,
            memory,
            lines,
            guest: None,
            may_leave: true,
            asked: (0, 0),
            role,
            scope,
            granted,
            limits,
        }
    }

    /// Ends the call unless the capability was granted and the guest has not asked too much. `bytes` is what the guest
    /// handed over with this question: the engine limits it for each question, this limits their sum.
    pub(crate) fn need(&mut self, capability: Capability, bytes: usize) -> wasmtime::Result<()> {
        self.need_for(capability, bytes, 0)
    }

    /// The same for a question whose answer takes the host so many steps: sixteen of them count as a question more.
    pub(crate) fn need_for(&mut self, capability: Capability, bytes: usize, steps: u32) -> wasmtime::Result<()> {
        /// About as long as the smallest question takes.
        const STEPS_PER_QUESTION: u32 = 16;
        if !self.granted.has(capability) {
            return Err(wasmtime::Error::new(Denied(capability)));
        }
        let questions = self.asked.0.saturating_add(1 + steps / STEPS_PER_QUESTION);
        let handed_over = self.asked.1.saturating_add(bytes);
        let limits = &self.limits;
        // Kept also when the call ends here: it is how near the call came.
        self.asked = (questions.min(limits.questions), handed_over.min(limits.transfer));
        if questions > limits.questions {
            return Err(wasmtime::Error::new(OverCap("questions to the host")));
        }
        if handed_over > limits.transfer {
            return Err(wasmtime::Error::new(OverCap("data handed over with questions")));
        }
        Ok(())
    }

    /// Whether the guest may ask the host.
    pub(crate) fn may_leave(&self) -> bool {
        self.may_leave
    }

    /// Says whether the guest may ask the host from now on; gives back what was so before.
    pub(crate) fn set_may_leave(&mut self, may_leave: bool) -> bool {
        std::mem::replace(&mut self.may_leave, may_leave)
    }

    /// What may be copied out of the guest with one question, or with the answer.
    pub(crate) fn transfer(&self) -> usize {
        self.limits.transfer
    }

    /// How near the call has come to each limit; its fuel is known to the engine only.
    pub(crate) fn margins(&self, fuel: u64) -> Margins {
        let limits = &self.limits;
        let used = |used: usize, limit: usize| Used { used: used as u64, limit: limit as u64 };
        Margins::new(|resource| match resource {
            Resource::Fuel => Used { used: fuel, limit: limits.fuel },
            Resource::Memory => used(self.meter.memory_peak, limits.memory_bytes),
            Resource::Table => used(self.meter.table_peak, limits.table_elements),
            Resource::Transfer => used(self.asked.1, limits.transfer),
            Resource::Questions => Used { used: self.asked.0.into(), limit: limits.questions.into() },
            Resource::LogLines => used(self.lines.len(), limits.log_lines),
            Resource::MemoryChanges => used(self.memory.len(), limits.memory_changes),
        })
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
