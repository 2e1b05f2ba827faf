//! What can go wrong with an object.

use std::error::Error;
use std::io;

/// An object that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no such object or upload.
    #[error("no such object")]
    NotFound,
    /// No space is left; nothing beyond what was told before counts.
    #[error("the object store is full")]
    Full,
    /// The request makes no sense for this object.
    #[error("not possible: {0}")]
    Invalid(String),
    /// Anything else.
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
