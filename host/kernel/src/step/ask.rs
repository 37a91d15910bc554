//! Asking a role: the policy in force, a candidate beside it or in its place, and the rungs below when it fails.
//!
//! INVARIANT (policy failure): a failed, slow or invalid answer loses nothing. The ladder is asked in order - last known
//! good, certified baseline - and what it says is recorded; only when nobody answers does the caller's own rule act.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Deciding;
use crate::compare::{Compare, DIFFERENCES_MAX};
use crate::record::{Activation, Fact, Fallback};
use crate::role::{Asked, Binding, Failure, Policies};
use crate::{Digest, PolicyMode, Role, State};

/// Changes to a policy's memory, in order.
type Memory = Vec<(alloc::string::String, crate::Value)>;

/// A question, put to whichever of a role's policies is named.
pub(super) type Put<'q, T> = &'q mut dyn FnMut(&mut dyn Policies, Binding, &Arc<State>) -> Asked<T>;

impl Deciding<'_> {
    /// Asks a role until one of its policies gives a valid answer. A failure is that of the first one asked; `None` when
    /// its answer named what does not exist.
    pub(super) fn ask<T: Compare>(
        &mut self,
        role: Role,
        put: Put<'_, T>,
        valid: impl Fn(&Self, &T) -> Result<(), Option<Failure>>,
    ) -> Result<T, Option<Failure>> {
        let canary = self.canary_answers(role);
        let first = if canary { Binding::Candidate } else { Binding::InForce };
        let below = self.rungs_below(role, first);
        let mut failed = None;
        let mut answered = None;
        for binding in core::iter::once(first).chain(below) {
            match self.put(role, binding, &mut *put, &valid) {
                Ok(answer) => {
                    answered = Some((binding, answer));
                    break;
                }
                Err(failure) => failed = failed.or(Some((binding, failure))),
            }
        }
        let Some((binding, (answer, memory))) = answered else {
            let (binding, failure) = failed.expect("at least one policy is asked, and none answered");
            self.failed = binding;
            return Err(failure);
        };
        if let Some((failed, failure)) = failed {
            self.rung_answered(role, failed, failure, binding);
        }
        if !canary {
            self.ask_shadow(role, put, &valid, &answer);
        }
        self.remember_all(role, memory);
        Ok(answer)
    }

    /// One question to one policy: its answer if it is valid, and what it wants remembered.
    fn put<T>(
        &mut self,
        role: Role,
        binding: Binding,
        put: Put<'_, T>,
        valid: &impl Fn(&Self, &T) -> Result<(), Option<Failure>>,
    ) -> Result<(T, Memory), Option<Failure>> {
        let mut asked = put(self.policies, binding, self.state);
        if binding != Binding::Candidate {
            self.log.extend(core::mem::take(&mut asked.log).into_iter().map(|line| (role, line)));
        }
        self.keep_call(role, binding, asked.call);
        let answer = asked.answer.map_err(Some)?;
        valid(self, &answer)?;
        Ok((answer, asked.memory))
    }

    /// Keeps what is recorded of a call. A policy that stands in the state and is not loaded is recorded as unbound, so
    /// that the decision can be made again as it was made.
    fn keep_call(&mut self, role: Role, binding: Binding, mut call: crate::role::Call) {
        if call.package.is_none() && binding != Binding::InForce {
            let known = self.activation_of(role, binding).map(|known| (known.package, known.settings));
            call.package = known.map(|(package, _)| package);
            call.settings = known.map(|(_, settings)| settings);
        }
        if call.package.is_some() {
            call.binding = binding;
            self.calls.push(call);
        }
    }

    /// The activation behind a binding.
    pub(super) fn activation_of(&self, role: Role, binding: Binding) -> Option<&Activation> {
        self.state.core.activation(role, binding)
    }

    /// Which of the lower rungs there are, in order. A running process waits where it is rather than go on by another
    /// version's rules: workflow has none.
    fn rungs_below(&self, role: Role, first: Binding) -> Vec<Binding> {
        let mut rungs = Vec::new();
        if first == Binding::Candidate {
            rungs.push(Binding::InForce);
        }
        if let Some(standby) = self.state.core.standby.get(&role).filter(|_| role != Role::Workflow) {
            rungs.extend(standby.last_known_good.as_ref().map(|_| Binding::LastKnownGood));
            rungs.extend(standby.baseline.as_ref().map(|_| Binding::Baseline));
        }
        rungs
    }

    /// Whether the candidate answers in the place of the policy in force: for its share of incidents, always the same ones.
    fn canary_answers(&self, role: Role) -> bool {
        let trial = self.state.core.standby.get(&role).and_then(|standby| standby.trial.as_ref());
        let Some(activation) = trial.map(|trial| &trial.activation) else { return false };
        let (PolicyMode::Canary, Some(permille)) = (activation.mode, activation.permille) else { return false };
        let key = self.incident.as_ref().map_or_else(|| self.place.as_str(), |incident| incident.as_str());
        share_of(activation.package, key) < permille
    }

    /// The shadow is asked the same, with no effect but the record of where it differs.
    fn ask_shadow<T: Compare>(
        &mut self,
        role: Role,
        put: Put<'_, T>,
        valid: &impl Fn(&Self, &T) -> Result<(), Option<Failure>>,
        answer: &T,
    ) {
        let trial = self.state.core.standby.get(&role).and_then(|standby| standby.trial.as_ref());
        let Some(package) =
            trial.filter(|trial| trial.activation.mode == PolicyMode::Shadow).map(|trial| trial.activation.package)
        else {
            return;
        };
        let (failure, differences) = match self.put(role, Binding::Candidate, put, valid) {
            Ok((other, _)) => (None, answer.differences(&other)),
            Err(failure) => (Some(failure.unwrap_or(Failure::Invalid)), Vec::new()),
        };
        let differences = differences.into_iter().take(DIFFERENCES_MAX).collect();
        self.record(Fact::CandidateCompared { role, package, failure, differences });
    }

    /// Asks a former workflow policy about a process that could not be carried over. There is nobody below it.
    pub(super) fn ask_former<T>(&mut self, binding: Binding, put: Put<'_, T>) -> Result<T, Option<Failure>> {
        self.failed = binding;
        let (answer, memory) = self.put(Role::Workflow, binding, put, &|_, _| Ok(()))?;
        self.failed = Binding::InForce;
        self.remember_all(Role::Workflow, memory);
        Ok(answer)
    }

    /// Asks the workflow policy in force to carry a process over.
    pub(super) fn ask_to_migrate(
        &mut self,
        process: &crate::role::workflow::Process,
    ) -> Result<Result<Vec<crate::value::Attribute>, crate::act::Because>, Failure> {
        let asked = self.policies.migrate(self.state, self.moment.at, process);
        self.log.extend(asked.log.into_iter().map(|line| (Role::Workflow, line)));
        self.keep_call(Role::Workflow, Binding::InForce, asked.call);
        let answer = asked.answer?;
        self.remember_all(Role::Workflow, asked.memory);
        Ok(answer)
    }

    fn remember_all(&mut self, role: Role, memory: Memory) {
        if let Some(incident) = self.incident.clone() {
            for (key, value) in memory {
                self.remember(&incident, role, key, value);
            }
        }
    }

    fn rung_answered(&mut self, role: Role, failed: Binding, failure: Option<Failure>, answered: Binding) {
        let fallback = match answered {
            Binding::LastKnownGood => Fallback::LastKnownGood,
            Binding::Baseline => Fallback::Baseline,
            _ => Fallback::InForce,
        };
        self.failed = failed;
        self.policy_failed(role, failure, fallback);
    }
}

/// Where a key falls among a thousand: the same for ever, and other for every package.
fn share_of(package: Digest, key: &str) -> u16 {
    let mut bytes = Vec::with_capacity(32 + key.len());
    bytes.extend_from_slice(&package.0);
    bytes.extend_from_slice(key.as_bytes());
    let digest = Digest::of(&bytes).0;
    (u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % 1_000) as u16
}
