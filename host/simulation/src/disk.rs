//! A disk that does what disks do when things go wrong. What was not synced may be lost, in any part and in any order;
//! a sync may fail and drop what it could not write; a disk may be full; a lying one keeps nothing of what it promised.
//!
//! It must never be kinder than a real disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use muster_store::{Media, Segment};

/// What a disk keeps or loses as one piece.
const SECTOR: usize = 512;

/// What goes wrong next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A write fails after a part of it.
    Write,
    /// A sync fails: some of what it should have kept is kept, the rest will never be written, and later syncs of the
    /// same bytes say that all is well.
    Sync,
    /// No new segment can be made.
    Full,
    /// The power goes.
    Power,
}

/// A disk in memory.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<Inner>>);

struct Inner {
    files: BTreeMap<String, File>,
    random: fastrand::Rng,
    /// After so many operations, this goes wrong.
    fault: Option<(u32, Fault)>,
    off: bool,
    lying: bool,
}

#[derive(Default)]
struct File {
    /// What a reader sees.
    seen: Vec<u8>,
    /// What a power loss leaves in any case.
    durable: Vec<u8>,
    /// Sectors that were written since, and are not yet durable.
    unsynced: Vec<usize>,
    /// Its name was never made durable: a power loss may take the whole file.
    unnamed: bool,
}

impl SimulatedDisk {
    /// An empty disk. One that lies says of every sync that all is well, and keeps nothing for certain.
    pub fn new(seed: u64, lying: bool) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self(Arc::new(Mutex::new(Inner { files: BTreeMap::new(), random, fault: None, off: false, lying })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder panics")
    }

    /// After so many operations more, this goes wrong.
    pub fn arm(&self, after: u32, fault: Fault) {
        self.inner().fault = Some((after, fault));
    }

    /// Nothing goes wrong any more.
    pub fn disarm(&self) {
        self.inner().fault = None;
    }

    /// Whether the power is gone.
    pub fn is_off(&self) -> bool {
        self.inner().off
    }

    /// The power goes now, if it has not yet, and comes back: of what was not synced, every sector was kept or lost by
    /// itself.
    pub fn power_loss(&self) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        // Nothing, all, or some: each of them is what some disk does.
        let kept = [0, 10, 50, 90, 100][inner.random.usize(..5)];
        inner.files.retain(|_, file| !file.unnamed || inner.random.bool());
        for file in inner.files.values_mut() {
            for sector in std::mem::take(&mut file.unsynced) {
                if inner.random.u32(..100) < kept {
                    file.keep(sector);
                }
            }
            file.seen.clone_from(&file.durable);
            file.unnamed = false;
        }
        inner.off = false;
        inner.fault = None;
    }

    /// Whether bytes are durable somewhere.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let inner = self.inner();
        // The newest first: what was just acknowledged stands near the end.
        inner.files.values().rev().any(|file| memchr::memmem::rfind(&file.durable, bytes).is_some())
    }
}

impl File {
    fn keep(&mut self, sector: usize) {
        let begin = sector * SECTOR;
        let end = (begin + SECTOR).min(self.seen.len());
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[begin..end].copy_from_slice(&self.seen[begin..end]);
    }

    fn write(&mut self, bytes: &[u8], begin: usize) {
        let end = begin + bytes.len();
        if self.seen.len() < end {
            self.seen.resize(end, 0);
        }
        self.seen[begin..end].copy_from_slice(bytes);
        for sector in begin / SECTOR..end.div_ceil(SECTOR) {
            if !self.unsynced.contains(&sector) {
                self.unsynced.push(sector);
            }
        }
    }
}

impl Inner {
    /// Counts an operation; gives what goes wrong with it.
    fn operate(&mut self) -> io::Result<Option<Fault>> {
        if self.off {
            return Err(io::Error::other("the power is gone"));
        }
        match &mut self.fault {
            Some((0, fault)) => {
                let fault = *fault;
                self.fault = None;
                self.off = fault == Fault::Power;
                Ok(Some(fault))
            }
            Some((after, _)) => {
                *after -= 1;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        self.files.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write(&mut self, name: &str, bytes: &[u8], begin: usize) -> io::Result<()> {
        let fault = self.operate()?;
        let part = match fault {
            Some(Fault::Write | Fault::Power) => self.random.usize(..=bytes.len()),
            _ => bytes.len(),
        };
        self.file(name)?.write(&bytes[..part], begin);
        match fault {
            Some(Fault::Write) => Err(io::Error::other("the disk failed to write")),
            Some(Fault::Power) => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let fault = self.operate()?;
        if self.lying && fault.is_none() {
            return Ok(());
        }
        if fault == Some(Fault::Power) {
            return Err(io::Error::other("the power is gone"));
        }
        let failed = fault == Some(Fault::Sync);
        let sectors = std::mem::take(&mut self.file(name)?.unsynced);
        for sector in sectors {
            if !failed || self.random.bool() {
                self.file(name)?.keep(sector);
            }
        }
        if failed { Err(io::Error::other("the disk failed to sync")) } else { Ok(()) }
    }
}

impl Media for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.inner().files.keys().cloned().collect())
    }

    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn Segment>> {
        let mut inner = self.inner();
        let fault = inner.operate()?;
        if fault == Some(Fault::Full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        // Name and length are durable once this returns; when the power goes meanwhile, the name may be there and empty.
        let there = fault != Some(Fault::Power) || inner.random.bool();
        if there {
            let length = if fault == Some(Fault::Power) { inner.random.usize(..=size) } else { size };
            // A folder's sync that failed leaves a name that is there until the power goes.
            let unnamed = matches!(fault, Some(Fault::Write | Fault::Sync));
            let file = File { seen: vec![0; length], durable: vec![0; length], unsynced: Vec::new(), unnamed };
            if inner.files.insert(name.into(), file).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
        }
        drop(inner);
        match fault {
            Some(Fault::Power) => Err(io::Error::other("the power is gone")),
            Some(Fault::Write | Fault::Sync) => Err(io::Error::other("the disk failed to make a segment")),
            _ => self.open(name, true),
        }
    }

    fn open(&self, name: &str, _writable: bool) -> io::Result<Box<dyn Segment>> {
        self.inner().file(name)?;
        Ok(Box::new(SimulatedSegment { name: name.into(), disk: self.clone() }))
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut inner = self.inner();
        match inner.operate()? {
            None if inner.lying => {}
            None => inner.files.values_mut().for_each(|file| file.unnamed = false),
            Some(Fault::Power) => return Err(io::Error::other("the power is gone")),
            Some(_) => return Err(io::Error::other("the disk failed to sync a folder")),
        }
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

struct SimulatedSegment {
    name: String,
    disk: SimulatedDisk,
}

impl Segment for SimulatedSegment {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.inner().file(&self.name)?.seen.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut inner = self.disk.inner();
        let seen = &inner.file(&self.name)?.seen;
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(seen.len());
        let count = buffer.len().min(seen.len() - begin);
        buffer[..count].copy_from_slice(&seen[begin..begin + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.inner().write(&self.name, bytes, usize::try_from(offset).unwrap_or(usize::MAX))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.inner().sync(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_synced_is_sure_to_survive() {
        let disk = SimulatedDisk::new(1, false);
        let file = disk.create("a", 8_192).expect("made");
        file.write_at(&[7; 512], 0).expect("written");
        file.sync().expect("synced");
        file.write_at(&[9; 4_096], 512).expect("written");
        assert!(disk.holds(&[7; 512]) && !disk.holds(&[9; 512]));
        disk.power_loss();
        let mut bytes = [0; 512];
        file.read_at(&mut bytes, 0).expect("read");
        assert_eq!(bytes, [7; 512]);
    }

    #[test]
    fn a_name_that_was_never_durable_may_go_with_all_that_was_written_under_it() {
        let there = |named: bool| {
            (0..64).filter(move |seed| {
                let disk = SimulatedDisk::new(*seed, false);
                disk.arm(0, Fault::Sync);
                assert!(disk.create("a", 512).is_err());
                let file = disk.open("a", true).expect("the name is there");
                if named {
                    disk.sync_names().expect("synced");
                }
                file.write_at(&[7; 512], 0).expect("written");
                file.sync().expect("synced");
                disk.power_loss();
                disk.holds(&[7; 512])
            })
        };
        assert_eq!(there(true).count(), 64);
        assert!((1..64).contains(&there(false).count()));
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next() {
        let disk = SimulatedDisk::new(3, false);
        let file = disk.create("a", 65_536).expect("made");
        file.write_at(&vec![9; 65_536], 0).expect("written");
        disk.arm(0, Fault::Sync);
        assert!(file.sync().is_err());
        file.sync().expect("the disk says that all is well");
        assert!(!disk.holds(&vec![9; 65_536]), "half of it was dropped");
    }
}
