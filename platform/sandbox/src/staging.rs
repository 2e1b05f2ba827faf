//! The folders that tools write to: one for each worker, and in it one for each task.
//!
//! `staging/{worker}/{task}/` lies in the data directory. A worker's folder is locked as long as the worker lives (flock on
//! the folder itself, so that no lock file is left behind); a folder whose lock is free belonged to a worker that died, and
//! the next worker that starts removes it. Usually it is gone by then: the guard of a tool removes what a dead worker left
//! (see [`remove_abandoned`]).

use crate::cage::loans;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;
use uuid::Uuid;

const STAGING: &str = "staging";
/// How often a removal is tried: a process that is being killed may still create a file.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);

/// A worker's folder, locked as long as this or a task's folder lives.
#[derive(Clone, Debug)]
pub struct Staging {
    worker: Arc<Worker>,
}

#[derive(Debug)]
struct Worker {
    id: Uuid,
    path: PathBuf,
    _lock: OwnedFd,
}

impl Staging {
    /// Removes the folders of dead workers, and makes one for this worker.
    ///
    /// Errors: the folder cannot be made or locked; an old one that cannot be removed is only logged
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let staging = std::path::absolute(data_dir)?.join(STAGING);
        DirBuilder::new().recursive(true).mode(0o700).create(&staging)?;
        // Held until this worker's folder is locked, so that nobody takes it for a dead worker's before.
        let whole = folder(&staging)?;
        flock(&whole, FlockOperation::LockExclusive)?;
        sweep(&staging)?;
        let id = Uuid::now_v7();
        let path = staging.join(id.to_string());
        DirBuilder::new().mode(0o700).create(&path)?;
        let lock = folder(&path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let worker = Arc::new(Worker { id, path, _lock: lock });
        Ok(Self { worker })
    }

    /// The worker's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.worker.path
    }

    /// The worker's name: its folder's.
    #[must_use]
    pub fn worker(&self) -> Uuid {
        self.worker.id
    }

    /// Whether a worker on the same data directory is dead: its folder is gone, or nobody holds its lock.
    #[must_use]
    pub fn is_dead(&self, worker: Uuid) -> bool {
        let path = self.worker.path.with_file_name(worker.to_string());
        match folder(&path) {
            Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockShared).is_ok(),
            Err(_) => !path.exists(),
        }
    }

    /// Removes what dead workers left, unless another worker is doing so right now. A guard does this too, but the dead
    /// worker may have had none running.
    ///
    /// Errors: the folders cannot be listed
    pub fn sweep(&self) -> io::Result<()> {
        let Some(staging) = self.worker.path.parent() else {
            return Ok(());
        };
        // A starting worker makes its folder before it locks it. Never waits: the holder may be suspended.
        let whole = folder(staging)?;
        match flock(&whole, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => sweep(staging),
            Err(_) => Ok(()),
        }
    }

    /// Makes an empty folder for a task.
    ///
    /// Errors: it cannot be made
    pub fn task(&self, task: Uuid) -> io::Result<TaskFolder> {
        let path = self.worker.path.join(task.to_string());
        if fs::symlink_metadata(&path).is_ok() {
            remove(&path)?;
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(TaskFolder {
            path,
            _worker: Arc::clone(&self.worker),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "the staging folder was not removed");
        }
    }
}

/// A task's folder, removed with its contents when this is dropped.
///
/// Drop the tool that writes into it first.
#[derive(Debug)]
pub struct TaskFolder {
    path: PathBuf,
    _worker: Arc<Worker>,
}

impl TaskFolder {
    /// Its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TaskFolder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "a task's staging folder was not removed");
        }
        // Its runs put back what they borrow, unless they were killed with their guards.
        loans::tidy(shared(&self.path));
    }
}

/// Removes the folders of dead workers, and puts back what their tools had borrowed.
fn sweep(staging: &Path) -> io::Result<()> {
    loans::tidy(staging);
    for entry in fs::read_dir(staging)?.flatten() {
        let old = entry.path();
        if let Err(error) = remove_unlocked(&old, 1) {
            tracing::warn!(folder = %old.display(), %error, "an old staging folder was not removed");
        }
    }
    Ok(())
}

/// Removes a folder with its contents; a missing one is fine.
///
/// Errors: it is still there
pub fn remove(folder: &Path) -> io::Result<()> {
    let mut tries = 1;
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound && !folder.exists() => return Ok(()),
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                sleep(PAUSE);
            }
        }
    }
}

/// The folder that holds the folders of all workers, for a task's folder; the nearest one outside it elsewhere.
pub(crate) fn shared(task: &Path) -> &Path {
    let worker = task.parent().unwrap_or(task);
    match worker.parent() {
        Some(staging) if staging.file_name() == Some(STAGING.as_ref()) => staging,
        _ => worker,
    }
}

/// Removes a dead worker's folder: a folder in `staging` that is named by an id, and whose lock nobody holds.
///
/// Errors: the worker is dead, and the folder is still there
pub fn remove_abandoned(worker: &Path) -> io::Result<()> {
    // A dying process closes its files one by one: it may drop the lock after the pipe that announced its death.
    remove_unlocked(worker, TRIES)
}

fn remove_unlocked(worker: &Path, tries: u32) -> io::Result<()> {
    let named = worker.file_name().and_then(|name| name.to_str());
    let inside = worker.parent().and_then(Path::file_name) == Some(STAGING.as_ref());
    if !inside || named.is_none_or(|name| Uuid::try_parse(name).is_err()) {
        return Ok(());
    }
    let Ok(lock) = folder(worker) else {
        return Ok(());
    };
    for n in 1..=tries {
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return remove(worker);
        }
        if n < tries {
            sleep(PAUSE);
        }
    }
    Ok(())
}

/// Opens a folder, and nothing but a folder.
fn folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_folder_is_removed_when_its_task_or_its_worker_is_dropped() {
        let data = tempfile::tempdir().unwrap();
        let staging = Staging::open(data.path()).unwrap();
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let one = staging.task(first).unwrap();
        let two = staging.task(second).unwrap();
        fs::write(one.path().join("240p.mp4"), "frames").unwrap();
        assert_eq!(names(staging.path()).len(), 2);
        drop(one);
        assert_eq!(names(staging.path()), [second.to_string()]);
        let path = staging.path().to_owned();
        drop(staging);
        assert!(two.path().exists(), "a task's folder keeps the worker's");
        drop(two);
        assert!(!path.exists());
    }

    #[test]
    fn a_task_that_runs_again_starts_with_an_empty_folder() {
        let data = tempfile::tempdir().unwrap();
        let staging = Staging::open(data.path()).unwrap();
        let task = Uuid::now_v7();
        let left = staging.path().join(task.to_string());
        fs::create_dir(&left).unwrap();
        fs::write(left.join("half.mp4"), "half").unwrap();
        let again = staging.task(task).unwrap();
        assert!(names(again.path()).is_empty());
    }

    #[test]
    fn folders_of_dead_workers_are_removed_and_those_of_the_living_stay() {
        let data = tempfile::tempdir().unwrap();
        let living = Staging::open(data.path()).unwrap();
        let task = living.task(Uuid::now_v7()).unwrap();
        let staging = data.path().join(STAGING);
        let dead = staging.join(Uuid::now_v7().to_string());
        fs::create_dir_all(dead.join("task")).unwrap();
        fs::write(dead.join("task/240p.mp4"), "frames").unwrap();
        let foreign = staging.join("not-ours");
        fs::create_dir(&foreign).unwrap();
        let elsewhere = data.path().join("precious");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, staging.join(Uuid::now_v7().to_string())).unwrap();
        let other = Staging::open(data.path()).unwrap();
        assert!(!dead.exists());
        assert!(foreign.exists() && elsewhere.exists());
        assert!(task.path().exists() && other.path() != living.path());
    }

    #[test]
    fn a_worker_is_dead_when_nobody_holds_its_folder_s_lock() {
        let data = tempfile::tempdir().unwrap();
        let (one, other) = (Staging::open(data.path()).unwrap(), Staging::open(data.path()).unwrap());
        assert!(!one.is_dead(other.worker()) && !other.is_dead(one.worker()));
        let worker = other.worker();
        let left = other.path().to_owned();
        drop(other);
        assert!(one.is_dead(worker));
        fs::create_dir(&left).unwrap();
        assert!(one.is_dead(worker), "a folder that a dead worker left");
        let living = Staging::open(data.path()).unwrap();
        fs::create_dir_all(left.join("task")).unwrap();
        one.sweep().unwrap();
        assert!(!left.exists(), "what the dead left goes while others live");
        assert!(one.path().exists() && living.path().exists());
    }

    #[test]
    fn only_a_worker_s_folder_in_staging_counts_as_abandoned() {
        let data = tempfile::tempdir().unwrap();
        let elsewhere = data.path().join(Uuid::now_v7().to_string());
        fs::create_dir(&elsewhere).unwrap();
        remove_abandoned(&elsewhere).unwrap();
        assert!(elsewhere.exists());
    }
}
