//! Landlock: the files that the tool may open, by the rules of the kernel that runs.
//!
//! The rules are made while this process can still reach every path, and put in force later, after the user has changed.

use super::programs::{DEVICES, Programs};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::fs::{Mode, OFlags, open};
use std::fmt::Display;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The newest rules that are known here; an older kernel uses those that it knows.
const NEWEST: ABI = ABI::V6;

/// Rules that are not in force yet.
pub(crate) struct Rules(RulesetCreated);

impl Rules {
    /// Rules for a run: the tool's programs and libraries, what it reads, what it writes.
    pub(crate) fn new(programs: &Programs, reads: &[OwnedFd], writes: &[std::path::PathBuf]) -> io::Result<Self> {
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))
            .and_then(|it| it.handle_access(AccessNet::from_all(NEWEST)))
            .and_then(|it| it.scope(Scope::from_all(NEWEST)))
            .and_then(Ruleset::create)
            .map_err(failed)?;
        let mut rules = Self(ruleset);
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
        for program in &programs.executable {
            rules = rules.path(program, AccessFs::Execute | AccessFs::ReadFile)?;
        }
        for library in &programs.libraries {
            rules = rules.path(library, read)?;
        }
        for device in DEVICES {
            rules = rules.path(Path::new(device), AccessFs::ReadFile | AccessFs::WriteFile)?;
        }
        for file in reads {
            rules = rules.file(file, read)?;
        }
        for path in writes {
            let folder = write | AccessFs::ReadDir | AccessFs::MakeReg | AccessFs::RemoveFile;
            rules = rules.path(path, folder)?;
        }
        Ok(rules)
    }

    fn path(self, path: &Path, rights: BitFlags<AccessFs>) -> io::Result<Self> {
        match open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => self.file(&file, rights),
            // What does not exist needs no rule.
            Err(_) => Ok(self),
        }
    }

    fn file(self, file: &OwnedFd, rights: BitFlags<AccessFs>) -> io::Result<Self> {
        let is_folder =
            rustix::fs::fstat(file).is_ok_and(|it| rustix::fs::FileType::from_raw_mode(it.st_mode).is_dir());
        let rights = if is_folder {
            rights
        } else {
            rights & AccessFs::from_file(NEWEST)
        };
        let rule = PathBeneath::new(file, rights & AccessFs::from_all(NEWEST));
        Ok(Self(self.0.add_rule(rule).map_err(failed)?))
    }

    /// Puts the rules in force for this process and those that it becomes or starts; returns whether the kernel has any.
    pub(crate) fn enforce(self) -> io::Result<bool> {
        let status = self.0.restrict_self().map_err(failed)?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }
}

fn failed(error: impl Display) -> io::Error {
    io::Error::other(format!("Landlock: {error}"))
}
