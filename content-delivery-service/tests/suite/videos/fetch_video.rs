use crate::courses::classroom::Classroom;
use crate::server::{Server, film, id};
use reqwest::Method;
use serde_json::Value;
use testing::Person;

#[tokio::test]
async fn a_video_is_shown_to_its_owner_and_to_admins_alone() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    let id = id(&location);
    let own = server.details(&person, id).await;
    assert_eq!(
        (own.is(200).id(), &own.json["owner_id"]),
        (id.to_owned(), &person.id.to_string().into())
    );
    assert_eq!(own.json["upload"]["url"], location);
    for (field, value) in [
        ("reason", Value::Null),
        ("duration", Value::Null),
        ("playable_at", Value::Null),
    ] {
        assert_eq!(own.json[field], value, "{field}");
    }
    let admin = server.details(&Person::admin(), id).await;
    assert_eq!(
        (admin.is(200).id(), &admin.json["upload"]["url"]),
        (id.to_owned(), &Value::Null)
    );
    for stranger in [Person::instructor(), Person::learner()] {
        server.details(&stranger, id).await.is_problem(404, "video_not_found");
    }
    server
        .send(server.request(Method::GET, &format!("/api/v1/content/{id}")))
        .await
        .is_problem(401, "unauthenticated");
    for unknown in ["x", "00000000-0000-7000-8000-000000000000", &id.to_uppercase()] {
        server
            .details(&person, unknown)
            .await
            .is_problem(404, "video_not_found");
    }
}

#[tokio::test]
async fn an_unchanged_video_is_not_sent_again() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 900).await;
    server.patch(&location, 0, &film(900)).await.is(204);
    let id = id(&location);
    let first = server.details(&person, id).await;
    let path = format!("/api/v1/content/{id}");
    let known = server.request_by(&person, Method::GET, &path);
    let again = server.send(known.header("if-none-match", first.header("etag"))).await;
    assert_eq!(again.is(304).header("etag"), first.header("etag"));
}

#[tokio::test]
async fn a_lecture_that_others_watch_takes_one_statement_and_is_never_outdated() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let video = server.lecture(&owner).await;
        let learner = Classroom::open(&server, &[video]).await.learner().await;
        let title = async |server: &Server| server.details(&learner, video).await.is(200).json["title"].clone();
        title(&server).await;
        let mut fewest = u64::MAX;
        // loops in the background read now and then
        for _ in 0..20 {
            let before = server.db.statements();
            title(&server).await;
            fewest = fewest.min(server.db.statements() - before);
        }
        assert_eq!(fewest, 1, "the statement that finds the right");

        let beside = server.beside().await;
        let path = format!("/api/v1/content/{video}");
        for (n, node) in [&server, &beside, &server].into_iter().enumerate() {
            let words = format!("title {n}");
            let edit = node.request_by(&owner, Method::PATCH, &path);
            node.send(edit.json(&serde_json::json!({ "title": words })))
                .await
                .is(200);
            for node in [&server, &beside] {
                assert_eq!(title(node).await, words);
            }
        }
        let gone = format!("{path}/delete");
        beside.ask(&owner, Method::DELETE, &gone).await.is(202);
        for node in [&server, &beside] {
            node.details(&owner, video).await.is_problem(410, "video_deleted");
        }
    }
}
