//! Hollow policies: packages that answer for every role and stop at every call. The host calls them, keeps their exact bytes
//! and falls back, as it does with any broken policy; no guest toolchain is needed. Must never be taken for policies that work.

use std::path::Path;

use anyhow::Context;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// The custom section that makes a component a package (see `host/packages`).
const SECTION: &str = "muster:manifest";

/// A package for one role, of the contract in the folder `wit`.
pub(crate) fn package(wit: &Path, role: &str) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let (contract, _) = resolve.push_dir(wit).with_context(|| wit.display().to_string())?;
    let world = resolve.select_world(&[contract], Some(&format!("{role}-policy")))?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let mut package = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    let manifest =
        serde_json::json!({"id": format!("hollow/{role}"), "version": "1.0.0", "contract": "muster:policy@1.0.0"});
    package.extend(section(manifest.to_string().as_bytes())?);
    Ok(package)
}

/// A custom section: kind 0, its length, its name with its length, its bytes.
fn section(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let name = [&[u8::try_from(SECTION.len())?], SECTION.as_bytes()].concat();
    let mut length = name.len() + bytes.len();
    let mut section = vec![0];
    // Unsigned LEB128: seven bits at a time, the lowest first.
    loop {
        let low = u8::try_from(length & 0x7f)?;
        length >>= 7;
        section.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            break;
        }
    }
    section.extend(name);
    section.extend_from_slice(bytes);
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hollow_policy_is_a_component_with_a_manifest() {
        let wit = crate::host::workspace().expect("a workspace").join("wit");
        let package = package(&wit, "triage").expect("a package");
        assert!(package.starts_with(b"\0asm"));
        assert!(package.windows(SECTION.len()).any(|part| part == SECTION.as_bytes()));
        assert_eq!(section(&[7; 200]).expect("a section")[1..3], [0xd8, 1]);
    }
}
