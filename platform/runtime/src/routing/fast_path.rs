//! Answers that are given before the router is asked.
//!
//! A fast path answers what is in memory, without waiting for anything: a future, a router and what they need would cost
//! more than the answer. Where all that is missing is something that many wait for, it answers once that has come, without
//! the router. It leaves all other requests to the router, which serves the same paths.

use bytes::Bytes;
use futures::future::BoxFuture;
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
    /// The query as it came over the wire, empty if there is none.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// What a fast path answers.
pub struct FastAnswer {
    pub(crate) route: &'static str,
    pub(crate) response: FastResponse,
}

/// When a fast path answers.
pub(crate) enum FastResponse {
    /// At once.
    Now(Response<Bytes>),
    /// After waiting for something.
    Later(BoxFuture<'static, axum::response::Response>),
}

impl FastAnswer {
    /// The same response that the row with the pattern `route` would have given; it is logged at debug level.
    #[must_use]
    pub fn now(route: &'static str, response: Response<Bytes>) -> Self {
        let response = FastResponse::Now(response);
        Self { route, response }
    }

    /// The same response that the row would have given, once something has come. Its bytes don't count as made for one client,
    /// and it is no stream of events.
    #[must_use]
    pub fn later<F>(route: &'static str, response: F) -> Self
    where
        F: Future<Output = axum::response::Response> + Send + 'static,
    {
        let response = FastResponse::Later(Box::pin(response));
        Self { route, response }
    }
}

type Answers = dyn Fn(RequestHead<'_>) -> Option<FastAnswer> + Send + Sync;

/// The fast path of all requests below a prefix.
#[derive(Clone)]
pub(crate) struct FastPath {
    prefix: &'static str,
    is_media: bool,
    answers: Arc<Answers>,
}

impl FastPath {
    /// Below this prefix, requests are answered like this, or left to the router. With `is_media`, everything there is media.
    pub(crate) fn new<F>(prefix: &'static str, is_media: bool, answers: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<FastAnswer> + Send + Sync + 'static,
    {
        let answers = Arc::new(answers);
        Self {
            prefix,
            is_media,
            answers,
        }
    }

    /// Whether it may know the answer to requests of this path.
    pub(crate) fn is_for(&self, path: &str) -> bool {
        path.starts_with(self.prefix)
    }

    /// Whether whoever gets something at this path plays a lecture.
    pub(crate) fn is_media_for(&self, path: &str) -> bool {
        self.is_media && self.is_for(path)
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
