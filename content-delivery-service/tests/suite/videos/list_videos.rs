use crate::server::{Server, film};
use reqwest::Method;
use std::collections::BTreeSet;
use testing::Person;

const LIST: &str = "/api/v1/content";

#[tokio::test]
async fn my_videos_come_page_by_page_the_latest_first() {
    let (server, person) = (Server::start().await, Person::instructor());
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(server.begin(&person, 100).await);
    }
    server.begin(&Person::instructor(), 100).await;
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = server
            .ask(&person, Method::GET, &format!("{LIST}?limit=2{cursor}"))
            .await;
        let items = page.is(200).json["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(
            items
                .iter()
                .map(|video| video["upload"]["url"].as_str().unwrap().to_owned()),
        );
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    made.reverse();
    assert_eq!(seen, made);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 5);
    let other = server.ask(&Person::admin(), Method::GET, LIST).await;
    assert_eq!(
        other.is(200).json["items"].as_array().unwrap().len(),
        0,
        "admins see their own, too"
    );
    let stranger = server
        .ask(&Person::instructor(), Method::GET, &format!("{LIST}?limit=2{cursor}"))
        .await;
    assert_eq!(stranger.is(200).json["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_field_that_no_route_knows_is_named() {
    let (server, person) = (Server::start().await, Person::instructor());
    for path in [
        format!("{LIST}?colour=red&limit=2"),
        format!("{LIST}/nothing?colour=red"),
    ] {
        let answer = server.ask(&person, Method::GET, &path).await;
        answer.is_problem(422, "invalid_request");
        assert_eq!(answer.json["errors"][0]["field"], "colour");
    }
}

#[tokio::test]
async fn videos_are_found_by_status_and_wrong_queries_are_refused() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 900).await;
    server.patch(&location, 0, &film(900)).await.is(204);
    server.begin(&person, 900).await;
    for (status, count) in [("uploading", 1), ("processing", 1), ("ready", 0)] {
        let page = server
            .ask(&person, Method::GET, &format!("{LIST}/?status={status}"))
            .await;
        assert_eq!(page.is(200).json["items"].as_array().unwrap().len(), count, "{status}");
    }
    for wrong in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "cursor=AAAA",
        "cursor=",
        "status=half",
        "owner=everyone",
        "failed=perhaps",
        "limit=1&limit=2",
    ] {
        server
            .ask(&person, Method::GET, &format!("{LIST}?{wrong}"))
            .await
            .is_problem(422, "invalid_request");
    }
}
