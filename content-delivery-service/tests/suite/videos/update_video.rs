use crate::server::{Server, film, id};
use reqwest::Method;
use serde_json::{Value, json};
use testing::{Person, Reply};

async fn change(server: &Server, person: &Person, id: &str, body: &Value, etag: &str) -> Reply {
    let mut request = server.request_by(person, Method::PATCH, &format!("/api/v1/content/{id}"));
    if !etag.is_empty() {
        request = request.header("if-match", etag);
    }
    server.send(request.json(body)).await
}

#[tokio::test]
async fn title_and_description_change_only_for_the_latest_version() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    let id = id(&location);
    let first = server.details(&person, id).await;
    let named = change(
        &server,
        &person,
        id,
        &json!({"title": "  Graphs <b> "}),
        first.header("etag"),
    )
    .await;
    assert_eq!(named.is(200).json["title"], "Graphs <b>");
    change(&server, &person, id, &json!({"title": "x"}), first.header("etag"))
        .await
        .is(412);
    let described = change(&server, &person, id, &json!({"description": "one\ntwo"}), "").await;
    assert_eq!(
        (&described.is(200).json["title"], &described.json["description"]),
        (&"Graphs <b>".into(), &"one\ntwo".into())
    );
    change(&server, &Person::instructor(), id, &json!({"title": "x"}), "")
        .await
        .is_problem(404, "video_not_found");
}

#[tokio::test]
async fn an_edit_passes_although_the_lecture_has_changed_its_state_since() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 900).await;
    let id = id(&location);
    let seen = server.details(&person, id).await;
    server.patch(&location, 0, &film(900)).await.is(204);
    let now = server.details(&person, id).await;
    assert_eq!(now.json["status"], "processing");
    assert_ne!(
        now.header("etag"),
        seen.header("etag"),
        "a client that holds the old version must get the new one"
    );
    let body = json!({"title": "Trees"});
    change(&server, &person, id, &body, seen.header("etag")).await.is(200);
    change(&server, &person, id, &body, seen.header("etag"))
        .await
        .is_problem(412, "stale");
    change(&server, &person, id, &body, now.header("etag"))
        .await
        .is_problem(412, "stale");
}

#[tokio::test]
async fn invalid_texts_and_bodies_are_refused_and_change_nothing() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    let id = id(&location);
    let bad = [
        json!({"title": ""}),
        json!({"title": " "}),
        json!({"title": "\u{200b}"}),
        json!({"title": "a\u{202e}b"}),
        json!({"title": "a\nb"}),
        json!({"title": "x".repeat(201)}),
        json!({"title": 7}),
        json!({"description": "a\u{7}b"}),
        json!({"description": "x".repeat(5_001)}),
        json!({"colour": "red"}),
    ];
    for body in bad {
        change(&server, &person, id, &body, "")
            .await
            .is_problem(422, "invalid_request");
    }
    let raw = |kind: &str, body: &str| {
        let request = server.request_by(&person, Method::PATCH, &format!("/api/v1/content/{id}"));
        request.header("content-type", kind.to_owned()).body(body.to_owned())
    };
    server
        .send(raw("application/json", "{"))
        .await
        .is_problem(400, "malformed_json");
    server.send(raw("text/plain", "{}")).await.is(415);
    assert_eq!(server.details(&person, id).await.json["title"], "Untitled lecture");
}
