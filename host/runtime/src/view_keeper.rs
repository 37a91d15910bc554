//! Writes the view behind: one thread that hands changed rows to sled once the journal holds what they reflect.
//!
//! A view that could not be written is forgotten, so that a start never reads a half-true one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use muster_kernel::snapshot;
use muster_store::{Head, Rows};

/// Changes that may wait. The journal's thread must never wait for sled: above, the district's view is forgotten.
const QUEUE_MAX: usize = 1_024;

/// Rows of a district as of a position.
pub(crate) struct Change {
    pub(crate) district: String,
    pub(crate) position: Head,
    pub(crate) changes: Vec<snapshot::Change>,
}

/// The thread.
pub(crate) struct ViewKeeper {
    queue: Option<Sender<Change>>,
    thread: Option<JoinHandle<()>>,
}

/// Writes rows, district by district.
pub(crate) struct Keeper {
    view: Arc<dyn Rows>,
    /// Districts whose view stopped.
    broken: BTreeSet<String>,
}

impl Keeper {
    pub(crate) fn new(view: Arc<dyn Rows>) -> Self {
        Self { view, broken: BTreeSet::new() }
    }

    pub(crate) fn keep(&mut self, change: Change) {
        if self.broken.contains(&change.district) {
            return;
        }
        let written = self.view.write(&change.district, snapshot::VERSION, change.position, change.changes);
        if let Err(error) = written {
            tracing::warn!(target: "muster::view", district = change.district, %error, "the view stops here; the journal rebuilds it at the next start");
            if let Err(error) = self.view.forget(&change.district) {
                tracing::warn!(target: "muster::view", district = change.district, %error, "the stale view could not be forgotten");
            }
            self.broken.insert(change.district);
        }
    }
}

impl ViewKeeper {
    pub(crate) fn start(view: Arc<dyn Rows>) -> std::io::Result<Self> {
        let (queue, changes) = bounded::<Change>(QUEUE_MAX);
        let keep = move || {
            let mut keeper = Keeper::new(Arc::clone(&view));
            for change in &changes {
                keeper.keep(change);
            }
            if let Err(error) = view.flush() {
                tracing::warn!(target: "muster::view", %error, "the view could not be flushed; the journal rebuilds it");
            }
        };
        let thread = std::thread::Builder::new().name("view".into()).spawn(keep)?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// A handle for those who hand over changes.
    pub(crate) fn queue(&self) -> Option<Sender<Change>> {
        self.queue.clone()
    }
}

impl Drop for ViewKeeper {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
