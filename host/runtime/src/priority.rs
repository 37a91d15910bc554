//! Threads whose work can wait stand back behind those that decide. It must never be called on a thread that an event waits
//! for.

/// How far a thread stands back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Somebody waits for it, only not an event: on a core that is fully used it still gets about a tenth.
    Soon,
    /// Nobody waits for it: what the others leave.
    Whenever,
}

impl Patience {
    /// The nice value. The weights are Linux's: 110 and 15, where a thread that decides has 1,024.
    const fn nice(self) -> i32 {
        match self {
            Self::Soon => 10,
            Self::Whenever => 19,
        }
    }
}

/// From now on the calling thread lets others go first. On Linux the nice value is the thread's own.
pub(crate) fn stand_back(patience: Patience) {
    if let Err(error) = rustix::process::nice(patience.nice()) {
        tracing::debug!(target: "muster::priority", %error, "what can wait runs at the priority of everything else");
    }
}
