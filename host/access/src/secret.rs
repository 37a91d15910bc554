//! Secrets: named by where they lie, never written into settings, never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::Surroundings;

/// Bits of a file's mode that let others than its owner and group in, or the group change it.
const MODE_TOO_OPEN: u32 = 0o037;

/// Secret bytes. Neither `Debug` nor any other way prints them; they are overwritten when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, to be used at once and kept nowhere.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Where a secret lies: `file:PATH` or `env:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretReference {
    /// A file that only its owner, and at most its group, can read.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Neither of the two forms. The text is not repeated: it may be the secret itself.
    #[error("a secret is named as `file:PATH` or `env:NAME`, never written out; say where it lies")]
    Form,
    /// The file cannot be read.
    #[error("the secret's file {path} cannot be read: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Others can read it.
    #[error(
        "the secret's file {path} has mode {mode:03o}: others can read it, or its group can change it; chmod 600 it"
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The variable is not set.
    #[error("the variable {0}, which holds a secret, is not set; set it for this process")]
    Variable(String),
    /// Nothing in it.
    #[error("the secret {0} is empty")]
    Empty(SecretReference),
}

impl SecretReference {
    /// Reads `file:PATH` or `env:NAME`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("env", name)) if !name.is_empty() && !name.contains(['=', '\0']) => Ok(Self::Variable(name.into())),
            _ => Err(SecretError::Form),
        }
    }

    /// The secret itself, without the newline at its end.
    ///
    /// # Errors
    /// When it cannot be read, is empty, or lies open to others.
    pub fn resolve(&self, surroundings: &impl Surroundings) -> Result<Secret, SecretError> {
        let secret = match self {
            Self::File(path) => {
                let unreadable =
                    |reason: std::io::Error| SecretError::File { path: path.clone(), reason: reason.to_string() };
                let file = surroundings.file(path).map_err(unreadable)?;
                if file.mode & MODE_TOO_OPEN != 0 {
                    return Err(SecretError::TooOpen { path: path.clone(), mode: file.mode });
                }
                let end = file.bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
                Secret::new(&file.bytes[..end])
            }
            Self::Variable(name) => {
                let value = surroundings.variable(name).ok_or_else(|| SecretError::Variable(name.clone()))?;
                Secret::new(value)
            }
        };
        if secret.expose().is_empty() { Err(SecretError::Empty(self.clone())) } else { Ok(secret) }
    }

    /// The file, when it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Variable(_) => None,
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "file:{}", path.display()),
            Self::Variable(name) => write!(formatter, "env:{name}"),
        }
    }
}

impl<'de> Deserialize<'de> for SecretReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::System;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_is_read_from_its_place_and_never_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "hush\n").expect("written");
        let reference = SecretReference::parse(&format!("file:{}", path.display())).expect("a reference");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert!(matches!(reference.resolve(&System), Err(SecretError::TooOpen { mode: 0o644, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        let secret = reference.resolve(&System).expect("readable");
        assert_eq!(secret.expose(), b"hush");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn what_is_no_reference_is_not_repeated() {
        let error = SecretReference::parse("correct horse battery staple").expect_err("no reference");
        assert_eq!(
            error.to_string(),
            "a secret is named as `file:PATH` or `env:NAME`, never written out; say where it lies"
        );
        let missing = SecretReference::parse("env:MUSTER_NO_SUCH_VARIABLE").expect("a reference").resolve(&System);
        assert_eq!(missing.expect_err("not set"), SecretError::Variable("MUSTER_NO_SUCH_VARIABLE".into()));
    }
}
