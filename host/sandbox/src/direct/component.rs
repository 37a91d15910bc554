//! A component's outer structure: what is made of what, by index. Only what wiring needs to know; what it does not know makes
//! a component one that is not called directly. It must never look into a module.

use std::ops::Range;

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance as Made,
    ComponentTypeRef, ExternalKind, Instance as CoreMade, Parser, Payload,
};

/// The most items of a list that are looked through: several times what a component of the encoder's has for the whole contract.
const MOST: usize = 256;

/// A component as its sections say.
#[derive(Default)]
pub(super) struct Structure<'a> {
    pub(super) modules: Vec<Range<usize>>,
    pub(super) components: Vec<Range<usize>>,
    pub(super) core_instances: Vec<CoreInstance<'a>>,
    pub(super) core_functions: Vec<CoreFunction<'a>>,
    pub(super) memories: Vec<ExportOf<'a>>,
    pub(super) tables: Vec<ExportOf<'a>>,
    pub(super) instances: Vec<Instance<'a>>,
    pub(super) functions: Vec<Function<'a>>,
    pub(super) exports: Vec<(&'a str, ComponentExternalKind, u32)>,
}

/// An export of an instance, core or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExportOf<'a> {
    pub(super) instance: usize,
    pub(super) name: &'a str,
}

/// An instance of a module.
pub(super) enum CoreInstance<'a> {
    /// Of this module, with instances for its imports.
    Of { module: usize, with: Vec<(&'a str, usize)> },
    /// Made of items by name.
    Bundle(Vec<(&'a str, ExternalKind, usize)>),
}

/// A function of modules.
pub(super) enum CoreFunction<'a> {
    Export(ExportOf<'a>),
    /// A function of components, for modules to call.
    Lowered {
        function: usize,
        options: Vec<CanonicalOption>,
    },
    Other,
}

/// An instance of a component.
pub(super) enum Instance<'a> {
    /// Given from outside, by this name.
    Imported(&'a str),
    /// Of this component, with functions for its imports.
    Of {
        component: usize,
        with: Vec<(&'a str, ComponentExternalKind, usize)>,
    },
    Other,
}

/// A function of components.
pub(super) enum Function<'a> {
    Export(ExportOf<'a>),
    /// A function of modules, for others to call.
    Lifted {
        function: usize,
        options: Vec<CanonicalOption>,
    },
    /// Given from outside, by this name.
    Imported(&'a str),
    /// Another index for a function.
    Same(usize),
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

impl<'a> Structure<'a> {
    /// Reads a component's own sections, and steps over what is nested in it.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut structure = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.ok()?;
            let nested = depth > 0;
            match &payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    depth += 1;
                    if !nested {
                        structure.modules.push(range(unchecked_range, bytes)?);
                    }
                }
                Payload::ComponentSection { unchecked_range, .. } => {
                    depth += 1;
                    if !nested {
                        structure.components.push(range(unchecked_range, bytes)?);
                    }
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ if nested => {}
                _ => structure.section(payload)?,
            }
        }
        Some(structure)
    }

    /// Whether it does nothing but export again what it is given: what the encoder makes of an interface.
    pub(super) fn only_exports_again(&self) -> bool {
        let nothing_made = self.modules.is_empty()
            && self.components.is_empty()
            && self.core_instances.is_empty()
            && self.core_functions.is_empty()
            && self.instances.is_empty();
        let given = |function: &Function<'_>| matches!(function, Function::Imported(_) | Function::Same(_));
        nothing_made && self.functions.iter().all(given) && few(&self.exports).is_some()
    }

    fn section(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::InstanceSection(section) => {
                for made in section {
                    self.core_instances.push(core_instance(made.ok()?)?);
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for made in section {
                    self.instances.push(instance(made.ok()?)?);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(alias.ok()?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    self.canonical(function.ok()?)?;
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import.ok()?;
                    match import.ty {
                        ComponentTypeRef::Instance(_) => self.instances.push(Instance::Imported(import.name.name)),
                        ComponentTypeRef::Func(_) => self.functions.push(Function::Imported(import.name.name)),
                        ComponentTypeRef::Type(_) => {}
                        _ => return None,
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    self.exports.push((export.name.name, export.kind, export.index));
                    // What is exported has another index from here on.
                    match export.kind {
                        ComponentExternalKind::Func => self.functions.push(Function::Same(index(export.index)?)),
                        ComponentExternalKind::Instance => self.instances.push(Instance::Other),
                        ComponentExternalKind::Type => {}
                        _ => return None,
                    }
                }
            }
            Payload::ComponentStartSection { .. } => return None,
            // Types are the engine's to check; a component's version and its custom sections say nothing here.
            _ => {}
        }
        Some(())
    }

    fn alias(&mut self, alias: ComponentAlias<'a>) -> Option<()> {
        match alias {
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                let export = ExportOf { instance: index(instance_index)?, name };
                match kind {
                    ExternalKind::Func => self.core_functions.push(CoreFunction::Export(export)),
                    ExternalKind::Memory => self.memories.push(export),
                    ExternalKind::Table => self.tables.push(export),
                    _ => return None,
                }
            }
            ComponentAlias::InstanceExport { kind, instance_index, name } => match kind {
                ComponentExternalKind::Func => {
                    self.functions.push(Function::Export(ExportOf { instance: index(instance_index)?, name }));
                }
                ComponentExternalKind::Type => {}
                _ => return None,
            },
            // Of these only types matter to a component of this kind, and types are not followed.
            ComponentAlias::Outer { kind: wasmparser::ComponentOuterAliasKind::Type, .. } => {}
            ComponentAlias::Outer { .. } => return None,
        }
        Some(())
    }

    fn canonical(&mut self, function: CanonicalFunction) -> Option<()> {
        match function {
            CanonicalFunction::Lift { core_func_index, options, .. } => {
                let function = index(core_func_index)?;
                self.functions.push(Function::Lifted { function, options: options.into_vec() });
            }
            CanonicalFunction::Lower { func_index, options } => {
                let function = index(func_index)?;
                self.core_functions.push(CoreFunction::Lowered { function, options: options.into_vec() });
            }
            _ => self.core_functions.push(CoreFunction::Other),
        }
        Some(())
    }
}

/// A range that lies within the bytes: a section says itself how long it is, and a file may end before.
fn range(range: &Range<u64>, bytes: &[u8]) -> Option<Range<usize>> {
    let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
    bytes.get(range.clone()).map(|_| range)
}

fn few<T>(items: &[T]) -> Option<&[T]> {
    (items.len() <= MOST).then_some(items)
}

fn core_instance(made: CoreMade<'_>) -> Option<CoreInstance<'_>> {
    Some(match made {
        CoreMade::Instantiate { module_index, args } => {
            let with = few(&args)?.iter().map(|with| Some((with.name, index(with.index)?)));
            CoreInstance::Of { module: index(module_index)?, with: with.collect::<Option<_>>()? }
        }
        CoreMade::FromExports(items) => {
            let items = few(&items)?.iter().map(|item| Some((item.name, item.kind, index(item.index)?)));
            CoreInstance::Bundle(items.collect::<Option<_>>()?)
        }
    })
}

fn instance(made: Made<'_>) -> Option<Instance<'_>> {
    Some(match made {
        Made::Instantiate { component_index, args } => {
            let with = few(&args)?.iter().map(|with| Some((with.name, with.kind, index(with.index)?)));
            Instance::Of { component: index(component_index)?, with: with.collect::<Option<_>>()? }
        }
        Made::FromExports(_) => Instance::Other,
    })
}
