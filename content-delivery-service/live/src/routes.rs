//! The URL table: a line for each route, with its policy.

use crate::controllers::publishing::{change_publication, describe_publishing, end_publication, start_publishing};
use crate::controllers::session_path;
use crate::controllers::state::Api;
use crate::controllers::watching::{change_viewing, describe_watching, end_viewing, start_watching};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::Method;
use runtime::{Access, Authenticator, Policy, Routes, Table, routes};

const PREFIX: &str = "/api/v1/content";
/// The caller's right is looked up: to publish the lecture, or its stream key.
const MAY_PUBLISH: Policy = Access::ByService("lecture_access").with_right("lecture_administer_or_stream_key");
const MAY_WATCH: Policy = Access::ByService("lecture_access").with_right("lecture_watch");
/// Whoever knows the session's URL.
const SESSION: Access = Access::ByService("live_session");
const PLAYBACK_TOKEN: Access = Access::ByService("playback_token");

const WHIP: &str = "/live/{video_id}/whip";
const WHIP_SESSION: &str = "/live/{video_id}/whip/{session}";
const WHEP: &str = "/live/{video_id}/whep";
const WHEP_SESSION: &str = "/p/{token}/{video_id}/whep/{session}";

#[rustfmt::skip]
pub(crate) fn table(api: Api, authenticator: &Authenticator) -> Routes {
    // They stand below a prefix that the media plane answers as a whole.
    let viewings = Table::unguarded("")
        .row(Method::PATCH, WHEP_SESSION, PLAYBACK_TOKEN, routes!(change_viewing::change_viewing))
        .row(Method::DELETE, WHEP_SESSION, PLAYBACK_TOKEN, routes!(end_viewing::end_viewing))
        .with_state(api.clone())
        .around(|router: Router| router.layer(from_fn(preflight)))
        .in_front(session_path::is_viewers);
    Table::new(PREFIX, authenticator)
        .row(Method::POST, WHIP, MAY_PUBLISH, routes!(start_publishing::start_publishing))
        .row(Method::OPTIONS, WHIP, Access::Public, routes!(describe_publishing::describe_publishing))
        .row(Method::PATCH, WHIP_SESSION, SESSION, routes!(change_publication::change_publication))
        .row(Method::DELETE, WHIP_SESSION, SESSION, routes!(end_publication::end_publication))
        .row(Method::OPTIONS, WHIP_SESSION, Access::Public, routes!(describe_publishing::describe_publication))
        .row(Method::POST, WHEP, MAY_WATCH, routes!(start_watching::start_watching))
        .row(Method::OPTIONS, WHEP, Access::Public, routes!(describe_watching::describe_watching))
        .with_state(api)
        .merge(viewings)
}

/// Answers browsers that ask what pages of other origins may send; what the media plane answers, it does not document.
async fn preflight(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return crate::controllers::sdp::describe("PATCH, DELETE, OPTIONS", true);
    }
    next.run(request).await
}
