//! The resources of the machine that this process may use.

use std::fs;
use std::path::Path;

/// The bytes of memory that this process may use: the memory of the machine, or less if a control
/// group has a limit, as in a container or by systemd's `MemoryMax=`. `None` on a system without
/// the files of Linux.
pub fn available_memory() -> Option<u64> {
    memory_below(Path::new("/"))
}

/// Like [`available_memory`], by the files below `root`: proc(5), cgroups(7).
fn memory_below(root: &Path) -> Option<u64> {
    let total = total(&fs::read_to_string(root.join("proc/meminfo")).ok()?)?;
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limit = groups.lines().filter_map(|line| limit(root, line)).min();
    Some(limit.map_or(total, |limit| limit.min(total)))
}

/// Whether the system may write memory of this process to a swap device. True on a system without
/// the files of Linux.
pub fn memory_may_be_swapped() -> bool {
    may_be_swapped_below(Path::new("/"))
}

/// Like [`memory_may_be_swapped`], by the files below `root`: proc(5), cgroups(7).
fn may_be_swapped_below(root: &Path) -> bool {
    let Ok(swaps) = fs::read_to_string(root.join("proc/swaps")) else {
        return true;
    };
    // The first line is the head of a table.
    if swaps.lines().skip(1).all(|line| line.trim().is_empty()) {
        return false;
    }
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let own = Path::new("sys/fs/cgroup").join(group.unwrap_or("/").trim_start_matches('/'));
    let most = fs::read_to_string(root.join(own).join("memory.swap.max"));
    most.map_or(true, |most| most.trim() != "0")
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The least limit of a group and of the groups around it. `line` names the group:
/// `0::/system.slice/x` in version 2, `7:memory:/x` in version 1.
fn limit(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
    let (folder, file) = if number == "0" && controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|name| name == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return None;
    };
    // A container sees its own group as the root, whatever the group's name is outside.
    Path::new(group.trim_start_matches('/'))
        .ancestors()
        .filter_map(|group| fs::read_to_string(root.join(folder).join(group).join(file)).ok())
        // "max" is no number.
        .filter_map(|text| text.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "proc/meminfo",
            "MemTotal:        2000000 kB\nMemFree: 5 kB\n",
        );
        files.iter().for_each(|(path, text)| write(path, text));
        root
    }

    #[test]
    fn memory_is_swapped_only_to_a_device_and_if_the_group_may() {
        const NONE: &str = "Filename\tType\tSize\tUsed\tPriority\n";
        const ONE: &str = "Filename\tType\tSize\tUsed\tPriority\n/swap\tfile\t1000\t0\t-2\n";
        const GROUP: (&str, &str) = ("proc/self/cgroup", "0::/a\n");
        let most = |text| ("sys/fs/cgroup/a/memory.swap.max", text);
        for (files, expected) in [
            (vec![], true),
            (vec![("proc/swaps", NONE)], false),
            (vec![("proc/swaps", ONE)], true),
            (vec![("proc/swaps", ONE), GROUP], true),
            (vec![("proc/swaps", ONE), GROUP, most("max\n")], true),
            (vec![("proc/swaps", ONE), GROUP, most("4096\n")], true),
            (vec![("proc/swaps", ONE), GROUP, most("0\n")], false),
        ] {
            let root = machine(&files);
            assert_eq!(may_be_swapped_below(root.path()), expected, "{files:?}");
        }
    }

    #[test]
    fn memory_is_the_machines_where_nothing_limits_it() {
        let alone = machine(&[]);
        assert_eq!(memory_below(alone.path()), Some(2_048_000_000));
        let free = machine(&[
            ("proc/self/cgroup", "0::/user.slice\n"),
            ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
        ]);
        assert_eq!(memory_below(free.path()), Some(2_048_000_000));
        let nothing = tempfile::tempdir().unwrap();
        assert_eq!(memory_below(nothing.path()), None);
    }

    #[test]
    fn the_least_of_all_groups_limits_it() {
        let service = machine(&[
            ("proc/self/cgroup", "0::/system.slice/tollgate.service\n"),
            (
                "sys/fs/cgroup/system.slice/tollgate.service/memory.max",
                "700000000\n",
            ),
            ("sys/fs/cgroup/system.slice/memory.max", "600000000\n"),
        ]);
        assert_eq!(memory_below(service.path()), Some(600_000_000));
        let container = machine(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "500000000\n"),
        ]);
        assert_eq!(memory_below(container.path()), Some(500_000_000));
    }

    #[test]
    fn so_do_groups_of_version_1() {
        let container = machine(&[
            (
                "proc/self/cgroup",
                "5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/docker/a\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "400000000\n"),
        ]);
        assert_eq!(memory_below(container.path()), Some(400_000_000));
        let free = machine(&[
            ("proc/self/cgroup", "4:memory:/\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ]);
        assert_eq!(memory_below(free.path()), Some(2_048_000_000));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_tells() {
        assert!(available_memory().is_some_and(|bytes| bytes > 64 << 20));
    }
}
