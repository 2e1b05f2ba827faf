//! How lectures look on the wire.

use crate::models::videos::overview::{Audience, Encoding, Overview};
use contracts::{Timestamp, UserId, VideoId};
use entitlements::models::sharing::{ShareKey, Visibility};
use http::HeaderValue;
use http::Response;
use http::header::{CACHE_CONTROL, ETAG};
use renditions::models::lecture::{AudioTrack, Note, Reason, Rendition, Status, VideoTrack};
use runtime::conditional::edits_tag;
use serde::Serialize;

/// A lecture.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Video)]
pub(crate) struct VideoDocument {
    /// The lecture's id.
    id: VideoId,
    /// The owner's id; null without a sign-in.
    owner_id: Option<UserId>,
    /// One line, 1 to 200 characters.
    title: String,
    /// May have several lines, may be empty.
    description: String,
    /// Who may watch it without a course; only shown to the owner and admins.
    visibility: Option<Visibility>,
    /// The path of its page with the key that lets everyone watch; null without a link, and for all but its owner.
    share_url: Option<String>,
    /// Its status.
    status: Status,
    /// Why it failed, is waiting, lacks a rendition, or could not be re-encoded; only shown to the owner and admins.
    reason: Option<Reason>,
    /// The encoded share of all planned renditions, 0 to 1.
    progress: f64,
    /// An estimate of the seconds until all of it is encoded; null if unknown or if nothing is being encoded.
    time_left: Option<u32>,
    /// The progress and the URL of its upload, until that is complete; only shown to the owner and admins.
    upload: Option<UploadDocument>,
    /// Length in seconds; null until known.
    duration: Option<f64>,
    /// The uploaded file; only shown to the owner and admins.
    source: SourceDocument,
    /// The video track; null until known, or if there is none.
    video: Option<VideoTrack>,
    /// The audio tracks.
    audio: Vec<AudioTrack>,
    /// Its renditions.
    renditions: Vec<Rendition>,
    /// What is wrong with the file although it can be watched; only shown to the owner and admins.
    notes: Vec<Note>,
    /// When its upload began.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
    /// When it first became playable.
    playable_at: Option<Timestamp>,
    /// When every planned rendition was complete or had failed.
    ready_at: Option<Timestamp>,
}

/// The progress of an upload.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Upload)]
pub(crate) struct UploadDocument {
    /// Bytes that are stored durably.
    offset: i64,
    /// The file's size in bytes; null if the client did not state it.
    length: Option<i64>,
    /// The URL where any device can resume it; only shown to the owner.
    url: Option<String>,
}

/// The uploaded file of a lecture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Source)]
pub(crate) struct SourceDocument {
    /// Its size in bytes; null until the upload is complete, and for those who only watch.
    bytes: Option<i64>,
    /// Its name; null if the client sent none, and for those who only watch.
    filename: Option<String>,
    /// `mp4`, `mov` and so on; null until the file was examined, and for those who only watch.
    container: Option<String>,
}

/// The progress of a lecture's renditions.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = Transcode)]
pub(crate) struct TranscodeDocument {
    /// The lecture's id.
    video_id: VideoId,
    /// The encoded share of all planned renditions, 0 to 1; of the new ones while all are re-encoded.
    progress: f64,
    /// Its renditions, also those that are not encoded yet.
    renditions: Vec<Rendition>,
    /// An estimate of the seconds until all of it is encoded; null if unknown or if nothing is being encoded.
    time_left: Option<u32>,
}

/// The record that remains of a deleted lecture.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Deletion {
    id: VideoId,
    /// `deleted`.
    status: Status,
}

impl VideoDocument {
    /// A lecture as this audience sees it.
    pub(crate) fn shown(overview: Overview, audience: Audience) -> Self {
        let all = Self::from(overview);
        if audience == Audience::Handlers {
            return all;
        }
        Self {
            owner_id: all.owner_id.filter(|_| audience == Audience::Watchers),
            reason: None,
            upload: None,
            source: SourceDocument::default(),
            notes: Vec::new(),
            visibility: None,
            ..all
        }
    }

    /// Whether nothing but its row and its viewer's right decides how it looks.
    pub(crate) fn is_ready(&self) -> bool {
        self.status == Status::Ready
    }

    /// Whether it changes without a new tag: bytes are coming, or encoders are at work.
    pub(crate) fn is_moving(&self) -> bool {
        match self.status {
            Status::Uploading => true,
            Status::Processing | Status::Playable => !self.renditions.is_empty(),
            Status::Scheduled | Status::Live | Status::Ready | Status::Failed | Status::Deleted => false,
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
            owner_id: Some(video.owner_id),
            title: video.title,
            description: video.description,
            visibility: Some(video.visibility),
            share_url: video.share_key.map(|key| share_url(video.id, &key)),
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
            notes: video.media.notes,
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

/// A lecture's `ETag`, another one for each audience: what a browser has kept for one must not be shown to another.
pub(crate) fn tag_for(audience: Audience, (version, changes): (i64, i64)) -> HeaderValue {
    let seen = match audience {
        Audience::Handlers => return edits_tag(version, changes),
        Audience::Watchers => format!("\"{version}.{changes}.watch\""),
        Audience::Everybody => format!("\"{version}.{changes}.public\""),
    };
    // Digits, dots and letters in quotes are always a header's value.
    HeaderValue::from_str(&seen).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Adds a lecture's `ETag` to a reply, for caches that ask again each time.
pub(crate) fn tag<B>(response: &mut Response<B>, etag: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ETAG, etag);
}

/// Where an upload is continued, with its key.
pub(crate) fn upload_url(id: VideoId, key: &str) -> String {
    format!("/api/v1/content/upload/{id}?k={key}")
}

/// The path of a lecture's page with the key of its link.
fn share_url(id: VideoId, key: &ShareKey) -> String {
    format!("/lectures/{id}?s={}", key.as_str())
}

fn seconds(micros: i64) -> f64 {
    std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
}
