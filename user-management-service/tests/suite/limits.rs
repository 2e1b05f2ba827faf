//! How often things may fail.

use crate::server::{PASSWORD, Reply, Server};
use futures::future::join_all;
use serde_json::json;
use std::time::Duration;

async fn try_with(server: &Server, email: &str, password: &str) -> Reply {
    server
        .post("/login", json!({"email": email, "password": password}))
        .await
}

async fn sign_up_from(server: &Server, address: &str, name: usize) -> Reply {
    let body = json!({"email": format!("a{name}@example.org"), "password": PASSWORD, "name": "A"});
    server
        .send(
            server
                .client
                .post(server.url("/signup"))
                .header("x-forwarded-for", address)
                .json(&body),
        )
        .await
}

#[tokio::test]
async fn ten_failures_close_an_account_for_a_quarter_of_an_hour() {
    let server = Server::start().await;
    server.signed_up("ada@example.org").await;
    server.signed_up("bob@example.org").await;
    for _ in 0..10 {
        try_with(&server, "ada@example.org", "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    server.clock.advance(Duration::from_secs(60));
    let refused = try_with(&server, "ADA@example.org", PASSWORD).await;
    refused.is_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "840");
    assert_eq!(try_with(&server, "bob@example.org", PASSWORD).await.status, 200);
    server.clock.advance(Duration::from_secs(841));
    assert_eq!(try_with(&server, "ada@example.org", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_unknown_account_is_closed_just_the_same() {
    let server = Server::start().await;
    for _ in 0..10 {
        try_with(&server, "nobody@example.org", "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    try_with(&server, "nobody@example.org", "not the password")
        .await
        .is_problem(429, "rate_limited");
}

#[tokio::test]
async fn the_right_password_forgives() {
    let server = Server::start().await;
    server.signed_up("ada@example.org").await;
    for _ in 0..3 {
        for _ in 0..9 {
            try_with(&server, "ada@example.org", "not the password")
                .await
                .is_problem(401, "invalid_credentials");
        }
        assert_eq!(try_with(&server, "ada@example.org", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn many_tries_at_once_gain_nothing() {
    let server = Server::start().await;
    server.signed_up("ada@example.org").await;
    let tries = join_all((0..40).map(|_| try_with(&server, "ada@example.org", "not the password"))).await;
    let refused = tries.iter().filter(|reply| reply.status == 401).count();
    assert!(
        refused < 10 + 4,
        "no more than the limit and what four workers had in hand: {refused}"
    );
    for _ in refused..10 {
        // On a busy machine some of the forty found no worker in time, and those count as no try.
        let wrong = try_with(&server, "ada@example.org", "not the password").await;
        wrong.is_problem(401, "invalid_credentials");
    }
    try_with(&server, "ada@example.org", PASSWORD)
        .await
        .is_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_lecture_hall_signs_in_from_one_address() {
    let server = Server::with(|config| config.limits.failures_per_address = 5).await;
    for name in 0..8 {
        server.signed_in(&format!("student-{name}@example.org")).await;
    }
    for name in 0..5 {
        try_with(&server, &format!("guess-{name}@example.org"), "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    try_with(&server, "student-1@example.org", PASSWORD)
        .await
        .is_problem(429, "rate_limited");
}

#[tokio::test]
async fn sign_ups_of_an_address_are_counted_and_zero_counts_nothing() {
    let limited = Server::with(|config| config.limits.signups_per_address = 2).await;
    assert_eq!(sign_up_from(&limited, "203.0.113.9", 1).await.status, 201);
    assert_eq!(sign_up_from(&limited, "203.0.113.9", 2).await.status, 201);
    let refused = sign_up_from(&limited, "203.0.113.9", 3).await;
    refused.is_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "3600");
    limited.clock.advance(Duration::from_secs(3_601));
    assert_eq!(sign_up_from(&limited, "203.0.113.9", 3).await.status, 201);

    let free = Server::with(|config| {
        config.limits.signups_per_address = 0;
        config.limits.failures_per_account = 0;
        config.limits.failures_per_address = 0;
    })
    .await;
    free.signed_up("ada@example.org").await;
    for _ in 0..12 {
        try_with(&free, "ada@example.org", "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    assert_eq!(try_with(&free, "ada@example.org", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let strict = Server::with(|config| config.limits.signups_per_address = 1).await;
    assert_eq!(sign_up_from(&strict, "203.0.113.1", 1).await.status, 201);
    sign_up_from(&strict, "203.0.113.2", 2)
        .await
        .is_problem(429, "rate_limited");
    let proxied = Server::behind_proxy(|config| config.limits.signups_per_address = 1).await;
    assert_eq!(sign_up_from(&proxied, "203.0.113.1", 1).await.status, 201);
    assert_eq!(sign_up_from(&proxied, "203.0.113.2", 2).await.status, 201);
    sign_up_from(&proxied, "203.0.113.2", 3)
        .await
        .is_problem(429, "rate_limited");
}
