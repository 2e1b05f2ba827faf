//! What a run's own user gets for the time of the run: the staging folder, and the right to read the source.
//!
//! A source of mode 0600 is lent by giving it a group of its own, which only the runs that read it are in, and the right to
//! read for that group. No process without that group gains anything, and nobody outside the run reaches the file's folder.
//! The original group and mode are noted beside the workers' folders before, as a symbolic link, which is made in one step:
//!
//! ```text
//! staging/lent.{device}.{inode} → {group}:{mode}:{path}
//! ```
//!
//! Several runs may borrow a file at once. Each holds a shared lock on it; the last one puts it back. After a crash, the
//! next worker that tidies the staging folders does.

use super::identity::{self, Identity};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown, lchown, symlink};
use std::path::{Path, PathBuf};

const PREFIX: &str = "lent.";
const OTHERS_READ: u32 = 0o004;
const GROUP: u32 = 0o070;
const GROUP_READS: u32 = 0o040;

/// What a run has borrowed.
#[derive(Debug)]
pub(crate) struct Loans {
    folder: PathBuf,
    notes: PathBuf,
    files: Vec<File>,
    /// The groups of the borrowed files.
    pub(crate) groups: Vec<u32>,
}

impl Loans {
    /// Gives a run its folder, and the right to read these files. Notes are kept in `notes`.
    ///
    /// Errors: the file system does not permit it; then everything is put back
    pub(crate) fn give(to: Identity, folder: &Path, reads: &[PathBuf], notes: &Path) -> io::Result<Self> {
        let mut loans = Self {
            folder: folder.to_owned(),
            notes: notes.to_owned(),
            files: Vec::new(),
            groups: Vec::new(),
        };
        let given = own(folder, to.id).and_then(|()| reads.iter().try_for_each(|path| loans.lend(path)));
        match given {
            Ok(()) => Ok(loans),
            Err(error) => {
                loans.put_back();
                Err(error)
            }
        }
    }

    fn lend(&mut self, path: &Path) -> io::Result<()> {
        let Ok(file) = open_file(path) else {
            return Ok(()); // The tool finds out that it is missing.
        };
        let found = file.metadata()?;
        if !found.is_file() || found.mode() & OTHERS_READ != 0 {
            return Ok(());
        }
        // Whoever puts it back holds the lock alone.
        flock(&file, FlockOperation::LockShared)?;
        let found = file.metadata()?;
        let group =
            identity::group_of_file(found.ino()).ok_or_else(|| io::Error::other("there is no group to lend to"))?;
        if !is_lent(&found) {
            let note = note(&self.notes, &found);
            // One that is left over is about an older file of that number.
            let _ = fs::remove_file(&note);
            symlink(text(&found, path), &note)?;
        }
        let mode = found.mode() & 0o7777;
        fchown(&file, None, Some(group))?;
        file.set_permissions(Permissions::from_mode(mode & !GROUP | GROUP_READS))?;
        self.groups.push(group);
        self.files.push(file);
        Ok(())
    }

    /// Takes everything back after the run.
    pub(crate) fn put_back(&mut self) {
        // What fails here is done by the next worker that tidies; the folder is about to be removed anyway.
        let _ = own(&self.folder, rustix::process::geteuid().as_raw());
        for file in self.files.drain(..) {
            let _ = put_back(&file, &self.notes);
        }
    }
}

/// Puts back what dead runs have borrowed.
pub(crate) fn tidy(notes: &Path) {
    for entry in fs::read_dir(notes).into_iter().flatten().flatten() {
        if !entry.file_name().as_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let Some((_, path)) = read(&entry.path()) else {
            let _ = fs::remove_file(entry.path());
            continue;
        };
        let file = open_file(&path);
        let same = |file: &File| file.metadata().is_ok_and(|found| note(notes, &found) == entry.path());
        match file.ok().filter(same) {
            Some(file) => {
                if let Err(error) = put_back(&file, notes) {
                    tracing::warn!(file = %path.display(), %error, "a file that a run had borrowed was not put back");
                }
            }
            // It was deleted.
            None => drop(fs::remove_file(entry.path())),
        }
    }
}

/// Gives a file its group and mode back, unless another run still reads it.
fn put_back(file: &File, notes: &Path) -> io::Result<()> {
    if flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(());
    }
    let found = file.metadata()?;
    let note = note(notes, &found);
    if is_lent(&found) {
        let (original, _) = read(&note).unwrap_or(((rustix::process::getegid().as_raw(), 0o600), PathBuf::new()));
        file.set_permissions(Permissions::from_mode(original.1))?;
        fchown(file, None, Some(original.0))?;
    }
    match fs::remove_file(note) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_lent(found: &Metadata) -> bool {
    identity::is_group_of_file(found.gid(), found.ino())
}

/// Opens a file without waiting, even if it is a pipe.
fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}

fn note(notes: &Path, found: &Metadata) -> PathBuf {
    notes.join(format!("{PREFIX}{}.{}", found.dev(), found.ino()))
}

fn text(found: &Metadata, path: &Path) -> PathBuf {
    let mut text = format!("{}:{}:", found.gid(), found.mode() & 0o7777).into_bytes();
    text.extend_from_slice(path.as_os_str().as_bytes());
    PathBuf::from(std::ffi::OsString::from_vec(text))
}

/// The original group and mode, and the path.
fn read(note: &Path) -> Option<((u32, u32), PathBuf)> {
    let text = fs::read_link(note).ok()?.into_os_string().into_vec();
    let mut parts = text.splitn(3, |byte| *byte == b':');
    let mut number = || std::str::from_utf8(parts.next()?).ok()?.parse().ok();
    let (group, mode) = (number()?, number()?);
    let path = std::ffi::OsString::from_vec(parts.next()?.to_vec());
    Some(((group, mode), path.into()))
}

/// Gives a folder and the files in it to a user.
fn own(folder: &Path, id: u32) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = fs::symlink_metadata(&path)?;
        // Another name of a file elsewhere stays what it is.
        if found.is_file() && found.nlink() == 1 {
            lchown(&path, Some(id), Some(id))?;
        }
    }
    lchown(folder, Some(id), Some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> (u32, u32) {
        let found = fs::metadata(path).unwrap();
        (found.gid(), found.mode() & 0o7777)
    }

    /// A data folder with a source and a staging folder; `None` for an ordinary user, who can't lend.
    fn stage() -> Option<(tempfile::TempDir, Identity, PathBuf)> {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("run")).unwrap();
        let source = data.path().join("source:1");
        fs::write(&source, "frames").unwrap();
        fs::set_permissions(&source, Permissions::from_mode(0o640)).unwrap();
        Some((data, Identity::of_this_run()?, source))
    }

    #[test]
    fn a_source_is_lent_to_runs_and_put_back_by_the_last() {
        let Some((data, identity, source)) = stage() else {
            return;
        };
        let before = mode(&source);
        let give = || {
            Loans::give(
                identity,
                &data.path().join("run"),
                std::slice::from_ref(&source),
                data.path(),
            )
            .unwrap()
        };
        let (mut first, mut second) = (give(), give());
        assert_eq!(mode(&source), (first.groups[0], 0o640));
        assert_ne!(mode(&source).0, before.0);
        assert_eq!(fs::metadata(data.path().join("run")).unwrap().uid(), identity.id);
        first.put_back();
        assert_ne!(mode(&source).0, before.0, "another run still reads it");
        second.put_back();
        assert_eq!(mode(&source), before);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 2, "a note was left");
    }

    #[test]
    fn what_a_killed_run_had_borrowed_is_put_back_later() {
        let Some((data, identity, source)) = stage() else {
            return;
        };
        let before = mode(&source);
        let give = || {
            Loans::give(
                identity,
                &data.path().join("run"),
                std::slice::from_ref(&source),
                data.path(),
            )
            .unwrap()
        };
        // Its locks go with the process.
        drop(give());
        assert_ne!(mode(&source), before);
        let running = give();
        tidy(data.path());
        assert_ne!(mode(&source), before, "a run that lives loses its source");
        drop(running);
        tidy(data.path());
        assert_eq!(mode(&source), before);
        drop(give());
        fs::remove_file(&source).unwrap();
        tidy(data.path());
        assert_eq!(
            fs::read_dir(data.path()).unwrap().count(),
            1,
            "a note about a deleted file was left"
        );
    }
}
