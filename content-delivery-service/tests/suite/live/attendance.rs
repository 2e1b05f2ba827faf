//! Who was there.

use super::publisher::{LIVE, Publisher, of};
use crate::server::Server;
use contracts::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testing::Person;

#[tokio::test]
async fn a_teacher_sees_who_attended_from_when_to_when_also_as_a_table() {
    let server = Server::start().await;
    let (owner, viewer) = (Person::instructor(), Person::learner());
    server.courses().has_account(viewer.id, Role::Learner, true);
    let (key, id) = of(&server.announce(&owner).await);
    let shared = server.request_by(&owner, Method::PATCH, &format!("/api/v1/content/{id}"));
    server
        .send(shared.json(&json!({"visibility": "signed_in"})))
        .await
        .is(200);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(5).await;
    let came = server.clock.now();
    let index = server.index_of(&viewer, id).await;
    server.text(&index).await;
    server.clock.advance(Duration::from_secs(20));
    server.text(&index).await;
    let attendance = server
        .live(&owner, Method::GET, &format!("/{id}/attendance"), &Value::Null)
        .await;
    let items = attendance.is(200).json["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1, "{items}");
    assert_eq!(
        (&items[0]["user_id"], &items[0]["name"]),
        (&json!(viewer.id), &json!("Somebody"))
    );
    assert_eq!(items[0]["from"], json!(came));
    assert_eq!(items[0]["until"], json!(came + Duration::from_secs(20)));
    let table = server.request_by(&owner, Method::GET, &format!("{LIVE}/{id}/attendance"));
    let table = server.send(table.header("accept", "text/csv")).await;
    let text = String::from_utf8(table.bytes.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.lines()
            .nth(1)
            .unwrap()
            .starts_with(&format!("{},\"Somebody\",", viewer.id)),
        "{text}"
    );
    // a recording that is watched later is no attendance
    server
        .live(&owner, Method::POST, &format!("/{id}/end"), &Value::Null)
        .await
        .is(200);
    server.clock.advance(Duration::from_secs(3_600));
    let index = server.index_of(&Person::admin(), id).await;
    server.text(&index).await;
    let later = server
        .live(&owner, Method::GET, &format!("/{id}/attendance"), &Value::Null)
        .await;
    assert_eq!(later.json["items"].as_array().unwrap().len(), 1);
}
