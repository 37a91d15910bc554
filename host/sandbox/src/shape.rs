//! What a component may look like before the compiler sees it. Compiling is the one thing that a package can make the
//! host do before fuel, clock and memory limits hold, so its size is bounded here, by counting, in one pass over the
//! bytes. It must never compile, and never allocate by a number that it read.

use crate::joins::Joins;
use wasmparser::{FunctionBody, Operator, Parser, Payload};

/// The most of everything that a component may have. A policy in Rust has about a tenth of the smallest of these; an
/// interpreter of a scripting language compiled to WebAssembly fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of the component.
    pub bytes: u64,
    /// Core modules, at any depth. The encoder of components makes three or four.
    pub modules: u64,
    /// Components within components. The encoder makes one for each exported interface.
    pub components: u64,
    /// How deep modules and components lie in one another.
    pub depth: u64,
    /// Instances, core or not, that sections of the component make.
    pub instances: u64,
    /// Types, in modules and components, with the declarations within them and their fields and cases.
    pub types: u64,
    /// Imports, exports and aliases, in modules and components.
    pub names: u64,
    /// Functions with a body.
    pub functions: u64,
    /// Bytes of one function's body.
    pub function_bytes: u64,
    /// Bytes of all functions' bodies.
    pub code_bytes: u64,
    /// Local variables of one function. A few bytes declare thousands.
    pub locals: u64,
    /// Local variables of all functions.
    pub locals_total: u64,
    /// How deep blocks lie in one another.
    pub nesting: u64,
    /// Targets of one function's branch tables.
    pub branch_targets: u64,
    /// The distinct local variables used in a block, for all blocks of one function: what the compiler's form of
    /// variables costs, which grows with the product of both. Measured, one takes the compiler up to 2.6 KiB.
    pub joins: u64,
    /// The same of all functions.
    pub joins_total: u64,
    /// Linear memories.
    pub memories: u64,
    /// Tables.
    pub tables: u64,
    /// Globals.
    pub globals: u64,
    /// Segments of data and elements.
    pub segments: u64,
}

impl Shape {
    /// What a production host compiles.
    pub const STANDARD: Self = Self {
        bytes: 4 << 20,
        modules: 16,
        components: 32,
        depth: 4,
        instances: 128,
        types: 10_000,
        names: 10_000,
        functions: 10_000,
        function_bytes: 256 << 10,
        code_bytes: 2 << 20,
        locals: 5_000,
        locals_total: 200_000,
        nesting: 1_000,
        branch_targets: 20_000,
        joins: 64 << 10,
        joins_total: 1_000_000,
        memories: 1,
        tables: 4,
        globals: 1_000,
        segments: 10_000,
    };

    /// Counts a component's parts and stops at the first that is too many.
    ///
    /// # Errors
    /// When the bytes cannot be read, or have more of something than they may.
    pub fn check(&self, bytes: &[u8]) -> Result<(), ShapeError> {
        let mut count = Count { shape: self, seen: Seen::default() };
        at_most("bytes", bytes.len() as u64, self.bytes)?;
        // Without this a core module would be counted and only the compiler would say that it is no component.
        if !Parser::is_component(bytes) {
            return Err(ShapeError::Unreadable("the first bytes are not those of a component".into()));
        }
        for payload in Parser::new(0).parse_all(bytes) {
            count.payload(payload?)?;
        }
        Ok(())
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// Why a component is not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The bytes are not WebAssembly, or damaged.
    #[error("{0}")]
    Unreadable(String),
    /// There is more of something than the compiler is given.
    #[error("it has {found} {part}, and at most {most} are compiled")]
    TooMuch {
        /// What there is too much of.
        part: &'static str,
        /// How much, as far as it was counted.
        found: u64,
        /// How much there may be.
        most: u64,
    },
}

impl From<wasmparser::BinaryReaderError> for ShapeError {
    fn from(reason: wasmparser::BinaryReaderError) -> Self {
        Self::Unreadable(reason.to_string())
    }
}

/// What was counted so far.
#[derive(Default)]
struct Seen {
    modules: u64,
    components: u64,
    depth: u64,
    instances: u64,
    types: u64,
    names: u64,
    functions: u64,
    code_bytes: u64,
    locals: u64,
    joins_total: u64,
    memories: u64,
    tables: u64,
    globals: u64,
    segments: u64,
}

struct Count<'a> {
    shape: &'a Shape,
    seen: Seen,
}

fn at_most(part: &'static str, found: u64, most: u64) -> Result<(), ShapeError> {
    if found > most { Err(ShapeError::TooMuch { part, found, most }) } else { Ok(()) }
}

/// Adds to one count and compares it with its bound.
macro_rules! add {
    ($count:ident, $field:ident, $more:expr, $part:literal) => {{
        $count.seen.$field = $count.seen.$field.saturating_add(u64::from($more));
        at_most($part, $count.seen.$field, $count.shape.$field)
    }};
}

impl Count<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), ShapeError> {
        match payload {
            Payload::ModuleSection { .. } => {
                add!(self, modules, 1_u32, "core modules")?;
                add!(self, depth, 1_u32, "levels of modules and components in one another")
            }
            Payload::ComponentSection { .. } => {
                add!(self, components, 1_u32, "components within it")?;
                add!(self, depth, 1_u32, "levels of modules and components in one another")
            }
            Payload::End(_) => {
                self.seen.depth = self.seen.depth.saturating_sub(1);
                Ok(())
            }
            Payload::CodeSectionEntry(body) => self.function(&body),
            other => self.section(&other),
        }
    }

    fn section(&mut self, payload: &Payload<'_>) -> Result<(), ShapeError> {
        match payload {
            // A type's parts take at least a byte each, so the section's length bounds them without reading them.
            Payload::TypeSection(types) => add!(self, types, types.count(), "types"),
            Payload::CoreTypeSection(types) => self.types(types.count(), &types.range()),
            Payload::ComponentTypeSection(types) => self.types(types.count(), &types.range()),
            Payload::ImportSection(names) => add!(self, names, names.count(), "imports and exports"),
            Payload::ExportSection(names) => add!(self, names, names.count(), "imports and exports"),
            Payload::ComponentImportSection(names) => add!(self, names, names.count(), "imports and exports"),
            Payload::ComponentExportSection(names) => add!(self, names, names.count(), "imports and exports"),
            Payload::ComponentAliasSection(names) => add!(self, names, names.count(), "imports and exports"),
            Payload::ComponentCanonicalSection(names) => add!(self, names, names.count(), "imports and exports"),
            Payload::InstanceSection(instances) => add!(self, instances, instances.count(), "instances"),
            Payload::ComponentInstanceSection(instances) => add!(self, instances, instances.count(), "instances"),
            Payload::MemorySection(memories) => add!(self, memories, memories.count(), "memories"),
            Payload::TableSection(tables) => add!(self, tables, tables.count(), "tables"),
            Payload::GlobalSection(globals) => add!(self, globals, globals.count(), "globals"),
            Payload::ElementSection(segments) => add!(self, segments, segments.count(), "segments"),
            Payload::DataSection(segments) => add!(self, segments, segments.count(), "segments"),
            Payload::FunctionSection(functions) => add!(self, functions, functions.count(), "functions"),
            _ => Ok(()),
        }
    }

    /// A field, a case or a declaration takes several bytes; counting a tenth of the bytes as parts lets honest types
    /// with long names pass and stops chains that double.
    fn types(&mut self, count: u32, range: &std::ops::Range<u64>) -> Result<(), ShapeError> {
        let parts = range.end.saturating_sub(range.start) / 10;
        add!(self, types, parts.max(u64::from(count)), "types")
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), ShapeError> {
        let range = body.range();
        let bytes = range.end.saturating_sub(range.start);
        at_most("bytes in one function", bytes, self.shape.function_bytes)?;
        add!(self, code_bytes, bytes, "bytes of code")?;
        self.locals(body)?;
        let joins = self.operators(body)?;
        at_most("joins of blocks and local variables in one function", joins, self.shape.joins)?;
        add!(self, joins_total, joins, "joins of blocks and local variables")
    }

    fn locals(&mut self, body: &FunctionBody<'_>) -> Result<(), ShapeError> {
        let mut locals = 0_u64;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(u64::from(group?.0));
        }
        at_most("local variables in one function", locals, self.shape.locals)?;
        self.seen.locals = self.seen.locals.saturating_add(locals);
        at_most("local variables", self.seen.locals, self.shape.locals_total)
    }

    /// Reads a function's instructions, without checking their types, and gives how many joins it has.
    fn operators(&self, body: &FunctionBody<'_>) -> Result<u64, ShapeError> {
        let (mut nesting, mut targets) = (0_u64, 0_u64);
        let mut joins = Joins::default();
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            match operators.read()? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Try { .. }
                | Operator::TryTable { .. } => {
                    nesting += 1;
                    at_most("blocks in one another", nesting, self.shape.nesting)?;
                    joins.begin();
                }
                Operator::End => {
                    nesting = nesting.saturating_sub(1);
                    joins.end();
                }
                Operator::LocalGet { local_index }
                | Operator::LocalSet { local_index }
                | Operator::LocalTee { local_index } => joins.uses(local_index),
                Operator::BrTable { targets: table } => {
                    targets = targets.saturating_add(u64::from(table.len()));
                    at_most("branch targets in one function", targets, self.shape.branch_targets)?;
                }
                _ => {}
            }
        }
        Ok(joins.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_not_counted() {
        let refused = Shape::STANDARD.check(b"\0asm\x01\0\0\0").expect_err("a core module");
        assert!(matches!(refused, ShapeError::Unreadable(_)));
        assert!(matches!(Shape::STANDARD.check(b"hello"), Err(ShapeError::Unreadable(_))));
        assert_eq!(Shape::STANDARD.check(b"\0asm\x0d\0\x01\0"), Ok(()));
    }

    #[test]
    fn the_message_names_the_part_and_the_bound() {
        let small = Shape { bytes: 7, ..Shape::STANDARD };
        let refused = small.check(b"\0asm\x0d\0\x01\0").expect_err("a byte too many");
        assert_eq!(refused.to_string(), "it has 8 bytes, and at most 7 are compiled");
    }
}
