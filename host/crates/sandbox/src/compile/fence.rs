//! Closes a process off: no files, no sockets, no other programs.

use std::io;
use std::thread::available_parallelism;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// The system calls that a compiler needs: memory, threads, clocks, random bytes, and to read and
/// write what is open. Every other call fails with EPERM.
const ALLOWED: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Closes this process off, as far as the kernel can. Call it before the process has read anything
/// of a stranger.
///
/// # Errors
/// The architecture has no filter of system calls.
pub(super) fn close() -> io::Result<()> {
    // The first call reads files of the control group.
    let _ = available_parallelism();
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(());
    };
    let filter: BpfProgram = SeccompFilter::new(
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect(),
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        architecture,
    )
    .and_then(TryInto::try_into)
    .map_err(io::Error::other)?;
    // A kernel without filters leaves the limits of memory and time.
    let _ = seccompiler::apply_filter(&filter);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::TcpListener;
    use std::process::Command;

    use super::*;
    use crate::compile::compile_here;

    #[test]
    fn a_closed_thread_compiles_and_reaches_nothing() {
        let denied = |error: io::Error| error.raw_os_error() == Some(libc::EPERM);
        let thread = std::thread::spawn(move || {
            close().unwrap();
            let component = wat::parse_str("(component (core module (func)))").unwrap();
            assert!(compile_here(&component, None).is_ok());
            assert!(denied(File::open("/proc/self/status").unwrap_err()));
            assert!(denied(File::create("/tmp/tollgate-fence").unwrap_err()));
            assert!(denied(TcpListener::bind("127.0.0.1:0").unwrap_err()));
            assert!(Command::new("/bin/true").status().is_err());
        });
        thread.join().unwrap();
    }
}
