//! The engine: wasmtime, set so that the same call gives the same answer and the same fuel on every machine.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use muster_kernel::Digest;
use muster_kernel::settings::Settings;
use wasmtime::component::Linker;
use wasmtime::{Config, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures};

use crate::abi::v1::{self, Shelf};
use crate::context::Context;
use crate::limits::Limits;
use crate::shape::Shape;

/// Fuel depends on the compiler and on these settings, so both belong to a policy's identity.
pub(crate) const IDENTITY: &str = "wasmtime-48.0.8/speed/fuel/1";
/// The form in which compiled programs are kept, and how a component is taken apart for it: see `Program::to_compiled`. It is
/// raised with every change of `direct`, and is no part of a policy's identity.
const COMPILED: &str = "4";
/// Milliseconds between two ticks of the clock that stops runaway calls. It is the safety net behind fuel and need not be
/// finer; a thousand ticks a second took one percent of a host's time.
const TICK_MILLISECONDS: u64 = 5;
/// Instances that may live at once. Calls are synchronous, so there is about one per thread; the rest is room.
const INSTANCES: u32 = 128;
/// Guest memory that stays resident between calls: more than any small guest uses.
const KEEP_RESIDENT: usize = 1 << 20;

/// What a policy may be made of: WebAssembly 2.0 in components, constants that are sums, and calls that leave no frame.
///
/// What is not named here is no way in, whatever a later engine takes by default. It is not enough that this host is built
/// without garbage collection: an engine that still reads its instructions compiles a test of a function's type into a call
/// of what was left out, and that call ends the process (RUSTSEC-2026-0570).
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    // Types of references that the collector would own; the engine says so of itself when it is built without one.
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL);

/// Settings in the contract's form that some policy set still uses, by the digest of their bytes.
type Shelves = BTreeMap<Digest, Weak<Shelf>>;

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox could not start on this machine: {0}")]
pub struct EngineError(#[from] wasmtime::Error);

/// Runs policies. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: wasmtime::Engine,
    pub(crate) linker: Arc<Linker<Context>>,
    /// The same imports for modules that are called directly.
    pub(crate) direct: Arc<wasmtime::Linker<Context>>,
    pub(crate) limits: Limits,
    shelves: Arc<Mutex<Shelves>>,
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// Starts the engine and its clock.
    ///
    /// # Errors
    /// When the machine cannot give the memory that the pool reserves.
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        Self::with_instances(limits, INSTANCES)
    }

    /// An engine with room for so many instances at once. Each reserves some gigabytes of addresses, not of memory: few
    /// of them fit where addresses are scarce, as under an instrument that counts instructions.
    ///
    /// # Errors
    /// When the machine cannot give the memory that the pool reserves.
    pub fn with_instances(limits: Limits, instances: u32) -> Result<Self, EngineError> {
        let inner = wasmtime::Engine::new(&config(&limits, instances))?;
        let mut linker = Linker::new(&inner);
        v1::link(&mut linker)?;
        let mut direct = wasmtime::Linker::new(&inner);
        v1::link_directly(&mut direct)?;
        let ticker = Arc::new(Ticker::start(inner.clone()));
        let (linker, direct) = (Arc::new(linker), Arc::new(direct));
        Ok(Self { inner, linker, direct, limits, shelves: Arc::default(), _ticker: ticker })
    }

    /// Settings in the contract's form. Districts of one profile share them: said once, kept once.
    pub(crate) fn shelf(&self, digest: Digest, settings: &Arc<Settings>) -> Arc<Shelf> {
        // Whoever panicked with the lock held had not begun to change the map.
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shelves.get(&digest).and_then(Weak::upgrade);
        // The digest is the caller's word; that the settings are the same is seen here.
        if let Some(known) = known.filter(|known| known.settings() == settings) {
            return known;
        }
        let shelf = Arc::new(Shelf::of(settings));
        shelves.retain(|_, shelf| shelf.strong_count() > 0);
        shelves.insert(digest, Arc::downgrade(&shelf));
        shelf
    }

    /// What no call on this engine may exceed, whatever its binding says.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Names the compiler and settings that fuel depends on.
    pub fn identity(&self) -> &'static str {
        IDENTITY
    }

    /// Names all that a compiled program depends on: the engine and its settings, this machine's processor, and what was
    /// let through to the compiler. A compiled program is good for an engine of the same name only.
    pub fn compiled_identity(&self) -> String {
        let mut settings = Hashed(Vec::new());
        self.inner.precompile_compatibility_hash().hash(&mut settings);
        let shape = format!("{:?}", Shape::STANDARD);
        format!("{IDENTITY}/{COMPILED}/{}/{}", Digest::of(&settings.0), Digest::of(shape.as_bytes()))
    }
}

/// Collects what the engine would hash, so that a cryptographic digest can be taken of it.
struct Hashed(Vec<u8>);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Not used: the digest is taken of the collected bytes.
    fn finish(&self) -> u64 {
        self.0.len() as u64
    }
}

/// So much time in ticks of the clock.
pub(crate) fn ticks(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(TICK_MILLISECONDS)
}

fn config(limits: &Limits, instances: u32) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_opt_level(OptLevel::Speed)
        .consume_fuel(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        // A policy is compiled while others decide: one core is enough for it, and leaves them the rest.
        .parallel_compilation(false)
        .cranelift_nan_canonicalization(true)
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .memory_init_cow(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits, instances)));
    config
}

fn pool(limits: &Limits, instances: u32) -> PoolingAllocationConfig {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(4 * instances)
        .total_memories(instances)
        .total_tables(4 * instances)
        .max_memories_per_component(1)
        .max_tables_per_component(4)
        .max_tables_per_module(4)
        .max_core_instances_per_component(8)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .max_unused_warm_slots(4 * cores);
    pool
}

/// Moves the engine's epoch forward until it is dropped.
struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: wasmtime::Engine) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let tick = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(TICK_MILLISECONDS));
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new().name("epoch".into()).spawn(tick).ok();
        Self { stop, thread }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
