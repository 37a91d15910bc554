//! A clock that is set by the simulation: forwards, and now and then backwards, as a corrected machine's is.

use std::sync::atomic::{AtomicI64, Ordering};

use muster_kernel::Instant;
use muster_runtime::Clock;

/// The clock of a simulated machine.
pub(crate) struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    pub(crate) fn at(instant: Instant) -> Self {
        Self(AtomicI64::new(instant.as_millis()))
    }

    /// Moves the clock by so many milliseconds.
    pub(crate) fn step(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the clock forward to an instant, if it is not later already.
    pub(crate) fn reach(&self, instant: Instant) {
        self.0.fetch_max(instant.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::SeqCst))
    }
}
