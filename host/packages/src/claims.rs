//! Whether a manifest tells the truth about its component.

use std::fmt;

use muster_kernel::Role;

use crate::contents::Contents;
use crate::contract::{Capability, ContractRange, HOST_CONTRACT, Interface, interface};
use crate::manifest::Manifest;

/// One thing in which manifest, binary and contract do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lie {
    /// The manifest claims a role that the binary does not export.
    RoleNotExported(Role),
    /// The binary exports a role that the manifest does not claim.
    RoleNotClaimed(Role),
    /// The binary exports no role at all.
    NoRole,
    /// The binary imports a capability that the manifest does not declare.
    ImportNotDeclared(Capability),
    /// The manifest declares a capability that the binary does not import.
    ImportNotThere(Capability),
    /// The binary imports something that is no capability of the contract.
    ForeignImport(String),
    /// The binary exports something that is no role of the contract.
    ForeignExport(String),
    /// The binary uses a newer version of the contract than the manifest says.
    NewerThanSaid {
        /// The name in the binary.
        name: String,
        /// What the manifest says.
        said: String,
    },
    /// The manifest is for another contract than this host speaks.
    OtherContract(String),
}

/// All that a manifest says wrongly about its component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsError {
    /// Each lie, in the order of roles, imports, versions.
    pub lies: Vec<Lie>,
}

/// Checks what a manifest says against what the binary says. A manifest from before roles and imports were in it claims
/// nothing about them, and is only held to the contract.
///
/// # Errors
/// All that does not agree.
pub fn check_claims(manifest: &Manifest, contents: &Contents) -> Result<(), ClaimsError> {
    let mut lies = Vec::new();
    roles(manifest, contents, &mut lies);
    imports(manifest, contents, &mut lies);
    versions(manifest, contents, &mut lies);
    if lies.is_empty() { Ok(()) } else { Err(ClaimsError { lies }) }
}

impl Contents {
    /// The roles that the binary exports.
    pub fn roles(&self) -> Vec<Role> {
        let exported = |role: &Role| {
            self.exports
                .iter()
                .any(|name| matches!(interface(name), Some((Interface::Role(found), _)) if found == *role))
        };
        Role::ALL.iter().copied().filter(exported).collect()
    }

    /// The capabilities that the binary imports.
    pub fn capabilities(&self) -> Vec<Capability> {
        let imported = |capability: &Capability| {
            let is = |name: &String| matches!(interface(name), Some((Interface::Capability(found), _)) if found == *capability);
            self.imports.iter().any(is)
        };
        Capability::ALL.into_iter().filter(imported).collect()
    }
}

fn roles(manifest: &Manifest, contents: &Contents, lies: &mut Vec<Lie>) {
    let exported = contents.roles();
    if exported.is_empty() {
        lies.push(Lie::NoRole);
    }
    if let Some(claimed) = &manifest.roles {
        let absent = claimed.iter().filter(|role| !exported.contains(role));
        lies.extend(absent.map(|role| Lie::RoleNotExported(*role)));
        let hidden = exported.iter().filter(|role| !claimed.contains(role));
        lies.extend(hidden.map(|role| Lie::RoleNotClaimed(*role)));
    }
    let foreign = contents.exports.iter().filter(|name| !matches!(interface(name), Some((Interface::Role(_), _))));
    lies.extend(foreign.map(|name| Lie::ForeignExport(name.clone())));
}

fn imports(manifest: &Manifest, contents: &Contents, lies: &mut Vec<Lie>) {
    let imported = contents.capabilities();
    if let Some(declared) = &manifest.imports {
        let hidden = imported.iter().filter(|capability| !declared.contains(capability));
        lies.extend(hidden.map(|capability| Lie::ImportNotDeclared(*capability)));
        let absent = declared.iter().filter(|capability| !imported.contains(capability));
        lies.extend(absent.map(|capability| Lie::ImportNotThere(*capability)));
    }
    let foreign = contents
        .imports
        .iter()
        .filter(|name| !matches!(interface(name), Some((Interface::Capability(_) | Interface::Types, _))));
    lies.extend(foreign.map(|name| Lie::ForeignImport(name.clone())));
}

fn versions(manifest: &Manifest, contents: &Contents, lies: &mut Vec<Lie>) {
    let said = ContractRange::parse(&manifest.contract).ok();
    let Some(range) = said.filter(|range| range.accepts(HOST_CONTRACT)) else {
        lies.push(Lie::OtherContract(manifest.contract.clone()));
        return;
    };
    let newer = contents
        .imports
        .iter()
        .chain(&contents.exports)
        .filter(|name| interface(name).is_some_and(|(_, version)| version > *range.oldest()));
    lies.extend(newer.map(|name| Lie::NewerThanSaid { name: name.clone(), said: manifest.contract.clone() }));
}

impl fmt::Display for Lie {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RoleNotExported(role) => write!(out, "it claims to answer for {role}, but does not"),
            Self::RoleNotClaimed(role) => write!(out, "it answers for {role} without saying so"),
            Self::NoRole => write!(out, "it answers for no role"),
            Self::ImportNotDeclared(capability) => write!(out, "it uses {capability} without saying so"),
            Self::ImportNotThere(capability) => write!(out, "it asks for {capability}, but does not use it"),
            Self::ForeignImport(name) => write!(out, "it imports `{name}`, which is no capability of the contract"),
            Self::ForeignExport(name) => write!(out, "it exports `{name}`, which is no role of the contract"),
            Self::NewerThanSaid { name, said } => write!(out, "it uses `{name}`, but says it is for {said}"),
            Self::OtherContract(said) => write!(out, "it is for `{said}`; this host speaks {HOST_CONTRACT}"),
        }
    }
}

impl Lie {
    fn chinese(&self) -> String {
        match self {
            Self::RoleNotExported(role) => format!("声明承担 {role}，实际没有"),
            Self::RoleNotClaimed(role) => format!("承担 {role}，却没有声明"),
            Self::NoRole => "没有承担任何角色".into(),
            Self::ImportNotDeclared(capability) => format!("使用 {capability}，却没有声明"),
            Self::ImportNotThere(capability) => format!("声明要用 {capability}，实际没有用"),
            Self::ForeignImport(name) => format!("引入了契约之外的 `{name}`"),
            Self::ForeignExport(name) => format!("导出了契约之外的 `{name}`"),
            Self::NewerThanSaid { name, said } => format!("使用 `{name}`，却声明适用于 {said}"),
            Self::OtherContract(said) => format!("适用于 `{said}`，而本机的契约是 {HOST_CONTRACT}"),
        }
    }
}

impl ClaimsError {
    /// The error in Chinese, with the cure.
    pub fn chinese(&self) -> String {
        let lies: Vec<String> = self.lies.iter().map(Lie::chinese).collect();
        format!("清单与策略包不符：{}；请用 `muster build` 重新构建", lies.join("；"))
    }
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lies: Vec<String> = self.lies.iter().map(Lie::to_string).collect();
        write!(out, "the package is not what its manifest says: {}; build it anew with `muster build`", lies.join("; "))
    }
}

impl std::error::Error for ClaimsError {}
