//! Errors of the object store.

use std::error::Error;
use std::io;

/// A failed operation on an object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object or upload.
    #[error("no such object")]
    NotFound,
    /// The store is full; bytes beyond the last returned offset do not count.
    #[error("the object store is full")]
    Full,
    /// The request is invalid for this object.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// Any other error.
    #[error("object store: {0}")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl From<io::Error> for ObjectError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Other(Box::new(error)),
        }
    }
}

impl From<rustix::io::Errno> for ObjectError {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl From<object_store::Error> for ObjectError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::NotFound;
        }
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(inner) = cause {
            match inner.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => return Self::Full,
                _ => cause = inner.source(),
            }
        }
        Self::Other(Box::new(error))
    }
}

impl From<tokio::task::JoinError> for ObjectError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Other(Box::new(error))
    }
}
