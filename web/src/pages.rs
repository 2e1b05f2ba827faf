//! The addresses that people see: each returns `index.html`, and the page's script does the rest.

use crate::files;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use runtime::accept;

/// Scripts and styles load from this origin only, and no string becomes code: an injected tag or text has no effect.
/// The player passes media to the browser as `blob:`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
connect-src 'self'; media-src 'self' blob:; worker-src 'self'; font-src 'self'; manifest-src 'self'; \
base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
trusted-types svelte-trusted-html moocflix-worker";
/// Teachers go live from the page with a camera, a microphone and a screen. It uses no other feature, so nothing in it
/// may.
const PERMISSIONS: &str = "accelerometer=(), camera=(self), display-capture=(self), geolocation=(), gyroscope=(), \
magnetometer=(), microphone=(self), midi=(), payment=(), usb=()";
/// First segments of addresses that belong to other services, even if they do not know the address.
const OTHERS: [&str; 8] = [
    "api",
    "p",
    "health",
    "metrics",
    ".well-known",
    "docs",
    "openapi.json",
    "assets",
];

/// Serves the page's root.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    page(&headers)
}

/// Answers addresses without a route: with the page if a browser opens it, else with 404.
pub(crate) async fn any_other(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let reads = method == Method::GET || method == Method::HEAD;
    let first = uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
    if reads && !OTHERS.contains(&first) && opens_a_page(&headers) {
        page(&headers)
    } else {
        // Without a body, so that the outermost layer turns it into a problem document.
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Whether the request names `text/html`, as browsers do for pages; scripts and programs accept `*/*`.
fn opens_a_page(headers: &HeaderMap) -> bool {
    accept::names(headers, &ACCEPT, "text/html")
}

fn page(headers: &HeaderMap) -> Response {
    let mut response = files::serve("index.html", files::ASK_AGAIN, headers);
    let head = response.headers_mut();
    head.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    head.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    head.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(PERMISSIONS),
    );
    head.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}
