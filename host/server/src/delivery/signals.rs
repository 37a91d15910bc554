//! Tells the district of messages that reached nobody: one signal each, into its intake like any other, from a queue that
//! survives a stop. It never holds up deliveries, and never tells of a failure to tell of a failure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use muster_kernel::DistrictId;
use muster_kernel::record::Cause;
use muster_outbox::MessageId;
use muster_runtime::{Host, cloudevent};
use serde_json::Value as Json;
use tokio::runtime::{Builder, Runtime};

use super::heard::{Heard, Owed};
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
    pub(super) fn start(host: Arc<Host>, rows: Rows, heard: Arc<Heard>) -> std::io::Result<Self> {
        let (bell, rings) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let runtime = Builder::new_current_thread().build()?;
        let sender = Sender { host, rows, runtime, heard, stop: Arc::clone(&stop) };
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
    heard: Arc<Heard>,
    stop: Arc<AtomicBool>,
}

impl Sender {
    fn run(self, rings: &Receiver<()>) {
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
    fn send_owed(&self) -> bool {
        let stopped = || self.stop.load(Ordering::SeqCst);
        let Some(left) = pass(self.rows.owed(), stopped, |id, signal| self.send(id, signal)) else { return false };
        let all = left.is_empty();
        self.heard.owed(left);
        all
    }

    fn send(&self, id: &MessageId, signal: &Json) -> Result<(), String> {
        let district = id.district.as_str();
        if !self.host.serves(district) {
            return Err(format!("this host does not serve {district}; start it with the district's folder again"));
        }
        // A signal makes facts, and their messages may reach nobody, too: without this, a ring that never ends.
        if !self.is_of_ours(id)? {
            let event = cloudevent::parse(signal.clone(), self.host.now()).map_err(|error| error.to_string())?.event;
            let submitted = self.runtime.block_on(self.host.submit(district, event));
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

/// Tries each, over those that are not taken, and says what is left, by district: what one district does not take keeps
/// nothing from another. `None` when it was stopped before the end.
fn pass(
    owed: Vec<(MessageId, Json)>,
    stopped: impl Fn() -> bool,
    mut send: impl FnMut(&MessageId, &Json) -> Result<(), String>,
) -> Option<BTreeMap<DistrictId, Owed>> {
    let mut left: BTreeMap<DistrictId, Owed> = BTreeMap::new();
    for (id, signal) in owed {
        if stopped() {
            return None;
        }
        if let Err(reason) = send(&id, &signal) {
            left.entry(id.district).or_insert(Owed { signals: 0, reason }).signals += 1;
        }
    }
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owed(ids: &[&str]) -> Vec<(MessageId, Json)> {
        ids.iter().map(|id| (MessageId::parse(id).expect("an identity"), Json::Null)).collect()
    }

    #[test]
    fn what_one_district_does_not_take_keeps_nothing_from_those_behind_it() {
        let mut sent = Vec::new();
        let left = pass(
            owed(&["a/1-0a2b3c4d/0/desk", "a/2-0a2b3c4d/0/desk", "b/1-0a2b3c4d/0/desk", "c/1/0/desk"]),
            || false,
            |id, _| {
                if id.district.as_str() == "a" {
                    return Err(format!("no {}", id.position.seq));
                }
                sent.push(id.to_string());
                Ok(())
            },
        );
        assert_eq!(sent, ["b/1-0a2b3c4d/0/desk", "c/1/0/desk"]);
        let a = Owed { signals: 2, reason: "no 1".into() };
        assert_eq!(left, Some(BTreeMap::from([("a".into(), a)])), "it is said, and tried again");
    }

    #[test]
    fn one_signal_that_cannot_be_sent_keeps_nothing_from_its_own_district_either() {
        let mut sent = 0;
        let left = pass(
            owed(&["a/1/0/desk", "a/2/0/desk"]),
            || false,
            |id, _| {
                sent += 1;
                if id.position.seq == 1 { Err("never".into()) } else { Ok(()) }
            },
        );
        assert_eq!((sent, left.map(|left| left.len())), (2, Some(1)));
        assert_eq!(pass(owed(&["a/1/0/desk"]), || true, |_, _| Ok(())), None, "a stop ends it");
    }
}
