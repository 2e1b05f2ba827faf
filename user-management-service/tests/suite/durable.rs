//! What takes rights away is acknowledged once it is stored, and in force before.

use crate::server::{PASSWORD, Reply, Server};
use backing::db::Db;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const OTHER_PASSWORD: &str = "quite another password";
/// How long the database may take until it answers again on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a browser keeps after it has signed in: its cookie, and the tokens.
async fn in_browser(server: &Server, email: &str) -> (String, Reply) {
    server.signed_up(email).await;
    let body = json!({"email": email, "password": PASSWORD, "cookie": true});
    let request = server
        .client
        .post(server.url("/login"))
        .header("origin", server.origin());
    let reply = server.send(request.json(&body)).await;
    reply.is(200);
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    (cookie, reply)
}

async fn log_out_in_browser(server: &Server, cookie: &str) -> Reply {
    let request = server.client.post(server.url("/logout")).header("cookie", cookie);
    server.send(request.header("origin", server.origin())).await
}

async fn with_body(server: &Server, method: Method, path: &str, bearer: String, body: Value) -> Reply {
    server.send(server.request(method, path, &bearer).json(&body)).await
}

/// Repeats a request until its reply has this status.
async fn until(status: u16, request: impl AsyncFn() -> Reply) -> Reply {
    let start = Instant::now();
    loop {
        let reply = request().await;
        if reply.status == status {
            return reply;
        }
        assert!(start.elapsed() < PATIENCE, "{reply:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[track_caller]
fn waits(reply: &Reply) {
    reply.is_problem(503, "unavailable");
    assert_eq!(reply.header("retry-after"), "5");
    assert!(
        reply.headers.get("set-cookie").is_none(),
        "the browser keeps its cookie: {reply:?}"
    );
}

/// People whose rights end, and the admin who ends some of them.
struct People {
    admin: Reply,
    cookie: String,
    in_browser: Reply,
    leaves_everywhere: Reply,
    elsewhere: Reply,
    deactivates: Reply,
    changes_password: Reply,
    gets_roles: Reply,
}

async fn people(server: &Server) -> People {
    let (cookie, in_browser) = in_browser(server, "ada@example.org").await;
    People {
        admin: server.admin("root@example.org").await,
        cookie,
        in_browser,
        leaves_everywhere: server.signed_in("tom@example.org").await,
        elsewhere: server.login("tom@example.org").await,
        deactivates: server.signed_in("bob@example.org").await,
        changes_password: server.signed_in("eve@example.org").await,
        gets_roles: server.signed_in("joe@example.org").await,
    }
}

/// Ends everybody's rights while the database is locked; returns the id of the request that changes roles.
async fn end_rights(server: &Server, people: &People) -> String {
    let roles = format!("/{}/roles", people.gets_roles.json["user"]["id"].as_str().unwrap());
    let passwords = json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD});
    let ask = |method, path, person: &Reply, body| with_body(server, method, path, person.access().to_owned(), body);
    let (left, all_left, deactivated, changed, other_roles) = tokio::join!(
        log_out_in_browser(server, &people.cookie),
        ask(
            Method::POST,
            "/logout",
            &people.leaves_everywhere,
            json!({"everywhere": true})
        ),
        server.delete("/deactivate", people.deactivates.access()),
        ask(Method::POST, "/password/change", &people.changes_password, passwords),
        ask(Method::PUT, &roles, &people.admin, json!({"roles": ["instructor"]})),
    );
    for reply in [&left, &all_left, &deactivated, &changed, &other_roles] {
        waits(reply);
    }
    other_roles.header("x-request-id").to_owned()
}

#[tokio::test]
async fn while_the_database_is_locked_rights_end_and_nothing_is_acknowledged() {
    let server = Server::start().await;
    let people = people(&server).await;
    let db: Db = server.second_handle().await;
    let lock = db.write().await.unwrap();
    let changed_roles = end_rights(&server, &people).await;
    for ended in [
        &people.in_browser,
        &people.leaves_everywhere,
        &people.elsewhere,
        &people.deactivates,
        &people.changes_password,
        &people.gets_roles,
    ] {
        server
            .get("/profile", ended.access())
            .await
            .is_problem(401, "unauthenticated");
    }
    server.get("/profile", people.admin.access()).await.is(200);
    lock.rollback().await.unwrap();

    let left = until(204, async || log_out_in_browser(&server, &people.cookie).await).await;
    assert!(left.header("set-cookie").contains("Max-Age=0"), "{:?}", left.headers);
    let sign_in = async |email: &str, password: &str| {
        server
            .post("/login", json!({"email": email, "password": password}))
            .await
    };
    let gone = until(403, async || sign_in("bob@example.org", PASSWORD).await).await;
    gone.is_problem(403, "account_deactivated");
    until(200, async || sign_in("eve@example.org", OTHER_PASSWORD).await).await;
    for ended in [&people.leaves_everywhere, &people.elsewhere, &people.deactivates] {
        let refused = until(400, async || server.refresh(ended).await).await;
        refused.is_oauth_error(400, "invalid_grant");
    }
    let refreshed = server.refreshed(&people.gets_roles).await;
    assert_eq!(refreshed.claims()["roles"], json!(["instructor"]));
    let admin = server.login("root@example.org").await;
    let audit = server.get("/audit", admin.access()).await;
    assert_eq!(audit.json["items"][0]["request_id"], changed_roles, "{audit:?}");
}

#[tokio::test]
async fn a_logout_whose_client_has_gone_is_stored_all_the_same() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let db: Db = server.second_handle().await;
    let lock = db.write().await.unwrap();
    // The client disconnects as soon as its token is refused.
    tokio::select! {
        left = server.request(Method::POST, "/logout", ada.access()).send() => panic!("{left:?}"),
        () = server.until_refused(ada.access(), PATIENCE) => {}
    }
    lock.rollback().await.unwrap();
    let elsewhere = server.beside().await;
    elsewhere.until_refused(ada.access(), PATIENCE).await;
    elsewhere.refresh(&ada).await.is_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn an_act_that_is_refused_ends_no_one_s_rights() {
    let server = Server::start().await;
    let admin = server.admin("root@example.org").await;
    server
        .delete("/deactivate", admin.access())
        .await
        .is_problem(409, "last_admin");
    let wrong = json!({"current_password": "not the password", "new_password": OTHER_PASSWORD});
    with_body(
        &server,
        Method::POST,
        "/password/change",
        admin.access().to_owned(),
        wrong,
    )
    .await
    .is_problem(401, "invalid_credentials");
    assert_eq!(server.get("/profile", admin.access()).await.status, 200);
}

#[tokio::test]
async fn a_logout_everywhere_is_not_lost_behind_a_logout_that_waits() {
    let server = Server::start().await;
    let here = server.signed_in("ada@example.org").await;
    let there = server.login("ada@example.org").await;
    let db: Db = server.second_handle().await;
    let lock = db.write().await.unwrap();
    for body in [json!({}), json!({"everywhere": true})] {
        waits(&with_body(&server, Method::POST, "/logout", here.access().to_owned(), body).await);
    }
    lock.rollback().await.unwrap();
    let refused = until(400, async || server.refresh(&there).await).await;
    refused.is_oauth_error(400, "invalid_grant");
}
