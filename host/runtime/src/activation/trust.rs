//! The trust in force on this host: read at the start, watched, and never weakened by less authority than that needs.
//!
//! What was accepted last is kept with the data, so that a file that is swapped while the host is down is held against it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use muster_kernel::Instant;
use muster_packages::attestation::Attestations;
use muster_packages::trust::{DenyList, Trust};
use muster_store::Kept;

use crate::open::OpenError;

/// The names of what is kept.
const TRUST: &str = "trust.toml";
const DENY: &str = "deny.dsse.jsonl";

/// Trust and deny-list, as they hold at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) trust: Arc<Trust>,
    pub(crate) deny: Arc<DenyList>,
    /// Why the newest files are not what holds, when they are not.
    pub(crate) problem: Option<String>,
}

/// Keeps the trust in force.
pub(crate) struct TrustKeeper {
    file: Option<PathBuf>,
    kept: Kept,
    standing: Mutex<Standing>,
}

impl TrustKeeper {
    /// Reads what was accepted last, and then what the operator's file says now. Without a file everything is let in that
    /// is not tampered with: the development profile, which says so.
    pub(crate) fn open(file: Option<PathBuf>, kept: Kept, now: Instant) -> Result<Self, OpenError> {
        let standing = Standing { trust: Arc::new(Trust::absent()), deny: Arc::new(DenyList::none()), problem: None };
        let keeper = Self { file, kept, standing: Mutex::new(standing) };
        if keeper.file.is_none() && keeper.kept.get(TRUST)?.is_some() {
            return Err(OpenError::TrustMissing);
        }
        if keeper.file.is_some() {
            keeper.first(now)?;
        }
        Ok(keeper)
    }

    /// A keeper that lets everything in: for plays, simulations and proofs, which judge nobody.
    pub(crate) fn absent() -> Self {
        let standing = Standing { trust: Arc::new(Trust::absent()), deny: Arc::new(DenyList::none()), problem: None };
        Self { file: None, kept: Kept::nowhere(), standing: Mutex::new(standing) }
    }

    /// What holds now.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.lock().expect("no holder panics").clone()
    }

    /// Does something while that still holds by which it was judged; nothing else comes into force meanwhile, so it must not
    /// take long. `None`, and nothing is done, when something else holds by now.
    pub(crate) fn while_it_holds<T>(&self, judged_by: &Standing, work: impl FnOnce() -> T) -> Option<T> {
        let standing = self.standing.lock().expect("no holder panics");
        let holds = standing.trust.digest == judged_by.trust.digest && standing.deny.digest == judged_by.deny.digest;
        holds.then(work)
    }

    /// The folder to watch.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.file.as_deref().and_then(Path::parent)
    }

    /// The first reading: what was accepted before holds until its own admins agree to something else.
    fn first(&self, now: Instant) -> Result<(), OpenError> {
        let wrong =
            |reason: &dyn std::fmt::Display| OpenError::Trust { file: TRUST.into(), reason: reason.to_string() };
        if let Some(bytes) = self.kept.get(TRUST)? {
            let trust = Trust::read(&bytes).map_err(|reason| wrong(&reason))?;
            let deny = match self.kept.get(DENY)? {
                Some(bytes) => {
                    let file = Attestations::read(&bytes).map_err(|reason| wrong(&reason))?;
                    DenyList::read(&file, &trust, now).map_err(|reason| wrong(&reason))?
                }
                None => DenyList::none(),
            };
            *self.standing.lock().expect("no holder panics") =
                Standing { trust: Arc::new(trust), deny: Arc::new(deny), problem: None };
        } else {
            let Some(file) = &self.file else { return Ok(()) };
            let bytes = read(file)?;
            let trust = Trust::read(&bytes)
                .map_err(|reason| OpenError::Trust { file: file.display().to_string(), reason: reason.to_string() })?;
            self.kept.put(TRUST, &bytes)?;
            self.standing.lock().expect("no holder panics").trust = Arc::new(trust);
        }
        self.reread(now);
        Ok(())
    }

    /// Reads the operator's files again. What may not follow changes nothing and is told as a problem.
    pub(crate) fn reread(&self, now: Instant) {
        let Some(file) = &self.file else { return };
        let before = self.standing();
        let mut standing = Standing { problem: None, ..before };
        let mut problems = Vec::new();
        problems.extend(self.follow_trust(file, &mut standing, now).err());
        problems.extend(self.follow_deny(file, &mut standing, now).err());
        standing.problem = (!problems.is_empty()).then(|| problems.join("; "));
        if let Some(problem) = &standing.problem {
            tracing::error!(target: "muster::trust", problem, "the newest trust files are not in force");
        }
        *self.standing.lock().expect("no holder panics") = standing;
    }

    fn follow_trust(&self, file: &Path, standing: &mut Standing, now: Instant) -> Result<(), String> {
        let named = |reason: &dyn std::fmt::Display| format!("{}: {reason}", file.display());
        let bytes = read(file).map_err(|error| error.to_string())?;
        let consents = read_attestations(&beside(file))?;
        let accepted =
            standing.trust.accept(&bytes, &consents, &standing.deny, now).map_err(|reason| named(&reason))?;
        if accepted.trust.digest != standing.trust.digest {
            self.kept.put(TRUST, &bytes).map_err(|reason| named(&reason))?;
            let who: Vec<&str> = accepted.signers.iter().map(|signer| signer.holder.as_str()).collect();
            tracing::warn!(
                target: "muster::trust", serial = accepted.trust.serial, signed_by = who.join(", "),
                stricter = accepted.change.strengthens.len(), weaker = accepted.change.weakens.len(), "a new trust file is in force"
            );
            standing.trust = Arc::new(accepted.trust);
        }
        Ok(())
    }

    fn follow_deny(&self, file: &Path, standing: &mut Standing, now: Instant) -> Result<(), String> {
        let path = file.with_file_name(DENY);
        let named = |reason: &dyn std::fmt::Display| format!("{}: {reason}", path.display());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(reason) if reason.kind() == std::io::ErrorKind::NotFound && standing.deny.sequence == 0 => {
                return Ok(());
            }
            Err(reason) => return Err(format!("{}; the deny-list in force stays", named(&reason))),
        };
        let list = Attestations::read(&bytes).map_err(|reason| named(&reason))?;
        let list = DenyList::read(&list, &standing.trust, now).map_err(|reason| named(&reason))?;
        list.may_follow(&standing.deny, &standing.trust, now).map_err(|reason| named(&reason))?;
        if list.digest != standing.deny.digest {
            self.kept.put(DENY, &bytes).map_err(|reason| named(&reason))?;
            tracing::warn!(
                target: "muster::trust", sequence = list.sequence, entries = list.entries.len(), "a new deny-list is in force"
            );
            standing.deny = Arc::new(list);
        }
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(file).map_err(|reason| OpenError::System { what: file.display().to_string(), reason })
}

/// The file that holds what was signed about another one.
pub(crate) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(muster_packages::attestation::SUFFIX);
    PathBuf::from(name)
}

/// The attestations in a file; none when there is no file.
fn read_attestations(file: &Path) -> Result<Attestations, String> {
    match std::fs::read(file) {
        Ok(bytes) => Attestations::read(&bytes).map_err(|reason| format!("{}: {reason}", file.display())),
        Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => Ok(Attestations::none()),
        Err(reason) => Err(format!("{}: {reason}", file.display())),
    }
}
