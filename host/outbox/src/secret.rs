//! Secrets by reference: `file:PATH` or `env:NAME`. The settings never hold one, and nothing here ever prints one.

use std::fmt;

/// Why a secret cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not a reference.
    #[error(
        "is not a reference to a secret; write `file:PATH` or `env:NAME`, and keep the secret itself out of the settings"
    )]
    NotReference,
    /// The file cannot be read.
    #[error(
        "refers to the file `{path}`, which cannot be read ({reason}); put the secret there, readable by the host alone"
    )]
    File {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The variable is not set.
    #[error("refers to the environment variable `{0}`, which is not set; set it for the host's process")]
    Environment(String),
    /// Nothing is there.
    #[error("refers to `{0}`, which is empty")]
    Empty(String),
}

/// A secret that was read. It never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from text, white space around it taken off.
    pub fn new(text: &str) -> Self {
        Self(text.trim().into())
    }

    /// The secret, for who signs with it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Where secrets lie.
pub trait SecretSource {
    /// The text of a file.
    ///
    /// # Errors
    /// What the system said.
    fn file(&self, path: &str) -> Result<String, String>;

    /// An environment variable, when it is set.
    fn environment(&self, name: &str) -> Option<String>;
}

/// Files and environment of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemSecrets;

impl SecretSource for SystemSecrets {
    fn file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|reason| reason.to_string())
    }

    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// The secret behind a reference.
///
/// # Errors
/// When it is not a reference, or nothing is behind it.
pub(crate) fn resolve(reference: &str, source: &dyn SecretSource) -> Result<Secret, SecretError> {
    let text = if let Some(path) = reference.strip_prefix("file:") {
        source.file(path).map_err(|reason| SecretError::File { path: path.into(), reason })?
    } else if let Some(name) = reference.strip_prefix("env:") {
        source.environment(name).ok_or_else(|| SecretError::Environment(name.into()))?
    } else {
        return Err(SecretError::NotReference);
    };
    let secret = Secret::new(&text);
    if secret.0.is_empty() { Err(SecretError::Empty(reference.into())) } else { Ok(secret) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_from_where_it_lies_and_never_shows_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        std::fs::write(&file, "  s3cret\n").expect("written");
        let secret = resolve(&format!("file:{}", file.display()), &SystemSecrets).expect("a secret");
        assert_eq!(secret.reveal(), "s3cret");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        std::fs::write(&file, "\n").expect("written");
        assert!(matches!(resolve(&format!("file:{}", file.display()), &SystemSecrets), Err(SecretError::Empty(_))));
        assert!(matches!(resolve("file:/nowhere/at/all", &SystemSecrets), Err(SecretError::File { .. })));
        assert_eq!(
            resolve("env:MUSTER_NO_SUCH", &SystemSecrets),
            Err(SecretError::Environment("MUSTER_NO_SUCH".into()))
        );
        assert_eq!(resolve("s3cret", &SystemSecrets), Err(SecretError::NotReference));
    }
}
