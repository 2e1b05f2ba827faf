//! How much memory there is to share.

use std::fs;
use std::path::PathBuf;

/// The memory that this process may share with its tools: the machine's, or less where a control group limits it.
///
/// Units: bytes; none if the system does not report it
#[must_use]
pub fn available_memory() -> Option<u64> {
    let machine = total(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = limit_files(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
    let limits = groups
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    Some(limits.fold(machine, u64::min))
}

/// The machine's memory, from `/proc/meminfo`.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

/// The files that may limit this process, from `/proc/self/cgroup`: a group is limited by its own and by those of the groups
/// around it. In a container, its own group may be the root of what can be seen.
fn limit_files(text: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (mount, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|name| name == "memory") => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let mut group = group.trim_matches('/');
        loop {
            files.push(PathBuf::from(mount).join(group).join(file));
            if group.is_empty() {
                break;
            }
            group = group.rsplit_once('/').map_or("", |(around, _)| around);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_read_in_bytes() {
        assert_eq!(total("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2_048 * 1_024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        let all = total(&fs::read_to_string("/proc/meminfo").unwrap());
        assert!(available_memory() > Some(0) && available_memory() <= all);
    }

    #[test]
    fn a_group_is_limited_by_those_around_it_in_both_versions() {
        let paths = |text: &str| -> Vec<String> {
            let files = limit_files(text);
            files.iter().map(|file| file.to_string_lossy().into_owned()).collect()
        };
        let expected = [
            "/sys/fs/cgroup/system.slice/moocflix.service/memory.max",
            "/sys/fs/cgroup/system.slice/memory.max",
            "/sys/fs/cgroup/memory.max",
        ];
        assert_eq!(paths("0::/system.slice/moocflix.service\n"), expected);
        let expected = [
            "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        assert_eq!(paths("5:cpu,cpuacct:/docker\n4:memory:/docker\nnonsense\n"), expected);
    }
}
