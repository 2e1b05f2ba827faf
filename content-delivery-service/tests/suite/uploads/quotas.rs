//! What one owner may have, and what everybody sees of it.

use crate::server::{Server, UPLOAD, film, id};
use content_delivery_service::QuotaConfig;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use testing::{Person, Reply, until};

const USAGE: &str = "/api/v1/content/usage";

async fn with_quota(change: impl FnOnce(&mut QuotaConfig)) -> Server {
    Server::with(|config| change(&mut config.quota)).await
}

async fn create(server: &Server, person: &Person, length: usize) -> Reply {
    server.send(server.creation(person, length)).await
}

async fn raw(server: &Server, person: &Person, length: usize) -> Reply {
    let request = server.request_by(person, Method::POST, UPLOAD);
    server
        .send(request.header("content-type", "video/mp4").body(film(length)))
        .await
}

async fn delete(server: &Server, person: &Person, id: &str) {
    let path = format!("/api/v1/content/{id}/delete");
    server.ask(person, Method::DELETE, &path).await.is(202);
}

#[tokio::test]
async fn an_owner_has_no_more_unfinished_uploads_than_allowed() {
    let server = with_quota(|quota| quota.uploads = 2).await;
    for person in [Person::instructor(), Person::admin()] {
        let named = || server.creation(&person, 900).header("idempotency-key", "one");
        let first = server.send(named()).await;
        let location = first.is(201).header("location").to_owned();
        let second = server.begin(&person, 900).await;
        let refused = create(&server, &person, 900).await;
        refused.is_problem(429, "too_many_uploads");
        assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
        raw(&server, &person, 900).await.is_problem(429, "too_many_uploads");
        // a repeated request begins nothing
        let again = server.send(named()).await;
        assert_eq!(again.is(201).id(), id(&location));
        let usage = server.ask(&person, Method::GET, USAGE).await;
        assert_eq!(usage.is(200).json["uploads"], json!({ "open": 2, "allowed": 2 }));

        server.patch(&location, 0, &film(900)).await.is(204);
        let third = server.begin(&person, 900).await;
        create(&server, &person, 900).await.is(429);
        delete(&server, &person, id(&second)).await;
        delete(&server, &person, id(&third)).await;
        raw(&server, &person, 900).await.is(201);
        create(&server, &Person::instructor(), 900).await.is(201);
    }
}

#[tokio::test]
async fn what_is_stored_and_declared_counts_against_the_quota_until_it_is_deleted() {
    let server = with_quota(|quota| quota.bytes = 10_000).await;
    let person = Person::instructor();
    let location = server.begin(&person, 6_000).await;
    create(&server, &person, 4_001).await.is_problem(403, "quota_exceeded");
    server.patch(&location, 0, &film(6_000)[..2_000]).await.is(204);
    let usage = server.ask(&person, Method::GET, USAGE).await;
    let bytes = json!({ "used": 2_000, "declared": 4_000, "allowed": 10_000 });
    assert_eq!(usage.is(200).json["bytes"], bytes);
    create(&server, &person, 4_001).await.is_problem(403, "quota_exceeded");
    server.patch(&location, 2_000, &film(6_000)[2_000..]).await.is(204);
    raw(&server, &person, 4_001).await.is_problem(403, "quota_exceeded");
    raw(&server, &person, 4_000).await.is(201);
    create(&server, &person, 1).await.is_problem(403, "quota_exceeded");
    create(&server, &Person::instructor(), 10_000).await.is(201);
    delete(&server, &person, id(&location)).await;
    create(&server, &person, 6_000).await.is(201);
    let usage = server.ask(&person, Method::GET, USAGE).await;
    let bytes = json!({ "used": 4_000, "declared": 6_000, "allowed": 10_000 });
    assert_eq!(usage.json["bytes"], bytes);
}

#[tokio::test]
async fn a_refused_upload_learns_how_much_is_allowed_and_how_much_is_free() {
    let server = with_quota(|quota| quota.bytes = 60_000_000).await;
    let person = Person::instructor();
    server.begin(&person, 45_600_000).await;
    let refused = create(&server, &person, 198_000_000).await;
    refused.is_problem(403, "quota_exceeded");
    let detail = refused.json["detail"].as_str().unwrap();
    assert!(detail.contains("60.0 MB in all, of which 14.4 MB are free"), "{detail}");
}

#[tokio::test]
async fn a_body_of_unknown_length_can_t_exceed_the_quota() {
    let server = with_quota(|quota| quota.bytes = 3 << 20).await;
    let person = Person::instructor();
    let post = || server.request_by(&person, Method::POST, UPLOAD);
    let stream = |length: usize| {
        let parts: Vec<_> = film(length)
            .chunks(100_000)
            .map(|part| Ok::<_, std::io::Error>(part.to_vec()))
            .collect();
        reqwest::Body::wrap_stream(futures::stream::iter(parts))
    };
    let raw = |length| post().header("content-type", "video/mp4").body(stream(length));
    let form = |length| post().multipart(Form::new().part("file", Part::stream(stream(length))));
    server.send(raw(4 << 20)).await.is_problem(403, "quota_exceeded");
    server.send(form(4 << 20)).await.is_problem(403, "quota_exceeded");
    server.holds_no_file();
    server.send(raw(1 << 20)).await.is(201);
    server.send(form(1 << 20)).await.is(201);
    server.send(raw(1 << 20)).await.is(201);
    server.send(form(1_000)).await.is_problem(403, "quota_exceeded");
}

#[tokio::test]
async fn without_a_quota_nothing_is_refused_and_the_usage_is_shown() {
    let server = with_quota(|quota| quota.uploads = 0).await;
    let person = Person::instructor();
    let none =
        json!({ "bytes": { "used": 0, "declared": 0, "allowed": null }, "uploads": { "open": 0, "allowed": null } });
    let usage = server.ask(&Person::learner(), Method::GET, USAGE).await;
    assert_eq!(usage.is(200).json, none);
    server.get(USAGE).await.is(401);
    for _ in 0..30 {
        server.begin(&person, 1 << 30).await;
    }
    let usage = server.ask(&person, Method::GET, USAGE).await;
    assert_eq!(usage.json["bytes"]["declared"], 30_u64 << 30);
    assert_eq!(usage.json["uploads"]["open"], 30);
}

#[tokio::test]
async fn an_owner_sends_no_more_files_at_the_same_time_than_allowed() {
    let server = with_quota(|quota| quota.requests = 1).await;
    let (person, bytes) = (Person::instructor(), film(3_000));
    let (first, second) = (server.begin(&person, 3_000).await, server.begin(&person, 3_000).await);
    let mut wire = server.connect().await;
    wire.send(format!(
        "PATCH {first} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\nexpect: 100-continue\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: 3000\r\n\r\n"
    ))
    .await;
    // the server asks for the bytes of a request that has its place
    assert_eq!(wire.status().await, 100);
    wire.until("\r\n").await;
    wire.send(&bytes[..1_000]).await;
    let refused = server.patch(&second, 0, &bytes).await;
    refused.is_problem(429, "too_many_uploads");
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    raw(&server, &person, 3_000).await.is_problem(429, "too_many_uploads");
    raw(&server, &Person::instructor(), 3_000).await.is(201);
    wire.send(&bytes[1_000..]).await;
    assert_eq!(wire.status().await, 204);
    until("the place is free", || async {
        server.patch(&second, 0, &bytes).await.status == 204
    })
    .await;
    assert_eq!(server.rows().await, 3, "a refused file leaves nothing");
}
