//! Objects: whole writes and reads by range through `object_store`, uploads through [`UploadSink`].

mod error;
mod file_sink;
mod ranges;

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
use std::path::PathBuf;
use std::sync::Arc;

/// How far an upload has come; the repository keeps it as JSON in the upload's row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SinkState {
    /// The durable offset.
    ///
    /// Units: bytes
    pub offset: u64,
    /// The fence of whoever writes; an append with a lower one than the sink has seen is refused.
    ///
    /// A caller that takes an upload over raises it, so that a call of its predecessor that is
    /// still on its way to the disk can't cut off what the new one wrote. Always 0 is fine where
    /// nobody takes over.
    #[serde(default)]
    pub writer: u64,
    /// What the adapter needs beside it (S3: the multipart upload and its parts).
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub adapter: serde_json::Value,
}

/// Takes an object's bytes as they come, so that an upload survives a crash between any two calls.
#[async_trait]
pub trait UploadSink: Send + Sync {
    /// Makes room for an upload, empty.
    async fn begin(&self, key: &ObjectKey) -> Result<SinkState, ObjectError>;

    /// Writes bytes behind the state's offset, makes them durable and tells the new offset.
    ///
    /// What lies beyond the state's offset (bytes of a call that crashed) is cut off first.
    /// Errors: the state stays as it was; [`ObjectError::Full`], or [`ObjectError::NotFound`] once
    /// the upload was finished or aborted
    async fn append(&self, key: &ObjectKey, state: &mut SinkState, bytes: Vec<Bytes>) -> Result<u64, ObjectError>;

    /// Turns the upload into the object; called again after a crash it does no harm.
    async fn finish(&self, key: &ObjectKey, state: &SinkState) -> Result<(), ObjectError>;

    /// Forgets the upload; what was never begun or is gone already is no error.
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
    /// Opens the store of a URL and creates its folder when absent.
    ///
    /// Shape: `file:///dir`
    pub async fn open(url: &str) -> Result<Self, ObjectError> {
        let Some(folder) = url.strip_prefix("file://") else {
            return Err(ObjectError::Invalid("a storage URL begins with file://".to_owned()));
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

    /// A store from its parts, for adapters that stand elsewhere.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, uploads: Arc<dyn UploadSink>) -> Self {
        Self {
            store,
            uploads,
            folder: None,
        }
    }

    /// Where an object lies on this machine, for programs that read files; none where the store is elsewhere.
    #[must_use]
    pub fn local_path(&self, key: &ObjectKey) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(key.to_string()))
    }

    /// Deletes an object by its key as [`Objects::list`] tells it.
    pub async fn delete_listed(&self, key: &str) -> Result<(), ObjectError> {
        gone_is_fine(self.store.delete(&parse(key)?).await)
    }

    /// The whole object.
    pub async fn get(&self, key: &ObjectKey) -> Result<Bytes, ObjectError> {
        Ok(self.store.get(&path(key)?).await?.bytes().await?)
    }

    /// Parts of an object, in the order asked; parts that lie near each other cost one read.
    pub async fn get_ranges(&self, key: &ObjectKey, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, ObjectError> {
        let reads = ranges::merge(ranges);
        let read = self.store.get_ranges(&path(key)?, &reads).await?;
        ranges::split(ranges, &reads, &read)
    }

    /// The object's size in bytes.
    pub async fn size(&self, key: &ObjectKey) -> Result<u64, ObjectError> {
        Ok(self.store.head(&path(key)?).await?.size)
    }

    /// Writes a whole object, durable when this returns; an older one of this key is replaced.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectError> {
        self.store.put(&path(key)?, PutPayload::from_bytes(bytes)).await?;
        Ok(())
    }

    /// Deletes an object; one that is gone already is no error.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        gone_is_fine(self.store.delete(&path(key)?).await)
    }

    /// The keys under a prefix, as text.
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

    /// Deletes everything under a prefix until a listing is empty; tells how many objects that were.
    pub async fn delete_prefix(&self, prefix: &ObjectPrefix) -> Result<usize, ObjectError> {
        const AT_ONCE: usize = 8;
        let mut deleted = 0;
        loop {
            let keys = self.list(prefix).await?;
            if keys.is_empty() {
                return Ok(deleted);
            }
            deleted += keys.len();
            futures::stream::iter(keys)
                .map(|key| async move { gone_is_fine(self.store.delete(&parse(&key)?).await) })
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
    }

    /// Where uploads go.
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
