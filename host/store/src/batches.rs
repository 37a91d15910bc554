//! Rows that must not be lost: every batch of changes is appended to one file and synced before it counts; at the start
//! the batches are folded anew. It knows nothing of what a row means, and gives no row that was damaged.
//!
//! Not sled: its flush hands data to the operating system but does not order it against a power loss, and damaged files
//! of its cost all rows. For a view that the journal rebuilds that is no harm; here it would be (see `docs/outbox.md`).
//!
//! ```text
//! length   u32 LE   bytes that follow the checksum
//! checksum u32 LE   CRC-32C of the bytes that follow it
//! number   u64 LE   of the batch within the file, from 0
//! changes  …        key: u32 LE and bytes; row: u32 LE and bytes, or 0xffff_ffff when the row is gone
//! ```
//!
//! The first batch of a file holds all rows of the file before and is put in place as a whole. Behind it only the very
//! last batch can be torn, and it was never acknowledged then: bad bytes before a whole batch are damage, and said.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::folder;

/// Why rows cannot be kept or given.
#[derive(Debug, thiserror::Error)]
pub enum BatchesError {
    /// The disk refused.
    #[error("{file}: {reason}; look at the disk")]
    Disk {
        /// The file.
        file: String,
        /// What the system said.
        reason: io::Error,
    },
    /// A batch that was acknowledged cannot be read any more.
    #[error(
        "{file} is damaged at byte {offset} ({reason}); nothing was changed: copy back this file alone from the last \
         backup, and leave everything else as it is"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

/// One change: a key, and what stands under it from now on.
pub type RowChange = (Vec<u8>, Option<Vec<u8>>);

/// Rows by key, in key order.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Length and checksum.
const PREFIX: usize = 8;
/// In place of a row's length: the row is gone.
const GONE: u32 = u32::MAX;
/// A file grows at least to this before it is written anew.
const REWRITE_BYTES_MIN: usize = 1 << 20;
/// It is written anew once it is so many times larger than its rows.
const REWRITE_FACTOR: usize = 4;
const FILE: &str = "rows.log";

/// Rows that survive a kill and a power loss.
pub struct Batches {
    folder: PathBuf,
    rows: Rows,
    /// `None` after a failure: what the file ends with is not known, so it is written anew before anything is appended.
    file: Option<File>,
    length: usize,
    number: u64,
}

impl Batches {
    /// The rows in a folder, which is made if need be.
    ///
    /// # Errors
    /// When rows that were acknowledged cannot be read, or the disk refuses.
    pub fn open(place: &Path) -> Result<Self, BatchesError> {
        folder::make(place).map_err(|reason| disk(&place.join(FILE), reason))?;
        let rows = Self::read(place)?;
        let mut batches = Self { folder: place.into(), rows, file: None, length: 0, number: 0 };
        // Written anew at every start: a sync that failed before may have left bytes that can be read and are not
        // durable; and what was acknowledged before this start can never be taken for a torn tail after it.
        batches.rewrite()?;
        Ok(batches)
    }

    /// The rows in a folder, and nothing is written or made: for who only looks, also beside the process that writes.
    ///
    /// # Errors
    /// When rows that were acknowledged cannot be read, or the disk refuses.
    pub fn read(place: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, BatchesError> {
        let path = place.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => fold(&path, &bytes),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(Rows::new()),
            Err(reason) => Err(disk(&path, reason)),
        }
    }

    /// All rows, in key order.
    pub fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.rows.iter().map(|(key, row)| (key.as_slice(), row.as_slice()))
    }

    /// The row under a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.rows.get(key).map(Vec::as_slice)
    }

    /// Carries out changes as one batch: durable as a whole when this returns.
    ///
    /// # Errors
    /// When the disk refuses. The rows stand as before; whether the batch is there after a power loss that follows is
    /// open, until the next batch was carried out.
    pub fn apply(&mut self, changes: &[RowChange]) -> Result<(), BatchesError> {
        if changes.is_empty() {
            return Ok(());
        }
        if self.file.is_none() || self.is_grown() {
            self.rewrite()?;
        }
        let batch = frame(self.number, changes.iter().map(|(key, row)| (key.as_slice(), row.as_deref())));
        let append = |mut file: &File| {
            file.write_all(&batch)?;
            file.sync_data()
        };
        if let Some(file) = &self.file
            && let Err(reason) = append(file)
        {
            // What reached the file is taken back if it can be; it is written anew before the next batch anyway.
            drop(file.set_len(self.length as u64));
            self.file = None;
            return Err(disk(&self.folder.join(FILE), reason));
        }
        self.length += batch.len();
        self.number += 1;
        for (key, row) in changes {
            carry(&mut self.rows, key, row.as_deref());
        }
        Ok(())
    }

    fn is_grown(&self) -> bool {
        let rows: usize = self.rows.iter().map(|(key, row)| key.len() + row.len()).sum();
        self.length > REWRITE_BYTES_MIN && self.length > rows.saturating_mul(REWRITE_FACTOR)
    }

    /// Puts a file with one batch of all rows in place of the one before.
    fn rewrite(&mut self) -> Result<(), BatchesError> {
        let batch = frame(0, self.rows.iter().map(|(key, row)| (key.as_slice(), Some(row.as_slice()))));
        let path = self.folder.join(FILE);
        let put = || {
            let fresh = self.folder.join(format!("{FILE}.new"));
            let mut handle = File::create(&fresh)?;
            handle.write_all(&batch)?;
            handle.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            folder::sync(&self.folder)?;
            OpenOptions::new().append(true).open(&path)
        };
        self.file = None;
        self.file = Some(put().map_err(|reason| disk(&path, reason))?);
        (self.length, self.number) = (batch.len(), 1);
        Ok(())
    }
}

fn disk(file: &Path, reason: io::Error) -> BatchesError {
    BatchesError::Disk { file: file.display().to_string(), reason }
}

fn carry(rows: &mut Rows, key: &[u8], row: Option<&[u8]>) {
    match row {
        Some(row) => drop(rows.insert(key.to_vec(), row.to_vec())),
        None => drop(rows.remove(key)),
    }
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a row is far below 4 GiB").to_le_bytes()
}

fn frame<'a>(number: u64, changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Vec<u8> {
    let mut bytes = vec![0; PREFIX];
    bytes.extend(number.to_le_bytes());
    for (key, row) in changes {
        bytes.extend(length(key));
        bytes.extend(key);
        bytes.extend(row.map_or(GONE.to_le_bytes(), length));
        bytes.extend(row.unwrap_or_default());
    }
    let size = length(&bytes[PREFIX..]);
    let checksum = crc32c::crc32c(&bytes[PREFIX..]).to_le_bytes();
    bytes[..4].copy_from_slice(&size);
    bytes[4..PREFIX].copy_from_slice(&checksum);
    bytes
}

/// The rows that a file's batches come to.
fn fold(path: &Path, bytes: &[u8]) -> Result<Rows, BatchesError> {
    let damaged = |offset, reason| BatchesError::Damaged { file: path.display().to_string(), offset, reason };
    let mut rows = Rows::new();
    let (mut offset, mut number) = (0, 0);
    while offset < bytes.len() {
        let Some((body, end)) = body_at(bytes, offset, number) else {
            // The first batch was whole before the file had its name.
            if number == 0 {
                return Err(damaged(offset, "the batch of all rows does not hold"));
            }
            if (offset + 1..bytes.len()).any(|later| follows(bytes, later, number)) {
                return Err(damaged(offset, "a batch before others does not hold"));
            }
            return Ok(rows);
        };
        let changes = read(body).ok_or_else(|| damaged(offset, "a batch has an unknown form"))?;
        for (key, row) in changes {
            carry(&mut rows, key, row);
        }
        (offset, number) = (end, number + 1);
    }
    if number == 0 { Err(damaged(0, "it is empty")) } else { Ok(rows) }
}

/// The changes of a whole batch with this number, and where it ends.
fn body_at(bytes: &[u8], offset: usize, number: u64) -> Option<(&[u8], usize)> {
    let (found, body, end) = batch_at(bytes, offset)?;
    (found == number).then_some((body, end))
}

/// Whether a batch that came after this number stands here.
fn follows(bytes: &[u8], offset: usize, number: u64) -> bool {
    batch_at(bytes, offset).is_some_and(|(found, ..)| found > number)
}

fn batch_at(bytes: &[u8], offset: usize) -> Option<(u64, &[u8], usize)> {
    let (prefix, rest) = bytes.get(offset..)?.split_first_chunk::<PREFIX>()?;
    let size = usize::try_from(u32::from_le_bytes(*prefix.first_chunk()?)).ok()?;
    let body = rest.get(..size)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*prefix.last_chunk()?) {
        return None;
    }
    let (number, body) = body.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*number), body, offset + PREFIX + size))
}

/// A key, and its row or nothing when it is gone.
type Change<'a> = (&'a [u8], Option<&'a [u8]>);

fn read(mut bytes: &[u8]) -> Option<Vec<Change<'_>>> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let key = part(&mut bytes)??;
        changes.push((key, part(&mut bytes)?));
    }
    Some(changes)
}

/// Takes a length and as many bytes off; the inner `None`: a row that is gone.
#[expect(clippy::option_option, reason = "not readable, gone, and there are three things")]
fn part<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*size);
    if size == GONE {
        *bytes = rest;
        return Some(None);
    }
    let (part, rest) = rest.split_at_checked(usize::try_from(size).ok()?)?;
    *bytes = rest;
    Some(Some(part))
}
