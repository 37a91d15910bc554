//! What the logic needs from outside: bytes of files, variables of the environment, chance. Behind traits, so that
//! tests and the simulator hand in their own. It must never decide anything.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The bytes of a file, and who may read it.
#[derive(Debug, Clone)]
pub struct FileBytes {
    /// The bytes.
    pub bytes: zeroize::Zeroizing<Vec<u8>>,
    /// The permission bits of the file.
    pub mode: u32,
}

/// The largest file that is read: certificates, keys and key sets are far smaller.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Files and variables.
pub trait Surroundings {
    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read, or is over 1 MiB.
    fn file(&self, path: &Path) -> io::Result<FileBytes>;

    /// A variable of the environment, when it is set.
    fn variable(&self, name: &str) -> Option<String>;
}

/// Bytes that nobody can foretell.
pub trait Chance {
    /// Fills the bytes.
    ///
    /// # Errors
    /// When the system has none to give; nothing secret may then be made.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ChanceError>;
}

/// The system gave no random bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes: {0}; no secret is made without")]
pub struct ChanceError(pub String);

/// This machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Surroundings for System {
    fn file(&self, path: &Path) -> io::Result<FileBytes> {
        use std::io::Read as _;
        let file = std::fs::File::open(path)?;
        let found = file.metadata()?;
        let too_large = || io::Error::other(format!("it is over {FILE_BYTES_MAX} bytes"));
        if found.len() > FILE_BYTES_MAX {
            return Err(too_large());
        }
        // The whole capacity at once: a buffer that grows leaves copies of a key behind.
        let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0) + 1));
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(too_large());
        }
        Ok(FileBytes { bytes, mode: found.permissions().mode() & 0o777 })
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Chance for System {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ChanceError> {
        getrandom::fill(bytes).map_err(|reason| ChanceError(reason.to_string()))
    }
}
