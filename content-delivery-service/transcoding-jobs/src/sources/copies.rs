//! Temporary copies of whole sources: the exception, for those of which no part can be read alone.

use super::fetch::{Fetcher, SourceError};
use super::recipe::Recipe;
use contracts::ObjectKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long the last copy is kept after it was asked for, for the next task of its lecture.
const COPY_KEPT: Duration = Duration::from_secs(60);

/// The last copy that was made.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<Option<Last>>);

#[derive(Debug)]
struct Last {
    key: ObjectKey,
    asked: Instant,
    copy: Arc<WholeCopy>,
}

/// A copy, removed when nobody reads it any more.
#[derive(Debug)]
pub(super) struct WholeCopy {
    path: PathBuf,
}

impl WholeCopy {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WholeCopy {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(file = %self.path.display(), %error, "a copy of a source was not removed");
        }
    }
}

impl Copies {
    /// A copy of a source in a worker's folder, which all its tasks share.
    pub(super) async fn of(
        &self,
        fetcher: &Fetcher,
        whole: &Recipe,
        folder: &Path,
    ) -> Result<Arc<WholeCopy>, SourceError> {
        let mut last = self.0.lock().await;
        if let Some(last) = last.as_mut().filter(|last| last.key == *fetcher.key()) {
            last.asked = Instant::now();
            return Ok(Arc::clone(&last.copy));
        }
        *last = None;
        tracing::warn!(source = %fetcher.key(), bytes = whole.length(), "the whole source is copied: no part of it can be read alone");
        let path = folder.join(format!("source-{}", uuid::Uuid::now_v7()));
        let copy = Arc::new(WholeCopy { path });
        whole.write(fetcher, &copy.path).await?;
        *last = Some(Last {
            key: fetcher.key().clone(),
            asked: Instant::now(),
            copy: Arc::clone(&copy),
        });
        Ok(copy)
    }

    /// Gives up a copy that was not asked for in a while; one that is being made is left alone.
    pub(super) fn tidy(&self) {
        if let Ok(mut last) = self.0.try_lock()
            && last.as_ref().is_some_and(|last| last.asked.elapsed() > COPY_KEPT)
        {
            *last = None;
        }
    }
}
