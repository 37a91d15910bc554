//! Versions in the names of a component's imports and exports: `muster:policy/facts@1.0.0`. A name is only a claim. What
//! fits is decided by the types; this says in which words a misfit is explained, and refuses what can only be a mistake
//! or a pretence.

use crate::program::CompileError;

/// The version of the contract that this host speaks.
pub const CONTRACT: &str = "1.0.0";

/// Major, minor, patch.
type Version = [u32; 3];

/// The version of a released contract: three numbers, nothing before, between or behind them.
fn released(text: &str) -> Option<Version> {
    let number = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        plain.then(|| part.parse().ok()).flatten()
    };
    let mut parts = text.split('.').map(number);
    let version = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(version)
}

/// The versions that a component names.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    newest: Option<Version>,
}

impl Versions {
    /// The interface of the contract that a name means, whatever its minor version; `None` when it is no name of the
    /// contract's.
    pub(crate) fn interface<'a>(&mut self, name: &'a str) -> Result<Option<&'a str>, CompileError> {
        let Some(rest) = name.strip_prefix("muster:policy/") else { return Ok(None) };
        let Some((interface, version)) = rest.split_once('@') else { return Err(CompileError::NoVersion(name.into())) };
        let version = released(version).ok_or_else(|| CompileError::NoVersion(name.into()))?;
        if version[0] != spoken()[0] {
            return Err(CompileError::OtherMajor(name.into()));
        }
        self.newest = self.newest.max(Some(version));
        Ok(Some(interface))
    }

    /// Why something does not fit: because it is of a later version, or because it keeps to none.
    pub(crate) fn misfit(&self, reason: String) -> CompileError {
        match self.newest.filter(|newest| *newest > spoken()) {
            Some([major, minor, patch]) => {
                CompileError::Newer { wanted: format!("{major}.{minor}.{patch}"), lacking: reason }
            }
            None => CompileError::Mismatch(reason),
        }
    }
}

/// Whether a name claims a later version than this host speaks.
pub(crate) fn is_newer(name: &str) -> bool {
    name.split_once('@').and_then(|(_, version)| released(version)).is_some_and(|version| version > spoken())
}

fn spoken() -> Version {
    released(CONTRACT).expect("it is three numbers, and a test says so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_plain_numbers_are_a_version() {
        assert_eq!(released("1.99.0"), Some([1, 99, 0]));
        assert_eq!(released(CONTRACT), Some(spoken()));
        for text in ["1", "1.0", "1.0.0.0", "1.0.0-x", "1.0.0+x", "01.0.0", "1.0.", "1.+1.0", "", "1.0.99999999999"] {
            assert_eq!(released(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_ours_foreign_or_a_pretence() {
        let mut versions = Versions::default();
        assert_eq!(versions.interface("muster:policy/facts@1.3.0").expect("a name"), Some("facts"));
        assert_eq!(versions.interface("wasi:clocks/wall-clock@0.2.0").expect("a name"), None);
        assert!(matches!(versions.interface("muster:policy/facts@2.0.0"), Err(CompileError::OtherMajor(_))));
        assert!(matches!(versions.interface("muster:policy/facts"), Err(CompileError::NoVersion(_))));
        assert!(matches!(versions.misfit(String::new()), CompileError::Newer { wanted, .. } if wanted == "1.3.0"));
    }
}
