//! The one that writes. It takes what waits, writes it with one call, syncs, and answers in order: the running sync is the
//! batching window. After any failed write or sync it never acknowledges again; nor after a record that no reader would
//! take, because whoever made it holds a state that the journal will never reach.
//!
//! A host runs it on a thread of its own; a simulation moves it commit by commit.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::error::{AppendError, Error};
use crate::known::{Head, Shared};
use crate::media::{Media, Segment};
use crate::record::{RECORD_BYTES_MAX, Record};
use crate::segment;

/// Requests that may wait. Above, the appender waits: that is the back-pressure on the shards.
const QUEUE_MAX: usize = 4_096;
/// Bytes that one commit takes: enough to fill a disk's write, small enough to answer soon.
const BATCH_BYTES: usize = 256 << 10;

/// Called once the records are durable, or will never be.
pub(crate) type Done = Box<dyn FnOnce(Result<(), AppendError>) + Send>;

pub(crate) enum Request {
    Append(Vec<Record>, Done),
    Close,
}

/// A handle to the one that writes.
pub(crate) struct Queue {
    pub(crate) requests: Sender<Request>,
    pub(crate) thread: Option<JoinHandle<()>>,
}

/// Where the next record goes.
pub(crate) struct Tail {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) segment: Box<dyn Segment>,
}

/// Writes what was queued, one commit at a time.
pub struct Writer {
    requests: Receiver<Request>,
    media: Arc<dyn Media>,
    tail: Tail,
    shared: Arc<RwLock<Shared>>,
    segment_bytes: u64,
    /// Heads with what is in the buffer; the shared ones are durable.
    heads: BTreeMap<String, Head>,
    buffer: Vec<u8>,
    poisoned: Option<Arc<str>>,
    closing: bool,
}

/// What one commit will answer.
#[derive(Default)]
struct Batch {
    answers: Vec<(Done, Result<(), AppendError>)>,
    places: Vec<(String, u64, u64, u64)>,
}

impl Writer {
    pub(crate) fn new(
        media: Arc<dyn Media>,
        tail: Tail,
        shared: Arc<RwLock<Shared>>,
        segment_bytes: u64,
    ) -> (Sender<Request>, Self) {
        let (queue, requests) = bounded(QUEUE_MAX);
        let heads = shared.read().expect("no holder panics").heads.clone();
        let (buffer, poisoned, closing) = (Vec::new(), None, false);
        (queue, Self { requests, media, tail, shared, segment_bytes, heads, buffer, poisoned, closing })
    }

    pub(crate) fn start(mut self) -> Result<JoinHandle<()>, Error> {
        let run = move || {
            while let Ok(first) = self.requests.recv() {
                self.write(first, usize::MAX);
                if self.closing {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(run);
        thread.map_err(|reason| Error::disk("start the journal's thread", reason))
    }

    /// Writes what waits, at most so many requests, with one commit. False when nothing waited.
    pub fn commit_waiting(&mut self, most: usize) -> bool {
        match self.requests.try_recv() {
            Ok(first) => self.write(first, most),
            Err(_) => return false,
        }
        true
    }

    fn write(&mut self, first: Request, most: usize) {
        let mut batch = Batch::default();
        self.buffer.clear();
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(request) = next {
            match (request, &self.poisoned) {
                (Request::Close, _) => self.closing = true,
                (Request::Append(_, done), Some(reason)) => {
                    batch.answers.push((done, Err(AppendError::Poisoned(Arc::clone(reason)))));
                }
                (Request::Append(records, done), None) => self.take(records, done, &mut batch),
            }
            taken += 1;
            let room = self.buffer.len() < BATCH_BYTES && taken < most && !self.closing;
            next = if room { self.requests.try_recv().ok() } else { None };
        }
        // What came before a record that was refused is written as ever.
        let failed = self.commit(&batch).err().map(|error| {
            tracing::error!(target: "muster::journal", %error, "the journal stopped: nothing is acknowledged any more");
            Arc::from(format!("a write failed: {error}; free the disk or replace it"))
        });
        Self::answer(batch, failed.as_ref());
        self.poisoned = failed.or(self.poisoned.take());
    }

    /// Takes a request into the batch, if every reader would take its records and they continue their districts' chains.
    fn take(&mut self, records: Vec<Record>, done: Done, batch: &mut Batch) {
        if let Some(large) = records.iter().find(|record| record.length() > RECORD_BYTES_MAX) {
            let Record { district, seq, .. } = large;
            let (bytes, most) = (large.length(), RECORD_BYTES_MAX);
            tracing::error!(
                target: "muster::journal", district, seq, bytes, most,
                "an entry is too large for the journal, which stopped: nothing is acknowledged any more"
            );
            let reason = format!("entry {seq} of district {district} was too large for it; send less in one event");
            self.poisoned = Some(reason.into());
            batch
                .answers
                .push((done, Err(AppendError::TooLarge { district: district.clone(), seq: *seq, bytes, most })));
            return;
        }
        let broken = records.iter().try_fold(BTreeMap::new(), |mut fresh: BTreeMap<&str, Head>, record| {
            let head = fresh.get(record.district.as_str()).or_else(|| self.heads.get(&record.district));
            let head = head.copied().unwrap_or_default();
            if record.seq != head.seq + 1 || record.prev != head.hash {
                let (district, given) = (record.district.clone(), record.seq.saturating_sub(1));
                return Err(AppendError::Head { district, given, head: head.seq });
            }
            fresh.insert(&record.district, Head { seq: record.seq, hash: record.hash });
            Ok(fresh)
        });
        if let Err(error) = broken {
            batch.answers.push((done, Err(error)));
            return;
        }
        for record in &records {
            let offset = self.tail.offset + self.buffer.len() as u64;
            batch.places.push((record.district.clone(), record.seq, self.tail.number, offset));
            record.write(self.tail.offset, &mut self.buffer);
            self.heads.insert(record.district.clone(), Head { seq: record.seq, hash: record.hash });
        }
        batch.answers.push((done, Ok(())));
    }

    fn commit(&mut self, batch: &Batch) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.tail.segment.write_at(&self.buffer, self.tail.offset)?;
        self.tail.segment.sync()?;
        self.tail.offset += self.buffer.len() as u64;
        {
            let mut shared = self.shared.write().expect("no holder panics");
            for (district, seq, number, offset) in &batch.places {
                shared.places.add(district, *seq, *number, *offset);
                if let Some(head) = self.heads.get(district) {
                    shared.heads.insert(district.clone(), *head);
                }
            }
        }
        if self.tail.offset >= self.segment_bytes { self.roll() } else { Ok(()) }
    }

    fn roll(&mut self) -> std::io::Result<()> {
        let number = self.tail.number + 1;
        self.tail = create(self.media.as_ref(), number, self.segment_bytes)?;
        let free = self.media.free_bytes();
        self.shared.write().expect("no holder panics").free_bytes = free;
        Ok(())
    }

    fn answer(batch: Batch, poisoned: Option<&Arc<str>>) {
        for (done, verdict) in batch.answers {
            match poisoned {
                Some(reason) => done(Err(AppendError::Poisoned(Arc::clone(reason)))),
                None => done(verdict),
            }
        }
    }
}

/// Makes a segment and its header, durably.
pub(crate) fn create(media: &dyn Media, number: u64, bytes: u64) -> std::io::Result<Tail> {
    let segment = media.create(&segment::name(number), bytes)?;
    segment.write_at(&segment::header(number), 0)?;
    segment.sync()?;
    Ok(Tail { number, offset: segment::HEADER as u64, segment })
}
