//! `GET /usage`

use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use runtime::{Caller, Json, Problem};
use serde::Serialize;

/// What the caller's lectures and uploads take, and what they may take.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageDocument {
    bytes: ByteUsage,
    uploads: UploadUsage,
}

/// Bytes of uploaded files; renditions do not count.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ByteUsage {
    /// Bytes that are stored.
    used: u64,
    /// Bytes that unfinished uploads have declared and not sent yet; they count as used.
    declared: u64,
    /// How many bytes both may be; null if there is no limit.
    allowed: Option<u64>,
}

/// Unfinished uploads.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct UploadUsage {
    /// How many there are.
    open: u64,
    /// How many there may be; null if there is no limit.
    allowed: Option<u64>,
}

/// Shows what the caller's lectures and uploads take, and what they may take.
#[utoipa::path(
    get,
    path = "/usage",
    operation_id = "showUsage",
    tag = "content",
    responses((status = 200, description = "What is used and what is allowed.", body = UsageDocument))
)]
pub(crate) async fn show_usage(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let usage = api.uploads.usage(caller.user_id).await?;
    let (bytes, uploads) = api.uploads.allowed();
    let document = UsageDocument {
        bytes: ByteUsage {
            used: usage.stored,
            declared: usage.declared,
            allowed: bytes,
        },
        uploads: UploadUsage {
            open: usage.open,
            allowed: uploads,
        },
    };
    Ok(([(CACHE_CONTROL, "private, no-cache")], Json(document)).into_response())
}
