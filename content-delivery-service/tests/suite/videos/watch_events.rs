use crate::server::{Server, film, id};
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;
use testing::Person;

pub(crate) struct Events {
    bytes: Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Events {
    pub(crate) async fn open(server: &Server, person: &Person, path: &str) -> Self {
        let request = server.request_by(person, Method::GET, path);
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            bytes: Box::pin(response.bytes_stream()),
            text: String::new(),
        }
    }

    /// The next video; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let video = event
                    .strip_prefix("event: video\ndata: ")
                    .map(|json| serde_json::from_str(json).unwrap());
                self.text = rest.to_owned();
                if video.is_some() {
                    return video;
                }
                continue;
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.bytes.next())
                .await
                .expect("no event in time");
            match more {
                Some(Ok(bytes)) => self.text.push_str(std::str::from_utf8(&bytes).unwrap()),
                Some(Err(_)) | None => return None,
            }
        }
    }
}

fn path(location: &str) -> String {
    format!("/api/v1/content/{}/events", id(location))
}

#[tokio::test]
async fn a_video_is_sent_at_once_and_at_each_change_until_it_is_deleted() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(2_000));
    let location = server.begin(&person, bytes.len()).await;
    let mut events = Events::open(&server, &person, &path(&location)).await;
    assert_eq!(events.next().await.unwrap()["upload"]["offset"], 0);
    server.patch(&location, 0, &bytes[..700]).await.is(204);
    assert_eq!(events.next().await.unwrap()["upload"]["offset"], 700);
    server.patch(&location, 700, &bytes[700..]).await.is(204);
    assert_eq!(events.next().await.unwrap()["status"], "processing");
    server
        .ask(&person, Method::DELETE, &path(&location).replace("events", "delete"))
        .await
        .is(202);
    assert_eq!(events.next().await.unwrap()["status"], "deleted");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_event_stream_ends_with_the_sign_in_and_is_open_to_the_owner_alone() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 900).await;
    server
        .ask(&Person::instructor(), Method::GET, &path(&location))
        .await
        .is_problem(404, "video_not_found");
    let mut events = Events::open(&server, &person, &path(&location)).await;
    assert!(events.next().await.is_some());
    server
        .identity
        .revocations
        .feed()
        .end_session(person.session, server.clock.now() + Duration::from_secs(300));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_key_of_a_link_opens_the_event_stream_until_the_link_is_taken_back() {
    let (server, owner) = (Server::start().await, Person::instructor());
    let location = server.begin(&owner, 900).await;
    let share = async |visibility: &str| {
        let body = serde_json::json!({ "visibility": visibility });
        let lecture = format!("/api/v1/content/{}", id(&location));
        let request = server.request_by(&owner, Method::PATCH, &lecture).json(&body);
        server.send(request).await.is(200).json["share_url"].clone()
    };
    let link = share("link").await;
    let (_, key) = link.as_str().unwrap().split_once("?s=").unwrap();
    let other = Person::learner();
    for wrong in [path(&location), format!("{}?s=wrong", path(&location))] {
        let refused = server.ask(&other, Method::GET, &wrong).await;
        refused.is_problem(404, "video_not_found");
    }
    let mut events = Events::open(&server, &other, &format!("{}?s={key}", path(&location))).await;
    let seen = events.next().await.unwrap();
    assert_eq!((&seen["status"], &seen["upload"]), (&"uploading".into(), &Value::Null));
    share("private").await;
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_user_follows_no_more_lectures_at_the_same_time_than_allowed() {
    let (server, person) = (
        Server::with(|config| config.quota.event_streams = 2).await,
        Person::instructor(),
    );
    let path = path(&server.begin(&person, 2_000).await);
    let mut first = Events::open(&server, &person, &path).await;
    let mut second = Events::open(&server, &person.on_another_device(), &path).await;
    assert!(first.next().await.is_some() && second.next().await.is_some());
    let refused = server.ask(&person, Method::GET, &path).await;
    refused.is_problem(429, "too_many_event_streams");
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    let mut admin = Events::open(&server, &Person::admin(), &path).await;
    assert!(admin.next().await.is_some(), "others have streams of their own");
    drop(first);
    testing::until("the stream that was closed makes room", || async {
        let request = server.request_by(&person, Method::GET, &path);
        request.send().await.unwrap().status().as_u16() == 200
    })
    .await;
}
