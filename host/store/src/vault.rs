//! The vault: exact bytes of packages and settings, by their SHA-256. Durable before the entry that names them.
//!
//! Beside them lie drafts: bytes that no entry names, which a power loss may take. A sync costs every district's next
//! commit, so what was refused does not get one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::folder;

/// Why bytes cannot be kept or given.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The disk refused.
    #[error("{what}: {reason}")]
    Disk {
        /// What was tried.
        what: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The bytes are not there.
    #[error("the vault holds no bytes with digest {0}; restore them from a backup")]
    Missing(String),
    /// The bytes are not those of their name.
    #[error("the vault's bytes with digest {0} were changed; restore them from a backup")]
    Changed(String),
}

/// Numbers files that are not whole yet.
static FRESH: AtomicU64 = AtomicU64::new(0);
/// The subfolder of bytes that no entry names.
const DRAFTS: &str = "drafts";

/// A folder of exact bytes.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
    /// Subfolders whose names are durable for certain. The first file that a process puts into one syncs the name; a
    /// sync costs as much as a commit of the journal beside it, so later files do not pay for it again.
    durable: Arc<Mutex<BTreeSet<u8>>>,
}

impl Vault {
    /// The vault in a folder, which is made if need be.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, VaultError> {
        folder::make(folder).map_err(|reason| disk(folder, reason))?;
        Ok(Self { folder: folder.into(), durable: Arc::default() })
    }

    /// Keeps bytes and gives their digest. Keeping them twice changes nothing.
    ///
    /// # Errors
    /// When the disk refuses; nothing is half kept.
    pub fn put(&self, bytes: &[u8]) -> Result<[u8; 32], VaultError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let (folder, file) = self.place(&digest);
        let there = file.exists() && self.get(&digest).is_ok();
        let keep = || {
            self.make(&folder, digest[0])?;
            if !there {
                place(&file, bytes, File::sync_all)?;
            }
            // Also when it is there already: whoever put it there may have ended before its name was durable.
            folder::sync(&folder)
        };
        keep().map_err(|reason| disk(&file, reason))?;
        Ok(digest)
    }

    /// Keeps bytes that no entry names, and gives their digest: [`Vault::get`] gives them, a power loss may take them.
    ///
    /// # Errors
    /// When the disk refuses; nothing is half kept.
    pub fn draft(&self, bytes: &[u8]) -> Result<[u8; 32], VaultError> {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let file = self.draft_place(&digest);
        let keep = || {
            std::fs::create_dir_all(self.folder.join(DRAFTS))?;
            place(&file, bytes, |_| Ok(()))
        };
        keep().map_err(|reason| disk(&file, reason))?;
        Ok(digest)
    }

    /// Makes a subfolder and its name durable; under a lock, so that nobody relies on a name before it is.
    fn make(&self, folder: &Path, name: u8) -> std::io::Result<()> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if !durable.contains(&name) {
            std::fs::create_dir_all(folder)?;
            folder::sync(&self.folder)?;
            durable.insert(name);
        }
        Ok(())
    }

    /// The bytes with this digest, checked.
    ///
    /// # Errors
    /// When they are missing, changed, or the disk refuses.
    pub fn get(&self, digest: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let (_, mut file) = self.place(digest);
        let drafted = self.draft_place(digest);
        if !file.exists() && drafted.exists() {
            file = drafted;
        }
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => {
                return Err(VaultError::Missing(hexadecimal(digest)));
            }
            Err(reason) => return Err(disk(&file, reason)),
        };
        if Sha256::digest(&bytes).as_slice() == digest {
            Ok(bytes)
        } else {
            Err(VaultError::Changed(hexadecimal(digest)))
        }
    }

    fn draft_place(&self, digest: &[u8; 32]) -> PathBuf {
        self.folder.join(DRAFTS).join(format!("{}.bin", hexadecimal(digest)))
    }

    fn place(&self, digest: &[u8; 32]) -> (PathBuf, PathBuf) {
        let name = hexadecimal(digest);
        let folder = self.folder.join(&name[..2]);
        let file = folder.join(format!("{name}.bin"));
        (folder, file)
    }
}

/// Puts a file in place whole. The same bytes may be kept by several threads at once; each writes a file of its own.
fn place(file: &Path, bytes: &[u8], sync: impl FnOnce(&File) -> std::io::Result<()>) -> std::io::Result<()> {
    let number = FRESH.fetch_add(1, Ordering::Relaxed);
    let fresh = file.with_extension(format!("{number}.new"));
    let mut handle = File::create(&fresh)?;
    handle.write_all(bytes)?;
    sync(&handle)?;
    std::fs::rename(&fresh, file)
}

fn disk(place: &Path, reason: std::io::Error) -> VaultError {
    VaultError::Disk { what: place.display().to_string(), reason }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_given_until_the_same_bytes_are_kept_for_good() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(folder.path()).expect("a vault");
        let digest = vault.draft(b"report").expect("drafted");
        assert_eq!(vault.get(&digest).expect("given"), b"report");
        assert!(!vault.place(&digest).1.exists());
        assert_eq!(vault.put(b"report").expect("kept"), digest);
        assert!(vault.place(&digest).1.exists());
        std::fs::remove_dir_all(folder.path().join(DRAFTS)).expect("gone, as a power loss may have it");
        assert_eq!(vault.get(&digest).expect("given"), b"report");
    }

    #[test]
    fn a_file_that_is_there_already_may_be_named_only_once_its_name_is_durable() {
        let folder = tempfile::tempdir().expect("a folder");
        let digest: [u8; 32] = Sha256::digest(b"policy").into();
        // What a process leaves that ends right after the rename.
        let (subfolder, file) = Vault::open(folder.path()).expect("a vault").place(&digest);
        std::fs::create_dir(&subfolder).expect("made");
        std::fs::write(&file, b"policy").expect("written");
        let vault = Vault::open(folder.path()).expect("the next start");
        folder::take_synced();
        assert_eq!(vault.put(b"policy").expect("kept"), digest);
        assert_eq!(folder::take_synced(), [folder.path().to_path_buf(), subfolder]);
    }

    #[test]
    fn changed_bytes_are_never_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = Vault::open(folder.path()).expect("a vault");
        let digest = vault.put(b"policy").expect("kept");
        assert_eq!(vault.put(b"policy").expect("kept again"), digest);
        assert_eq!(vault.get(&digest).expect("given"), b"policy");
        std::fs::write(vault.place(&digest).1, b"other").expect("tampered");
        assert!(matches!(vault.get(&digest), Err(VaultError::Changed(_))));
        assert!(matches!(vault.get(&[7; 32]), Err(VaultError::Missing(_))));
        assert_eq!(vault.put(b"policy").expect("healed"), digest);
        assert_eq!(vault.get(&digest).expect("given again"), b"policy");
    }
}
