use crate::server::{Server, column};
use contracts::Role;
use contracts::events::{UserDeactivated, UserReactivated};
use serde_json::json;

#[tokio::test]
async fn teachers_list_members_with_names_in_pages() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let mut people = vec![owner.id.to_string()];
        for _ in 0..4 {
            people.push(server.member(&owner, &course, "learner").await.id.to_string());
        }
        let path = format!("{course}/members");
        let first = server.read(&owner, &format!("{path}?limit=3")).await;
        assert_eq!(column(first.is(200), "user_id"), people[..3]);
        assert_eq!(first.json["items"][0]["name"], "Name of instructor0@example.org");
        assert_eq!(
            (&first.json["items"][0]["role"], &first.json["items"][0]["active"]),
            (&json!("owner"), &json!(true))
        );
        let cursor = first.json["next_cursor"].as_str().unwrap();
        let second = server.read(&owner, &format!("{path}?limit=3&cursor={cursor}")).await;
        assert_eq!(
            (column(&second, "user_id"), &second.json["next_cursor"]),
            (people[3..].to_vec(), &json!(null))
        );
        assert!(!first.text.contains("\"email\""), "members see no address");
        let learner = server.member(&owner, &course, "learner").await;
        server.read(&learner, &path).await.is_problem(403, "assistant_required");
    }
}

#[tokio::test]
async fn the_owner_gives_roles() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let editor = server.member(&owner, &course, "editor").await;
        let learner = server.member(&owner, &course, "learner").await;
        let member = |person: &testing::Person| format!("{course}/members/{}", person.id);
        let promote = json!({"role": "editor"});
        server
            .put(&editor, &member(&learner), promote.clone())
            .await
            .is_problem(403, "owner_required");
        assert_eq!(
            server
                .put(&owner, &member(&learner), promote.clone())
                .await
                .is(200)
                .json["role"],
            "editor"
        );
        server
            .put(&owner, &member(&learner), json!({"role": "learner"}))
            .await
            .is(200);
        server
            .put(&owner, &member(&owner), promote.clone())
            .await
            .is_problem(409, "owner_stays");
        server
            .put(&owner, &member(&server.learner()), promote)
            .await
            .is_problem(404, "user_not_found");
        server
            .put(&owner, &member(&learner), json!({"role": "admin"}))
            .await
            .is_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn the_owner_removes_everybody_and_others_remove_learners() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let editor = server.member(&owner, &course, "editor").await;
        let assistant = server.member(&owner, &course, "assistant").await;
        let learner = server.member(&owner, &course, "learner").await;
        let enrolment = |person: &testing::Person| format!("{course}/enrolments/{}", person.id);
        server
            .delete(&editor, &enrolment(&assistant))
            .await
            .is_problem(403, "owner_required");
        server
            .delete(&assistant, &enrolment(&editor))
            .await
            .is_problem(403, "owner_required");
        server
            .delete(&learner, &enrolment(&editor))
            .await
            .is_problem(403, "assistant_required");
        server
            .delete(&assistant, &enrolment(&owner))
            .await
            .is_problem(409, "owner_stays");
        server
            .delete(&owner, &format!("{course}/enrolments/me"))
            .await
            .is_problem(409, "owner_stays");
        server.delete(&assistant, &enrolment(&learner)).await.is(204);
        server
            .delete(&assistant, &enrolment(&learner))
            .await
            .is_problem(404, "user_not_found");
        server
            .delete(&assistant, &format!("{course}/enrolments/x"))
            .await
            .is_problem(404, "user_not_found");
        server.delete(&editor, &format!("{course}/enrolments/me")).await.is(204);
        server.delete(&owner, &enrolment(&assistant)).await.is(204);
        let members = server.read(&owner, &format!("{course}/members")).await;
        assert_eq!(column(&members, "role"), ["owner"]);
    }
}

#[tokio::test]
async fn a_role_is_not_changed_on_the_basis_of_an_older_course() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let learner = server.member(&owner, &course, "learner").await;
        let before = server.read(&owner, &course).await.header("etag").to_owned();
        server.patch(&owner, &course, json!({"title": "Other"})).await.is(200);
        let member = format!("{course}/members/{}", learner.id);
        let (put, promote) = ((reqwest::Method::PUT, member.as_str()), json!({"role": "editor"}));
        let stale = server.call_if(&owner, put.clone(), &before, &promote).await;
        stale.is_problem(412, "stale");
        let now = server.read(&owner, &course).await.header("etag").to_owned();
        server.call_if(&owner, put, &now, &promote).await.is(200);
    }
}

#[tokio::test]
async fn a_learner_leaves_a_course_that_is_not_published_at_present() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let learner = server.member(&owner, &course, "learner").await;
        server
            .post(&owner, &format!("{course}/unpublish"), json!({}))
            .await
            .is(200);
        let me = format!("{course}/enrolments/me");
        server.read(&learner, &course).await.is_problem(404, "course_not_found");
        server.delete(&learner, &me).await.is(204);
        server.delete(&learner, &me).await.is_problem(404, "course_not_found");
        server
            .delete(&server.learner(), &me)
            .await
            .is_problem(404, "course_not_found");
        let members = server.read(&owner, &format!("{course}/members")).await;
        assert_eq!(column(&members, "role"), ["owner"]);
    }
}

#[tokio::test]
async fn a_course_is_handed_over_to_an_instructor() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let learner = server.member(&owner, &course, "editor").await;
        let heir = server.instructor();
        server
            .post(&owner, &format!("{course}/enrolments"), json!({"user_id": heir.id}))
            .await
            .is(201);
        let member = |person: &testing::Person| format!("{course}/members/{}", person.id);
        let own = json!({"role": "owner"});
        assert_eq!(
            server
                .put(&owner, &member(&learner), own.clone())
                .await
                .is(422)
                .fields(),
            ["role"]
        );
        assert_eq!(
            server.put(&owner, &member(&heir), own.clone()).await.is(200).json["role"],
            "owner"
        );
        let shown = server.read(&owner, &course).await;
        assert_eq!(
            (&shown.json["owner_id"], &shown.json["my_role"]),
            (&json!(heir.id), &json!("editor"))
        );
        server
            .put(&owner, &member(&heir), json!({"role": "editor"}))
            .await
            .is_problem(403, "owner_required");
        // An admin can do it, too, for an owner who is gone.
        let admin = server.person(Role::Admin);
        server.put(&admin, &member(&owner), own).await.is(200);
        assert_eq!(server.read(&owner, &course).await.json["my_role"], "owner");
        let audit = server.read(&admin, "/audit").await;
        assert_eq!(audit.json["items"][0]["act"], "set_course_role");
        assert_eq!(audit.json["items"][0]["details"]["after"], "owner");
    }
}

#[tokio::test]
async fn nobody_is_handed_a_course_who_owns_as_many_as_one_may() {
    for server in Server::with(|config| config.owned_courses = 1).await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let heir = server.instructor();
        server
            .post(&owner, &format!("{course}/enrolments"), json!({"user_id": heir.id}))
            .await
            .is(201);
        let draft = server.course(&heir, json!({})).await;
        let member = format!("{course}/members/{}", heir.id);
        let own = json!({"role": "owner"});
        server
            .put(&owner, &member, own.clone())
            .await
            .is_problem(409, "too_many");
        assert_eq!(server.read(&owner, &course).await.json["my_role"], "owner");
        server.delete(&heir, &draft).await.is(204);
        assert_eq!(server.put(&owner, &member, own).await.is(200).json["role"], "owner");
    }
}

#[tokio::test]
async fn two_heirs_at_once_leave_one_owner() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let heirs = [server.instructor(), server.instructor()];
        for heir in &heirs {
            server
                .post(&owner, &format!("{course}/enrolments"), json!({"user_id": heir.id}))
                .await
                .is(201);
        }
        let paths = heirs.map(|heir| format!("{course}/members/{}", heir.id));
        let hand = paths
            .iter()
            .map(|path| server.put(&owner, path, json!({"role": "owner"})));
        let replies = futures::future::join_all(hand).await;
        assert!(replies.iter().any(|reply| reply.status == 200), "{replies:?}");
        let admin = server.person(Role::Admin);
        let shown = server.read(&admin, &course).await;
        let members = server.read(&admin, &format!("{course}/members")).await;
        let owners = members.json["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|member| member["role"] == "owner");
        let owners: Vec<_> = owners.map(|member| member["user_id"].clone()).collect();
        assert_eq!(owners, [shown.json["owner_id"].clone()]);
    }
}

#[tokio::test]
async fn a_deactivated_member_is_shown_as_such_until_they_come_back() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let learner = server.member(&owner, &course, "learner").await;
        let active = async || {
            let members = server.read(&owner, &format!("{course}/members")).await;
            members.is(200).json["items"][1]["active"].clone()
        };
        server.tell_of(learner.id, 2, UserDeactivated { version: 2 }).await;
        assert_eq!(active().await, json!(false));
        server.tell_of(learner.id, 3, UserReactivated { version: 3 }).await;
        assert_eq!(active().await, json!(true));
        // An event from before that comes again, as from a dead letter, changes nothing.
        server.tell_of(learner.id, 2, UserDeactivated { version: 2 }).await;
        assert_eq!(active().await, json!(true));
    }
}
