//! The route that a request was matched to, noted where logs and numbers can see it, also after a panic.

use axum::extract::{MatchedPath, Request};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// Where the route of a request is noted.
#[derive(Clone, Default)]
pub(crate) struct MatchedRoute(Arc<Mutex<Pattern>>);

/// The pattern of a route, never the path with its values.
#[derive(Clone, Default)]
pub(crate) enum Pattern {
    /// There is no route.
    #[default]
    Unmatched,
    /// The router found it.
    Path(MatchedPath),
    /// A service that reads its own paths found it.
    Row(&'static str),
}

impl MatchedRoute {
    /// The pattern of the route that was noted last.
    pub(crate) fn pattern(&self) -> Pattern {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, pattern: Pattern) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pattern;
    }
}

impl Pattern {
    /// The pattern, or `unmatched` without a route.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Unmatched => "unmatched",
            Self::Path(path) => path.as_str(),
            Self::Row(row) => row,
        }
    }
}

/// Notes the row that a request is for, where a service finds it without a router.
pub fn note_row(request: &Request, row: &'static str) {
    if let Some(route) = request.extensions().get::<MatchedRoute>() {
        route.note(Pattern::Row(row));
    }
}

/// Notes the route of each request; inside of it a finer route is noted over a coarser one.
#[derive(Clone)]
pub(crate) struct NoteRoute;

impl<S> Layer<S> for NoteRoute {
    type Service = NotesRoute<S>;

    fn layer(&self, inner: S) -> NotesRoute<S> {
        NotesRoute { inner }
    }
}

#[derive(Clone)]
pub(crate) struct NotesRoute<S> {
    inner: S,
}

impl<S: Service<Request>> Service<Request> for NotesRoute<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> S::Future {
        let extensions = request.extensions();
        if let (Some(route), Some(path)) = (extensions.get::<MatchedRoute>(), extensions.get::<MatchedPath>()) {
            route.note(Pattern::Path(path.clone()));
        }
        self.inner.call(request)
    }
}
