//! A root of its own for the tool: its programs, libraries and devices, what it reads and writes, and nothing else.
//!
//! Every path keeps its name, so that arguments stay as they are. The folders on the way are new and empty.

use super::programs::{DEVICES, Programs};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{FileType, Mode, OFlags, StatVfsMountFlags, fstat, open, statvfs};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_remount, unmount,
};
use rustix::process::{pivot_root, umask};
use rustix::thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where the new root is put together, the first that exists; only this process sees it.
const PLACES: [&str; 5] = ["/mnt", "/media", "/srv", "/opt", "/tmp"];

/// What the tool finds in its root.
pub(crate) struct View<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) reads: &'a [PathBuf],
    pub(crate) writes: &'a [PathBuf],
    /// The working directory.
    pub(crate) folder: &'a Path,
}

struct Bind {
    path: PathBuf,
    /// Names the file in the old root, whatever is mounted above it later.
    file: OwnedFd,
    is_folder: bool,
    is_writable: bool,
}

impl View<'_> {
    /// Moves this process into its new root; afterwards it can't mount anything any more.
    ///
    /// Errors: this machine does not permit it; the process is still in the old root then
    pub(crate) fn enter(&self) -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        let binds = self.binds()?;
        // The run's own user goes through these folders.
        umask(Mode::WGRP | Mode::WOTH);
        let place = PLACES.iter().map(Path::new).find(|place| place.is_dir());
        let root = place.ok_or_else(|| io::Error::other("there is no folder to mount a root at"))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("none", root, "tmpfs", flags, Some(c"mode=755,size=1m"))?;
        for bind in &binds {
            bind.mount(root)?;
        }
        std::env::set_current_dir(root)?;
        pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        // Nothing more is made in it, not even by its owner.
        mount_remount("/", MountFlags::BIND | MountFlags::RDONLY | flags, c"")?;
        std::env::set_current_dir(self.folder)
    }

    fn binds(&self) -> io::Result<Vec<Bind>> {
        let mut binds: Vec<Bind> = Vec::new();
        let programs = self.programs.libraries.iter().chain(&self.programs.executable);
        let readable = programs.chain(self.reads).map(|path| (path.as_path(), false));
        let devices = DEVICES.map(|path| (Path::new(path), true));
        let own = std::iter::once((self.folder, false)).chain(self.writes.iter().map(|path| (path.as_path(), true)));
        for (path, is_writable) in readable.chain(devices).chain(own) {
            let covered = binds.iter().any(|bind| bind.is_folder && path.starts_with(&bind.path));
            if covered && !is_writable && path != self.folder {
                continue;
            }
            let Ok(file) = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
                continue; // The tool finds out that it is missing.
            };
            let is_folder = FileType::from_raw_mode(fstat(&file)?.st_mode).is_dir();
            binds.push(Bind {
                path: path.to_owned(),
                file,
                is_folder,
                is_writable,
            });
        }
        Ok(binds)
    }
}

impl Bind {
    fn mount(&self, root: &Path) -> io::Result<()> {
        let inside = root.join(self.path.strip_prefix("/").unwrap_or(&self.path));
        // It may lie in a folder that is bound already.
        if fs::symlink_metadata(&inside).is_err() {
            if self.is_folder {
                fs::create_dir_all(&inside)?;
            } else {
                inside.parent().map_or(Ok(()), fs::create_dir_all)?;
                File::create(&inside)?;
            }
        }
        mount_bind_recursive(format!("/proc/self/fd/{}", self.file.as_raw_fd()), &inside)?;
        if !self.is_writable {
            let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | kept(&inside)?;
            mount_remount(&inside, flags, c"")?;
        }
        Ok(())
    }
}

/// The flags of a mount that a user namespace can't take away.
fn kept(path: &Path) -> io::Result<MountFlags> {
    let present = statvfs(path)?.f_flag;
    let pairs = [
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let kept = pairs.into_iter().filter(|(flag, _)| present.contains(*flag));
    Ok(kept.fold(MountFlags::empty(), |all, (_, flag)| all | flag))
}

/// Gives up every capability.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    Ok(set_capabilities(None, sets)?)
}
