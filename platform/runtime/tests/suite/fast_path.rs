//! A fast path answers before the router, and nothing that protects the router is left out.

use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use reqwest::Client;
use runtime::server::ServerLimits;
use runtime::{Access, FastAnswer, Questions, RequestHead, Routes, Service, Table, routes};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testing::{Identity, Site};

const ROW: &str = "/fast/{name}";

#[utoipa::path(get, path = "/fast/{name}", operation_id = "fast", responses((status = 200)))]
async fn by_route() -> &'static str {
    "by route"
}

#[utoipa::path(get, path = "/media/{name}", operation_id = "media", responses((status = 200)))]
async fn media_by_route() -> &'static str {
    "by route"
}

#[utoipa::path(post, path = "/fast/{name}", operation_id = "post", responses((status = 200)))]
async fn post_by_route(body: String) -> String {
    format!("by route, {} bytes", body.len())
}

async fn later(query: String) -> axum::response::Response {
    tokio::task::yield_now().await;
    assert_ne!(query, "broken", "a secret that no client may see");
    if query == "missing" {
        return StatusCode::NOT_FOUND.into_response();
    }
    format!("later: {query}").into_response()
}

/// A site whose fast path knows `/fast/known`, waits at `/fast/later`, panics at `/fast/broken` and counts how often it is
/// asked.
async fn site(limits: ServerLimits) -> (Site, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let identity = Identity::new();
    let routes: Routes = Table::new("", &identity.authenticator())
        .row(Method::GET, "/fast/{name}", Access::Public, routes!(by_route))
        .row(Method::POST, "/fast/{name}", Access::Public, routes!(post_by_route))
        .row(Method::GET, "/media/{name}", Access::Public, routes!(media_by_route))
        .with_state(())
        .with_fast_path("/fast/", move |head: RequestHead<'_>| {
            counter.fetch_add(1, Ordering::SeqCst);
            assert_ne!(head.path, "/fast/broken", "a secret that no client may see");
            match head.path {
                "/fast/known" => Some(FastAnswer::now(ROW, Response::new(Bytes::from_static(b"at once")))),
                "/fast/later" => Some(FastAnswer::later(ROW, later(head.query.to_owned()))),
                _ => None,
            }
        })
        .with_fast_media("/media/", |head: RequestHead<'_>| {
            let known = || FastAnswer::now("/media/{name}", Response::new(Bytes::from_static(b"at once")));
            (head.path == "/media/known").then(known)
        });
    let service = Service {
        questions: Questions::none(),
        name: "site",
        routes,
        tasks: Vec::new(),
    };
    (Site::serve(identity, service, limits).await, asked)
}

fn names(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<_> = headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_known_is_answered_at_once_and_the_rest_by_its_route() {
    let (site, asked) = site(ServerLimits::default()).await;
    let known = site.get("/fast/known").await;
    assert_eq!((known.status, &*known.text), (200, "at once"));
    let other = site.get("/fast/other").await;
    assert_eq!((other.status, &*other.text), (200, "by route"));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(site.get("/slow/known").await.status, 404);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let head = site.send(site.request(Method::HEAD, "/fast/known")).await;
    assert_eq!(
        (head.status, head.header("content-length"), &*head.text),
        (200, "7", "")
    );
}

#[tokio::test]
async fn both_answers_have_the_headers_that_every_answer_has() {
    let secure = ServerLimits {
        public_host: Some("https://lectures.example.org".parse().unwrap()),
        ..ServerLimits::default()
    };
    let (site, _) = site(secure).await;
    let (known, other) = (site.get("/fast/known").await, site.get("/fast/other").await);
    let mut expected = names(&other.headers);
    expected.retain(|name| name != "content-type");
    assert_eq!(names(&known.headers), expected);
    assert!(!known.header("strict-transport-security").is_empty());
    for name in ["x-content-type-options", "referrer-policy", "content-security-policy"] {
        assert_eq!(known.header(name), other.header(name));
    }
    assert_ne!(
        known.header("x-request-id"),
        site.get("/fast/known").await.header("x-request-id")
    );
}

#[tokio::test]
async fn what_has_to_wait_is_answered_like_what_a_route_answers() {
    let (site, asked) = site(ServerLimits::default()).await;
    let (later, other) = (site.get("/fast/later?a=1").await, site.get("/fast/other").await);
    assert_eq!((later.status, &*later.text), (200, "later: a=1"));
    assert_eq!(names(&later.headers), names(&other.headers));
    assert_ne!(later.header("x-request-id"), other.header("x-request-id"));
    site.get("/fast/later?missing").await.is_problem(404, "not_found");
    site.get("/fast/later?broken").await.is_problem(500, "internal_error");
    assert_eq!(site.get("/fast/later").await.text, "later: ");
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let answer = client.get(site.url("/fast/later?b")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "later: b");
}

#[tokio::test]
async fn a_panic_leaves_the_request_to_its_route() {
    let (site, _) = site(ServerLimits::default()).await;
    let broken = site.get("/fast/broken").await;
    assert_eq!((broken.status, &*broken.text), (200, "by route"));
    assert_eq!(site.get("/fast/known").await.text, "at once");
}

#[tokio::test]
async fn a_request_with_a_body_or_a_head_that_is_refused_does_not_come_to_it() {
    let host = ServerLimits {
        public_host: Some("http://lectures.example.org".parse().unwrap()),
        ..ServerLimits::default()
    };
    let (site, asked) = site(host).await;
    let posted = site.send(site.request(Method::POST, "/fast/known").body("five!")).await;
    assert_eq!(posted.text, "by route, 5 bytes");
    let large = site
        .request(Method::GET, "/fast/known")
        .header("x-large", "x".repeat(33_000));
    site.send(large).await.is_problem(431, "headers_too_large");
    let long = format!("/fast/{}", "x".repeat(9_000));
    site.get(&long).await.is_problem(414, "uri_too_long");
    let elsewhere = site.request(Method::GET, "/fast/known").header("host", "evil.example");
    site.send(elsewhere).await.is_problem(421, "misdirected_request");
    let mut wire = site.connect().await;
    wire.send("GET /fast/known HTTP/1.1\r\n\r\n").await;
    assert_eq!(wire.status().await, 400);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn it_answers_http_2_and_request_after_request() {
    let (site, _) = site(ServerLimits::default()).await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    for _ in 0..3 {
        let answer = client.get(site.url("/fast/known")).send().await.unwrap();
        assert_eq!(answer.version(), http::Version::HTTP_2);
        assert_eq!(answer.text().await.unwrap(), "at once");
    }
    let mut wire = site.connect().await;
    for _ in 0..2 {
        wire.send("GET /fast/known HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let answer = wire.until("at once").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    site.stop().await;
}

#[tokio::test]
async fn of_all_that_is_answered_at_once_only_media_lets_an_address_have_more_connections() {
    let limits = ServerLimits {
        connections_per_address: 1,
        ..ServerLimits::default()
    };
    let (site, _) = site(limits).await;
    let mut wire = site.connect().await;
    for (path, answer, may_have_more) in [
        ("/fast/known", "at once", false),
        ("/fast/other", "by route", false),
        ("/fast/later?answer", "later: answer", false),
        ("/media/known", "at once", true),
    ] {
        wire.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        wire.until(answer).await;
        let mut second = site.connect().await;
        second
            .send("GET /fast/known HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        let status = if may_have_more { "200" } else { "503" };
        let given = second.rest().await;
        assert!(
            given.starts_with(&format!("HTTP/1.1 {status}")),
            "after {path}: {given}"
        );
    }
}

#[utoipa::path(get, path = "/fast/{name}/first", operation_id = "first", responses((status = 200)))]
async fn in_front() -> &'static str {
    "in front"
}

#[tokio::test]
async fn routes_in_front_are_asked_before_those_that_answer_everything_below_a_prefix() {
    let identity = Identity::new();
    let behind = Table::new("", &identity.authenticator())
        .with_state(())
        .around(|_| axum::Router::new().route("/fast/{*rest}", axum::routing::any(by_route)));
    let front = Table::new("", &identity.authenticator())
        .row(Method::GET, "/fast/{name}/first", Access::Public, routes!(in_front))
        .with_state(())
        .in_front(|path| path.ends_with("/first"));
    let service = Service {
        questions: Questions::none(),
        name: "site",
        routes: behind.merge(front),
        tasks: Vec::new(),
    };
    let site = Site::serve(identity, service, ServerLimits::default()).await;
    assert_eq!(site.get("/fast/a/first").await.text, "in front");
    assert_eq!(site.get("/fast/a/second").await.text, "by route");
    assert_eq!(site.get("/elsewhere/first").await.status, 404);
}
