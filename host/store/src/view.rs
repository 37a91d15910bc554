//! The sled view: where each district stood at some position. Written behind, always rebuildable, never the truth.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::known::Head;

/// Why the view cannot be used. The journal is not touched by this.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// sled refused.
    #[error("the view in sled: {0}; it can be deleted, the journal rebuilds it")]
    Sled(#[from] sled::Error),
    /// The disk refused.
    #[error("the view's folder {folder}: {reason}")]
    Disk {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

/// A district as the view has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The shape of the items.
    pub version: u32,
    /// The position that the items reflect.
    pub position: Head,
    /// The items.
    pub items: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The view.
#[derive(Clone)]
pub struct View {
    database: sled::Db,
}

/// Memory that sled may use for its cache.
const CACHE_BYTES: u64 = 64 << 20;
/// How often sled writes by itself; `None` would switch its garbage collection off.
const FLUSH_EVERY_MS: u64 = 500;
/// What separates a district's key from the key of an item. No district's id holds it.
const SEPARATOR: u8 = 0;

/// Where the rows of a view are kept: sled, or a simulation's memory.
pub trait Rows: Send + Sync {
    /// A district, if the view has it.
    ///
    /// # Errors
    /// When sled refuses.
    fn load(&self, district: &str) -> Result<Option<Loaded>, ViewError>;
    /// Writes changed items and the position that they reflect, all or nothing.
    ///
    /// # Errors
    /// When sled refuses; the view then still shows the position before.
    fn write(
        &self,
        district: &str,
        version: u32,
        position: Head,
        changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<(), ViewError>;
    /// Forgets a district; it is then folded from the journal.
    ///
    /// # Errors
    /// When sled refuses.
    fn forget(&self, district: &str) -> Result<(), ViewError>;
    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// When sled refuses.
    fn flush(&self) -> Result<(), ViewError>;
}

impl View {
    /// Opens the view. If sled cannot open its files, they are set aside and a fresh view is made; the reason is given.
    ///
    /// # Errors
    /// When not even a fresh view can be made.
    pub fn open(folder: &Path) -> Result<(Self, Option<String>), ViewError> {
        remove_half_made(folder);
        match try_open(folder) {
            Ok(view) => Ok((view, None)),
            Err(reason) => {
                set_aside(folder).map_err(|reason| ViewError::Disk { folder: folder.into(), reason })?;
                let database = configured(folder).open()?;
                Ok((Self { database }, Some(reason)))
            }
        }
    }
}

impl Rows for View {
    fn load(&self, district: &str) -> Result<Option<Loaded>, ViewError> {
        let Some(mark) = self.database.get(district.as_bytes())? else { return Ok(None) };
        let Some((version, position)) = read_mark(&mark) else { return Ok(None) };
        let prefix = prefix(district);
        let mut items = Vec::new();
        for item in self.database.scan_prefix(&prefix) {
            let (key, value) = item?;
            items.push((key[prefix.len()..].to_vec(), value.to_vec()));
        }
        Ok(Some(Loaded { version, position, items }))
    }

    fn write(
        &self,
        district: &str,
        version: u32,
        position: Head,
        changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<(), ViewError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            let mut name = prefix(district);
            name.extend(key);
            match value {
                Some(value) => batch.insert(name, value),
                None => batch.remove(name),
            }
        }
        batch.insert(district.as_bytes(), write_mark(version, position));
        Ok(self.database.apply_batch(batch)?)
    }

    fn forget(&self, district: &str) -> Result<(), ViewError> {
        let mut batch = sled::Batch::default();
        batch.remove(district.as_bytes());
        for item in self.database.scan_prefix(prefix(district)) {
            batch.remove(item?.0);
        }
        Ok(self.database.apply_batch(batch)?)
    }

    fn flush(&self) -> Result<(), ViewError> {
        self.database.flush()?;
        Ok(())
    }
}

fn configured(folder: &Path) -> sled::Config {
    sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_EVERY_MS))
}

/// sled may panic on damaged files; that is a reason to rebuild, not to stop.
fn try_open(folder: &Path) -> Result<View, String> {
    let opened = catch_unwind(AssertUnwindSafe(|| configured(folder).open()));
    match opened {
        Ok(Ok(database)) => Ok(View { database }),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("sled panicked while it read its files".into()),
    }
}

/// A process that was killed while it opened sled leaves a snapshot half made; the next open would fail on it.
fn remove_half_made(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().ends_with(".generating")
            && let Err(reason) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(target: "muster::view", %reason, file = %entry.path().display(), "a half-made snapshot stays");
        }
    }
}

/// Moves the damaged files away, in place of those that were set aside before.
fn set_aside(folder: &Path) -> std::io::Result<()> {
    let aside = folder.with_extension("damaged");
    match std::fs::remove_dir_all(&aside) {
        Ok(()) => {}
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => {}
        Err(reason) => return Err(reason),
    }
    std::fs::rename(folder, aside)
}

fn prefix(district: &str) -> Vec<u8> {
    let mut prefix = district.as_bytes().to_vec();
    prefix.push(SEPARATOR);
    prefix
}

fn write_mark(version: u32, position: Head) -> Vec<u8> {
    let mut mark = version.to_le_bytes().to_vec();
    mark.extend(position.seq.to_le_bytes());
    mark.extend(position.hash);
    mark
}

fn read_mark(mark: &[u8]) -> Option<(u32, Head)> {
    let (version, rest) = mark.split_at_checked(4)?;
    let (seq, hash) = rest.split_at_checked(8)?;
    let seq = u64::from_le_bytes(seq.try_into().ok()?);
    Some((u32::from_le_bytes(version.try_into().ok()?), Head { seq, hash: hash.try_into().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_loaded_with_its_position() {
        let folder = tempfile::tempdir().expect("a folder");
        let position = Head { seq: 7, hash: [3; 32] };
        let path = folder.path().join("view");
        {
            let (view, rebuilt) = View::open(&path).expect("a view");
            assert_eq!(rebuilt, None);
            view.write("d1", 1, position, vec![(b"a".to_vec(), Some(b"1".to_vec()))]).expect("written");
            view.write("d10", 1, position, vec![(b"x".to_vec(), Some(b"9".to_vec()))]).expect("written");
            view.flush().expect("flushed");
        }
        let (view, _) = View::open(&path).expect("the view again");
        let loaded = view.load("d1").expect("readable").expect("there");
        assert_eq!(loaded, Loaded { version: 1, position, items: vec![(b"a".to_vec(), b"1".to_vec())] });
        view.forget("d1").expect("forgotten");
        assert_eq!(view.load("d1").expect("readable"), None);
        assert!(view.load("d10").expect("readable").is_some());
    }

    #[test]
    fn garbage_is_set_aside_and_a_fresh_view_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("view");
        std::fs::create_dir_all(&path).expect("made");
        std::fs::write(path.join("conf"), b"garbage garbage").expect("written");
        std::fs::write(path.join("db"), vec![0xa5; 100_000]).expect("written");
        let (view, rebuilt) = View::open(&path).expect("a fresh view");
        assert!(rebuilt.is_some());
        assert_eq!(view.load("d").expect("readable"), None);
        assert!(path.with_extension("damaged").exists());
    }
}
