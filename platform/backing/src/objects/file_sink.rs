//! Uploads to local files: written, synced, and renamed into place when complete.

use super::{ObjectError, SinkState, UploadSink};
use async_trait::async_trait;
use bytes::Bytes;
use contracts::ObjectKey;
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of files kept open between appends; the least recently used is closed first.
const OPEN_FILES: usize = 64;
/// The kernel's limit of slices in one call.
const SLICES: usize = 1_024;
/// The limit of bytes in one call. The page cache answers larger writes with larger folios, which are expensive to
/// allocate: measured on ext4 with Linux 6.18, 4 MiB at once cost five times the CPU of 1 MiB.
const WRITE: usize = 1 << 20;

/// An upload's file; its lock separates two writers of one upload.
#[derive(Default)]
struct Staged {
    slot: Mutex<Slot>,
    used: AtomicU64,
}

#[derive(Default)]
struct Slot {
    file: Option<File>,
    /// The highest fence that wrote here.
    writer: u64,
}

/// The file adapter; unfinished uploads are in a separate folder, so that no listing shows them.
pub(super) struct FileSink(Arc<Folder>);

struct Folder {
    root: PathBuf,
    staging: PathBuf,
    open: Mutex<HashMap<PathBuf, Arc<Staged>>>,
    clock: AtomicU64,
}

impl FileSink {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let staging = root.join("uploads");
        make_folders(&staging)?;
        Ok(Self(Arc::new(Folder {
            root: root.to_owned(),
            staging,
            open: Mutex::default(),
            clock: AtomicU64::new(0),
        })))
    }
}

impl Folder {
    /// Keys have no `~`, so that two of them never share a file.
    fn staged(&self, key: &ObjectKey) -> PathBuf {
        self.staging.join(key.to_string().replace('/', "~"))
    }

    fn entry(&self, path: &Path) -> Arc<Staged> {
        let mut open = lock(&self.open);
        let entry = Arc::clone(open.entry(path.to_owned()).or_default());
        entry
            .used
            .store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        if open.len() > OPEN_FILES {
            // files in use stay open, because their users hold the lock in them
            let idle = open.iter().filter(|(_, staged)| Arc::strong_count(staged) == 1);
            let oldest = idle
                .min_by_key(|(_, staged)| staged.used.load(Ordering::Relaxed))
                .map(|(path, _)| path.clone());
            if let Some(oldest) = oldest {
                open.remove(&oldest);
            }
        }
        entry
    }

    fn begin(&self, key: &ObjectKey) -> Result<SinkState, ObjectError> {
        let path = self.staged(key);
        let entry = self.entry(&path);
        let mut slot = lock(&entry.slot);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        file.sync_all()?;
        sync_folder(&self.staging)?;
        slot.file = Some(file);
        Ok(SinkState::default())
    }

    fn append(&self, key: &ObjectKey, state: &SinkState, bytes: &[Bytes]) -> Result<u64, ObjectError> {
        let path = self.staged(key);
        let entry = self.entry(&path);
        let mut slot = lock(&entry.slot);
        if state.writer < slot.writer {
            return Err(ObjectError::Invalid(
                "another writer has taken this upload over".to_owned(),
            ));
        }
        slot.writer = state.writer;
        let file = open_at(&mut slot.file, &path, state.offset)?;
        let result = write_all(file, state.offset, bytes).and_then(|end| {
            file.sync_data()?;
            Ok(end)
        });
        if result.is_err() {
            // free space on a full disk; the next call would truncate these bytes anyway
            let _ = file.set_len(state.offset);
            slot.file = None;
        }
        result
    }

    fn finish(&self, key: &ObjectKey, offset: u64) -> Result<(), ObjectError> {
        let (path, target) = (self.staged(key), self.root.join(key.to_string()));
        let entry = self.entry(&path);
        let mut slot = lock(&entry.slot);
        match open_at(&mut slot.file, &path, offset) {
            Ok(file) => {
                file.sync_all()?;
                place(&path, &target)?;
            }
            // renamed before a crash, perhaps without the following sync
            Err(ObjectError::NotFound) if fs::metadata(&target)?.len() == offset => {}
            Err(error) => return Err(error),
        }
        sync_parents(&target, &self.root)?;
        sync_folder(&self.staging)?;
        slot.file = None;
        lock(&self.open).remove(&path);
        Ok(())
    }

    fn abort(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let path = self.staged(key);
        let entry = self.entry(&path);
        let mut slot = lock(&entry.slot);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        sync_folder(&self.staging)?;
        slot.file = None;
        lock(&self.open).remove(&path);
        Ok(())
    }
}

/// The upload's file, opened if necessary, and truncated to `offset`.
///
/// Errors: [`ObjectError::NotFound`] once any process has finished or aborted it
fn open_at<'a>(slot: &'a mut Option<File>, path: &Path, offset: u64) -> Result<&'a File, ObjectError> {
    let known = slot
        .take()
        .filter(|file| file.metadata().is_ok_and(|found| found.nlink() > 0));
    let file = match known {
        Some(file) => file,
        None => OpenOptions::new().write(true).open(path)?,
    };
    let length = file.metadata()?.len();
    if length < offset {
        return Err(ObjectError::Invalid(format!(
            "{length} bytes are stored although {offset} were acknowledged"
        )));
    }
    if length > offset {
        file.set_len(offset)?;
    }
    Ok(slot.insert(file))
}

/// Writes everything at `offset`, in several calls.
fn write_all(file: &File, mut offset: u64, bytes: &[Bytes]) -> Result<u64, ObjectError> {
    let pieces = bytes.iter().flat_map(|part| part.chunks(WRITE));
    let mut parts: Vec<IoSlice<'_>> = pieces.map(IoSlice::new).collect();
    let mut rest = &mut parts[..];
    while !rest.is_empty() {
        match rustix::io::pwritev(file, &rest[..at_once(rest)], offset) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            Ok(written) => {
                offset += u64::try_from(written).unwrap_or(0);
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(offset)
}

/// The number of slices for the next call: at least one, and at most the kernel's limit.
fn at_once(slices: &[IoSlice<'_>]) -> usize {
    let ends = slices.iter().scan(0, |end, slice| {
        *end += slice.len();
        Some(*end)
    });
    ends.take(SLICES).take_while(|end| *end <= WRITE).count().max(1)
}

/// Renames into a folder that a concurrent deletion may just have removed.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    for _ in 0..10 {
        let placed = make_folders(folder).and_then(|()| fs::rename(from, to));
        match placed {
            Err(error) if error.kind() == io::ErrorKind::NotFound && from.exists() => {}
            other => return other,
        }
    }
    fs::rename(from, to)
}

/// Creates a folder with its parents and syncs each folder with a new entry.
fn make_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    fs::create_dir_all(folder)?;
    for made in missing {
        match made.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent)?,
            _ => sync_folder(Path::new("."))?,
        }
    }
    Ok(())
}

/// Syncs the folders from a file up to the root, each of which may have a new entry.
fn sync_parents(file: &Path, root: &Path) -> io::Result<()> {
    for folder in file.ancestors().skip(1) {
        sync_folder(folder)?;
        if folder == root {
            break;
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Ignores poisoning: no holder of these locks leaves an incomplete change behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs file work on a thread that may wait for the disk.
async fn blocking<T, F>(work: F) -> Result<T, ObjectError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ObjectError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await?
}

#[async_trait]
impl UploadSink for FileSink {
    async fn begin(&self, key: &ObjectKey) -> Result<SinkState, ObjectError> {
        let (folder, key) = (Arc::clone(&self.0), key.clone());
        blocking(move || folder.begin(&key)).await
    }

    async fn append(&self, key: &ObjectKey, state: &mut SinkState, bytes: Vec<Bytes>) -> Result<u64, ObjectError> {
        let (folder, key, before) = (Arc::clone(&self.0), key.clone(), state.clone());
        state.offset = blocking(move || folder.append(&key, &before, &bytes)).await?;
        Ok(state.offset)
    }

    async fn finish(&self, key: &ObjectKey, state: &SinkState) -> Result<(), ObjectError> {
        let (folder, key, offset) = (Arc::clone(&self.0), key.clone(), state.offset);
        blocking(move || folder.finish(&key, offset)).await
    }

    async fn abort(&self, key: &ObjectKey, _state: &SinkState) -> Result<(), ObjectError> {
        let (folder, key) = (Arc::clone(&self.0), key.clone());
        blocking(move || folder.abort(&key)).await
    }
}
