//! Asking: one question, one fresh instance, and all that could be seen of the call.

use std::sync::Arc;

use muster_kernel::role::{Asked, Binding, Failure, Policies};
use muster_kernel::{Digest, Role, State};
use muster_sandbox::{PolicySet, Resource};

use crate::corpus::Question;

/// All that is seen of a call and must be the same each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Digest of the answer, or how the call failed.
    pub(crate) answer: Result<Digest, Failure>,
    /// Fuel used.
    pub(crate) fuel: u64,
    /// The most linear memory that the guest had, in bytes.
    pub(crate) memory_bytes: u64,
    /// Digest of the changes to memory and of the log lines.
    pub(crate) traces: Digest,
}

impl Observation {
    fn of<T: std::fmt::Debug>(asked: Asked<T>) -> Self {
        let digest = |text: String| Digest::of(text.as_bytes());
        Self {
            answer: asked.answer.map(|answer| digest(format!("{answer:?}"))),
            fuel: asked.call.fuel,
            memory_bytes: 0,
            traces: digest(format!("{:?}{:?}", asked.memory, asked.log)),
        }
    }

    /// The failure, when there was no answer.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.answer.err()
    }

    /// In what another observation of the same question differs, in the words of reports.
    pub(crate) fn differences(&self, other: &Self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        if self.answer != other.answer {
            found.push(("答复", "answer"));
        }
        if self.fuel != other.fuel {
            found.push(("燃料", "fuel"));
        }
        if self.memory_bytes != other.memory_bytes {
            found.push(("内存", "memory"));
        }
        if self.traces != other.traces {
            found.push(("记忆或日志", "memory or log"));
        }
        found
    }
}

/// Asks once.
pub(crate) fn ask(policies: &mut PolicySet, state: &Arc<State>, question: &Question) -> Observation {
    let (role, observation) = put(policies, state, question);
    let memory_bytes = policies.margins(role).map_or(0, |seen| seen.last.of(Resource::Memory).used);
    Observation { memory_bytes, ..observation }
}

fn put(policies: &mut PolicySet, state: &Arc<State>, question: &Question) -> (Role, Observation) {
    let binding = Binding::InForce;
    match question {
        Question::Triage(question) => (Role::Triage, Observation::of(policies.triage(binding, state, question))),
        Question::Escalation(scope, question) => {
            (Role::Escalation, Observation::of(policies.escalation(binding, state, scope.clone(), question)))
        }
        Question::Discretion(question) => {
            (Role::Discretion, Observation::of(policies.discretion(binding, state, question)))
        }
        Question::Incentives(now, service) => {
            (Role::Incentives, Observation::of(policies.incentives(binding, state, *now, service)))
        }
        Question::Oversight(question) => {
            (Role::Oversight, Observation::of(policies.oversight(binding, state, question)))
        }
        Question::Workflow(scope, question) => {
            (Role::Workflow, Observation::of(policies.workflow(binding, state, scope.clone(), question)))
        }
    }
}
