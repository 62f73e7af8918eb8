//! The `tollgate` program.

/// The system's allocator keeps what a burst of requests took. jemalloc gives the memory back
/// within seconds, by a thread of its own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    tollgate::cli::main()
}
