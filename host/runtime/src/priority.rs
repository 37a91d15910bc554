//! Threads whose work can wait stand back behind those that decide. It must never be called on a thread that an event waits
//! for.

/// How much: the most that Linux knows.
const NICE: i32 = 19;

/// From now on the calling thread takes only what the others leave. On Linux the nice value is the thread's own.
pub(crate) fn stand_back() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(target: "muster::priority", %error, "what can wait runs at the priority of everything else");
    }
}
