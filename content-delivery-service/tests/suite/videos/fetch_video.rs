use crate::courses::classroom::Classroom;
use crate::server::{Server, film, id};
use contracts::events::CourseItem;
use contracts::{CourseAccess, CourseRole, CourseStatus, ItemId, VideoId};
use reqwest::Method;
use serde_json::Value;
use std::time::{Duration, Instant};
use testing::{Person, Reply};

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

/// Asks for a lecture's details past what is kept in the process.
async fn details_anew(server: &Server, person: &Person, path: &str) -> Reply {
    let request = server.request_by(person, Method::GET, path);
    server.send(request.header("cache-control", "no-cache")).await
}

/// The fewest statements of many tries: loops in the background read now and then.
async fn fewest_statements<F: Future<Output = Reply>>(server: &Server, ask: impl Fn() -> F) -> u64 {
    let mut fewest = u64::MAX;
    for _ in 0..20 {
        let before = server.db.statements();
        ask().await.is(200);
        fewest = fewest.min(server.db.statements() - before);
    }
    fewest
}

#[tokio::test]
async fn a_lecture_that_others_watch_takes_one_statement_a_second_and_is_soon_up_to_date_on_all_nodes() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let video = server.lecture(&owner).await;
        let learner = Classroom::open(&server, &[video]).await.learner().await;
        let path = format!("/api/v1/content/{video}");
        server.details(&learner, video).await.is(200);
        let kept = fewest_statements(&server, || server.details(&learner, video)).await;
        let anew = fewest_statements(&server, || details_anew(&server, &learner, &path)).await;
        assert_eq!((kept, anew), (0, 1), "the statement that finds the right");

        let beside = server.beside().await;
        let title = async |server: &Server| server.details(&learner, video).await.is(200).json["title"].clone();
        for (n, node) in [&server, &beside, &server].into_iter().enumerate() {
            for node in [&server, &beside] {
                title(node).await;
            }
            let words = format!("title {n}");
            let edit = node.request_by(&owner, Method::PATCH, &path);
            node.send(edit.json(&serde_json::json!({ "title": words })))
                .await
                .is(200);
            assert_eq!(title(node).await, words, "on the node that changed it");
            let edited = Instant::now();
            for node in [&server, &beside] {
                assert_eq!(details_anew(node, &learner, &path).await.json["title"], words);
                while title(node).await != words {
                    assert!(
                        edited.elapsed() < Duration::from_secs(3),
                        "nothing is kept for longer than a second"
                    );
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        let gone = format!("{path}/delete");
        beside.ask(&owner, Method::DELETE, &gone).await.is(202);
        for node in [&server, &beside] {
            node.details(&owner, video).await.is_problem(410, "video_deleted");
        }
    }
}

/// Asks twice, so that the second answer is a kept one where that is allowed.
async fn details_twice(server: &Server, person: &Person, video: VideoId) -> Reply {
    server.details(person, video).await;
    server.details(person, video).await
}

#[tokio::test]
async fn what_is_kept_is_the_same_answer() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let learner = Classroom::open(&server, &[video]).await.learner().await;
        let path = format!("/api/v1/content/{video}");
        let mut etag = String::new();
        for status in [200, 304] {
            server.details(&learner, video).await.is(200);
            let mut answers = Vec::new();
            for passes_by in ["cache-control", "x-none"] {
                let request = server.request_by(&learner, Method::GET, &path);
                let request = request.header("if-none-match", &etag).header(passes_by, "no-cache");
                let mut answer = server.send(request).await;
                answer.is(status);
                for own in ["x-request-id", "date"] {
                    answer.headers.remove(own);
                }
                answers.push(answer);
            }
            assert_eq!(answers[0].headers, answers[1].headers);
            assert_eq!(answers[0].bytes, answers[1].bytes);
            assert_eq!(answers[0].bytes.is_empty(), status == 304);
            answers[0].header("etag").clone_into(&mut etag);
        }
    }
}

#[tokio::test]
async fn what_is_kept_is_sent_for_as_long_as_it_would_be_given() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let video = server.lecture(&owner).await;
        let path = format!("/api/v1/content/{video}");
        let mut classroom = Classroom::open(&server, &[video]).await;
        let (learner, stranger) = (classroom.learner().await, Person::learner());
        let kept = async |person: &Person| details_twice(&server, person, video).await;
        kept(&learner).await.is(200);
        assert_eq!(kept(&owner).await.json["source"]["filename"], "exam.mp4");
        kept(&stranger).await.is_problem(404, "video_not_found");
        let nobody = server.send(server.request(Method::GET, &path)).await;
        nobody.is_problem(401, "unauthenticated");

        let items = classroom.state.modules[0].items.clone();
        for _ in 0..5 {
            classroom.remove(&learner).await;
            kept(&learner).await.is_problem(404, "video_not_found");
            classroom.enrol(&learner, CourseRole::Learner).await;
            kept(&learner).await.is(200);
            classroom.change(|it| it.modules[0].items.clear()).await;
            kept(&learner).await.is_problem(404, "video_not_found");
            classroom.change(|it| it.modules[0].items.clone_from(&items)).await;
            kept(&learner).await.is(200);
            classroom.change(|it| it.status = CourseStatus::Draft).await;
            kept(&learner).await.is_problem(404, "video_not_found");
            classroom.change(|it| it.status = CourseStatus::Published).await;
            kept(&learner).await.is(200);
        }
        classroom.change(|it| it.access = CourseAccess::Public).await;
        for _ in 0..2 {
            let public = server.send(server.request(Method::GET, &path)).await;
            assert_eq!(public.is(200).json["owner_id"], Value::Null);
            assert_eq!(kept(&stranger).await.is(200).json["owner_id"], owner.id.to_string());
        }
        let end = server.clock.now() + Duration::from_secs(10);
        classroom.change(|it| it.ends_at = Some(end)).await;
        kept(&learner).await.is(200);
        server.clock.advance(Duration::from_secs(11));
        server.details(&learner, video).await.is_problem(403, "not_entitled");
    }
}

/// Somebody leaves a course before it gets a lecture; a node has kept their role, and then reads the course for another member.
#[tokio::test]
async fn what_is_kept_of_two_moments_makes_no_right() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let (first, second) = (server.lecture(&owner).await, server.lecture(&owner).await);
        let mut classroom = Classroom::open(&server, &[first]).await;
        let (former, member) = (classroom.learner().await, classroom.learner().await);
        let node = server.beside().await;
        node.details(&former, first).await.is(200);
        classroom.remove(&former).await;
        let item = CourseItem {
            id: ItemId::generate(),
            kind: "video".to_owned(),
            content_id: second.0,
        };
        classroom.change(|it| it.modules[0].items.push(item)).await;
        node.details(&member, second).await.is(200);
        node.details(&former, second).await.is_problem(404, "video_not_found");
    }
}
