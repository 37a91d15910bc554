//! Calls without a component in between.
//!
//! A policy is a component, and the engine says whether it is one and whether it fits the contract. To run it as one, the
//! engine makes an instance of each of its modules for each call: of the policy's own, and of the two that the encoder puts
//! around it to join it with the host. Where a component is of that layout and no other, its own module is joined with the
//! host directly, and is the only one that is made. Everything else about a call is the same: a fresh instance, its limits, its
//! fuel, what it may ask, and every word of its answer; a test compares the two. A component of any other layout is run by the
//! engine as it is.

mod component;
mod rewriting;
mod table;
mod wiring;

use serde::{Deserialize, Serialize};
use wasmtime::{
    AsContextMut as _, Extern, Instance, InstancePre, Module, ModuleExport, ResourceLimiter as _, Store, Trap,
    TypedFunc, WasmParams, WasmResults, bail,
};

use crate::canonical::{Give, Giving, Guest, Pointed, Take, Taking, no_guest};
use crate::context::Context;
use crate::engine::Engine;
use rewriting::short;
use wiring::Wiring;

/// Units of fuel that the module which fills the table takes when it is made. They are taken here too.
const FILLING: u64 = 1;

/// What a component is taken apart into.
pub(crate) struct Parts {
    /// The component with nothing in it: for the engine to check.
    pub(crate) hollow: Vec<u8>,
    /// The module that runs.
    pub(crate) module: Vec<u8>,
    pub(crate) names: Names,
}

/// What the host calls in a module, by the names that the module gives them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Names {
    memory: String,
    allocator: String,
    exports: Vec<Named>,
    /// How many elements the table has by which the component joins its module with the host.
    table: Option<usize>,
}

/// An export that answers for a function of the contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Named {
    interface: String,
    function: String,
    export: String,
    afterwards: Option<String>,
}

/// Takes a component apart, when it is of the usual layout.
pub(crate) fn parts(bytes: &[u8]) -> Option<Parts> {
    let wiring = Wiring::of(bytes)?;
    let names = Names::of(&wiring);
    Some(Parts { hollow: rewriting::hollow(bytes, &wiring)?, module: rewriting::module(bytes, &wiring)?, names })
}

impl Names {
    fn of(wiring: &Wiring<'_>) -> Self {
        let exports = wiring.exports.iter().map(|answer| Named {
            interface: short(answer.interface).into(),
            function: answer.function.into(),
            export: answer.export.into(),
            afterwards: answer.afterwards.map(Into::into),
        });
        Self {
            memory: wiring.memory.into(),
            allocator: wiring.allocator.into(),
            exports: exports.collect(),
            table: wiring.table,
        }
    }
}

/// A module that is called directly: compiled, and joined with the host.
#[derive(Clone)]
pub(crate) struct Direct {
    instance: InstancePre<Context>,
    memory: ModuleExport,
    allocator: ModuleExport,
    names: Names,
}

/// A function of the contract in such a module.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    export: ModuleExport,
    afterwards: Option<ModuleExport>,
}

impl Direct {
    /// Joins a module with the host. `None` when they do not fit.
    pub(crate) fn join(engine: &Engine, module: &Module, names: Names) -> Option<Self> {
        let instance = engine.direct.instantiate_pre(module).ok()?;
        let export = |name: &str| module.get_export_index(name);
        Some(Self { memory: export(&names.memory)?, allocator: export(&names.allocator)?, instance, names })
    }

    /// The compiled module.
    pub(crate) fn module(&self) -> &Module {
        self.instance.module()
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Finds a function of the contract.
    pub(crate) fn find(&self, interface: &str, function: &str) -> Option<Function> {
        let asked = |named: &&Named| named.interface == short(interface) && named.function == function;
        let named = self.names.exports.iter().find(asked)?;
        let export = |name: &str| self.module().get_export_index(name);
        let afterwards = match &named.afterwards {
            Some(name) => Some(export(name)?),
            None => None,
        };
        Some(Function { export: export(&named.export)?, afterwards })
    }

    /// A fresh instance. Its limits are the store's.
    pub(crate) fn instantiate(&self, store: &mut Store<Context>) -> wasmtime::Result<Instance> {
        if let Some(elements) = self.names.table {
            // The table that is not made counts for its limit as if it were.
            if !store.data_mut().meter.table_growing(0, elements, Some(elements))? {
                bail!("table minimum size of {elements} elements exceeds table limits");
            }
        }
        let instance = self.instance.instantiate(&mut *store)?;
        let memory = instance.get_module_export(&mut *store, &self.memory).and_then(Extern::into_memory);
        let memory = memory.ok_or_else(lost)?;
        let allocator = function(store, &instance, self.allocator)?;
        store.data_mut().guest = Some(Guest { memory, allocator });
        if self.names.table.is_some() {
            let left = store.get_fuel()?.checked_sub(FILLING).ok_or(Trap::OutOfFuel)?;
            store.set_fuel(left)?;
        }
        Ok(instance)
    }
}

impl Function {
    /// Asks a question that the guest finds in its memory.
    pub(crate) fn ask<Q: Give, A: Take>(
        self,
        store: &mut Store<Context>,
        instance: &Instance,
        question: &Q,
    ) -> wasmtime::Result<A> {
        let at = Giving::to(store.as_context_mut(), |giving| giving.value(question))?;
        self.call(store, instance, at)
    }

    /// Asks a question of four texts or lists, which are few enough to be parameters.
    pub(crate) fn ask_four<A: Take>(
        self,
        store: &mut Store<Context>,
        instance: &Instance,
        question: [&dyn Pointed; 4],
    ) -> wasmtime::Result<A> {
        let mut pointers = [(0, 0); 4];
        Giving::to(store.as_context_mut(), |giving| {
            for (pointer, part) in pointers.iter_mut().zip(question) {
                *pointer = part.pointer(giving)?;
            }
            Ok(())
        })?;
        let [first, second, third, fourth] = pointers;
        let parameters = (first.0, first.1, second.0, second.1, third.0, third.1, fourth.0, fourth.1);
        self.call(store, instance, parameters)
    }

    fn call<P: WasmParams, A: Take>(
        self,
        store: &mut Store<Context>,
        instance: &Instance,
        parameters: P,
    ) -> wasmtime::Result<A> {
        let export: TypedFunc<P, u32> = function(store, instance, self.export)?;
        let at = export.call(&mut *store, parameters)?;
        let memory = store.data().guest.as_ref().map(|guest| guest.memory).ok_or_else(no_guest)?;
        let transfer = store.data().transfer();
        let answer = Taking::new(memory.data(&*store), transfer).answer(at)?;
        if let Some(afterwards) = self.afterwards {
            let afterwards: TypedFunc<u32, ()> = function(store, instance, afterwards)?;
            store.data_mut().set_may_leave(false);
            afterwards.call(&mut *store, at)?;
            store.data_mut().set_may_leave(true);
        }
        Ok(answer)
    }
}

fn function<P: WasmParams, R: WasmResults>(
    store: &mut Store<Context>,
    instance: &Instance,
    export: ModuleExport,
) -> wasmtime::Result<TypedFunc<P, R>> {
    let function = instance.get_module_export(&mut *store, &export).and_then(Extern::into_func);
    function.ok_or_else(lost)?.typed(&*store)
}

/// Cannot be: what was found in a module when it was joined is there in its instances.
fn lost() -> wasmtime::Error {
    wasmtime::format_err!("the instance is of another module")
}
