//! What admins do to others' lectures is recorded, with the act and by whom.

use crate::playback::films::Film;
use crate::server::{Server, film};
use reqwest::Method;
use serde_json::{Value, json};
use testing::{Person, Reply};

const AUDIT: &str = "/api/v1/content/audit";

async fn listed(server: &Server, query: &str) -> Reply {
    let reply = server
        .ask(&Person::admin(), Method::GET, &format!("{AUDIT}{query}"))
        .await;
    reply.is(200);
    reply
}

fn acts(reply: &Reply) -> Vec<Value> {
    let items = reply.json["items"].as_array().unwrap();
    items.iter().map(|item| item["act"].clone()).collect()
}

#[tokio::test]
async fn each_write_and_stream_by_an_admin_is_recorded_with_its_request() {
    let server = Server::with_worker().await;
    let (owner, admin) = (Person::instructor(), Person::admin());
    let watched = server.uploaded(&owner, Film::Silent).await;
    let broken = server.upload(&owner, film(2_000)).await;
    server.scanned(&owner, broken).await;
    let path = |id: &dyn std::fmt::Display, end: &str| format!("/api/v1/content/{id}{end}");

    let renamed = server
        .request_by(&admin, Method::PATCH, &path(&watched, ""))
        .json(&json!({ "title": "Another" }));
    let replies = [
        server.send(renamed).await,
        server.session(&admin, watched).await,
        server.ask(&admin, Method::POST, &path(&broken, "/transcode")).await,
        server.ask(&admin, Method::DELETE, &path(&watched, "/delete")).await,
    ];
    let found = listed(&server, "").await;
    let expected = [
        ("delete_video", &watched, json!({ "title": "Another" })),
        ("transcode_video", &broken, json!({ "renditions": [] })),
        (
            "stream_video",
            &watched,
            json!({ "playback_id": replies[1].json["session_id"] }),
        ),
        ("update_video", &watched, json!({ "fields": ["title"] })),
    ];
    let items = found.json["items"].as_array().unwrap();
    assert_eq!(items.len(), expected.len(), "{found:?}");
    for ((item, (act, video, details)), reply) in items.iter().zip(expected).zip(replies.iter().rev()) {
        assert_eq!(item["act"], act);
        assert_eq!(item["actor_id"], admin.id.to_string(), "{item}");
        let subject = json!({ "kind": "video", "id": video.to_string(), "owner_id": owner.id.to_string() });
        assert_eq!(item["subject"], subject, "{item}");
        assert_eq!(item["details"], details, "{item}");
        assert_eq!(item["request_id"], reply.header("x-request-id"), "{item}");
        assert_eq!(item["at"], serde_json::to_value(server.clock.now()).unwrap(), "{item}");
    }
}

#[tokio::test]
async fn an_admin_s_own_lectures_refused_acts_and_owners_leave_no_entry() {
    let server = Server::start().await;
    let (owner, admin) = (Person::instructor(), Person::admin());
    for (person, other) in [(&owner, &Person::learner()), (&admin, &owner)] {
        let id = server.upload(person, film(2_000)).await;
        let path = format!("/api/v1/content/{id}");
        let change = |person| server.request_by(person, Method::PATCH, &path);
        let body = json!({ "title": "Mine" });
        server.send(change(person).json(&body)).await.is(200);
        server.send(change(other).json(&body)).await.is(404);
        server
            .ask(person, Method::DELETE, &format!("{path}/delete"))
            .await
            .is(202);
        // gone already
        server
            .ask(&admin, Method::DELETE, &format!("{path}/delete"))
            .await
            .is(202);
    }
    let id = server.upload(&owner, film(2_000)).await;
    let stale = server
        .request_by(&admin, Method::PATCH, &format!("/api/v1/content/{id}"))
        .header("if-match", "\"9.9\"");
    server.send(stale.json(&json!({ "title": "x" }))).await.is(412);
    let path = format!("/api/v1/content/{id}/delete");
    let stale = server
        .request_by(&admin, Method::DELETE, &path)
        .header("if-match", "\"9.9\"");
    server.send(stale).await.is(412);
    assert_eq!(acts(&listed(&server, "").await), Vec::<Value>::new());
}

#[tokio::test]
async fn only_admins_read_the_audit_and_it_comes_in_pages() {
    let server = Server::start().await;
    let (owner, admin) = (Person::instructor(), Person::admin());
    for person in [Person::learner(), owner] {
        server
            .ask(&person, Method::GET, AUDIT)
            .await
            .is_problem(403, "admin_required");
    }
    server.get(AUDIT).await.is(401);
    for n in 0..3 {
        let id = server.upload(&owner, film(2_000)).await;
        let path = format!("/api/v1/content/{id}");
        let named = server.request_by(&admin, Method::PATCH, &path);
        server
            .send(named.json(&json!({ "title": format!("{n}") })))
            .await
            .is(200);
    }
    let first = listed(&server, "?limit=2").await;
    let cursor = first.json["next_cursor"].as_str().unwrap();
    let rest = listed(&server, &format!("?limit=2&cursor={cursor}")).await;
    assert_eq!((acts(&first).len(), acts(&rest).len()), (2, 1));
    assert!(rest.json["next_cursor"].is_null(), "{rest:?}");
}
