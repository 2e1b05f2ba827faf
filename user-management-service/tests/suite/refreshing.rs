//! `POST /token`

use crate::server::Server;
use futures::future::join_all;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

#[tokio::test]
async fn each_refresh_gives_the_next_token_as_oauth_says() {
    let server = Server::start().await;
    let first = server.signed_in("ada@example.org").await;
    let second = server.refresh(&first).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(second.header("cache-control"), "no-store");
    assert_eq!(second.json["token_type"], "Bearer");
    assert_eq!(second.json["expires_in"], 300);
    assert_ne!(second.json["refresh_token"], first.json["refresh_token"]);
    assert_eq!(second.claims()["sid"], first.claims()["sid"]);
    assert_eq!(second.claims()["auth_time"], first.claims()["auth_time"]);
    let third = server.refreshed(&second).await;
    assert_eq!(server.get("/profile", third.access()).await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_for_ten_seconds() {
    let server = Server::start().await;
    let first = server.signed_in("ada@example.org").await;
    let second = server.refreshed(&first).await;
    server.clock.advance(Duration::from_secs(9));
    let again = server.refreshed(&first).await;
    assert_eq!(again.json["refresh_token"], second.json["refresh_token"]);
    server.clock.advance(Duration::from_secs(2));
    server.refresh(&first).await.is_oauth_error(400, "invalid_grant");
    server.refresh(&second).await.is_oauth_error(400, "invalid_grant");
    server
        .get("/profile", second.access())
        .await
        .is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_token_whose_successor_was_used_ends_the_sign_in_at_once() {
    let server = Server::start().await;
    let first = server.signed_in("ada@example.org").await;
    let other = server.login("ada@example.org").await;
    let second = server.refreshed(&first).await;
    let third = server.refreshed(&second).await;
    server.refresh(&first).await.is_oauth_error(400, "invalid_grant");
    server.refresh(&third).await.is_oauth_error(400, "invalid_grant");
    for tokens in [&first, &second, &third] {
        server
            .get("/profile", tokens.access())
            .await
            .is_problem(401, "unauthenticated");
    }
    assert_eq!(
        server.get("/profile", other.access()).await.status,
        200,
        "another sign-in goes on"
    );
}

#[tokio::test]
async fn sixty_four_at_once_leave_one_live_token() {
    let server = Server::start().await;
    let first = server.signed_in("ada@example.org").await;
    let answers = join_all((0..64).map(|_| server.refresh(&first))).await;
    let mut given = HashSet::new();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        given.insert(answer.json["refresh_token"].as_str().unwrap().to_owned());
    }
    assert_eq!(given.len(), 1);
    assert_eq!(server.refresh(&answers[0]).await.status, 200);
}

#[tokio::test]
async fn a_sign_in_ends_when_it_was_not_used_for_long_and_in_any_case_in_the_end() {
    let server = Server::start().await;
    let day = Duration::from_secs(86_400);
    let idle = server.signed_in("ada@example.org").await;
    server.clock.advance(day * 15);
    server.refresh(&idle).await.is_oauth_error(400, "invalid_grant");
    let mut used = server.login("ada@example.org").await;
    for _ in 0..2 {
        server.clock.advance(day * 13);
        used = server.refreshed(&used).await;
    }
    server.clock.advance(day * 5);
    server.refresh(&used).await.is_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn what_is_no_refresh_is_refused_in_oauth_s_words() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let token = ada.json["refresh_token"].as_str().unwrap();
    let access = ada.access();
    for (form, error) in [
        ("", "invalid_request"),
        ("grant_type=refresh_token", "invalid_request"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x", "unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=nonsense", "invalid_grant"),
        (
            &format!("grant_type=refresh_token&refresh_token={access}"),
            "invalid_grant",
        ),
        (
            &format!("grant_type=refresh_token&refresh_token={token}&refresh_token={token}"),
            "invalid_request",
        ),
    ] {
        let refused = server
            .post_text("/token", "application/x-www-form-urlencoded", form)
            .await;
        refused.is_oauth_error(400, error);
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    server
        .post_text("/token", "text/plain", "grant_type=refresh_token")
        .await
        .is_oauth_error(400, "invalid_request");
    let unknown = format!("grant_type=refresh_token&refresh_token={token}&client_id=page&scope=&colour=red");
    let taken = server
        .post_text("/token", "application/x-www-form-urlencoded", &unknown)
        .await;
    assert_eq!(taken.status, 200, "unknown parameters are ignored: {taken:?}");
    let bearer = server.get("/profile", token).await;
    bearer.is_problem(401, "unauthenticated");
    assert_eq!(
        server.post("/token", json!({"grant_type": "password"})).await.json["error"],
        "unsupported_grant_type"
    );
}
