//! The body of an answer, by which the watch knows how the answer gets on.

use super::watch::{Answer, Running};
use crate::Shutdown;
use crate::messages::held_bytes::HeldBytes;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// An answer's body; the request runs until it is sent or dropped.
pub(super) struct AnswerBody {
    content: Content,
    running: Running,
    /// What its bytes count as until they are sent.
    held: Option<HeldBytes>,
    progress: Option<Arc<Answer>>,
    ends: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

enum Content {
    /// All of it in one piece, until it is taken.
    Whole(Bytes),
    /// What a route answers with.
    Routed(Body),
}

impl AnswerBody {
    /// The body of a route's answer.
    pub(super) fn routed(body: Body, running: Running, multiplexed: bool, held: Option<HeldBytes>) -> Self {
        Self {
            held,
            ..Self::of(Content::Routed(body), running, multiplexed)
        }
    }

    /// A body of bytes that don't count as memory of messages.
    pub(super) fn whole(bytes: Bytes, running: Running, multiplexed: bool) -> Self {
        Self::of(Content::Whole(bytes), running, multiplexed)
    }

    fn of(content: Content, running: Running, multiplexed: bool) -> Self {
        let progress = multiplexed.then(|| running.watch().answer());
        Self {
            content,
            running,
            held: None,
            progress,
            ends: None,
        }
    }

    /// Ends it when the process is asked to end.
    pub(super) fn ends_at(&mut self, shutdown: Shutdown) {
        self.ends = Some(Box::pin(async move { shutdown.requested().await }));
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let ends = self.ends.as_mut();
        ends.is_some_and(|ends| ends.as_mut().poll(context).is_ready())
    }
}

impl HttpBody for Content {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Routed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Self::Routed(body) => body.size_hint(),
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.is_over(context) {
            return Poll::Ready(None);
        }
        let watch = this.running.watch();
        if let Some(progress) = &this.progress {
            progress.asked();
        }
        let mut polled = Pin::new(&mut this.content).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &mut polled
            && let Some(held) = this.held.take()
        {
            // The connection lets go of the body long before its bytes are sent.
            *frame = std::mem::replace(frame, Frame::data(Bytes::new())).map_data(|bytes| held.with(bytes));
        }
        if let (Some(progress), Poll::Ready(Some(Ok(_)))) = (&this.progress, &polled) {
            watch.handed(progress);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
