//! People who come with tokens of Auth0, Firebase or another OpenID Connect provider have accounts here, and nothing but a
//! token as such an issuer made it opens one.

use crate::changed_tokens;
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::api::{Account, Answer};
use e2e::issuer::{Issuer, Key, Manner, now};
use e2e::media;
use e2e::process::until;
use e2e::random::Random;
use e2e::server::Start;
use e2e::settings::rounds;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use futures::stream::{self, StreamExt, TryStreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PROFILE: &str = "/api/v1/users/profile";
const API: &str = "https://mooc.example/api";
const PROJECT: &str = "mooc-demo";

/// Three issuers, as a school may have them.
struct World {
    auth0: (Issuer, Key),
    firebase: (Issuer, Key),
    school: (Issuer, Key),
}

impl World {
    async fn start() -> Result<(Self, Start)> {
        let keys = (Key::rsa("NjVBRjY5MDlC")?, Key::rsa("9f0c1d")?, Key::ec("2026-11")?);
        let world = Self {
            auth0: (Issuer::start("/", &[&keys.0]).await?, keys.0),
            firebase: (Issuer::start(&format!("/{PROJECT}"), &[&keys.1]).await?, keys.1),
            school: (Issuer::start("/realms/school", &[&keys.2]).await?, keys.2),
        };
        let jwks = format!("{}/service_accounts/v1/jwk", world.firebase.0.address);
        let start = Start::default()
            .set("USERS__PROVIDERS__AUTH0__ISSUER", world.auth0.0.name())
            .set("USERS__PROVIDERS__AUTH0__AUDIENCE", API)
            .set("USERS__PROVIDERS__FIREBASE__ISSUER", world.firebase.0.name())
            .set("USERS__PROVIDERS__FIREBASE__AUDIENCE", PROJECT)
            .set("USERS__PROVIDERS__FIREBASE__JWKS_URL", jwks)
            .set("USERS__PROVIDERS__SCHOOL__ISSUER", world.school.0.name())
            .set("USERS__PROVIDERS__SCHOOL__AUDIENCE", API)
            .set("USERS__PROVIDERS__SCHOOL__ALGORITHMS", "ES256")
            .set("USERS__PROVIDERS__SCHOOL__ROLES_CLAIM", "groups")
            .set("USERS__PROVIDERS__SCHOOL__ROLES", "teachers=instructor");
        Ok((world, start))
    }

    /// What Auth0 says in an access token for an API.
    fn auth0_claims(&self, subject: &str) -> Result<Value> {
        let (issuer, now) = (self.auth0.0.name(), now());
        Ok(json!({
            "iss": issuer, "sub": format!("auth0|{subject}"), "aud": [API, format!("{issuer}userinfo")], "iat": now,
            "exp": now + 86_400, "scope": "openid profile email", "azp": "Zq7kX2", "permissions": ["admin"],
            "roles": ["admin"],
        }))
    }

    /// What Firebase says in an ID token.
    fn firebase_claims(&self, subject: &str, email: &str) -> Result<Value> {
        let now = now();
        Ok(json!({
            "name": "Grace Hopper", "iss": self.firebase.0.name(), "aud": PROJECT, "auth_time": now - 60,
            "user_id": subject, "sub": subject, "iat": now, "exp": now + 3_600, "email": email, "email_verified": true,
            "firebase": {"identities": {"email": [email]}, "sign_in_provider": "password"},
        }))
    }

    /// What a plain provider says in an access token of RFC 9068.
    fn school_claims(&self, subject: &str, groups: &[&str]) -> Result<Value> {
        let now = now();
        Ok(json!({
            "iss": self.school.0.name(), "aud": API, "sub": subject, "client_id": "app", "jti": "1", "iat": now,
            "exp": now + 600, "groups": groups,
        }))
    }

    fn auth0(&self, subject: &str) -> Result<String> {
        self.auth0.1.token("JWT", &self.auth0_claims(subject)?)
    }

    fn firebase(&self, subject: &str, email: &str) -> Result<String> {
        self.firebase.1.token("JWT", &self.firebase_claims(subject, email)?)
    }

    fn school(&self, subject: &str, groups: &[&str]) -> Result<String> {
        self.school.1.token("at+jwt", &self.school_claims(subject, groups)?)
    }
}

async fn profile(stage: &Stage, token: &str) -> Result<Value> {
    stage.api.secret(token);
    Ok(stage.api.get(PROFILE, token).await?.expect(200)?.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_three_issuers_have_accounts_of_their_own() -> Result<()> {
    let (world, start) = World::start().await?;
    scenario(start, async |stage| {
        let local = stage.account("learner").await?;
        let auth0 = profile(stage, &world.auth0("1")?).await?;
        ensure!(auth0["email"].is_null() && auth0["has_password"] == false, "{auth0}");
        ensure!(
            auth0["roles"] == json!(["learner"]),
            "the issuer's roles mean nothing here: {auth0}"
        );
        let firebase = profile(stage, &world.firebase("1", "grace@example.org")?).await?;
        ensure!(
            firebase["email"] == "grace@example.org" && firebase["email_verified"] == true,
            "{firebase}"
        );
        ensure!(firebase["name"] == "Grace Hopper", "{firebase}");
        let school = profile(stage, &world.school("1", &["teachers"])?).await?;
        ensure!(
            school["roles"] == json!(["instructor", "learner"]) || school["roles"] == json!(["learner", "instructor"]),
            "{school}"
        );
        let again = profile(stage, &world.auth0("1")?).await?;
        ensure!(again["id"] == auth0["id"], "the same person is the same account");
        let ids = [&auth0["id"], &firebase["id"], &school["id"]];
        ensure!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");

        // Whoever controls an address elsewhere gets nobody's account here.
        for email in [local.email.as_str(), "GRACE@example.org"] {
            let other = profile(stage, &world.firebase(&format!("other {email}"), email)?).await?;
            ensure!(other["email"].is_null(), "{other}");
            ensure!(!ids.contains(&&other["id"]), "{other}");
        }
        let mut unverified = world.firebase_claims("3", "eve@example.org")?;
        for is_verified in [json!(false), json!("true"), json!(1), Value::Null] {
            unverified["email_verified"] = is_verified;
            let token = world.firebase.1.token("JWT", &unverified)?;
            ensure!(profile(stage, &token).await?["email"].is_null(), "{unverified}");
        }
        // A password that somebody guesses opens no account that has none.
        let guess = json!({"email": "grace@example.org", "password": ""});
        stage
            .api
            .json(Method::POST, "/api/v1/users/login", "", &guess)
            .await?
            .problem(401, "invalid_credentials")?;
        Ok(())
    })
    .await
}

/// Every token is refused, and says so as a token does.
async fn are_refused(stage: &Stage, tokens: Vec<(String, String)>) -> Result<usize> {
    let count = tokens.len();
    let asked = stream::iter(tokens).map(|(what, token)| async move {
        let answer = stage.api.get(PROFILE, &token).await?;
        ensure!(answer.status == 401, "{what}: {}", answer.status);
        Ok(())
    });
    asked.buffer_unordered(16).try_collect::<()>().await?;
    Ok(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_changed_token_of_another_issuer_is_accepted() -> Result<()> {
    let (world, start) = World::start().await?;
    scenario(start, async |stage| {
        let mut random = Random::start("changed tokens of other issuers");
        let issuers = [
            ("Auth0", &world.auth0, "JWT", world.auth0_claims("1")?),
            (
                "Firebase",
                &world.firebase,
                "JWT",
                world.firebase_claims("1", "grace@example.org")?,
            ),
            (
                "OpenID Connect",
                &world.school,
                "at+jwt",
                world.school_claims("1", &[])?,
            ),
        ];
        for (name, (issuer, key), kind, claims) in &issuers {
            let good = key.token(kind, claims)?;
            profile(stage, &good).await?;
            let others: Vec<_> = issuers.iter().filter(|it| it.0 != *name).collect();
            let keys: Vec<_> = others.iter().map(|it| &it.1.1).collect();
            let names: Vec<_> = others.iter().map(|it| it.1.0.name()).collect();
            let counts = [
                are_refused(stage, changed_tokens::headers(key, claims, &keys)?).await?,
                are_refused(stage, changed_tokens::claims(key, kind, claims, &names)?).await?,
                are_refused(
                    stage,
                    changed_tokens::signatures(&mut random, &good, rounds(500, 20_000))?,
                )
                .await?,
            ];
            profile(stage, &good).await?;
            report(format!(
                "{name} ({}): refused {counts:?} changed headers, claims and signatures",
                issuer.fetches()
            ));
        }
        Ok(())
    })
    .await
}

/// Waits until a token is refused, and fails if that takes longer than `limit`.
async fn refused_within(stage: &Stage, token: &str, what: &str) -> Result<()> {
    let begun = Instant::now();
    until(what, Duration::from_secs(3), async || {
        Ok((stage.api.get(PROFILE, token).await?.status == 401).then_some(()))
    })
    .await?;
    report(format!("{what}: refused after {} ms", begun.elapsed().as_millis()));
    Ok(())
}

/// Signed out: every token issued before, and what plays by them.
async fn sign_out(stage: &Stage, world: &World, lecture: &str) -> Result<()> {
    let (first, second) = (world.auth0("ada")?, world.auth0("ada")?);
    let whose = profile(stage, &first).await?["id"].clone();
    profile(stage, &second).await?;
    let playing = stage.api.session(lecture, &first).await?.hls_url;
    stage.api.fetch(&playing).await?.expect(200)?;
    stage
        .api
        .json(Method::POST, "/api/v1/users/logout", &first, &json!({}))
        .await?
        .expect(204)?;
    refused_within(stage, &first, "signed out").await?;
    refused_within(stage, &second, "signed out, another token").await?;
    until("playback ends", Duration::from_secs(3), async || {
        Ok((stage.api.fetch(&playing).await?.status == 403).then_some(()))
    })
    .await?;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    ensure!(
        profile(stage, &world.auth0("ada")?).await?["id"] == whose,
        "a newer token is the same person's"
    );
    refused_within(stage, &first, "signed out, then signed in again").await?;
    Ok(())
}

/// Whose provider's clock is ahead is signed out as well.
async fn sign_out_ahead(stage: &Stage, world: &World) -> Result<()> {
    let mut claims = world.auth0_claims("carol")?;
    claims["iat"] = json!(now() + 30);
    let ahead = world.auth0.1.token("JWT", &claims)?;
    profile(stage, &ahead).await?;
    let everywhere = json!({"everywhere": true});
    stage
        .api
        .json(Method::POST, "/api/v1/users/logout", &ahead, &everywhere)
        .await?
        .expect(204)?;
    for _ in 0..15 {
        stage.api.get(PROFILE, &ahead).await?.expect(401)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// A role that an admin takes away.
async fn lose_a_role(stage: &Stage, world: &World, admin: &Account) -> Result<()> {
    let token = world.school("bob", &["teachers"])?;
    let bob = profile(stage, &token).await?;
    let new = || {
        stage
            .api
            .request(Method::POST, "/api/v1/content/upload")
            .bearer_auth(&token)
    };
    let create = async || -> Result<Answer> {
        let request = new().header("Tus-Resumable", "1.0.0").header("Upload-Length", "1000");
        stage.api.send(request).await
    };
    create().await?.expect(201)?;
    let path = format!("/api/v1/users/{}/roles", bob["id"].as_str().context("an id")?);
    let learner = json!({"roles": ["learner"]});
    stage
        .api
        .json(Method::PUT, &path, &admin.token, &learner)
        .await?
        .expect(200)?;
    until("a role taken away", Duration::from_secs(3), async || {
        Ok((create().await?.status == 403).then_some(()))
    })
    .await?;
    ensure!(
        profile(stage, &token).await?["roles"] == json!(["learner"]),
        "the token goes on as a learner's"
    );
    profile(stage, &world.school("bob", &["teachers"])?).await?;
    create().await?.expect(403)?;
    Ok(())
}

/// Its issuer gives and takes roles by newer tokens.
async fn follow_the_issuer(stage: &Stage, world: &World) -> Result<()> {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let roles = profile(stage, &world.school("bob", &[])?).await?["roles"].clone();
    ensure!(roles == json!(["learner"]), "{roles}");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let roles = profile(stage, &world.school("bob", &["teachers"])?).await?["roles"].clone();
    ensure!(
        roles
            .as_array()
            .is_some_and(|roles| roles.contains(&json!("instructor"))),
        "{roles}"
    );
    Ok(())
}

/// Deactivated.
async fn deactivate(stage: &Stage, world: &World) -> Result<()> {
    let token = world.firebase("eve", "eve@example.org")?;
    profile(stage, &token).await?;
    stage
        .api
        .delete("/api/v1/users/deactivate", &token)
        .await?
        .expect(204)?;
    refused_within(stage, &token, "deactivated").await?;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    stage
        .api
        .get(PROFILE, &world.firebase("eve", "eve@example.org")?)
        .await?
        .expect(401)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_account_bites_although_the_token_lives_on() -> Result<()> {
    let (world, start) = World::start().await?;
    scenario(start, async |stage| {
        let admin = stage.account("admin").await?;
        let teacher = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &teacher.token).await?;
        let visible = json!({"visibility": "signed_in"});
        let path = format!("/api/v1/content/{id}");
        stage
            .api
            .json(Method::PATCH, &path, &teacher.token, &visible)
            .await?
            .expect(200)?;
        sign_out(stage, &world, &id).await?;
        sign_out_ahead(stage, &world).await?;
        lose_a_role(stage, &world, &admin).await?;
        follow_the_issuer(stage, &world).await?;
        deactivate(stage, &world).await
    })
    .await
}

/// Many tokens with keys that nobody knows.
async fn flood(stage: &Stage, world: &World) -> Result<()> {
    let before = world.auth0.0.fetches();
    let (stranger, claims) = (Key::rsa("stranger")?, world.auth0_claims("eve")?.to_string());
    let header = |kid: usize| json!({"alg": "RS256", "typ": "JWT", "kid": format!("unknown-{kid}")}).to_string();
    let template = stranger.sign(&header(0), &claims)?;
    let rest = template.split_once('.').context("a token")?.1.to_owned();
    let count = rounds(5_000, 100_000);
    let begun = Instant::now();
    let asked = stream::iter(0..count).map(|kid| {
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header(kid)));
        async move { anyhow::Ok(stage.api.get(PROFILE, &token).await?.expect(401).map(|_| ())?) }
    });
    asked.buffer_unordered(64).try_collect::<()>().await?;
    let fetches = world.auth0.0.fetches() - before;
    report(format!(
        "{count} unknown keys in {} ms: {fetches} fetches",
        begun.elapsed().as_millis()
    ));
    ensure!((1..=2).contains(&fetches), "{fetches} fetches");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_cause_one_fetch_in_half_a_minute_and_a_bad_provider_slows_nobody() -> Result<()> {
    let (world, mut start) = World::start().await?;
    let mut bad = Vec::new();
    for manner in [Manner::Slow(20), Manner::Redirect, Manner::Garbage, Manner::Endless] {
        let (key, name) = (Key::rsa("bad")?, format!("USERS__PROVIDERS__BAD{}", bad.len()));
        let issuer = Issuer::start("/bad", &[&key]).await?;
        issuer.behave(manner);
        start = start
            .set(&format!("{name}__ISSUER"), issuer.name())
            .set(&format!("{name}__AUDIENCE"), API);
        bad.push((issuer, key));
    }
    scenario(start, async |stage| {
        let local = stage.account("learner").await?;
        let (good, stage) = (world.auth0("ada")?, &*stage);
        profile(stage, &good).await?;
        flood(stage, &world).await?;

        // Their people wait a second for keys, and everybody else not at all.
        let tokens = bad.iter().flat_map(|(issuer, key)| {
            let claims = json!({"iss": issuer.name(), "aud": API, "sub": "eve", "iat": 0, "exp": 4_000_000_000_i64});
            (0..10).map(move |_| key.token("JWT", &claims))
        });
        let tokens = tokens.collect::<Result<Vec<_>>>()?;
        let crowd = async {
            let asked = stream::iter(tokens).map(|token| async move {
                // Nobody knows yet whether they are good.
                stage.api.get(PROFILE, &token).await?.problem(503, "unavailable")
            });
            asked.buffer_unordered(40).try_collect::<Vec<_>>().await
        };
        let others = async {
            let mut slowest = Duration::ZERO;
            for token in [&good, &local.token].into_iter().cycle().take(60) {
                let begun = Instant::now();
                profile(stage, token).await?;
                slowest = slowest.max(begun.elapsed());
            }
            anyhow::Ok(slowest)
        };
        let (_, slowest) = futures::try_join!(crowd, others)?;
        for (issuer, _) in &bad {
            ensure!(
                (1..=5).contains(&issuer.fetches()),
                "{}: {} fetches",
                issuer.name(),
                issuer.fetches()
            );
        }
        report(format!(
            "beside a bad provider, the slowest request of others took {} ms",
            slowest.as_millis()
        ));
        ensure!(
            slowest < Duration::from_millis(900),
            "others wait for a bad provider: {slowest:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_of_a_provider_is_taken_up_at_once() -> Result<()> {
    let (world, start) = World::start().await?;
    scenario(start, async |stage| {
        let (issuer, old) = &world.auth0;
        profile(stage, &world.auth0("ada")?).await?;
        let new = Key::rsa("the next one")?;
        issuer.publish(&[&new]);
        let claims = world.auth0_claims("ada")?;
        let begun = Instant::now();
        profile(stage, &new.token("JWT", &claims)?).await?;
        ensure!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        // The old one is gone from the document, and what it has signed with it.
        stage.api.get(PROFILE, &old.token("JWT", &claims)?).await?.expect(401)?;
        Ok(())
    })
    .await
}
