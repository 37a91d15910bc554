//! How a component of the usual layout joins its one module with the host.
//!
//! The encoder of components puts two small modules around a policy: one whose functions call through a table, so that the
//! policy can be made before there is anything to call, and one that fills the table afterwards. Here it is seen that a
//! component is just that, and which function of the contract stands behind each import of the policy. Whatever is otherwise
//! is `None`, and the engine runs it as the component that it is. Nothing here may guess.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use wasmparser::{CanonicalOption, ComponentExternalKind, ExternalKind, Parser, Payload, TypeRef};

use super::component::{CoreFunction, CoreInstance, ExportOf, Function, Instance, Structure};
use super::rewriting::short;
use super::table::{Calling, Filling, Import};

/// The most functions that a module imports, or that go through a table: more than the contract has. The engine's module that
/// fills a table takes a unit of fuel for up to 128 of them, and more for more.
const FUNCTIONS: usize = 64;
/// What the names of the contract's interfaces begin with.
const CONTRACT: &str = "muster:policy/";

/// One module, and what of the contract is behind its imports and exports.
#[derive(Debug)]
pub(super) struct Wiring<'a> {
    /// Which of the component's modules, and its bytes there.
    pub(super) module: Range<usize>,
    /// Behind each import, in order.
    pub(super) imports: Vec<Joint<'a>>,
    /// The functions that the component answers with.
    pub(super) exports: Vec<Answer<'a>>,
    /// The export that is its memory.
    pub(super) memory: &'a str,
    /// The export that gives room in it.
    pub(super) allocator: &'a str,
    /// How many elements the table between it and the host has, if there is one.
    pub(super) table: Option<usize>,
}

/// A function of the contract that a module imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joint<'a> {
    /// The interface as the component names it, with its package and version.
    pub(super) interface: &'a str,
    pub(super) function: &'a str,
    /// It goes through the table of the module between.
    pub(super) through_table: bool,
}

/// A function of the contract that a module answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    /// The interface as the component names it, with its package and version.
    pub(super) interface: &'a str,
    pub(super) function: &'a str,
    /// The module's export.
    pub(super) export: &'a str,
    /// The export that is called when the answer was read.
    pub(super) afterwards: Option<&'a str>,
}

impl<'a> Wiring<'a> {
    /// The wiring of a component, when it is of the usual layout.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        Reading { bytes, structure: Structure::read(bytes)? }.wiring()
    }
}

struct Reading<'a> {
    bytes: &'a [u8],
    structure: Structure<'a>,
}

/// The memory and the allocator that a function is joined with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Options<'a> {
    memory: Option<ExportOf<'a>>,
    allocator: Option<ExportOf<'a>>,
    afterwards: Option<ExportOf<'a>>,
}

/// A function that the component exports within an interface, and the module's function behind it.
struct Lifted<'a> {
    interface: &'a str,
    function: &'a str,
    export: ExportOf<'a>,
    options: Options<'a>,
}

/// The module between, if there is one, and the functions behind its exports.
#[derive(Default)]
struct Between<'a> {
    instance: Option<usize>,
    functions: BTreeMap<&'a str, usize>,
    elements: usize,
}

impl<'a> Reading<'a> {
    fn wiring(&self) -> Option<Wiring<'a>> {
        let lifted = self.lifted()?;
        let first = lifted.first()?;
        let main = first.export.instance;
        let (memory, allocator) = (first.options.memory?, first.options.allocator?);
        let CoreInstance::Of { module, with } = self.structure.core_instances.get(main)? else { return None };
        let mut exports = Vec::with_capacity(lifted.len());
        for Lifted { interface, function, export, options: its } in &lifted {
            let same = export.instance == main && its.memory == Some(memory) && its.allocator == Some(allocator);
            let own =
                its.afterwards.is_none_or(|afterwards| afterwards.instance == main && !afterwards.name.is_empty());
            if !(same && own && memory.instance == main && allocator.instance == main) {
                return None;
            }
            let afterwards = its.afterwards.map(|afterwards| afterwards.name);
            exports.push(Answer { interface, function, export: export.name, afterwards });
        }
        let module = self.structure.modules.get(*module)?.clone();
        let between = self.between(main)?;
        let wanted = imports(self.bytes.get(module.clone())?)?;
        if wanted.len() > FUNCTIONS {
            return None;
        }
        let joint = |import| self.joint(self.function(with, import)?, &between, (memory, allocator));
        let imports = wanted.into_iter().map(joint).collect::<Option<_>>()?;
        Some(Wiring {
            module,
            imports,
            exports,
            memory: memory.name,
            allocator: allocator.name,
            table: between.instance.map(|_| between.elements),
        })
    }

    /// The functions that the component exports within interfaces, and the modules' functions behind them.
    fn lifted(&self) -> Option<Vec<Lifted<'a>>> {
        let mut lifted: Vec<Lifted<'a>> = Vec::new();
        // Everything that is made is exported, and once: what is made and not exported could still do something.
        let made = self.structure.instances.iter().filter(|made| matches!(made, Instance::Of { .. })).count();
        let exported = self.structure.exports.iter().map(|(.., number)| number).collect::<BTreeSet<_>>().len();
        if made != self.structure.exports.len() || exported != made || made > FUNCTIONS {
            return None;
        }
        for (interface, kind, number) in &self.structure.exports {
            // Whoever asks for an interface finds it by its short name.
            let known = lifted.iter().any(|lifted| short(lifted.interface) == short(interface));
            if *kind != ComponentExternalKind::Instance || known || !interface.starts_with(CONTRACT) {
                return None;
            }
            let instance = self.structure.instances.get(usize::try_from(*number).ok()?)?;
            let Instance::Of { component, with } = instance else { return None };
            let nested = Structure::read(self.bytes.get(self.structure.components.get(*component)?.clone())?)?;
            if !nested.only_exports_again() {
                return None;
            }
            for (function, kind, number) in &nested.exports {
                match kind {
                    ComponentExternalKind::Func => {}
                    ComponentExternalKind::Type => continue,
                    _ => return None,
                }
                let mut inner = nested.functions.get(usize::try_from(*number).ok()?)?;
                if let Function::Same(same) = inner {
                    inner = nested.functions.get(*same)?;
                }
                let Function::Imported(wanted) = inner else { return None };
                let given = with.iter().find(|(name, kind, _)| name == wanted && *kind == ComponentExternalKind::Func);
                let Function::Lifted { function: core, options } = self.structure.functions.get(given?.2)? else {
                    return None;
                };
                let CoreFunction::Export(export) = self.structure.core_functions.get(*core)? else { return None };
                lifted.push(Lifted { interface, function, export: *export, options: self.options(options)? });
            }
        }
        Some(lifted)
    }

    fn options(&self, options: &[CanonicalOption]) -> Option<Options<'a>> {
        let mut found = Options { memory: None, allocator: None, afterwards: None };
        let export = |number: &u32| match self.structure.core_functions.get(usize::try_from(*number).ok()?)? {
            CoreFunction::Export(export) => Some(*export),
            _ => None,
        };
        for option in options {
            match option {
                CanonicalOption::UTF8 => {}
                CanonicalOption::Memory(number) => {
                    found.memory = Some(*self.structure.memories.get(usize::try_from(*number).ok()?)?);
                }
                CanonicalOption::Realloc(number) => found.allocator = Some(export(number)?),
                CanonicalOption::PostReturn(number) => found.afterwards = Some(export(number)?),
                _ => return None,
            }
        }
        Some(found)
    }

    /// The function of the contract behind a function of modules.
    fn joint(&self, core: usize, between: &Between<'a>, own: (ExportOf<'a>, ExportOf<'a>)) -> Option<Joint<'a>> {
        let (lowered, through_table) = match self.structure.core_functions.get(core)? {
            CoreFunction::Export(export) => {
                if between.instance != Some(export.instance) {
                    return None;
                }
                (*between.functions.get(export.name)?, true)
            }
            CoreFunction::Lowered { .. } => (core, false),
            CoreFunction::Other => return None,
        };
        let CoreFunction::Lowered { function, options } = self.structure.core_functions.get(lowered)? else {
            return None;
        };
        let options = self.options(options)?;
        let (memory, allocator) = own;
        let fits = options.memory.is_none_or(|its| its == memory)
            && options.allocator.is_none_or(|its| its == allocator)
            && options.afterwards.is_none();
        let Function::Export(export) = self.structure.functions.get(*function)? else { return None };
        let Instance::Imported(interface) = self.structure.instances.get(export.instance)? else { return None };
        (fits && interface.starts_with(CONTRACT)).then_some(Joint { interface, function: export.name, through_table })
    }

    /// The module between the policy and the host, with its table as it is filled. `None` when there is anything else
    /// beside the policy.
    fn between(&self, main: usize) -> Option<Between<'a>> {
        let modules = self.structure.core_instances.iter().enumerate().filter_map(|(number, made)| match made {
            CoreInstance::Of { module, with } if number != main => Some((number, *module, with)),
            _ => None,
        });
        let modules: Vec<_> = modules.collect();
        let [(calls, calling, nothing), (_, filling, with)] = modules.as_slice() else {
            return modules.is_empty().then(Between::default);
        };
        if !nothing.is_empty() {
            return None;
        }
        let calling = Calling::read(self.bytes.get(self.structure.modules.get(*calling)?.clone())?)?;
        let filling = Filling::read(self.bytes.get(self.structure.modules.get(*filling)?.clone())?)?;
        let elements = filling.slots.len();
        if calling.elements != elements || elements > FUNCTIONS {
            return None;
        }
        if self.table(with, filling.table)? != (ExportOf { instance: *calls, name: calling.table }) {
            return None;
        }
        let mut functions = BTreeMap::new();
        for (name, slot) in calling.slots {
            functions.insert(name, self.function(with, *filling.slots.get(slot)?)?);
        }
        Some(Between { instance: Some(*calls), functions, elements })
    }

    /// The function that a module is given for an import.
    fn function(&self, with: &[(&'a str, usize)], import: Import<'a>) -> Option<usize> {
        match self.structure.core_instances.get(given(with, import.0)?)? {
            CoreInstance::Bundle(items) => item(items, import.1, ExternalKind::Func),
            CoreInstance::Of { .. } => None,
        }
    }

    /// The table that a module is given for an import.
    fn table(&self, with: &[(&'a str, usize)], import: Import<'a>) -> Option<ExportOf<'a>> {
        let instance = given(with, import.0)?;
        match self.structure.core_instances.get(instance)? {
            CoreInstance::Bundle(items) => {
                self.structure.tables.get(item(items, import.1, ExternalKind::Table)?).copied()
            }
            CoreInstance::Of { .. } => Some(ExportOf { instance, name: import.1 }),
        }
    }
}

/// The instance that a module is given by this name.
fn given(with: &[(&str, usize)], wanted: &str) -> Option<usize> {
    with.iter().find(|(name, _)| *name == wanted).map(|(_, instance)| *instance)
}

fn item(items: &[(&str, ExternalKind, usize)], wanted: &str, kind: ExternalKind) -> Option<usize> {
    items.iter().find(|(name, its, _)| *name == wanted && *its == kind).map(|(.., number)| *number)
}

/// What a module imports, when it imports functions only and starts nothing by itself.
fn imports(module: &[u8]) -> Option<Vec<Import<'_>>> {
    let mut imports = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.ok()? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.ok()?;
                    let TypeRef::Func(_) = import.ty else { return None };
                    imports.push((import.module, import.name));
                }
            }
            Payload::StartSection { .. } => return None,
            _ => {}
        }
    }
    Some(imports)
}
