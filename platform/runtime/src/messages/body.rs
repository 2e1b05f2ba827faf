//! Request bodies with a limit on silence, and what is left of them after an early answer.

use super::held_bytes::{DEFAULT_LIMIT, HeldBytes};
use crate::Problem;
use axum::extract::Request;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How much of a refused body is still read, so that its sender sees the answer.
const DRAIN_BYTES: u64 = 1_024 * 1_024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// A sender that stays below this many bytes per second over a whole idle time counts as silent.
const MIN_BYTES_PER_SECOND: u64 = 1_024;

type BoxError = Box<dyn Error + Send + Sync>;

/// The sender of a body was silent for too long.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body stopped arriving")]
pub struct BodyTimedOut;

/// Whether a body's error means that its sender was silent for too long: the answer is 408.
#[must_use]
pub fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<BodyTimedOut>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The refusal for a body that could not be read to its end.
#[must_use]
pub fn broken(error: &(dyn Error + 'static)) -> Problem {
    if is_timeout(error) {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "the body stopped arriving",
        )
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "incomplete_body", "the body ended early")
    }
}

/// 413 `too_large`.
fn too_large(limit: usize) -> Problem {
    crate::metric::refused("body");
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        format!("the body is larger than the limit of {limit} bytes"),
    )
}

/// Reads the whole body of a request, as large as its row allows, and counts the memory that it takes.
///
/// Errors: it is too large, or has not come whole
pub async fn read_all(request: Request) -> Result<Bytes, Problem> {
    let held = request.extensions().get::<HeldBytes>().cloned();
    let limit = held.as_ref().map_or(DEFAULT_LIMIT, HeldBytes::limit);
    let mut body = request.into_body();
    let announced = HttpBody::size_hint(&body).lower();
    if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large(limit));
    }
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        make_room(&mut all, data.len(), held.as_ref(), limit)?;
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}

/// Grows a buffer for more bytes, and counts what it grows by. It grows by what has come, never by what was announced.
fn make_room(all: &mut Vec<u8>, more: usize, held: Option<&HeldBytes>, limit: usize) -> Result<(), Problem> {
    let needed = all.len() + more;
    if needed <= all.capacity() {
        return Ok(());
    }
    let grown = needed.max(all.capacity() * 2).min(limit);
    if let Some(held) = held {
        held.hold(grown - all.capacity())?;
    }
    all.reserve_exact(grown - all.len());
    Ok(())
}

/// Where a body that nobody read to its end is left.
pub(crate) struct UnreadBody<B>(Arc<Mutex<Option<(B, bool)>>>);

impl<B> Clone for UnreadBody<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A request's body as handlers get it.
pub(crate) struct TimedBody<B> {
    inner: Option<B>,
    touched: bool,
    ended: bool,
    idle: Duration,
    quota: u64,
    /// Runs while bytes are awaited; pushed on whenever the sender earns it.
    timer: Pin<Box<Sleep>>,
    earned: u64,
    /// Since when the handler, not the sender, takes the time.
    handed_at: Option<Instant>,
    unread: UnreadBody<B>,
}

impl<B> TimedBody<B> {
    /// Wraps a body; what is left of it can be drained through the second value.
    pub(crate) fn new(inner: B, idle: Duration) -> (Self, UnreadBody<B>) {
        let unread = UnreadBody(Arc::new(Mutex::new(None)));
        let body = Self {
            inner: Some(inner),
            touched: false,
            ended: false,
            idle,
            quota: u64::try_from(idle.as_millis())
                .unwrap_or(u64::MAX)
                .saturating_mul(MIN_BYTES_PER_SECOND)
                / 1_000,
            timer: Box::pin(tokio::time::sleep(idle)),
            earned: 0,
            handed_at: Some(Instant::now()),
            unread: unread.clone(),
        };
        (body, unread)
    }
}

impl<B> HttpBody for TimedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(inner) = this.inner.as_mut() else {
            return Poll::Ready(None);
        };
        if let Some(handed_at) = this.handed_at.take() {
            let deadline = this.timer.deadline() + handed_at.elapsed();
            this.timer.as_mut().reset(deadline);
        }
        this.touched = true;
        match Pin::new(inner).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.earned += u64::try_from(bytes).unwrap_or(u64::MAX);
                if this.earned >= this.quota {
                    this.earned = 0;
                    this.timer.as_mut().reset(Instant::now() + this.idle);
                }
                this.handed_at = Some(Instant::now());
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.ended = true;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(this.timer.as_mut().poll(context));
                this.ended = true;
                crate::metric::cut("body");
                Poll::Ready(Some(Err(Box::new(BodyTimedOut))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl<B> Drop for TimedBody<B> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let Some(inner) = self.inner.take() {
            let mut left = self.unread.0.lock().unwrap_or_else(PoisonError::into_inner);
            *left = Some((inner, self.touched));
        }
    }
}

impl<B> UnreadBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    /// Reads what is left of the body, within limits; says whether nothing is left now.
    ///
    /// A sender that waits for `100 Continue` and was never asked to go on has sent nothing.
    pub(crate) async fn drain(&self, expects_continue: bool) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((mut body, touched)) = left else { return true };
        if body.is_end_stream() {
            return true;
        }
        if expects_continue && !touched {
            return false;
        }
        tokio::time::timeout(DRAIN_TIME, read_and_forget(&mut body))
            .await
            .unwrap_or(false)
    }
}

async fn read_and_forget<B>(body: &mut B) -> bool
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let mut drained = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        drained += frame
            .data_ref()
            .map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
        if drained > DRAIN_BYTES {
            return false;
        }
    }
    true
}
