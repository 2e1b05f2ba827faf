//! Objects: whole writes and reads by range through `object_store`, uploads through [`UploadSink`].

mod error;
mod file_sink;
mod nowhere;
mod ranges;
pub mod upload_memory;

pub use error::ObjectError;
use file_sink::FileSink;

use async_trait::async_trait;
use bytes::Bytes;
use contracts::{ObjectKey, ObjectPrefix};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

/// The progress of an upload; the repository keeps it as JSON in the upload's row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SinkState {
    /// The durable offset.
    ///
    /// Units: bytes
    pub offset: u64,
    /// The writer's fence; the sink refuses an append with a lower fence than it has seen.
    ///
    /// A caller that takes an upload over raises it, so that a late call of its predecessor can't
    /// truncate the new writer's bytes. It may stay 0 if nobody takes uploads over.
    #[serde(default)]
    pub writer: u64,
    /// Additional state of the adapter (S3: the multipart upload and its parts).
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub adapter: serde_json::Value,
}

/// The bytes that a sink stores at once, unless it has a better number.
const BATCH: u64 = 4 << 20;

/// Takes an object's bytes as they arrive, so that an upload survives a crash between any two calls.
#[async_trait]
pub trait UploadSink: Send + Sync {
    /// Creates an empty upload.
    async fn begin(&self, key: &ObjectKey) -> Result<SinkState, ObjectError>;

    /// Writes bytes at the state's offset, makes them durable and returns the new offset.
    ///
    /// Bytes beyond the state's offset, from a call that crashed, are truncated first.
    /// Errors: the state stays unchanged; [`ObjectError::Full`], or [`ObjectError::NotFound`] once
    /// the upload was finished or aborted
    async fn append(&self, key: &ObjectKey, state: &mut SinkState, bytes: Vec<Bytes>) -> Result<u64, ObjectError>;

    /// How many bytes an append at this offset should have. Others are stored as well, but cost more.
    fn batch(&self, _offset: u64) -> u64 {
        BATCH
    }

    /// Takes note that the upload's row has this state, and deletes what only earlier ones needed.
    ///
    /// It is no error if that can't be deleted now: the end of the upload deletes all of it.
    async fn noted(&self, _key: &ObjectKey, _state: &mut SinkState) {}

    /// Turns the upload into the object; may be called again after a crash.
    async fn finish(&self, key: &ObjectKey, state: &SinkState) -> Result<(), ObjectError>;

    /// Deletes the upload; a missing one is no error.
    async fn abort(&self, key: &ObjectKey, state: &SinkState) -> Result<(), ObjectError>;
}

/// The object store; clones share it.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    uploads: Arc<dyn UploadSink>,
    folder: Option<PathBuf>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Objects({})", self.store)
    }
}

impl Objects {
    /// Opens the store of a URL and creates its folder if missing.
    ///
    /// Shape: `file:///dir`
    pub async fn open(url: &str) -> Result<Self, ObjectError> {
        let Some(folder) = url.strip_prefix("file://") else {
            return Err(ObjectError::Invalid("a storage URL must start with file://".to_owned()));
        };
        let folder = PathBuf::from(folder);
        let opened = tokio::task::spawn_blocking(move || -> Result<Self, ObjectError> {
            let uploads = FileSink::open(&folder)?;
            let store = LocalFileSystem::new_with_prefix(&folder)?
                .with_fsync(true)
                .with_automatic_cleanup(true);
            Ok(Self {
                store: Arc::new(store),
                uploads: Arc::new(uploads),
                folder: Some(folder),
            })
        });
        opened.await?
    }

    /// An empty store in memory that takes no uploads, for processes whose roles keep no objects.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::new(
            Arc::new(object_store::memory::InMemory::new()),
            Arc::new(nowhere::Nowhere),
        )
    }

    /// A store from its parts, for adapters in other crates.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, uploads: Arc<dyn UploadSink>) -> Self {
        Self {
            store,
            uploads,
            folder: None,
        }
    }

    /// The folder of the store; `None` if the store is remote.
    #[must_use]
    pub fn folder(&self) -> Option<&FsPath> {
        self.folder.as_deref()
    }

    /// The path of an object on this machine, for programs that read files; `None` if the store is remote.
    #[must_use]
    pub fn local_path(&self, key: &ObjectKey) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(key.to_string()))
    }

    /// Deletes an object by a key that [`Objects::list`] returned.
    pub async fn delete_listed(&self, key: &str) -> Result<(), ObjectError> {
        gone_is_fine(self.store.delete(&parse(key)?).await)
    }

    /// Returns the whole object.
    pub async fn get(&self, key: &ObjectKey) -> Result<Bytes, ObjectError> {
        Ok(self.store.get(&path(key)?).await?.bytes().await?)
    }

    /// Returns ranges of an object in the requested order; ranges near each other cost one read.
    pub async fn get_ranges(&self, key: &ObjectKey, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, ObjectError> {
        let reads = ranges::merge(ranges);
        let read = self.store.get_ranges(&path(key)?, &reads).await?;
        ranges::split(ranges, &reads, &read)
    }

    /// Returns the object's size in bytes.
    pub async fn size(&self, key: &ObjectKey) -> Result<u64, ObjectError> {
        Ok(self.store.head(&path(key)?).await?.size)
    }

    /// Writes a whole object durably, and replaces an older one of the same key.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError> {
        self.store.put(&path(key)?, PutPayload::from_bytes(bytes)).await?;
        Ok(())
    }

    /// Deletes an object; a missing one is no error.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        gone_is_fine(self.store.delete(&path(key)?).await)
    }

    /// Lists the keys under a prefix, as text.
    pub async fn list(&self, prefix: &ObjectPrefix) -> Result<Vec<String>, ObjectError> {
        let prefix = parse(&prefix.to_string())?;
        let found = self
            .store
            .list(Some(&prefix))
            .map_ok(|object| object.location.to_string());
        let mut keys: Vec<String> = found.try_collect().await?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// Deletes everything under a prefix until a listing is empty; returns the number of objects.
    pub async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<usize, ObjectError> {
        let mut deleted = 0;
        loop {
            let keys = self.list(prefix).await?;
            if keys.is_empty() {
                return Ok(deleted);
            }
            deleted += keys.len();
            let paths = keys.into_iter().map(|key| Ok(Path::parse(key)?));
            // S3 deletes a thousand in a request
            self.store
                .delete_stream(futures::stream::iter(paths).boxed())
                .map(|result| gone_is_fine(result.map(|_| ())))
                .try_collect::<()>()
                .await?;
        }
    }

    /// The sink for uploads.
    #[must_use]
    pub fn uploads(&self) -> &Arc<dyn UploadSink> {
        &self.uploads
    }
}

fn gone_is_fine(result: object_store::Result<()>) -> Result<(), ObjectError> {
    match result {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => Ok(other?),
    }
}

fn path(key: &ObjectKey) -> Result<Path, ObjectError> {
    parse(&key.to_string())
}

fn parse(key: &str) -> Result<Path, ObjectError> {
    Path::parse(key).map_err(|error| ObjectError::Invalid(error.to_string()))
}
