//! People and folders change a district's policies while it serves: one change after the other in each district, beside
//! the path of events, and between two events in the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use muster_kernel::act::Because;
use muster_kernel::record::{Activation, Withdrawal};
use muster_kernel::role::Binding;
use muster_kernel::settings::Settings;
use muster_kernel::state::Core;
use muster_kernel::{Digest, DistrictId, Instant, PolicyMode, Role, State};
use muster_packages::{Package, PackageError};
use muster_store::VaultError;
use tokio::sync::oneshot;

use crate::activation::trust::Standing;
use crate::activation::{Attempt, Candidate, Scene, is_in_crisis};
use crate::district::{Install, exercise_of, is_exercise};
use crate::folder::{self, Allowed, BoundFiles, Folder, FolderError};
use crate::host::{Host, Inner, Seat};
use crate::refusal::QueryError;
use crate::reload;
use crate::shard::{self, Command};

pub use crate::meant::Meant;

/// Attempts of a district that are remembered.
const ATTEMPTS_MAX: usize = 32;
/// What somebody wants changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// To run a package or settings: to answer, as a shadow, or as a canary.
    Activate(Box<Wanted>),
    /// To let what is on trial answer.
    Promote {
        /// The role.
        role: Role,
    },
    /// To let answer again what answered before.
    Rollback {
        /// The role.
        role: Role,
        /// Which package; absent: the one before.
        to: Option<Digest>,
    },
    /// To end a trial.
    EndTrial {
        /// The role.
        role: Role,
    },
}

/// What is to run.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The role.
    pub role: Role,
    /// How.
    pub mode: PolicyMode,
    /// In canary mode: for how many of a thousand incidents.
    pub permille: Option<u16>,
    /// The package; absent: the one in force.
    pub package: Option<Vec<u8>>,
    /// The settings as files, name and text, later ones over earlier ones; absent: those in force.
    pub settings: Option<Vec<(String, String)>>,
    /// What was signed about the package; absent with a package: nothing; absent without one: as before.
    pub attestations: Option<Vec<u8>>,
    /// When it is to end.
    pub expires: Option<Instant>,
    /// Only to be looked at: every step but the last two.
    pub dry_run: bool,
}

/// Who wants it, and why.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// The person.
    pub by: String,
    /// A second person, where the development profile takes names for signatures.
    pub second: Option<String>,
    /// The reason.
    pub reason: Option<String>,
    /// What was meant when it was let through: if it is something else by then, nothing changes. Absent: whatever it is.
    pub meant: Option<Meant>,
}

/// Why a change was not even tried.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No such district.
    #[error("there is no district `{0}` on this host")]
    UnknownDistrict(String),
    /// The bytes are no package.
    #[error("the package cannot be used: {0}")]
    Package(#[from] PackageError),
    /// The settings cannot be read.
    #[error(transparent)]
    Settings(#[from] muster_packages::settings::SettingsError),
    /// The district's folder.
    #[error(transparent)]
    Folder(#[from] crate::folder::FolderError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Nothing is in force, and nothing was given.
    #[error("nothing is in force for {0} whose {1} could be taken; give it")]
    NothingInForce(Role, &'static str),
    /// Nothing is on trial.
    #[error("nothing is on trial for {0}; begin with `muster policy shadow` or `canary`")]
    NoTrial(Role),
    /// Nothing was in force before.
    #[error(
        "{0} has no earlier policy{1} to go back to, besides what was let in for a time only; see `muster policy history`, and activate it instead"
    )]
    NoPast(Role, String),
    /// A share of incidents that cannot be.
    #[error("a canary answers for 1 to 999 of a thousand incidents")]
    Permille,
    /// Something else would take force than what was let through.
    #[error("what it would bring into force changed meanwhile; look at `muster policy status` and ask for it again")]
    Moved,
    /// The host is stopping, or its journal stopped.
    #[error("the host takes no change now: it is stopping, or its journal stopped")]
    Stopping,
}

impl Host {
    /// Changes a policy, step by step; may take a second. Not for the threads that answer.
    ///
    /// # Errors
    /// When it could not be tried. What was tried and refused is an attempt that says why.
    pub fn change_policy(&self, district: &str, change: Change, who: &Who) -> Result<Attempt, ChangeError> {
        let id = DistrictId::from(district);
        let Some(seat) = self.inner.seats.get(&id) else { return Err(ChangeError::UnknownDistrict(district.into())) };
        // A thread of its own, so that standing back does not stay with whoever asked.
        std::thread::scope(|scope| {
            let changing = scope.spawn(|| {
                crate::priority::stand_back(crate::priority::Patience::Soon);
                let _one_at_a_time = seat.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                self.inner.change(&id, seat, change, who)
            });
            changing.join().unwrap_or(Err(ChangeError::Stopping))
        })
    }

    /// What a change would bring into force as things stand, as far as it does not bring it itself.
    ///
    /// # Errors
    /// When there is nothing that it could mean, or the host cannot answer.
    pub async fn meant(&self, district: &str, change: &Change) -> Result<Meant, ChangeError> {
        let core = self.query(district, |state| state.core.clone()).await.map_err(|error| match error {
            QueryError::UnknownDistrict(name) => ChangeError::UnknownDistrict(name),
            QueryError::Unavailable | QueryError::Journal(_) => ChangeError::Stopping,
        })?;
        Meant::by(change, &core)
    }

    /// The newest attempts to change a district's policies, the newest last.
    pub fn attempts(&self, district: &str) -> Vec<Attempt> {
        let attempts = self.inner.attempts.lock().expect("no holder panics");
        attempts.get(&DistrictId::from(district)).map(|rows| rows.iter().cloned().collect()).unwrap_or_default()
    }

    /// The report of a backtest, as JSON, by its digest.
    ///
    /// # Errors
    /// When the vault does not hold it.
    pub fn backtest_report(&self, digest: Digest) -> Result<Vec<u8>, ChangeError> {
        Ok(self.inner.parts.vault.get(&digest.0)?)
    }

    /// The trust in force: profile, serial of the file, sequence of the deny-list.
    pub fn trust(&self) -> TrustStatus {
        let standing = self.inner.parts.trust.standing();
        TrustStatus {
            profile: standing.trust.profile.as_str(),
            serial: standing.trust.serial,
            deny_sequence: standing.deny.sequence,
            warning: standing.trust.warning(),
            problem: standing.problem,
        }
    }
}

/// The trust in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustStatus {
    /// `production` or `development`.
    pub profile: &'static str,
    /// Serial of the trust file.
    pub serial: u64,
    /// Sequence of the deny-list; 0: none.
    pub deny_sequence: u64,
    /// What a development profile must say, in Chinese and English.
    pub warning: Option<(&'static str, &'static str)>,
    /// Why the newest files are not in force.
    pub problem: Option<String>,
}

impl Inner {
    /// A watched file of a district changed: what its folder says now takes effect between two events, or a problem is
    /// shown and nothing changes.
    pub(crate) fn folder_changed(inner: &Arc<Self>, path: &Path) {
        for (id, seat) in inner.seats.iter().filter(|(id, seat)| seat.folder == path && !is_exercise(id)) {
            let (inner, id) = (Arc::clone(inner), id.clone());
            let _ = seat;
            // One district's slow package keeps no other waiting.
            let spawned = std::thread::Builder::new().name("change".into()).spawn(move || {
                crate::priority::stand_back(crate::priority::Patience::Soon);
                if let Some(seat) = inner.seats.get(&id) {
                    inner.reload_one(&id, seat);
                }
            });
            if let Err(error) = spawned {
                tracing::error!(target: "muster::reload", %error, "no thread for a change; save the file again");
            }
        }
    }

    pub(crate) fn reload_one(&self, id: &DistrictId, seat: &Seat) {
        let _one_at_a_time = seat.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let outcome = self.try_reload(id, seat);
        let mut problems = self.problems.lock().expect("no holder panics");
        match outcome {
            Ok(changed) => {
                problems.remove(id);
                if changed {
                    tracing::info!(target: "muster::reload", district = %id, "the district's new files are in force");
                }
            }
            Err(reason) => {
                tracing::warn!(target: "muster::reload", district = %id, reason, "the new files are not used; what was in force serves on");
                problems.insert(id.clone(), reason);
            }
        }
    }

    /// Reads a district's folder, and watches what it names, whether all of it can be used or not. What was not watched yet
    /// is read again: it may have been saved in between.
    fn read_watched(&self, path: &Path) -> Result<Folder, FolderError> {
        loop {
            let mut named = BTreeSet::new();
            let folder = folder::read_noting(path, &mut named);
            let mut watch = self.watch.lock().expect("no holder panics");
            if !watch.as_mut().is_some_and(|watch| watch.follow(path, &named)) {
                return folder;
            }
        }
    }

    fn try_reload(&self, id: &DistrictId, seat: &Seat) -> Result<bool, String> {
        let (core, crisis) = self.core_of(id).map_err(|error| error.to_string())?;
        let folder = self.read_watched(&seat.folder).map_err(|error| error.to_string())?;
        let judged_by = self.parts.trust.standing();
        let mut changes = reload::difference(&self.parts, &folder, &core, crisis, self.clock.now(), "folder");
        let changed = !changes.is_empty();
        if let Some((charter, digest)) = changes.charter.take() {
            let command = || Command::Charter { charter: charter.clone(), digest };
            self.send(id, command()).map_err(|error| error.to_string())?;
            self.tell_drill(id, command());
        }
        for install in std::mem::take(&mut changes.installs) {
            let placed = changes
                .attempts
                .iter_mut()
                .find(|attempt| attempt.role == install.activation.role && attempt.mode == install.activation.mode);
            if let Some(attempt) = placed {
                self.install(id, &judged_by, install, attempt);
            }
        }
        let problem = changes.problem();
        changes.attempts.into_iter().for_each(|attempt| self.remember(id, attempt));
        problem.map_or(Ok(changed), Err)
    }

    /// Installs what passed every step, and waits until the journal says so. What was revoked since it was judged is never
    /// installed: either the new deny-list is seen here, or the withdrawal stands behind this in the district's queue.
    fn install(&self, id: &DistrictId, judged_by: &Standing, install: Install, attempt: &mut Attempt) {
        let activation = install.activation.clone();
        let (tell, told) = oneshot::channel();
        let sent = self.parts.trust.while_it_holds(judged_by, || {
            self.tell_drill(id, Command::install(install.clone()));
            self.send(id, Command::Install { install: Box::new(install), told: Some(tell) })
        });
        match sent.map(|sent| sent.map(|()| told.blocking_recv())) {
            Some(Ok(Ok(seq))) => attempt.activated(seq, &activation),
            Some(_) => attempt.not_activated(&ChangeError::Stopping.to_string()),
            None => attempt.overtaken(),
        }
    }

    /// A drill is played by the rules that hold: whatever changes them changes them there too. A drill that has not begun
    /// keeps it until it does.
    pub(crate) fn tell_drill(&self, id: &DistrictId, command: Command) {
        if let Err(error) = self.send(&exercise_of(id), command) {
            tracing::warn!(target: "muster::change", district = %id, %error, "the drill's district was not told of a change");
        }
    }

    fn remember(&self, id: &DistrictId, attempt: Attempt) {
        self.metrics.changed(&attempt);
        if let Some(refused) = attempt.refusal() {
            let (step, reason) = (refused.step.english(), refused.words.en.as_str());
            tracing::warn!(target: "muster::change", district = %id, role = %attempt.role, name = attempt.name, step, reason, "a policy was not let in");
        }
        let mut attempts = self.attempts.lock().expect("no holder panics");
        let rows = attempts.entry(id.clone()).or_default();
        rows.push_back(attempt);
        if rows.len() > ATTEMPTS_MAX {
            rows.pop_front();
        }
    }

    pub(crate) fn core_of(&self, id: &DistrictId) -> Result<(Core, bool), ChangeError> {
        let (command, told) = shard::query(|state: &State| (state.core.clone(), is_in_crisis(state)));
        self.send(id, command)?;
        told.blocking_recv().map_err(|_| ChangeError::Stopping)
    }

    fn change(&self, id: &DistrictId, seat: &Seat, change: Change, who: &Who) -> Result<Attempt, ChangeError> {
        let (core, crisis) = self.core_of(id)?;
        if let Some(meant) = &who.meant
            && *meant != Meant::by(&change, &core)?
        {
            return Err(ChangeError::Moved);
        }
        let mut dry_run = false;
        let candidate = match change {
            Change::Activate(wanted) => {
                dry_run = wanted.dry_run;
                self.candidate(&core, seat, *wanted, who)?
            }
            Change::Promote { role } => {
                let trial = core.activation(role, Binding::Candidate).ok_or(ChangeError::NoTrial(role))?;
                self.again(trial, seat, "promotion", who)?
            }
            Change::Rollback { role, to } => self.again(past(&core, role, to)?, seat, "rollback", who)?,
            Change::EndTrial { role } => return self.end_trial(id, &core, role, who),
        };
        let judged_by = self.parts.trust.standing();
        let scene = Scene { parts: &self.parts, district: id, core: &core, crisis, now: self.clock.now(), dry_run };
        let (mut attempt, install) = scene.admit(&candidate);
        if let Some(install) = install {
            self.install(id, &judged_by, install, &mut attempt);
        }
        self.remember(id, attempt.clone());
        Ok(attempt)
    }

    fn candidate(&self, core: &Core, seat: &Seat, wanted: Wanted, who: &Who) -> Result<Candidate, ChangeError> {
        let role = wanted.role;
        if wanted.mode == PolicyMode::Canary && !wanted.permille.is_some_and(|share| (1..1_000).contains(&share)) {
            return Err(ChangeError::Permille);
        }
        let in_force = core.activation(role, Binding::InForce);
        let needed = |what| in_force.ok_or(ChangeError::NothingInForce(role, what));
        let attestations = match (&wanted.attestations, &wanted.package) {
            (Some(bytes), _) => bytes.clone(),
            (None, Some(_)) => Vec::new(),
            (None, None) => self.attestations_of(needed("package")?)?,
        };
        let package = match wanted.package {
            Some(bytes) => Package::read(bytes)?,
            None => Package::read(self.parts.vault.get(&needed("package")?.package.0)?)?,
        };
        let settings = match wanted.settings {
            Some(files) => {
                let mut settings = Settings::default();
                for (name, text) in files {
                    muster_packages::settings::read(&mut settings, &text, &name)?;
                }
                settings
            }
            None => self.settings_of(needed("settings")?)?,
        };
        let files = BoundFiles::new(package, settings, attestations, allowed(seat, role)?);
        Ok(Candidate {
            role,
            mode: wanted.mode,
            permille: wanted.permille,
            files,
            by: who.by.clone(),
            way: "api",
            second: who.second.clone(),
            reason: who.reason.clone(),
            expires: wanted.expires,
        })
    }

    /// What was bound once, bound again from the exact bytes.
    fn again(
        &self,
        activation: &Activation,
        seat: &Seat,
        way: &'static str,
        who: &Who,
    ) -> Result<Candidate, ChangeError> {
        let package = Package::read(self.parts.vault.get(&activation.package.0)?)?;
        let settings = self.settings_of(activation)?;
        let attestations = self.attestations_of(activation)?;
        let files = BoundFiles::new(package, settings, attestations, allowed(seat, activation.role)?);
        Ok(Candidate {
            role: activation.role,
            mode: PolicyMode::Enforce,
            permille: None,
            files,
            by: who.by.clone(),
            way,
            second: who.second.clone(),
            reason: who.reason.clone(),
            expires: None,
        })
    }

    fn settings_of(&self, activation: &Activation) -> Result<Settings, ChangeError> {
        let bytes = self.parts.vault.get(&activation.settings.0)?;
        let changed = |_| VaultError::Changed(activation.settings.to_string());
        Ok(serde_json::from_slice(&bytes).map_err(changed)?)
    }

    pub(crate) fn attestations_of(&self, activation: &Activation) -> Result<Vec<u8>, ChangeError> {
        let kept = activation.evidence.as_ref().and_then(|evidence| evidence.attestations);
        Ok(kept.map(|digest| self.parts.vault.get(&digest.0)).transpose()?.unwrap_or_default())
    }

    fn end_trial(&self, id: &DistrictId, core: &Core, role: Role, who: &Who) -> Result<Attempt, ChangeError> {
        let trial = core.activation(role, Binding::Candidate).ok_or(ChangeError::NoTrial(role))?;
        let reason = who.reason.clone().unwrap_or_default();
        let because = Because::new(
            "host:trial-ended",
            format!("{} 结束试运行。{reason}", who.by),
            format!("{} ends the trial. {reason}", who.by),
        );
        let withdrawal =
            Withdrawal { package: trial.package, role: Some(role), trial_only: true, by: who.by.clone(), because };
        let (tell, told) = oneshot::channel();
        self.tell_drill(id, Command::Withdraw { withdrawal: withdrawal.clone(), told: None });
        self.send(id, Command::Withdraw { withdrawal, told: Some(tell) })?;
        let seq = told.blocking_recv().map_err(|_| ChangeError::Stopping)?;
        let attempt = Attempt {
            at: self.clock.now(),
            role,
            mode: trial.mode,
            name: format!("{} {}", trial.name, trial.version),
            package: trial.package,
            settings: trial.settings,
            by: who.by.clone(),
            way: "api",
            steps: Vec::new(),
            dry_run: false,
            seq: Some(seq),
            backtest: None,
        };
        self.remember(id, attempt.clone());
        Ok(attempt)
    }
}

/// How far the district's folder lets the role's package go.
fn allowed(seat: &Seat, role: Role) -> Result<Allowed, ChangeError> {
    let folder = folder::read(&seat.folder)?;
    Ok(folder.policies.get(&role).map(|files| files.allowed.clone()).unwrap_or_default())
}

/// What answered before: the newest that is not in force, or the newest of a package. What was let in for a time stood on
/// people's word until its end, and is no past to go back to.
pub(crate) fn past(core: &Core, role: Role, to: Option<Digest>) -> Result<&Activation, ChangeError> {
    let in_force = core.activation(role, Binding::InForce);
    let history = core.standby.get(&role).map(|standby| standby.history.as_slice()).unwrap_or_default();
    let mut history = history.iter().rev().map(|past| &past.activation).filter(|past| !past.is_for_a_time());
    let other = |past: &&Activation| match to {
        Some(package) => past.package == package,
        None => in_force.is_none_or(|in_force| !in_force.runs_as(past)),
    };
    let named = to.map(|package| format!(" with package {}", package.short())).unwrap_or_default();
    history.find(other).ok_or(ChangeError::NoPast(role, named))
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
