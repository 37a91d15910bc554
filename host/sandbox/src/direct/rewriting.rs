//! From a component of the usual layout: its module, to be called directly, and the component around an empty one, to be
//! checked by the engine.
//!
//! The module's imports get the contract's short names. Where the component went through a table, a function stands in its
//! place that costs the guest the same fuel at the same moment, so that a decision is the same however it was made.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, Component, Function, FunctionSection, ImportSection, Module, ModuleSection, RawSection,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionBody, FunctionSectionReader, Import, Parser, Payload, TypeRef,
};

use super::wiring::{Joint, Wiring};

/// The name of an interface without its package and version: `settings` of `muster:policy/settings@1.0.0`.
pub(super) fn short(interface: &str) -> &str {
    let name = interface.rsplit_once('/').map_or(interface, |(_, name)| name);
    name.split_once('@').map_or(name, |(name, _)| name)
}

/// The most parameters of a function that is lowered: sixteen, and where to put the answer.
const PARAMETERS: u32 = 17;

/// The module, to be called directly.
pub(super) fn module(bytes: &[u8], wiring: &Wiring<'_>) -> Option<Vec<u8>> {
    let bytes = bytes.get(wiring.module.clone())?;
    let mut rewriting = Rewriting { joints: &wiring.imports, types: Vec::new(), functions: 0, parameters: Vec::new() };
    rewriting.look(bytes)?;
    let mut module = Module::new();
    rewriting.parse_core_module(&mut module, Parser::new(0), bytes).ok()?;
    Some(module.finish())
}

/// The component, with functions in its module that do nothing.
pub(super) fn hollow(bytes: &[u8], wiring: &Wiring<'_>) -> Option<Vec<u8>> {
    let mut component = Component::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        if matches!(payload, Payload::End(_)) {
            depth = depth.saturating_sub(1);
            continue;
        }
        let nests = matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. });
        if depth == 0
            && let Some((id, range)) = payload.as_section()
        {
            let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
            if range == wiring.module {
                let mut module = Module::new();
                Emptying.parse_core_module(&mut module, Parser::new(0), bytes.get(range)?).ok()?;
                component.section(&ModuleSection(&module));
            } else {
                component.section(&RawSection { id, data: bytes.get(range)? });
            }
        }
        depth += usize::from(nests);
    }
    Some(component.finish())
}

struct Emptying;

impl Reencode for Emptying {
    type Error = Infallible;

    fn parse_function_body(&mut self, code: &mut CodeSection, _: FunctionBody<'_>) -> Result<(), Error> {
        let mut nothing = Function::new([]);
        nothing.instructions().unreachable().end();
        code.function(&nothing);
        Ok(())
    }
}

struct Rewriting<'a> {
    joints: &'a [Joint<'a>],
    /// The type of each import.
    types: Vec<u32>,
    /// How many functions the module has itself.
    functions: u32,
    /// How many parameters each type has.
    parameters: Vec<u32>,
}

impl Rewriting<'_> {
    /// Counts what the indexes of new functions depend on.
    fn look(&mut self, module: &[u8]) -> Option<()> {
        for payload in Parser::new(0).parse_all(module) {
            match payload.ok()? {
                Payload::TypeSection(section) => {
                    for kind in section.into_iter_err_on_gc_types() {
                        self.parameters.push(u32::try_from(kind.ok()?.params().len()).ok()?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let TypeRef::Func(kind) = import.ok()?.ty else { return None };
                        self.types.push(kind);
                    }
                }
                Payload::FunctionSection(section) => self.functions = section.count(),
                _ => {}
            }
        }
        let parameters = |kind: &u32| self.parameters.get(usize::try_from(*kind).ok()?);
        let few = self.types.iter().all(|kind| parameters(kind).is_some_and(|count| *count <= PARAMETERS));
        (few && self.types.len() == self.joints.len()).then_some(())
    }

    /// The imports that the component reached through a table, by number.
    fn through_table(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(self.joints).filter(|(_, joint)| joint.through_table).map(|(number, _)| number)
    }

    fn kind(&self, import: u32) -> Result<u32, Error> {
        let kind = usize::try_from(import).ok().and_then(|import| self.types.get(import));
        kind.copied().ok_or(Error::UnexpectedNonCoreModuleSection)
    }
}

impl Reencode for Rewriting<'_> {
    type Error = Infallible;

    /// What the module does not have must not become what was put there.
    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let imports = u32::try_from(self.joints.len()).unwrap_or(u32::MAX);
        if function >= imports.saturating_add(self.functions) {
            return Err(Error::UnexpectedNonCoreModuleSection);
        }
        if function >= imports {
            return Ok(function);
        }

        Ok(match self.through_table().position(|import| import == function) {
            Some(place) => imports + self.functions + u32::try_from(place).unwrap_or(u32::MAX),
            None => function,
        })
    }

    fn parse_import(&mut self, imports: &mut ImportSection, import: Import<'_>) -> Result<(), Error> {
        let place = usize::try_from(imports.len()).unwrap_or(usize::MAX);
        let joint = self.joints.get(place).ok_or(Error::UnexpectedNonCoreModuleSection)?;
        imports.import(short(joint.interface), joint.function, self.entity_type(import.ty)?);
        Ok(())
    }

    fn parse_imports(&mut self, section: &mut ImportSection, imports: wasmparser::Imports<'_>) -> Result<(), Error> {
        match imports {
            wasmparser::Imports::Single(_, import) => self.parse_import(section, import),
            _ => Err(Error::UnexpectedNonCoreModuleSection),
        }
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, functions, section)?;
        for import in self.through_table() {
            functions.function(self.kind(import)?);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_code_section(self, code, section)?;
        for import in self.through_table() {
            let kind = usize::try_from(self.kind(import)?).ok();
            let parameters = kind.and_then(|kind| self.parameters.get(kind)).copied().unwrap_or_default();
            code.function(&straight(import, parameters));
        }
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// Calls an import. Dropping a number costs no fuel, and a call the same whether it goes through a table or not.
fn straight(import: u32, parameters: u32) -> Function {
    let mut function = Function::new([]);
    for parameter in 0..parameters {
        function.instructions().local_get(parameter);
    }
    function.instructions().i32_const(0).drop().call(import).end();
    function
}
