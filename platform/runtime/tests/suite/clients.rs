use crate::site::{Site, grader};
use contracts::{Role, SessionId, UserId};
use http::header::WWW_AUTHENTICATE;
use runtime::AuthError;
use serde_json::{Value, json};
use std::time::Duration;
use testing::Signer;
use uuid::Uuid;

async fn asked(site: &Site, path: &str, token: &str) -> reqwest::Response {
    let request = site.client.get(site.url(path)).bearer_auth(token);
    request.send().await.unwrap()
}

async fn code(answer: reqwest::Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap();
    (status, problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_scope_admits_the_clients_that_have_it_and_nobody_else() {
    let site = Site::start().await;
    for scope in ["grades:read", "courses:read grades:read"] {
        let answer = asked(&site, "/grades", &site.client_token(scope)).await;
        assert_eq!(answer.status(), 200, "{scope}");
        assert_eq!(answer.text().await.unwrap(), grader().to_string());
    }
    for scope in [
        "",
        "grades",
        "grades:read:all",
        "grades:reader",
        "GRADES:READ",
        "a,grades:read",
    ] {
        let answer = asked(&site, "/grades", &site.client_token(scope)).await;
        assert_eq!(
            answer.headers()[WWW_AUTHENTICATE],
            "Bearer realm=\"moocflix\", error=\"insufficient_scope\", scope=\"grades:read\""
        );
        assert_eq!(code(answer).await, (403, "scope_required".to_owned()), "{scope}");
    }
    for role in [Role::Learner, Role::Instructor, Role::Admin] {
        let answer = asked(&site, "/grades", &site.token(role)).await;
        assert_eq!(code(answer).await, (403, "scope_required".to_owned()), "{role}");
    }
    let nobody = reqwest::get(site.url("/grades")).await.unwrap();
    assert_eq!(code(nobody).await, (401, "unauthenticated".to_owned()));
}

#[tokio::test]
async fn some_rows_admit_admins_and_clients_with_a_scope() {
    let site = Site::start().await;
    for token in [site.token(Role::Admin), site.client_token("grades:read")] {
        assert_eq!(asked(&site, "/all-grades", &token).await.status(), 200);
    }
    for role in [Role::Learner, Role::Instructor] {
        let answer = asked(&site, "/all-grades", &site.token(role)).await;
        assert_eq!(code(answer).await, (403, "admin_required".to_owned()), "{role}");
    }
    let answer = asked(&site, "/all-grades", &site.client_token("grades")).await;
    assert_eq!(code(answer).await, (403, "scope_required".to_owned()));
}

#[tokio::test]
async fn a_client_or_one_of_its_tokens_is_refused_until_the_last_of_them_has_run_out() {
    let site = Site::start().await;
    let (feed, until) = (
        site.identity.revocations.feed(),
        site.identity.clock.now() + Duration::from_secs(60),
    );
    let signed = |token: Uuid| Signer::shared().sign(&site.identity.client_claims(grader(), token, "grades:read"));
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let refused = async |token: Uuid| site.authenticator.verify(&signed(token)).await == Err(AuthError::Revoked);
    assert!(!refused(one).await && !refused(other).await);
    feed.end_token(one, until);
    assert!(refused(one).await && !refused(other).await);
    feed.end_client(grader(), until);
    assert!(refused(one).await && refused(other).await);
    site.identity.clock.advance(Duration::from_secs(60));
    assert!(!refused(other).await, "its own time ends it later");
}

#[tokio::test]
async fn a_client_is_no_user_whatever_its_scopes() {
    let site = Site::start().await;
    let token = site.client_token("grades:read admin");
    for path in ["/me", "/teach", "/admin", "/mine"] {
        let answer = asked(&site, path, &token).await;
        assert_eq!(code(answer).await, (403, "user_required".to_owned()), "{path}");
    }
    let open = asked(&site, "/open", &token).await;
    assert_eq!(open.text().await.unwrap(), "nobody");
}

#[tokio::test]
async fn a_token_that_is_both_a_user_s_and_a_client_s_is_refused() {
    let site = Site::start().await;
    let client = site.identity.client_claims(grader(), Uuid::now_v7(), "grades:read");
    let user = site.claims(Role::Admin);
    let mut bad = vec![
        (&client, "client_id", json!("another")),
        (&client, "jti", json!("1")),
        (&client, "scope", json!(["grades:read"])),
        (&client, "scope", Value::Null),
        (&client, "sid", json!(SessionId::generate())),
        (&client, "roles", json!(["admin"])),
        (&client, "sub", json!(UserId::generate())),
        (&user, "scope", json!("grades:read")),
        (&user, "sid", Value::Null),
    ];
    for (claims, field, value) in bad.drain(..) {
        let mut claims = claims.clone();
        claims[field] = value;
        let token = Signer::shared().sign(&claims);
        assert_eq!(
            site.authenticator.verify(&token).await,
            Err(AuthError::Invalid),
            "{claims}"
        );
    }
    for claims in [&client, &user] {
        assert!(site.authenticator.verify(&Signer::shared().sign(claims)).await.is_ok());
    }
}
