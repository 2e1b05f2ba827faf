use crate::site::Site;
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn every_refusal_is_a_problem_with_the_id_of_its_request() {
    let site = Site::start().await;
    let client = reqwest::Client::new();
    let cases = [
        (client.get(site.url("/nowhere")), 404, "not_found"),
        (client.get(format!("http://{}/nowhere", site.address)), 404, "not_found"),
        (client.delete(site.url("/open")), 405, "method_not_allowed"),
        (client.get(site.url("/me")), 401, "unauthenticated"),
        (client.get(site.url("/panic")), 500, "internal_error"),
        (client.get(site.url("/things/42")), 404, "user_not_found"),
        (client.get(site.url("/things/%ff")), 404, "user_not_found"),
        (client.post(site.url("/refuse")), 403, "refused"),
        (
            client.get(site.url(&format!("/open?{}", "x".repeat(9_000)))),
            414,
            "uri_too_long",
        ),
        (
            client.get(site.url("/open")).header("x-long", "x".repeat(40_000)),
            431,
            "headers_too_large",
        ),
        (many_headers(&client, &site, 101), 431, "headers_too_large"),
        (many_headers(&client, &site, 150), 431, "headers_too_large"),
    ];
    let most = many_headers(&client, &site, 100).send().await.unwrap();
    assert_eq!(most.status(), 200);
    for (request, status, code) in cases {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(Uuid::parse_str(&id).is_ok(), "{id}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["request_id"], id);
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        let title = problem["title"].as_str().unwrap().to_lowercase();
        assert_eq!(title, code.replace('_', " "));
        assert!(problem["detail"].is_string());
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
}

/// A request with so many headers over HTTP/1.1, two of which are the client's own.
fn many_headers(client: &reqwest::Client, site: &Site, count: usize) -> reqwest::RequestBuilder {
    let start = client.get(site.url("/open"));
    (0..count - 2).fold(start, |request, n| request.header(format!("x-{n}"), "x"))
}

#[tokio::test]
async fn a_405_lists_the_methods_that_are_allowed() {
    let site = Site::start().await;
    let answer = reqwest::Client::new().delete(site.url("/things")).send().await.unwrap();
    let allow = answer.headers()[ALLOW].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn a_request_id_that_comes_from_outside_is_not_taken() {
    let site = Site::start().await;
    let request = reqwest::Client::new()
        .get(site.url("/open"))
        .header("x-request-id", "mine");
    let answer = request.send().await.unwrap();
    assert!(Uuid::parse_str(answer.headers()["x-request-id"].to_str().unwrap()).is_ok());
}

async fn post(site: &Site, kind: Option<&str>, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let mut request = reqwest::Client::new().post(site.url("/things")).body(body);
    if let Some(kind) = kind {
        request = request.header(CONTENT_TYPE, kind);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn broken_json_is_reported_as_malformed() {
    let site = Site::start().await;
    let json_kind = Some("application/json; charset=utf-8");
    let deep = "[".repeat(60_000);
    let broken: Vec<&[u8]> = vec![
        b"",
        b"{",
        b"{\"name\": \"x\",}",
        b"\xef\xbb\xbf{\"name\": \"x\"}",
        b"{\"name\": \"x\"} more",
        b"{\"name\": \"\\ud800\"}",
        b"{\"name\": \"\xff\"}",
        b"{\"name\": \"x\", \"count\": 1e999}",
        b"{\"name\": 7",
        b"{\"name\": \"x\", \"count\": NaN}",
        deep.as_bytes(),
    ];
    for body in broken {
        let (status, problem) = post(&site, json_kind, body.to_vec()).await;
        assert_eq!(
            (status, problem["code"].as_str().unwrap()),
            (400, "malformed_json"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn json_of_the_wrong_shape_names_the_field() {
    let site = Site::start().await;
    let json_kind = Some("application/json; charset=utf-8");
    let wrong = [
        ("{}", "name"),
        (r#"{"name": 7}"#, "name"),
        (r#"{"name": null}"#, "name"),
        (r#"{"name": "x", "count": "many"}"#, "count"),
        (r#"{"name": "x", "count": 18446744073709551616}"#, "count"),
        (r#"{"name": "x", "is_admin": true}"#, "is_admin"),
        (r#"{"name": "x", "name": "y"}"#, "name"),
        (r#"{"name": "x", "place": {}}"#, "place.room"),
        (r#"{"name": "x", "place": {"room": 1, "floor": 2}}"#, "place.floor"),
        (r#"{"name": "x", "place": {"room": "one"}}"#, "place.room"),
        ("[]", "body"),
        (r#"["x"]"#, "body"),
        (r#"["x", 1, null]"#, "body"),
        (r#""x""#, "body"),
        ("null", "body"),
    ];
    for (body, field) in wrong {
        let (status, problem) = post(&site, json_kind, body).await;
        assert_eq!(
            (status, problem["code"].as_str().unwrap()),
            (422, "invalid_request"),
            "{problem}"
        );
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
        assert!(
            !problem["errors"][0]["message"].as_str().unwrap().contains("line"),
            "{problem}"
        );
    }
    assert_eq!(post(&site, json_kind, r#"{"name": "x"}"#).await.0, 201);
    assert_eq!(
        post(&site, Some("application/merge-patch+json"), r#"{"name": "x"}"#)
            .await
            .0,
        201
    );
}

#[tokio::test]
async fn a_body_of_another_kind_or_packed_or_too_large_is_refused() {
    let site = Site::start().await;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
    ] {
        let (status, problem) = post(&site, kind, r#"{"name": "x"}"#).await;
        assert_eq!(
            (status, problem["code"].as_str().unwrap()),
            (415, "unsupported_media_type")
        );
    }
    let packed = reqwest::Client::new()
        .post(site.url("/things"))
        .header(CONTENT_TYPE, "application/json")
        .header("content-encoding", "gzip")
        .body("x");
    assert_eq!(
        packed.send().await.unwrap().status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let large = json!({"name": "x".repeat(70_000)}).to_string();
    let (status, problem) = post(&site, Some("application/json"), large.clone()).await;
    assert_eq!((status, problem["code"].as_str().unwrap()), (413, "too_large"));
    let pieces = futures::stream::iter(
        large
            .into_bytes()
            .chunks(10_000)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect::<Vec<_>>(),
    );
    let (status, _) = post(&site, Some("application/json"), reqwest::Body::wrap_stream(pieces)).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_wrong_query_field_is_reported_by_name() {
    let site = Site::start().await;
    for (query, field) in [
        ("", "name"),
        ("?name=x&count=many", "count"),
        ("?name=x&more=1", "more"),
    ] {
        let answer = reqwest::get(site.url(&format!("/things{query}"))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert_eq!(
        reqwest::get(site.url("/things?name=a%20b"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "0 a b"
    );
}

#[tokio::test]
async fn each_unknown_field_of_a_query_is_named_unless_the_table_takes_any() {
    let site = Site::start().await;
    let answer = reqwest::get(site.url("/open?b=1&a&b=2")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = answer.json().await.unwrap();
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["field"])
        .collect();
    assert_eq!(fields, ["a", "b"]);
    assert_eq!(
        reqwest::get(site.url("/me?a=1")).await.unwrap().status(),
        StatusCode::UNAUTHORIZED,
        "who may not use the row learns nothing of its fields"
    );
    for path in ["/open?", "/anything?b=1&a"] {
        assert_eq!(
            reqwest::get(site.url(path)).await.unwrap().status(),
            StatusCode::OK,
            "{path}"
        );
    }
}

#[tokio::test]
async fn answers_carry_the_headers_that_keep_browsers_careful() {
    let site = Site::start().await;
    let answer = reqwest::get(site.url("/open")).await.unwrap();
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(
        answer.headers()["content-security-policy"],
        "default-src 'none'; frame-ancestors 'none'"
    );
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
}
