//! What a component exports for its roles: found and checked once, when it is admitted, and called by index from then on.
//!
//! The generated bindings check the types of an export each time they load it, which costs more than many a rule. A
//! component's types never change, so one check holds for every instance of it. Nothing here may call an export that
//! was not checked against the very signature that it is called with.

use std::marker::PhantomData;

use muster_kernel::Role;
use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, TypedFunc};

use super::lent::{ToAssess, ToClassify, ToInspect, ToRule};
use super::{roles, wit};
use crate::canonical::{Give, Take};
use crate::context::Context;
use crate::direct::{self, Direct};

/// A function whose parameters and result may borrow: the signature that an export is checked against and called with.
pub(crate) trait Signature {
    /// The interface of the contract.
    const INTERFACE: &'static str;
    /// The function.
    const FUNCTION: &'static str;
    /// What it is asked.
    type Question<'a>: ComponentNamedList + Lower + Give;
    /// What it answers.
    type Answer: Lift + Take;

    /// Asks it in a module that is called directly.
    fn ask(
        function: direct::Function,
        store: &mut Store<Context>,
        instance: &wasmtime::Instance,
        question: &Self::Question<'_>,
    ) -> wasmtime::Result<Self::Answer>;
}

macro_rules! signatures {
    ($($(#[$doc:meta])* $name:ident = $interface:literal $function:literal ($($question:ty),+) -> $answer:ty;)+) => {$(
        $(#[$doc])*
        pub(crate) enum $name {}

        impl Signature for $name {
            const INTERFACE: &'static str = concat!("muster:policy/", $interface, "@1.0.0");
            const FUNCTION: &'static str = $function;
            type Question<'a> = ($($question,)+);
            type Answer = $answer;

            fn ask(
                function: direct::Function,
                store: &mut Store<Context>,
                instance: &wasmtime::Instance,
                question: &Self::Question<'_>,
            ) -> wasmtime::Result<Self::Answer> {
                function.ask(store, instance, question)
            }
        }
    )+};
}

signatures! {
    /// Sense.
    Classify = "triage" "classify" (ToClassify<'a>) -> roles::triage::Answer;
    /// Assess.
    Assess = "escalation" "assess" (ToAssess<'a>) -> Vec<wit::Effect>;
    /// Decide.
    Rule = "discretion" "rule" (ToRule<'a>) -> roles::discretion::Answer;
    /// Reward.
    Settle = "incentives" "settle" (i64, &'a roles::incentives::Service) -> Vec<roles::incentives::Award>;
    /// Supervise.
    Inspect = "oversight" "inspect" (ToInspect<'a>) -> Vec<roles::oversight::ReasonedFinding>;
    /// The next step of a process.
    Step = "workflow" "step" (&'a roles::workflow::Question) -> roles::workflow::Outcome;
}

/// A process is carried over to another version.
pub(crate) enum Migrate {}

impl Signature for Migrate {
    const INTERFACE: &'static str = "muster:policy/workflow@1.0.0";
    const FUNCTION: &'static str = "migrate";
    type Question<'a> = (&'a roles::workflow::Process,);
    type Answer = Result<Vec<wit::Attribute>, wit::Because>;

    fn ask(
        function: direct::Function,
        store: &mut Store<Context>,
        instance: &wasmtime::Instance,
        (process,): &Self::Question<'_>,
    ) -> wasmtime::Result<Self::Answer> {
        function.ask_four(store, instance, [&process.id, &process.kind, &process.version, &process.state])
    }
}

/// An export that was checked against its signature.
pub(crate) struct Export<S> {
    place: Place,
    signature: PhantomData<fn(S)>,
}

/// Where an export is.
#[derive(Clone, Copy)]
enum Place {
    InComponent(ComponentExportIndex),
    InModule(direct::Function),
}

/// An instance of a policy, for one call.
pub(crate) enum Running {
    Component(Instance),
    Module(wasmtime::Instance),
}

impl<S> Clone for Export<S> {
    fn clone(&self) -> Self {
        Self { place: self.place, signature: PhantomData }
    }
}

impl<S: Signature> Export<S> {
    /// Finds the export in a component and checks its types.
    fn find(component: &InstancePre<Context>) -> wasmtime::Result<Self> {
        let lacks = || wasmtime::format_err!("`{}` does not export `{}`", S::INTERFACE, S::FUNCTION);
        let interface = component.component().get_export_index(None, S::INTERFACE).ok_or_else(lacks)?;
        let (item, index) = component.component().get_export(Some(&interface), S::FUNCTION).ok_or_else(lacks)?;
        let ComponentItem::ComponentFunc(function) = item else { return Err(lacks()) };
        // What the generated bindings use to check an export; the engine's version is pinned, so it cannot change unseen.
        function
            .typecheck::<S::Question<'static>, (S::Answer,)>(&component.instance_type())
            .map_err(|reason| reason.context(format!("`{}` of `{}`", S::FUNCTION, S::INTERFACE)))?;
        Ok(Self { place: Place::InComponent(index), signature: PhantomData })
    }

    /// The same export in the component's module, which is called directly.
    fn within(module: &Direct) -> Option<Self> {
        let function = module.find(S::INTERFACE, S::FUNCTION)?;
        Some(Self { place: Place::InModule(function), signature: PhantomData })
    }

    /// Calls the export of an instance of the component or module that it was found in.
    pub(crate) fn call(
        &self,
        store: &mut Store<Context>,
        instance: &Running,
        question: S::Question<'_>,
    ) -> wasmtime::Result<S::Answer> {
        let another = || wasmtime::format_err!("the instance is of another component");
        let (instance, index) = match (instance, self.place) {
            (Running::Component(instance), Place::InComponent(index)) => (instance, index),
            (Running::Module(instance), Place::InModule(function)) => {
                return S::ask(function, store, instance, &question);
            }
            _ => return Err(another()),
        };
        let function = instance.get_func(&mut *store, index).ok_or_else(another)?;
        #[expect(unsafe_code, reason = "the types were checked when the component was admitted")]
        // SAFETY: a place in a component comes from `find` alone, which checked this function of this component against the
        // same signature `S`. An index carries its component's identity, and `get_func` finds nothing in an instance of
        // another component. The contract has no resources, so no type depends on the instance.
        let function = unsafe { TypedFunc::<S::Question<'_>, (S::Answer,)>::new_unchecked(function) };
        function.call(store, question).map(|(answer,)| answer)
    }
}

/// The functions of every role that a component answers for.
#[derive(Clone)]
pub(crate) struct Exports {
    pub(crate) triage: Option<Export<Classify>>,
    pub(crate) escalation: Option<Export<Assess>>,
    pub(crate) discretion: Option<Export<Rule>>,
    pub(crate) incentives: Option<Export<Settle>>,
    pub(crate) oversight: Option<Export<Inspect>>,
    pub(crate) workflow: Option<(Export<Step>, Export<Migrate>)>,
}

impl Exports {
    /// Finds the functions of these roles and checks their types.
    pub(crate) fn find(component: &InstancePre<Context>, roles: &[Role]) -> wasmtime::Result<Self> {
        fn of<T>(
            roles: &[Role],
            role: Role,
            find: impl FnOnce() -> wasmtime::Result<T>,
        ) -> wasmtime::Result<Option<T>> {
            roles.contains(&role).then(find).transpose()
        }
        Ok(Self {
            triage: of(roles, Role::Triage, || Export::find(component))?,
            escalation: of(roles, Role::Escalation, || Export::find(component))?,
            discretion: of(roles, Role::Discretion, || Export::find(component))?,
            incentives: of(roles, Role::Incentives, || Export::find(component))?,
            oversight: of(roles, Role::Oversight, || Export::find(component))?,
            workflow: of(roles, Role::Workflow, || Ok((Export::find(component)?, Export::find(component)?)))?,
        })
    }

    /// The same functions in the component's module. `None` when one of them is not there.
    pub(crate) fn within(&self, module: &Direct) -> Option<Self> {
        let workflow = || Some((Export::within(module)?, Export::within(module)?));
        let found = Self {
            triage: self.triage.as_ref().and_then(|_| Export::within(module)),
            escalation: self.escalation.as_ref().and_then(|_| Export::within(module)),
            discretion: self.discretion.as_ref().and_then(|_| Export::within(module)),
            incentives: self.incentives.as_ref().and_then(|_| Export::within(module)),
            oversight: self.oversight.as_ref().and_then(|_| Export::within(module)),
            workflow: self.workflow.as_ref().and_then(|_| workflow()),
        };
        Role::ALL.iter().all(|role| found.answers(*role) == self.answers(*role)).then_some(found)
    }

    /// Whether there is a function for a role.
    pub(crate) fn answers(&self, role: Role) -> bool {
        match role {
            Role::Triage => self.triage.is_some(),
            Role::Escalation => self.escalation.is_some(),
            Role::Discretion => self.discretion.is_some(),
            Role::Incentives => self.incentives.is_some(),
            Role::Oversight => self.oversight.is_some(),
            Role::Workflow => self.workflow.is_some(),
        }
    }
}
