//! The request that a thread works on, which every line of the log names.
//!
//! A span would do the same, but each request would add it to the subscriber's registry and look it up there.

use crate::messages::request_id::RequestId;
use http::Method;
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// What the log says of a request.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    /// Its id.
    pub(crate) id: RequestId,
    /// Its method.
    pub(crate) method: Method,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Work on a request; what it logs while it is polled names the request.
#[derive(Debug)]
pub(crate) struct Within<F> {
    work: F,
    request: Option<Current>,
}

/// Puts a request in its place when work ends, also by a panic.
struct Entered<'a>(&'a mut Option<Current>);

impl<'a> Entered<'a> {
    fn new(request: &'a mut Option<Current>) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, request));
        Self(request)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.0));
    }
}

impl Current {
    /// Work whose lines of the log name this request.
    pub(crate) fn around<F>(self, work: F) -> Within<F> {
        Within {
            work,
            request: Some(self),
        }
    }

    /// Does work whose lines of the log name this request.
    pub(crate) fn during<R>(self, work: impl FnOnce() -> R) -> R {
        let mut request = Some(self);
        let _entered = Entered::new(&mut request);
        work()
    }
}

impl<F: Future + Unpin> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { work, request } = &mut *self;
        let _entered = Entered::new(request);
        Pin::new(work).poll(context)
    }
}

/// Looks at the request that this thread works on.
pub(super) fn look<R>(look: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT.with_borrow(|current| current.as_ref().map(look))
}

/// Writes the request before an event's fields.
pub(super) struct AfterRequest<F>(pub(super) F);

impl<'w, F: FormatFields<'w>> FormatFields<'w> for AfterRequest<F> {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let written = look(|it| write!(writer, "request{{id={} method={}}}: ", it.id.as_str(), it.method));
        written.unwrap_or(Ok(()))?;
        self.0.format_fields(writer, fields)
    }
}
