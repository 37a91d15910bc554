//! Durable processes: folds over inputs, stepped by the workflow policy, waiting for times and events.
//!
//! A process that is running keeps its state whatever happens to the policy: when a step fails, it waits where it is and
//! a person is asked.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Deciding;
use super::effect::EFFECTS_MAX;
use crate::act::{Because, ProcessOrder};
use crate::record::{Activation, Fact, Fallback};
use crate::role::workflow::{Input, Outcome, Process, Question, Wait};
use crate::role::{Binding, Failure, Policies};
use crate::state::ProcessState;
use crate::value::Attribute;
use crate::{Event, ProcessId, Role, State, facts};

/// How many processes one event may step.
const STEPS_MAX: usize = 32;

impl Deciding<'_> {
    /// Starts a process. While one with the same key runs for the incident, another changes nothing.
    pub(super) fn start_process(&mut self, order: ProcessOrder, because: Because) {
        let running = self.state.index.running.get(&self.incident);
        if running.is_some_and(|running| running.contains_key(&order.key)) {
            return;
        }
        if !self.may_start_process(&order.kind) {
            return;
        }
        let process = ProcessId::from(self.identifier('p'));
        self.record(Fact::ProcessStarted {
            process: process.clone(),
            incident: self.incident.clone(),
            key: order.key,
            process_kind: order.kind.clone(),
            because,
        });
        self.step_process(&process, &order.details, Input::Start);
    }

    /// Steps every process of the incident that waits for an event of this type.
    pub(super) fn step_waiting(&mut self, event: &Arc<Event>) {
        let running = self.state.index.running.get(&self.incident).into_iter().flat_map(|running| running.values());
        let waits = |row: &ProcessState| {
            let kind = event.kind.strip_prefix("gov.muster.").unwrap_or(&event.kind);
            row.waits.iter().any(|wait| matches!(wait, Wait::EventOf(of) if of == kind || *of == event.kind))
        };
        let waiting: Vec<ProcessId> =
            running.filter(|id| self.state.processes.get(*id).is_some_and(waits)).take(STEPS_MAX).cloned().collect();
        for process in waiting {
            if !self.has_room() {
                return self.policy_failed(Role::Workflow, Some(Failure::TooLarge), Fallback::HumanQueue);
            }
            self.step_process(&process, &[], Input::Event(Arc::clone(event)));
        }
    }

    /// A wait of a process ended by its time.
    pub(super) fn process_due(&mut self, process: &ProcessId, key: String) {
        let Some(row) = self.state.processes.get(process).filter(|row| !row.finished) else { return };
        self.incident.clone_from(&row.incident);
        self.step_process(process, &[], Input::Timer(key));
    }

    fn step_process(&mut self, process: &ProcessId, details: &[Attribute], input: Input) {
        let Some(row) = self.state.processes.get(process).cloned() else { return };
        let state = if row.state.is_empty() { details.to_vec() } else { row.state.clone() };
        let incident =
            row.incident.as_ref().and_then(|id| Some(facts::view(self.state, id, self.state.incidents.get(id)?)));
        let question = Question {
            now: self.now(),
            process: Process { id: process.to_string(), kind: row.kind.clone(), version: row.version.clone(), state },
            input,
            incident,
        };
        let former = self.former_of(&row);
        let mut ask = |policies: &mut dyn Policies, binding: Binding, state: &Arc<State>| {
            policies.workflow(binding, state, row.incident.clone(), &question)
        };
        let answer = match &former {
            Some(former) => self.ask_former(Binding::Former(former.package), &mut ask),
            // A version that stands nowhere any more cannot be asked, and another one would read a state that is not its
            // own: the process waits where it is.
            None if self.is_foreign(&row) => Err(Some(Failure::Unbound)),
            None => self.ask(Role::Workflow, &mut ask, |_, outcome: &Outcome| {
                if outcome.effects.len() > EFFECTS_MAX { Err(Some(Failure::TooLarge)) } else { Ok(()) }
            }),
        };
        match answer {
            Ok(outcome) => {
                let version = former.map_or_else(|| self.workflow_version(), |former| former.version);
                self.record(Fact::ProcessStepped {
                    process: process.clone(),
                    incident: row.incident,
                    version,
                    state: outcome.state,
                    waits: outcome.waits.into_iter().map(|wait| self.apart(wait)).collect(),
                    finished: outcome.finished,
                    because: outcome.because,
                });
                let known = self.all_nodes_known(&outcome.effects);
                if known {
                    self.enact_all(Role::Workflow, outcome.effects);
                } else {
                    self.policy_failed(Role::Workflow, None, Fallback::HumanQueue);
                }
            }
            Err(failure) => self.policy_failed(Role::Workflow, failure, Fallback::HumanQueue),
        }
    }

    /// The former policy by whose version a process still runs: one that could not be carried over stays with what wrote
    /// its state.
    fn former_of(&self, row: &ProcessState) -> Option<Activation> {
        if !self.is_foreign(row) {
            return None;
        }
        let standby = self.state.core.standby.get(&Role::Workflow)?;
        standby.former.iter().rev().find(|former| former.version == row.version).cloned()
    }

    /// Whether a process runs by another version than the one in force.
    fn is_foreign(&self, row: &ProcessState) -> bool {
        !row.version.is_empty() && row.version != self.workflow_version()
    }

    /// A wait that does not make the process go on at once for ever.
    fn apart(&self, wait: Wait) -> Wait {
        match wait {
            Wait::Until { key, at } => Wait::Until { key, at: self.due_for_policy(at) },
            Wait::EventOf(kind) => Wait::EventOf(kind),
        }
    }

    fn workflow_version(&self) -> String {
        let bound = self.state.core.policies.get(&Role::Workflow);
        bound.map(|activation| activation.version.clone()).unwrap_or_default()
    }

    /// Carries running processes over to the policy that is bound now; one that cannot be carried over says why and
    /// keeps its state.
    pub(super) fn migrate_processes(&mut self) {
        let running: Vec<(ProcessId, ProcessState)> = self
            .state
            .processes
            .iter()
            .filter(|(_, row)| !row.finished)
            .map(|(id, row)| (id.clone(), row.clone()))
            .collect();
        let version = self.workflow_version();
        for (process, row) in running.into_iter().filter(|(_, row)| row.version != version) {
            if !self.has_room() {
                // The rest stays with the policy that wrote its state.
                return self.policy_failed(Role::Workflow, Some(Failure::TooLarge), Fallback::HumanQueue);
            }
            let copy = Process {
                id: process.to_string(),
                kind: row.kind.clone(),
                version: row.version.clone(),
                state: row.state.clone(),
            };
            let (moved, version, state, because) = match self.ask_to_migrate(&copy) {
                Ok(Ok(state)) => {
                    let because =
                        Because::new("host:migrated", "流程已迁移到新版本", "carried over to the new version");
                    (true, version.clone(), state, because)
                }
                Ok(Err(because)) => (false, row.version.clone(), row.state.clone(), because),
                Err(_) => {
                    let because = Because::new(
                        "host:not-migrated",
                        format!("新版本未能迁移流程 {process},状态保持不变"),
                        format!("the new version could not carry `{process}` over; its state stands"),
                    );
                    (false, row.version.clone(), row.state.clone(), because)
                }
            };
            self.record(Fact::ProcessMigrated { process, incident: row.incident, version, state, moved, because });
        }
    }
}
