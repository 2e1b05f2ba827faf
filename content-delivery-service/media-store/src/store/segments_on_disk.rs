//! Segments of a remote store on this machine's disk, within a bound: what memory has dropped is not fetched again.
//!
//! The folder is emptied at each start. Nothing waits for the disk to have the bytes, so a file may lack some after a power cut.

use backing::space::Space;
use bytes::Bytes;
use moka::future::Cache;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files of segments; clones share them.
#[derive(Clone)]
pub(super) struct SegmentsOnDisk(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    space: Space,
    /// The sizes of the files, by their names.
    files: Cache<String, u64>,
}

impl SegmentsOnDisk {
    /// Keeps at most `max_bytes` in a folder of its own, and nothing on a disk whose reserve is touched.
    pub(super) fn open(folder: PathBuf, max_bytes: u64, space: Space) -> io::Result<Self> {
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&folder)?,
        }
        let gone = folder.clone();
        let files = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, size: &u64| u32::try_from(*size).unwrap_or(u32::MAX))
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |name: Arc<String>, _, cause| {
                if cause != RemovalCause::Replaced {
                    remove(&gone.join(&*name));
                }
            })
            .support_invalidation_closures();
        Ok(Self(Arc::new(Inner {
            folder,
            space,
            files: files.build(),
        })))
    }

    /// A segment, if it is there as a whole.
    pub(super) async fn get(&self, name: &str) -> Option<Bytes> {
        let size = self.0.files.get(name).await?;
        match tokio::fs::read(self.0.folder.join(name)).await {
            Ok(bytes) if bytes.len() as u64 == size => Some(bytes.into()),
            _ => {
                self.0.files.invalidate(name).await;
                None
            }
        }
    }

    /// Keeps a segment, unless the disk has no room for it.
    pub(super) async fn put(&self, name: &str, bytes: &Bytes) {
        let size = bytes.len() as u64;
        if !self.0.space.has_room_for_data(size) {
            return;
        }
        let (path, part) = (self.0.folder.join(name), self.0.folder.join(format!("{name}.part")));
        let written = async {
            tokio::fs::write(&part, bytes).await?;
            tokio::fs::rename(&part, &path).await
        };
        match written.await {
            Ok(()) => self.0.files.insert(name.to_owned(), size).await,
            Err(error) => {
                tracing::warn!(%error, "a segment is not kept on this disk");
                remove(&part);
            }
        }
    }

    /// Removes those whose names begin with this.
    pub(super) async fn forget(&self, prefix: String) {
        // fails only for a cache that was built without support for it
        let _ = self
            .0
            .files
            .invalidate_entries_if(move |name, _| name.starts_with(&prefix));
        self.0.files.run_pending_tasks().await;
    }
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "a segment stays on this disk");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_longest_unused_files_go_when_there_are_too_many_bytes_and_all_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("segments");
        let open = || SegmentsOnDisk::open(place.clone(), 3_000, Space::boundless()).unwrap();
        let segments = open();
        for name in ["a-1", "a-2", "b-1"] {
            segments.put(name, &Bytes::from(vec![7; 1_000])).await;
        }
        segments.0.files.run_pending_tasks().await;
        assert_eq!(segments.get("a-1").await.unwrap(), vec![7; 1_000]);
        segments.put("b-2", &Bytes::from(vec![8; 1_000])).await;
        segments.0.files.run_pending_tasks().await;
        assert_eq!(names(&place), ["a-1", "b-1", "b-2"]);
        assert_eq!(segments.get("a-2").await, None);
        segments.forget("b-".to_owned()).await;
        assert_eq!(names(&place), ["a-1"]);
        let segments = open();
        assert!(names(&place).is_empty() && segments.get("a-1").await.is_none());
    }

    #[tokio::test]
    async fn a_file_that_lacks_bytes_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let segments = SegmentsOnDisk::open(folder.path().join("segments"), 3_000, Space::boundless()).unwrap();
        segments.put("a-1", &Bytes::from(vec![7; 1_000])).await;
        std::fs::write(folder.path().join("segments/a-1"), [7; 999]).unwrap();
        assert_eq!(segments.get("a-1").await, None);
        assert_eq!(segments.get("a-1").await, None);
    }
}
