//! The one long-lived wasmtime engine, and the thread that makes time pass in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often the epoch moves: the grain of `timeout`. 200 wake-ups a second cost nothing
/// that can be measured, and 5 ms are small against the shortest sensible timeout.
pub(super) const EPOCH_TICK: Duration = Duration::from_millis(5);

/// A component may be made of many core modules: one written in Python has 38.
const CORE_INSTANCES_EACH: u32 = 64;
/// Likewise tables: every core module may have one, and shared ones beside it.
const TABLES_EACH: u32 = 64;
/// Nearly every component has one memory; adapters add another.
const MEMORIES_EACH: u32 = 8;
/// The largest limit on memory that a manifest may set.
pub(super) const MAX_MEMORY: usize = 1 << 30;
/// The largest number of elements of one table that fits the pool; beyond it a table
/// does not grow.
const MAX_TABLE: usize = 100_000;
/// What stays mapped of a memory between two instances in the same slot. A small guest
/// fits whole, so that a fresh instance costs a copy of its dirty pages and no page fault.
const KEEP_MEMORY: usize = 1 << 20;
/// The same for tables.
const KEEP_TABLE: usize = 64 << 10;
/// Slots that nobody uses and that still have what they kept, each for the component that used
/// it: enough that handlers find theirs again, and few, since each keeps up to
/// [`KEEP_MEMORY`] and every new version of a component takes others.
const WARM_SLOTS: u32 = 32;
/// Stack of a guest. The native threads that guests run on must have more.
const WASM_STACK: usize = 512 << 10;

/// The configuration that components are compiled for, but for the allocator: compiling
/// happens in throw-away engines, running in the one with the pool.
fn base_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(WASM_STACK + (512 << 10))
        .memory_init_cow(true)
        .generate_address_map(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    config
}

/// The engine that runs handlers, `instances` at once at the most.
pub(super) fn running_engine(instances: u32) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES_EACH)
        .total_memories(instances * MEMORIES_EACH)
        .total_tables(instances * TABLES_EACH)
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_EACH)
        .max_memories_per_component(MEMORIES_EACH)
        .max_tables_per_component(TABLES_EACH)
        .max_memories_per_module(MEMORIES_EACH)
        .max_tables_per_module(TABLES_EACH)
        .max_component_instance_size(8 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(MAX_MEMORY)
        .table_elements(MAX_TABLE)
        .linear_memory_keep_resident(KEEP_MEMORY)
        .table_keep_resident(KEEP_TABLE)
        .max_unused_warm_slots(WARM_SLOTS)
        .pagemap_scan(Enabled::Auto);
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// An engine to compile one component in. Compiler memory stays with an engine for its
/// life, so the one that runs handlers never compiles.
pub(super) fn compiling_engine() -> wasmtime::Result<Engine> {
    Engine::new(&base_config())
}

/// Moves the engine's epoch until it is dropped.
pub(super) struct EpochThread {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl EpochThread {
    /// Starts a thread that moves the epoch of `engine` once every [`EPOCH_TICK`].
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, stopped) = (engine.weak(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                let mut last = Instant::now();
                while !stopped.load(Ordering::Relaxed) {
                    std::thread::sleep(EPOCH_TICK);
                    let Some(engine) = engine.upgrade() else {
                        return;
                    };
                    // On a busy machine this thread may sleep longer than it asked to.
                    while last.elapsed() >= EPOCH_TICK {
                        last += EPOCH_TICK;
                        engine.increment_epoch();
                    }
                }
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for EpochThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread only sleeps and increments; it has no error to tell.
            let _ = thread.join();
        }
    }
}
