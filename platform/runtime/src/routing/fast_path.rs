//! Answers that are given before the router is asked.
//!
//! A fast path answers what is in memory, without waiting for anything: a future, a router and what they need would cost
//! more than the answer. It leaves all other requests to the router, which serves the same paths.

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use std::fmt;
use std::sync::Arc;

/// The head of a request without a body.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as it came over the wire.
    pub path: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// What a fast path answers.
#[derive(Debug)]
pub struct FastAnswer {
    /// The pattern of the row that would have answered otherwise.
    pub route: &'static str,
    /// The same response that the row would have given; it is logged at debug level.
    pub response: Response<Bytes>,
}

type Answers = dyn Fn(RequestHead<'_>) -> Option<FastAnswer> + Send + Sync;

/// The fast path of all requests below a prefix.
#[derive(Clone)]
pub(crate) struct FastPath {
    prefix: &'static str,
    answers: Arc<Answers>,
}

impl FastPath {
    /// Below this prefix, requests are answered like this, or left to the router.
    pub(crate) fn new<F>(prefix: &'static str, answers: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<FastAnswer> + Send + Sync + 'static,
    {
        let answers = Arc::new(answers);
        Self { prefix, answers }
    }

    /// Whether it may know the answer to requests of this path.
    pub(crate) fn is_for(&self, path: &str) -> bool {
        path.starts_with(self.prefix)
    }

    /// The answer; `None` leaves the request to the router.
    pub(crate) fn answer(&self, head: RequestHead<'_>) -> Option<FastAnswer> {
        (self.answers)(head)
    }
}

impl fmt::Debug for FastPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FastPath").field(&self.prefix).finish()
    }
}
