//! Building a Rust policy: cargo for the guest target, then a component with its manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::claims::{ClaimsError, check_claims};
use crate::component::{ComponentError, componentize};
use crate::contents::Contents;
use crate::contract::HOST_CONTRACT;
use crate::manifest::{LimitsWanted, Manifest, ManifestError};
use crate::package::{Package, PackageError};
use crate::schema::Schema;
use crate::self_test::{self, SelfTest};

const TARGET: &str = "wasm32-unknown-unknown";
/// A small stack keeps the guest within one page of memory: that is what makes a fresh instance cheap.
const STACK: &str = "target.wasm32-unknown-unknown.rustflags=['-C', 'link-arg=-zstack-size=32768']";
/// The profile of guests, for workspaces that define none.
const PROFILE: [&str; 6] = [
    "profile.plugin.inherits='release'",
    "profile.plugin.opt-level=3",
    "profile.plugin.lto='fat'",
    "profile.plugin.codegen-units=1",
    "profile.plugin.panic='abort'",
    "profile.plugin.strip=true",
];

/// What was built.
#[derive(Debug)]
pub struct Built {
    /// The package.
    pub package: Package,
    /// The folder of the crate.
    pub crate_dir: PathBuf,
}

/// Why a policy crate could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be run or its answer not be read.
    #[error("cargo could not be run in {place}: {reason}; is a Rust toolchain installed?")]
    Cargo {
        /// The crate's folder.
        place: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The crate does not compile.
    #[error("the crate in {place} does not compile for {TARGET}:\n{output}")]
    Compile {
        /// The crate's folder.
        place: PathBuf,
        /// What the compiler said.
        output: String,
    },
    /// Not a crate that makes a policy.
    #[error("the crate in {place} makes no policy: {reason}")]
    NotPolicy {
        /// The crate's folder.
        place: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A file that the crate's metadata names cannot be used.
    #[error("{place}: {reason}")]
    File {
        /// The file.
        place: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What the metadata says cannot be.
    #[error("`[package.metadata.muster]`: {0}")]
    Metadata(#[from] ManifestError),
    /// What was built uses what the contract does not have.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The module is not a policy.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The package is not readable.
    #[error(transparent)]
    Package(#[from] PackageError),
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<CratePackage>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct CratePackage {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    metadata: Option<CrateMetadata>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

#[derive(Deserialize)]
struct CrateMetadata {
    muster: Option<PolicyMetadata>,
}

/// `[package.metadata.muster]` of a policy crate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyMetadata {
    id: String,
    #[serde(default)]
    title: BTreeMap<String, String>,
    #[serde(default)]
    description: BTreeMap<String, String>,
    limits: Option<LimitsWanted>,
    /// A file beside Cargo.toml.
    settings_schema: Option<PathBuf>,
    /// A file beside Cargo.toml.
    tests: Option<PathBuf>,
}

/// Builds the policy crate in a folder.
///
/// # Errors
/// When cargo cannot run, the crate does not compile, or what it makes is no policy.
pub fn build(crate_dir: &Path) -> Result<Built, BuildError> {
    let metadata = metadata(crate_dir)?;
    let manifest_path = crate_dir.join("Cargo.toml");
    let manifest_path = manifest_path.canonicalize().map_err(|reason| cargo_error(crate_dir, &reason))?;
    let not_policy = |reason: &str| BuildError::NotPolicy { place: crate_dir.into(), reason: reason.into() };
    let package = metadata.packages.iter().find(|package| package.manifest_path == manifest_path);
    let package = package.ok_or_else(|| not_policy("cargo does not list it"))?;
    let target = package.targets.iter().find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"));
    let target = target.ok_or_else(|| not_policy("add `[lib] crate-type = [\"cdylib\", \"rlib\"]` to Cargo.toml"))?;
    let policy = package.metadata.as_ref().and_then(|metadata| metadata.muster.as_ref());
    let policy =
        policy.ok_or_else(|| not_policy("add `[package.metadata.muster] id = \"vendor/name\"` to Cargo.toml"))?;
    compile(crate_dir, &package.name)?;
    let file = format!("{}.wasm", target.name.replace('-', "_"));
    let file = metadata.target_directory.join(TARGET).join("plugin").join(file);
    let module = std::fs::read(&file).map_err(|reason| cargo_error(&file, &reason))?;
    let component = componentize(&module)?;
    let manifest = manifest(crate_dir, policy, &package.version, &component)?;
    let package = Package::read(manifest.embed(&component))?;
    check_claims(&package.manifest, &package.contents)?;
    Ok(Built { package, crate_dir: crate_dir.into() })
}

/// What the crate says of itself, with roles and imports as the binary has them.
fn manifest(
    crate_dir: &Path,
    policy: &PolicyMetadata,
    version: &str,
    component: &[u8],
) -> Result<Manifest, BuildError> {
    let contents = Contents::read(component)?;
    let manifest = Manifest {
        id: policy.id.clone(),
        version: version.into(),
        contract: HOST_CONTRACT.into(),
        title: policy.title.clone(),
        description: policy.description.clone(),
        roles: Some(contents.roles()),
        imports: Some(contents.capabilities()),
        limits: policy.limits,
        settings_schema: policy.settings_schema.as_ref().map(|file| read_schema(&crate_dir.join(file))).transpose()?,
        tests: policy.tests.as_ref().map_or(Ok(Vec::new()), |file| read_tests(&crate_dir.join(file)))?,
    };
    manifest.check()?;
    Ok(manifest)
}

fn read_schema(file: &Path) -> Result<Schema, BuildError> {
    Schema::read(&read_text(file)?).map_err(|reason| file_error(file, &reason))
}

fn read_tests(file: &Path) -> Result<Vec<SelfTest>, BuildError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let open = |path: &Path| std::fs::read_to_string(folder.join(path));
    self_test::read(&read_text(file)?, open).map_err(|reason| file_error(file, &reason))
}

fn read_text(file: &Path) -> Result<String, BuildError> {
    std::fs::read_to_string(file).map_err(|reason| file_error(file, &reason))
}

fn file_error(place: &Path, reason: &dyn std::fmt::Display) -> BuildError {
    BuildError::File { place: place.into(), reason: reason.to_string() }
}

fn cargo_error(place: &Path, reason: &dyn std::fmt::Display) -> BuildError {
    BuildError::Cargo { place: place.into(), reason: reason.to_string() }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn metadata(crate_dir: &Path) -> Result<Metadata, BuildError> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(crate_dir)
        .output()
        .map_err(|reason| cargo_error(crate_dir, &reason))?;
    if !output.status.success() {
        return Err(cargo_error(crate_dir, &String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|reason| cargo_error(crate_dir, &reason))
}

fn compile(crate_dir: &Path, name: &str) -> Result<(), BuildError> {
    let mut command = cargo();
    command.current_dir(crate_dir);
    command.args(["build", "--profile", "plugin", "--target", TARGET, "--package", name, "--config", STACK]);
    for line in PROFILE {
        command.args(["--config", line]);
    }
    // Flags meant for the host's own build must not reach the guest.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = command.output().map_err(|reason| cargo_error(crate_dir, &reason))?;
    if output.status.success() {
        return Ok(());
    }
    Err(BuildError::Compile { place: crate_dir.into(), output: String::from_utf8_lossy(&output.stderr).into_owned() })
}
