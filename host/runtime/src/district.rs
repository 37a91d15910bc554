//! One district: its state, its policies, and the plain function that decides a batch.
//!
//! No thread and no channel here, so that the same code serves the live host, a play and a simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_kernel::charter::Charter;
use muster_kernel::record::{Activation, Entry, Fact, Receipt, Withdrawal};
use muster_kernel::role::{Binding, LogLine};
use muster_kernel::step::{Input, Step, step};
use muster_kernel::{Digest, DistrictId, Event, Instant, PolicyMode, Role, State};
use muster_sandbox::{Bound, PolicySet};
use muster_store::Record;

use crate::bindings;
use crate::reload::Changes;
use crate::shard::{TIMERS_MAX, TURN_FUEL_MAX};

/// An entry that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The entry.
    pub entry: Entry,
    /// Its hash.
    pub hash: Digest,
}

/// What a batch of decisions leaves: records to be made durable, and what may be said once they are.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) records: Vec<Record>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) entries: Vec<Arc<Committed>>,
    /// Timers that fired in it.
    timers: usize,
    /// What the policies used for it.
    pub(crate) fuel: u64,
}

impl Outcome {
    /// Whether another timer may fire in the same turn. Those that may not wait for the next one, behind an event at most:
    /// a policy that sets timer after timer keeps nobody waiting, neither the other districts nor the people of its own.
    fn has_room_for_a_timer(&self) -> bool {
        self.timers < TIMERS_MAX && self.fuel < TURN_FUEL_MAX
    }
}

/// A district in memory.
pub(crate) struct District {
    pub(crate) id: DistrictId,
    pub(crate) state: Arc<State>,
    pub(crate) policies: PolicySet,
    /// How often the fallback answered since the start, by role.
    pub(crate) fallbacks: BTreeMap<Role, u64>,
    /// How often in a row, by role, the fallback has answered now.
    pub(crate) in_a_row: BTreeMap<Role, u64>,
    /// Why a policy that is bound could not be loaded.
    pub(crate) unloaded: BTreeMap<(Role, Binding), String>,
    /// The program of the activation that is being decided on.
    pub(crate) incoming: Option<Bound>,
}

/// A policy ready to be bound.
#[derive(Clone)]
pub(crate) struct Install {
    pub(crate) activation: Activation,
    pub(crate) bound: Bound,
}

/// What ends the name of a drill's journal.
const EXERCISE: &str = ".exercise";

/// The district in which drills of a district are played: the same rules, a journal and a ledger of its own.
///
/// This is the wall: a drill never touches the real district, because it never reaches its state.
pub fn exercise_of(district: &DistrictId) -> DistrictId {
    DistrictId::from(format!("{district}{EXERCISE}"))
}

/// Whether a district is one in which drills are played.
pub fn is_exercise(district: &DistrictId) -> bool {
    district.as_str().ends_with(EXERCISE)
}

impl District {
    pub(crate) fn new(id: DistrictId, state: State, policies: PolicySet) -> Self {
        Self {
            id,
            state: Arc::new(state),
            policies,
            fallbacks: BTreeMap::new(),
            in_a_row: BTreeMap::new(),
            unloaded: BTreeMap::new(),
            incoming: None,
        }
    }

    /// Decides on an event that arrived at this instant: first the timers that fell due before it, then the event.
    /// The event's receipt is the last one of the outcome.
    pub(crate) fn event(&mut self, now: Instant, event: Event, outcome: &mut Outcome) {
        self.timers_before(now, outcome);
        self.decide(now, Input::Event(event), outcome);
    }

    /// Fires the timers that fell due strictly before an instant, each at its own instant or now, whichever is later; as
    /// many as the turn has room for.
    pub(crate) fn timers_before(&mut self, now: Instant, outcome: &mut Outcome) {
        self.timers(outcome, |due| due < now);
    }

    /// Fires the timers that are due at an instant, as many as the turn has room for.
    pub(crate) fn timers_at(&mut self, now: Instant, outcome: &mut Outcome) {
        self.timers(outcome, |due| due <= now);
    }

    fn timers(&mut self, outcome: &mut Outcome, is_due: impl Fn(Instant) -> bool) {
        while outcome.has_room_for_a_timer()
            && let Some(due) = self.state.next_due().filter(|due| is_due(*due))
        {
            outcome.timers += 1;
            self.decide(due, Input::Timer, outcome);
        }
    }

    /// What a drill's district still needs to run on the same rules as this one.
    pub(crate) fn for_drill(&self, drill: &Self) -> Changes {
        let Some(charter) = self.state.charter() else { return Changes::default() };
        let wanted = Charter { district: drill.id.clone(), ..charter.clone() };
        let bytes = serde_json::to_vec(&wanted).expect("a charter holds nothing that JSON cannot say");
        let charter = (drill.state.charter() != Some(&wanted)).then(|| (Box::new(wanted), Digest::of(&bytes)));
        let installs =
            self.state.core.policies.values().filter_map(|activation| {
                let same =
                    drill.state.core.policies.get(&activation.role).is_some_and(|known| {
                        known.package == activation.package && known.settings == activation.settings
                    });
                let bound = self.policies.bound(activation.role).filter(|_| !same)?.clone();
                Some(Install { activation: activation.clone(), bound })
            });
        Changes { charter, installs: installs.collect(), attempts: Vec::new() }
    }

    /// Sets the charter, under the district's own name: a drill's district bears another than the real one.
    pub(crate) fn set_charter(
        &mut self,
        now: Instant,
        mut charter: Box<Charter>,
        digest: Digest,
        outcome: &mut Outcome,
    ) {
        charter.district = self.id.clone();
        self.decide(now, Input::Charter { charter, digest }, outcome);
    }

    /// Binds a policy, from the next event on. Gives the entry that says so.
    pub(crate) fn install(&mut self, now: Instant, install: Install, outcome: &mut Outcome) -> u64 {
        let role = install.activation.role;
        self.incoming = Some(install.bound);
        let enforced = install.activation.mode == PolicyMode::Enforce;
        self.decide(now, Input::Activate(install.activation), outcome);
        let seq = self.state.core.seq;
        self.incoming = None;
        if enforced && role == Role::Workflow && self.state.processes.values().any(|process| !process.finished) {
            self.decide(now, Input::Migrate, outcome);
        }
        seq
    }

    /// Takes a package from every place where it may answer. Gives the entry that says so.
    pub(crate) fn withdraw(&mut self, now: Instant, withdrawal: Withdrawal, outcome: &mut Outcome) -> u64 {
        self.decide(now, Input::Withdraw(withdrawal), outcome);
        self.state.core.seq
    }

    pub(crate) fn decide(&mut self, now: Instant, input: Input, outcome: &mut Outcome) {
        let step = step(&mut self.state, now, input, &mut self.policies);
        self.note(&step);
        if bindings::are_changed_by(&step.entry) {
            self.follow_bindings();
        }
        let Step { entry, payload, hash, receipt, .. } = step;
        outcome.fuel += entry.calls.iter().map(|call| call.fuel).sum::<u64>();
        outcome.records.push(Record {
            district: self.id.to_string(),
            seq: entry.seq,
            prev: entry.prev.0,
            hash: hash.0,
            payload,
        });
        outcome.receipts.push(receipt);
        outcome.entries.push(Arc::new(Committed { entry, hash }));
    }

    /// From the next event on, those are asked who are bound now.
    fn follow_bindings(&mut self) {
        let incoming = self.incoming.take();
        self.policies = bindings::follow(&self.policies, &self.state, |_, _, activation| {
            incoming.clone().filter(|incoming| bindings::runs(incoming, activation))
        });
        let loaded: BTreeSet<_> = self.policies.all_bound().map(|(role, binding, _)| (role, binding)).collect();
        let bound: BTreeSet<_> = self.state.core.bindings().map(|(role, binding, _)| (role, binding)).collect();
        self.unloaded.retain(|place, _| bound.contains(place) && !loaded.contains(place));
    }

    /// Tells the operator what the policies logged and where the fallback answered: at the first time in a row, the second,
    /// the fourth, the eighth… A role without a policy must not fill the log in a storm; each time is in its entry.
    fn note(&mut self, step: &Step) {
        for (role, LogLine { severity, message }) in &step.log {
            tracing::debug!(target: "muster::policy", district = %self.id, %role, %severity, message);
        }
        let failed = |role: Role| {
            let of_role = |fact: &Fact| matches!(fact, Fact::PolicyFailed { role: failed, .. } if *failed == role);
            step.entry.facts.iter().any(of_role)
        };
        for call in step.entry.calls.iter().filter(|call| !failed(call.role)) {
            self.in_a_row.remove(&call.role);
        }
        for fact in &step.entry.facts {
            let Fact::PolicyFailed { role, failure, .. } = fact else { continue };
            *self.fallbacks.entry(*role).or_default() += 1;
            let in_a_row = self.in_a_row.entry(*role).or_default();
            *in_a_row += 1;
            if !in_a_row.is_power_of_two() {
                continue;
            }
            let detail = step.entry.calls.iter().rev().find(|call| call.role == *role);
            let detail = detail.and_then(|call| call.detail.as_deref()).unwrap_or_default();
            tracing::warn!(
                target: "muster::policy", district = %self.id, seq = step.entry.seq, %role, ?failure, detail,
                in_a_row = *in_a_row, "a policy failed; the fallback answered"
            );
        }
    }
}
