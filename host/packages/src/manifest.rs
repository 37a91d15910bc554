//! The manifest of a package, embedded in the component as a custom section, and the package as a whole.

use std::collections::BTreeMap;

use muster_kernel::Digest;
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};

/// The name of the custom section.
const SECTION: &str = "muster:manifest";
/// The largest package that is read: a policy of an interpreted language with its engine stays well below.
const PACKAGE_BYTES_MAX: usize = 64 << 20;

/// Who made a package and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// For instance `ref/escalation`.
    pub id: String,
    /// Semantic version.
    pub version: String,
    /// The contract it was built for, for instance `muster:policy@1.0.0`.
    pub contract: String,
    /// What it is, by language.
    #[serde(default)]
    pub title: BTreeMap<String, String>,
}

/// A component with its manifest.
#[derive(Debug, Clone)]
pub struct Package {
    /// SHA-256 of the exact bytes.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
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
    /// No manifest inside.
    #[error("the component carries no manifest (custom section `{SECTION}`); build it with `muster build`")]
    NoManifest,
    /// The manifest cannot be read.
    #[error("the manifest inside the component cannot be read: {0}")]
    BadManifest(#[from] serde_json::Error),
}

impl Manifest {
    /// The component with this manifest embedded at its end.
    pub fn embed(&self, component: &[u8]) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a manifest holds nothing that JSON cannot say");
        let mut section = Vec::with_capacity(json.len() + SECTION.len() + 4);
        write_length(&mut section, SECTION.len());
        section.extend_from_slice(SECTION.as_bytes());
        section.extend_from_slice(&json);
        let mut bytes = component.to_vec();
        bytes.push(0);
        write_length(&mut bytes, section.len());
        bytes.extend(section);
        bytes
    }
}

/// Unsigned LEB128, as the binary format wants it.
fn write_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits fit a byte");
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

impl Package {
    /// Reads a package. The bytes are not compiled or run.
    ///
    /// # Errors
    /// When the bytes are not a component with a manifest.
    pub fn read(bytes: Vec<u8>) -> Result<Self, PackageError> {
        if bytes.len() > PACKAGE_BYTES_MAX {
            return Err(PackageError::TooLarge(bytes.len()));
        }
        let manifest = find_manifest(&bytes)?;
        Ok(Self { digest: Digest::of(&bytes), manifest, bytes })
    }
}

fn find_manifest(bytes: &[u8]) -> Result<Manifest, PackageError> {
    if !Parser::is_component(bytes) {
        return Err(PackageError::NotComponent("the first bytes are not those of a component".into()));
    }
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|reason| PackageError::NotComponent(reason.to_string()))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            // Only the outermost component speaks for the package.
            Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                return Ok(serde_json::from_slice(section.data())?);
            }
            _ => {}
        }
    }
    Err(PackageError::NoManifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty component: magic, version, layer.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn manifest() -> Manifest {
        Manifest {
            id: "ref/escalation".into(),
            version: "1.2.3".into(),
            contract: "muster:policy@1.0.0".into(),
            title: BTreeMap::from([("zh".into(), "升级阶梯".repeat(20))]),
        }
    }

    #[test]
    fn an_embedded_manifest_is_found_again() {
        let package = Package::read(manifest().embed(EMPTY)).expect("a package");
        assert_eq!(package.manifest, manifest());
        assert_eq!(package.digest, Digest::of(&package.bytes));
    }

    #[test]
    fn what_is_no_package_is_refused_by_name() {
        assert!(matches!(Package::read(b"hello".to_vec()), Err(PackageError::NotComponent(_))));
        assert!(matches!(Package::read(EMPTY.to_vec()), Err(PackageError::NoManifest)));
        let mut cut = manifest().embed(EMPTY);
        cut.truncate(cut.len() - 5);
        assert!(matches!(Package::read(cut), Err(PackageError::NotComponent(_))));
    }
}
