//! How far people are with a course: each for themselves, and all members for their teachers.

use crate::server::{Server, column, id};
use contracts::questions::Watched;
use contracts::{Timestamp, UserId, VideoId};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testing::{Person, Reply};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Seconds of a lecture of 60.
fn watched(user: UserId, video: VideoId, seconds: u64) -> Watched {
    Watched {
        user,
        video,
        position: Duration::from_secs(seconds),
        seen: Duration::from_millis(seconds * 1_000 - 500),
        duration: Some(Duration::from_secs(60)),
        is_completed: seconds >= 55,
        watched_at: NOW + Duration::from_secs(seconds),
    }
}

/// A published course of two lectures and its path; the second lecture is in a module of its own.
async fn course(server: &Server, owner: &Person) -> (String, VideoId, VideoId) {
    let (course, one) = server.published(owner, json!({})).await;
    let two = server.world.film(owner, "Forests", "ready");
    let module = server.module(owner, &course, "Two").await;
    server.item(owner, &module, two).await;
    (course, one, two)
}

async fn csv(server: &Server, by: &Person, course: &str) -> Reply {
    let path = format!("/api/v1/courses{course}/members/progress");
    let request = server.request_by(by, Method::GET, &path);
    server.send(request.header("accept", "text/csv")).await
}

#[tokio::test]
async fn somebody_sees_how_far_they_are_with_each_item() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, one, two) = course(&server, &owner).await;
        let learner = server.member(&owner, &course, "learner").await;
        server.world.watches(watched(learner.id, two, 59));
        server.world.watches(watched(owner.id, one, 9));
        let path = format!("{course}/progress");
        let mine = server.read(&learner, &path).await;
        assert_eq!(mine.is(200).header("cache-control"), "no-store");
        assert_eq!(column(&mine, "content_id"), [one.to_string(), two.to_string()]);
        let item = &mine.json["items"][1];
        let meant = json!({
            "item_id": item["item_id"], "content_id": two, "position": 59.0, "seconds": 58.5, "duration": 60.0,
            "completed": true,
        });
        assert_eq!(*item, meant);
        let nothing = &mine.json["items"][0];
        assert_eq!(
            (&nothing["position"], &nothing["seconds"], &nothing["completed"]),
            (&json!(0.0), &json!(0.0), &json!(false))
        );
        assert_eq!((&mine.json["completed"], &mine.json["of"]), (&json!(1), &json!(2)));

        // Whoever may see the course may ask, but not which lectures it has, and a stranger to it may not.
        let visitor = server.learner();
        let theirs = server.read(&visitor, &path).await;
        assert_eq!(theirs.is(200).json["completed"], 0);
        let named = |reply: &Reply| {
            let items = reply.json["items"].as_array().unwrap().iter();
            items
                .filter(|item| !item["content_id"].is_null() || !item["duration"].is_null())
                .count()
        };
        assert_eq!((named(&theirs), named(&mine)), (0, 2));
        server
            .patch(&owner, &course, json!({"opens_at": "2030-01-01T00:00:00Z"}))
            .await
            .is(200);
        assert_eq!(named(&server.read(&learner, &path).await), 0, "it is not open yet");
        assert_eq!(named(&server.read(&owner, &path).await), 2);
        let draft = server.course(&owner, json!({})).await;
        let empty = server.read(&owner, &format!("{draft}/progress")).await;
        assert_eq!(empty.is(200).json, json!({"items": [], "completed": 0, "of": 0}));
        server
            .read(&visitor, &format!("{draft}/progress"))
            .await
            .is_problem(404, "course_not_found");
        server.get(&format!("/api/v1/courses{path}")).await.is(401);
        server.world.be_silent(true);
        server.read(&learner, &path).await.is_problem(503, "unavailable");
    }
}

#[tokio::test]
async fn nobody_has_to_complete_a_deleted_lecture() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, one, two) = course(&server, &owner).await;
        server.world.watches(watched(owner.id, one, 59));
        server.world.watches(watched(owner.id, two, 59));
        let gone = contracts::events::VideoDeleted {
            owner_id: owner.id,
            policy_version: 2,
        };
        server.world.set_status(two, "deleted");
        server.tell(contracts::NewEvent::of_video(two, gone.into()), 2).await;
        let mine = server.read(&owner, &format!("{course}/progress")).await;
        assert_eq!((&mine.json["completed"], &mine.json["of"]), (&json!(1), &json!(1)));
        assert_eq!(mine.json["items"][1]["duration"], Value::Null);
        let all = server.read(&owner, &format!("{course}/members/progress")).await;
        assert_eq!(
            (&all.json["items"][0]["completed"], &all.json["items"][0]["of"]),
            (&json!(1), &json!(1))
        );
    }
}

#[tokio::test]
async fn teachers_see_how_far_members_are_in_pages() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, one, two) = course(&server, &owner).await;
        let mut people = vec![owner.id.to_string()];
        let mut last = owner;
        for _ in 0..3 {
            last = server.member(&owner, &course, "learner").await;
            people.push(last.id.to_string());
        }
        server.world.watches(watched(last.id, one, 59));
        server.world.watches(watched(last.id, two, 40));
        server.world.watches(watched(server.learner().id, two, 59));
        let path = format!("{course}/members/progress");
        let first = server.read(&owner, &format!("{path}?limit=3")).await;
        assert_eq!(column(first.is(200), "user_id"), people[..3]);
        let nothing = json!({
            "user_id": people[1], "name": first.json["items"][1]["name"], "completed": 0, "of": 2, "seconds": 0.0,
            "last_watched_at": null,
        });
        assert_eq!(first.json["items"][1], nothing);
        let cursor = first.json["next_cursor"].as_str().unwrap();
        let second = server.read(&owner, &format!("{path}?limit=3&cursor={cursor}")).await;
        assert_eq!(
            (column(&second, "user_id"), &second.json["next_cursor"]),
            (people[3..].to_vec(), &json!(null))
        );
        let it = &second.json["items"][0];
        assert_eq!(
            (&it["completed"], &it["of"], &it["seconds"]),
            (&json!(1), &json!(2), &json!(98.0))
        );
        assert_eq!(it["last_watched_at"], json!(NOW + Duration::from_secs(59)));
        server.read(&last, &path).await.is_problem(403, "assistant_required");
        csv(&server, &last, &course).await.is_problem(403, "assistant_required");
        let assistant = server.member(&owner, &course, "assistant").await;
        server.read(&assistant, &path).await.is(200);
    }
}

#[tokio::test]
async fn teachers_see_how_far_the_members_of_a_large_course_are() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, one, _) = course(&server, &owner).await;
        let module = server.module(&owner, &course, "Three").await;
        for _ in 2..101 {
            let film = server.world.film(&owner, "Leaves", "ready");
            server.item(&owner, &module, film).await;
        }
        let mut last = server.member(&owner, &course, "learner").await;
        for _ in 2..100 {
            last = server.member(&owner, &course, "learner").await;
        }
        server.world.watches(watched(last.id, one, 59));
        let path = format!("{course}/members/progress?limit=100");
        let all = server.read(&owner, &path).await;
        let it = &all.is(200).json["items"][99];
        assert_eq!(
            (&it["user_id"], &it["completed"], &it["of"]),
            (&json!(last.id), &json!(1), &json!(101))
        );
        let table = csv(&server, &owner, &course).await;
        let line = table.is(200).text.split("\r\n").nth(100).unwrap();
        assert!(
            line.starts_with(&last.id.to_string()) && line.contains(",1,101,"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn the_table_of_all_members_is_harmless_in_a_spreadsheet() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, one, _) = course(&server, &owner).await;
        server.world.rename(&owner, "=HYPERLINK(\"https://x.test\")");
        let mut learners = Vec::new();
        for _ in 0..120 {
            learners.push(server.member(&owner, &course, "learner").await);
        }
        server.world.rename(&learners[0], "Lovelace, Ada");
        server.world.rename(&learners[1], "@SUM(A1)");
        server.world.watches(watched(learners[0].id, one, 59));
        let table = csv(&server, &owner, &course).await;
        assert_eq!(table.is(200).header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(
            table.header("content-disposition"),
            "attachment; filename=\"progress.csv\""
        );
        assert_eq!(
            (table.header("cache-control"), table.header("vary")),
            ("no-store", "Accept")
        );
        let lines: Vec<&str> = table.text.split("\r\n").collect();
        assert_eq!(lines[0], "\u{feff}user_id,name,completed,of,seconds,last_watched_at");
        assert_eq!(
            lines[1],
            format!("{},\"'=HYPERLINK(\"\"https://x.test\"\")\",0,2,0,", owner.id)
        );
        let seen_at = NOW + Duration::from_secs(59);
        let ada = format!("{},\"Lovelace, Ada\",1,2,58.5,{seen_at}", learners[0].id);
        assert_eq!(lines[2], ada);
        assert_eq!(lines[3], format!("{},'@SUM(A1),0,2,0,", learners[1].id));
        // The header, the owner, the learners, and nothing after the last line's end.
        assert_eq!((lines.len(), lines.last()), (1 + 1 + 120 + 1, Some(&"")));
        assert!(
            lines[121].starts_with(&learners[119].id.to_string()),
            "{}",
            id(lines[121])
        );
    }
}

#[tokio::test]
async fn the_course_decides_how_much_of_a_lecture_completes_it_also_for_what_was_seen_before() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, one, two) = course(&server, &owner).await;
        let learner = server.member(&owner, &course, "learner").await;
        server.world.watches(watched(learner.id, one, 40));
        server.world.watches(watched(learner.id, two, 59));
        let completed = async || {
            let mine = server.read(&learner, &format!("{course}/progress")).await;
            let items = mine.is(200).json["items"].as_array().unwrap().clone();
            let done = items.iter().filter(|item| item["completed"] == true).count();
            let all = server.read(&owner, &format!("{course}/members/progress")).await;
            let table = csv(&server, &owner, &course).await;
            let line = table.text.split("\r\n").nth(2).unwrap().to_owned();
            assert!(line.contains(&format!(",{done},2,")), "{line}");
            assert_eq!(mine.json["completed"], json!(done));
            assert_eq!(all.json["items"][1]["completed"], json!(done));
            done
        };
        assert_eq!(completed().await, 1, "the installation's share");
        for (share, meant) in [
            (json!(0.6), 2),
            (json!(1), 0),
            (json!(0.97), 1),
            (json!(0.1), 2),
            (Value::Null, 1),
        ] {
            let change = json!({"completed_share": share});
            server.patch(&owner, &course, change).await.is(200);
            assert_eq!(completed().await, meant, "{share}");
        }
    }
}
