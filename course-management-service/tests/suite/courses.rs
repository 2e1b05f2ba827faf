use crate::server::{Server, column, id};
use contracts::Role;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn an_instructor_creates_a_draft_that_only_its_teachers_see() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let made = server
            .post(&owner, "", json!({"title": "  Graphs ", "description": "one\ntwo"}))
            .await;
        let body = &made.is(201).json;
        assert_eq!(
            (&body["title"], &body["description"]),
            (&json!("Graphs"), &json!("one\ntwo"))
        );
        assert_eq!(
            (&body["status"], &body["access"], &body["join"]),
            (&json!("draft"), &json!("enrolled"), &json!("self"))
        );
        assert_eq!(
            (&body["my_role"], &body["owner_id"]),
            (&json!("owner"), &json!(owner.id))
        );
        assert_eq!((&body["code"], &body["modules"]), (&json!(null), &json!([])));
        assert_eq!(made.header("etag"), "\"1\"");
        assert_eq!(made.header("cache-control"), "private, no-cache");
        let path = format!("/{}", made.id());
        server.read(&learner, &path).await.is_problem(404, "course_not_found");
        server
            .read(&server.instructor(), &path)
            .await
            .is_problem(404, "course_not_found");
        assert_eq!(
            server.read(&server.person(Role::Admin), &path).await.is(200).json["my_role"],
            json!(null)
        );
        server
            .post(&learner, "", json!({"title": "Trees"}))
            .await
            .is_problem(403, "instructor_required");
    }
}

#[tokio::test]
async fn a_repeated_request_creates_one_course_and_the_same_key_for_another_is_refused() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let create = |title: &'static str| {
            let request = server.request_by(&owner, Method::POST, "/api/v1/courses");
            request.header("idempotency-key", "one").json(&json!({"title": title}))
        };
        let first = server.send(create("Graphs")).await;
        let again = server.send(create("Graphs")).await;
        assert_eq!(first.is(201).id(), again.is(201).id());
        server
            .send(create("Trees"))
            .await
            .is_problem(422, "idempotency_mismatch");
        let bad = server.request_by(&owner, Method::POST, "/api/v1/courses");
        let bad = bad.header("idempotency-key", "").json(&json!({"title": "Trees"}));
        assert_eq!(server.send(bad).await.is(422).fields(), ["Idempotency-Key"]);
        assert_eq!(column(&server.read(&owner, "?mine=true").await, "title"), ["Graphs"]);
    }
}

#[tokio::test]
async fn somebody_owns_only_so_many_courses() {
    for server in Server::with(|config| config.owned_courses = 2).await {
        let owner = server.instructor();
        for _ in 0..2 {
            server.course(&owner, json!({})).await;
        }
        server
            .post(&owner, "", json!({"title": "Three"}))
            .await
            .is_problem(409, "too_many");
        server.course(&server.instructor(), json!({})).await;
    }
}

#[tokio::test]
async fn fields_change_for_the_latest_version_only_and_times_can_be_cleared() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let times = json!({"opens_at": "2030-01-01T00:00:00Z", "ends_at": "2030-06-01T00:00:00Z"});
        let course = server.course(&owner, times).await;
        let change = json!({"title": "Trees", "opens_at": null, "access": "open", "join": "closed"});
        let first = server.read(&owner, &course).await;
        let patch = || (Method::PATCH, course.as_str());
        let changed = server.call_if(&owner, patch(), first.header("etag"), &change).await;
        let body = &changed.is(200).json;
        assert_eq!((&body["title"], &body["opens_at"]), (&json!("Trees"), &json!(null)));
        assert_eq!(
            (&body["ends_at"], &body["access"], &body["join"]),
            (&json!("2030-06-01T00:00:00Z"), &json!("open"), &json!("closed"))
        );
        assert_ne!(changed.header("etag"), first.header("etag"));
        server
            .call_if(&owner, patch(), first.header("etag"), &change)
            .await
            .is_problem(412, "stale");
        let late = server
            .patch(&owner, &course, json!({"opens_at": "2030-06-01T00:00:00Z"}))
            .await;
        assert_eq!(late.is(422).fields(), ["ends_at"]);
        let bad = server
            .patch(&owner, &course, json!({"title": "", "description": "\u{7}"}))
            .await;
        assert_eq!(bad.is(422).fields(), ["title", "description"]);
        assert_eq!(server.read(&owner, &course).await.json["title"], "Trees");
    }
}

#[tokio::test]
async fn editors_set_the_share_that_completes_a_lecture_and_without_one_the_installation_s_is_shown() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({"completed_share": 0.75})).await;
        let plain = server.course(&owner, json!({"title": "Plain"})).await;
        let shown = async |path: &str| server.read(&owner, path).await.is(200).json["completed_share"].clone();
        assert_eq!((shown(&course).await, shown(&plain).await), (json!(0.75), json!(0.9)));
        let editor = server.member(&owner, &course, "editor").await;
        let before = server.read(&editor, &course).await;
        let patch = (Method::PATCH, course.as_str());
        let half = json!({"completed_share": 0.5});
        let changed = server
            .call_if(&editor, patch.clone(), before.header("etag"), &half)
            .await;
        assert_eq!(changed.is(200).json["completed_share"], json!(0.5));
        let stale = server.call_if(&editor, patch, before.header("etag"), &half).await;
        stale.is_problem(412, "stale");
        server.patch(&owner, &course, json!({"title": "Trees"})).await.is(200);
        assert_eq!(shown(&course).await, json!(0.5), "another change keeps it");
        let listed = server.read(&owner, "?mine=true").await;
        let shares: Vec<_> = listed.json["items"].as_array().unwrap().iter().collect();
        assert_eq!(
            (&shares[0]["completed_share"], &shares[1]["completed_share"]),
            (&json!(0.9), &json!(0.5))
        );
        for bad in [json!(0.09), json!(1.01), json!(-1), json!(90)] {
            let refused = server.patch(&owner, &course, json!({"completed_share": bad})).await;
            assert_eq!(refused.is(422).fields(), ["completed_share"]);
            let refused = server
                .post(&owner, "", json!({"title": "x", "completed_share": bad}))
                .await;
            assert_eq!(refused.is(422).fields(), ["completed_share"]);
        }
        let learner = server.member(&owner, &course, "learner").await;
        server
            .patch(&learner, &course, half)
            .await
            .is_problem(403, "editor_required");
        server
            .patch(&owner, &course, json!({"completed_share": null}))
            .await
            .is(200);
        assert_eq!(shown(&course).await, json!(0.9));
    }
}

#[tokio::test]
async fn a_code_comes_with_the_way_of_joining_and_only_teachers_see_it() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({"join": "code"})).await;
        let code = server.read(&owner, &course).await.json["code"].clone();
        assert!(code.is_string());
        let assistant = server.member(&owner, &course, "assistant").await;
        assert_eq!(server.read(&assistant, &course).await.json["code"], code);
        let learner = server.member(&owner, &course, "learner").await;
        for person in [&learner, &server.learner()] {
            assert_eq!(server.read(person, &course).await.is(200).json["code"], json!(null));
        }
        let renewed = server
            .post(&owner, &format!("{course}/code"), json!({}))
            .await
            .is(200)
            .json["code"]
            .clone();
        assert!(renewed.is_string() && renewed != code);
        let kept = server.patch(&owner, &course, json!({"title": "Trees"})).await;
        assert_eq!(kept.json["code"], renewed);
        let without = server.patch(&owner, &course, json!({"join": "self"})).await;
        assert_eq!(without.is(200).json["code"], json!(null));
        server
            .post(&owner, &format!("{course}/code"), json!({}))
            .await
            .is_problem(409, "no_code");
    }
}

#[tokio::test]
async fn the_catalogue_has_published_courses_and_one_s_own_list_all_that_one_teaches() {
    for server in Server::on_each_engine().await {
        let (owner, learner) = (server.instructor(), server.learner());
        let draft = server.course(&owner, json!({"title": "Draft"})).await;
        server.published(&owner, json!({"title": "Graphs"})).await;
        let (closed, _) = server
            .published(&owner, json!({"title": "Closed", "join": "closed"}))
            .await;
        server
            .published(&owner, json!({"title": "Open", "join": "closed", "access": "open"}))
            .await;
        let (archived, _) = server.published(&owner, json!({"title": "Archived"})).await;
        server
            .post(&learner, &format!("{archived}/enrolments"), json!({}))
            .await
            .is(201);
        server
            .post(&owner, &format!("{archived}/archive"), json!({}))
            .await
            .is(200);
        assert_eq!(column(&server.read(&learner, "").await, "title"), ["Open", "Graphs"]);
        assert_eq!(
            column(&server.read(&learner, "?mine=true").await, "title"),
            ["Archived"]
        );
        assert_eq!(
            column(&server.read(&owner, "").await, "title"),
            ["Open", "Closed", "Graphs"]
        );
        let own = ["Archived", "Open", "Closed", "Graphs", "Draft"];
        assert_eq!(column(&server.read(&owner, "?mine=true").await, "title"), own);
        server.read(&learner, &closed).await.is_problem(404, "course_not_found");
        server
            .read(&server.learner(), &archived)
            .await
            .is_problem(404, "course_not_found");
        assert_eq!(
            server.read(&learner, &archived).await.is(200).json["status"],
            "archived"
        );
        // A member of what has become a draft again does not see it.
        let unpublished = format!("{archived}/unpublish");
        server.post(&owner, &unpublished, json!({})).await.is(200);
        assert_eq!(column(&server.read(&learner, "?mine=true").await, "title"), [""; 0]);
        server
            .read(&learner, &archived)
            .await
            .is_problem(404, "course_not_found");
        assert_ne!(draft, archived);
    }
}

/// A text as a query has it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn courses_are_found_by_a_part_of_their_title_or_description() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        server
            .published(&owner, json!({"title": "Ünrelated 100 %", "description": "trees"}))
            .await;
        server.published(&owner, json!({"title": "Graphs and Trees"})).await;
        let found = async |q: &str| {
            let reply = server.read(&owner, &format!("?q={}", encoded(q))).await;
            column(reply.is(200), "title")
        };
        assert_eq!(found("TREES").await, ["Graphs and Trees", "Ünrelated 100 %"]);
        assert_eq!(found(" graphs ").await, ["Graphs and Trees"]);
        assert_eq!(found("ÜNREL").await, ["Ünrelated 100 %"]);
        assert_eq!(found("100 %").await, ["Ünrelated 100 %"]);
        for nothing in ["%", "_", "'", "graphs trees"] {
            let expected = if nothing == "%" {
                vec!["Ünrelated 100 %"]
            } else {
                vec![]
            };
            assert_eq!(found(nothing).await, expected, "{nothing}");
        }
        for bad in ["\0", "a\u{202e}b", &"x".repeat(201)] {
            let refused = server.read(&owner, &format!("?q={}", encoded(bad))).await;
            assert_eq!(refused.is(422).fields(), ["q"]);
        }
    }
}

#[tokio::test]
async fn pages_of_courses_show_each_once_also_while_others_are_created() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let mut made = BTreeSet::new();
        for _ in 0..5 {
            made.insert(id(&server.course(&owner, json!({})).await).to_owned());
        }
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = server.read(&owner, &format!("?mine=true&limit=2{cursor}")).await;
            seen.extend(column(page.is(200), "id"));
            server.course(&owner, json!({})).await;
            let Some(next) = page.json["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen.len(), 5);
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made);
        server.read(&owner, "?limit=0").await.is_problem(422, "invalid_request");
        server
            .read(&owner, "?cursor=x")
            .await
            .is_problem(422, "invalid_request");
        server
            .read(&owner, "?teacher=x")
            .await
            .is_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn a_stranger_without_a_sign_in_sees_public_courses_and_learns_of_no_other() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (public, video) = server.published(&owner, json!({"access": "public"})).await;
        let (open, _) = server.published(&owner, json!({"access": "open"})).await;
        let shown = server.get(&format!("/api/v1/courses{public}")).await;
        assert_eq!(shown.is(200).json["modules"][0]["items"][0]["content_id"], json!(video));
        assert_eq!(shown.json["my_role"], json!(null));
        for other in [open.as_str(), "/01900000-0000-7000-8000-000000000000", "/x"] {
            let refused = server.get(&format!("/api/v1/courses{other}")).await;
            refused.is_problem(401, "unauthenticated");
            assert!(refused.header("www-authenticate").starts_with("Bearer"));
        }
        server.get("/api/v1/courses").await.is_problem(401, "unauthenticated");
        let bad = server
            .request(Method::GET, &format!("/api/v1/courses{public}"))
            .bearer_auth("x.y.z");
        server.send(bad).await.is_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_owner_deletes_a_draft_and_nothing_else() {
    for server in Server::on_each_engine().await {
        let owner = server.instructor();
        let (course, _) = server.published(&owner, json!({})).await;
        let editor = server.member(&owner, &course, "editor").await;
        server.delete(&owner, &course).await.is_problem(409, "not_a_draft");
        server
            .post(&owner, &format!("{course}/unpublish"), json!({}))
            .await
            .is(200);
        server.delete(&editor, &course).await.is_problem(403, "owner_required");
        server
            .delete(&server.instructor(), &course)
            .await
            .is_problem(404, "course_not_found");
        server.delete(&owner, &course).await.is(204);
        server.delete(&owner, &course).await.is_problem(404, "course_not_found");
        assert_eq!(column(&server.read(&editor, "?mine=true").await, "id"), [""; 0]);
    }
}

#[tokio::test]
async fn what_an_admin_does_in_another_s_course_is_audited() {
    for server in Server::on_each_engine().await {
        let (owner, admin) = (server.instructor(), server.person(Role::Admin));
        let course = server.course(&owner, json!({})).await;
        server.patch(&admin, &course, json!({"title": "Trees"})).await.is(200);
        server.module(&admin, &course, "One").await;
        server.patch(&owner, &course, json!({"title": "Graphs"})).await.is(200);
        server.delete(&admin, &course).await.is(204);
        let audit = server.read(&admin, "/audit").await;
        assert_eq!(
            column(audit.is(200), "act"),
            ["delete_course", "update_outline", "update_course"]
        );
        assert_eq!(audit.json["items"][0]["details"], json!({"title": "Graphs"}));
        let entry = &audit.json["items"][2];
        assert_eq!(
            entry["subject"],
            json!({"kind": "course", "id": id(&course), "owner_id": owner.id})
        );
        assert_eq!(
            (&entry["actor_id"], &entry["details"]),
            (&json!(admin.id), &json!({"fields": ["title"]}))
        );
        server.read(&owner, "/audit").await.is_problem(403, "admin_required");
    }
}
