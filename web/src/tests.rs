use crate::files::Dist;
use crate::service;
use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

async fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    service(None)
        .unwrap()
        .routes
        .into_router()
        .oneshot(request)
        .await
        .unwrap()
}

fn header(response: &Response, name: http::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_address_that_a_browser_opens_shows_the_page_under_a_strict_policy() {
    for path in [
        "/",
        "/sign-in",
        "/people",
        "/lectures/0198c5a7-0000-7000-8000-000000000000",
        "/p.html",
        "/no/such/page",
    ] {
        let response = ask("GET", path, &[("accept", BROWSER)]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(header(&response, CONTENT_TYPE).starts_with("text/html"), "{path}");
        assert_eq!(header(&response, CACHE_CONTROL), "no-cache");
        let policy = header(&response, CONTENT_SECURITY_POLICY);
        assert!(
            policy.contains("require-trusted-types-for 'script'") && !policy.contains("unsafe"),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn the_page_never_answers_for_the_api_or_the_media_plane() {
    for path in [
        "/api",
        "/api/v1/none",
        "/p/token/video/x",
        "/health/none",
        "/.well-known/none",
        "/assets/none.js",
    ] {
        let response = ask("GET", path, &[("accept", BROWSER)]).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            header(&response, CONTENT_TYPE),
            "",
            "{path}: the outermost layer makes the problem document"
        );
    }
    assert_eq!(
        ask("POST", "/sign-in", &[("accept", BROWSER)]).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        ask("GET", "/sign-in", &[("accept", "application/json")]).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(ask("GET", "/sign-in", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_address_leads_out_of_the_built_page() {
    for path in [
        "/assets/../../src/main.ts",
        "/assets/%2e%2e/%2e%2e/package.json",
        "/assets//etc/passwd",
        "/assets/%00",
    ] {
        assert_eq!(ask("GET", path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_known_page_is_not_sent_again() {
    let first = ask("GET", "/", &[]).await;
    let tag = header(&first, ETAG).to_owned();
    assert!(!first.into_body().collect().await.unwrap().to_bytes().is_empty());
    let again = ask("GET", "/", &[(IF_NONE_MATCH.as_str(), &tag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&again, ETAG), tag);
    assert!(again.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn built_files_are_cached_forever_and_sent_in_their_smallest_encoding() {
    // Nothing to check if only the placeholder exists.
    for name in Dist::iter().filter(|name| name.starts_with("assets/") && name.ends_with(".js")) {
        let response = ask("GET", &format!("/{name}"), &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        assert!(header(&response, CACHE_CONTROL).contains("immutable"));
        assert!(header(&response, CONTENT_TYPE).starts_with("text/javascript"), "{name}");
        assert_eq!(header(&response, CONTENT_ENCODING), "br", "{name}");
        let small = response.into_body().collect().await.unwrap().to_bytes();
        let plain = ask("GET", &format!("/{name}"), &[]).await;
        assert_eq!(header(&plain, CONTENT_ENCODING), "");
        assert!(small.len() < plain.into_body().collect().await.unwrap().to_bytes().len());
    }
}
