//! A host without threads: the same districts, shard, journal and view keeper as the live host, moved step by step by
//! whoever holds the stage. Nothing happens between two calls, so that a simulation can stop the world at any place.
//!
//! It must never hold a rule of its own: what it does not share with the live host, a simulation cannot speak for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};
use muster_kernel::record::Receipt;
use muster_kernel::{DistrictId, Event, State};
use muster_store::{AppendError, Journal, Media, Options as JournalOptions, Rows, Vault, Writer};
use tokio::sync::oneshot;

use crate::activation::is_in_crisis;
use crate::clock::Clock;
use crate::district::exercise_of;
use crate::folder::Folder;
use crate::follow::Followed;
use crate::metrics::Metrics;
use crate::open::{OpenError, Parts};
use crate::refusal::SubmitError;
use crate::reload;
use crate::seats::OpenedDistrict;
use crate::shard::{self, Command, Mailbox, Message, Shard, Submission};
use crate::verify::Verifier;
use crate::view_keeper::{Change, Keeper};
use crate::workshop::Workshop;

/// What a stage stands on.
pub struct Ground<M: Media> {
    /// Where the journal is.
    pub media: M,
    /// How the journal is kept.
    pub journal: JournalOptions,
    /// Where exact bytes are kept.
    pub vault: Vault,
    /// Where the view is kept.
    pub view: Arc<dyn Rows>,
    /// Compiles packages; may serve many stages.
    pub workshop: Workshop,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What comes back once an event's entry is durable, or will never be.
pub type Reply = oneshot::Receiver<Result<Receipt, SubmitError>>;

/// A host that moves only when it is told to.
pub struct Stage {
    parts: Parts,
    writer: Writer,
    shard: Shard,
    queue: Sender<Message>,
    mailboxes: BTreeMap<DistrictId, Arc<Mailbox>>,
    changes: Receiver<Change>,
    keeper: Keeper,
    poisoned: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    /// Bytes of a torn tail that the journal cut when it was opened.
    pub cut_bytes: u64,
}

impl Stage {
    /// Brings districts up on this ground, as a live host does, and applies what their folders say.
    ///
    /// # Errors
    /// When anything cannot be read or made durable; nothing is served half.
    pub fn open<M: Media>(ground: Ground<M>, folders: &[&Folder]) -> Result<Self, OpenError> {
        let Ground { media, journal, vault, view, workshop, clock } = ground;
        let (opened, mut writer) = Journal::open_unattended(media, journal)?;
        let parts = Parts::untrusting(workshop, Arc::new(opened.journal), vault, Some(Arc::clone(&view)));
        let (queue, commands) = unbounded();
        let (hand_over, changes) = unbounded();
        let poisoned = Arc::new(AtomicBool::new(false));
        let journal = Arc::clone(&parts.journal);
        let now = clock.now();
        let metrics = Arc::new(Metrics::new());
        let (alarm, followed) = (Arc::clone(&poisoned), Arc::new(Followed::default()));
        let mut shard = Shard::new(commands, journal, Arc::clone(&clock), Some(hand_over), alarm, metrics, followed);
        let mut mailboxes = BTreeMap::new();
        for folder in folders {
            let opened = OpenedDistrict::open(&parts, folder, now)?;
            let (tell, mut told) = oneshot::channel::<Result<(), AppendError>>();
            parts.journal.append(opened.records.clone(), move |durable| drop(tell.send(durable)))?;
            while writer.commit_waiting(usize::MAX) {}
            told.try_recv().unwrap_or(Err(AppendError::Closed))?;
            mailboxes.extend(opened.take_seats(&mut shard));
        }
        let keeper = Keeper::new(view);
        let cut_bytes = opened.cut_bytes;
        Ok(Self { parts, writer, shard, queue, mailboxes, changes, keeper, poisoned, clock, cut_bytes })
    }

    /// Lets an event come to a district, or, in a drill, to the drill's.
    ///
    /// # Errors
    /// When there is no such district.
    pub fn submit(&self, district: &DistrictId, event: Event) -> Result<Reply, SubmitError> {
        let district = if event.exercise { exercise_of(district) } else { district.clone() };
        let mailbox = self.mailboxes.get(&district);
        let mailbox = mailbox.ok_or_else(|| SubmitError::UnknownDistrict(district.to_string()))?;
        let counter = if shard::is_act(&event) { &mailbox.acts } else { &mailbox.signals };
        counter.fetch_add(1, Ordering::Relaxed);
        let (reply, told) = oneshot::channel();
        let command = Command::Submit(Submission { event, reply, permission: None });
        self.queue.send(Message { district, command }).map_err(|_| SubmitError::Stopping)?;
        Ok(told)
    }

    /// Lets the newest files of a district's folder come into force.
    ///
    /// # Errors
    /// When a package cannot be used; what was in force serves on.
    pub fn reload(&self, folder: &Folder) -> Result<(), OpenError> {
        let id = &folder.charter.district;
        let Some(state) = self.state(id) else { return Ok(()) };
        let changes =
            reload::difference(&self.parts, folder, &state.core, is_in_crisis(state), self.clock.now(), "folder");
        if let Some(problem) = changes.problem() {
            return Err(OpenError::NotInForce(problem));
        }
        let charter = changes.charter.map(|(charter, digest)| Command::Charter { charter, digest });
        for command in charter.into_iter().chain(changes.installs.into_iter().map(Command::install)) {
            // The stage holds the other end.
            drop(self.queue.send(Message { district: id.clone(), command }));
        }
        Ok(())
    }

    /// Lets every district take its turns until nothing waits. As in a live host, of timers only as many fire as one turn has
    /// room for; the rest wait for the next call.
    pub fn decide(&mut self) {
        self.shard.work();
    }

    /// Lets the journal make durable what waits, at most so many turns, with one commit. False when nothing waited.
    pub fn commit(&mut self, most: usize) -> bool {
        self.writer.commit_waiting(most)
    }

    /// Lets the districts hand over the rows that changed; they come to the view once the journal holds what they reflect.
    pub fn hand_over_view(&mut self) {
        self.shard.write_views(1);
    }

    /// Lets the view take one change that was handed over. False when there is none.
    pub fn keep_view(&mut self) -> bool {
        let change = self.changes.try_recv();
        change.map(|change| self.keeper.keep(change)).is_ok()
    }

    /// A district's state with all that was decided, durable or not.
    pub fn state(&self, district: &DistrictId) -> Option<&Arc<State>> {
        self.shard.district(district).map(|district| &district.state)
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.parts.journal
    }

    /// Decides again what is durable.
    pub fn verifier(&self) -> Verifier {
        Verifier::of(&self.parts)
    }

    /// Whether the journal stopped: nothing is acknowledged any more.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::SeqCst)
    }
}
