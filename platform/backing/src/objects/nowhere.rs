//! The sink of a process that keeps no objects.

use super::{ObjectError, SinkState, UploadSink};
use async_trait::async_trait;
use bytes::Bytes;
use contracts::ObjectKey;

/// Refuses every upload.
pub(super) struct Nowhere;

fn refused<T>() -> Result<T, ObjectError> {
    Err(ObjectError::Invalid("this process keeps no objects".to_owned()))
}

#[async_trait]
impl UploadSink for Nowhere {
    async fn begin(&self, _: &ObjectKey) -> Result<SinkState, ObjectError> {
        refused()
    }

    async fn append(&self, _: &ObjectKey, _: &mut SinkState, _: Vec<Bytes>) -> Result<u64, ObjectError> {
        refused()
    }

    async fn finish(&self, _: &ObjectKey, _: &SinkState) -> Result<(), ObjectError> {
        refused()
    }

    async fn abort(&self, _: &ObjectKey, _: &SinkState) -> Result<(), ObjectError> {
        refused()
    }
}
