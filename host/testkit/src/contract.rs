//! The contract's versions as WIT: today's, the frozen ones, and ones that were made up; and components built against them
//! without any guest toolchain. It must never change a file under `wit/`.

use std::fs;
use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata, semver_check};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{ManglingAndAbi, PackageId, Resolve, SourceMap, WorldItem, WorldKey};

use crate::guests;

/// The line that says which contract it is.
const TODAY: &str = "package muster:policy@1.0.0;";

/// Where today's contract is.
///
/// # Panics
/// When the workspace cannot be found.
pub fn folder() -> PathBuf {
    guests::workspace().join("wit")
}

/// The folders of the frozen versions, oldest first.
///
/// # Panics
/// When they cannot be listed, or one is not named by its version.
pub fn frozen_folders() -> Vec<PathBuf> {
    let folder = folder().join("frozen");
    let entries = fs::read_dir(&folder).unwrap_or_else(|reason| panic!("{}: {reason}", folder.display()));
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    folders.sort_by_key(|folder| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let number = |part: &str| part.parse::<u32>().unwrap_or_else(|_| panic!("wit/frozen/{name} is no version"));
        name.split('.').map(number).collect::<Vec<_>>()
    });
    folders
}

/// One version of the contract.
#[derive(Clone)]
pub struct Contract {
    resolve: Resolve,
    package: PackageId,
}

/// A function that a guest may import, as a core module sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The interface, for instance `facts`.
    pub interface: String,
    /// The function.
    pub function: String,
    /// The core module's import: `(import "muster:policy/facts@1.0.0" "spent" (func $asked …))`.
    pub declaration: String,
    /// A call of `$asked` with zeros for all arguments: `(call $asked (i32.const 0) …)`, its result dropped.
    pub call: String,
}

impl Contract {
    /// Today's contract.
    ///
    /// # Panics
    /// When its files cannot be read.
    pub fn today() -> Self {
        Self::read(&folder())
    }

    /// The contract in a folder.
    ///
    /// # Panics
    /// When its files cannot be read.
    pub fn read(folder: &Path) -> Self {
        Self::parse(texts(folder))
    }

    /// Today's contract under another version, with each file's text changed.
    ///
    /// # Panics
    /// When that is no contract.
    pub fn made_up(version: &str, change: impl Fn(String) -> String) -> Self {
        let package = format!("package muster:policy@{version};");
        let texts = texts(&folder()).into_iter();
        Self::parse(texts.map(|(file, text)| (file, change(text.replace(TODAY, &package)))).collect())
    }

    fn parse(texts: Vec<(String, String)>) -> Self {
        let mut sources = SourceMap::default();
        for (file, text) in texts {
            sources.push_str(&file, text);
        }
        let group = sources.parse().unwrap_or_else(|(sources, reason)| panic!("{}", reason.render(&sources)));
        let mut resolve = Resolve::default();
        let package = resolve.push_group(group).unwrap_or_else(|reason| panic!("{reason}"));
        Self { resolve, package }
    }

    /// Its version, for instance `1.0.0`.
    ///
    /// # Panics
    /// When the package has none.
    pub fn version(&self) -> String {
        self.resolve.packages[self.package].name.version.as_ref().expect("the contract has a version").to_string()
    }

    /// The names of its worlds that end in `-policy`.
    pub fn worlds(&self) -> Vec<String> {
        let names = self.resolve.packages[self.package].worlds.keys();
        names.filter(|name| name.ends_with("-policy")).cloned().collect()
    }

    fn world(&self, name: &str) -> wit_parser::WorldId {
        let world = self.resolve.select_world(&[self.package], Some(name));
        world.unwrap_or_else(|reason| panic!("world `{name}`: {reason}"))
    }

    /// A component from the text of a core module that keeps to one of the worlds.
    ///
    /// # Panics
    /// When the text is no module or the module does not keep to the world.
    pub fn component(&self, world: &str, module: &str) -> Vec<u8> {
        let module = wat::parse_str(module).unwrap_or_else(|reason| panic!("{reason}\n{module}"));
        self.wrap(world, module)
    }

    /// A component that imports and exports all of a world and stops at every call.
    ///
    /// # Panics
    /// When there is no such world.
    pub fn dummy(&self, world: &str) -> Vec<u8> {
        self.wrap(world, dummy_module(&self.resolve, self.world(world), ManglingAndAbi::Standard32))
    }

    fn wrap(&self, world: &str, mut module: Vec<u8>) -> Vec<u8> {
        embed_component_metadata(&mut module, &self.resolve, self.world(world), StringEncoding::UTF8)
            .unwrap_or_else(|reason| panic!("{reason:#}"));
        // Not validated here: some guests are made to be invalid, and the host has to find it.
        let encoded = ComponentEncoder::default().validate(false).module(&module).and_then(ComponentEncoder::encode);
        encoded.unwrap_or_else(|reason| panic!("{reason:#}"))
    }

    /// Whether what was built for `earlier` may run where this contract is offered: the same world, nothing taken away,
    /// nothing changed. The error says what breaks.
    ///
    /// # Errors
    /// When this is no compatible successor.
    ///
    /// # Panics
    /// When one of them lacks the world.
    pub fn succeeds(&self, earlier: &Self, world: &str) -> Result<(), String> {
        let mut both = self.resolve.clone();
        let moved = both.merge(earlier.resolve.clone()).map_err(|reason| format!("{reason:#}"))?;
        let earlier = moved.worlds[earlier.world(world).index()].expect("a merge takes every world over");
        semver_check(both, earlier, self.world(world)).map_err(|reason| format!("{reason:#}"))
    }

    /// Every function that the contract lets a guest import.
    ///
    /// # Panics
    /// When the world `imports` is not there.
    pub fn imports(&self) -> Vec<Import> {
        let world = &self.resolve.worlds[self.world("imports")];
        let interfaces = world.imports.iter().filter_map(|(key, item)| match (key, item) {
            (WorldKey::Interface(_), WorldItem::Interface { id, .. }) => Some((key, *id)),
            _ => None,
        });
        interfaces.flat_map(|(key, id)| self.functions(&self.resolve.name_world_key(key), id)).collect()
    }

    fn functions(&self, module: &str, interface: wit_parser::InterfaceId) -> Vec<Import> {
        let interface = &self.resolve.interfaces[interface];
        let name = interface.name.clone().expect("an interface of a package has a name");
        let functions = interface.functions.iter().map(|(function, described)| {
            let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, described);
            let params =
                signature.params.iter().map(|kind| format!(" (param {})", core(*kind))).collect::<Vec<_>>().concat();
            let results =
                signature.results.iter().map(|kind| format!(" (result {})", core(*kind))).collect::<Vec<_>>().concat();
            let zeros =
                signature.params.iter().map(|kind| format!(" ({}.const 0)", core(*kind))).collect::<Vec<_>>().concat();
            let call = format!("(call $asked{zeros})");
            Import {
                interface: name.clone(),
                function: function.clone(),
                declaration: format!("(import \"{module}\" \"{function}\" (func $asked{params}{results}))"),
                call: if signature.results.is_empty() { call } else { format!("(drop {call})") },
            }
        });
        functions.collect()
    }
}

fn texts(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|reason| panic!("{}: {reason}", folder.display()));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "wit")).collect();
    paths.sort();
    let named = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
        (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text)
    });
    named.collect()
}

fn core(kind: WasmType) -> &'static str {
    match kind {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}
