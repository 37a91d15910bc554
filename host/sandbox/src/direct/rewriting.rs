//! From a component of the usual layout: its module, to be called directly, and the component around an empty one, to be
//! checked by the engine.
//!
//! The module's imports get the contract's short names. Where the component went through a table, a function stands in its
//! place that costs the guest the same fuel at the same moment, so that a decision is the same however it was made.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, Component, ConstExpr, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, Module, ModuleSection, RawSection, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, ExternalKind, FunctionBody, FunctionSectionReader, Import, Parser, Payload,
    TypeRef,
};

use super::wiring::{Joint, Wiring};
use crate::canonical::AT_ONCE;

/// The export that gives room for several pieces at a time: see `canonical::rooms`.
pub(super) const ROOMS: &str = "muster:rooms";

/// The global that says which of the pieces it gives room for.
pub(super) const PIECE: &str = "muster:piece";

/// The name of an interface without its package and version: `settings` of `muster:policy/settings@1.0.0`.
pub(super) fn short(interface: &str) -> &str {
    let name = interface.rsplit_once('/').map_or(interface, |(_, name)| name);
    name.split_once('@').map_or(name, |(name, _)| name)
}

/// The module, to be called directly.
pub(super) fn module(bytes: &[u8], wiring: &Wiring<'_>) -> Option<Vec<u8>> {
    let bytes = &bytes[wiring.module.clone()];
    let mut rewriting = Rewriting { joints: &wiring.imports, ..Rewriting::default() };
    rewriting.look(bytes, wiring.allocator)?;
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
                Emptying.parse_core_module(&mut module, Parser::new(0), &bytes[range]).ok()?;
                component.section(&ModuleSection(&module));
            } else {
                component.section(&RawSection { id, data: &bytes[range] });
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

#[derive(Default)]
struct Rewriting<'a> {
    joints: &'a [Joint<'a>],
    /// The type of each import.
    types: Vec<u32>,
    /// How many functions the module has itself.
    functions: u32,
    /// How many parameters each type has.
    parameters: Vec<u32>,
    /// How many globals it has; a module that has none has no stack, and is not called directly.
    globals: u32,
    /// The function that gives room, by the index that it has now.
    allocator: u32,
}

impl Rewriting<'_> {
    /// Counts what the indexes of new functions depend on.
    fn look(&mut self, module: &[u8], allocator: &str) -> Option<()> {
        let mut found = None;
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
                Payload::GlobalSection(section) => self.globals = section.count(),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.ok()?;
                        match (export.kind, export.name) {
                            (_, ROOMS | PIECE) => return None,
                            (ExternalKind::Func, name) if name == allocator => found = Some(export.index),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        self.allocator = found?;
        let its_own = usize::try_from(self.allocator).ok()? >= self.types.len();
        (its_own && self.globals > 0 && self.types.len() == self.joints.len()).then_some(())
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

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(match self.through_table().position(|import| import == function) {
            Some(place) => count(self.joints.len()) + self.functions + count(place),
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

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I32; 1 + 2 * AT_ONCE], [ValType::I32; AT_ONCE]);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        let last = count(self.joints.len()) + self.functions + count(self.through_table().count());
        exports.export(ROOMS, ExportKind::Func, last);
        exports.export(PIECE, ExportKind::Global, self.globals);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_global_section(self, globals, section)?;
        let number = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(number, &ConstExpr::i32_const(0));
        Ok(())
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
        functions.function(count(self.parameters.len()));
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_code_section(self, code, section)?;
        for import in self.through_table() {
            let kind = usize::try_from(self.kind(import)?).ok();
            let parameters = kind.and_then(|kind| self.parameters.get(kind)).copied().unwrap_or_default();
            code.function(&straight(import, parameters));
        }
        code.function(&rooms(self.allocator, self.globals));
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

/// Gives room for up to so many pieces: how many, then the alignment and the size of each. It ends at the first address that is
/// not aligned, or not within the memory. Its instructions are counted in `canonical::rooms`.
fn rooms(allocator: u32, piece_of: u32) -> Function {
    let first = 1 + 2 * count(AT_ONCE);
    let mut function = Function::new([(count(AT_ONCE), ValType::I32)]);
    let mut to = function.instructions();
    to.block(BlockType::Empty);
    for (piece, number) in (0..count(AT_ONCE)).zip(0_i32..) {
        let (align, size, address) = (1 + 2 * piece, 2 + 2 * piece, first + piece);
        to.local_get(0).i32_const(number).i32_gt_u().if_(BlockType::Empty);
        to.i32_const(number).global_set(piece_of);
        to.i32_const(0).i32_const(0).local_get(align).local_get(size).call(allocator).local_set(address);
        to.local_get(address).local_get(align).i32_const(1).i32_sub().i32_and();
        to.local_get(address).i64_extend_i32_u().local_get(size).i64_extend_i32_u().i64_add();
        to.memory_size(0).i64_extend_i32_u().i64_const(16).i64_shl().i64_gt_u();
        to.i32_or().br_if(1);
        to.end();
    }
    to.end();
    for piece in 0..count(AT_ONCE) {
        to.local_get(first + piece);
    }
    to.end();
    function
}

/// Far below 2³²: what is counted was counted before (see `shape`).
fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
