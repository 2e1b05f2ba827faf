//! The files that Vite built.

use crate::encoding;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use runtime::conditional::IfNoneMatch;
use rust_embed::{Embed, EmbeddedFile};

/// Vite puts a hash of the content in these names, so that the content of a name never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// These files may change with any update: browsers revalidate each time and mostly get a 304.
pub(crate) const ASK_AGAIN: &str = "no-cache";

#[derive(Embed)]
#[folder = "page/dist"]
pub(crate) struct Dist;

/// Serves a script, a style sheet or a picture of the page.
pub(crate) async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("assets/{file}"), FOREVER, &headers)
}

/// Serves the page's icon.
pub(crate) async fn favicon(headers: HeaderMap) -> Response {
    serve("favicon.svg", ASK_AGAIN, &headers)
}

/// Returns a file of the page in the smallest encoding that the client accepts; 404 if the name is unknown.
pub(crate) fn serve(name: &str, cache: &'static str, headers: &HeaderMap) -> Response {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !name.chars().all(plain) || name.contains("..") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(file) = Dist::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = media_type(&file);
    for encoding in encoding::accepted(headers) {
        let Some(stored) = Dist::get(&format!("{name}{}", encoding.suffix())) else {
            continue;
        };
        let mut response = reply(stored, encoding.suffix(), headers);
        let head = response.headers_mut();
        head.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        head.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if response.status() == StatusCode::OK {
            let head = response.headers_mut();
            head.insert(CONTENT_TYPE, kind);
            if let Some(name) = encoding.name() {
                head.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            }
        }
        return response;
    }
    StatusCode::NOT_FOUND.into_response()
}

fn reply(file: EmbeddedFile, suffix: &str, headers: &HeaderMap) -> Response {
    // Each encoding has a tag of its own, because its bytes differ.
    let tag = format!(
        "\"{}{suffix}\"",
        URL_SAFE_NO_PAD.encode(&file.metadata.sha256_hash()[..18])
    );
    let mut response = if IfNoneMatch::of(headers).has(&tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn media_type(file: &EmbeddedFile) -> HeaderValue {
    let kind = file.metadata.mimetype();
    let text = kind.starts_with("text/") && !kind.contains("charset");
    let kind = if text {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    };
    HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}
