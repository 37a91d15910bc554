//! Policies come, are tried, and go. What a policy is worth to trust was judged before it came here; here the profile's
//! rules take it back when it fails, differs too much, or its time is over.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Deciding;
use crate::act::Because;
use crate::fold::is_failing;
use crate::record::{Activation, Fact, Withdrawal};
use crate::role::Binding;
use crate::state::Trial;
use crate::{Digest, Instant, PolicyMode, Role};

impl Deciding<'_> {
    pub(super) fn activate(&mut self, activation: Activation) {
        let core = &self.state.core;
        let binding = match activation.mode {
            PolicyMode::Enforce => Binding::InForce,
            PolicyMode::Shadow | PolicyMode::Canary => Binding::Candidate,
            PolicyMode::Baseline => Binding::Baseline,
        };
        let previous = core.activation(activation.role, binding).map(|before| before.package);
        self.record(Fact::PolicyActivated { activation, previous });
    }

    /// Takes a package from every place where it may answer. The rungs go first, so that it does not come back by one.
    pub(super) fn withdraw(&mut self, withdrawal: &Withdrawal) {
        let named = |role: &&Role| withdrawal.role.is_none_or(|wanted| wanted == **role);
        for role in Role::ALL.iter().filter(named).copied() {
            let bindings: &[Binding] = if withdrawal.trial_only {
                &[Binding::Candidate]
            } else {
                &[
                    Binding::LastKnownGood,
                    Binding::Baseline,
                    Binding::Former(withdrawal.package),
                    Binding::Candidate,
                    Binding::InForce,
                ]
            };
            for binding in bindings {
                let bound = self.activation_of(role, *binding).map(|bound| bound.package);
                if bound == Some(withdrawal.package) {
                    self.demote(role, *binding, withdrawal.package, withdrawal.because.clone());
                }
            }
        }
    }

    fn demote(&mut self, role: Role, binding: Binding, package: Digest, because: Because) {
        let next = self.state.core.next_in_line(role).map(|next| next.package);
        let to = next.filter(|_| binding == Binding::InForce);
        self.record(Fact::PolicyDemoted { role, binding, package, to, because });
    }

    /// The time of what was let in for a while is over: it leaves every place whose end has come. The place in force goes
    /// last, so that nothing takes it whose own time is over.
    pub(super) fn policy_expired(&mut self, role: Role) {
        let now = self.moment.at;
        let bound = self.state.core.bindings().filter(|(of, _, _)| *of == role);
        let mut over: Vec<(Binding, Digest, String, Instant)> = bound
            .filter_map(|(_, binding, activation)| {
                let expires = activation.expires.filter(|expires| *expires <= now)?;
                Some((binding, activation.package, activation.name.clone(), expires))
            })
            .collect();
        over.sort_by_key(|(binding, ..)| *binding == Binding::InForce);
        for (binding, package, name, expires) in over {
            let because = Because::new(
                "host:policy-expired",
                format!("{name} 的临时启用期限({})已到", self.local(expires)),
                format!("{name} was let in until {}, and that is over", self.local(expires)),
            );
            self.demote(role, binding, package, because);
        }
    }

    /// After every decision: whoever failed or differed in it too often loses its place, from the next event on.
    pub(super) fn review_policies(&mut self) {
        let mut roles: Vec<Role> = self
            .facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::PolicyFailed { role, .. } | Fact::CandidateCompared { role, .. } => Some(*role),
                _ => None,
            })
            .collect();
        roles.sort_unstable();
        roles.dedup();
        for role in roles {
            self.review_in_force(role);
            self.review_trial(role);
        }
    }

    /// INVARIANT (policy failure): a failing policy gives way only to one that stands ready; without one it is asked on,
    /// and the fallback answers each time.
    fn review_in_force(&mut self, role: Role) {
        let core = &self.state.core;
        let (Some(standby), Some(in_force)) = (core.standby.get(&role), core.policies.get(&role)) else { return };
        if !is_failing(self.state, standby, self.moment.at) || core.next_in_line(role).is_none() {
            return;
        }
        let (package, failed) = (in_force.package, standby.health.recent_failures.len());
        let because = Because::new(
            "host:policy-failing",
            format!("{} {} 近期失败 {failed} 次,自动降级", in_force.name, in_force.version),
            format!("{} {} failed {failed} times of late and gives way", in_force.name, in_force.version),
        );
        self.demote(role, Binding::InForce, package, because);
    }

    fn review_trial(&mut self, role: Role) {
        let trial = self.state.core.standby.get(&role).and_then(|standby| standby.trial.as_ref());
        let Some(trial) = trial else { return };
        let Some((chinese, english)) = self.trial_ends(trial) else { return };
        let package = trial.activation.package;
        self.demote(role, Binding::Candidate, package, Because::new("host:trial-ended", chinese, english));
    }

    /// Why a trial is over, if it is.
    fn trial_ends(&self, trial: &Trial) -> Option<(String, String)> {
        let rules = self.state.charter()?.change_rules();
        let name = format!("{} {}", trial.activation.name, trial.activation.version);
        if rules.trial_failures_max > 0 && trial.failed >= u64::from(rules.trial_failures_max) {
            let failed = trial.failed;
            return Some((
                format!("试运行的 {name} 已失败 {failed} 次,试运行结束"),
                format!("{name} failed {failed} times on trial; the trial ends"),
            ));
        }
        let max = rules.trial_changed_permille_max?;
        let changed = trial.changed.saturating_mul(1_000).checked_div(trial.asked).unwrap_or(0);
        (trial.asked >= u64::from(rules.trial_asked_min) && changed > u64::from(max)).then(|| {
            (
                format!("试运行的 {name} 有 {changed}‰ 的答复不同,超过 {max}‰,试运行结束"),
                format!("{changed} of a thousand answers of {name} differ, more than {max}; the trial ends"),
            )
        })
    }
}
