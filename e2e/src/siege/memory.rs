//! The memory of a server and everything that it started, and a limit on it where the machine allows one.

use crate::process::anonymous_memory;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const GROUPS: &str = "/sys/fs/cgroup";

/// The anonymous memory of a process and of its descendants.
///
/// Units: bytes
pub fn of_tree(pid: u32) -> Result<u64> {
    let mut bytes = anonymous_memory(pid).context("the server is gone")?;
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        let children = children(parent);
        // a child may end at any moment
        bytes += children
            .iter()
            .map(|child| anonymous_memory(*child).unwrap_or_default())
            .sum::<u64>();
        parents.extend(children);
    }
    Ok(bytes)
}

/// The children that any thread of a process started.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|it| it.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A memory cgroup with a limit; it is removed when dropped.
#[derive(Debug)]
pub struct Cgroup {
    folder: PathBuf,
    unified: bool,
}

impl Cgroup {
    /// Makes one for this process's servers; `None` if the machine has no memory cgroups that this user may make.
    #[must_use]
    pub fn with_limit(bytes: u64) -> Option<Self> {
        let name = format!("moocflix-siege-{}", std::process::id());
        let unified = Path::new(GROUPS).join("cgroup.controllers").exists();
        let folder = match unified {
            true => Path::new(GROUPS).join(name),
            false => Path::new(GROUPS).join("memory").join(name),
        };
        fs::create_dir(&folder).ok()?;
        let group = Self { folder, unified };
        let limit = if unified { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(group.folder.join(limit), bytes.to_string()).ok()?;
        Some(group)
    }

    /// The words before a command that run it in the group.
    #[must_use]
    pub fn wrap(&self) -> Vec<String> {
        let enter = format!("echo $$ > '{}/cgroup.procs' && exec \"$@\"", self.folder.display());
        ["sh", "-c", &enter, "sh"].map(str::to_owned).to_vec()
    }

    /// How many processes of the group were killed for lack of memory.
    #[must_use]
    pub fn kills(&self) -> u64 {
        let events = if self.unified {
            "memory.events"
        } else {
            "memory.oom_control"
        };
        let text = fs::read_to_string(self.folder.join(events)).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|it| it.trim().parse().ok()).unwrap_or_default()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // its last process may still be ending
        for _ in 0..50 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}
