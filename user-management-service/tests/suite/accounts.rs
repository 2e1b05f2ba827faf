//! Sign-up, profile, password, deactivation.

use crate::server::{PASSWORD, Server};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn who_signs_up_is_a_learner_and_signs_in() {
    let server = Server::start().await;
    let made = server
        .post(
            "/signup",
            json!({"email": " Ada@Example.org ", "password": PASSWORD, "name": " Ada "}),
        )
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json["email"], "Ada@Example.org");
    assert_eq!(made.json["name"], "Ada");
    assert_eq!(made.json["roles"], json!(["learner"]));
    assert_eq!(made.json["email_verified"], false);
    assert!(made.json["created_at"].as_str().unwrap().ends_with('Z'));
    assert!(
        !made.text.contains(PASSWORD) && !made.text.contains("argon2"),
        "{made:?}"
    );

    let tokens = server
        .post("/login", json!({"email": "ADA@example.ORG", "password": PASSWORD}))
        .await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(tokens.json["token_type"], "Bearer");
    assert_eq!(tokens.json["expires_in"], 300);
    assert_eq!(tokens.json["user"]["id"], made.json["id"]);
    assert_eq!(tokens.header("cache-control"), "no-store");

    let profile = server.get("/profile", tokens.access()).await;
    assert_eq!(profile.status, 200);
    assert_eq!(profile.json["id"], made.json["id"]);
    assert!(profile.header("etag").starts_with('"'));
}

#[tokio::test]
async fn a_taken_address_is_told_in_any_spelling() {
    let server = Server::start().await;
    server.signed_up("ada@example.org").await;
    let again = json!({"email": "ADA@EXAMPLE.ORG", "password": PASSWORD, "name": "Eve"});
    server.post("/signup", again).await.is_problem(409, "email_taken");
}

#[tokio::test]
async fn of_two_who_want_one_address_at_once_one_gets_it() {
    let server = Server::start().await;
    let want = |name: &'static str| {
        server.post(
            "/signup",
            json!({"email": "a@b.example", "password": PASSWORD, "name": name}),
        )
    };
    let (one, two) = tokio::join!(want("One"), want("Two"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn a_sign_up_whose_answer_was_lost_is_answered_again_by_its_key() {
    let server = Server::start().await;
    let ask = |key: &'static str, password: &'static str| {
        let body = json!({"email": "ada@example.org", "password": password, "name": "Ada"});
        server.send(
            server
                .client
                .post(server.url("/signup"))
                .header("idempotency-key", key)
                .json(&body),
        )
    };
    let (first, twin) = tokio::join!(ask("one", PASSWORD), ask("one", PASSWORD));
    let again = ask("one", PASSWORD).await;
    for reply in [&twin, &again] {
        assert_eq!((reply.status, &reply.json), (201, &first.json), "{reply:?}");
    }
    ask("two", PASSWORD).await.is_problem(409, "email_taken");
    ask("one", "another password").await.is_problem(409, "email_taken");
    for malformed in ["", "\u{e4}"] {
        ask(malformed, PASSWORD).await.is_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn wrong_fields_are_all_named_and_nothing_is_made() {
    let server = Server::start().await;
    let all = json!({"email": "nobody", "password": "short", "name": " "});
    let all = server.post("/signup", all).await;
    all.is_problem(422, "invalid_request");
    assert_eq!(all.fields(), ["email", "password", "name"]);
    let good = json!({"email": "a@b.example", "password": PASSWORD, "name": "A"});
    for (field, value) in [
        ("role", json!("admin")),
        ("roles", json!(["admin"])),
        ("id", json!(1)),
        ("name", Value::Null),
        ("email", json!(7)),
        ("email", json!("a@b.example\r\nBcc: e@e.example")),
        ("email", json!("a@b.example,c@d.example")),
        ("password", json!("password1234")),
        ("password", json!("eleven byte")),
        ("password", json!("x9".repeat(513))),
        ("password", json!("with a \u{0} inside")),
        ("password", json!("a@b.example")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let refused = server.post("/signup", body.clone()).await;
        refused.is_problem(422, "invalid_request");
        assert_eq!(refused.fields(), [field], "{body}");
    }
    let missing = server
        .post("/signup", json!({"email": "a@b.example", "password": PASSWORD}))
        .await;
    assert_eq!(missing.fields(), ["name"]);
    let taken = server.post("/signup", good).await;
    assert_eq!(taken.status, 201, "nothing was made before: {taken:?}");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_apart() {
    let server = Server::start().await;
    for path in ["/signup", "/login"] {
        let broken = server.post_text(path, "application/json", "{\"email\":").await;
        broken.is_problem(400, "malformed_json");
        let other = server.post_text(path, "text/plain", "{}").await;
        other.is_problem(415, "unsupported_media_type");
        let latin = server.post_text(path, "application/json", "[]").await;
        latin.is_problem(422, "invalid_request");
    }
}

#[tokio::test]
async fn a_school_may_make_everybody_an_instructor() {
    let server = Server::with(|config| config.signup_role = contracts::Role::Instructor).await;
    let made = server
        .post(
            "/signup",
            json!({"email": "a@b.example", "password": PASSWORD, "name": "A"}),
        )
        .await;
    assert_eq!(made.json["roles"], json!(["instructor"]));
}

#[tokio::test]
async fn a_profile_changes_where_it_is_told_to_and_nowhere_else() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let change = json!({"bio": "Writes\nprograms.", "locale": "en-GB"});
    let changed = server.put("/profile/update", ada.access(), change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        (&changed.json["bio"], &changed.json["locale"]),
        (&json!("Writes\nprograms."), &json!("en-GB"))
    );
    assert_eq!(changed.json["name"], "Somebody");
    let cleared = server
        .put("/profile/update", ada.access(), json!({"bio": null, "name": "Ada"}))
        .await;
    assert_eq!(
        (&cleared.json["bio"], &cleared.json["locale"]),
        (&Value::Null, &json!("en-GB"))
    );
    assert_eq!(cleared.json["name"], "Ada");
    assert_eq!(server.get("/profile", ada.access()).await.json, cleared.json);

    for (body, field) in [
        (json!({"name": null}), "name"),
        (json!({"name": "Ada\u{202e}ecalevoL"}), "name"),
        (json!({"email": null}), "email"),
        (json!({"email": "nobody"}), "email"),
        (json!({"locale": "en_GB"}), "locale"),
        (json!({"is_admin": true}), "is_admin"),
        (json!({"roles": ["admin"]}), "roles"),
        (json!({"bio": "x".repeat(2_001)}), "bio"),
    ] {
        let refused = server.put("/profile/update", ada.access(), body.clone()).await;
        refused.is_problem(422, "invalid_request");
        assert_eq!(refused.fields(), [field], "{body}");
    }
    assert_eq!(server.get("/profile", ada.access()).await.json, cleared.json);
}

#[tokio::test]
async fn a_change_on_top_of_an_old_profile_is_refused() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let etag = server.get("/profile", ada.access()).await.header("etag").to_owned();
    let with = |tag: String, name: &'static str| {
        let request = server
            .request(Method::PUT, "/profile/update", ada.access())
            .header("if-match", tag);
        server.send(request.json(&json!({"name": name})))
    };
    assert_eq!(with(etag.clone(), "First").await.status, 200);
    with(etag.clone(), "Second").await.is_problem(412, "stale");
    with("\"nonsense\"".to_owned(), "Third").await.is_problem(412, "stale");
    let profile = server.get("/profile", ada.access()).await;
    assert_eq!(profile.json["name"], "First");
    assert_ne!(profile.header("etag"), etag);
    assert_eq!(with("*".to_owned(), "Fourth").await.status, 200);
    assert_eq!(
        with(
            format!("{etag}, {}", server.get("/profile", ada.access()).await.header("etag")),
            "Fifth"
        )
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn another_address_needs_a_fresh_sign_in_and_must_be_free() {
    let server = Server::start().await;
    server.signed_up("eve@example.org").await;
    let ada = server.signed_in("ada@example.org").await;
    let taken = server
        .put("/profile/update", ada.access(), json!({"email": "EVE@example.org"}))
        .await;
    taken.is_problem(409, "email_taken");
    server.clock.advance(Duration::from_secs(601));
    let later = server.refreshed(&ada).await;
    let refused = server
        .put(
            "/profile/update",
            later.access(),
            json!({"email": "lovelace@example.org"}),
        )
        .await;
    refused.is_problem(401, "reauthentication_required");
    assert_eq!(
        server
            .put("/profile/update", later.access(), json!({"email": "ada@example.org"}))
            .await
            .status,
        200
    );
    let fresh = server.login("ada@example.org").await;
    let moved = server
        .put(
            "/profile/update",
            fresh.access(),
            json!({"email": "lovelace@example.org"}),
        )
        .await;
    assert_eq!(
        (moved.status, &moved.json["email"]),
        (200, &json!("lovelace@example.org"))
    );
    assert_eq!(server.login("lovelace@example.org").await.status, 200);
    server
        .post("/login", json!({"email": "ada@example.org", "password": PASSWORD}))
        .await
        .is_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_new_password_ends_every_other_sign_in() {
    let server = Server::start().await;
    let other = server.signed_in("ada@example.org").await;
    let here = server.login("ada@example.org").await;
    let change = |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        server.send(
            server
                .request(Method::POST, "/password/change", here.access())
                .json(&body),
        )
    };
    change("not the password", "another good one")
        .await
        .is_problem(401, "invalid_credentials");
    let common = change(PASSWORD, "password1234").await;
    common.is_problem(422, "invalid_request");
    assert_eq!(common.fields(), ["new_password"]);
    assert_eq!(change(PASSWORD, "another good one").await.status, 204);

    server
        .get("/profile", other.access())
        .await
        .is_problem(401, "unauthenticated");
    server
        .get("/profile", here.access())
        .await
        .is_problem(401, "unauthenticated");
    server.refresh(&other).await.is_oauth_error(400, "invalid_grant");
    let on = server.refreshed(&here).await;
    assert_eq!(server.get("/profile", on.access()).await.status, 200);
    server
        .post("/login", json!({"email": "ada@example.org", "password": PASSWORD}))
        .await
        .is_problem(401, "invalid_credentials");
    let with_new = json!({"email": "ada@example.org", "password": "another good one"});
    assert_eq!(server.post("/login", with_new).await.status, 200);

    server.clock.advance(Duration::from_secs(601));
    let later = server.refreshed(&on).await;
    let body = json!({"current_password": "another good one", "new_password": "one more good one"});
    let late = server
        .send(
            server
                .request(Method::POST, "/password/change", later.access())
                .json(&body),
        )
        .await;
    late.is_problem(401, "reauthentication_required");
}

#[tokio::test]
async fn a_deactivated_account_is_dead_at_once_and_wakes_with_its_password() {
    let server = Server::start().await;
    let elsewhere = server.signed_in("ada@example.org").await;
    let here = server.login("ada@example.org").await;
    assert_eq!(server.delete("/deactivate", here.access()).await.status, 204);
    for tokens in [&elsewhere, &here] {
        server
            .get("/profile", tokens.access())
            .await
            .is_problem(401, "unauthenticated");
        server.refresh(tokens).await.is_oauth_error(400, "invalid_grant");
    }
    let wrong = json!({"email": "ada@example.org", "password": "not the password", "reactivate": true});
    server
        .post("/login", wrong)
        .await
        .is_problem(401, "invalid_credentials");
    let right = json!({"email": "ada@example.org", "password": PASSWORD});
    server
        .post("/login", right)
        .await
        .is_problem(403, "account_deactivated");
    let taken = json!({"email": "ada@example.org", "password": PASSWORD, "name": "Eve"});
    server.post("/signup", taken).await.is_problem(409, "email_taken");
    let back = server
        .post(
            "/login",
            json!({"email": "ada@example.org", "password": PASSWORD, "reactivate": true}),
        )
        .await;
    assert_eq!(back.status, 200, "{back:?}");
    assert_eq!(server.get("/profile", back.access()).await.status, 200);
    server
        .get("/profile", here.access())
        .await
        .is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn deactivating_needs_a_fresh_sign_in() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    server.clock.advance(Duration::from_secs(601));
    let later = server.refreshed(&ada).await;
    server
        .delete("/deactivate", later.access())
        .await
        .is_problem(401, "reauthentication_required");
    assert_eq!(server.get("/profile", later.access()).await.status, 200);
}

#[tokio::test]
async fn a_password_in_any_script_opens_the_account_however_it_is_typed() {
    let server = Server::start().await;
    for (at, (set, typed)) in [
        ("Grüße aus Zürich", "Gru\u{308}ße aus Zu\u{308}rich"),
        ("Gru\u{308}ße aus Zu\u{308}rich", "Grüße aus Zürich"),
        ("正確な馬の電池ホチキスと月", "正確な馬の電池ホチキスと月"),
        ("ガギグゲゴザジズゼゾダヂ", "カ\u{3099}キ\u{3099}ク\u{3099}ケ\u{3099}コ\u{3099}サ\u{3099}シ\u{3099}ス\u{3099}セ\u{3099}ソ\u{3099}タ\u{3099}チ\u{3099}"),
        ("a\u{3000}wide\u{a0}space in it", "a wide space in it"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("reader-{at}@example.org");
        let body = json!({"email": email, "password": set, "name": "Reader"});
        server.post("/signup", body).await.is(201);
        server.post("/login", json!({"email": email, "password": typed})).await.is(200);
    }
}

#[tokio::test]
async fn an_address_in_two_unicode_forms_is_one_account() {
    let server = Server::start().await;
    let (composed, apart) = ("jörg@bücher.example", "jo\u{308}rg@bu\u{308}cher.example");
    assert_eq!(server.signed_up(apart).await.json["email"], composed);
    let again = json!({"email": composed, "password": PASSWORD, "name": "Eve"});
    server.post("/signup", again).await.is_problem(409, "email_taken");
    for email in [composed, apart] {
        server.login(email).await;
    }
    let admin = server.admin("root@example.org").await;
    let query = url_encoded(&apart[..4]);
    let found = server.get(&format!("/?email={query}"), admin.access()).await;
    assert_eq!(found.json["items"][0]["email"], composed, "{found:?}");
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn every_name_follows_the_rule_of_titles() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    for name in [
        "a\u{202e}b",
        "\u{2066}",
        "a\u{200f}b",
        "\u{200b}",
        "\u{3164}\u{2800}",
        "a\nb",
        " ",
        &"x".repeat(201),
    ] {
        let refused = server.put("/profile/update", ada.access(), json!({"name": name})).await;
        assert_eq!(refused.fields(), ["name"], "{name:?}");
        let body = json!({"email": "eve@example.org", "password": PASSWORD, "name": name});
        assert_eq!(server.post("/signup", body).await.fields(), ["name"], "{name:?}");
    }
}
