//! Tells the district of messages that reached nobody: one signal each, into its intake like any other, from a queue that
//! survives a stop. It never holds up deliveries, and never tells of a failure to tell of a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use muster_kernel::record::Cause;
use muster_outbox::MessageId;
use muster_runtime::{Host, cloudevent};
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};

use super::kept::Rows;

/// Who sends these signals, as [`muster_outbox::Event::signal`] names itself.
const SOURCE: &str = "urn:muster:outbox";
/// What the district did not take is tried again after so long.
const AGAIN: Duration = Duration::from_secs(5);

/// Tells that a signal is owed.
#[derive(Clone)]
pub(super) struct Bell(SyncSender<()>);

impl Bell {
    pub(super) fn ring(&self) {
        // One ring that was not heard yet is enough.
        let _ = self.0.try_send(());
    }
}

/// The thread that sends.
pub(super) struct Signals {
    bell: Bell,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Sends what is owed, from an earlier start, too.
    pub(super) fn start(host: Arc<Host>, rows: Rows) -> std::io::Result<Self> {
        let (bell, rings) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let runtime = Builder::new_current_thread().build()?;
        let sender = Sender { host, rows, runtime, stop: Arc::clone(&stop), said: false };
        let thread = std::thread::Builder::new().name("outbox-signals".into()).spawn(move || sender.run(&rings))?;
        Ok(Self { bell: Bell(bell), stop, thread: Some(thread) })
    }

    pub(super) fn bell(&self) -> Bell {
        self.bell.clone()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.bell.ring();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(target: "muster::outbox", "the thread of signals ended in a panic; they are kept");
        }
    }
}

struct Sender {
    host: Arc<Host>,
    rows: Rows,
    runtime: Runtime,
    stop: Arc<AtomicBool>,
    /// It was said that the district takes nothing.
    said: bool,
}

impl Sender {
    fn run(mut self, rings: &Receiver<()>) {
        loop {
            let all = self.send_owed();
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let heard =
                if all { rings.recv().map_err(|_| RecvTimeoutError::Disconnected) } else { rings.recv_timeout(AGAIN) };
            if matches!(heard, Err(RecvTimeoutError::Disconnected)) {
                return;
            }
        }
    }

    /// Whether nothing is owed any more.
    fn send_owed(&mut self) -> bool {
        for (id, signal) in self.rows.owed() {
            if self.stop.load(Ordering::SeqCst) {
                return false;
            }
            if let Err(reason) = self.send(&id, &signal) {
                if !self.said {
                    tracing::warn!(target: "muster::outbox", %id, "the district does not take the signal yet: {reason}");
                }
                self.said = true;
                return false;
            }
            self.said = false;
        }
        true
    }

    fn send(&self, id: &MessageId, signal: &Json) -> Result<(), String> {
        // A signal makes facts, and their messages may reach nobody, too: without this, a ring that never ends.
        if !self.is_of_ours(id)? {
            let event = cloudevent::parse(signal, self.host.now()).map_err(|error| error.to_string())?.event;
            let submitted = self.runtime.block_on(self.host.submit(id.district.as_str(), event));
            submitted.map_err(|error| error.to_string())?;
        }
        self.rows.paid(id).map_err(|error| error.to_string())
    }

    /// Whether the message tells of an entry that a signal of ours made.
    fn is_of_ours(&self, id: &MessageId) -> Result<bool, String> {
        let entries = self.host.entries_after(&id.district, id.position.seq.saturating_sub(1), 1);
        let entries = entries.map_err(|error| error.to_string())?;
        Ok(entries.iter().any(|entry| matches!(&entry.cause, Cause::Event(event) if event.source == SOURCE)))
    }
}
