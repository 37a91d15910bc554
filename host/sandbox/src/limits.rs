//! What one call may use. Every number has its reason; the host sets them, a package can only ask for less.

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{ResourceLimiter, Trap, UpdateDeadline};

use crate::engine::ticks;

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Units of fuel: the budget that decides, because it is reproducible. A real decision uses 13 to 25 thousand in
    /// plain rules and some hundred thousand with tables; two million are caught within about a millisecond.
    pub fuel: u64,
    /// Data that a guest may hand over in one call, in units of the engine's host-call fuel (about bytes): so much with
    /// its answer, and as much with all its questions together. Caught here because epochs do not stop the host while
    /// it lifts a guest's lists.
    pub transfer: usize,
    /// Questions that a guest may ask in one call. They cost the guest little fuel and the host real time: without a
    /// cap, a guest could have the clock end its call, and what the clock ends is not reproducible.
    pub questions: u32,
    /// Linear memory in bytes. The pool reserves as much for each instance.
    pub memory_bytes: usize,
    /// Elements in one table.
    pub table_elements: usize,
    /// Milliseconds before the clock looks at a call that fuel did not stop, and milliseconds of computing time from
    /// then on before it ends the call; looked at with each tick of the engine's clock, so up to one tick early or late.
    /// The safety net, not the budget: see `Patience`.
    pub milliseconds: u64,
    /// Log lines that are kept.
    pub log_lines: usize,
    /// Bytes of one log line that are kept.
    pub log_line_bytes: usize,
    /// Changes to the policy's memory in one call.
    pub memory_changes: usize,
}

impl Limits {
    /// The limits of a production host.
    pub const STANDARD: Self = Self {
        fuel: 2_000_000,
        transfer: 256 << 10,
        questions: 1_024,
        memory_bytes: 4 << 20,
        table_elements: 10_000,
        milliseconds: 10,
        log_lines: 64,
        log_line_bytes: 512,
        memory_changes: 64,
    };

    /// The limits of activations that name none: those of the first host. They never change, so that what was decided
    /// under them can be decided again.
    pub const FIRST: Self = Self {
        fuel: 2_000_000,
        transfer: 256 << 10,
        questions: 1_024,
        memory_bytes: 4 << 20,
        table_elements: 10_000,
        milliseconds: 10,
        log_lines: 64,
        log_line_bytes: 512,
        memory_changes: 64,
    };
}

/// What a package or a binding wants to be held to. What it does not name stays as it is.
///
/// The clock (`Limits::milliseconds`) is not among it: it is the host's safety net, and what it ends is not reproducible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Units of fuel.
    pub fuel: Option<u64>,
    /// Data handed over, in bytes.
    pub transfer: Option<usize>,
    /// Questions to the host.
    pub questions: Option<u32>,
    /// Linear memory in bytes.
    pub memory_bytes: Option<usize>,
    /// Elements in one table.
    pub table_elements: Option<usize>,
    /// Log lines that are kept.
    pub log_lines: Option<usize>,
    /// Bytes of one log line that are kept.
    pub log_line_bytes: Option<usize>,
    /// Changes to the policy's memory in one call.
    pub memory_changes: Option<usize>,
}

impl Limits {
    /// These limits, lowered to what is wanted. Never above: who wants more gets what is here.
    ///
    /// What a call gets is manifest ∩ binding ∩ host: `host.narrowed(&manifest).narrowed(&binding)`, in any order.
    #[must_use]
    pub fn narrowed(self, wanted: &Wanted) -> Self {
        fn lower<T: Ord>(limit: T, wanted: Option<T>) -> T {
            match wanted {
                Some(wanted) => limit.min(wanted),
                None => limit,
            }
        }
        Self {
            fuel: lower(self.fuel, wanted.fuel),
            transfer: lower(self.transfer, wanted.transfer),
            questions: lower(self.questions, wanted.questions),
            memory_bytes: lower(self.memory_bytes, wanted.memory_bytes),
            table_elements: lower(self.table_elements, wanted.table_elements),
            milliseconds: self.milliseconds,
            log_lines: lower(self.log_lines, wanted.log_lines),
            log_line_bytes: lower(self.log_line_bytes, wanted.log_line_bytes),
            memory_changes: lower(self.memory_changes, wanted.memory_changes),
        }
    }

    /// These limits, and in no number above a ceiling.
    #[must_use]
    pub(crate) fn below(self, ceiling: &Self) -> Self {
        let wanted = Wanted {
            fuel: Some(self.fuel),
            transfer: Some(self.transfer),
            questions: Some(self.questions),
            memory_bytes: Some(self.memory_bytes),
            table_elements: Some(self.table_elements),
            log_lines: Some(self.log_lines),
            log_line_bytes: Some(self.log_line_bytes),
            memory_changes: Some(self.memory_changes),
        };
        ceiling.narrowed(&wanted)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// The machine could not give memory that a guest was entitled to. Never the guest's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine could not give the memory that the call was entitled to")]
pub(crate) struct OutOfMemory;

/// Counts what an instance asks for, and remembers that it asked for too much.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_bytes: usize,
    table_elements: usize,
    /// The largest memory and table that the instance had, for neither ever shrinks; the limit, once it asked for more.
    pub(crate) memory_peak: usize,
    pub(crate) table_peak: usize,
    pub(crate) exceeded: bool,
}

impl Meter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let (memory_bytes, table_elements) = (limits.memory_bytes, limits.table_elements);
        Self { memory_bytes, table_elements, memory_peak: 0, table_peak: 0, exceeded: false }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.memory_bytes && maximum.is_none_or(|maximum| desired <= maximum);
        self.exceeded |= !fits;
        self.memory_peak = self.memory_peak.max(desired.min(self.memory_bytes));
        Ok(fits)
    }

    /// Comes after a growth that was allowed above, so it is the machine that said no.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(OutOfMemory))
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.table_elements && maximum.is_none_or(|maximum| desired <= maximum);
        self.exceeded |= !fits;
        self.table_peak = self.table_peak.max(desired.min(self.table_elements));
        Ok(fits)
    }
}

/// The clock's patience with one call.
///
/// A call pays for the time it computed, not for the time it waited for a core: on a crowded machine a sound policy
/// must not fall back. So the first look notes the thread's computing time, and a later one ends the call when it has
/// used its share since. A call that ends before the first look, as all real ones do, never reads a clock.
#[derive(Debug)]
pub(crate) struct Patience {
    milliseconds: u64,
    first_look_nanoseconds: Option<i64>,
}

impl Patience {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { milliseconds: limits.milliseconds, first_look_nanoseconds: None }
    }

    /// Ends the call, or says when to look again.
    pub(crate) fn look(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let computed = clock_gettime(ClockId::ThreadCPUTime);
        let computed = computed.tv_sec.saturating_mul(1_000_000_000).saturating_add(computed.tv_nsec);
        let since = computed - *self.first_look_nanoseconds.get_or_insert(computed);
        let share = i64::try_from(self.milliseconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        if since >= share {
            Err(Trap::Interrupt.into())
        } else {
            Ok(UpdateDeadline::Continue(ticks(self.milliseconds)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_more_gets_what_is_there_and_who_wants_less_gets_less() {
        let more = Wanted { fuel: Some(u64::MAX), memory_bytes: Some(usize::MAX), ..Wanted::default() };
        assert_eq!(Limits::STANDARD.narrowed(&more), Limits::STANDARD);
        let manifest = Wanted { fuel: Some(50_000), questions: Some(10), ..Wanted::default() };
        let binding = Wanted { fuel: Some(80_000), questions: Some(4), log_lines: Some(0), ..Wanted::default() };
        let narrowed = Limits::STANDARD.narrowed(&manifest).narrowed(&binding);
        assert_eq!(narrowed, Limits { fuel: 50_000, questions: 4, log_lines: 0, ..Limits::STANDARD });
        assert_eq!(narrowed, Limits::STANDARD.narrowed(&binding).narrowed(&manifest));
    }

    #[test]
    fn no_limits_exceed_the_hosts() {
        let host = Limits { fuel: 100, milliseconds: 3, ..Limits::STANDARD };
        let narrow = Limits { transfer: 7, milliseconds: 1_000, ..Limits::STANDARD };
        assert_eq!(narrow.below(&host), Limits { fuel: 100, transfer: 7, milliseconds: 3, ..Limits::STANDARD });
    }
}
