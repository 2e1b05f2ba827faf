//! An object store that is not on this machine, in memory, for tests of what is fetched from one.

use crate::sure;
use async_trait::async_trait;
use backing::objects::{ObjectError, Objects, SinkState, UploadSink};
use bytes::Bytes;
use contracts::ObjectKey;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt::{Display, Formatter};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A remote store in memory, and what happens in it.
#[derive(Debug, Default)]
pub struct RemoteStore {
    store: InMemory,
    seen: Mutex<Seen>,
    writing: watch::Sender<Writing>,
}

/// What becomes of objects that are written.
#[derive(Debug, Default)]
enum Writing {
    /// They are stored.
    #[default]
    Goes,
    /// Those with this text in their keys have to wait.
    Waits(String),
    /// None is stored, since the store does not answer.
    Fails,
}

impl Writing {
    fn holds(&self, key: &str) -> bool {
        matches!(self, Self::Waits(text) if key.contains(text.as_str()))
    }
}

#[derive(Debug, Default)]
struct Seen {
    read: Vec<(String, u64)>,
    written: Vec<String>,
    /// How often it was asked for an object or for what it knows of one.
    asked: usize,
    /// Which of these times it does not answer.
    silent: Vec<usize>,
}

impl RemoteStore {
    /// An empty store; it takes no uploads.
    #[must_use]
    pub fn create() -> (Objects, Arc<Self>) {
        let store = Arc::new(Self::default());
        (Objects::new(Arc::<Self>::clone(&store), Arc::new(NoUploads)), store)
    }

    /// The bytes that were read of an object so far.
    #[must_use]
    pub fn bytes_read(&self, key: &ObjectKey) -> u64 {
        let key = key.to_string();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let own = seen.read.iter().filter(|(read, _)| *read == key);
        own.map(|(_, bytes)| bytes).sum()
    }

    /// The keys that were written so far, each as often as it was, stored or not.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.written.clone()
    }

    /// Doesn't answer the readings with these numbers, counted from 0.
    pub fn be_silent(&self, readings: impl IntoIterator<Item = usize>) {
        self.note(|seen| seen.silent.extend(readings));
    }

    /// Lets the writing of objects with this text in their keys wait, until [`RemoteStore::go_on_writing`].
    pub fn hold_writing(&self, text: &str) {
        self.writing.send_replace(Writing::Waits(text.to_owned()));
    }

    /// Answers no writing, until [`RemoteStore::go_on_writing`].
    pub fn fail_writing(&self) {
        self.writing.send_replace(Writing::Fails);
    }

    /// Stores what is written, also what waits.
    pub fn go_on_writing(&self) {
        self.writing.send_replace(Writing::Goes);
    }

    /// How often it was read, answered or not.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    /// The bytes of an object, which don't count.
    pub async fn content(&self, key: &str) -> Vec<u8> {
        let read = sure(self.store.get(&Path::from(key)).await);
        sure(read.bytes().await).to_vec()
    }

    /// Waits as long as the writing of an object is held, and returns whether it is answered then.
    async fn takes(&self, key: &str) -> bool {
        let mut writing = self.writing.subscribe();
        let goes_on = writing.wait_for(|it| !it.holds(key)).await;
        goes_on.is_ok_and(|it| !matches!(*it, Writing::Fails))
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Display for RemoteStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("a remote store in memory")
    }
}

#[async_trait]
impl ObjectStore for RemoteStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.note(|seen| seen.written.push(location.to_string()));
        if !self.takes(location.as_ref()).await {
            return Err(unavailable());
        }
        self.store.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let has_bytes = !options.head;
        let mut is_silent = false;
        self.note(|seen| {
            is_silent = seen.silent.contains(&seen.asked);
            seen.asked += 1;
        });
        if is_silent {
            return Err(unavailable());
        }
        let found = self.store.get_opts(location, options).await?;
        if has_bytes {
            let bytes = found.range.end - found.range.start;
            self.note(|seen| seen.read.push((location.to_string(), bytes)));
        }
        Ok(found)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

fn unavailable() -> Error {
    Error::Generic {
        store: "remote",
        source: "Server returned non-2xx status code: 503 Service Unavailable".into(),
    }
}

/// Takes no uploads.
#[derive(Debug)]
struct NoUploads;

fn refused() -> ObjectError {
    ObjectError::Invalid("this store takes no uploads".to_owned())
}

#[async_trait]
impl UploadSink for NoUploads {
    async fn begin(&self, _: &ObjectKey) -> std::result::Result<SinkState, ObjectError> {
        Err(refused())
    }

    async fn append(&self, _: &ObjectKey, _: &mut SinkState, _: Vec<Bytes>) -> std::result::Result<u64, ObjectError> {
        Err(refused())
    }

    async fn finish(&self, _: &ObjectKey, _: &SinkState) -> std::result::Result<(), ObjectError> {
        Err(refused())
    }

    async fn abort(&self, _: &ObjectKey, _: &SinkState) -> std::result::Result<(), ObjectError> {
        Err(refused())
    }
}
