use crate::server::Server;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn publishing_lists_what_is_missing_until_nothing_is() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({})).await;
        let publish = format!("{course}/publish");
        let missing = async || {
            let refused = server.post(&owner, &publish, json!({})).await;
            refused.is_problem(409, "course_incomplete");
            refused.fields().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(missing().await, ["modules"]);
        let module = server.module(&owner, &course, "One").await;
        assert_eq!(missing().await, ["modules[0].items"]);
        let video = server.world.film(&owner, "a", "processing");
        server.item(&owner, &module, video).await;
        assert_eq!(missing().await, ["modules"]);
        let ends = server.clock.now();
        server.patch(&owner, &course, json!({"ends_at": ends})).await.is(200);
        assert_eq!(missing().await, ["ends_at"]);
        server.patch(&owner, &course, json!({"ends_at": null})).await.is(200);
        server.world.set_status(video, "failed");
        assert_eq!(missing().await, ["modules[0].items[0]"]);
        server.world.set_status(video, "playable");
        assert_eq!(
            server.post(&owner, &publish, json!({})).await.is(200).json["status"],
            "published"
        );
        server.world.set_status(video, "deleted");
        let again = server.post(&owner, &publish, json!({})).await;
        assert_eq!(again.is(200).json["modules"][0]["items"][0]["state"], "deleted");
    }
}

/// Learners enrol before the first lecture begins.
#[tokio::test]
async fn a_course_of_a_live_lecture_that_is_scheduled_can_be_published_and_joined() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let course = server.course(&owner, json!({})).await;
        let module = server.module(&owner, &course, "One").await;
        let video = server.world.film(&owner, "a", "scheduled");
        server.item(&owner, &module, video).await;
        server
            .post(&owner, &format!("{course}/publish"), json!({}))
            .await
            .is(200);
        server
            .post(&learner, &format!("{course}/enrolments"), json!({}))
            .await
            .is(201);
    }
}

#[tokio::test]
async fn a_course_goes_from_each_status_to_each_other() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        for (act, status) in [
            ("archive", "archived"),
            ("archive", "archived"),
            ("publish", "published"),
            ("unpublish", "draft"),
            ("archive", "archived"),
            ("unpublish", "draft"),
            ("publish", "published"),
        ] {
            let done = server.post(&owner, &format!("{course}/{act}"), json!({})).await;
            assert_eq!(done.is(200).json["status"], status, "{act}");
        }
    }
}

#[tokio::test]
async fn a_stale_deletion_and_a_stale_new_code_are_refused() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let course = server.course(&owner, json!({"join": "code"})).await;
        let before = server.read(&owner, &course).await;
        server.patch(&owner, &course, json!({"title": "Another"})).await.is(200);
        let code = format!("{course}/code");
        for request in [(Method::DELETE, course.as_str()), (Method::POST, code.as_str())] {
            let stale = server
                .call_if(&owner, request.clone(), before.header("etag"), &json!({}))
                .await;
            stale.is_problem(412, "stale");
        }
        let now = server.read(&owner, &course).await;
        assert_eq!(now.json["code"], before.json["code"]);
        let deleted = server
            .call_if(&owner, (Method::DELETE, &course), now.header("etag"), &json!({}))
            .await;
        deleted.is(204);
    }
}

#[tokio::test]
async fn the_same_status_again_is_no_edit_and_a_stale_one_is_refused() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let before = server.read(&owner, &course).await;
        let again = server.post(&owner, &format!("{course}/publish"), json!({})).await;
        assert_eq!(again.is(200).header("etag"), before.header("etag"));
        server.patch(&owner, &course, json!({"title": "Trees"})).await.is(200);
        let archive = format!("{course}/archive");
        let request = (Method::POST, archive.as_str());
        let stale = server.call_if(&owner, request, before.header("etag"), &json!({})).await;
        stale.is_problem(412, "stale");
    }
}

#[tokio::test]
async fn nobody_enrols_in_a_course_that_has_ended_or_is_not_published() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server.published(&owner, json!({})).await;
        let enrolments = format!("{course}/enrolments");
        let ends = server.clock.now() + Duration::from_secs(60);
        server.patch(&owner, &course, json!({"ends_at": ends})).await.is(200);
        server.post(&learner, &enrolments, json!({})).await.is(201);
        server.clock.advance(Duration::from_secs(60));
        server.post(&learner, &enrolments, json!({})).await.is(200);
        server
            .post(&server.learner(), &enrolments, json!({}))
            .await
            .is_problem(409, "course_ended");
        for act in ["archive", "unpublish"] {
            server.post(&owner, &format!("{course}/{act}"), json!({})).await.is(200);
            server
                .post(&server.learner(), &enrolments, json!({}))
                .await
                .is_problem(404, "course_not_found");
        }
    }
}
