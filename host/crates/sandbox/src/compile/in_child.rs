//! The child's side: what the program does when it is started to compile one component.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};

use super::limits::CompileLimits;
use super::{answer, compile_keeping, fence, open_functions};

/// By how much the child is nicer to others than the gateway.
const NICER: i32 = 10;

/// Compiles the component in the bytes of standard input, and writes the answer to standard output.
/// `arguments` are those after the ones of [`CompileIn::Child`](super::CompileIn).
pub fn child_main(arguments: &[OsString]) -> ExitCode {
    let (bounds, functions) = arguments.split_at(arguments.len().min(2));
    let Some(limits) = CompileLimits::from_arguments(bounds) else {
        eprintln!(
            "the arguments are the bytes of memory, the seconds, and the file of kept functions"
        );
        return ExitCode::FAILURE;
    };
    match serve(limits, functions.first().map(Path::new)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(limits: CompileLimits, functions: Option<&Path>) -> io::Result<()> {
    // If the gateway ends, nobody waits for the code.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(limits)?;
    // A higher priority than asked for is no reason to fail.
    let _ = nice(NICER);
    // No file can be opened from then on.
    let functions = open_functions(functions);
    fence::close()?;
    let mut file = Vec::new();
    io::stdin().lock().read_to_end(&mut file)?;
    answer::write(&mut io::stdout().lock(), &compile_keeping(&file, functions))
}

/// Bounds the memory and the time of this process. Files cannot be written, and a crash leaves no
/// core.
fn limit(limits: CompileLimits) -> io::Result<()> {
    let most = |bound: u64| Rlimit {
        current: Some(bound),
        maximum: Some(bound),
    };
    let seconds = limits.time.as_secs();
    setrlimit(Resource::As, most(limits.memory as u64))?;
    // At the first bound comes SIGXCPU, which says why the process ends.
    let time = Rlimit {
        current: Some(seconds),
        maximum: Some(seconds + 1),
    };
    setrlimit(Resource::Cpu, time)?;
    setrlimit(Resource::Core, most(0))?;
    setrlimit(Resource::Fsize, most(0))?;
    Ok(())
}
