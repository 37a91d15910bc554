//! Compiled programs on disk, so that a start need not compile them again. Loading a compiled program is running it: so
//! nothing is given back that this host did not write itself, whole, for exactly this package and this engine.
//!
//! The folder is the host's alone (0700, files 0600). Each file carries an HMAC-SHA256 (RFC 2104) over package, engine and
//! bytes, under a key that the host drew at random. It is a cache: whatever is wrong with a file, the cure is to compile
//! anew, and nothing but time is lost. It must never be part of a backup, nor be copied from host to host.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

use crate::vault::hexadecimal;

/// What a file begins with: what it is, and the version of its form.
const MAGIC: &[u8; 16] = b"muster-compiled1";
const TAG_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const KEY_FILE: &str = "key";
/// The largest compiled program that is kept. The largest component that is compiled has 4 MiB and comes out at about
/// ten times as much at the worst.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of all files together, when nothing else is said: hundreds of policies in Rust.
pub const BYTES_MAX: u64 = 256 << 20;

/// Numbers files that are not whole yet.
static FRESH: AtomicU64 = AtomicU64::new(0);

/// Why the cache cannot be used, or a file of it not be believed.
#[derive(Debug, thiserror::Error)]
pub enum CompiledError {
    /// The disk refused.
    #[error("{what}: {reason}")]
    Disk {
        /// What was tried.
        what: String,
        /// What the system said.
        reason: io::Error,
    },
    /// Others could write there.
    #[error("{place} {reason}; compiled programs are kept only where nobody but this host can write: remove it")]
    NotPrivate {
        /// The folder or file.
        place: String,
        /// Why it is not private.
        reason: &'static str,
    },
    /// A file that this host did not write like this.
    #[error("{file} {reason}: it is not loaded, the program is compiled anew")]
    NotOurs {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Larger than any file may be.
    #[error("a compiled program of {0} bytes is not kept; at most {FILE_BYTES_MAX} are")]
    TooLarge(usize),
}

/// The folder of compiled programs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Compiled {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    bytes_max: u64,
}

impl Compiled {
    /// The cache in a folder, which is made if need be, with a key of its own. Holds at most so many bytes.
    ///
    /// # Errors
    /// When the folder is not this host's alone, or the disk refuses.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, CompiledError> {
        make_private(folder)?;
        let key = match read_key(&folder.join(KEY_FILE))? {
            Some(key) => key,
            // Without the key that they were written under, the files are worth nothing.
            None => draw_key(folder)?,
        };
        let cache = Self { folder: folder.into(), key, bytes_max };
        cache.forget_unfinished();
        Ok(cache)
    }

    /// The compiled form of a package for an engine, if this host wrote it; `None` when it is not there.
    ///
    /// # Errors
    /// When there is a file that cannot be believed, or the disk refuses. The caller compiles anew.
    pub fn get(&self, package: &[u8; 32], engine: &str) -> Result<Option<Vec<u8>>, CompiledError> {
        let place = self.place(package, engine);
        let Some(content) = read(&place, FILE_BYTES_MAX)? else { return Ok(None) };
        let not_ours = |reason| CompiledError::NotOurs { file: place.display().to_string(), reason };
        let content = content.strip_prefix(MAGIC).ok_or_else(|| not_ours("is no compiled program"))?;
        let (tag, bytes) = content.split_at_checked(TAG_BYTES).ok_or_else(|| not_ours("is cut off"))?;
        // Compared in constant time; everything that is loaded is under the code.
        let whole = self.code(package, engine, bytes).verify_slice(tag);
        whole.map_err(|_| not_ours("was not written by this host for this package and engine"))?;
        Ok(Some(bytes.to_vec()))
    }

    /// Keeps the compiled form of a package for an engine, and forgets the oldest if there is too much.
    ///
    /// # Errors
    /// When it is too large, or the disk refuses; nothing is half kept that would be given back.
    pub fn put(&self, package: &[u8; 32], engine: &str, bytes: &[u8]) -> Result<(), CompiledError> {
        if (bytes.len() + MAGIC.len() + TAG_BYTES) as u64 > FILE_BYTES_MAX {
            return Err(CompiledError::TooLarge(bytes.len()));
        }
        let place = self.place(package, engine);
        let tag = self.code(package, engine, bytes).finalize().into_bytes();
        write(&place, &[MAGIC, tag.as_slice(), bytes])?;
        self.forget_oldest(&place);
        Ok(())
    }

    /// The code over everything that must fit: lengths stand before what varies, so no two contents read alike.
    fn code(&self, package: &[u8; 32], engine: &str, bytes: &[u8]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        code.update(MAGIC);
        code.update(package);
        code.update(&(engine.len() as u64).to_le_bytes());
        code.update(engine.as_bytes());
        code.update(bytes);
        code
    }

    fn place(&self, package: &[u8; 32], engine: &str) -> PathBuf {
        let engine = Sha256::digest(engine.as_bytes());
        self.folder.join(format!("{}-{}.bin", hexadecimal(package), hexadecimal(&engine[..8])))
    }

    /// Removes what a crash left half written. It would never be given back; it only takes room.
    fn forget_unfinished(&self) {
        for (path, _) in self.files("new") {
            remove(&path);
        }
    }

    /// Removes the files that were written first until the rest fits. The one just written stays.
    fn forget_oldest(&self, fresh: &Path) {
        let mut files = self.files("bin");
        files.sort_by_key(|(_, file)| file.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        let mut bytes: u64 = files.iter().map(|(_, file)| file.len()).sum();
        for (path, file) in files.iter().filter(|(path, _)| path != fresh) {
            if bytes <= self.bytes_max {
                return;
            }
            remove(path);
            bytes -= file.len();
        }
    }

    fn files(&self, kind: &str) -> Vec<(PathBuf, fs::Metadata)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|found| found == kind));
        paths.filter_map(|path| fs::symlink_metadata(&path).ok().map(|file| (path, file))).collect()
    }
}

fn disk(place: &Path, reason: io::Error) -> CompiledError {
    CompiledError::Disk { what: place.display().to_string(), reason }
}

fn remove(path: &Path) {
    if let Err(reason) = fs::remove_file(path) {
        tracing::warn!(target: "muster::compiled", file = %path.display(), %reason, "could not be removed");
    }
}

/// Makes a folder that only this user may enter, or sees to it that it is one.
fn make_private(folder: &Path) -> Result<(), CompiledError> {
    match DirBuilder::new().recursive(false).mode(0o700).create(folder) {
        Ok(()) => return Ok(()),
        Err(reason) if reason.kind() == io::ErrorKind::AlreadyExists => {}
        Err(reason) => return Err(disk(folder, reason)),
    }
    let found = fs::symlink_metadata(folder).map_err(|reason| disk(folder, reason))?;
    let not_private = |reason| CompiledError::NotPrivate { place: folder.display().to_string(), reason };
    if !found.is_dir() {
        return Err(not_private("is no folder"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(not_private("belongs to another user"));
    }
    if is_private(&found) {
        return Ok(());
    }
    // Others may have been in it. Nothing that they could have planted outlives the key.
    let key = folder.join(KEY_FILE);
    match fs::remove_file(&key) {
        Err(reason) if reason.kind() != io::ErrorKind::NotFound => return Err(disk(&key, reason)),
        _ => {}
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(|reason| disk(folder, reason))
}

/// Whether its permissions give nothing to anybody but its owner.
fn is_private(found: &fs::Metadata) -> bool {
    let others = found.mode() & 0o077;
    others == 0
}

/// The key, if there is one that nobody else could read or write.
fn read_key(file: &Path) -> Result<Option<[u8; KEY_BYTES]>, CompiledError> {
    let Some(found) = fs::symlink_metadata(file).map(Some).or_else(missing).map_err(|reason| disk(file, reason))?
    else {
        return Ok(None);
    };
    if !is_private(&found) || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(None);
    }
    let content = match read(file, KEY_BYTES as u64) {
        Ok(content) => content,
        Err(CompiledError::NotOurs { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(content.and_then(|key| key.try_into().ok()))
}

/// Draws a fresh key. It is written before it is used, so that two starts never hold two keys for one folder for long:
/// the data folder's lock lets only one host at a time.
fn draw_key(folder: &Path) -> Result<[u8; KEY_BYTES], CompiledError> {
    let mut key = [0; KEY_BYTES];
    let drawn = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty());
    let file = folder.join(KEY_FILE);
    let drawn = drawn.map_err(|reason| disk(&file, reason.into()))?;
    if drawn != KEY_BYTES {
        return Err(disk(&file, io::Error::other("the system gave too few random bytes")));
    }
    write(&file, &[&key])?;
    Ok(key)
}

fn missing<T>(reason: io::Error) -> io::Result<Option<T>> {
    if reason.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(reason) }
}

/// A plain file's content, no longer than it may be. Follows no link and waits for no pipe.
fn read(file: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, CompiledError> {
    let not_ours = |reason| CompiledError::NotOurs { file: file.display().to_string(), reason };
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).expect("open's flags are an int");
    let opened = match OpenOptions::new().read(true).custom_flags(flags).open(file) {
        Ok(opened) => opened,
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(reason) if reason.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(not_ours("is a link"));
        }
        Err(reason) => return Err(disk(file, reason)),
    };
    let found = opened.metadata().map_err(|reason| disk(file, reason))?;
    if !found.is_file() {
        return Err(not_ours("is no plain file"));
    }
    if found.len() > bytes_max {
        return Err(not_ours("is too large"));
    }
    let mut content = Vec::new();
    opened.take(bytes_max).read_to_end(&mut content).map_err(|reason| disk(file, reason))?;
    Ok(Some(content))
}

/// Writes a file of this user's alone and puts it in place whole. Not synced: what a crash tears is not believed.
fn write(file: &Path, parts: &[&[u8]]) -> Result<(), CompiledError> {
    let number = FRESH.fetch_add(1, Ordering::Relaxed);
    let fresh = file.with_extension(format!("{}.{number}.new", std::process::id()));
    let keep = || {
        let mut handle: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        parts.iter().try_for_each(|part| handle.write_all(part))?;
        drop(handle);
        fs::rename(&fresh, file)
    };
    keep().map_err(|reason| disk(file, reason))
}

#[cfg(test)]
#[path = "compiled_tests.rs"]
mod tests;
