use crate::server::{Server, column, id};
use contracts::Role;
use runtime::receipts::Receipts;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_learner_enrols_once_leaves_and_enrols_again() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server.published(&owner, json!({})).await;
        let enrolments = format!("{course}/enrolments");
        let request = server.request_by(&learner, reqwest::Method::POST, &format!("/api/v1/courses{enrolments}"));
        let enrolled = server.send(request).await;
        let receipt = Receipts::new(&[7; 32]).issue(id(&course).parse().unwrap(), learner.id, server.clock.now());
        let document = json!({"course_id": course[1..], "user_id": learner.id, "role": "learner", "receipt": receipt});
        assert_eq!(enrolled.is(201).json, document);
        assert_eq!(
            server.post(&learner, &enrolments, json!({})).await.is(200).json,
            document
        );
        assert_eq!(server.read(&learner, &course).await.json["my_role"], "learner");
        let leave = format!("{enrolments}/me");
        server.delete(&learner, &leave).await.is(204);
        server
            .delete(&learner, &leave)
            .await
            .is_problem(403, "learner_required");
        assert_eq!(server.read(&learner, &course).await.json["my_role"], json!(null));
        server.post(&learner, &enrolments, json!({})).await.is(201);
        // The owner is a member already.
        assert_eq!(
            server.post(&owner, &enrolments, json!({})).await.is(200).json["role"],
            "owner"
        );
    }
}

#[tokio::test]
async fn a_code_course_takes_its_code_however_it_is_typed_and_limits_guesses() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server.published(&owner, json!({"join": "code"})).await;
        let code = server.read(&owner, &course).await.json["code"]
            .as_str()
            .unwrap()
            .to_owned();
        let enrolments = format!("{course}/enrolments");
        server
            .post(&learner, &enrolments, json!({}))
            .await
            .is_problem(403, "code_required");
        for _ in 0..10 {
            server
                .post(&learner, &enrolments, json!({"code": "WRONG"}))
                .await
                .is_problem(403, "wrong_code");
        }
        let limited = server.post(&learner, &enrolments, json!({"code": code})).await;
        limited.is_problem(429, "rate_limited");
        assert_eq!(limited.header("retry-after"), "900");
        let typed = format!(" {}-{}", &code[..4], &code[4..]).to_lowercase();
        server
            .post(&server.learner(), &enrolments, json!({"code": typed}))
            .await
            .is(201);
        server.clock.advance(Duration::from_secs(900));
        server.post(&learner, &enrolments, json!({"code": code})).await.is(201);
        server.post(&owner, &format!("{course}/code"), json!({})).await.is(200);
        server
            .post(&server.learner(), &enrolments, json!({"code": code}))
            .await
            .is_problem(403, "wrong_code");
    }
}

#[tokio::test]
async fn guesses_at_the_same_time_gain_nothing() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server.published(&owner, json!({"join": "code"})).await;
        let enrolments = format!("{course}/enrolments");
        let guesses =
            (0..30).map(|number| server.post(&learner, &enrolments, json!({"code": format!("GUESS{number}")})));
        let replies = futures::future::join_all(guesses).await;
        let compared = replies.iter().filter(|reply| reply.status == 403).count();
        assert_eq!(compared, 10);
    }
}

#[tokio::test]
async fn a_closed_course_is_joined_by_nobody_and_its_teachers_enrol() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server
            .published(&owner, json!({"join": "closed", "access": "open"}))
            .await;
        let enrolments = format!("{course}/enrolments");
        server
            .post(&learner, &enrolments, json!({}))
            .await
            .is_problem(403, "enrolment_closed");
        server
            .post(&learner, &enrolments, json!({"code": "X"}))
            .await
            .is_problem(403, "enrolment_closed");
        let assistant = server.member(&owner, &course, "assistant").await;
        server
            .post(&assistant, &enrolments, json!({"user_id": learner.id}))
            .await
            .is(201);
        let known = server.world.person(Role::Learner, "ada@example.org");
        let by_address = server
            .post(&assistant, &enrolments, json!({"email": "ADA@example.org"}))
            .await;
        assert_eq!(by_address.is(201).json["user_id"], json!(known.id));
        server
            .post(&assistant, &enrolments, json!({"email": "ada@example.org"}))
            .await
            .is(200);
        server
            .post(&assistant, &enrolments, json!({"email": "eve@example.org"}))
            .await
            .is_problem(404, "no_account");
        assert_eq!(
            server
                .post(&assistant, &enrolments, json!({"email": "eve"}))
                .await
                .is(422)
                .fields(),
            ["email"]
        );
        let both = json!({"email": "a@b", "user_id": learner.id});
        server
            .post(&assistant, &enrolments, both)
            .await
            .is_problem(422, "invalid_request");
        server
            .post(&learner, &enrolments, json!({"email": "ada@example.org"}))
            .await
            .is_problem(403, "assistant_required");
    }
}

#[tokio::test]
async fn a_deactivated_account_is_not_enrolled() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server.published(&owner, json!({})).await;
        server.world.deactivate(&learner);
        let enrolments = format!("{course}/enrolments");
        server
            .post(&owner, &enrolments, json!({"user_id": learner.id}))
            .await
            .is_problem(404, "no_account");
        let audit = server.read(&server.person(Role::Admin), "/audit").await;
        assert_eq!(
            column(&audit, "act"),
            ["enrol_users"],
            "who looks for addresses leaves a trace"
        );
        assert_eq!(audit.json["items"][0]["details"], json!({"lines": 1, "enrolled": []}));
    }
}

#[tokio::test]
async fn who_was_removed_comes_back_by_a_teacher_alone() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let learner = server.member(&owner, &course, "learner").await;
        let enrolments = format!("{course}/enrolments");
        server
            .delete(&owner, &format!("{enrolments}/{}", learner.id))
            .await
            .is(204);
        server
            .post(&learner, &enrolments, json!({}))
            .await
            .is_problem(403, "removed_from_course");
        server
            .post(&owner, &enrolments, json!({"user_id": learner.id}))
            .await
            .is(201);
        server.delete(&learner, &format!("{enrolments}/me")).await.is(204);
        server.post(&learner, &enrolments, json!({})).await.is(201);
    }
}

#[tokio::test]
async fn one_person_enrolling_many_times_at_once_becomes_a_member_once() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server.published(&owner, json!({})).await;
        let enrolments = format!("{course}/enrolments");
        let replies = futures::future::join_all((0..8).map(|_| server.post(&learner, &enrolments, json!({})))).await;
        let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
        let members = server.read(&owner, &format!("{course}/members")).await;
        assert_eq!(column(members.is(200), "role"), ["owner", "learner"]);
    }
}

#[tokio::test]
async fn a_person_joins_and_leaves_courses_120_times_in_a_minute() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let (course, _) = server.published(&owner, json!({})).await;
        let (second, _) = server.published(&owner, json!({})).await;
        let (enrolments, others) = (format!("{course}/enrolments"), format!("{second}/enrolments"));
        let leave = format!("{enrolments}/me");
        for _ in 0..59 {
            server.post(&learner, &enrolments, json!({})).await.is(201);
            server.delete(&learner, &leave).await.is(204);
        }
        server.post(&learner, &enrolments, json!({})).await.is(201);
        server.post(&learner, &enrolments, json!({})).await.is(200);
        let limited = server.delete(&learner, &leave).await;
        limited.is_problem(429, "rate_limited");
        assert_eq!(limited.header("retry-after"), "60");
        assert_eq!(server.read(&learner, &course).await.json["my_role"], "learner");
        let limited = server.post(&learner, &others, json!({})).await;
        limited.is_problem(429, "rate_limited");
        assert_eq!(limited.header("retry-after"), "60");
        assert_eq!(server.read(&learner, &second).await.json["my_role"], json!(null));
        // Other people are not limited, and neither is a teacher who enrols and removes this one.
        server.post(&server.learner(), &enrolments, json!({})).await.is(201);
        server
            .post(&owner, &others, json!({"user_id": learner.id}))
            .await
            .is(201);
        server.delete(&owner, &format!("{others}/{}", learner.id)).await.is(204);
        server.clock.advance(Duration::from_secs(60));
        server.delete(&learner, &leave).await.is(204);
        server.post(&learner, &enrolments, json!({})).await.is(201);
    }
}
