//! A policy component, compiled and linked: ready to be instantiated for each call.

use muster_kernel::Role;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};
use wasmtime::{Module, Store};

use crate::abi::v1::{Exports, Running};
use crate::capability::{Capabilities, Capability};
use crate::compiled::Compiled;
use crate::context::Context;
use crate::direct::{self, Direct, Names, Parts};
use crate::engine::{Engine, EngineError};
use crate::shape::{Shape, ShapeError};
use crate::version::{CONTRACT, Versions, is_newer};

/// Why a component is not a policy that this host can run.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Not a valid component.
    #[error("the file is not a valid WebAssembly component: {0}; build it with `muster build`")]
    Invalid(String),
    /// More than the compiler is given.
    #[error("the component is not compiled: {0}; make it smaller, or split it into several policies")]
    Shape(ShapeError),
    /// Imports that the contract does not have.
    #[error("the component imports {}, which this host does not offer to policies; remove what needs it", .0.join(", "))]
    ForeignImports(Vec<String>),
    /// Names a version that no released contract has.
    #[error("the component names `{0}`, and `{version}` is no released version of the contract; build it against a \
             released contract", version = .0.rsplit_once('@').map_or("none", |(_, version)| version))]
    NoVersion(String),
    /// Built for another major version.
    #[error(
        "the component names `{0}`, and this host speaks muster:policy@{CONTRACT}: another major version is another \
             contract; build it against {CONTRACT}, or use a host that speaks it"
    )]
    OtherMajor(String),
    /// Uses what a later minor version brought.
    #[error(
        "the component was built for muster:policy@{wanted} and uses what {CONTRACT} does not have yet ({lacking}); \
             update this host, or build the policy against {CONTRACT}"
    )]
    Newer {
        /// The version it was built for.
        wanted: String,
        /// What the host lacks.
        lacking: String,
    },
    /// Exports no role.
    #[error("the component exports no role of muster:policy@1; implement one and name it in `policy!`")]
    NoRole,
    /// Exports a role more than once.
    #[error("the component exports {0} in more than one version: nobody could say which of them answers; export one")]
    Twice(Role),
    /// The types do not fit the contract.
    #[error("the component does not fit the contract muster:policy@1: {0}; build it against this contract's SDK")]
    Mismatch(String),
}

impl From<ShapeError> for CompileError {
    fn from(reason: ShapeError) -> Self {
        match reason {
            ShapeError::Unreadable(reason) => Self::Invalid(reason),
            too_much @ ShapeError::TooMuch { .. } => Self::Shape(too_much),
        }
    }
}

/// A compiled policy. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    form: Form,
    pub(crate) exports: Exports,
    imports: Capabilities,
}

/// What is instantiated for a call.
#[derive(Clone)]
enum Form {
    /// The component.
    Component(InstancePre<Context>),
    /// Its module. The component was checked with nothing in it.
    Module { module: Direct, hollow: Component },
}

impl Engine {
    /// Compiles a component. Takes tens of milliseconds; never done on the path of an event. What would cost the compiler
    /// too much is refused before the compiler sees it: see [`Shape`].
    ///
    /// # Errors
    /// When the bytes are not a component, too much of one, or not a policy of this contract.
    pub fn compile(&self, bytes: &[u8]) -> Result<Program, CompileError> {
        Shape::STANDARD.check(bytes)?;
        match direct::parts(bytes).and_then(|parts| self.compile_parts(parts)) {
            Some(program) => Ok(program),
            None => self.compile_component(bytes),
        }
    }

    /// Compiles a component as it is, also when its module could be called directly: for those who compare.
    ///
    /// # Errors
    /// When the bytes are not a component, too much of one, or not a policy of this contract.
    #[doc(hidden)]
    pub fn compile_component(&self, bytes: &[u8]) -> Result<Program, CompileError> {
        Shape::STANDARD.check(bytes)?;
        let component = Component::from_binary(&self.inner, bytes);
        self.link(&component.map_err(|reason| CompileError::Invalid(format!("{reason:#}")))?)
    }

    /// Compiles a component's module, once the component around it was found to keep to the contract. `None` when anything is
    /// wrong: what that is, the whole component will say.
    fn compile_parts(&self, parts: Parts) -> Option<Program> {
        let hollow = Component::from_binary(&self.inner, &parts.hollow).ok()?;
        let checked = self.link(&hollow).ok()?;
        let module = Module::from_binary(&self.inner, &parts.module).ok()?;
        self.join(checked, hollow, &module, parts.names)
    }

    /// The module of a component that was checked with nothing in it, as a program.
    fn join(&self, checked: Program, hollow: Component, module: &Module, names: Names) -> Option<Program> {
        let module = Direct::join(self, module, names)?;
        let exports = checked.exports.within(&module)?;
        Some(Program { form: Form::Module { module, hollow }, exports, imports: checked.imports })
    }

    /// A program from its compiled form, without compiling: see [`Program::to_compiled`].
    ///
    /// # Errors
    /// When the engine sees that the form is another version's, another machine's or not of this contract.
    ///
    /// # Safety
    /// Loading a compiled program is running it: the engine checks versions and settings, not what the code does. The
    /// bytes must come, unchanged, from [`Program::to_compiled`] of an engine with the same [`Engine::compiled_identity`],
    /// and the package they were compiled from must have passed [`Engine::compile`].
    #[expect(unsafe_code, reason = "machine code cannot be checked, only authenticated, and that is the caller's part")]
    pub unsafe fn from_compiled(&self, bytes: &[u8]) -> Result<Program, CompileError> {
        let invalid = |reason: wasmtime::Error| CompileError::Invalid(format!("{reason:#}"));
        let Compiled { component, module } = postcard::from_bytes(bytes)
            .map_err(|reason| CompileError::Invalid(format!("the compiled form is not one of this host: {reason}")))?;
        // SAFETY: the caller vouches that the bytes are this engine's own output, unchanged.
        let component = unsafe { Component::deserialize(&self.inner, &component) }.map_err(invalid)?;
        let checked = self.link(&component)?;
        let Some((module, names)) = module else { return Ok(checked) };
        // SAFETY: as above.
        let module = unsafe { Module::deserialize(&self.inner, &module) }.map_err(invalid)?;
        self.join(checked, component, &module, names)
            .ok_or_else(|| CompileError::Invalid("the compiled form does not fit this host".into()))
    }

    /// A compiled component as a program, if it keeps to the contract.
    pub(crate) fn link(&self, component: &Component) -> Result<Program, CompileError> {
        let mut versions = Versions::default();
        let imports = self.imports(component, &mut versions)?;
        let exported = self.exported(component, &mut versions)?;
        let misfit = |reason: wasmtime::Error| versions.misfit(format!("{reason:#}"));
        let instance = self.linker.instantiate_pre(component).map_err(misfit)?;
        if exported.is_empty() {
            return Err(CompileError::NoRole);
        }
        let exports = Exports::find(&instance, &exported).map_err(misfit)?;
        Ok(Program { form: Form::Component(instance), exports, imports })
    }

    fn imports(&self, component: &Component, versions: &mut Versions) -> Result<Capabilities, CompileError> {
        let mut imports = Capabilities::NONE;
        let mut foreign = Vec::new();
        for (name, _) in component.component_type().imports(&self.inner) {
            let interface = versions.interface(name)?;
            match interface.map(|interface| (interface, Capability::named(interface))) {
                Some((_, Some(capability))) => imports = imports.with(capability),
                Some(("types", None)) => {}
                Some((_, None)) if is_newer(name) => return Err(versions.misfit(format!("`{name}`"))),
                _ => foreign.push(format!("`{name}`")),
            }
        }
        if foreign.is_empty() { Ok(imports) } else { Err(CompileError::ForeignImports(foreign)) }
    }

    fn exported(&self, component: &Component, versions: &mut Versions) -> Result<Vec<Role>, CompileError> {
        let kind = component.component_type();
        let interfaces =
            kind.exports(&self.inner).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)));
        let mut roles = Vec::new();
        for (name, _) in interfaces {
            let interface = versions.interface(name)?;
            let Some(role) = Role::ALL.iter().copied().find(|role| interface == Some(role.as_str())) else { continue };
            if roles.contains(&role) {
                return Err(CompileError::Twice(role));
            }
            roles.push(role);
        }
        Ok(roles)
    }
}

impl Program {
    /// The roles that the component answers for.
    pub fn roles(&self) -> Vec<Role> {
        Role::ALL.iter().copied().filter(|role| self.exports.answers(*role)).collect()
    }

    /// The compiled form, to be loaded again by an engine with the same [`Engine::compiled_identity`].
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn to_compiled(&self) -> Result<Vec<u8>, EngineError> {
        let compiled = match &self.form {
            Form::Component(instance) => Compiled { component: instance.component().serialize()?, module: None },
            Form::Module { module, hollow } => Compiled {
                component: hollow.serialize()?,
                module: Some((module.module().serialize()?, module.names().clone())),
            },
        };
        postcard::to_allocvec(&compiled).map_err(|reason| wasmtime::Error::new(reason).into())
    }

    /// Whether calls go to the component's module directly.
    #[doc(hidden)]
    pub fn is_called_directly(&self) -> bool {
        matches!(self.form, Form::Module { .. })
    }

    /// A fresh instance. Its limits are the store's.
    pub(crate) fn start(&self, store: &mut Store<Context>) -> wasmtime::Result<Running> {
        match &self.form {
            Form::Component(instance) => instance.instantiate(store).map(Running::Component),
            Form::Module { module, .. } => module.instantiate(store).map(Running::Module),
        }
    }

    /// What the component asks of the host.
    pub fn imports(&self) -> Capabilities {
        self.imports
    }
}
