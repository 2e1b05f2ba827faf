//! Namespaces for the tool: of processes, of the network, of inter-process communication.

use super::{Layer, Layers};
use nix::sched::{CloneFlags, unshare};
use rustix::process::{getegid, geteuid};
use rustix::system::uname;
use rustix::thread::{CapabilitySet, capabilities, configure_capability_in_ambient_set, set_capabilities};
use std::fs;
use std::io;

/// The first kernel that counts the tasks of a user in a user namespace apart from the user's others.
const COUNTS_APART: (u32, u32) = (5, 14);

/// The namespaces that the guard has made; the next process that it starts is in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spaces {
    /// The next process is the first one of a namespace, and the others in it end with it.
    pub(crate) processes: bool,
    /// This process is in a user namespace of its own, for lack of privileges.
    pub(crate) user: bool,
}

impl Spaces {
    /// Makes the namespaces that this machine permits; without a user namespace if `foreign_user` is set, because such a
    /// namespace has only one user.
    ///
    /// Errors: a user namespace was made and can't be used
    pub(crate) fn enter(layers: &Layers, foreign_user: bool) -> io::Result<Self> {
        let mut flags = CloneFlags::empty();
        for (layer, flag) in [
            (Layer::Processes, CloneFlags::CLONE_NEWPID),
            (Layer::Network, CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC),
        ] {
            if layers.has(layer) {
                flags |= flag;
            }
        }
        let processes = flags.contains(CloneFlags::CLONE_NEWPID);
        let alone = has(CapabilitySet::SYS_ADMIN);
        if alone && unshare(flags).is_ok() {
            return Ok(Self { processes, user: false });
        }
        let wanted = !flags.is_empty() || layers.has(Layer::Root) || layers.has(Layer::Tasks);
        let user = geteuid();
        let group = getegid();
        if foreign_user || !wanted || unshare(flags | CloneFlags::CLONE_NEWUSER).is_err() {
            return Ok(Self::default());
        }
        let map = |id: u32| format!("{id} {id} 1");
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", map(user.as_raw()))?;
        fs::write("/proc/self/gid_map", map(group.as_raw()))?;
        if layers.has(Layer::Root) {
            // An ordinary user's next program can mount only with an ambient capability.
            let mut sets = capabilities(None)?;
            sets.inheritable |= CapabilitySet::SYS_ADMIN;
            set_capabilities(None, sets)?;
            configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?;
        }
        Ok(Self { processes, user: true })
    }

    /// Whether the system counts the tool's tasks apart from those of others.
    pub(crate) fn counts_apart(self, foreign_user: bool) -> bool {
        foreign_user || (self.user && kernel() >= COUNTS_APART)
    }
}

/// Whether this process has all these capabilities.
pub(crate) fn has(needed: CapabilitySet) -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

fn kernel() -> (u32, u32) {
    let release = uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
