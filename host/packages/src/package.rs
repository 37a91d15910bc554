//! A package: a component with its manifest, read from bytes that may be anything.

use muster_kernel::Digest;

use crate::contents::{Contents, PACKAGE_BYTES_MAX, SECTION, Scan};
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest, ManifestError};

/// A component with its manifest.
#[derive(Debug, Clone)]
pub struct Package {
    /// SHA-256 of the exact bytes.
    pub digest: Digest,
    /// The manifest: what the package says about itself.
    pub manifest: Manifest,
    /// What the binary says about itself.
    pub contents: Contents,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

/// Why bytes are not a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Larger than any package may be.
    #[error("the package has {0} bytes; at most {PACKAGE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not WebAssembly, or damaged.
    #[error("the file is not a WebAssembly component: {0}; build it with `muster build`")]
    NotComponent(String),
    /// More of something than any policy needs: it would cost the compiler dearly.
    #[error("the component has more than {max} {what}; a policy needs fewer: build it smaller")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most that is read.
        max: usize,
    },
    /// No manifest inside.
    #[error("the component carries no manifest (custom section `{SECTION}`); build it with `muster build`")]
    NoManifest,
    /// More than one manifest: none of them counts, because nobody could say which.
    #[error("the component carries {0} manifests (custom sections `{SECTION}`); build it anew with `muster build`")]
    ManyManifests(usize),
    /// A manifest larger than any may be.
    #[error("the manifest has {0} bytes; at most {MANIFEST_BYTES_MAX} are read: make schema and self-tests smaller")]
    ManifestTooLarge(usize),
    /// The manifest cannot be read.
    #[error("the manifest inside the component cannot be read: {0}")]
    BadManifest(#[from] serde_json::Error),
    /// The manifest says what cannot be.
    #[error("the manifest inside the component: {0}")]
    Manifest(#[from] ManifestError),
}

impl Package {
    /// Reads a package. The bytes are not compiled or run, and what the manifest claims is not yet held against them:
    /// that is [`check_claims`](crate::check_claims).
    ///
    /// # Errors
    /// When the bytes are not a component with one manifest, within bounds.
    pub fn read(bytes: Vec<u8>) -> Result<Self, PackageError> {
        let scan = Scan::of(&bytes)?;
        let section = match scan.manifests.as_slice() {
            [] => return Err(PackageError::NoManifest),
            [one] => *one,
            many => return Err(PackageError::ManyManifests(many.len())),
        };
        if section.len() > MANIFEST_BYTES_MAX {
            return Err(PackageError::ManifestTooLarge(section.len()));
        }
        let manifest: Manifest = serde_json::from_slice(section)?;
        manifest.check()?;
        let contents = scan.contents;
        Ok(Self { digest: Digest::of(&bytes), manifest, contents, bytes })
    }
}
