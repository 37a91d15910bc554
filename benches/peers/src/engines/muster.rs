//! Muster as a production host runs it: a fresh instance for each call, fuel, clock, memory limit and every other limit
//! on, the question lowered and the answer lifted by the contract's types.

use std::sync::Arc;

use muster_kernel::act::{Act, Effect};
use muster_kernel::role::Binding;
use muster_kernel::role::Policies as _;
use muster_kernel::role::escalation::Question;
use muster_kernel::settings::Settings;
use muster_kernel::{Digest, IncidentId, State, Value};
use muster_sandbox::{Bound, Capabilities, Engine as Sandbox, Limits, PolicySet, Program};
use muster_testkit::{district, guests};

use super::Engine;
use crate::rules::Outcome;

/// The sandbox with the guest compiled: what a host has once.
pub struct Host {
    sandbox: Sandbox,
    program: Program,
}

impl Host {
    /// Starts the sandbox as a host does.
    ///
    /// # Panics
    /// When the machine cannot give what the sandbox reserves, or the guest cannot be built.
    pub fn start() -> Self {
        Self::of(Sandbox::new(Limits::STANDARD).expect("a sandbox"))
    }

    /// Starts the sandbox with room for few instances, as an instrument that counts instructions needs it.
    ///
    /// # Panics
    /// When the machine cannot give what the sandbox reserves, or the guest cannot be built.
    pub fn small() -> Self {
        Self::of(Sandbox::with_instances(Limits::STANDARD, 4).expect("a sandbox"))
    }

    fn of(sandbox: Sandbox) -> Self {
        let program = sandbox.compile(&guests::measured("thirty")).expect("a program");
        Self { sandbox, program }
    }

    /// The guest bound for one shard: a clone of the engine, as each shard of a host has it.
    pub fn policy(&self) -> Policy {
        let mut policies = PolicySet::new(self.sandbox.clone());
        let bound = Bound {
            program: self.program.clone(),
            package: Digest::of(b"thirty"),
            settings: Arc::new(Settings::default()),
            settings_digest: Digest::of(b"none"),
            granted: Capabilities::all(),
            limits: Limits::STANDARD,
        };
        for role in self.program.roles() {
            policies.bind(role, bound.clone());
        }
        Policy { policies, state: district::state(), incident: district::INCIDENT.into() }
    }
}

/// The guest, bound.
pub struct Policy {
    policies: PolicySet,
    state: Arc<State>,
    incident: IncidentId,
}

impl Policy {
    /// One call: what the sandbox answers, as the kernel would take it.
    ///
    /// # Panics
    /// When the guest gives no answer.
    pub fn ask(&mut self, question: &Question) -> Vec<Effect> {
        let scope = Some(self.incident.clone());
        let asked = self.policies.escalation(Binding::InForce, &self.state, scope, question);
        asked.answer.unwrap_or_else(|failure| panic!("{failure:?}: {:?}", asked.call.detail))
    }

    /// The fuel that a call takes.
    ///
    /// # Panics
    /// When the guest gives no answer.
    pub fn fuel(&mut self, question: &Question) -> u64 {
        let scope = Some(self.incident.clone());
        self.policies.escalation(Binding::InForce, &self.state, scope, question).call.fuel
    }
}

impl Engine for Policy {
    fn decide(&mut self, question: &Question) -> Vec<Outcome> {
        self.ask(question).into_iter().map(outcome).collect()
    }
}

fn outcome(effect: Effect) -> Outcome {
    let Act::Custom { kind, details } = effect.act else { panic!("the guest proposes custom acts only") };
    let Some(Value::Integer(parameter)) = details.first().map(|detail| &detail.value) else {
        panic!("the guest gives a number with each act")
    };
    let sentence = effect.because.sentences.into_iter().next().expect("a sentence");
    Outcome {
        rule: effect.because.rule.into(),
        kind: kind.into(),
        parameter: *parameter,
        sentence: sentence.text.into(),
    }
}
