//! The user of a run: one of its own for each, unknown to the system, if MoocFlix runs as root.

use super::spaces;
use rustix::process::{Gid, Uid, getpid};
use rustix::thread::{CapabilitySet, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::fs;
use std::io;

/// Above the ids of accounts, of containers and of services.
///
/// Source: systemd's `UIDS-GIDS.md`
const FIRST: u32 = 0x7000_0000;
/// How many ids there are for users, and as many for groups of files: more than processes.
const COUNT: u32 = 1 << 22;

/// The user and group that a run's process takes on, and the group of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: u32,
}

impl Identity {
    /// An identity that no other living run has; none without privileges.
    pub(crate) fn of_this_run() -> Option<Self> {
        let needed = CapabilitySet::SETUID
            | CapabilitySet::SETGID
            | CapabilitySet::CHOWN
            | CapabilitySet::FOWNER
            | CapabilitySet::DAC_OVERRIDE;
        if !spaces::has(needed) {
            return None;
        }
        let slot = getpid().as_raw_nonzero().get().unsigned_abs() % COUNT;
        let (user, group) = (pick(ids("uid_map")?, slot)?, pick(ids("gid_map")?, slot)?);
        (user == group).then_some(Self { id: user })
    }

    /// Becomes this user; the process can never change back.
    pub(crate) fn take_on(self, groups: &[u32]) -> io::Result<()> {
        let groups: Vec<Gid> = groups.iter().map(|&id| Gid::from_raw(id)).collect();
        let (user, group) = (Uid::from_raw(self.id), Gid::from_raw(self.id));
        set_thread_groups(&groups)?;
        set_thread_res_gid(group, group, group)?;
        Ok(set_thread_res_uid(user, user, user)?)
    }
}

/// The group for a file that is lent, by its inode; runs have other groups.
pub(crate) fn group_of_file(inode: u64) -> Option<u32> {
    let slot = u32::try_from(inode % u64::from(COUNT)).ok()?;
    pick(ids("gid_map")?, COUNT + slot)
}

/// Whether a group is one of those for lent files.
pub(crate) fn is_group_of_file(group: u32, inode: u64) -> bool {
    group_of_file(inode) == Some(group)
}

/// The largest range of ids that this process can use, as first id and count.
fn ids(map: &str) -> Option<(u32, u32)> {
    let text = fs::read_to_string(format!("/proc/self/{map}")).ok()?;
    let ranges = text.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map_while(|word| word.parse().ok());
        let (first, _outside, count): (u32, u32, u32) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some((first, count))
    });
    ranges.max_by_key(|range| range.1)
}

/// The id for a slot; in a small range it is one near the end, and may be another run's, too.
fn pick((first, count): (u32, u32), slot: u32) -> Option<u32> {
    let end = u64::from(first) + u64::from(count);
    let usual = FIRST + slot;
    if first <= FIRST && u64::from(usual) < end {
        return Some(usual);
    }
    // Enough for the accounts of a container below.
    let spare = count.checked_sub(20_000).filter(|&spare| spare > 1)?;
    let offset = slot % spare;
    u32::try_from(end).ok()?.checked_sub(1 + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_apart_from_those_of_accounts_and_files() {
        assert_eq!(pick((0, u32::MAX), 7), Some(0x7000_0007));
        assert_ne!(pick((0, u32::MAX), 7), pick((0, u32::MAX), COUNT + 7));
        let small = pick((0, 65_536), 40).unwrap();
        assert!((20_000..65_536).contains(&small), "{small}");
        assert_eq!(pick((0, 1), 40), None);
    }
}
