//! Errors of the object store.

use object_store::client::HttpError;
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
    /// The store is elsewhere and doesn't answer now; the same call may succeed later.
    #[error("the object store does not answer: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
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
            if inner.is::<HttpError>() {
                return Self::Unavailable(Box::new(error));
            }
            match inner.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => return Self::Full,
                _ => cause = inner.source(),
            }
        }
        match status(&error) {
            Some(507) => Self::Full,
            Some(429 | 500..) => Self::Unavailable(Box::new(error)),
            _ => Self::Other(Box::new(error)),
        }
    }
}

/// The status that a server answered with; `object_store` has it only in the text.
fn status(error: &object_store::Error) -> Option<u16> {
    const BEFORE: &str = "status code: ";
    let text = error.to_string();
    let (_, after) = text.split_once(BEFORE)?;
    after.get(..3)?.parse().ok()
}

impl From<tokio::task::JoinError> for ObjectError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Other(Box::new(error))
    }
}
