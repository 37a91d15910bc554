//! Folders whose names survive a power loss: a name is durable only once the folder that holds it was synced.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Makes a folder and every missing one above it, and makes their names durable. Nothing that is later kept in it can
/// then vanish with its name. What is made is for its owner alone: a journal names people.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !is_there(folder)).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for fresh in missing {
        sync(above(fresh))?;
    }
    // The folder may have been made just before a crash, so that it is there but its name is not durable.
    match sync(above(folder)) {
        // Above a folder that an administrator made, we may not even look.
        Err(reason) if reason.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Makes the names in a folder durable.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()?;
    #[cfg(test)]
    SYNCED.with_borrow_mut(|synced| synced.push(folder.into()));
    Ok(())
}

#[cfg(test)]
thread_local! {
    /// The folders that this thread made durable: what no test can see on a disk that keeps its power.
    static SYNCED: std::cell::RefCell<Vec<std::path::PathBuf>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The folders that this thread made durable since it was asked last, in order.
#[cfg(test)]
pub(crate) fn take_synced() -> Vec<std::path::PathBuf> {
    SYNCED.take()
}

fn is_there(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder.exists()
}

fn above(folder: &Path) -> &Path {
    match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        Some(_) => Path::new("."),
        None => folder,
    }
}
