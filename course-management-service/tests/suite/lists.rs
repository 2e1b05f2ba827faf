use crate::server::{Server, column};
use contracts::Role;
use serde_json::{Value, json};
use std::time::Duration;

fn results(reply: &testing::Reply) -> Vec<Value> {
    let lines = reply.is(200).json["lines"].as_array().unwrap();
    lines.iter().map(|line| line["result"].clone()).collect()
}

#[tokio::test]
async fn a_pasted_list_is_answered_line_by_line() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({"join": "closed"})).await;
        let ada = server.world.person(Role::Learner, "ada@example.org");
        server.world.person(Role::Learner, "eve@example.org");
        let other = server.learner();
        server
            .world
            .deactivate(&server.world.person(Role::Learner, "gone@example.org"));
        let member = server.member(&owner, &course, "editor").await;
        let text = format!(
            "ada@example.org\r\n\nEve <eve@example.org>;\nnobody@example.org\nADA@example.org\nnonsense\n{}\n{}\n{}\n\
             gone@example.org\n01900000-0000-7000-8000-000000000000",
            other.id, member.id, ada.id
        );
        let path = format!("{course}/enrolments/list");
        let reply = server.post(&owner, &path, json!({"text": text})).await;
        let expected = [
            "enrolled",
            "enrolled",
            "no_account",
            "repeated",
            "malformed",
            "enrolled",
            "already_enrolled",
            "repeated",
            "no_account",
            "no_account",
        ];
        assert_eq!(results(&reply), expected);
        assert_eq!(reply.json["lines"][1]["line"], "Eve <eve@example.org>;");
        let members = server.read(&owner, &format!("{course}/members")).await;
        assert_eq!(
            column(&members, "role"),
            ["owner", "editor", "learner", "learner", "learner"]
        );
        let audit = server.read(&server.person(Role::Admin), "/audit").await;
        let entry = &audit.json["items"][0];
        assert_eq!(
            (&entry["act"], &entry["details"]["lines"]),
            (&json!("enrol_users"), &json!(10))
        );
        assert_eq!(entry["details"]["enrolled"].as_array().unwrap().len(), 3);
        assert!(!audit.text.contains('@'), "the audit has no address: {audit:?}");
        server
            .post(&server.learner(), &path, json!({"text": "a@b"}))
            .await
            .is_problem(404, "course_not_found");
    }
}

#[tokio::test]
async fn an_admin_who_was_removed_enrols_themselves_again_by_a_list() {
    for server in Server::on_each_engine().await {
        let (owner, admin) = (server.instructor(), server.person(Role::Admin));
        let (course, _) = server.published(&owner, json!({})).await;
        let path = format!("{course}/enrolments");
        server.post(&owner, &path, json!({"user_id": admin.id})).await.is(201);
        server.delete(&owner, &format!("{path}/{}", admin.id)).await.is(204);
        let list = json!({"text": admin.id.to_string()});
        for expected in ["enrolled", "already_enrolled"] {
            let reply = server.post(&admin, &format!("{path}/list"), list.clone()).await;
            assert_eq!(results(&reply), [expected]);
        }
        let members = server.read(&owner, &format!("{course}/members")).await;
        assert_eq!(column(&members, "role"), ["owner", "learner"]);
    }
}

#[tokio::test]
async fn a_teacher_enrols_so_many_people_in_a_day_over_all_courses_and_a_list_beyond_it_enrols_nobody() {
    for server in Server::with(|config| config.enrolments_per_day = 5).await {
        let owner = server.instructor();
        let (one, _) = server.published(&owner, json!({})).await;
        let (two, _) = server.published(&owner, json!({})).await;
        let people: Vec<_> = (0..6).map(|_| server.learner().id.to_string()).collect();
        let list = |course: &str, people: &[String]| {
            let (path, body) = (format!("{course}/enrolments/list"), json!({"text": people.join("\n")}));
            let (server, owner) = (&server, &owner);
            async move { server.post(owner, &path, body).await }
        };
        list(&one, &people).await.is_problem(429, "too_many_enrolments");
        assert_eq!(results(&list(&one, &people[..3]).await), ["enrolled"; 3]);
        let refused = list(&two, &people[..3]).await;
        refused.is_problem(429, "too_many_enrolments");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=86_400).contains(&wait));
        let members = server.read(&owner, &format!("{two}/members")).await;
        assert_eq!(column(&members, "role"), ["owner"]);
        assert_eq!(results(&list(&two, &people[..2]).await), ["enrolled"; 2]);
        let single = json!({"email": "nobody@example.org"});
        let enrolments = format!("{two}/enrolments");
        server
            .post(&owner, &enrolments, single.clone())
            .await
            .is_problem(429, "too_many_enrolments");
        server.clock.advance(Duration::from_secs(wait));
        server
            .post(&owner, &enrolments, single)
            .await
            .is_problem(404, "no_account");
        assert_eq!(results(&list(&two, &people[2..]).await), ["enrolled"; 4]);
    }
}

#[tokio::test]
async fn lists_at_the_same_time_do_not_exceed_the_day() {
    for server in Server::with(|config| config.enrolments_per_day = 10).await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let people: Vec<Vec<String>> = (0..8)
            .map(|_| (0..3).map(|_| server.learner().id.to_string()).collect())
            .collect();
        let path = format!("{course}/enrolments/list");
        let lists = people
            .iter()
            .map(|people| server.post(&owner, &path, json!({"text": people.join("\n")})));
        let replies = futures::future::join_all(lists).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 3);
        let members = server.read(&owner, &format!("{course}/members?limit=100")).await;
        assert_eq!(column(&members, "role").len(), 1 + 9);
    }
}

#[tokio::test]
async fn a_list_has_1_to_500_lines() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let path = format!("{course}/enrolments/list");
        let long = "x@example.org\n".repeat(501);
        for text in ["", " \n\n", &long] {
            assert_eq!(
                server.post(&owner, &path, json!({"text": text})).await.is(422).fields(),
                ["text"]
            );
        }
        let huge = "x".repeat(200_000);
        server
            .post(&owner, &path, json!({"text": huge}))
            .await
            .is_problem(413, "too_large");
        let most: Vec<_> = (0..500)
            .map(|number| format!("{}{number:03}@example.org", "a".repeat(200)))
            .collect();
        let reply = server.post(&owner, &path, json!({"text": most.join("\n")})).await;
        assert_eq!(results(&reply), vec!["no_account"; 500]);
    }
}
