//! The first token of a host: made once, for the one who can read a file on its machine, and ended by its first use.
//! It must never be made where any token was issued before, or be printed.

use std::io;
use std::path::{Path, PathBuf};

use muster_kernel::{Instant, Milliseconds};

use super::register::{act, check};
use super::store::{remove, sync_folder, write_private};
use super::{AdministrativeAct, Deed, IssueError, Limits, StoreError, TokenRegister, TokenStore, Wanted};
use crate::identity::SubjectError;
use crate::{AccessRole, Binding, Chance, Identity, Proof, Subject};

/// How long the first token may wait for its first use.
pub const BOOTSTRAP_LIFE: Milliseconds = Milliseconds::hours(24);

/// Why there is no first token.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Tokens were issued before.
    #[error(
        "tokens were issued on this host before; ask one of its administrators, or move the register away to begin anew"
    )]
    NotFirst,
    /// The file.
    #[error("the file {path} for the first token: {reason}; it must not be there yet, and its folder must")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The token.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Its name.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The register.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the first token: an operator's, for a day, in a new file with mode 600. Issuing another token with it ends it.
///
/// # Errors
/// When there were tokens before, or the disk refuses. No token is left behind then.
pub fn bootstrap(
    register: &mut TokenRegister,
    store: &impl TokenStore,
    path: &Path,
    at: Instant,
    chance: &mut impl Chance,
) -> Result<AdministrativeAct, BootstrapError> {
    if !register.is_empty() {
        return Err(BootstrapError::NotFirst);
    }
    let expires = at + BOOTSTRAP_LIFE;
    let wanted = Wanted {
        subject: Subject::parse("bootstrap")?,
        display_name: "first token of this host".into(),
        bindings: vec![Binding::of_host(AccessRole::Operator)],
        posts: std::collections::BTreeSet::new(),
        sources: std::collections::BTreeSet::new(),
        expires,
    };
    check(&wanted, at, Limits { life_max: BOOTSTRAP_LIFE })?;
    let mut next = register.clone();
    let subject = wanted.subject.clone();
    let (token, text) = next.add(wanted, &subject, at, true, chance)?;
    let file = |reason| BootstrapError::File { path: path.into(), reason };
    // The file first: with a register that knows a token which nobody has, the host could never be opened.
    let line = zeroize::Zeroizing::new([text.expose().as_bytes(), b"\n"].concat());
    match write_private(path, &line).and_then(|()| sync_folder(path)) {
        Ok(()) => {}
        // Somebody else's file stays as it is.
        Err(reason) if reason.kind() == io::ErrorKind::AlreadyExists => return Err(file(reason)),
        Err(reason) => {
            remove(path).map_err(file)?;
            return Err(file(reason));
        }
    }
    if let Err(reason) = store.replace(&next) {
        remove(path).map_err(file)?;
        return Err(reason.into());
    }
    *register = next;
    let host = Identity {
        subject,
        display_name: "host".into(),
        bindings: Vec::new(),
        posts: std::collections::BTreeSet::new(),
        sources: std::collections::BTreeSet::new(),
        proof: Proof::Token { id: token, one_time: true },
    };
    Ok(act(at, &host, Deed::Bootstrapped { token, expires }))
}
