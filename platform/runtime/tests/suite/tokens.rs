use crate::site::Site;
use contracts::{Role, Timestamp};
use http::header::WWW_AUTHENTICATE;
use runtime::AuthError;
use serde_json::{Value, json};
use std::time::Duration;
use testing::{ISSUER, Signer};

const HOUR: i64 = 3_600_000_000;

#[tokio::test]
async fn a_token_that_is_not_in_order_is_refused() {
    let site = Site::start().await;
    let good = site.claims(Role::Admin);
    let changed = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        Signer::shared().sign(&claims)
    };
    let without = |field: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(field);
        Signer::shared().sign(&claims)
    };
    let now = site.clock.now().seconds();
    let mut bad = vec![
        changed("iss", json!(format!("{ISSUER}/"))),
        changed("aud", json!("other")),
        changed("aud", json!(["moocflix", "other"])),
        changed("exp", json!(now.to_string())),
        changed("exp", json!(1.0e12)),
        changed("exp", json!(-1)),
        changed("exp", json!(now)),
        changed("iat", json!(now + 31)),
        changed("iat", json!(-5)),
        changed("nbf", json!(now + 31)),
        changed("nbf", json!("now")),
        changed("sub", json!("../../etc")),
        changed("roles", json!("admin")),
        changed("roles", json!(["owner"])),
        changed("ver", json!("1")),
    ];
    bad.extend(
        [
            "iss",
            "aud",
            "sub",
            "client_id",
            "iat",
            "exp",
            "jti",
            "sid",
            "ver",
            "roles",
            "auth_time",
        ]
        .map(without),
    );
    for token in bad {
        assert_eq!(
            site.authenticator.verify(&token).await,
            Err(AuthError::Invalid),
            "{token}"
        );
    }
    assert!(site.authenticator.verify(&Signer::shared().sign(&good)).await.is_ok());
}

#[tokio::test]
async fn a_header_that_asks_for_anything_else_is_refused() {
    let site = Site::start().await;
    let claims = site.claims(Role::Admin).to_string();
    let kid = &Signer::shared().kid;
    for header in [
        r#"{"alg":"none","typ":"at+jwt","kid":"key-1"}"#.to_owned(),
        r#"{"alg":"None","typ":"at+jwt","kid":"key-1"}"#.to_owned(),
        r#"{"alg":"HS256","typ":"at+jwt","kid":"key-1"}"#.to_owned(),
        r#"{"alg":"RS512","typ":"at+jwt","kid":"key-1"}"#.to_owned(),
        r#"{"alg":"RS256","typ":"JWT","kid":"key-1"}"#.to_owned(),
        r#"{"alg":"RS256","kid":"key-1"}"#.to_owned(),
        r#"{"alg":"RS256","typ":"at+jwt"}"#.to_owned(),
        r#"{"alg":"RS256","alg":"RS256","typ":"at+jwt","kid":"key-1"}"#.to_owned(),
        r#"{"alg":"RS256","typ":"at+jwt","kid":"../key-1"}"#.to_owned(),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}","jku":"http://127.0.0.1:1/keys"}}"#),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}","jwk":{{}}}}"#),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}","crit":["exp"]}}"#),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}","zip":"DEF"}}"#),
    ] {
        let token = Signer::shared().sign_text(&header, &claims);
        assert_eq!(
            site.authenticator.verify(&token).await,
            Err(AuthError::Invalid),
            "{header}"
        );
    }
    let stranger = Signer::new("key-1");
    assert_eq!(
        site.authenticator
            .verify(&stranger.sign(&site.claims(Role::Admin)))
            .await,
        Err(AuthError::Invalid)
    );
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused() {
    let site = Site::start().await;
    let token = site.token(Role::Learner);
    assert!(site.authenticator.verify(&token).await.is_ok());
    let other = site.token(Role::Admin);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (other_head, _) = other.rsplit_once('.').unwrap();
    let long = format!("{token}{}", "A".repeat(9_000));
    for text in [
        format!("{other_head}.{signature}"),
        format!("{head}."),
        head.to_owned(),
        format!("{token}="),
        format!("{token}.x.y"),
        format!("{token}A"),
        format!(" {token}"),
        String::new(),
        "..".to_owned(),
        long,
    ] {
        assert_eq!(
            site.authenticator.verify(&text).await,
            Err(AuthError::Invalid),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_token_expires_half_a_minute_after_its_time() {
    let site = Site::start().await;
    let token = site.token(Role::Learner);
    site.clock.advance(Duration::from_secs(329));
    assert!(site.authenticator.verify(&token).await.is_ok());
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(site.authenticator.verify(&token).await, Err(AuthError::Expired));
}

#[tokio::test]
async fn tokens_of_a_withdrawn_key_are_refused() {
    let site = Site::start().await;
    let token = site.token(Role::Learner);
    assert!(site.authenticator.verify(&token).await.is_ok());
    let next = Signer::new("key-2");
    site.identity
        .keys
        .publish(vec![Signer::shared().public(), next.public()]);
    assert!(site.authenticator.verify(&token).await.is_ok());
    assert!(
        site.authenticator
            .verify(&next.sign(&site.claims(Role::Learner)))
            .await
            .is_ok()
    );
    site.identity.keys.publish(vec![next.public()]);
    assert_eq!(site.authenticator.verify(&token).await, Err(AuthError::Invalid));
    assert_eq!(site.identity.keys.jwks().keys.len(), 1);
}

#[tokio::test]
async fn a_sign_in_that_ended_is_refused_at_once() {
    let site = Site::start().await;
    let token = site.token(Role::Learner);
    let caller = site.caller(&token).await;
    let until = Timestamp(site.clock.now().0 + HOUR);
    site.identity.revocations.feed().end_session(caller.session_id, until);
    assert_eq!(site.authenticator.verify(&token).await, Err(AuthError::Revoked));
    assert!(site.authenticator.verify(&site.token(Role::Learner)).await.is_ok());
}

#[tokio::test]
async fn a_user_s_older_tokens_are_refused_and_newer_ones_taken() {
    let site = Site::start().await;
    let old = site.claims(Role::Learner);
    let caller = site.caller(&Signer::shared().sign(&old)).await;
    let until = Timestamp(site.clock.now().0 + HOUR);
    site.identity
        .revocations
        .feed()
        .end_user_below(caller.user_id, 3, until);
    // A lower version that comes later takes nothing back.
    site.identity
        .revocations
        .feed()
        .end_user_below(caller.user_id, 2, until);
    for (version, refused) in [(1, true), (2, true), (3, false), (4, false)] {
        let mut claims = old.clone();
        claims["ver"] = json!(version);
        assert_eq!(
            site.authenticator
                .verify(&Signer::shared().sign(&claims))
                .await
                .is_err(),
            refused,
            "{version}"
        );
    }
}

#[tokio::test]
async fn revocations_expire_with_the_tokens_that_they_concern() {
    let site = Site::start().await;
    let caller = site.caller(&site.token(Role::Learner)).await;
    site.identity
        .revocations
        .feed()
        .end_session(caller.session_id, Timestamp(site.clock.now().0 + HOUR));
    assert!(site.identity.revocations.refuses(&caller));
    site.clock.advance(Duration::from_secs(3_601));
    assert!(!site.identity.revocations.refuses(&caller));
}

#[tokio::test]
async fn a_missing_bearer_is_challenged_and_a_bad_one_is_reported_as_invalid() {
    let site = Site::start().await;
    let client = reqwest::Client::new();
    let missing = client.get(site.url("/me")).send().await.unwrap();
    assert_eq!(missing.status(), 401);
    assert_eq!(missing.headers()[WWW_AUTHENTICATE], "Bearer realm=\"moocflix\"");
    for value in ["Bearer x.y.z", "Basic dTpw", "Bearer", "bearer  x"] {
        let bad = client
            .get(site.url("/me"))
            .header("authorization", value)
            .send()
            .await
            .unwrap();
        assert_eq!(bad.status(), 401, "{value}");
        assert!(
            bad.headers()[WWW_AUTHENTICATE]
                .to_str()
                .unwrap()
                .contains("invalid_token"),
            "{value}"
        );
    }
    let token = site.token(Role::Learner);
    let two = client
        .get(site.url("/me"))
        .header("authorization", format!("Bearer {token}"))
        .header("authorization", format!("Bearer {token}"));
    assert_eq!(two.send().await.unwrap().status(), 400);
    let lower = client
        .get(site.url("/me"))
        .header("authorization", format!("bearer {token}"));
    assert_eq!(lower.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn on_public_routes_a_bad_bearer_counts_as_none() {
    let site = Site::start().await;
    let client = reqwest::Client::new();
    let bad = client.get(site.url("/open")).bearer_auth("x").send().await.unwrap();
    assert_eq!(
        (bad.status().as_u16(), bad.text().await.unwrap()),
        (200, "nobody".to_owned())
    );
    let token = site.token(Role::Learner);
    let caller = site.caller(&token).await;
    let good = client.get(site.url("/open")).bearer_auth(token).send().await.unwrap();
    assert_eq!(good.text().await.unwrap(), caller.user_id.to_string());
}
