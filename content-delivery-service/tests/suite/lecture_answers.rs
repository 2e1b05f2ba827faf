//! What other services ask about lectures, on both engines.

use crate::server::{Server, id};
use content_delivery_service::LectureAnswers;
use contracts::questions::Lectures as _;
use contracts::{UserId, VideoId};
use reqwest::Method;
use serde_json::json;
use testing::Person;

#[tokio::test]
async fn lectures_are_answered_with_who_administers_them_and_without_deleted_ones() {
    for server in Server::on_each_engine().await {
        let (owner, other) = (Person::instructor(), Person::instructor());
        let mut ids: Vec<VideoId> = Vec::new();
        for person in [&owner, &owner, &other] {
            ids.push(id(&server.begin(person, 100).await).parse().unwrap());
        }
        let details = format!("/api/v1/content/{}", ids[0]);
        let renamed = server
            .request_by(&owner, Method::PATCH, &details)
            .json(&json!({"title": "Trees"}));
        server.send(renamed).await.is(200);
        server
            .ask(&owner, Method::DELETE, &format!("/api/v1/content/{}/delete", ids[1]))
            .await
            .is(202);
        let answers = LectureAnswers::new(server.db.clone());
        let asked = [ids[2], VideoId::generate(), ids[1], ids[0], ids[0]];
        let ask = async |user: UserId, is_admin| {
            let mut found = answers.lectures(&asked, user, is_admin).await.unwrap();
            found.sort_by_key(|lecture| lecture.id);
            let shown = found
                .into_iter()
                .map(|it| (it.id, it.title, it.status, it.is_playable, it.is_administered));
            shown.collect::<Vec<_>>()
        };
        let lecture = |id, title: &str, own| (id, title.to_owned(), "uploading".to_owned(), false, own);
        let untitled = "Untitled lecture";
        let expected = [lecture(ids[0], "Trees", true), lecture(ids[2], untitled, false)];
        assert_eq!(ask(owner.id, false).await, expected);
        let expected = [lecture(ids[0], "Trees", true), lecture(ids[2], untitled, true)];
        assert_eq!(ask(UserId::generate(), true).await, expected);
    }
}
