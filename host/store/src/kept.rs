//! Small files that the host keeps for itself under fixed names, replaced as a whole and durable once they are put.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::VaultError;
use crate::folder;

/// A folder of small files, or none.
#[derive(Debug, Clone)]
pub struct Kept {
    folder: Option<PathBuf>,
}

impl Kept {
    /// The files in a folder, which is made if need be.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(place: &Path) -> Result<Self, VaultError> {
        folder::make(place).map_err(|reason| disk(place, reason))?;
        Ok(Self { folder: Some(place.into()) })
    }

    /// Keeps nothing and gives nothing: for hosts without a disk of their own.
    pub const fn nowhere() -> Self {
        Self { folder: None }
    }

    /// The file with this name, if it was ever put.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(place) = &self.folder else { return Ok(None) };
        let file = place.join(name);
        match std::fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(disk(&file, reason)),
        }
    }

    /// Puts a file in place of the one before. A reader sees the old bytes or the new ones, never half of either.
    ///
    /// # Errors
    /// When the disk refuses; the one before stays.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let Some(place) = &self.folder else { return Ok(()) };
        let file = place.join(name);
        let put = || {
            let fresh = place.join(format!("{name}.new"));
            let mut handle = File::create(&fresh)?;
            handle.write_all(bytes)?;
            handle.sync_all()?;
            std::fs::rename(&fresh, &file)?;
            folder::sync(place)
        };
        put().map_err(|reason| disk(&file, reason))
    }
}

fn disk(place: &Path, reason: std::io::Error) -> VaultError {
    VaultError::Disk { what: place.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_bytes_are_given_and_nothing_before_they_were_put() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::open(&folder.path().join("trust")).expect("a folder");
        assert_eq!(kept.get("trust.toml").expect("readable"), None);
        kept.put("trust.toml", b"one").expect("put");
        kept.put("trust.toml", b"two").expect("put");
        let again = Kept::open(&folder.path().join("trust")).expect("a folder");
        assert_eq!(again.get("trust.toml").expect("readable").as_deref(), Some(b"two".as_slice()));
        assert_eq!(Kept::nowhere().get("trust.toml").expect("readable"), None);
    }
}
