//! The journal: segments shared by all districts, a hash chain per district, group commit by one writer thread.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use crate::error::{AppendError, Error};
use crate::known::{Head, Shared};
use crate::media::Media;
use crate::record::Record;
use crate::records::{Holding, Onward, Records};
use crate::vault::hexadecimal;
use crate::walk;
use crate::writer::{Done, Queue, Request, Writer};

/// How the journal is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Size of a segment in bytes.
    pub segment_bytes: u64,
    /// Below this many free bytes the host takes no new signals, before a write can fail.
    pub low_space_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, low_space_bytes: 256 << 20 }
    }
}

/// A journal that was opened.
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// The end of every chain.
    pub heads: BTreeMap<String, Head>,
    /// Bytes of a torn tail that were cut: never acknowledged.
    pub cut_bytes: u64,
}

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Records that hold, by district.
    pub records: BTreeMap<String, u64>,
    /// The first fault, in words.
    pub fault: Option<String>,
}

/// The journal of a host.
pub struct Journal {
    media: Arc<dyn Media>,
    shared: Arc<RwLock<Shared>>,
    queue: Option<Queue>,
    options: Options,
}

impl Journal {
    /// Opens the journal for writing: checks every record, cuts a torn tail.
    ///
    /// # Errors
    /// When a record is damaged where no crash could have damaged it, or the disk refuses.
    pub fn open(media: impl Media, options: Options) -> Result<Opened, Error> {
        let (mut opened, writer) = Self::open_unattended(media, options)?;
        if let Some(queue) = &mut opened.journal.queue {
            queue.thread = Some(writer.start()?);
        }
        Ok(opened)
    }

    /// Opens the journal for writing as [`Journal::open`] does, but starts no thread: what is queued becomes durable when the
    /// caller moves the writer.
    ///
    /// # Errors
    /// When a record is damaged where no crash could have damaged it, or the disk refuses.
    pub fn open_unattended(media: impl Media, options: Options) -> Result<(Opened, Writer), Error> {
        let media: Arc<dyn Media> = Arc::new(media);
        let walked = walk::walk(media.as_ref())?;
        let tail = walk::open_tail(media.as_ref(), &walked, options.segment_bytes)?;
        let shared = Shared { heads: walked.heads.clone(), places: walked.places, free_bytes: media.free_bytes() };
        let shared = Arc::new(RwLock::new(shared));
        let (requests, writer) = Writer::new(Arc::clone(&media), tail, Arc::clone(&shared), options.segment_bytes);
        let queue = Some(Queue { requests, thread: None });
        let journal = Self { media, shared, queue, options };
        Ok((Opened { journal, heads: walked.heads, cut_bytes: walked.torn_bytes }, writer))
    }

    /// Opens the journal for reading only, beside a live host or on a copy. A torn tail is not touched.
    ///
    /// # Errors
    /// When a record is damaged, or the disk refuses.
    pub fn open_read_only(media: impl Media, options: Options) -> Result<Self, Error> {
        let media: Arc<dyn Media> = Arc::new(media);
        let walked = walk::beside_a_writer(media.as_ref())?;
        let shared = Shared { heads: walked.heads, places: walked.places, free_bytes: media.free_bytes() };
        Ok(Self { media, shared: Arc::new(RwLock::new(shared)), queue: None, options })
    }

    /// Queues records; `done` is called on the writer's thread once they are durable, or will never be. Waits while the
    /// queue is full.
    ///
    /// # Errors
    /// When the journal is closed or read-only; `done` is then not called.
    pub fn append(
        &self,
        records: Vec<Record>,
        done: impl FnOnce(Result<(), AppendError>) + Send + 'static,
    ) -> Result<(), AppendError> {
        let done: Done = Box::new(done);
        let queue = self.queue.as_ref().ok_or(AppendError::Closed)?;
        queue.requests.send(Request::Append(records, done)).map_err(|_| AppendError::Closed)
    }

    /// Queues records and waits until they are durable.
    ///
    /// # Errors
    /// When they are not, and will never be.
    pub fn append_and_wait(&self, records: Vec<Record>) -> Result<(), AppendError> {
        let (tell, told) = crossbeam_channel::bounded(1);
        self.append(records, move |verdict| {
            // Nobody waits any more only if the appender itself is gone.
            drop(tell.send(verdict));
        })?;
        told.recv().unwrap_or(Err(AppendError::Closed))
    }

    /// The durable end of every chain.
    pub fn heads(&self) -> BTreeMap<String, Head> {
        self.shared.read().expect("no holder panics").heads.clone()
    }

    /// The durable end of a district's chain.
    pub fn head(&self, district: &str) -> Head {
        self.shared.read().expect("no holder panics").heads.get(district).copied().unwrap_or_default()
    }

    /// Whether free space is below the watermark.
    pub fn is_low_on_space(&self) -> bool {
        let free = self.media.free_bytes();
        free.is_some_and(|free| free < self.options.low_space_bytes)
    }

    /// The durable records of a district from a position on, in order.
    pub fn read(&self, district: &str, from: u64) -> Records {
        let shared = self.shared.read().expect("no holder panics");
        let head = shared.heads.get(district).copied().unwrap_or_default();
        let start = shared.places.before(district, from.max(1));
        Records::new(Arc::clone(&self.media), district, from.max(1)..=head.seq, start)
    }

    /// The durable records behind a position of each of these districts, in the order in which they were written. What stands
    /// between them is passed over once, not once for each district.
    pub fn read_onward(&self, behind: &BTreeMap<String, u64>) -> Onward {
        let shared = self.shared.read().expect("no holder panics");
        let wanted: BTreeMap<String, (u64, u64)> = behind
            .iter()
            .filter_map(|(district, seq)| Some((district.clone(), (seq + 1, shared.heads.get(district)?.seq))))
            .filter(|(_, (next, last))| next <= last)
            .collect();
        let places = wanted.iter().filter_map(|(district, (next, _))| shared.places.before(district, *next));
        let first = places.min();
        Onward::new(Arc::clone(&self.media), wanted, first)
    }

    /// The durable records of all districts whose payload holds a text, in the order in which they were written. Everything
    /// that became durable before the call is looked at.
    pub fn read_holding(&self, text: &str) -> Holding {
        let shared = self.shared.read().expect("no holder panics");
        let heads = shared.heads.iter().map(|(district, head)| (district.clone(), head.seq)).collect();
        Holding::new(Arc::clone(&self.media), text, heads, shared.places.first())
    }

    /// One durable record of a district.
    ///
    /// # Errors
    /// When it is damaged, or the disk refuses.
    pub fn record(&self, district: &str, seq: u64) -> Result<Option<Record>, Error> {
        self.read(district, seq).next().transpose().map(|record| record.filter(|record| record.seq == seq))
    }

    /// Hashes every record anew and compares. `progress` is told the records done so far.
    ///
    /// # Errors
    /// When the disk refuses. A fault of the journal is in the report.
    pub fn verify(&self, only: Option<&str>, mut progress: impl FnMut(u64)) -> Result<VerifyReport, Error> {
        let mut report = VerifyReport::default();
        let districts = self.heads();
        let chosen = districts.keys().filter(|district| only.is_none_or(|only| only == district.as_str()));
        let mut done = 0;
        for district in chosen {
            let mut prev = [0; 32];
            for record in self.read(district, 1) {
                let record = match record {
                    Ok(record) => record,
                    Err(Error::Damaged { segment, offset, reason }) => {
                        report.fault = Some(format!("segment {segment}, byte {offset}: {reason}"));
                        return Ok(report);
                    }
                    Err(error) => return Err(error),
                };
                if let Some(fault) = fault_of(&record, &prev) {
                    report.fault = Some(fault);
                    return Ok(report);
                }
                prev = record.hash;
                done += 1;
                *report.records.entry(district.clone()).or_default() += 1;
                progress(done);
            }
        }
        Ok(report)
    }

    /// Writes what waits, and ends the writer.
    pub fn close(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        let Some(Queue { requests, thread }) = self.queue.take() else { return };
        if let Some(thread) = thread {
            drop(requests.send(Request::Close));
            drop(thread.join());
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

fn fault_of(record: &Record, prev: &[u8; 32]) -> Option<String> {
    let place = format!("district {}, entry {}", record.district, record.seq);
    if record.prev != *prev {
        return Some(format!("{place}: it does not follow the entry before (prev {})", hexadecimal(&record.prev)));
    }
    if !record.hash_holds() {
        return Some(format!("{place}: the entry was changed, its hash is not {}", hexadecimal(&record.hash)));
    }
    let said = format!("\"prev\":\"{}\"", hexadecimal(prev));
    let head = &record.payload[..record.payload.len().min(512)];
    if !head.windows(said.len()).any(|window| window == said.as_bytes()) {
        return Some(format!("{place}: the entry itself names another entry before it"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder;
    use crate::media::Disk;
    use crate::segment;

    #[test]
    fn a_start_builds_on_no_segment_whose_name_is_not_durable() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::open(folder.path()).expect("a disk");
        // What a process leaves that ends before the folder is synced: a name, and nothing in it yet.
        std::fs::write(folder.path().join(segment::name(1)), b"").expect("made");
        folder::take_synced();
        let opened =
            Journal::open(disk.clone(), Options { segment_bytes: 4_096, low_space_bytes: 0 }).expect("a journal");
        assert_eq!(folder::take_synced(), [folder.path().to_path_buf()]);
        drop(opened);
        Journal::open_read_only(disk, Options::default()).expect("readable");
        assert!(folder::take_synced().is_empty(), "a reader changes nothing");
    }
}
