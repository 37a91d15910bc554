//! Where the register of tokens lies: one JSON file, replaced as a whole. Behind a trait with two functions. What
//! stands there is always a whole register, old or new; it must never be a part of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::register::{TOKENS_MAX, VERSION};
use super::{TokenRecord, TokenRegister};

/// The largest register that is read, in bytes.
const BYTES_MAX: u64 = 256 << 20;

/// Loads the register and replaces it atomically.
pub trait TokenStore {
    /// The register; an empty one when there never was any.
    ///
    /// # Errors
    /// When there is one that cannot be read. It must then not be replaced.
    fn load(&self) -> Result<TokenRegister, StoreError>;

    /// Puts a register in the place of the one before. Durable when it returns.
    ///
    /// # Errors
    /// When the disk refuses; the one before stands then.
    fn replace(&self, register: &TokenRegister) -> Result<(), StoreError>;
}

/// Why the register cannot be loaded or replaced.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk.
    #[error("the register of tokens {path}: {reason}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Not the JSON of a register.
    #[error(
        "the register of tokens {path} cannot be read: {reason}; restore it from a backup, or move it away to begin anew"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Others can read or change it.
    #[error("the register of tokens {path} has mode {mode:03o}: others can read or change it; chmod 600 it")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    tokens: Vec<TokenRecord>,
}

/// The register in a file with mode 600.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: PathBuf,
}

impl FileStore {
    /// The register in this file. Its folder must be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn disk(&self, reason: io::Error) -> StoreError {
        StoreError::Disk { path: self.path.clone(), reason }
    }

    fn form(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Form { path: self.path.clone(), reason: reason.into() }
    }
}

impl TokenStore for FileStore {
    fn load(&self) -> Result<TokenRegister, StoreError> {
        let found = match fs::metadata(&self.path) {
            Ok(found) => found,
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(TokenRegister::default()),
            Err(reason) => return Err(self.disk(reason)),
        };
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(StoreError::TooOpen { path: self.path.clone(), mode });
        }
        if found.len() > BYTES_MAX {
            return Err(self.form(format!("it has {} bytes; at most {BYTES_MAX} are read", found.len())));
        }
        let bytes = fs::read(&self.path).map_err(|reason| self.disk(reason))?;
        let read: Form = serde_json::from_slice(&bytes).map_err(|reason| self.form(reason.to_string()))?;
        if read.version != VERSION {
            return Err(self.form(format!("it has version {}; this host reads version {VERSION}", read.version)));
        }
        if read.tokens.len() > TOKENS_MAX {
            return Err(self.form(format!("it has {} tokens; at most {TOKENS_MAX} are read", read.tokens.len())));
        }
        Ok(TokenRegister::of(read.tokens))
    }

    fn replace(&self, register: &TokenRegister) -> Result<(), StoreError> {
        let form = Form { version: VERSION, tokens: register.records().cloned().collect() };
        let bytes = serde_json::to_vec_pretty(&form).map_err(|reason| self.form(reason.to_string()))?;
        let fresh = self.path.with_extension("new");
        let replace = || {
            // What a crash left behind may have been made by anybody, with any mode: it is made anew.
            remove(&fresh)?;
            write_private(&fresh, &bytes)?;
            fs::rename(&fresh, &self.path)?;
            sync_folder(&self.path)
        };
        replace().map_err(|reason| self.disk(reason))
    }
}

/// Writes a new file that only its owner can read, durably. It must not be there yet.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut handle = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    handle.write_all(bytes)?;
    handle.sync_all()
}

/// Makes the name of a file durable: it stands in its folder.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => Err(reason),
        _ => Ok(()),
    }
}
