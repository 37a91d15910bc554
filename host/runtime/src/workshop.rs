//! Where packages become programs. Districts that bind the same package, and a district and its drill, share one program.
//! Programs that were compiled before are loaded from the cache, if there is one; it must never decide what is loaded:
//! the package's own bytes, and the engine's name, do.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use muster_kernel::Digest;
use muster_sandbox::{CompileError, Engine, EngineError, Limits, Program};
use muster_store::Compiled;
use muster_store::compiled::BYTES_MAX;

/// Programs kept at hand. Above, they are forgotten and compiled anew when they are asked for again: a host that is
/// reloaded for years must not grow.
const PROGRAMS_MAX: usize = 64;

/// The engine with the programs it compiled. Cheap to clone.
#[derive(Clone)]
pub struct Workshop {
    engine: Engine,
    programs: Arc<Mutex<BTreeMap<Digest, Program>>>,
    cache: Option<Arc<Cache>>,
}

/// Compiled programs on disk, and the name of the engine that they are for.
struct Cache {
    compiled: Compiled,
    engine: String,
}

impl Workshop {
    /// Starts the engine, without a cache on disk.
    ///
    /// # Errors
    /// When the machine cannot give the memory that the pool reserves.
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        Ok(Self { engine: Engine::new(limits)?, programs: Arc::default(), cache: None })
    }

    /// The same workshop, with compiled programs kept in a folder that is this host's alone. If the folder cannot be used,
    /// every program is compiled, and the log says why.
    #[must_use]
    pub fn with_cache(self, folder: &Path) -> Self {
        let engine = self.engine.compiled_identity();
        match Compiled::open(folder, BYTES_MAX) {
            Ok(compiled) => Self { cache: Some(Arc::new(Cache { compiled, engine })), ..self },
            Err(error) => {
                tracing::warn!(target: "muster::compiled", %error, "compiled programs are not kept");
                self
            }
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The program of a package; its bytes are asked for only if it is not at hand. They are asked for also when the
    /// compiled form is on disk: a package that is gone or changed must be noticed.
    pub(crate) fn program<E: From<CompileError>>(
        &self,
        package: Digest,
        bytes: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Program, E> {
        if let Some(program) = self.programs.lock().expect("no holder panics").get(&package) {
            return Ok(program.clone());
        }
        // Not under the lock: packages are compiled side by side.
        let program = self.load_or_compile(package, &bytes()?)?;
        let mut programs = self.programs.lock().expect("no holder panics");
        if programs.len() >= PROGRAMS_MAX {
            programs.clear();
        }
        programs.insert(package, program.clone());
        Ok(program)
    }

    fn load_or_compile(&self, package: Digest, bytes: &[u8]) -> Result<Program, CompileError> {
        let Some(cache) = &self.cache else { return self.engine.compile(bytes) };
        if let Some(program) = self.load(cache, package) {
            return Ok(program);
        }
        let program = self.engine.compile(bytes)?;
        cache.keep(package, &program);
        Ok(program)
    }

    /// The program from the cache; whatever is wrong with the cache, the program is compiled.
    #[expect(unsafe_code, reason = "a compiled program is loaded only after its authenticity was proved")]
    fn load(&self, cache: &Cache, package: Digest) -> Option<Program> {
        let compiled = cache.compiled.get(&package.0, &cache.engine).unwrap_or_else(|error| {
            tracing::warn!(target: "muster::compiled", package = %package.short(), %error, "a compiled program is not believed");
            None
        })?;
        // SAFETY: the store gives back only bytes whose code, under this host's own key, covers this package's digest, this
        // engine's name and every byte: what `keep` handed it after `compile` had accepted the package.
        let program = unsafe { self.engine.from_compiled(&compiled) };
        let refused = |error| {
            tracing::warn!(target: "muster::compiled", package = %package.short(), %error, "a compiled program does not load");
        };
        program.map_err(refused).ok()
    }
}

impl Cache {
    /// Keeps a program. A cache that cannot be written costs time at the next start, nothing else.
    fn keep(&self, package: Digest, program: &Program) {
        let compiled = program.to_compiled().map_err(|error| error.to_string());
        let kept = compiled.and_then(|compiled| {
            self.compiled.put(&package.0, &self.engine, &compiled).map_err(|error| error.to_string())
        });
        if let Err(error) = kept {
            tracing::warn!(target: "muster::compiled", package = %package.short(), error, "a compiled program is not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn workshop(folder: &Path) -> Workshop {
        Workshop::new(Limits::STANDARD).expect("an engine").with_cache(&folder.join("compiled"))
    }

    /// The files of the cache.
    fn cached(folder: &Path) -> Vec<PathBuf> {
        let files = std::fs::read_dir(folder.join("compiled")).expect("a folder").flatten().map(|entry| entry.path());
        files.filter(|file| file.extension().is_some_and(|kind| kind == "bin")).collect()
    }

    /// A package that no compiler takes: a program that is found all the same was not compiled.
    fn no_package() -> Result<Vec<u8>, CompileError> {
        Ok(b"no package".to_vec())
    }

    #[test]
    fn a_second_start_loads_what_the_first_compiled_and_compiles_what_was_bent() {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = muster_testkit::guests::policy("triage");
        let package = Digest::of(&bytes);
        let read = || Ok::<_, CompileError>(bytes.to_vec());
        let first = workshop(folder.path()).program(package, read).expect("compiled");
        let files = cached(folder.path());
        assert_eq!(files.len(), 1);
        let second = workshop(folder.path()).program(package, no_package).expect("loaded, not compiled");
        assert_eq!((second.roles(), second.imports()), (first.roles(), first.imports()));
        let whole = std::fs::read(&files[0]).expect("there");
        let mut bent = whole.clone();
        let middle = bent.len() / 2;
        bent[middle] ^= 1;
        for damage in [bent.as_slice(), &whole[..whole.len() / 2], b"planted", b""] {
            std::fs::write(&files[0], damage).expect("damaged");
            let refused = workshop(folder.path()).program(package, no_package).err();
            assert!(matches!(refused, Some(CompileError::Invalid(_))), "a damaged file was loaded");
            let healed = workshop(folder.path()).program(package, read).expect("compiled anew");
            assert_eq!(healed.roles(), first.roles());
            workshop(folder.path()).program(package, no_package).expect("loaded again");
        }
    }

    #[test]
    fn what_one_package_was_compiled_to_is_never_loaded_for_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = muster_testkit::guests::policy("triage");
        let read = || Ok::<_, CompileError>(bytes.to_vec());
        workshop(folder.path()).program(Digest::of(&bytes), read).expect("compiled");
        let other = Digest::of(b"another package");
        let file = cached(folder.path()).remove(0);
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let moved = name.replace(&Digest::of(&bytes).to_string(), &other.to_string());
        assert_ne!(moved, name, "files are named by the package");
        std::fs::copy(&file, file.with_file_name(moved)).expect("swapped");
        assert!(workshop(folder.path()).program(other, no_package).is_err());
    }
}
