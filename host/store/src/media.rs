//! The narrow seam to the disk: what the journal asks of it, with dumb semantics. Two kinds: the real disk, and one in
//! memory that forgets what was not synced.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::folder;

/// A folder of segments.
pub trait Media: Send + Sync + 'static {
    /// Names of all segments, in order.
    ///
    /// # Errors
    /// When the disk refuses.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes a segment of this size and makes its name durable.
    ///
    /// # Errors
    /// When the disk refuses.
    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn Segment>>;
    /// Opens a segment.
    ///
    /// # Errors
    /// When the disk refuses.
    fn open(&self, name: &str, writable: bool) -> io::Result<Box<dyn Segment>>;
    /// Makes durable the names of all segments that are there. A process that ended, or a disk that failed, while it made
    /// one leaves a name that a power loss may take.
    ///
    /// # Errors
    /// When the disk refuses.
    fn sync_names(&self) -> io::Result<()>;
    /// Free bytes, when they can be known.
    fn free_bytes(&self) -> Option<u64>;
}

/// One segment file.
pub trait Segment: Send + Sync {
    /// Bytes in the file, preallocated ones included.
    ///
    /// # Errors
    /// When the disk refuses.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file is empty.
    ///
    /// # Errors
    /// When the disk refuses.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills the buffer from a place; gives the bytes that were there.
    ///
    /// # Errors
    /// When the disk refuses.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes at a place.
    ///
    /// # Errors
    /// When the disk refuses. The file may then hold part of the bytes.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    ///
    /// # Errors
    /// When the disk refuses. What was written since the last time may then be lost.
    fn sync(&self) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// The segments in a folder, which is made if need be.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        folder::make(folder)?;
        Ok(Self { folder: folder.into() })
    }
}

impl Media for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|kind| kind == "seg") {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn Segment>> {
        let path = self.folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        // Preallocated, so that a later sync need not commit the file's size each time.
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size) {
            Ok(()) => {}
            Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOSYS) => {
                tracing::warn!(target: "muster::journal", name, "this file system cannot preallocate; commits will be slower");
            }
            Err(error) => {
                // What there was room for is given back: others on this disk need it now.
                drop(std::fs::remove_file(&path));
                return Err(error.into());
            }
        }
        file.sync_all()?;
        folder::sync(&self.folder)?;
        Ok(Box::new(DiskSegment(file)))
    }

    fn open(&self, name: &str, writable: bool) -> io::Result<Box<dyn Segment>> {
        let file = OpenOptions::new().read(true).write(writable).open(self.folder.join(name))?;
        Ok(Box::new(DiskSegment(file)))
    }

    fn sync_names(&self) -> io::Result<()> {
        folder::sync(&self.folder)
    }

    fn free_bytes(&self) -> Option<u64> {
        let space = rustix::fs::statvfs(&self.folder).ok()?;
        Some(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

struct DiskSegment(File);

impl Segment for DiskSegment {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// A disk in memory. A crash keeps what was synced and nothing else.
#[derive(Debug, Clone, Default)]
pub struct MemoryMedia {
    files: Arc<Mutex<BTreeMap<String, MemoryFile>>>,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Debug, Clone, Default)]
struct MemoryFile {
    written: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Debug, Default)]
struct Faults {
    fail_writes: bool,
    fail_syncs: bool,
}

impl MemoryMedia {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a power loss leaves: all that was synced, and the first `torn` bytes of what was not.
    #[must_use]
    pub fn after_power_loss(&self, torn: usize) -> Self {
        let files = self.files.lock().expect("no holder panics");
        let survive = |file: &MemoryFile| {
            let mut synced = file.synced.clone();
            let differs = |place: usize| file.written.get(place) != synced.get(place);
            let first = (0..file.written.len()).find(|place| differs(*place)).unwrap_or(file.written.len());
            let end = (first + torn).min(file.written.len());
            if synced.len() < end {
                synced.resize(end, 0);
            }
            synced[first.min(end)..end].copy_from_slice(&file.written[first.min(end)..end]);
            MemoryFile { written: synced.clone(), synced }
        };
        let files = files.iter().map(|(name, file)| (name.clone(), survive(file))).collect();
        Self { files: Arc::new(Mutex::new(files)), faults: Arc::default() }
    }

    /// From now on every write fails.
    pub fn fail_writes(&self) {
        self.faults.lock().expect("no holder panics").fail_writes = true;
    }

    /// From now on every sync fails.
    pub fn fail_syncs(&self) {
        self.faults.lock().expect("no holder panics").fail_syncs = true;
    }

    /// Changes a byte of a segment, as a bad disk would.
    pub fn flip(&self, name: &str, place: usize) {
        if let Some(file) = self.files.lock().expect("no holder panics").get_mut(name)
            && let Some(byte) = file.written.get_mut(place)
        {
            *byte ^= 0x40;
            file.synced.clone_from(&file.written);
        }
    }

    /// The bytes of a segment.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.files.lock().expect("no holder panics").get(name).map(|file| file.written.clone()).unwrap_or_default()
    }
}

impl Media for MemoryMedia {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.lock().expect("no holder panics").keys().cloned().collect())
    }

    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn Segment>> {
        let zeros = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let file = MemoryFile { written: zeros.clone(), synced: zeros };
        self.files.lock().expect("no holder panics").insert(name.into(), file);
        self.open(name, true)
    }

    fn open(&self, name: &str, _writable: bool) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(MemorySegment { name: name.into(), media: self.clone() }))
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

struct MemorySegment {
    name: String,
    media: MemoryMedia,
}

impl MemorySegment {
    fn with<T>(&self, work: impl FnOnce(&mut MemoryFile) -> T) -> io::Result<T> {
        let mut files = self.media.files.lock().expect("no holder panics");
        files.get_mut(&self.name).map(work).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Segment for MemorySegment {
    fn len(&self) -> io::Result<u64> {
        self.with(|file| file.written.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|file| {
            let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(file.written.len());
            let count = buffer.len().min(file.written.len() - begin);
            buffer[..count].copy_from_slice(&file.written[begin..begin + count]);
            count
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.media.faults.lock().expect("no holder panics").fail_writes {
            return Err(io::Error::other("injected: the write failed"));
        }
        self.with(|file| {
            let begin = usize::try_from(offset).unwrap_or(usize::MAX);
            if file.written.len() < begin + bytes.len() {
                file.written.resize(begin + bytes.len(), 0);
            }
            file.written[begin..begin + bytes.len()].copy_from_slice(bytes);
        })
    }

    fn sync(&self) -> io::Result<()> {
        if self.media.faults.lock().expect("no holder panics").fail_syncs {
            return Err(io::Error::other("injected: the sync failed"));
        }
        self.with(|file| file.synced.clone_from(&file.written))
    }
}
