//! `GET /{video_id}/events`

use super::documents::{Deletion, VideoDocument};
use crate::controllers::state::Api;
use crate::controllers::visitor::Link;
use crate::metric;
use crate::services::error::{Denied, Failure, VideoError};
use axum::extract::State;
use axum::response::{IntoResponse, Response, sse};
use contracts::{Event, VideoId};
use entitlements::models::rights::{Asker, Visit};
use entitlements::services::user_places::UserPlace;
use futures::stream;
use http::header::CACHE_CONTROL;
use runtime::{Caller, PathId, Problem, ProblemDocument, Query};
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// The pause between two looks if no event comes: uploads move without events, and so do other nodes.
const LOOK: Duration = Duration::from_secs(1);
/// After this long without a change, a comment keeps the connection alive.
const COMMENT: Duration = Duration::from_secs(15);

/// Streams `event: video` with the lecture, first at once, then after each change. The stream ends when the lecture is
/// ready, failed or deleted, or when the caller may no longer watch it.
#[utoipa::path(
    get,
    path = "/{video_id}/events",
    operation_id = "watchVideo",
    tag = "content",
    params(("video_id" = VideoId, Path), Link),
    responses(
        (status = 200, description = "Server-sent events.", body = String, content_type = "text/event-stream"),
        (status = 403, description = "`not_entitled`: it is listed, but not open to the caller now.", body = ProblemDocument),
        (status = 404, description = "There is no such lecture that the caller may see.", body = ProblemDocument),
        (status = 410, description = "The lecture was deleted.", body = ProblemDocument),
        (status = 429, description = "`too_many_event_streams`: the caller follows as many as one user may; ask for the lecture from time to time instead.", body = ProblemDocument),
    )
)]
pub(crate) async fn watch_events(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    Query(link): Query<Link>,
) -> Result<Response, Problem> {
    let (asker, key) = (Some(Asker::from(&caller)), link.s);
    let visit = Visit {
        asker,
        key: key.as_deref(),
    };
    api.videos.watched(id, visit).await?;
    let Some(place) = api.watchers.take(caller.user_id) else {
        metrics::counter!(metric::EVENT_STREAMS_REFUSED).increment(1);
        return Err(VideoError::TooManyStreams.into());
    };
    let changes = api.changes.listen();
    let watch = Watch {
        api,
        caller,
        id,
        key,
        changes,
        shown: None,
        over: false,
        _open: OpenStream::new(place),
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let comments = sse::KeepAlive::new().interval(COMMENT).text("still here");
    let events = sse::Sse::new(events).keep_alive(comments);
    Ok(([(CACHE_CONTROL, "no-store")], events).into_response())
}

struct Watch {
    api: Api,
    caller: Caller,
    id: VideoId,
    /// The key of the lecture's link.
    key: Option<String>,
    changes: Receiver<Event>,
    shown: Option<VideoDocument>,
    over: bool,
    _open: OpenStream,
}

/// An open stream, counted until it is dropped.
struct OpenStream {
    _place: UserPlace,
}

impl OpenStream {
    fn new(place: UserPlace) -> Self {
        metrics::gauge!(metric::EVENT_STREAMS).increment(1.0);
        Self { _place: place }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        metrics::gauge!(metric::EVENT_STREAMS).decrement(1.0);
    }
}

impl Watch {
    /// The next event to send; `None` ends the stream.
    async fn next(&mut self) -> Option<sse::Event> {
        while !self.over {
            if self.shown.is_some() {
                self.wait().await;
            }
            // Asked each time: the right to look may have ended with the sign-in.
            if self.api.authenticator.refuses(&self.caller) {
                return None;
            }
            match self.look().await {
                Ok(Some(event)) => return Some(event),
                Ok(None) | Err(VideoError::Failed(Failure::Unavailable(_))) => {}
                Err(VideoError::Denied(Denied::Deleted)) => {
                    self.over = true;
                    return event(&Deletion::of(self.id)).ok();
                }
                Err(_) => return None,
            }
        }
        None
    }

    /// The lecture, if it has changed since it was last sent.
    async fn look(&mut self) -> Result<Option<sse::Event>, VideoError> {
        let asker = Some(Asker::from(&self.caller));
        let key = self.key.as_deref();
        let (video, audience) = self.api.videos.watched(self.id, Visit { asker, key }).await?;
        self.over = video.status.is_final();
        let document = VideoDocument::shown(self.api.videos.seen(video, asker).await?, audience);
        if self.shown.as_ref() == Some(&document) {
            return Ok(None);
        }
        let event = event(&document)?;
        self.shown = Some(document);
        Ok(Some(event))
    }

    /// Waits for an event of the lecture, but no longer than until the next look is due.
    async fn wait(&mut self) {
        let subject = self.id.0;
        let event = async {
            loop {
                match self.changes.recv().await {
                    Ok(event) if event.subject == subject => return,
                    Err(RecvError::Lagged(_)) => return,
                    // No event will come: only the clock is left.
                    Err(RecvError::Closed) => return std::future::pending().await,
                    Ok(_) => {}
                }
            }
        };
        let _ = tokio::time::timeout(LOOK, event).await;
    }
}

fn event(document: &impl Serialize) -> Result<sse::Event, Failure> {
    let event = sse::Event::default().event("video").json_data(document);
    event.map_err(|error| Failure::Internal(error.to_string()))
}
