//! From each error of an upload to status and stable code, and what is wrong with a request before a service sees it.

use super::tus;
use crate::services::error::UploadError as E;
use http::StatusCode as S;
use runtime::{Problem, broken_body};

/// tus 1.0.0, checksum extension: the checksum does not match the bytes.
const CHECKSUM_MISMATCH: u16 = 460;

impl From<E> for Problem {
    fn from(error: E) -> Self {
        let detail = error.to_string();
        match error {
            E::Denied(denied) => denied.into(),
            E::Expired => Self::new(S::GONE, "upload_expired", detail),
            E::OffsetMismatch(offset) => {
                Self::new(S::CONFLICT, "offset_mismatch", detail).header(tus::UPLOAD_OFFSET, offset.to_string())
            }
            E::Locked => Self::new(S::LOCKED, "upload_locked", detail).retry_after(2),
            E::LongerThanDeclared | E::TooLarge(_) => Self::new(S::PAYLOAD_TOO_LARGE, "too_large", detail),
            E::QuotaExceeded { .. } => Self::new(S::FORBIDDEN, "quota_exceeded", detail),
            E::TooManyOpen(_) => Self::new(S::TOO_MANY_REQUESTS, "too_many_uploads", detail).retry_after(60),
            E::TooManyRequests(_) => Self::new(S::TOO_MANY_REQUESTS, "too_many_uploads", detail).retry_after(2),
            E::Busy => Self::new(S::SERVICE_UNAVAILABLE, "busy", detail).retry_after(5),
            E::ChecksumMismatch => {
                let status = S::from_u16(CHECKSUM_MISMATCH).unwrap_or(S::BAD_REQUEST);
                Self::new(status, "checksum_mismatch", detail)
            }
            E::UnsupportedMedia => Self::new(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media", detail),
            E::EmptyFile => Self::new(S::UNPROCESSABLE_ENTITY, "empty_file", detail),
            E::KeyReused => Self::new(S::UNPROCESSABLE_ENTITY, "idempotency_mismatch", detail),
            E::KeyInUse => Self::new(S::CONFLICT, "idempotency_in_progress", detail).retry_after(1),
            E::BodyLost(error) => broken_body(error.as_ref()),
            E::Failed(failure) => failure.into(),
        }
    }
}

pub(super) fn malformed_header(detail: impl Into<String>) -> Problem {
    Problem::new(S::BAD_REQUEST, "malformed_header", detail.into())
}

pub(super) fn malformed_form(what: &str) -> Problem {
    Problem::new(S::BAD_REQUEST, "malformed_form", format!("the form is broken: {what}"))
}

pub(super) fn unsupported_type() -> Problem {
    let detail = "the type or encoding of the body is not supported here";
    Problem::new(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

pub(super) fn wrong_version() -> Problem {
    let detail = "Tus-Resumable must be 1.0.0";
    Problem::new(S::PRECONDITION_FAILED, "tus_version", detail).header(tus::TUS_VERSION, tus::VERSION)
}
