//! What the routes of the media plane answer with, for the `OpenAPI` document.

use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::{Content, RefOr, Response};

/// The answers of a route that sends a playlist.
pub(crate) struct PlaylistAnswers;

/// The answers of a route that sends media.
pub(crate) struct MediaAnswers;

impl IntoResponses for PlaylistAnswers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        answers("application/vnd.apple.mpegurl")
    }
}

impl IntoResponses for MediaAnswers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        answers("video/mp4")
    }
}

fn answers(kind: &str) -> BTreeMap<String, RefOr<Response>> {
    let with_bytes = |description| {
        let bytes = Content::builder().build();
        Response::builder()
            .description(description)
            .content(kind, bytes)
            .build()
    };
    [
        ("200", with_bytes("All bytes")),
        ("206", with_bytes("The range that was asked for")),
        ("304", Response::new("What the client has is still right")),
        (
            "403",
            Response::new("The token does not open this, whatever the reason"),
        ),
        ("404", Response::new("The video has no such part")),
        ("416", Response::new("The range lies beyond the end")),
    ]
    .map(|(status, answer)| (status.to_owned(), answer.into()))
    .into()
}
