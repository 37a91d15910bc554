//! The two modules that the encoder puts between a policy and the host: one calls through a table, the other fills it. They are
//! what they are expected to be, or they are not read at all.

use std::collections::BTreeMap;

use wasmparser::{ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload, RefType, TableInit, TypeRef};

/// What a module asks for: from what, and which.
pub(super) type Import<'a> = (&'a str, &'a str);

/// The module whose functions do nothing but call through its table.
#[derive(Default)]
pub(super) struct Calling<'a> {
    pub(super) table: &'a str,
    /// How many elements its table has, not more and not fewer.
    pub(super) elements: usize,
    /// Which element each export calls.
    pub(super) slots: BTreeMap<&'a str, usize>,
}

impl<'a> Calling<'a> {
    pub(super) fn read(module: &'a [u8]) -> Option<Self> {
        let (mut types, mut kinds, mut tables, mut called) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut exported, mut exported_tables) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.ok()? {
                Payload::Version { .. }
                | Payload::CodeSectionStart { .. }
                | Payload::CustomSection(_)
                | Payload::End(_) => {}
                Payload::TypeSection(section) => {
                    types = section.into_iter_err_on_gc_types().collect::<Result<_, _>>().ok()?;
                }
                Payload::FunctionSection(section) => kinds = section.into_iter().collect::<Result<_, _>>().ok()?,
                Payload::TableSection(section) => tables = section.into_iter().collect::<Result<_, _>>().ok()?,
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.ok()?;
                        match export.kind {
                            ExternalKind::Func => exported.push((export.name, usize::try_from(export.index).ok()?)),
                            ExternalKind::Table => exported_tables.push(export.name),
                            _ => return None,
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let kind: u32 = *kinds.get(called.len())?;
                    let parameters = types.get(usize::try_from(kind).ok()?)?.params().len();
                    called.push(slot(&body, kind, u32::try_from(parameters).ok()?)?);
                }
                _ => return None,
            }
        }
        let ([table], [name]) = (tables.as_slice(), exported_tables.as_slice()) else { return None };
        let (kind, empty) = (table.ty, matches!(table.init, TableInit::RefNull));
        if !empty || kind.element_type != RefType::FUNCREF || kind.maximum != Some(kind.initial) {
            return None;
        }
        let slots = exported.into_iter().map(|(name, number)| Some((name, *called.get(number)?)));
        Some(Self { table: name, elements: usize::try_from(kind.initial).ok()?, slots: slots.collect::<Option<_>>()? })
    }
}

/// The element that a function calls with all of its own parameters, as a function of its own type, when it does nothing else.
fn slot(body: &wasmparser::FunctionBody<'_>, kind: u32, parameters: u32) -> Option<usize> {
    if body.get_locals_reader().ok()?.get_count() != 0 {
        return None;
    }
    let mut operators = body.get_operators_reader().ok()?;
    for parameter in 0..parameters {
        let Operator::LocalGet { local_index } = operators.read().ok()? else { return None };
        if local_index != parameter {
            return None;
        }
    }
    let Operator::I32Const { value } = operators.read().ok()? else { return None };
    let Operator::CallIndirect { type_index, table_index: 0 } = operators.read().ok()? else { return None };
    let end = matches!(operators.read().ok()?, Operator::End) && operators.eof();
    usize::try_from(value).ok().filter(|_| end && type_index == kind)
}

/// The module that does nothing but fill the table.
pub(super) struct Filling<'a> {
    /// The import that is the table.
    pub(super) table: Import<'a>,
    /// The import that each element is filled with.
    pub(super) slots: Vec<Import<'a>>,
}

impl<'a> Filling<'a> {
    pub(super) fn read(module: &'a [u8]) -> Option<Self> {
        let (mut table, mut functions, mut slots) = (None, Vec::new(), None);
        for payload in Parser::new(0).parse_all(module) {
            match payload.ok()? {
                Payload::Version { .. } | Payload::TypeSection(_) | Payload::CustomSection(_) | Payload::End(_) => {}
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.ok()?;
                        match import.ty {
                            TypeRef::Func(_) => functions.push((import.module, import.name)),
                            TypeRef::Table(_) if table.is_none() => table = Some((import.module, import.name)),
                            _ => return None,
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        let element = element.ok()?;
                        let ElementItems::Functions(items) = element.items else { return None };
                        if slots.is_some() || !from_the_start(&element.kind) {
                            return None;
                        }
                        let filled =
                            items.into_iter().map(|number| functions.get(usize::try_from(number.ok()?).ok()?).copied());
                        slots = Some(filled.collect::<Option<Vec<_>>>()?);
                    }
                }
                _ => return None,
            }
        }
        Some(Self { table: table?, slots: slots? })
    }
}

/// Elements that fill the first table from its first place on.
fn from_the_start(kind: &ElementKind<'_>) -> bool {
    let ElementKind::Active { table_index: None | Some(0), offset_expr } = kind else { return false };
    let mut operators = offset_expr.get_operators_reader();
    matches!(operators.read(), Ok(Operator::I32Const { value: 0 })) && operators.is_end_then_eof()
}
