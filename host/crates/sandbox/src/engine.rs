//! The wasmtime engines: one that runs guests for as long as the process lives, and one for each
//! component that is compiled.

use std::sync::Arc;

use wasmtime::{
    CacheStore, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
};

/// The largest `memory` that a handler may have, in bytes.
pub const MAX_MEMORY: usize = 1 << 30;
/// The stack that a thread needs to run guests, in bytes: the guest's own stack and room for the
/// host's calls.
pub const THREAD_STACK: usize = 2 << 20;

/// The most core instances of a component. A component written in Python has 70, by its toolchain's
/// count.
const CORE_INSTANCES_EACH: u32 = 128;
/// The most tables of a component. Each core module may have a table, beside shared tables.
const TABLES_EACH: u32 = 64;
/// The most memories of a component. Nearly every component has one; adapters add another.
const MEMORIES_EACH: u32 = 8;
/// The most elements of one table. A larger table does not fit the pool and does not grow.
const MAX_TABLE: usize = 100_000;
/// Bytes of a memory that stay mapped between two instances in the same slot of the pool. A
/// small guest fits whole: then a fresh instance costs a copy of its dirty pages and no page
/// fault.
const KEEP_MEMORY: usize = 1 << 20;
/// Bytes of a table that stay mapped between two instances. A component written in Python has some
/// 5,700 elements of eight bytes.
const KEEP_TABLE: usize = 128 << 10;
/// Unused slots that stay mapped for the component that used them last. The pool divides them by
/// the processors, and a component takes a slot for each of its memories: with few, a hundred
/// handlers in turn would map their images anew for each event. A slot keeps the pages that were
/// written, which are far fewer than [`KEEP_MEMORY`].
const WARM_SLOTS: u32 = 512;
/// The stack of a guest, in bytes; part of [`THREAD_STACK`].
const WASM_STACK: usize = 512 << 10;

/// The configuration of both kinds of engine, without the allocator.
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

/// The choices of an engine that runs guests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineOptions {
    /// The most guests at once.
    pub(crate) instances: u32,
    /// Whether the engine may ask the kernel which pages a guest has written, to reset these alone:
    /// see [`runtime`](crate::runtime).
    pub(crate) scan: bool,
    /// Whether a trap leaves a core dump.
    pub(crate) core_dumps: bool,
}

/// An engine that runs guests.
pub(crate) fn running_engine(options: EngineOptions) -> wasmtime::Result<Engine> {
    let EngineOptions {
        instances,
        scan,
        core_dumps,
    } = options;
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
        .pagemap_scan(if scan { Enabled::Auto } else { Enabled::No });
    let mut config = base_config();
    config.coredump_on_trap(core_dumps);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// An engine to compile one component in, with compiled functions that were kept. An engine keeps
/// the memory of its compiler for life, so the engine that runs guests never compiles.
pub(crate) fn compiling_engine(kept: Option<Arc<dyn CacheStore>>) -> wasmtime::Result<Engine> {
    let mut config = base_config();
    if let Some(kept) = kept {
        config.enable_incremental_compilation(kept)?;
    }
    Engine::new(&config)
}
