//! The house rules that a machine can check: which crate may know which, and what must not stand in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders below the root").to_path_buf()
}

/// Which of our crates each may know.
fn arrows() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        ("muster-access", vec!["muster-kernel"]),
        ("muster-kernel", vec![]),
        ("muster-intake", vec!["muster-kernel"]),
        ("muster-outbox", vec!["muster-kernel"]),
        ("muster-packages", vec!["muster-kernel"]),
        ("muster-abi-derive", vec![]),
        ("muster-sandbox", vec!["muster-abi-derive", "muster-kernel"]),
        ("muster-store", vec![]),
        ("muster-runtime", vec!["muster-kernel", "muster-packages", "muster-sandbox", "muster-store"]),
        ("muster-server", vec!["muster-access", "muster-intake", "muster-kernel", "muster-outbox", "muster-runtime"]),
        ("muster-conformance", vec!["muster-kernel", "muster-packages", "muster-sandbox", "muster-runtime"]),
        (
            "muster",
            vec![
                "muster-access",
                "muster-conformance",
                "muster-intake",
                "muster-kernel",
                "muster-outbox",
                "muster-packages",
                "muster-runtime",
                "muster-sandbox",
                "muster-server",
                "muster-store",
            ],
        ),
        ("muster-sdk", vec![]),
    ])
}

fn manifests() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["host", "plugins", "sdk"] {
        for entry in fs::read_dir(root().join(folder)).expect("readable").flatten() {
            let manifest = entry.path().join("Cargo.toml");
            found.extend(manifest.exists().then_some(manifest));
        }
    }
    found
}

#[test]
fn the_arrows_point_one_way() {
    let arrows = arrows();
    let mut seen = BTreeSet::new();
    for path in manifests() {
        let manifest: toml::Table = fs::read_to_string(&path).expect("text").parse().expect("TOML");
        let name = manifest["package"]["name"].as_str().expect("a name").to_owned();
        let empty = toml::Table::new();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).unwrap_or(&empty);
        let ours: Vec<&str> =
            dependencies.keys().map(String::as_str).filter(|name| name.starts_with("muster")).collect();
        let is_plugin = path.ancestors().nth(2).is_some_and(|folder| folder.ends_with("plugins"));
        let allowed = match arrows.get(name.as_str()) {
            Some(allowed) => allowed.clone(),
            None if is_plugin => vec!["muster-sdk"],
            // Tests and chores may know everything; nothing that is shipped knows them.
            None if matches!(
                name.as_str(),
                "muster-testkit" | "muster-simulation" | "muster-crash" | "muster-fuzz" | "xtask"
            ) =>
            {
                continue;
            }
            None => panic!("{name} is a new crate: say in `arrows` which crates it may know"),
        };
        for dependency in ours {
            assert!(allowed.contains(&dependency), "{name} must not know {dependency}");
        }
        seen.insert(name);
    }
    for name in arrows.keys() {
        assert!(seen.contains(*name), "{name} is gone: take it out of `arrows`");
    }
}

#[test]
fn only_the_store_says_sled_only_the_sandbox_says_wasmtime_only_the_server_says_axum() {
    for (word, home) in [("sled", "muster-store"), ("wasmtime", "muster-sandbox"), ("axum", "muster-server")] {
        for path in manifests() {
            let manifest: toml::Table = fs::read_to_string(&path).expect("text").parse().expect("TOML");
            let name = manifest["package"]["name"].as_str().expect("a name");
            let knows = manifest.get("dependencies").and_then(|table| table.get(word)).is_some();
            assert_eq!(knows, name == home, "{name} and {word}");
        }
    }
}

#[test]
fn the_kernel_is_no_std() {
    let text = fs::read_to_string(root().join("host/kernel/src/lib.rs")).expect("text");
    assert!(text.contains("#![no_std]"), "what keeps clocks, disks and networks out of the kernel is gone");
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut silent = Vec::new();
    let mut folders = vec![root().join("host"), root().join("sdk"), root().join("plugins")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs")
                && !fs::read_to_string(&path).expect("text").starts_with("//!")
            {
                silent.push(path);
            }
        }
    }
    assert!(silent.is_empty(), "these files do not say what they are for: {silent:?}");
}
