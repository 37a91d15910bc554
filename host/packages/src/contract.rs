//! The words of the contract `muster:policy`: capabilities, interfaces, and which host a package is for.

use std::fmt;

use muster_kernel::Role;
use semver::Version;
use serde::{Deserialize, Serialize};

/// The contract that this host speaks, and its SDK.
pub const HOST_CONTRACT: &str = "muster:policy@1.0.0";
/// The contract's name.
const NAME: &str = "muster:policy";

/// What a policy may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// To log.
    Log,
    /// To read its settings.
    Settings,
    /// To read nodes, departments and posts.
    Roster,
    /// To reckon in civil time.
    Calendar,
    /// To remember.
    Memory,
    /// To read what the journal says.
    Facts,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Log, Self::Settings, Self::Roster, Self::Calendar, Self::Memory, Self::Facts];

    /// The word in manifests, and the name of the contract's interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Settings => "settings",
            Self::Roster => "roster",
            Self::Calendar => "calendar",
            Self::Memory => "memory",
            Self::Facts => "facts",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Which hosts a package is for: `muster:policy@1`, `muster:policy@1.2` or `muster:policy@1.2.3`.
///
/// The version is the oldest that will do. A host accepts it when it speaks the same major and that version or a newer
/// one: a minor only adds imports, so what was built for an older minor runs on a newer one, never the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractRange {
    oldest: Version,
}

/// Why text names no contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no contract; write for instance `{HOST_CONTRACT}`, or `{NAME}@1` for any of that major")]
pub struct ContractError(String);

impl ContractRange {
    /// Reads a contract range.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, ContractError> {
        let wrong = || ContractError(text.chars().take(80).collect());
        let version = text.strip_prefix(NAME).and_then(|rest| rest.strip_prefix('@')).ok_or_else(wrong)?;
        let padded = match version.matches('.').count() {
            0 => format!("{version}.0.0"),
            1 => format!("{version}.0"),
            _ => version.to_owned(),
        };
        let oldest = Version::parse(&padded).map_err(|_| wrong())?;
        // A pre-release promises nothing to anyone.
        if oldest.major == 0 || !oldest.pre.is_empty() || !oldest.build.is_empty() {
            return Err(wrong());
        }
        Ok(Self { oldest })
    }

    /// Whether a host that speaks this contract, for instance [`HOST_CONTRACT`], can run the package.
    pub fn accepts(&self, host_contract: &str) -> bool {
        Self::parse(host_contract)
            .is_ok_and(|host| host.oldest.major == self.oldest.major && host.oldest >= self.oldest)
    }

    /// The oldest version of the contract that will do.
    pub const fn oldest(&self) -> &Version {
        &self.oldest
    }
}

/// What a name of the binary means in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    /// A role.
    Role(Role),
    /// A capability.
    Capability(Capability),
    /// Types only.
    Types,
}

/// The contract's interface and version behind `muster:policy/NAME@1.x.y`; `None` for anything foreign.
pub(crate) fn interface(name: &str) -> Option<(Interface, Version)> {
    let (plain, version) = name.strip_prefix(NAME)?.strip_prefix('/')?.split_once('@')?;
    let version = Version::parse(version).ok().filter(|version| version.major == 1)?;
    let role = Role::parse(plain).map(Interface::Role);
    let capability = Capability::ALL.into_iter().find(|capability| capability.as_str() == plain);
    let types = (plain == "types").then_some(Interface::Types);
    let found = role.or(capability.map(Interface::Capability)).or(types)?;
    Some((found, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_minor_runs_what_was_built_for_an_older_one_never_the_other_way_round() {
        let accepts = |range: &str, host: &str| ContractRange::parse(range).expect(range).accepts(host);
        for range in ["muster:policy@1", "muster:policy@1.0", "muster:policy@1.0.0"] {
            assert!(accepts(range, HOST_CONTRACT) && accepts(range, "muster:policy@1.7.3"), "{range}");
            assert!(!accepts(range, "muster:policy@2.0.0") && !accepts(range, "other:policy@1.0.0"), "{range}");
        }
        assert!(!accepts("muster:policy@1.1", HOST_CONTRACT));
        assert!(!accepts("muster:policy@1.0.1", HOST_CONTRACT));
        assert!(!accepts("muster:policy@2", HOST_CONTRACT));
    }

    #[test]
    fn what_is_no_contract_is_refused() {
        for text in [
            "",
            "muster:policy",
            "muster:policy@",
            "muster:policy@x",
            "muster:policy@0.1.0",
            "muster:policy@1.0.0-rc.1",
            "policy@1",
            "muster:policy@1.2.3.4",
        ] {
            assert!(ContractRange::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_the_contract_are_told_from_foreign_ones() {
        let found = |name: &str| interface(name).map(|(found, _)| found);
        assert_eq!(found("muster:policy/triage@1.0.0"), Some(Interface::Role(Role::Triage)));
        assert_eq!(found("muster:policy/facts@1.4.0"), Some(Interface::Capability(Capability::Facts)));
        assert_eq!(found("muster:policy/types@1.0.0"), Some(Interface::Types));
        for name in [
            "wasi:cli/run@0.2.0",
            "muster:policy/triage",
            "muster:policy/triage@2.0.0",
            "muster:policy/x@1.0.0",
            "muster:policy/log@1.x",
        ] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
