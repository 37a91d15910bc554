//! Policies asked again beside the record of what they answered: what the host itself had ended is taken from the record,
//! everything else is executed.

use std::sync::Arc;

use muster_kernel::act::{Because, Effect};
use muster_kernel::record::{Entry, Fact};
use muster_kernel::role::{
    Asked, Binding, Call, Failure, MemoryScope, Policies, discretion, escalation, incentives, oversight, triage,
    workflow,
};
use muster_kernel::value::Attribute;
use muster_kernel::{Instant, Role, State};
use muster_sandbox::PolicySet;

/// The policies that were in force, and one entry's record of their calls.
pub(crate) struct Recorded<'a> {
    policies: &'a mut PolicySet,
    calls: std::collections::VecDeque<&'a Call>,
    unloaded: Vec<Role>,
    /// Calls executed.
    pub(crate) executed: u64,
    /// Failures taken from the record.
    pub(crate) taken: u64,
}

impl<'a> Recorded<'a> {
    pub(crate) fn new(policies: &'a mut PolicySet, entry: &'a Entry) -> Self {
        let unloaded = entry.facts.iter().filter_map(|fact| match fact {
            Fact::PolicyFailed { role, failure: Failure::Unbound, binding: Binding::InForce, .. } => Some(*role),
            _ => None,
        });
        Self { policies, calls: entry.calls.iter().collect(), unloaded: unloaded.collect(), executed: 0, taken: 0 }
    }

    /// The same, for a candidate that stands beside what answered then: what was on trial then is not asked.
    pub(crate) fn beside(policies: &'a mut PolicySet, entry: &'a Entry) -> Self {
        let mut recorded = Self::new(policies, entry);
        recorded.calls.retain(|call| call.binding != Binding::Candidate);
        recorded
    }

    fn ask<T>(&mut self, role: Role, binding: Binding, execute: impl FnOnce(&mut PolicySet) -> Asked<T>) -> Asked<T> {
        let next = self.calls.front().copied().filter(|call| call.role == role && call.binding == binding);
        let Some(call) = next else {
            // The host had no policy loaded for the role, though one was in force: the record says so.
            if binding == Binding::InForce && self.unloaded.contains(&role) {
                self.taken += u64::from(self.policies.bound(role).is_some());
                let failure = Some(Failure::Unbound);
                let call = Call { role, package: None, settings: None, fuel: 0, failure, detail: None, binding };
                return failed(Failure::Unbound, call);
            }
            self.executed += 1;
            return execute(self.policies);
        };
        self.calls.pop_front();
        if let Some(failure @ (Failure::TooSlow | Failure::HostFault | Failure::Unbound)) = call.failure {
            self.taken += 1;
            return failed(failure, call.clone());
        }
        self.executed += 1;
        let mut asked = execute(self.policies);
        if asked.call.failure == call.failure {
            // The words of a failure are the engine's, not the policy's: they are no part of the comparison.
            asked.call.detail.clone_from(&call.detail);
        }
        asked
    }
}

fn failed<T>(failure: Failure, call: Call) -> Asked<T> {
    Asked { answer: Err(failure), call, memory: Vec::new(), log: Vec::new() }
}

impl Policies for Recorded<'_> {
    fn triage(&mut self, binding: Binding, state: &Arc<State>, question: &triage::Question) -> Asked<triage::Answer> {
        self.ask(Role::Triage, binding, |policies| policies.triage(binding, state, question))
    }

    fn escalation(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &escalation::Question,
    ) -> Asked<Vec<Effect>> {
        self.ask(Role::Escalation, binding, |policies| policies.escalation(binding, state, scope, question))
    }

    fn discretion(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &discretion::Question,
    ) -> Asked<discretion::Answer> {
        self.ask(Role::Discretion, binding, |policies| policies.discretion(binding, state, question))
    }

    fn incentives(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        now: Instant,
        service: &incentives::Service,
    ) -> Asked<Vec<incentives::Award>> {
        self.ask(Role::Incentives, binding, |policies| policies.incentives(binding, state, now, service))
    }

    fn oversight(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &oversight::Question,
    ) -> Asked<Vec<oversight::ReasonedFinding>> {
        self.ask(Role::Oversight, binding, |policies| policies.oversight(binding, state, question))
    }

    fn migrate(
        &mut self,
        state: &Arc<State>,
        now: Instant,
        process: &workflow::Process,
    ) -> Asked<Result<Vec<Attribute>, Because>> {
        self.ask(Role::Workflow, Binding::InForce, |policies| policies.migrate(state, now, process))
    }

    fn workflow(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &workflow::Question,
    ) -> Asked<workflow::Outcome> {
        self.ask(Role::Workflow, binding, |policies| policies.workflow(binding, state, scope, question))
    }
}
