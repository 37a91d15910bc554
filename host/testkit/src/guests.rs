//! Packages of guests: built from source by the same function that `muster build` uses, so that no test ever runs
//! against a package that lags behind its source.
//!
//! Cargo decides what is out of date. A lock on disk lets only one process at a time build; the others then find the
//! work done.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use muster_kernel::settings::Settings;

static BUILT: Mutex<BTreeMap<PathBuf, Arc<Vec<u8>>>> = Mutex::new(BTreeMap::new());

/// The package of a reference policy: a folder of `plugins/`.
///
/// # Panics
/// When it cannot be built.
pub fn policy(name: &str) -> Arc<Vec<u8>> {
    package(&workspace().join("plugins").join(name))
}

/// The package of a guest that misbehaves: a folder of this crate's `guests/`.
///
/// # Panics
/// When it cannot be built.
pub fn hostile(name: &str) -> Arc<Vec<u8>> {
    package(&Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(name))
}

/// The package of a guest that benches measure: a folder of this crate's `guests/`.
///
/// # Panics
/// When it cannot be built.
pub fn measured(name: &str) -> Arc<Vec<u8>> {
    package(&Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(name))
}

/// What the reference profile sets for a reference policy.
///
/// # Panics
/// When the file cannot be read.
pub fn reference_settings(name: &str) -> Settings {
    let path = workspace().join("examples/ref-v1/settings").join(name).with_extension("toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
    let mut settings = Settings::default();
    let read = muster_packages::settings::read(&mut settings, &text, name);
    read.unwrap_or_else(|reason| panic!("{reason}"));
    settings
}

fn package(crate_dir: &Path) -> Arc<Vec<u8>> {
    // A panic of another test while it built leaves the map as it was before.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let package = built.entry(crate_dir.into()).or_insert_with(|| Arc::new(build(crate_dir)));
    Arc::clone(package)
}

fn build(crate_dir: &Path) -> Vec<u8> {
    let shelf = target().join("guests");
    fs::create_dir_all(&shelf).unwrap_or_else(|reason| panic!("{}: {reason}", shelf.display()));
    // Held until the end of this function: the file is closed, and with it the lock given back.
    let _one_at_a_time = lock(&shelf.join("lock"));
    let built = muster_packages::build(crate_dir).unwrap_or_else(|reason| panic!("{reason}"));
    keep(&shelf, crate_dir, &built.package.bytes);
    built.package.bytes
}

fn lock(path: &Path) -> File {
    let file = File::create(path).and_then(|file| file.lock().map(|()| file));
    file.unwrap_or_else(|reason| panic!("{}: {reason}", path.display()))
}

/// Leaves a copy on disk, for people who want to look at what a test ran, and for tools that take a path.
fn keep(shelf: &Path, crate_dir: &Path, bytes: &[u8]) {
    let name = crate_dir.file_name().unwrap_or_default();
    let path = shelf.join(name).with_extension("wasm");
    if fs::read(&path).is_ok_and(|known| known == bytes) {
        return;
    }
    let fresh = path.with_extension("new");
    let written = fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, &path));
    written.unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
}

/// The root of the workspace.
///
/// # Panics
/// When it cannot be found.
pub fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or_else(|reason| panic!("{}: {reason}", root.display()))
}

/// Where cargo puts what it makes, as far as it can be known without asking cargo.
fn target() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    workspace().join(set.unwrap_or_else(|| "target".into()))
}
