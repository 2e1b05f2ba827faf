//! Reads a source in the object store, and counts the bytes.

use backing::DbError;
use backing::objects::{ObjectError, Objects};
use bytes::Bytes;
use contracts::ObjectKey;
use std::io;
use std::ops::Range;
use std::slice::from_ref;

/// What bytes of a source are fetched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A survey.
    Survey,
    /// A piece of the picture.
    Picture,
    /// A sound.
    Sound,
}

impl Purpose {
    /// Its name in the metric.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Survey => "survey",
            Self::Picture => "picture",
            Self::Sound => "sound",
        }
    }
}

/// Why a source can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The object store does not return it.
    #[error("the source could not be read: {0}")]
    Store(#[from] ObjectError),
    /// The database does not return what is known of it.
    #[error("what is known of the source could not be read: {0}")]
    Database(#[from] DbError),
    /// The part that is needed can't be stored on this machine.
    #[error("the staging folder can't be used: {0}")]
    Staging(#[from] io::Error),
    /// The disk has no room for the part that is needed.
    #[error("there is no room on the disk for {0} bytes of the source")]
    NoRoom(u64),
    /// No part of it can be read alone, and it is too large to be copied.
    #[error("the source has {0} bytes, and no part of it can be read alone")]
    Indivisible(u64),
}

/// Reads one source for one purpose.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    objects: Objects,
    key: ObjectKey,
    purpose: Purpose,
}

impl Fetcher {
    pub(super) fn new(objects: &Objects, key: &ObjectKey, purpose: Purpose) -> Self {
        Self {
            objects: objects.clone(),
            key: key.clone(),
            purpose,
        }
    }

    pub(super) fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// The length of the source in bytes.
    pub(super) async fn length(&self) -> Result<u64, ObjectError> {
        self.objects.size(&self.key).await
    }

    /// Returns a range, all of which has to be there.
    pub(super) async fn range(&self, range: Range<u64>) -> Result<Bytes, ObjectError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let read = self.objects.get_ranges(&self.key, from_ref(&range)).await?;
        let bytes = read.into_iter().next().unwrap_or_default();
        let count = u64::try_from(bytes.len()).unwrap_or(0);
        metrics::counter!(crate::SOURCE_BYTES, "purpose" => self.purpose.label()).increment(count);
        if count == range.end - range.start {
            Ok(bytes)
        } else {
            Err(ObjectError::Invalid("the source is shorter than it was".to_owned()))
        }
    }
}

/// A source whose beginning is in memory.
pub(super) struct Begun<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) begin: &'a Bytes,
    /// Bytes of the source.
    pub(super) length: u64,
}

impl Begun<'_> {
    /// Returns a range, which is fetched if it is not in memory.
    pub(super) async fn range(&self, range: Range<u64>) -> Result<Bytes, ObjectError> {
        let place = |at: u64| usize::try_from(at).ok().filter(|&at| at <= self.begin.len());
        match (place(range.start), place(range.end)) {
            (Some(start), Some(end)) if start <= end => Ok(self.begin.slice(start..end)),
            _ => self.fetcher.range(range).await,
        }
    }

    /// Returns so many bytes from a position on, or fewer at the end of the source.
    pub(super) async fn header(&self, at: u64, count: u64) -> Result<Bytes, ObjectError> {
        let at = at.min(self.length);
        self.range(at..at.saturating_add(count).min(self.length)).await
    }
}
