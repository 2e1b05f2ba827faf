//! From each thing that can go wrong to status and stable code; the whole failure surface on one screen.

use crate::services::error::ContentError as E;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode as S};
use runtime::{Problem, broken_body};

/// tus 1.0.0, checksum extension: the bytes do not fit their checksum.
const CHECKSUM_MISMATCH: u16 = 460;
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        let problem = |status, code| Self::new(status, code, detail.clone());
        match error {
            E::NotFound => problem(S::NOT_FOUND, "video_not_found"),
            E::Deleted => problem(S::GONE, "video_deleted"),
            E::NotPlayable { retry_after } => problem(S::CONFLICT, "not_playable").retry_after(retry_after),
            E::NotUploaded => problem(S::CONFLICT, "not_uploaded"),
            E::UnknownRenditions(places) => places.into_iter().fold(Self::invalid(), |problem, place| {
                problem.field(format!("renditions[{place}]"), "is no rendition of this video")
            }),
            E::VideoFailed(_) => problem(S::CONFLICT, "video_failed"),
            E::Expired => problem(S::GONE, "upload_expired"),
            E::Unauthenticated => problem(S::UNAUTHORIZED, "unauthenticated")
                .header(http::header::WWW_AUTHENTICATE, "Bearer realm=\"moocflix\""),
            E::AdminRequired => problem(S::FORBIDDEN, "admin_required"),
            E::Stale => problem(S::PRECONDITION_FAILED, "stale"),
            E::OffsetMismatch(offset) => {
                problem(S::CONFLICT, "offset_mismatch").header(UPLOAD_OFFSET, offset.to_string())
            }
            E::Locked => problem(S::LOCKED, "upload_locked").retry_after(2),
            E::LongerThanDeclared | E::TooLarge(_) => problem(S::PAYLOAD_TOO_LARGE, "too_large"),
            E::ChecksumMismatch => problem(checksum_mismatch(), "checksum_mismatch"),
            E::UnsupportedMedia => problem(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media"),
            E::UnsupportedType => problem(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            E::EmptyFile => problem(S::UNPROCESSABLE_ENTITY, "empty_file"),
            E::BrokenForm(_) => problem(S::BAD_REQUEST, "malformed_form"),
            E::BadHeader(_) => problem(S::BAD_REQUEST, "malformed_header"),
            E::WrongVersion => problem(S::PRECONDITION_FAILED, "tus_version").header(
                HeaderName::from_static("tus-version"),
                crate::models::uploads::tus::VERSION,
            ),
            E::BadField(field, message) => Self::invalid().field(field, message),
            E::KeyReused => problem(S::UNPROCESSABLE_ENTITY, "idempotency_mismatch"),
            E::KeyInUse => problem(S::CONFLICT, "idempotency_in_progress").retry_after(1),
            E::StorageFull => problem(S::INSUFFICIENT_STORAGE, "storage_full"),
            E::BodyLost(error) => broken_body(error.as_ref()),
            E::Unavailable(_) => problem(S::SERVICE_UNAVAILABLE, "unavailable").retry_after(1),
            error @ (E::Database(_) | E::Store(_) | E::Internal(_)) => {
                tracing::error!(error = %full(&error), "a request failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for E {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

fn checksum_mismatch() -> S {
    S::from_u16(CHECKSUM_MISMATCH).unwrap_or(S::BAD_REQUEST)
}

/// An error with its causes, for the log.
fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
