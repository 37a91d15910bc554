//! One writer per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::Error;
use crate::folder;

/// Held as long as this process may write the folder.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Takes the folder for this process.
///
/// # Errors
/// When another process holds it, or the disk refuses.
pub fn lock(folder: &Path) -> Result<DataLock, Error> {
    let what = || format!("lock {}", folder.display());
    folder::make(folder).map_err(|reason| Error::disk(what(), reason))?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"));
    let file = file.map_err(|reason| Error::disk(what(), reason))?;
    match file.try_lock() {
        Ok(()) => Ok(DataLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { folder: folder.display().to_string() }),
        Err(TryLockError::Error(reason)) => Err(Error::disk(what(), reason)),
    }
}
