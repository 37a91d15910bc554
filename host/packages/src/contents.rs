//! What the binary itself says: imports, exports and sizes, read from the bytes without compiling anything.
//!
//! A manifest can claim anything; this cannot. The caps stop what would cost a compiler dearly before it sees it.

use serde::Serialize;
use wasmparser::{Parser, Payload};

use crate::package::PackageError;

/// The name of the manifest's custom section.
pub(crate) const SECTION: &str = "muster:manifest";
/// The largest package that is read: a policy of an interpreted language with its engine stays well below.
pub const PACKAGE_BYTES_MAX: usize = 64 << 20;
/// The most core modules: the largest known toolchain links some thirty libraries.
pub const MODULES_MAX: usize = 128;
/// The most functions in all modules: a whole JavaScript or Python engine has some thirty thousand.
pub const FUNCTIONS_MAX: usize = 250_000;
/// The deepest nesting of components and modules: known toolchains nest three deep.
pub const DEPTH_MAX: usize = 8;
/// The most imports, and the most exports, of the outermost component: the contract has fewer than twenty.
pub const NAMES_MAX: usize = 256;
/// The most sections of all kinds in all components and modules.
pub const SECTIONS_MAX: usize = 20_000;
/// The longest name of an import or export, in bytes.
const NAME_BYTES_MAX: usize = 512;

/// What a component holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Contents {
    /// Names that the outermost component imports, with their versions, in the order of the binary.
    pub imports: Vec<String>,
    /// Names that the outermost component exports, with their versions, in the order of the binary.
    pub exports: Vec<String>,
    /// Core modules at any depth.
    pub modules: usize,
    /// Functions defined in all core modules.
    pub functions: usize,
    /// Bytes of code in all core modules.
    pub code_bytes: usize,
    /// Bytes of data segments in all core modules.
    pub data_bytes: usize,
    /// How deep components and modules nest; 0 when there is only the outermost component.
    pub depth: usize,
}

/// One pass over the bytes: what they hold, and the manifests that the outermost component carries.
pub(crate) struct Scan<'a> {
    pub(crate) contents: Contents,
    pub(crate) manifests: Vec<&'a [u8]>,
    depth: usize,
    sections: usize,
}

impl Contents {
    /// Reads what a component holds. Nothing is compiled or validated beyond its structure.
    ///
    /// # Errors
    /// When the bytes are no component, or hold more than any policy needs.
    pub fn read(bytes: &[u8]) -> Result<Self, PackageError> {
        Scan::of(bytes).map(|scan| scan.contents)
    }
}

impl<'a> Scan<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, PackageError> {
        if bytes.len() > PACKAGE_BYTES_MAX {
            return Err(PackageError::TooLarge(bytes.len()));
        }
        if !Parser::is_component(bytes) {
            return Err(PackageError::NotComponent("the first bytes are not those of a component".into()));
        }
        let mut scan = Scan { contents: Contents::default(), manifests: Vec::new(), depth: 0, sections: 0 };
        for payload in Parser::new(0).parse_all(bytes) {
            scan.payload(payload.map_err(|reason| not_component(&reason))?)?;
        }
        Ok(scan)
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<(), PackageError> {
        if !matches!(payload, Payload::CodeSectionEntry(_)) {
            self.sections += 1;
            at_most("sections", self.sections, SECTIONS_MAX)?;
        }
        match payload {
            Payload::ModuleSection { .. } => {
                self.contents.modules += 1;
                at_most("core modules", self.contents.modules, MODULES_MAX)?;
                self.deeper()
            }
            Payload::ComponentSection { .. } => self.deeper(),
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::FunctionSection(functions) => {
                let count = usize::try_from(functions.count()).unwrap_or(usize::MAX);
                self.contents.functions = self.contents.functions.saturating_add(count);
                at_most("functions", self.contents.functions, FUNCTIONS_MAX)
            }
            Payload::CodeSectionStart { size, .. } => {
                self.contents.code_bytes += size as usize;
                Ok(())
            }
            Payload::DataSection(data) => {
                for segment in data {
                    self.contents.data_bytes += segment.map_err(|reason| not_component(&reason))?.data.len();
                }
                Ok(())
            }
            // Only the outermost component speaks for the package.
            Payload::ComponentImportSection(imports) if self.depth == 0 => {
                for import in imports {
                    let name = import.map_err(|reason| not_component(&reason))?.name;
                    add(&mut self.contents.imports, "imports", &name)?;
                }
                Ok(())
            }
            Payload::ComponentExportSection(exports) if self.depth == 0 => {
                for export in exports {
                    let name = export.map_err(|reason| not_component(&reason))?.name;
                    add(&mut self.contents.exports, "exports", &name)?;
                }
                Ok(())
            }
            Payload::CustomSection(section) if self.depth == 0 && section.name() == SECTION => {
                self.manifests.push(section.data());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn deeper(&mut self) -> Result<(), PackageError> {
        self.depth += 1;
        self.contents.depth = self.contents.depth.max(self.depth);
        at_most("levels of nesting", self.depth, DEPTH_MAX)
    }
}

fn add(
    names: &mut Vec<String>,
    what: &'static str,
    name: &wasmparser::ComponentExternName<'_>,
) -> Result<(), PackageError> {
    let full = format!("{}{}", name.name, name.version_suffix.unwrap_or_default());
    at_most("bytes in the name of an import or export", full.len(), NAME_BYTES_MAX)?;
    names.push(full);
    at_most(what, names.len(), NAMES_MAX)
}

fn at_most(what: &'static str, found: usize, max: usize) -> Result<(), PackageError> {
    if found > max { Err(PackageError::TooMany { what, max }) } else { Ok(()) }
}

fn not_component(reason: &wasmparser::BinaryReaderError) -> PackageError {
    PackageError::NotComponent(reason.to_string())
}
