//! Signs the ends of the chains at intervals, and once more when the host stops. Beside the live path: what it reads is
//! durable, and nobody waits for it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use muster_store::{Checkpoints, Journal};

use crate::clock::Clock;

/// Between two checkpoints: what a cut tail could hide from a verifier is at most what happened in this time.
const EVERY: Duration = Duration::from_mins(1);

/// The thread that signs.
pub(crate) struct Notary {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Notary {
    pub(crate) fn start(
        mut checkpoints: Checkpoints,
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let sign = move || {
            // After a minute of a storm there is much to read.
            crate::priority::stand_back(crate::priority::Patience::Whenever);
            loop {
                let last = !matches!(stopped.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout));
                match checkpoints.sign(&journal, &clock.now().to_string()) {
                    Ok(signed) => tracing::debug!(target: "muster::checkpoint", signed),
                    Err(error) => {
                        tracing::error!(target: "muster::checkpoint", %error, "no checkpoint was signed; the next tries again");
                    }
                }
                if last {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("notary".into()).spawn(sign)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Notary {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
