//! Asking: one question, one fresh instance, and all that could be seen of the call.

use std::sync::Arc;

use muster_kernel::role::{Asked, Binding, Failure, Policies};
use muster_kernel::{Digest, State};
use muster_sandbox::PolicySet;

use crate::corpus::Question;

/// All that is seen of a call and must be the same each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Digest of the answer, or how the call failed.
    pub(crate) answer: Result<Digest, Failure>,
    /// Fuel used.
    pub(crate) fuel: u64,
    /// Digest of the changes to memory and of the log lines.
    pub(crate) traces: Digest,
}

impl Observation {
    fn of<T: std::fmt::Debug>(asked: Asked<T>) -> Self {
        let digest = |text: String| Digest::of(text.as_bytes());
        Self {
            answer: asked.answer.map(|answer| digest(format!("{answer:?}"))),
            fuel: asked.call.fuel,
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
        if self.traces != other.traces {
            found.push(("记忆或日志", "memory or log"));
        }
        found
    }
}

/// Asks once.
pub(crate) fn ask(policies: &mut PolicySet, state: &Arc<State>, question: &Question) -> Observation {
    let binding = Binding::InForce;
    match question {
        Question::Triage(question) => Observation::of(policies.triage(binding, state, question)),
        Question::Escalation(scope, question) => {
            Observation::of(policies.escalation(binding, state, scope.clone(), question))
        }
        Question::Discretion(question) => Observation::of(policies.discretion(binding, state, question)),
        Question::Incentives(now, service) => Observation::of(policies.incentives(binding, state, *now, service)),
        Question::Oversight(question) => Observation::of(policies.oversight(binding, state, question)),
        Question::Workflow(scope, question) => {
            Observation::of(policies.workflow(binding, state, scope.clone(), question))
        }
    }
}
