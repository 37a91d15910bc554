//! Copies of a data folder, also of one that a host is writing to.
//!
//! What was acknowledged before the copy began is in it. The order makes it whole: checkpoints before the journal, so that
//! none speaks of entries that are not there; what the outbox keeps before it, too, so that it never stands beyond the
//! journal; the vault after it, so that no entry names bytes that are missing. The view
//! and what was compiled are left out: the journal rebuilds the one, the vault the other.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::checkpoint;
use crate::error::Error;
use crate::media::{Disk, Media};
use crate::segment::{Scan, Step};

/// Where the outbox keeps its rows, in a data folder.
pub const OUTBOX: &str = "outbox";

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Copies a data folder into an empty one, durably. A folder that is made for it is for its owner alone.
///
/// # Errors
/// When the target holds anything, a segment is damaged, or the disk refuses.
pub fn copy(data: &Path, target: &Path) -> Result<Copied, Error> {
    let failed = |what: &Path| {
        let what = what.display().to_string();
        move |reason| Error::disk(what, reason)
    };
    crate::folder::make(target).map_err(failed(target))?;
    if fs::read_dir(target).map_err(failed(target))?.next().is_some() {
        let reason = std::io::Error::new(std::io::ErrorKind::AlreadyExists, "it is not empty; give a new folder");
        return Err(Error::disk(target.display().to_string(), reason));
    }
    let mut copied = Copied::default();
    let outbox = data.join(OUTBOX);
    copy_folder(&outbox, &target.join(OUTBOX), &mut copied).map_err(failed(&outbox))?;
    let folder = checkpoint::FOLDER;
    copy_folder(&data.join(folder), &target.join(folder), &mut copied).map_err(failed(&data.join(folder)))?;
    copy_journal(&data.join("journal"), &target.join("journal"), &mut copied)?;
    copy_folder(&data.join("vault"), &target.join("vault"), &mut copied).map_err(failed(&data.join("vault")))?;
    // Whom the host trusts goes with it: a restored host must not begin by trusting anew.
    copy_folder(&data.join("trust"), &target.join("trust"), &mut copied).map_err(failed(&data.join("trust")))?;
    Ok(copied)
}

/// Copies the records of every segment. Behind the last whole record of the last segment a host may be writing: the copy
/// ends there.
fn copy_journal(from: &Path, to: &Path, copied: &mut Copied) -> Result<(), Error> {
    let failed = |what: &Path| {
        let what = what.display().to_string();
        move |reason| Error::disk(what, reason)
    };
    let disk = Disk::open(from).map_err(failed(from))?;
    let names = disk.list().map_err(failed(from))?;
    fs::create_dir_all(to).map_err(failed(to))?;
    for (index, name) in names.iter().enumerate() {
        let mut scan = Scan::open(&disk, name)?;
        let end = loop {
            match scan.next() {
                Step::Record { .. } => {}
                Step::End(end) => break end,
                Step::Bad { offset, .. } if index + 1 == names.len() => break offset,
                Step::Bad { offset, reason, .. } => {
                    return Err(Error::Damaged { segment: name.clone(), offset, reason: reason.into() });
                }
            }
        };
        let file = to.join(name);
        keep(&file, scan.bytes_before(end)).map_err(failed(&file))?;
        copied.files += 1;
        copied.bytes += end;
    }
    File::open(to).and_then(|folder| folder.sync_all()).map_err(failed(to))
}

fn copy_folder(from: &Path, to: &Path, copied: &mut Copied) -> std::io::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target, copied)?;
        } else if entry.path().extension().is_none_or(|end| end != "new") {
            copied.bytes += fs::copy(entry.path(), &target)?;
            copied.files += 1;
            File::open(&target)?.sync_all()?;
        }
    }
    File::open(to)?.sync_all()
}

fn keep(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut handle = File::create_new(file)?;
    handle.write_all(bytes)?;
    handle.sync_all()
}
