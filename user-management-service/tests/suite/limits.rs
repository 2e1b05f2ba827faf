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
        config.limits.signins_per_account = 0;
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

async fn try_from(server: &Server, address: &str, email: &str, password: &str) -> Reply {
    let request = server
        .client
        .post(server.url("/login"))
        .header("x-forwarded-for", address);
    server
        .send(request.json(&json!({"email": email, "password": password})))
        .await
}

/// A try in a browser, which sends these cookies.
async fn try_in_browser(server: &Server, cookies: &str, email: &str, password: &str) -> Reply {
    let request = server
        .client
        .post(server.url("/login"))
        .header("origin", server.origin());
    let body = json!({"email": email, "password": password, "cookie": true});
    server.send(request.header("cookie", cookies).json(&body)).await
}

fn device(reply: &Reply) -> String {
    let cookies = reply.headers.get_all("set-cookie").iter();
    let device = cookies
        .map(|cookie| cookie.to_str().unwrap())
        .find(|it| it.starts_with("moocflix-device="));
    let device = device.unwrap_or_else(|| panic!("{:?}", reply.headers));
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"] {
        assert!(device.contains(part), "{device}");
    }
    device.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn failures_from_elsewhere_lock_nobody_out() {
    let server = Server::behind_proxy(|_| ()).await;
    server.signed_up("ada@example.org").await;
    for _ in 0..10 {
        try_from(&server, "203.0.113.1", "ada@example.org", "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    for spelling in ["ada@example.org", "ADA@Example.org", " ada@example.org "] {
        try_from(&server, "203.0.113.1", spelling, PASSWORD)
            .await
            .is_problem(429, "rate_limited");
    }
    try_from(&server, "203.0.113.2", "ada@example.org", PASSWORD)
        .await
        .is(200);
    try_from(&server, "203.0.113.1", "ada@example.org", PASSWORD)
        .await
        .is_problem(429, "rate_limited");
}

#[tokio::test]
async fn one_address_in_two_unicode_forms_has_one_limit() {
    let server = Server::start().await;
    for at in 0..10 {
        let email = ["jo\u{308}rg@example.org", "jörg@example.org"][at % 2];
        try_with(&server, email, "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    for email in ["jo\u{308}rg@example.org", "jörg@example.org"] {
        try_with(&server, email, PASSWORD).await.is_problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn a_known_device_is_not_locked_out_by_others_and_has_ten_tries_of_its_own() {
    let server = Server::start().await;
    for email in ["ada@example.org", "eve@example.org"] {
        server.signed_up(email).await;
    }
    let ada = device(&try_in_browser(&server, "", "ada@example.org", PASSWORD).await);
    let eve = device(&try_in_browser(&server, &ada, "eve@example.org", PASSWORD).await);
    assert_ne!(ada, eve, "another account's device is not this one's");
    for _ in 0..10 {
        try_with(&server, "ada@example.org", "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    for cookies in ["", &eve, "moocflix-device=AAAA", "moocflix-device="] {
        try_in_browser(&server, cookies, "ada@example.org", PASSWORD)
            .await
            .is_problem(429, "rate_limited");
    }
    let again = try_in_browser(&server, &ada, "ada@example.org", PASSWORD).await;
    again.is(200);
    assert_eq!(device(&again), ada, "the device keeps its token");
    for _ in 0..10 {
        try_in_browser(&server, &ada, "ada@example.org", "not the password")
            .await
            .is_problem(401, "invalid_credentials");
    }
    try_in_browser(&server, &ada, "ada@example.org", PASSWORD)
        .await
        .is_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_new_password_makes_the_devices_unknown() {
    let server = Server::start().await;
    server.signed_up("ada@example.org").await;
    let tokens = try_in_browser(&server, "", "ada@example.org", PASSWORD).await;
    let change = json!({"current_password": PASSWORD, "new_password": "quite another password"});
    let changed = server.request(reqwest::Method::POST, "/password/change", tokens.access());
    server.send(changed.json(&change)).await.is(204);
    for _ in 0..10 {
        try_with(&server, "ada@example.org", "not the password").await;
    }
    try_in_browser(&server, &device(&tokens), "ada@example.org", "quite another password")
        .await
        .is_problem(429, "rate_limited");
}

#[tokio::test]
async fn right_passwords_count_as_well() {
    let server = Server::with(|config| config.limits.signins_per_account = 3).await;
    for email in ["ada@example.org", "bob@example.org"] {
        server.signed_up(email).await;
    }
    for _ in 0..3 {
        try_with(&server, "ada@example.org", PASSWORD).await.is(200);
    }
    let refused = try_with(&server, "ada@example.org", PASSWORD).await;
    refused.is_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "60");
    try_with(&server, "bob@example.org", PASSWORD).await.is(200);
    server.clock.advance(Duration::from_secs(60));
    try_with(&server, "ada@example.org", PASSWORD).await.is(200);
}

#[tokio::test]
async fn an_address_changes_three_times_a_day_and_each_change_counts_as_a_sign_up() {
    let server = Server::with(|config| config.limits.signups_per_address = 8).await;
    let change = async |bearer: &str, email: &str| server.put("/profile/update", bearer, json!({"email": email})).await;
    let [ada, bob, eve] = ["ada", "bob", "eve"].map(|name| format!("{name}@example.org"));
    let (ada, bob) = (server.signed_in(&ada).await, server.signed_in(&bob).await);
    server.signed_up(&eve).await;
    for _ in 0..5 {
        let spelling = change(ada.access(), "ADA@example.org").await;
        assert_eq!(
            spelling.status, 200,
            "another spelling is no other address: {spelling:?}"
        );
    }
    change(ada.access(), &eve).await.is_problem(409, "email_taken");
    change(ada.access(), "ada@example.com").await.is(200);
    change(ada.access(), "ada@example.net").await.is(200);
    for email in [&eve, "ada@example.org", "free@example.org"] {
        let refused = change(ada.access(), email).await;
        refused.is_problem(429, "rate_limited");
        assert_eq!(refused.header("retry-after"), "86400");
    }
    change(bob.access(), "bob@example.com").await.is(200);
    change(bob.access(), &eve).await.is_problem(409, "email_taken");
    change(bob.access(), &eve).await.is_problem(429, "rate_limited");
    let sign_up = json!({"email": "joe@example.org", "password": PASSWORD, "name": "Joe"});
    server.post("/signup", sign_up).await.is_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_person_writes_thirty_times_a_minute() {
    let server = Server::start().await;
    let (ada, bob) = (
        server.signed_in("ada@example.org").await,
        server.signed_in("bob@example.org").await,
    );
    let write = async |bearer: &str, name: usize| {
        let body = json!({"name": format!("Name {name}")});
        server.put("/profile/update", bearer, body).await
    };
    for name in 0..30 {
        write(ada.access(), name).await.is(200);
    }
    write(ada.access(), 30).await.is_problem(429, "rate_limited");
    write(bob.access(), 0).await.is(200);
    server.clock.advance(Duration::from_secs(60));
    write(ada.access(), 31).await.is(200);
}

#[tokio::test]
async fn a_sign_in_is_refreshed_sixty_times_a_minute() {
    let server = Server::start().await;
    let (mut ada, other) = (
        server.signed_in("ada@example.org").await,
        server.login("ada@example.org").await,
    );
    for _ in 0..60 {
        ada = server.refreshed(&ada).await;
    }
    let refused = server.refresh(&ada).await;
    refused.is_oauth_error(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "60");
    server.refreshed(&other).await;
    server.clock.advance(Duration::from_secs(60));
    server.refreshed(&ada).await;
}
