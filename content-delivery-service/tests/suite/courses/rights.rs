//! Who may see and watch a lecture by a course, on both engines.

use super::classroom::{Classroom, code};
use crate::server::Server;
use contracts::{CourseAccess, CourseRole, CourseStatus, Timestamp, VideoId};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;
use testing::{Person, Reply};

const HOUR: Duration = Duration::from_secs(3_600);

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_member_sees_and_watches_and_handles_nothing() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let video = server.lecture(&owner).await;
        let learner = Classroom::open(&server, &[video]).await.learner().await;
        let seen = server.details(&learner, video).await;
        let seen = &seen.is(200).json;
        assert_eq!(
            (&seen["id"], &seen["status"]),
            (&video.to_string().into(), &"ready".into())
        );
        assert_eq!(seen["owner_id"], owner.id.to_string());
        for hidden in ["upload", "reason"] {
            assert_eq!(seen[hidden], Value::Null, "{hidden}");
        }
        for hidden in ["bytes", "filename", "container"] {
            assert_eq!(seen["source"][hidden], Value::Null, "{hidden}");
        }
        assert_eq!(
            server.details(&owner, video).await.json["source"]["filename"],
            "exam.mp4"
        );
        let heart = server.heart(&learner, video).await;
        assert!(server.beats(&heart).await);
        let path = format!("/api/v1/content/{video}");
        for (method, path) in [
            (Method::PATCH, path.clone()),
            (Method::DELETE, format!("{path}/delete")),
            (Method::POST, format!("{path}/transcode")),
            (Method::GET, format!("{path}/transcode")),
        ] {
            let request = server
                .request_by(&learner, method.clone(), &path)
                .json(&serde_json::json!({}));
            let refused = server.send(request).await;
            assert_eq!(code(&refused), refusal(404, "video_not_found"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn strangers_and_former_members_find_nothing() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let former = classroom.learner().await;
        assert_eq!(server.streams(&former, video).await.0, 200);
        classroom.remove(&former).await;
        for stranger in [former, Person::learner(), Person::instructor()] {
            let nothing = refusal(404, "video_not_found");
            assert_eq!(server.streams(&stranger, video).await, nothing);
            assert_eq!(code(&server.details(&stranger, video).await), nothing);
        }
        classroom.enrol(&former, CourseRole::Learner).await;
        assert_eq!(server.streams(&former, video).await.0, 200);
    }
}

#[tokio::test]
async fn learners_learn_that_a_lecture_of_their_course_was_deleted_and_strangers_do_not() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let (video, other) = (server.lecture(&owner).await, server.lecture(&owner).await);
        let mut classroom = Classroom::open(&server, &[video, other]).await;
        let (learner, former) = (classroom.learner().await, classroom.learner().await);
        classroom.remove(&former).await;
        let delete = async |video: VideoId| {
            let path = format!("/api/v1/content/{video}/delete");
            server.ask(&owner, Method::DELETE, &path).await.is(202);
        };
        let (gone, nothing) = (refusal(410, "video_deleted"), refusal(404, "video_not_found"));
        // The course's event has only the lectures that are left, each time.
        for deleted in [video, other] {
            delete(deleted).await;
            assert_eq!(code(&server.details(&learner, deleted).await), gone);
            classroom.change(|it| drop(it.modules.remove(0))).await;
            classroom.change(|_| ()).await;
            assert_eq!(code(&server.details(&learner, deleted).await), gone);
            assert_eq!(server.streams(&learner, deleted).await, gone);
            assert_eq!(code(&server.details(&former, deleted).await), nothing);
        }
        assert_eq!(code(&server.details(&learner, video).await), gone);
        classroom.change(|it| it.status = CourseStatus::Draft).await;
        assert_eq!(code(&server.details(&learner, video).await), nothing);
        classroom.delete().await;
        assert_eq!(code(&server.details(&learner, video).await), nothing);
    }
}

#[tokio::test]
async fn a_course_that_is_not_open_refuses_its_learners_and_not_its_teachers() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let learner = classroom.learner().await;
        let assistant = Person::learner();
        classroom.enrol(&assistant, CourseRole::Assistant).await;
        let now = server.clock.now();
        let open = classroom.state.clone();
        let known = refusal(403, "not_entitled");
        let unknown = refusal(404, "video_not_found");
        let mut later = open.clone();
        later.modules[0].opens_at = Some(now + HOUR);
        let mut states = vec![(later, &known)];
        for (status, opens_at, ends_at, expected) in [
            (CourseStatus::Published, Some(now + HOUR), None, &known),
            (CourseStatus::Published, None, Some(now), &known),
            (CourseStatus::Archived, None, None, &known),
            (CourseStatus::Draft, None, None, &unknown),
        ] {
            let mut state = open.clone();
            (state.status, state.opens_at, state.ends_at) = (status, opens_at, ends_at);
            states.push((state, expected));
        }
        for (state, expected) in states {
            classroom.change(|it| *it = state.clone()).await;
            assert_eq!(&server.streams(&learner, video).await, expected, "{state:?}");
            assert_eq!(&code(&server.details(&learner, video).await), expected, "{state:?}");
            assert_eq!(server.streams(&assistant, video).await.0, 200, "{state:?}");
        }
        classroom.change(|it| *it = open).await;
        assert_eq!(server.streams(&learner, video).await.0, 200);
    }
}

/// Opens a stream without a sign-in.
async fn nobody(server: &Server, path: &str) -> Reply {
    let request = server.request(Method::GET, path);
    server.send(request.header("accept", "application/json")).await
}

/// A reply without the id of its request.
fn bytes(reply: &Reply) -> Value {
    let mut json = reply.json.clone();
    json["request_id"].take();
    json
}

#[tokio::test]
async fn an_open_course_is_for_everyone_who_signs_in_and_a_public_one_for_everyone() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let details = format!("/api/v1/content/{video}");
        let stream = format!("{details}/stream");
        let stranger = Person::learner();
        classroom.change(|it| it.access = CourseAccess::Open).await;
        assert_eq!(server.streams(&stranger, video).await.0, 200);
        for path in [&details, &stream] {
            nobody(&server, path).await.is_problem(401, "unauthenticated");
        }
        classroom.change(|it| it.access = CourseAccess::Public).await;
        let seen = nobody(&server, &details).await;
        assert_eq!(seen.is(200).json["owner_id"], Value::Null);
        assert_eq!(seen.json["source"]["filename"], Value::Null);
        let hearts = [nobody(&server, &stream).await, nobody(&server, &stream).await]
            .map(|session| session.is(200).json["heartbeat_url"].as_str().unwrap().to_owned());
        for heart in &hearts {
            assert!(server.beats(heart).await);
        }
        assert_eq!(server.streams(&stranger, video).await.0, 200);
        let wrong = server.request(Method::GET, &details).bearer_auth("x.y.z");
        server.send(wrong).await.is_problem(401, "unauthenticated");
        classroom.change(|it| it.access = CourseAccess::Open).await;
        for heart in &hearts {
            assert!(!server.beats(heart).await);
        }
    }
}

#[tokio::test]
async fn without_a_sign_in_a_lecture_that_is_not_public_and_one_that_does_not_exist_look_the_same() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut soon = Classroom::open(&server, &[video]).await;
        let opens_at = Some(server.clock.now() + HOUR);
        soon.change(|it| (it.access, it.opens_at) = (CourseAccess::Public, opens_at))
            .await;
        for end in ["", "/stream"] {
            let mut seen = Vec::new();
            for id in [video.to_string(), VideoId::generate().to_string(), "no-id".to_owned()] {
                let reply = nobody(&server, &format!("/api/v1/content/{id}{end}")).await;
                reply.is_problem(401, "unauthenticated");
                seen.push((bytes(&reply), reply.header("www-authenticate").to_owned()));
            }
            assert!(seen.iter().all(|it| *it == seen[0]), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn a_session_does_not_outlive_the_course() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let video = server.lecture(&owner).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let learner = classroom.learner().await;
        let end = Timestamp::from_seconds(server.clock.now().seconds() + 60);
        classroom.change(|it| it.ends_at = Some(end)).await;
        let expires =
            |reply: Reply| -> Timestamp { serde_json::from_value(reply.is(200).json["expires_at"].clone()).unwrap() };
        assert_eq!(expires(server.session(&learner, video).await), end);
        assert!(expires(server.session(&owner, video).await) > end);
        let heart = server.heart(&learner, video).await;
        server.clock.advance(Duration::from_secs(59));
        assert!(server.beats(&heart).await);
        server.clock.advance(Duration::from_secs(1));
        assert!(!server.beats(&heart).await);
        assert_eq!(server.streams(&learner, video).await, refusal(403, "not_entitled"));
        let mut second = Classroom::open(&server, &[video]).await;
        second.enrol(&learner, CourseRole::Learner).await;
        assert!(expires(server.session(&learner, video).await) > end);
    }
}

#[tokio::test]
async fn a_key_that_did_not_open_the_lecture_ends_nothing_when_the_link_is_taken_back() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let video = server.lecture(&owner).await;
        let learner = Classroom::open(&server, &[video]).await.learner().await;
        let share = async |visibility: &str| {
            let body = serde_json::json!({ "visibility": visibility });
            let request = server.request_by(&owner, Method::PATCH, &format!("/api/v1/content/{video}"));
            server.send(request.json(&body)).await.is(200).json["share_url"].clone()
        };
        let link = share("link").await;
        let (_, key) = link.as_str().unwrap().split_once("?s=").unwrap();
        let open = async |person: Option<&Person>, key: &str| {
            let path = format!("/api/v1/content/{video}/stream?s={key}");
            let request = match person {
                Some(person) => server.request_by(person, Method::GET, &path),
                None => server.request(Method::GET, &path),
            };
            let session = server.send(request.header("accept", "application/json")).await;
            session.is(200).json["heartbeat_url"].as_str().unwrap().to_owned()
        };
        let (member, visitor) = (open(Some(&learner), "wrong").await, open(None, key).await);
        assert!(server.beats(&member).await && server.beats(&visitor).await);
        share("private").await;
        assert!(server.beats(&member).await, "the course admits the learner");
        assert!(!server.beats(&visitor).await);
    }
}

#[tokio::test]
async fn a_role_of_a_later_version_opens_nothing() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let learner = classroom.learner().await;
        assert_eq!(server.streams(&learner, video).await.0, 200);
        let mut tx = server.db.write().await.unwrap();
        let sql = "UPDATE course_members SET role = 'observer' WHERE user_id = $1";
        assert_eq!(tx.run(sql, backing::args![learner.id]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(server.streams(&learner, video).await, refusal(404, "video_not_found"));
    }
}

#[tokio::test]
async fn no_opening_outlives_a_course_whose_end_moves_meanwhile() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let learner = classroom.learner().await;
        for round in 0..20_u64 {
            let end = server.clock.now() + Duration::from_secs(60 + round);
            let (session, ()) = tokio::join!(
                server.session(&learner, video),
                classroom.change(|it| it.ends_at = Some(end))
            );
            if session.status == 200 {
                let heart = session.json["heartbeat_url"].as_str().unwrap();
                let expires: Timestamp = serde_json::from_value(session.json["expires_at"].clone()).unwrap();
                assert!(
                    !server.beats(heart).await || expires <= end,
                    "round {round}: {session:?}"
                );
            }
            classroom.change(|it| it.ends_at = None).await;
        }
    }
}
