use crate::server::{Server, column, id};
use contracts::{Role, VideoId};
use serde_json::json;
use testing::Person;

fn of_lecture(video: VideoId) -> String {
    format!("/lectures/{video}")
}

#[tokio::test]
async fn a_lecture_s_owner_sees_its_courses_and_takes_it_out_of_those_of_others() {
    for server in Server::on_each_engine().await {
        let (teacher, guest) = (server.instructor(), server.instructor());
        let (course, first) = server.published(&teacher, json!({})).await;
        let draft = server.course(&guest, json!({"title": "Own"})).await;
        let video = server.world.film(&guest, "Borrowed", "ready");
        let own = server.module(&guest, &draft, "One").await;
        server.item(&guest, &own, video).await;
        // An editor brings a lecture along, twice, and is removed.
        let body = json!({"user_id": guest.id});
        server
            .post(&teacher, &format!("{course}/enrolments"), body)
            .await
            .is(201);
        let role = format!("{course}/members/{}", guest.id);
        server.put(&teacher, &role, json!({"role": "editor"})).await.is(200);
        let module = server.module(&guest, &course, "Two").await;
        server.item(&guest, &module, video).await;
        let item = server.item(&guest, &module, video).await;
        let gone = format!("{course}/enrolments/{}", guest.id);
        server.delete(&teacher, &gone).await.is(204);
        server.patch(&teacher, &course, json!({"join": "closed"})).await.is(200);

        server.read(&guest, &course).await.is_problem(404, "course_not_found");
        server.delete(&guest, &item).await.is_problem(404, "course_not_found");
        let courses = server.read(&guest, &of_lecture(video)).await;
        assert_eq!(column(courses.is(200), "id"), [id(&draft), id(&course)]);
        let theirs = json!({
            "id": id(&course), "title": "Graphs", "status": "published", "access": "enrolled", "owner_id": teacher.id,
            "my_role": null,
        });
        assert_eq!(courses.json["items"][1], theirs);
        assert_eq!(courses.json["items"][0]["my_role"], "owner");
        assert_eq!(courses.json["items"][0]["status"], "draft");

        let before = server.read(&teacher, &course).await;
        let taken = format!("{course}/lectures/{video}");
        server.delete(&guest, &taken).await.is(204);
        let after = server.read(&teacher, &course).await;
        assert_eq!(after.json["modules"][0]["items"][0]["content_id"], json!(first));
        assert_eq!(after.json["modules"][1]["items"], json!([]));
        assert_ne!(
            before.header("etag"),
            after.header("etag"),
            "a stale edit must be refused"
        );
        server.delete(&guest, &taken).await.is_problem(404, "item_not_found");
        let left = server.read(&guest, &of_lecture(video)).await;
        assert_eq!(column(&left, "id"), [id(&draft)]);
        // Who edits a course needs no entry for an edit.
        let own = format!("{draft}/lectures/{video}");
        server.delete(&guest, &own).await.is(204);
        is_audited_once(&server, &guest, video).await;
    }
}

/// The newest act in the audit, and the only one of its kind, is that somebody took this lecture out.
async fn is_audited_once(server: &Server, actor: &Person, video: VideoId) {
    let admin = server.person(Role::Admin);
    let audit = server.read(&admin, "/audit").await;
    let acts = column(audit.is(200), "act");
    assert_eq!(acts.iter().filter(|act| *act == "take_lecture_out").count(), 1);
    let entry = &audit.json["items"][0];
    let (act, actor) = (json!("take_lecture_out"), json!(actor.id));
    assert_eq!((&entry["act"], &entry["actor_id"]), (&act, &actor));
    assert_eq!(entry["details"], json!({"content_id": video}));
}

#[tokio::test]
async fn nobody_learns_of_a_lecture_s_courses_or_takes_it_out_but_its_owner_and_admins() {
    for server in Server::on_each_engine().await {
        let teacher = server.instructor();
        let (course, video) = server.published(&teacher, json!({"access": "public"})).await;
        let editor = server.member(&teacher, &course, "editor").await;
        let unknown = VideoId::generate();
        for (who, video) in [(&editor, video), (&server.learner(), video), (&teacher, unknown)] {
            let asked = server.read(who, &of_lecture(video)).await;
            asked.is_problem(404, "video_not_found");
            let taken = server.delete(who, &format!("{course}/lectures/{video}")).await;
            taken.is_problem(404, "video_not_found");
        }
        let missing = format!("/01900000-0000-7000-8000-000000000000/lectures/{video}");
        server
            .delete(&teacher, &missing)
            .await
            .is_problem(404, "item_not_found");
        let admin = server.person(Role::Admin);
        assert_eq!(
            column(&server.read(&admin, &of_lecture(video)).await, "id"),
            [id(&course)]
        );
        server.world.be_silent(true);
        let silent = server.read(&teacher, &of_lecture(video)).await;
        silent.is_problem(503, "unavailable");
        server.world.be_silent(false);
        server
            .delete(&admin, &format!("{course}/lectures/{video}"))
            .await
            .is(204);
        let none = server.read(&teacher, &of_lecture(video)).await;
        assert_eq!(none.is(200).json, json!({"items": [], "next_cursor": null}));
    }
}

#[tokio::test]
async fn the_courses_of_a_lecture_are_listed_page_by_page() {
    for server in Server::on_each_engine().await {
        let teacher = server.instructor();
        let video = server.world.film(&teacher, "Everywhere", "ready");
        let mut all = Vec::new();
        for _ in 0..5 {
            let course = server.course(&teacher, json!({})).await;
            let module = server.module(&teacher, &course, "One").await;
            server.item(&teacher, &module, video).await;
            all.insert(0, id(&course).to_owned());
        }
        let (mut seen, mut path) = (Vec::new(), format!("{}?limit=2", of_lecture(video)));
        loop {
            let page = server.read(&teacher, &path).await;
            seen.extend(column(page.is(200), "id"));
            let Some(cursor) = page.json["next_cursor"].as_str() else {
                break;
            };
            path = format!("{}?limit=2&cursor={cursor}", of_lecture(video));
        }
        assert_eq!(seen, all);
    }
}
