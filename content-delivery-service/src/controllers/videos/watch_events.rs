//! `GET /{videoId}/events`: a lecture as it changes, as server-sent events.

use super::fetch_video::viewer;
use crate::controllers::state::Uploads;
use crate::models::videos::video_document::VideoDocument;
use crate::services::error::ContentError;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::{Event, VideoId};
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use runtime::{Caller, PathId, ProblemDocument};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

/// How often it is looked at beside the events of this process: uploads move without events, other nodes too.
const LOOK: Duration = Duration::from_secs(1);
/// After this long without a change a comment keeps the connection alive.
const COMMENT: Duration = Duration::from_secs(15);

/// Streams `event: video` with the lecture, first at once, then at each change, until it is ready, failed or deleted,
/// or the caller's right is lost.
#[utoipa::path(
    get,
    path = "/{video_id}/events",
    operation_id = "watchVideo",
    tag = "content",
    params(("video_id" = VideoId, Path)),
    responses(
        (status = 200, description = "Server-sent events.", body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no such lecture for the caller.", body = ProblemDocument),
    )
)]
pub(crate) async fn watch_events(
    State(state): State<Uploads>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
) -> Result<Response, ContentError> {
    state.videos.find(id, viewer(&caller)).await?;
    let changes = state.changes.listen();
    let watch = Watch {
        state,
        caller,
        id,
        changes,
        shown: None,
        spoke_at: Instant::now(),
        over: false,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let text = watch.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), watch))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(events)).into_response())
}

struct Watch {
    state: Uploads,
    caller: Caller,
    id: VideoId,
    changes: Receiver<Event>,
    shown: Option<VideoDocument>,
    spoke_at: Instant,
    over: bool,
}

impl Watch {
    /// The next thing to say; `None` ends the stream.
    async fn next(&mut self) -> Option<String> {
        while !self.over {
            if self.shown.is_some() {
                self.wait().await;
            }
            // Asked each time: the right to look may have ended with the sign-in.
            if self.state.authenticator.refuses(&self.caller) {
                return None;
            }
            let said = match self.look().await {
                Ok(said) => said,
                Err(ContentError::Deleted) => {
                    self.over = true;
                    Some(format!(
                        "event: video\ndata: {{\"id\":\"{}\",\"status\":\"deleted\"}}\n\n",
                        self.id
                    ))
                }
                Err(ContentError::Unavailable(_)) => None,
                Err(_) => return None,
            };
            let said = said.or_else(|| (self.spoke_at.elapsed() >= COMMENT).then(|| ": still here\n\n".to_owned()));
            if said.is_some() {
                self.spoke_at = Instant::now();
                return said;
            }
        }
        None
    }

    async fn look(&mut self) -> Result<Option<String>, ContentError> {
        let viewer = viewer(&self.caller);
        let video = self.state.videos.find(self.id, viewer).await?;
        self.over = video.status.is_final();
        let document = self.state.videos.show(video, viewer).await?;
        if self.shown.as_ref() == Some(&document) {
            return Ok(None);
        }
        let json = serde_json::to_string(&document).map_err(|error| ContentError::Internal(error.to_string()))?;
        self.shown = Some(document);
        Ok(Some(format!("event: video\ndata: {json}\n\n")))
    }

    async fn wait(&mut self) {
        let subject = self.id.0;
        let told = async {
            loop {
                match self.changes.recv().await {
                    Ok(event) if event.subject == subject => return,
                    Err(RecvError::Lagged(_)) => return,
                    // No event comes any more: the clock alone.
                    Err(RecvError::Closed) => return std::future::pending().await,
                    Ok(_) => {}
                }
            }
        };
        let _ = tokio::time::timeout(LOOK, told).await;
    }
}
