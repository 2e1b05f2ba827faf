use crate::server::Server;
use reqwest::Method;
use serde_json::{Value, json};

/// What no title may be.
const TITLES: [&str; 8] = [
    "",
    "  ",
    "\u{200b}",
    "a\u{202e}b",
    "a\0b",
    "a\nb",
    "\u{3164}",
    "\u{301}\u{20dd}",
];

#[tokio::test]
async fn hostile_texts_are_refused_in_every_field_that_others_read() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let module = server.module(&owner, &course, "One").await;
        let video = server.world.film(&owner, "a", "ready");
        let item = server.item(&owner, &module, video).await;
        let long = "x".repeat(201);
        for title in TITLES.into_iter().chain([long.as_str()]) {
            let body = json!({"title": title});
            for reply in [
                server.post(&owner, "", body.clone()).await,
                server.patch(&owner, &course, body.clone()).await,
                server.post(&owner, &format!("{course}/modules"), body.clone()).await,
                server.patch(&owner, &module, body.clone()).await,
                server.patch(&owner, &item, body.clone()).await,
            ] {
                assert_eq!(reply.is(422).fields(), ["title"], "{title:?}");
            }
            let body = json!({"kind": "video", "content_id": video, "title": title});
            let reply = server.post(&owner, &format!("{module}/items"), body).await;
            assert_eq!(reply.is(422).fields(), ["title"], "{title:?}");
        }
        let plain = "<script>alert(1)</script> '; DROP TABLE courses; -- {{7*7}} %s";
        let kept = server.patch(&owner, &course, json!({"title": plain})).await;
        assert_eq!(kept.is(200).json["title"], plain);
    }
}

#[tokio::test]
async fn malformed_ids_are_unknown_ones_and_malformed_bodies_name_their_fields() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        for (path, code) in [
            ("/x".to_owned(), "course_not_found"),
            (course.to_uppercase(), "course_not_found"),
            (format!("{course}/modules/x"), "module_not_found"),
            (format!("{course}/modules/x/items/x"), "module_not_found"),
        ] {
            server
                .patch(&owner, &path, json!({"title": "x"}))
                .await
                .is_problem(404, code);
        }
        server
            .put(&owner, &format!("{course}/members/x"), json!({"role": "editor"}))
            .await
            .is_problem(404, "user_not_found");
        let bad: [(&str, Value, &str); 9] = [
            ("", json!({"title": 7}), "title"),
            ("", json!({}), "title"),
            ("", json!({"title": "x", "owner_id": owner.id}), "owner_id"),
            ("", json!({"title": "x", "access": "all"}), "access"),
            ("", json!({"title": "x", "join": "oneself"}), "join"),
            ("", json!({"title": "x", "opens_at": "tomorrow"}), "opens_at"),
            ("", json!({"title": "x", "ends_at": 1_800_000_000}), "ends_at"),
            ("/modules", json!({"title": "x", "place": 0}), "place"),
            ("/enrolments", json!({"user_id": "x"}), "user_id"),
        ];
        for (place, body, field) in bad {
            let path = if place.is_empty() {
                String::new()
            } else {
                format!("{course}{place}")
            };
            let reply = server.post(&owner, &path, body.clone()).await;
            assert_eq!(reply.is(422).fields(), [field], "{body}");
        }
        let broken = server.request_by(&owner, Method::POST, "/api/v1/courses");
        let broken = broken.header("content-type", "application/json").body("{\"title\": ");
        server.send(broken).await.is_problem(400, "malformed_json");
    }
}

#[tokio::test]
async fn a_course_has_a_hundred_modules_at_most() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        for _ in 0..100 {
            server.module(&owner, &course, "One").await;
        }
        let beyond = server
            .post(&owner, &format!("{course}/modules"), json!({"title": "x"}))
            .await;
        beyond.is_problem(409, "too_many");
        let shown = server.read(&owner, &course).await;
        assert_eq!(shown.is(200).json["modules"].as_array().unwrap().len(), 100);
    }
}

#[tokio::test]
async fn a_large_course_is_shown_with_few_statements() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let module = server.module(&owner, &course, "One").await;
        for _ in 0..40 {
            let video = server.world.film(&owner, "a", "ready");
            server.item(&owner, &module, video).await;
        }
        let before = server.db.statements();
        let shown = server.read(&owner, &course).await;
        assert_eq!(shown.json["modules"][0]["items"].as_array().unwrap().len(), 40);
        // Three for the course, and what the relay reads meanwhile.
        let statements = server.db.statements() - before;
        assert!((3..10).contains(&statements), "{statements}");
    }
}
