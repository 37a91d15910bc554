//! A policy component, compiled and linked: ready to be instantiated for each call.

use muster_kernel::Role;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre};

use crate::abi::v1::Exports;
use crate::context::{Capabilities, Capability, Context};
use crate::engine::Engine;

/// Why a component is not a policy that this host can run.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Not a valid component.
    #[error("the file is not a valid WebAssembly component: {0}; build it with `muster build`")]
    Invalid(String),
    /// Imports that the contract does not have.
    #[error("the component imports {}, which this host does not offer to policies; remove what needs it", .0.join(", "))]
    ForeignImports(Vec<String>),
    /// Exports no role.
    #[error("the component exports no role of muster:policy@1; implement one and name it in `policy!`")]
    NoRole,
    /// The types do not fit the contract.
    #[error("the component does not fit the contract muster:policy@1: {0}; build it against this contract's SDK")]
    Mismatch(String),
}

/// A compiled policy. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pub(crate) instance: InstancePre<Context>,
    pub(crate) exports: Exports,
    imports: Capabilities,
}

impl Engine {
    /// Compiles a component. Takes tens of milliseconds; never done on the path of an event.
    ///
    /// # Errors
    /// When the bytes are not a component, or not a policy of this contract.
    pub fn compile(&self, bytes: &[u8]) -> Result<Program, CompileError> {
        let component = Component::from_binary(&self.inner, bytes)
            .map_err(|reason| CompileError::Invalid(format!("{reason:#}")))?;
        let imports = self.imports(&component)?;
        let instance = self.linker.instantiate_pre(&component);
        let instance = instance.map_err(|reason| CompileError::Mismatch(format!("{reason:#}")))?;
        let exported = self.exported(&component);
        if exported.is_empty() {
            return Err(CompileError::NoRole);
        }
        let exports = Exports::find(&instance, &exported);
        let exports = exports.map_err(|reason| CompileError::Mismatch(format!("{reason:#}")))?;
        Ok(Program { instance, exports, imports })
    }

    fn imports(&self, component: &Component) -> Result<Capabilities, CompileError> {
        let mut imports = Capabilities::NONE;
        let mut foreign = Vec::new();
        for (name, _) in component.component_type().imports(&self.inner) {
            let known = Capability::ALL.into_iter().find(|capability| is_interface(name, capability.interface()));
            match known {
                Some(capability) => imports = imports.with(capability),
                None if is_interface(name, "types") => {}
                None => foreign.push(format!("`{name}`")),
            }
        }
        if foreign.is_empty() { Ok(imports) } else { Err(CompileError::ForeignImports(foreign)) }
    }

    fn exported(&self, component: &Component) -> Vec<Role> {
        let kind = component.component_type();
        let interfaces =
            kind.exports(&self.inner).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)));
        let named =
            interfaces.filter_map(|(name, _)| Role::ALL.iter().copied().find(|role| is_interface(name, role.as_str())));
        named.collect()
    }
}

/// Whether an import or export is this interface of the contract, at any version of its major.
fn is_interface(name: &str, interface: &str) -> bool {
    let plain = name.strip_prefix("muster:policy/").and_then(|rest| rest.split_once('@'));
    matches!(plain, Some((found, version)) if found == interface && version.starts_with("1."))
}

impl Program {
    /// The roles that the component answers for.
    pub fn roles(&self) -> Vec<Role> {
        let answers = |role: &Role| match role {
            Role::Triage => self.exports.triage.is_some(),
            Role::Escalation => self.exports.escalation.is_some(),
            Role::Discretion => self.exports.discretion.is_some(),
            Role::Incentives => self.exports.incentives.is_some(),
            Role::Oversight => self.exports.oversight.is_some(),
            Role::Workflow => self.exports.workflow.is_some(),
        };
        Role::ALL.iter().copied().filter(answers).collect()
    }

    /// What the component asks of the host.
    pub fn imports(&self) -> Capabilities {
        self.imports
    }
}
