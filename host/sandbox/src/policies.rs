//! A district's policies: which program answers for which role, and one call of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_kernel::act::{Because, Effect};
use muster_kernel::role::{
    Asked, Binding, Call, Failure, MemoryScope, Policies, discretion, escalation, incentives, oversight, triage,
    workflow,
};
use muster_kernel::settings::Settings;
use muster_kernel::value::Attribute;
use muster_kernel::{Digest, Instant, Role, State};
use wasmtime::{Store, Trap};

use crate::abi::v1::{Kernel, Lend, Running, Shelf, Wit, answer_lists};
use crate::capability::Capabilities;
use crate::context::{Context, Denied, OverCap};
use crate::engine::{Engine, ticks};
use crate::limits::{Limits, OutOfMemory, Patience};
use crate::margins::{Margins, Seen};
use crate::program::Program;

/// A program with its settings, bound to a role.
#[derive(Clone)]
pub struct Bound {
    /// The program.
    pub program: Program,
    /// Digest of the package's exact bytes.
    pub package: Digest,
    /// The settings.
    pub settings: Arc<Settings>,
    /// Digest of the settings' exact bytes.
    pub settings_digest: Digest,
    /// What it may ask of the host.
    pub granted: Capabilities,
    /// What one call may use. The engine's own limits hold above these: see [`Limits::narrowed`].
    pub limits: Limits,
}

/// The programs that answer for a district.
#[derive(Clone)]
pub struct PolicySet {
    engine: Engine,
    bound: BTreeMap<(Role, Binding), Ready>,
    seen: BTreeMap<(Role, Binding), Seen>,
    watch: Option<Watch>,
}

/// What is bound, and its settings in the contract's form.
#[derive(Clone)]
struct Ready {
    bound: Bound,
    shelf: Arc<Shelf>,
}

/// Told after each call how near it came to its limits.
pub type Watch = Arc<dyn Fn(Role, &Margins) + Send + Sync>;

impl PolicySet {
    /// No policies yet: every role is answered by the host's fallback.
    pub fn new(engine: Engine) -> Self {
        Self { engine, bound: BTreeMap::new(), seen: BTreeMap::new(), watch: None }
    }

    /// Binds a program to a role, in place of what was bound.
    pub fn bind(&mut self, role: Role, bound: Bound) {
        self.bind_as(role, Binding::InForce, bound);
    }

    /// Binds a program to a place beside or behind the policy in force.
    pub fn bind_as(&mut self, role: Role, binding: Binding, bound: Bound) {
        let ready = self.ready(bound);
        self.bound.insert((role, binding), ready);
        self.seen.remove(&(role, binding));
    }

    /// Has each later call's margins told to someone, for instance a metric. It is called on the path of an event: it must
    /// be quick, and it decides nothing.
    pub fn watch(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// How near a role's calls came to their limits since its policy was bound; `None` before the first.
    pub fn margins(&self, role: Role) -> Option<&Seen> {
        self.seen.get(&(role, Binding::InForce))
    }

    /// What is bound to a role.
    pub fn bound(&self, role: Role) -> Option<&Bound> {
        self.bound.get(&(role, Binding::InForce)).map(|ready| &ready.bound)
    }

    /// A program with its settings in the contract's form.
    fn ready(&self, mut bound: Bound) -> Ready {
        let shelf = self.engine.shelf(bound.settings_digest, &bound.settings);
        bound.settings = Arc::clone(shelf.settings());
        Ready { bound, shelf }
    }

    /// Everything that is bound.
    pub fn all_bound(&self) -> impl Iterator<Item = (Role, Binding, &Bound)> {
        self.bound.iter().map(|((role, binding), ready)| (*role, *binding, &ready.bound))
    }

    /// The same engine with other programs bound. What was seen of a place is kept as long as the same program with the
    /// same settings stands there.
    #[must_use]
    pub fn rebound(&self, bound: BTreeMap<(Role, Binding), Bound>) -> Self {
        let same = |place: &(Role, Binding)| {
            let before = self.bound.get(place).map(|ready| (ready.bound.package, ready.bound.settings_digest));
            before == bound.get(place).map(|bound| (bound.package, bound.settings_digest))
        };
        let seen = self.seen.iter().filter(|(place, _)| same(place)).map(|(place, seen)| (*place, *seen));
        let seen = seen.collect();
        let bound = bound.into_iter().map(|(place, bound)| (place, self.ready(bound))).collect();
        Self { engine: self.engine.clone(), seen, watch: self.watch.clone(), bound }
    }

    /// One call: a fresh instance, the question in, the answer out, everything counted.
    fn call<T>(
        &mut self,
        (role, binding): (Role, Binding),
        state: &Arc<State>,
        now: Instant,
        scope: MemoryScope,
        ask: impl FnOnce(&mut Store<Context>, &Running, &Program) -> Option<wasmtime::Result<T>>,
    ) -> Asked<T> {
        let Some(Ready { bound, shelf }) = self.bound.get(&(role, binding)) else { return unbound(role, binding) };
        let limits = bound.limits.below(&self.engine.limits);
        let context = Context::new(Arc::clone(state), Arc::clone(shelf), now, role, scope, bound.granted, limits);
        let mut store = Store::new(&self.engine.inner, context);
        store.limiter(|context| &mut context.meter);
        store.set_hostcall_fuel(limits.transfer);
        store.set_epoch_deadline(ticks(limits.milliseconds));
        let mut patience = Patience::new(&limits);
        store.epoch_deadline_callback(move |_| patience.look());
        let outcome = store.set_fuel(limits.fuel).map_err(Ended::Host).and_then(|()| {
            let instance = bound.program.start(&mut store).map_err(Ended::Start)?;
            match ask(&mut store, &instance, &bound.program) {
                Some(answer) => answer.map_err(Ended::Call),
                None => Err(Ended::NoSuchRole),
            }
        });
        let fuel = limits.fuel - store.get_fuel().unwrap_or(0);
        let mut context = store.into_data();
        let margins = context.margins(fuel);
        self.seen.entry((role, binding)).or_default().add(margins);
        if let Some(watch) = &self.watch {
            watch(role, &margins);
        }
        let (answer, failure, detail) = match outcome {
            Ok(answer) => (Ok(answer), None, None),
            Err(ended) => {
                context.memory.clear();
                let (failure, detail) = ended.explain(&context);
                (Err(failure), Some(failure), Some(detail))
            }
        };
        Asked {
            answer,
            call: Call {
                role,
                package: Some(bound.package),
                settings: Some(bound.settings_digest),
                fuel,
                failure,
                detail,
                binding,
            },
            memory: context.memory,
            log: context.lines,
        }
    }
}

fn unbound<T>(role: Role, binding: Binding) -> Asked<T> {
    let failure = Some(Failure::Unbound);
    let call = Call { role, package: None, settings: None, fuel: 0, failure, detail: None, binding };
    Asked { answer: Err(Failure::Unbound), call, memory: Vec::new(), log: Vec::new() }
}

/// How a call ended without an answer.
enum Ended {
    /// Before the guest ran.
    Host(wasmtime::Error),
    /// While it was instantiated.
    Start(wasmtime::Error),
    /// While it ran, or while its answer was read.
    Call(wasmtime::Error),
    /// The component does not export the role.
    NoSuchRole,
}

impl Ended {
    fn explain(self, context: &Context) -> (Failure, String) {
        match self {
            Self::Host(error) => (Failure::HostFault, format!("{error:#}")),
            Self::NoSuchRole => (Failure::Unbound, "the component does not export this role".into()),
            Self::Start(error) => (classify(&error, context).unwrap_or(Failure::HostFault), first_line(&error)),
            Self::Call(error) => (classify(&error, context).unwrap_or_else(|| unreadable(&error)), first_line(&error)),
        }
    }
}

/// Which failure an error of the engine is, when it says so by its type.
///
/// What the host felt and what fuel ended stand first, for they decide whether the call may be recorded as the
/// policy's answer. A growth that was refused comes before the other traps: it is why the guest gave up.
fn classify(error: &wasmtime::Error, context: &Context) -> Option<Failure> {
    if error.is::<wasmtime::PoolConcurrencyLimitError>() || error.is::<OutOfMemory>() {
        return Some(Failure::HostFault);
    }
    if error.is::<Denied>() {
        return Some(Failure::Denied);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Some(Failure::OutOfFuel),
        Some(Trap::Interrupt) => Some(Failure::TooSlow),
        _ if context.meter.exceeded || error.is::<OverCap>() => Some(Failure::TooLarge),
        Some(_) => Some(Failure::Trapped),
        None => None,
    }
}

/// Why the host could not read what the guest gave: too much of it, or not of the contract's form, for instance text
/// that is not UTF-8. The engine has no public type for the first; the hostile tests notice if its words change.
fn unreadable(error: &wasmtime::Error) -> Failure {
    const TOO_MUCH: &str = "too much data is being copied";
    if error.root_cause().to_string().starts_with(TOO_MUCH) { Failure::TooLarge } else { Failure::Invalid }
}

/// The root of an error in one line: addresses and frames would differ from machine to machine.
fn first_line(error: &wasmtime::Error) -> String {
    error.root_cause().to_string().lines().next().unwrap_or_default().to_owned()
}

impl Policies for PolicySet {
    fn triage(&mut self, binding: Binding, state: &Arc<State>, question: &triage::Question) -> Asked<triage::Answer> {
        self.call((Role::Triage, binding), state, question.now, None, |store, instance, program| {
            let export = program.exports.triage.as_ref()?;
            Some(export.call(store, instance, (question.lend(),)).map(Kernel::kernel))
        })
    }

    fn escalation(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &escalation::Question,
    ) -> Asked<Vec<Effect>> {
        self.call((Role::Escalation, binding), state, question.now, scope, |store, instance, program| {
            let export = program.exports.escalation.as_ref()?;
            Some(export.call(store, instance, (question.lend(),)).map(answer_lists::effects))
        })
    }

    fn discretion(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &discretion::Question,
    ) -> Asked<discretion::Answer> {
        self.call((Role::Discretion, binding), state, question.now, None, |store, instance, program| {
            let export = program.exports.discretion.as_ref()?;
            Some(export.call(store, instance, (question.lend(),)).map(Kernel::kernel))
        })
    }

    fn incentives(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        now: Instant,
        service: &incentives::Service,
    ) -> Asked<Vec<incentives::Award>> {
        self.call((Role::Incentives, binding), state, now, None, |store, instance, program| {
            let export = program.exports.incentives.as_ref()?;
            Some(export.call(store, instance, (now.as_millis(), &service.wit())).map(answer_lists::awards))
        })
    }

    fn oversight(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        question: &oversight::Question,
    ) -> Asked<Vec<oversight::ReasonedFinding>> {
        self.call((Role::Oversight, binding), state, question.now, None, |store, instance, program| {
            let export = program.exports.oversight.as_ref()?;
            Some(export.call(store, instance, (question.lend(),)).map(answer_lists::findings))
        })
    }

    fn migrate(
        &mut self,
        state: &Arc<State>,
        now: Instant,
        process: &workflow::Process,
    ) -> Asked<Result<Vec<Attribute>, Because>> {
        self.call((Role::Workflow, Binding::InForce), state, now, None, |store, instance, program| {
            let (_, export) = program.exports.workflow.as_ref()?;
            Some(export.call(store, instance, (&process.wit(),)).map(answer_lists::migrated))
        })
    }

    fn workflow(
        &mut self,
        binding: Binding,
        state: &Arc<State>,
        scope: MemoryScope,
        question: &workflow::Question,
    ) -> Asked<workflow::Outcome> {
        self.call((Role::Workflow, binding), state, question.now, scope, |store, instance, program| {
            let (export, _) = program.exports.workflow.as_ref()?;
            Some(export.call(store, instance, (&question.wit(),)).map(Kernel::kernel))
        })
    }
}
