//! Where packages become programs. Districts that bind the same package, and a district and its drill, share one program.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use muster_kernel::Digest;
use muster_sandbox::{CompileError, Engine, EngineError, Limits, Program};

/// Programs kept at hand. Above, they are forgotten and compiled anew when they are asked for again: a host that is
/// reloaded for years must not grow.
const PROGRAMS_MAX: usize = 64;

/// The engine with the programs it compiled. Cheap to clone.
#[derive(Clone)]
pub struct Workshop {
    engine: Engine,
    programs: Arc<Mutex<BTreeMap<Digest, Program>>>,
}

impl Workshop {
    /// Starts the engine.
    ///
    /// # Errors
    /// When the machine cannot give the memory that the pool reserves.
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        Ok(Self { engine: Engine::new(limits)?, programs: Arc::default() })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The program of a package; its bytes are asked for only if it must be compiled.
    pub(crate) fn program<E: From<CompileError>>(
        &self,
        package: Digest,
        bytes: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Program, E> {
        if let Some(program) = self.programs.lock().expect("no holder panics").get(&package) {
            return Ok(program.clone());
        }
        // Not under the lock: packages are compiled side by side.
        let program = self.engine.compile(&bytes()?)?;
        let mut programs = self.programs.lock().expect("no holder panics");
        if programs.len() >= PROGRAMS_MAX {
            programs.clear();
        }
        programs.insert(package, program.clone());
        Ok(program)
    }
}
