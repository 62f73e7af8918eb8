//! The limits of one compilation.

use std::ffi::OsString;
use std::time::Duration;

/// The limits of the child process that compiles one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// The most bytes of address space.
    pub memory: usize,
    /// The most time of all processors together. By the clock a child may take four times as long.
    pub time: Duration,
}

impl Default for CompileLimits {
    /// 1.5 GiB and two minutes: the largest components of the tested toolchains take a quarter of
    /// this memory and a tenth of this time.
    fn default() -> Self {
        Self {
            memory: 1536 << 20,
            time: Duration::from_secs(120),
        }
    }
}

impl CompileLimits {
    /// The limits as arguments of the child.
    pub(super) fn to_arguments(self) -> [String; 2] {
        [
            self.memory.to_string(),
            self.time.as_secs().max(1).to_string(),
        ]
    }

    /// The limits that these arguments mean; `None` if the arguments are others.
    pub(super) fn from_arguments(arguments: &[OsString]) -> Option<Self> {
        let [memory, seconds] = arguments else {
            return None;
        };
        Some(Self {
            memory: memory.to_str()?.parse().ok()?,
            time: Duration::from_secs(seconds.to_str()?.parse().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_passed_in_whole_seconds() {
        let limits = CompileLimits {
            memory: 5 << 20,
            time: Duration::from_secs(7),
        };
        let arguments = limits.to_arguments().map(OsString::from);
        assert_eq!(CompileLimits::from_arguments(&arguments), Some(limits));
        let short = CompileLimits {
            time: Duration::from_millis(100),
            ..limits
        };
        assert_eq!(short.to_arguments()[1], "1", "never without a limit");
        assert_eq!(CompileLimits::from_arguments(&arguments[..1]), None);
    }
}
