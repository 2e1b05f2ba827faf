//! Sign-in, logout, and what outlives a restart.

use crate::server::{PASSWORD, Server};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let server = Server::start().await;
    server.signed_up("ada@example.org").await;
    let wrong = server
        .post(
            "/login",
            json!({"email": "ada@example.org", "password": "not the password"}),
        )
        .await;
    let unknown = server
        .post(
            "/login",
            json!({"email": "eve@example.org", "password": "not the password"}),
        )
        .await;
    let nonsense = server
        .post("/login", json!({"email": "no address", "password": "x"}))
        .await;
    for refused in [&wrong, &unknown, &nonsense] {
        refused.is_problem(401, "invalid_credentials");
        assert_eq!(refused.json["detail"], wrong.json["detail"]);
    }
    let extra = server
        .post("/login", json!({"email": "a@b", "password": "x", "otp": 1}))
        .await;
    extra.is_problem(422, "invalid_request");
    server
        .post("/login", json!({"email": "a@b"}))
        .await
        .is_problem(422, "invalid_request");
}

#[tokio::test]
async fn an_access_token_says_what_rfc_9068_asks() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let header = ada.token_header();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("at+jwt")));
    let claims = ada.claims();
    assert_eq!(claims["sub"], ada.json["user"]["id"]);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert_eq!((&claims["ver"], &claims["roles"]), (&json!(1), &json!(["learner"])));
    for name in ["iss", "aud", "client_id", "jti", "sid"] {
        assert!(claims[name].is_string(), "{name}");
    }
    assert!(claims["auth_time"].is_i64());
    let keys = server.keys().await;
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .unwrap();
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"], &key["e"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"), &json!("AQAB"))
    );
    assert!(key.get("d").is_none() && key.get("p").is_none(), "only the public half");
}

#[tokio::test]
async fn an_access_token_runs_out() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    server.clock.advance(Duration::from_secs(299));
    assert_eq!(server.get("/profile", ada.access()).await.status, 200);
    server.clock.advance(Duration::from_secs(32));
    server
        .get("/profile", ada.access())
        .await
        .is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn logout_ends_this_sign_in_at_once_and_no_other() {
    let server = Server::start().await;
    let here = server.signed_in("ada@example.org").await;
    let there = server.login("ada@example.org").await;
    let unknown = server.request(Method::POST, "/logout?all=true", here.access());
    server.send(unknown).await.is_problem(422, "invalid_request");
    let left = server
        .send(server.request(Method::POST, "/logout", here.access()))
        .await;
    assert_eq!(left.status, 204);
    server
        .get("/profile", here.access())
        .await
        .is_problem(401, "unauthenticated");
    server.refresh(&here).await.is_oauth_error(400, "invalid_grant");
    assert_eq!(server.get("/profile", there.access()).await.status, 200);

    let by_refresh = server
        .post("/logout", json!({"refresh_token": there.json["refresh_token"]}))
        .await;
    assert_eq!(by_refresh.status, 204);
    server
        .get("/profile", there.access())
        .await
        .is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn logout_everywhere_ends_all_of_them() {
    let server = Server::start().await;
    let bob = server.signed_in("bob@example.org").await;
    let mut all = vec![server.signed_in("ada@example.org").await];
    for _ in 0..3 {
        all.push(server.login("ada@example.org").await);
    }
    let body = json!({"everywhere": true});
    let left = server
        .send(server.request(Method::POST, "/logout", all[1].access()).json(&body))
        .await;
    assert_eq!(left.status, 204);
    for tokens in &all {
        server
            .get("/profile", tokens.access())
            .await
            .is_problem(401, "unauthenticated");
        server.refresh(tokens).await.is_oauth_error(400, "invalid_grant");
    }
    assert_eq!(server.get("/profile", bob.access()).await.status, 200);
    let again = server.login("ada@example.org").await;
    assert_eq!(server.get("/profile", again.access()).await.status, 200);
}

#[tokio::test]
async fn logout_answers_the_same_whether_it_ended_a_sign_in_and_refuses_what_names_none() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    for (body, status) in [
        ("", 204),
        ("{}", 204),
        ("{\"refresh_token\": \"nonsense\"}", 204),
        ("{broken", 422),
        ("[]", 422),
        ("{\"refresh_token\": 7}", 422),
        ("{\"refresh_tokn\": \"nonsense\"}", 422),
    ] {
        for kind in ["application/json", "text/plain"] {
            assert_eq!(server.post_text("/logout", kind, body).await.status, status, "{body}");
        }
    }
    let other = server.login("ada@example.org").await;
    let broken = server.request(Method::POST, "/logout", other.access()).body("{broken");
    assert_eq!(server.send(broken).await.status, 204, "the bearer names the sign-in");
    assert_eq!(server.get("/profile", other.access()).await.status, 401);
    for bearer in ["nonsense", "a.b.c", ""] {
        assert_eq!(
            server
                .send(server.request(Method::POST, "/logout", bearer))
                .await
                .status,
            204
        );
    }
    assert_eq!(
        server.get("/profile", ada.access()).await.status,
        200,
        "nobody was signed out by that"
    );
    for _ in 0..2 {
        assert_eq!(
            server
                .send(server.request(Method::POST, "/logout", ada.access()))
                .await
                .status,
            204
        );
    }
}

#[tokio::test]
async fn a_token_that_ran_out_still_ends_its_sign_in() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    server.clock.advance(Duration::from_secs(3_600));
    assert_eq!(
        server
            .send(server.request(Method::POST, "/logout", ada.access()))
            .await
            .status,
        204
    );
    server.refresh(&ada).await.is_oauth_error(400, "invalid_grant");
}

#[tokio::test]
async fn tokens_and_logouts_outlive_a_restart() {
    let server = Server::start().await;
    let stays = server.signed_in("ada@example.org").await;
    let leaves = server.login("ada@example.org").await;
    assert_eq!(
        server
            .send(server.request(Method::POST, "/logout", leaves.access()))
            .await
            .status,
        204
    );
    let keys = server.keys().await;
    let server = Box::pin(server.restarted()).await;
    assert_eq!(server.keys().await, keys);
    assert_eq!(server.get("/profile", stays.access()).await.status, 200);
    server
        .get("/profile", leaves.access())
        .await
        .is_problem(401, "unauthenticated");
    assert_eq!(server.refresh(&stays).await.status, 200);
}

#[tokio::test]
async fn another_secret_is_told_at_the_start() {
    let server = Server::start().await;
    server.signed_up("ada@example.org").await;
    let refused = Box::pin(server.restart_with_secret(&[9; 32])).await;
    assert!(refused.err().unwrap().contains("another secret key"));
}

#[tokio::test]
async fn a_server_hears_what_another_one_on_the_same_database_refuses() {
    let one = Server::start().await;
    let two = one.beside().await;
    let ada = one.signed_in("ada@example.org").await;
    assert_eq!(
        two.get("/profile", ada.access()).await.status,
        200,
        "one's tokens are two's"
    );
    assert_eq!(
        one.send(one.request(Method::POST, "/logout", ada.access()))
            .await
            .status,
        204
    );
    two.until_refused(ada.access(), Duration::from_secs(5)).await;
    two.refresh(&ada).await.is_oauth_error(400, "invalid_grant");
    assert_eq!(
        two.post("/login", json!({"email": "ada@example.org", "password": PASSWORD}))
            .await
            .status,
        200
    );
}
