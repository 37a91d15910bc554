//! The example cities with the reference policies, as a district has them on its own machine.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::guests;

/// A copy of the examples, with the reference policies built from their sources.
///
/// # Panics
/// When they cannot be copied or built.
pub fn examples() -> TempDir {
    let copy = TempDir::new().expect("a folder");
    copy_folder(&guests::workspace().join("examples"), copy.path());
    let packages = copy.path().join("ref-v1/packages");
    fs::create_dir_all(&packages).expect("made");
    for policy in ["triage", "escalation", "discretion", "incentives", "oversight", "workflow"] {
        let bytes = guests::policy(policy);
        fs::write(packages.join(format!("{policy}.wasm")), bytes.as_slice()).expect("written");
    }
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("readable").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
