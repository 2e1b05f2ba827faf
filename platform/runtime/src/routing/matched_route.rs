//! The route that a request was matched to, noted where logs and numbers can see it, also after a panic.

use axum::extract::{MatchedPath, Request};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// The pattern of the route, never the path with what it holds.
#[derive(Clone, Default)]
pub(crate) struct MatchedRoute(Arc<Mutex<Option<MatchedPath>>>);

impl MatchedRoute {
    /// The pattern, or the word for none.
    pub(crate) fn name(&self) -> String {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned()
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
            *route.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.clone());
        }
        self.inner.call(request)
    }
}
