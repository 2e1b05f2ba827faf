//! A page that lists the routes, drawn by the browser from `/openapi.json`.

use super::file;
use axum::response::Response;

/// The page.
#[utoipa::path(
    get, path = "/docs", operation_id = "readDocs", tag = "process",
    responses((status = 200, description = "A page that lists the routes", content_type = "text/html", body = String))
)]
pub(super) async fn page() -> Response {
    file("text/html; charset=utf-8", include_str!("docs/page.html"))
}

/// The page's style.
#[utoipa::path(
    get, path = "/docs/style.css", operation_id = "readDocsStyle", tag = "process",
    responses((status = 200, description = "The page's style", content_type = "text/css", body = String))
)]
pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("docs/style.css"))
}

/// The page's script.
#[utoipa::path(
    get, path = "/docs/script.js", operation_id = "readDocsScript", tag = "process",
    responses((status = 200, description = "The page's script", content_type = "text/javascript", body = String))
)]
pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("docs/script.js"))
}
