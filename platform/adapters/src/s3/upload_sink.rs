//! Uploads to S3: a multipart upload, whose state the caller keeps.
//!
//! Bytes that fill a part become one. Those behind the last part are objects of their own, each written once, because
//! parts can't be read until the upload is complete. The state names every part and object that counts. A marker beside
//! them is there while the upload is open, and has its id.

use super::parts;
use super::progress::{Piece, Progress, Slices, length};
use async_trait::async_trait;
use backing::objects::{ObjectError, SinkState, UploadSink};
use bytes::Bytes;
use contracts::ObjectKey;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3;
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::{Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutPayload};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// A tail of more objects is written anew as one.
const PIECES: usize = 32;
/// How many objects of a tail are read at once.
const READS: usize = 4;
/// Uploads whose writers this process remembers. It may forget them: the upload's row has the fence that counts.
const WRITERS: usize = 4_096;
/// How long a writer waits until what it doesn't need any more is deleted.
const TIDY_TIME: Duration = Duration::from_secs(2);

/// The adapter.
pub(super) struct S3Sink {
    store: Arc<AmazonS3>,
    /// The highest fence that appended to an upload.
    writers: Mutex<HashMap<ObjectKey, u64>>,
}

/// The objects of an upload that is not complete; no list of a video shows them.
fn folder(key: &ObjectKey) -> Result<Path, ObjectError> {
    path(&format!("uploads/{key}"))
}

fn path(text: &str) -> Result<Path, ObjectError> {
    Path::parse(text).map_err(|error| ObjectError::Invalid(error.to_string()))
}

fn marker(key: &ObjectKey) -> Result<Path, ObjectError> {
    path(&format!("uploads/{key}/begun"))
}

fn piece_path(key: &ObjectKey, name: &str) -> Result<Path, ObjectError> {
    path(&format!("uploads/{key}/{name}"))
}

fn gone_is_fine(result: object_store::Result<()>) -> Result<(), ObjectError> {
    match result {
        Err(Error::NotFound { .. }) => Ok(()),
        other => Ok(other?),
    }
}

impl S3Sink {
    pub(super) fn new(store: Arc<AmazonS3>) -> Self {
        Self {
            store,
            writers: Mutex::default(),
        }
    }

    /// Errors: a later writer of this process has appended
    fn enter(&self, key: &ObjectKey, writer: u64) -> Result<(), ObjectError> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        if writers.len() >= WRITERS && !writers.contains_key(key) {
            writers.clear();
        }
        let highest = writers.entry(key.clone()).or_insert(writer);
        if writer < *highest {
            return Err(ObjectError::Invalid(
                "another writer has taken this upload over".to_owned(),
            ));
        }
        *highest = writer;
        Ok(())
    }

    fn forget(&self, key: &ObjectKey) {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.remove(key);
    }

    /// The id of the upload that has begun for this key, if one has.
    async fn begun(&self, key: &ObjectKey) -> Result<Option<String>, ObjectError> {
        match self.store.get(&marker(key)?).await {
            Ok(found) => Ok(String::from_utf8(found.bytes().await?.into()).ok()),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the marker, unless another call has: only one id is ever used.
    async fn mark(&self, key: &ObjectKey, id: &str) -> Result<String, ObjectError> {
        let (path, content) = (marker(key)?, PutPayload::from(id.to_owned()));
        let made = self
            .store
            .put_opts(&path, content.clone(), PutMode::Create.into())
            .await;
        match made {
            Ok(_) => Ok(id.to_owned()),
            Err(Error::AlreadyExists { .. }) => Ok(self.begun(key).await?.unwrap_or_else(|| id.to_owned())),
            // some servers know no conditions
            Err(_) => {
                self.store.put(&path, content).await?;
                Ok(id.to_owned())
            }
        }
    }

    async fn read_tail(&self, key: &ObjectKey, tail: &[Piece]) -> Result<Vec<Bytes>, ObjectError> {
        let paths: Vec<Path> = tail
            .iter()
            .map(|piece| piece_path(key, &piece.name))
            .collect::<Result<_, _>>()?;
        let reads = paths.into_iter().map(|path| {
            let store = Arc::clone(&self.store);
            async move { store.get(&path).await?.bytes().await }
        });
        let read: Vec<Bytes> = stream::iter(reads).buffered(READS).try_collect().await?;
        if read.iter().map(length).ne(tail.iter().map(|piece| piece.bytes)) {
            return Err(ObjectError::Invalid(
                "an object of the upload has another length".to_owned(),
            ));
        }
        Ok(read)
    }

    /// Turns the tail and these bytes behind it into the next part.
    async fn put_part(&self, key: &ObjectKey, progress: &mut Progress, bytes: Vec<Bytes>) -> Result<(), ObjectError> {
        let mut part = self.read_tail(key, &progress.tail).await?;
        part.extend(bytes);
        let (path, index) = (path(&key.to_string())?, progress.parts.len());
        let put = self
            .store
            .put_part(&path, &progress.upload, index, PutPayload::from_iter(part));
        progress.parts.push(put.await?.content_id);
        progress.replace_tail();
        Ok(())
    }

    /// Writes bytes behind the tail.
    async fn put_piece(
        &self,
        key: &ObjectKey,
        progress: &mut Progress,
        mut bytes: Vec<Bytes>,
    ) -> Result<(), ObjectError> {
        if progress.tail.len() >= PIECES {
            let mut all = self.read_tail(key, &progress.tail).await?;
            all.append(&mut bytes);
            bytes = all;
            progress.replace_tail();
        }
        let piece = Piece {
            // Two writers never write the same object.
            name: Uuid::new_v4().simple().to_string(),
            bytes: bytes.iter().map(length).sum(),
        };
        let path = piece_path(key, &piece.name)?;
        self.store.put(&path, PutPayload::from_iter(bytes)).await?;
        // The end of the upload removes the marker before everything else, and would not see this object any more.
        if let Err(error) = self.store.head(&marker(key)?).await {
            gone_is_fine(self.store.delete(&path).await)?;
            return Err(error.into());
        }
        progress.tail.push(piece);
        Ok(())
    }

    async fn complete(&self, key: &ObjectKey, mut progress: Progress) -> Result<(), ObjectError> {
        if !progress.tail.is_empty() {
            self.put_part(key, &mut progress, Vec::new()).await?;
        }
        let path = path(&key.to_string())?;
        let parts = progress.part_ids();
        self.store.complete_multipart(&path, &progress.upload, parts).await?;
        Ok(())
    }

    /// Deletes the marker, and then every object beside it.
    async fn clear(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        gone_is_fine(self.store.delete(&marker(key)?).await)?;
        let found = self.store.list(Some(&folder(key)?)).map_ok(|object| object.location);
        self.delete(found.try_collect().await?).await
    }

    async fn delete(&self, paths: Vec<Path>) -> Result<(), ObjectError> {
        let paths = stream::iter(paths.into_iter().map(Ok)).boxed();
        let deleted = self.store.delete_stream(paths);
        deleted
            .map(|result| gone_is_fine(result.map(|_| ())))
            .try_collect()
            .await
    }
}

#[async_trait]
impl UploadSink for S3Sink {
    async fn begin(&self, key: &ObjectKey) -> Result<SinkState, ObjectError> {
        let path = path(&key.to_string())?;
        let id = self.store.create_multipart(&path).await?;
        let begun = self.mark(key, &id).await;
        if begun.as_ref().ok() != Some(&id) {
            gone_is_fine(self.store.abort_multipart(&path, &id).await)?;
        }
        Ok(SinkState {
            adapter: Progress::new(begun?).json()?,
            ..SinkState::default()
        })
    }

    async fn append(&self, key: &ObjectKey, state: &mut SinkState, bytes: Vec<Bytes>) -> Result<u64, ObjectError> {
        let mut progress = Progress::read(state)?;
        self.enter(key, state.writer)?;
        let (mut offset, mut rest) = (state.offset, Slices::new(bytes));
        if offset + rest.length > parts::LONGEST {
            return Err(ObjectError::Invalid(format!(
                "S3 stores no more than {} bytes",
                parts::LONGEST
            )));
        }
        while rest.length > 0 {
            let missing = parts::missing(offset);
            let taken = missing.min(rest.length);
            let bytes = rest.take(taken);
            if taken == missing {
                self.put_part(key, &mut progress, bytes).await?;
            } else {
                self.put_piece(key, &mut progress, bytes).await?;
            }
            offset += taken;
        }
        state.adapter = progress.json()?;
        state.offset = offset;
        Ok(offset)
    }

    fn batch(&self, offset: u64) -> u64 {
        parts::missing(offset)
    }

    async fn noted(&self, key: &ObjectKey, state: &mut SinkState) {
        let Ok(mut progress) = Progress::read(state) else {
            return;
        };
        let replaced = std::mem::take(&mut progress.replaced);
        if replaced.is_empty() {
            return;
        }
        let paths = replaced.iter().filter_map(|name| piece_path(key, name).ok());
        match timeout(TIDY_TIME, self.delete(paths.collect())).await {
            Ok(Ok(())) => {
                if let Ok(adapter) = progress.json() {
                    state.adapter = adapter;
                }
            }
            Ok(Err(error)) => tracing::debug!(%key, %error, "replaced bytes of an upload stay until its end"),
            Err(_) => tracing::debug!(%key, "replaced bytes of an upload stay until its end"),
        }
    }

    async fn finish(&self, key: &ObjectKey, state: &SinkState) -> Result<(), ObjectError> {
        let progress = Progress::read(state)?;
        match self.complete(key, progress).await {
            // An earlier call has completed it, perhaps one whose answer was lost.
            Ok(()) | Err(ObjectError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let size = self.store.head(&path(&key.to_string())?).await?.size;
        if size != state.offset {
            let offset = state.offset;
            return Err(ObjectError::Invalid(format!(
                "{size} bytes were stored instead of {offset}"
            )));
        }
        self.clear(key).await?;
        self.forget(key);
        Ok(())
    }

    async fn abort(&self, key: &ObjectKey, state: &SinkState) -> Result<(), ObjectError> {
        let path = path(&key.to_string())?;
        let noted = Progress::id(state);
        let begun = self.begun(key).await?;
        for id in noted
            .iter()
            .chain(begun.iter().filter(|id| noted.as_ref() != Some(*id)))
        {
            gone_is_fine(self.store.abort_multipart(&path, id).await)?;
        }
        self.clear(key).await?;
        self.forget(key);
        Ok(())
    }
}
