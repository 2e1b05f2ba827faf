//! The addresses that people see: each shows `index.html`, and the page's script does the rest.

use crate::files;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use runtime::accept;

/// Scripts and styles come from here alone, and no string becomes code: an injected tag or text stays without effect.
/// `blob:` is how a player hands media to the browser.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
connect-src 'self'; media-src 'self' blob:; worker-src 'self'; font-src 'self'; manifest-src 'self'; \
base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
trusted-types svelte-trusted-html";
/// What the page never asks for, nothing in it may ask for. Later parts (live lectures) open what they need.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
magnetometer=(), microphone=(), midi=(), payment=(), usb=()";
/// First parts of addresses that are other services' to answer, also where they have nothing to say.
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

/// The page's entrance.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    page(&headers)
}

/// An address that no route knows: the page's, if a browser opens it; else there is nothing.
pub(crate) async fn any_other(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let reads = method == Method::GET || method == Method::HEAD;
    let first = uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
    if reads && !OTHERS.contains(&first) && opens_a_page(&headers) {
        page(&headers)
    } else {
        // Bare, so that the outermost layer makes a problem document of it.
        StatusCode::NOT_FOUND.into_response()
    }
}

/// Whether HTML is asked for by its name, as browsers do for what they show; scripts and programs ask for anything.
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
