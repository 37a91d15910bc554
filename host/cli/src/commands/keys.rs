//! What signing commands share: secret keys on disk, attestations beside a file, settings, roles and times in arguments.
//!
//! A secret is never printed, and never read from a file that others can read.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use muster_kernel::settings::Settings;
use muster_kernel::{Digest, Instant, Role};
use muster_packages::attestation::{Attestations, Envelope, FILE_BYTES_MAX, SUFFIX, SecretKey};
use muster_packages::trust::Trust;
use muster_packages::{PACKAGE_BYTES_MAX, Package, settings};
use muster_runtime::{Clock as _, RealClock};

/// The largest secret key's file.
const SECRET_BYTES_MAX: u64 = 4_096;

/// Reads a secret key, if nobody but its owner can.
pub(crate) fn secret(file: &Path) -> anyhow::Result<SecretKey> {
    let about = fs::metadata(file).with_context(|| file.display().to_string())?;
    let mode = about.permissions().mode() & 0o777;
    let others = mode & 0o077;
    ensure!(
        others == 0,
        "{}: others can read this secret key (mode {mode:03o}); if nobody did yet, `chmod 600` it, else make a new one",
        file.display()
    );
    ensure!(about.len() <= SECRET_BYTES_MAX, "{}: too large for a secret key", file.display());
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    SecretKey::read(&text).with_context(|| file.display().to_string())
}

/// Writes a new secret key. An existing file is never overwritten: a lost key cannot be made again.
pub(crate) fn keep_secret(file: &Path, key: &SecretKey) -> anyhow::Result<()> {
    let mut handle = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("{}: a secret key goes to a new file", file.display()))?;
    handle.write_all(key.to_file_text().as_bytes())?;
    handle.sync_all()?;
    Ok(())
}

/// The file of attestations beside a file.
pub(crate) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

/// The attestations in a file; none when there is no file.
pub(crate) fn attestations(file: &Path) -> anyhow::Result<Attestations> {
    match bounded(file, FILE_BYTES_MAX) {
        Ok(bytes) => Attestations::read(&bytes).with_context(|| file.display().to_string()),
        Err(reason) if is_absent(&reason) => Ok(Attestations::none()),
        Err(reason) => Err(reason),
    }
}

/// Adds an envelope to a file of attestations. Written beside and renamed: no reader ever sees half a line.
pub(crate) fn append(file: &Path, envelope: &Envelope) -> anyhow::Result<()> {
    let mut text = match bounded(file, FILE_BYTES_MAX) {
        Ok(bytes) => String::from_utf8(bytes).with_context(|| file.display().to_string())?,
        Err(reason) if is_absent(&reason) => String::new(),
        Err(reason) => return Err(reason),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&envelope.to_line());
    text.push('\n');
    // What no host would read is not written.
    Attestations::read(text.as_bytes()).with_context(|| file.display().to_string())?;
    replace(file, text.as_bytes())
}

/// Puts new contents in place of a file, whole or not at all.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let write = || {
        let mut handle = fs::File::create(&fresh)?;
        handle.write_all(bytes)?;
        handle.sync_all()?;
        fs::rename(&fresh, file)
    };
    write().with_context(|| file.display().to_string())
}

/// Reads a file that may not be larger.
pub(crate) fn bounded(file: &Path, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let about = fs::metadata(file).with_context(|| file.display().to_string())?;
    let bytes_max = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    ensure!(about.len() <= bytes_max, "{}: larger than {bytes_max} bytes", file.display());
    fs::read(file).with_context(|| file.display().to_string())
}

fn is_absent(reason: &anyhow::Error) -> bool {
    reason.downcast_ref::<std::io::Error>().is_some_and(|reason| reason.kind() == std::io::ErrorKind::NotFound)
}

/// Reads a package.
pub(crate) fn package(file: &Path) -> anyhow::Result<Package> {
    Package::read(bounded(file, PACKAGE_BYTES_MAX)?).with_context(|| file.display().to_string())
}

/// Reads a trust file.
pub(crate) fn trust(file: &Path) -> anyhow::Result<Trust> {
    let bytes = bounded(file, muster_packages::trust::FILE_BYTES_MAX)?;
    Trust::read(&bytes).with_context(|| file.display().to_string())
}

/// The digest of settings: those in the files, read over one another.
pub(crate) fn settings_digest(files: &[PathBuf]) -> anyhow::Result<Digest> {
    Ok(settings::digest(&self::settings(files)?))
}

/// Settings: those in the files, read over one another.
pub(crate) fn settings(files: &[PathBuf]) -> anyhow::Result<Settings> {
    let mut found = Settings::default();
    for file in files {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        settings::read(&mut found, &text, &file.display().to_string())?;
    }
    Ok(found)
}

pub(crate) fn role(word: &str) -> anyhow::Result<Role> {
    let Some(role) = Role::parse(word) else {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        bail!("`{word}` is no role; the roles are {}", words.join(", "));
    };
    Ok(role)
}

/// A given instant, or now.
pub(crate) fn instant(text: Option<&str>) -> anyhow::Result<Instant> {
    Ok(match text {
        Some(text) => Instant::parse(text)?,
        None => RealClock.now(),
    })
}

/// A file's name, for people.
pub(crate) fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
