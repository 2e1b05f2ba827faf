//! The addresses that people see: each returns `index.html`, and the page's script does the rest.

use crate::files;
use crate::policy::Policy;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use runtime::accept;

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
pub(crate) fn index(policy: &Policy, headers: &HeaderMap) -> Response {
    page(policy, headers)
}

/// Answers addresses without a route: with the page if a browser opens it, else with 404.
pub(crate) fn any_other(policy: &Policy, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let first = uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
    if reads && !OTHERS.contains(&first) && opens_a_page(headers) {
        page(policy, headers)
    } else {
        // Without a body, so that the outermost layer turns it into a problem document.
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Whether the request names `text/html`, as browsers do for pages; scripts and programs accept `*/*`.
fn opens_a_page(headers: &HeaderMap) -> bool {
    accept::names(headers, &ACCEPT, "text/html")
}

fn page(policy: &Policy, headers: &HeaderMap) -> Response {
    let mut response = files::serve("index.html", files::ASK_AGAIN, headers);
    let head = response.headers_mut();
    head.insert(CONTENT_SECURITY_POLICY, policy.header());
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
