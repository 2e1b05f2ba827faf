//! The admins' list and roles, and what the command line does beside a running server.

use crate::server::{PASSWORD, Server};
use contracts::Role;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use user_management_service::{AccountError, NewAccount, create_user, set_role};

async fn roles(server: &Server, admin: &str, id: &Value, roles: Value) -> crate::server::Reply {
    let path = format!("/{}/roles", id.as_str().unwrap());
    server.put(&path, admin, json!({"roles": roles})).await
}

#[tokio::test]
async fn an_admin_finds_people_page_by_page() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    for name in ["ada", "adam", "bob", "co-ada"] {
        server.signed_up(&format!("{name}@example.org")).await;
    }
    let emails = |page: &Value| -> Vec<String> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["email"].as_str().unwrap().to_owned())
            .collect()
    };
    let found = server.get("/?email=ADA", admin.access()).await;
    assert_eq!(emails(&found.json), ["ada@example.org", "adam@example.org"]);
    assert_eq!(found.json["next_cursor"], Value::Null);
    let one = server.get("?email=ada@example.org", admin.access()).await;
    assert_eq!(emails(&one.json), ["ada@example.org"]);

    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/?limit=2{cursor}"), admin.access()).await;
        assert_eq!(page.status, 200, "{page:?}");
        all.extend(emails(&page.json));
        let Some(next) = page.json["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(
        all,
        ["ada", "adam", "bob", "co-ada", "root"].map(|name| format!("{name}@example.org"))
    );
    for query in ["limit=0", "limit=101", "limit=x", "cursor=!", "cursor=", "colour=red"] {
        server
            .get(&format!("/?{query}"), admin.access())
            .await
            .is_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn nobody_but_an_admin_lists_or_promotes() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    server.get("/", ada.access()).await.is_problem(403, "admin_required");
    roles(&server, ada.access(), &ada.json["user"]["id"], json!(["admin"]))
        .await
        .is_problem(403, "admin_required");
    let nobody = server.send(server.client.get(server.url("/"))).await;
    nobody.is_problem(401, "unauthenticated");
    assert!(nobody.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn other_roles_count_from_the_next_token_and_the_old_one_is_refused() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let ada = server.signed_in("ada@example.org").await;
    let id = &ada.json["user"]["id"];
    let promoted = roles(&server, admin.access(), id, json!(["learner", "instructor"])).await;
    assert_eq!(
        (promoted.status, &promoted.json["roles"]),
        (200, &json!(["learner", "instructor"]))
    );
    server
        .get("/profile", ada.access())
        .await
        .is_problem(401, "unauthenticated");
    let next = server.refreshed(&ada).await;
    assert_eq!(next.claims()["roles"], json!(["learner", "instructor"]));
    assert_eq!(server.get("/profile", next.access()).await.status, 200);
    assert_eq!(
        roles(&server, admin.access(), id, json!(["instructor", "learner"]))
            .await
            .status,
        200
    );
    assert_eq!(
        server.get("/profile", next.access()).await.status,
        200,
        "the same roles change nothing"
    );

    for (wrong, field) in [
        (json!([]), "roles"),
        (json!(["root"]), "roles[0]"),
        (json!("admin"), "roles"),
    ] {
        let refused = roles(&server, admin.access(), id, wrong).await;
        refused.is_problem(422, "invalid_request");
        assert!(refused.fields()[0].starts_with("roles"), "{field}");
    }
    for unknown in ["not-an-id", "0198f7a0-0000-7000-8000-000000000000"] {
        roles(&server, admin.access(), &json!(unknown), json!(["learner"]))
            .await
            .is_problem(404, "user_not_found");
    }
}

#[tokio::test]
async fn somebody_always_stays_admin() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let id = admin.json["user"]["id"].clone();
    roles(&server, admin.access(), &id, json!(["learner"]))
        .await
        .is_problem(409, "last_admin");
    server
        .delete("/deactivate", admin.access())
        .await
        .is_problem(409, "last_admin");
    assert_eq!(server.get("/", admin.access()).await.status, 200);

    let second = server.admin("second@example.org").await;
    let second_id = second.json["user"]["id"].clone();
    let (one, two) = tokio::join!(
        roles(&server, admin.access(), &second_id, json!(["learner"])),
        roles(&server, second.access(), &id, json!(["learner"]))
    );
    let done = [one.status, two.status].iter().filter(|status| **status == 200).count();
    assert_eq!(done, 1, "{one:?} {two:?}");
}

#[tokio::test]
async fn the_command_line_makes_accounts_and_roles_beside_a_running_server() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    // A second handle on the same file, as another process has it.
    let db = server.second_handle().await;
    let account = |email: &str| NewAccount {
        email: email.to_owned(),
        name: "Root".to_owned(),
        role: Role::Admin,
        password: PASSWORD.to_owned().into(),
    };
    create_user(&db, &server.clock, account("root@example.org"))
        .await
        .unwrap();
    let again = create_user(&db, &server.clock, account("ROOT@example.org")).await;
    assert!(matches!(again, Err(AccountError::EmailTaken)));
    let admin = server.login("root@example.org").await;
    assert_eq!(server.get("/", admin.access()).await.status, 200);

    assert_eq!(server.get("/profile", ada.access()).await.status, 200);
    set_role(&db, &server.clock, "ada@example.org", Role::Instructor)
        .await
        .unwrap();
    server.until_refused(ada.access(), Duration::from_secs(5)).await;
    assert_eq!(server.refreshed(&ada).await.claims()["roles"], json!(["instructor"]));
    let unknown = set_role(&db, &server.clock, "eve@example.org", Role::Admin).await;
    assert!(matches!(unknown, Err(AccountError::NotFound)));
    let last = set_role(&db, &server.clock, "root@example.org", Role::Learner).await;
    assert!(matches!(last, Err(AccountError::LastAdmin)));
}

#[tokio::test]
async fn every_row_of_the_table_has_its_policy() {
    let server = Server::start().await;
    for (method, path) in [
        (Method::GET, "/profile"),
        (Method::PUT, "/profile/update"),
        (Method::POST, "/password/change"),
        (Method::DELETE, "/deactivate"),
        (Method::GET, "/"),
        (Method::GET, "/audit"),
        (Method::PUT, "/x/roles"),
    ] {
        let nobody = server
            .send(server.client.request(method.clone(), server.url(path)).json(&json!({})))
            .await;
        nobody.is_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn other_roles_need_a_sign_in_of_the_last_ten_minutes() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let ada = server.signed_in("ada@example.org").await;
    let id = &ada.json["user"]["id"];
    server.clock.advance(Duration::from_secs(11 * 60));
    let admin = server.refreshed(&admin).await;
    roles(&server, admin.access(), id, json!(["admin"]))
        .await
        .is_problem(401, "reauthentication_required");
    let admin = server.login("root@example.org").await;
    roles(&server, admin.access(), id, json!(["admin"])).await.is(200);
}

#[tokio::test]
async fn every_change_of_roles_is_in_the_audit_with_its_actor_and_request() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    let ada = server.signed_in("ada@example.org").await;
    let (admin_id, id) = (&admin.json["user"]["id"], &ada.json["user"]["id"]);
    let changed = roles(&server, admin.access(), id, json!(["instructor"])).await;
    roles(&server, admin.access(), id, json!(["instructor"])).await.is(200);
    server.clock.advance(Duration::from_secs(1));
    let db = server.second_handle().await;
    set_role(&db, &server.clock, "ada@example.org", Role::Admin)
        .await
        .unwrap();

    let first = server.get("/audit?limit=2", admin.access()).await;
    first.is(200);
    assert_eq!(first.header("cache-control"), "no-store");
    let [by_machine, by_admin] = first.json["items"].as_array().unwrap().as_slice() else {
        panic!("{first:?}");
    };
    for entry in [by_machine, by_admin] {
        assert_eq!(entry["act"], "change_roles");
        assert_eq!(entry["subject"], json!({"kind": "user", "id": id, "owner_id": null}));
        assert!(
            entry["id"].is_string() && entry["at"].as_str().unwrap().ends_with('Z'),
            "{entry}"
        );
    }
    assert_eq!(
        (&by_machine["actor_id"], &by_machine["request_id"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(by_admin["actor_id"], *admin_id);
    assert_eq!(by_admin["request_id"], changed.header("x-request-id"));
    assert_eq!(
        by_admin["details"],
        json!({"before": ["learner"], "after": ["instructor"]})
    );

    let cursor = first.json["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/audit?cursor={cursor}"), admin.access()).await;
    let acts: Vec<_> = rest.json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["act"])
        .collect();
    assert_eq!(acts, ["create_user"], "the command that made the admin: {rest:?}");
    assert_eq!(rest.json["next_cursor"], Value::Null);
    server
        .get("/audit", server.signed_in("bob@example.org").await.access())
        .await
        .is_problem(403, "admin_required");
}
