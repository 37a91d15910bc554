//! Revocation: what the deny-list and revoked keys take out of force - at a start, when the trust files change, and when the
//! instant comes from which an entry counts. Nothing here ever brings anything into force.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use muster_kernel::act::Because;
use muster_kernel::record::{Activation, Withdrawal};
use muster_kernel::{DistrictId, Instant, Role};
use muster_packages::attestation::{Attestations, KeyId};
use muster_packages::trust::{Case, Reason};

use crate::activation::HOST;
use crate::activation::trust::Standing;
use crate::district::is_exercise;
use crate::host::Inner;
use crate::shard::Command;
use tokio::sync::oneshot;

/// Between two looks at the clock: a revocation counts to the second.
const EVERY: Duration = Duration::from_secs(1);

/// The thread that looks whether a revocation begins to count.
pub(crate) struct RevocationWatch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RevocationWatch {
    /// `asked`: an instant no later than when everything was last asked for.
    pub(crate) fn start(inner: Arc<Inner>, mut asked: Instant) -> std::io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let look = move || {
            while matches!(stopped.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout)) {
                inner.withdraw_fallen_due(&mut asked);
            }
        };
        let thread = std::thread::Builder::new().name("revocation".into()).spawn(look)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for RevocationWatch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Inner {
    /// The trust files changed: what is revoked answers nothing from the next event on, and what waits is tried again.
    pub(crate) fn trust_changed(&self) {
        self.parts.trust.reread(self.clock.now());
        self.withdraw_denied();
        for (id, seat) in self.seats.iter().filter(|(id, _)| !is_exercise(id)) {
            self.reload_one(id, seat);
        }
    }

    /// Whoever revokes may name an instant to come, or have a clock that is ahead: then nothing is withdrawn when the files
    /// change, but here.
    fn withdraw_fallen_due(&self, asked: &mut Instant) {
        let now = self.clock.now();
        let before = std::mem::replace(asked, now);
        if begins_within(&self.parts.trust.standing(), before, now) {
            self.withdraw_denied();
        }
    }

    /// Takes every package that is denied, or that too few stand behind without a revoked key, from every place where it may
    /// answer.
    pub(crate) fn withdraw_denied(&self) {
        let standing = self.parts.trust.standing();
        let by = format!("{HOST} (trust file {}, deny-list {})", standing.trust.serial, standing.deny.sequence);
        for id in self.seats.keys() {
            let Ok((core, _)) = self.core_of(id) else { continue };
            let mut withdrawn = BTreeSet::new();
            for (role, _, activation) in core.bindings() {
                let Some(because) = self.denied(&standing, id, role, activation) else { continue };
                let package = activation.package;
                if !withdrawn.insert((role, package)) {
                    continue;
                }
                tracing::warn!(target: "muster::trust", district = %id, %role, package = %package.short(), "a revoked package may not answer any more");
                let withdrawal = Withdrawal { package, role: Some(role), trial_only: false, by: by.clone(), because };
                // A drill that has not begun has nothing bound yet, and begins with what it is told.
                if !is_exercise(id) {
                    self.tell_drill(id, Command::Withdraw { withdrawal: withdrawal.clone(), told: None });
                }
                let (tell, told) = oneshot::channel();
                if self.send(id, Command::Withdraw { withdrawal, told: Some(tell) }).is_ok() {
                    drop(told.blocking_recv());
                }
            }
        }
    }

    /// Why an activation may not answer any more: its package is denied, or without a denied key too few stand behind it.
    /// A key that merely ran out takes nothing back that was in force.
    fn denied(
        &self,
        standing: &Standing,
        district: &DistrictId,
        role: Role,
        activation: &Activation,
    ) -> Option<Because> {
        let (at, package) = (self.clock.now(), activation.package);
        let said = |reason: &Reason| Because::new("host:revoked", reason.chinese(), reason.to_string());
        // A package is denied whoever signed for it, and whether that can still be read.
        if let Some(entry) = standing.deny.package_denied(&package, at) {
            let why = (entry.reason_zh.clone(), entry.reason_en.clone());
            return Some(said(&Reason::RevokedPackage { package, since: entry.since, why }));
        }
        let kept = self.attestations_of(activation).map_err(|error| error.to_string());
        let attestations = match kept.and_then(|kept| Attestations::read(&kept).map_err(|error| error.to_string())) {
            Ok(attestations) => attestations,
            Err(problem) => {
                tracing::error!(
                    target: "muster::trust", %district, %role, package = %package.short(), problem,
                    "what was signed about a package cannot be read any more; it is judged by the signers on record alone"
                );
                return unproven(standing, activation, at);
            }
        };
        let case = Case { package, district, role, settings: activation.settings, at, crisis: false };
        let refusal = standing.trust.judge(&case, &attestations, &standing.deny).err()?;
        matches!(refusal.reason, Reason::RevokedPackage { .. } | Reason::RevokedKey { .. })
            .then(|| said(&refusal.reason))
    }
}

/// What was signed is gone from the vault: whether the others are enough without a revoked key cannot be shown, so one of
/// the signers on record whose key is revoked is reason enough.
fn unproven(standing: &Standing, activation: &Activation, at: Instant) -> Option<Because> {
    let listed = |id: &str| KeyId::parse(id).is_ok_and(|id| standing.deny.key_denied(&id, at).is_some());
    let named = |id: &str| standing.trust.key(id).and_then(|key| key.revoked_since).is_some_and(|since| since <= at);
    let mut signers = activation.evidence.iter().flat_map(|evidence| &evidence.signers);
    let signer = signers.find(|signer| listed(&signer.key) || named(&signer.key))?;
    let (holder, key) = (&signer.holder, &signer.key);
    Some(Because::new(
        "host:revoked",
        format!("{holder} 的密钥 {key} 已被吊销,而留存的签名已无法读取;请补齐签名后重新启用"),
        format!(
            "the key {key} of {holder} is revoked, and what was signed cannot be read any more; activate it again with its attestations"
        ),
    ))
}

/// Whether a revocation begins to count after the one instant, and no later than the other.
fn begins_within(standing: &Standing, after: Instant, until: Instant) -> bool {
    let listed = standing.deny.entries.iter().map(|entry| entry.since);
    let named = standing.trust.keys.iter().filter_map(|key| key.revoked_since);
    listed.chain(named).any(|since| after < since && since <= until)
}

#[cfg(test)]
#[path = "revocation_tests.rs"]
mod tests;
