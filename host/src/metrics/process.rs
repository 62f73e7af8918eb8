//! The process: processor time, memory, files, threads.
//!
//! By the names and meanings of Prometheus' client libraries. The system tells them in
//! proc_pid_status(5) and by calls that `rustix` has.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use tollgate_base::time::WallTime;

/// The process of this gateway.
#[derive(Debug)]
pub(crate) struct Process {
    /// When the gateway started.
    started: WallTime,
}

/// The figures of the process. A figure that the system does not tell is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProcessFigures {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
    pub(super) virtual_bytes: u64,
    pub(super) threads: u64,
    pub(super) open_files: u64,
    pub(super) max_files: u64,
    pub(super) started: WallTime,
}

impl Process {
    /// The process, which started at this time.
    pub(crate) fn new(started: WallTime) -> Self {
        Self { started }
    }

    /// The figures by now.
    pub(crate) fn read(&self) -> ProcessFigures {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let of_status = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.and_then(|number| number.parse::<u64>().ok())
        };
        let kib = |name| of_status(name).unwrap_or(0) << 10;
        // The folder that is being read is one of the open files.
        let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
        ProcessFigures {
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            resident_bytes: kib("VmRSS:"),
            virtual_bytes: kib("VmSize:"),
            threads: of_status("Threads:").unwrap_or(0),
            open_files: open_files.saturating_sub(1),
            max_files: getrlimit(Resource::Nofile).current.unwrap_or(0),
            started: self.started,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_known() {
        let process = Process::new(WallTime::from_secs(7));
        let figures = process.read();
        assert!(figures.cpu_seconds > 0.0, "{figures:?}");
        assert!(
            figures.virtual_bytes >= figures.resident_bytes,
            "{figures:?}"
        );
        assert!(figures.resident_bytes > 1 << 20, "{figures:?}");
        assert!(
            figures.threads >= 1 && figures.open_files >= 3,
            "{figures:?}"
        );
        assert!(figures.max_files >= figures.open_files, "{figures:?}");
        assert_eq!(figures.started, WallTime::from_secs(7));
    }
}
