//! How lectures look on the wire.

use crate::models::videos::overview::{Encoding, Overview};
use axum::response::Response;
use contracts::{Timestamp, UserId, VideoId};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, ETAG};
use renditions::models::lecture::{AudioTrack, Reason, Rendition, Status, VideoTrack};
use serde::Serialize;

/// A lecture.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Video)]
pub(crate) struct VideoDocument {
    /// Its id.
    id: VideoId,
    /// Whose it is.
    owner_id: UserId,
    /// One line, 1 to 200 characters.
    title: String,
    /// May have lines, may be empty.
    description: String,
    /// Where it is on its way.
    status: Status,
    /// Why it failed, has to wait, lacks a rendition, or could not be made anew.
    reason: Option<Reason>,
    /// The encoded share of what is promised, 0 to 1.
    progress: f64,
    /// Seconds until all of it is encoded, as far as that can be told; null while unknown or nothing goes on.
    time_left: Option<u32>,
    /// While bytes are coming: how far, and where to go on.
    upload: Option<UploadDocument>,
    /// Seconds; null until known.
    duration: Option<f64>,
    /// The file that it came from.
    source: SourceDocument,
    /// The video track; null until known or where there is none.
    video: Option<VideoTrack>,
    /// The audio tracks.
    audio: Vec<AudioTrack>,
    /// The forms in which it can be watched.
    renditions: Vec<Rendition>,
    /// When its upload began.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When it could first be watched.
    playable_at: Option<Timestamp>,
    /// When every promised rendition was complete.
    ready_at: Option<Timestamp>,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Upload)]
pub(crate) struct UploadDocument {
    /// Bytes that are stored for good.
    offset: i64,
    /// Bytes in all; null where the client did not tell.
    length: Option<i64>,
    /// Where any device can go on with it; for the owner alone.
    url: Option<String>,
}

/// The file that a lecture came from.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Source)]
pub(crate) struct SourceDocument {
    /// Its size, once it is there.
    bytes: Option<i64>,
    /// Its name, where the client told one.
    filename: Option<String>,
    /// `mp4`, `mov` and the like, once it was looked at.
    container: Option<String>,
}

/// How far a lecture's renditions are.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Transcode)]
pub(crate) struct TranscodeDocument {
    /// The lecture's id.
    video_id: VideoId,
    /// The encoded share of what is promised, 0 to 1; of the new renditions while all is made anew.
    progress: f64,
    /// The forms in which it can be watched, or will be.
    renditions: Vec<Rendition>,
    /// Seconds until all of it is encoded, as far as that can be told; null while unknown or nothing goes on.
    time_left: Option<u32>,
}

/// What is left of a lecture.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Deletion {
    id: VideoId,
    /// `deleted`.
    status: Status,
}

impl VideoDocument {
    /// Whether it changes without a new tag: bytes are coming, or encoders are at work.
    pub(crate) fn is_moving(&self) -> bool {
        match self.status {
            Status::Uploading => true,
            Status::Processing | Status::Playable => !self.renditions.is_empty(),
            Status::Ready | Status::Failed | Status::Deleted => false,
        }
    }
}

impl From<Overview> for VideoDocument {
    fn from(overview: Overview) -> Self {
        let Overview {
            video,
            upload,
            key,
            encoding,
        } = overview;
        Self {
            id: video.id,
            owner_id: video.owner_id,
            title: video.title,
            description: video.description,
            status: video.status,
            reason: video.reason,
            progress: encoding.progress,
            time_left: encoding.time_left,
            upload: upload.map(|upload| UploadDocument {
                offset: i64::try_from(upload.offset).unwrap_or(i64::MAX),
                length: upload.length.map(|length| i64::try_from(length).unwrap_or(i64::MAX)),
                url: key.map(|key| upload_url(video.id, &key)),
            }),
            duration: video.duration_us.map(seconds),
            source: SourceDocument {
                bytes: video.bytes,
                filename: video.filename,
                container: video.container,
            },
            video: video.media.video,
            audio: video.media.audio,
            renditions: encoding.renditions,
            created_at: video.created_at,
            updated_at: video.updated_at,
            playable_at: video.playable_at,
            ready_at: video.ready_at,
        }
    }
}

impl TranscodeDocument {
    pub(crate) fn new(video_id: VideoId, encoding: Encoding) -> Self {
        Self {
            video_id,
            progress: encoding.progress,
            renditions: encoding.renditions,
            time_left: encoding.time_left,
        }
    }
}

impl Deletion {
    pub(crate) fn of(id: VideoId) -> Self {
        Self {
            id,
            status: Status::Deleted,
        }
    }
}

/// Adds a lecture's `ETag` to a reply, for caches that ask again each time.
pub(crate) fn tag(response: &mut Response, etag: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ETAG, etag);
}

/// Where an upload is continued, with its key.
pub(crate) fn upload_url(id: VideoId, key: &str) -> String {
    format!("/api/v1/content/upload/{id}?k={key}")
}

fn seconds(micros: i64) -> f64 {
    std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
}
