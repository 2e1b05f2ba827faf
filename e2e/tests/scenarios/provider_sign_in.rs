//! A sign-in with a provider ends in the browser that began it, with the provider's own answer to it, and never otherwise.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::api::Answer;
use e2e::issuer::{Issuer, Key, now};
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

const CLIENT: &str = "moocflix & co";
const SECRET: &str = "a secret: with 100 % of signs";

/// A sign-in that was begun.
struct Begun {
    /// What the browser brings the provider.
    asked: HashMap<String, String>,
    /// The cookie that the browser keeps.
    cookie: String,
}

async fn begin(stage: &Stage, query: &str) -> Result<Begun> {
    let path = format!("/api/v1/users/providers/school/sign-in{query}");
    let answer = stage
        .api
        .send(stage.api.request(Method::GET, &path))
        .await?
        .expect(303)?;
    let url = Url::parse(answer.header(LOCATION.as_str()))?;
    let cookie = answer.header(SET_COOKIE.as_str()).to_owned();
    ensure!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    Ok(Begun {
        asked: url.query_pairs().into_owned().collect(),
        cookie: cookie.split(';').next().unwrap_or_default().to_owned(),
    })
}

async fn come_back(stage: &Stage, cookie: &str, query: &[(&str, &str)]) -> Result<Answer> {
    let mut url = Url::parse("http://page/api/v1/users/providers/school/callback")?;
    url.query_pairs_mut().extend_pairs(query);
    let path = url.as_str().trim_start_matches("http://page");
    let request = stage.api.request(Method::GET, path);
    stage.api.send(request.header(COOKIE, cookie)).await
}

/// The problem that the page is told of; fails if somebody is signed in.
fn problem(answer: &Answer) -> Result<String> {
    ensure!(answer.status == 303, "{}: {}", answer.status, answer.text());
    let cookies = answer
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok());
    let kept: Vec<_> = cookies.filter(|it| !it.contains("Max-Age=0")).collect();
    ensure!(kept.is_empty(), "{kept:?}");
    let url = Url::parse("http://page")?.join(answer.header(LOCATION.as_str()))?;
    ensure!(url.host_str() == Some("page") && url.path() == "/", "{url}");
    let code = url.query_pairs().find(|(name, _)| name == "sign_in_problem");
    Ok(code.context("a problem")?.1.into_owned())
}

/// The claims of an ID token for a sign-in.
fn claims(issuer: &Issuer, begun: &Begun) -> Result<Value> {
    let now = now();
    Ok(json!({
        "iss": issuer.name(), "aud": CLIENT, "sub": "ada", "iat": now, "exp": now + 300, "auth_time": now,
        "nonce": begun.asked["nonce"],
    }))
}

fn school(issuer: &Issuer) -> Start {
    let set = |start: Start, key: &str, value: &str| start.set(&format!("USERS__PROVIDERS__SCHOOL__{key}"), value);
    let start = set(Start::default(), "ISSUER", issuer.name());
    let start = set(start, "LABEL", "Example School");
    set(set(start, "CLIENT_ID", CLIENT), "CLIENT_SECRET", SECRET)
}

/// The provider was shown the code with what belongs to it.
fn code_is_shown(issuer: &Issuer, begun: &Begun, back: &str) -> Result<()> {
    let asked = issuer.asked();
    let (head, form) = asked.split_once("\r\n\r\n").context("a body")?;
    let form: HashMap<String, String> = Url::parse(&format!("http://form/?{form}"))?
        .query_pairs()
        .into_owned()
        .collect();
    ensure!(form["code"] == "the code" && form["redirect_uri"] == back, "{form:?}");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    ensure!(
        challenge == begun.asked["code_challenge"],
        "the verifier is another one's"
    );
    let encoded = "moocflix+%26+co:a+secret%3A+with+100+%25+of+signs";
    let basic = base64::engine::general_purpose::STANDARD.encode(encoded);
    ensure!(head.contains(&format!("Basic {basic}")), "{head}");
    Ok(())
}

/// Exchanges the cookie of an answer for tokens, as the page does.
async fn refresh(stage: &Stage, answer: &Answer) -> Result<Value> {
    let cookie = answer
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok());
    let cookie = cookie
        .filter(|it| !it.contains("Max-Age=0"))
        .map(|it| it.split(';').next().unwrap_or_default());
    let cookie = cookie.collect::<Vec<_>>().join("; ");
    let refresh = stage
        .api
        .request(Method::POST, "/api/v1/users/token")
        .header(COOKIE, cookie);
    let refresh = refresh
        .header(ORIGIN, &stage.api.base)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let signed_in = stage
        .api
        .send(refresh.body("grant_type=refresh_token"))
        .await?
        .expect(200)?
        .json();
    Ok(signed_in)
}

/// Whose provider doesn't say when it asked for the password has signed in, but not lately.
async fn a_silent_sign_in_is_not_a_fresh_one(stage: &Stage, issuer: &Issuer, key: &Key) -> Result<()> {
    let begun = begin(stage, "").await?;
    let mut claims = claims(issuer, &begun)?;
    claims.as_object_mut().context("claims")?.remove("auth_time");
    issuer.give(json!({"id_token": key.token("JWT", &claims)?}), Value::Null);
    let query = [("code", "the code"), ("state", begun.asked["state"].as_str())];
    let answer = come_back(stage, &begun.cookie, &query).await?.expect(303)?;
    let signed_in = refresh(stage, &answer).await?;
    let token = signed_in["access_token"].as_str().context("a token")?;
    stage.api.get("/api/v1/users/profile", token).await?.expect(200)?;
    let refused = stage.api.delete("/api/v1/users/deactivate", token).await?;
    refused.problem(401, "reauthentication_required")?;
    Ok(())
}

/// A deactivated account opens only for those who want it back.
async fn come_back_to_a_deactivated_account(stage: &Stage, issuer: &Issuer, key: &Key, token: &str) -> Result<()> {
    stage.api.delete("/api/v1/users/deactivate", token).await?.expect(204)?;
    for (query, code) in [("", Some("account_deactivated")), ("?reactivate=true", None)] {
        let begun = begin(stage, query).await?;
        let token = key.token("JWT", &claims(issuer, &begun)?)?;
        issuer.give(json!({"id_token": token}), Value::Null);
        let query = [("code", "another"), ("state", begun.asked["state"].as_str())];
        let answer = come_back(stage, &begun.cookie, &query).await?;
        match code {
            Some(code) => ensure!(problem(&answer)? == code),
            None => ensure!(answer.expect(303)?.header(LOCATION.as_str()) == "/"),
        }
    }
    Ok(())
}

/// The page may offer the provider.
async fn is_offered(stage: &Stage) -> Result<()> {
    let offered = stage
        .api
        .send(stage.api.request(Method::GET, "/api/v1/users/providers"))
        .await?
        .json();
    let url = "/api/v1/users/providers/school/sign-in";
    ensure!(
        offered == json!({"items": [{"name": "school", "label": "Example School", "sign_in_url": url}]}),
        "{offered}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_with_a_provider_opens_the_same_account_as_its_bearers() -> Result<()> {
    let key = Key::rsa("2026")?;
    let issuer = Issuer::start("", &[&key]).await?;
    let start = school(&issuer).set("USERS__PROVIDERS__SCHOOL__AUDIENCE", "https://mooc.example/api");
    scenario(start, async |stage| {
        stage.api.secret(SECRET);
        is_offered(stage).await?;
        let begun = begin(stage, "?return_to=/courses%3Fq%3Drust%23top").await?;
        ensure!(begun.asked["response_type"] == "code" && begun.asked["code_challenge_method"] == "S256");
        let back = format!("{}/api/v1/users/providers/school/callback", stage.api.base);
        ensure!(begun.asked["redirect_uri"] == back, "{:?}", begun.asked);
        let token = key.token("JWT", &claims(&issuer, &begun)?)?;
        let person = json!({"sub": "ada", "email": "ada@school.example", "email_verified": true, "name": "Ada"});
        issuer.give(
            json!({"id_token": token, "access_token": "opaque", "token_type": "Bearer"}),
            person,
        );
        let query = [
            ("code", "the code"),
            ("state", &begun.asked["state"]),
            ("iss", issuer.name()),
        ];
        let answer = come_back(stage, &begun.cookie, &query).await?.expect(303)?;
        ensure!(
            answer.header(LOCATION.as_str()) == "/courses?q=rust#top",
            "{:?}",
            answer.headers
        );
        ensure!(answer.header("cache-control") == "no-store" && answer.header("referrer-policy") == "no-referrer");

        code_is_shown(&issuer, &begun, &back)?;
        let signed_in = refresh(stage, &answer).await?;
        let user = &signed_in["user"];
        ensure!(
            user["email"] == "ada@school.example" && user["has_password"] == false,
            "{user}"
        );
        let bearer = json!({
            "iss": issuer.name(), "aud": "https://mooc.example/api", "sub": "ada", "iat": now(), "exp": now() + 60,
        });
        let profile = stage
            .api
            .get("/api/v1/users/profile", &key.token("JWT", &bearer)?)
            .await?
            .expect(200)?
            .json();
        ensure!(profile["id"] == user["id"], "{profile}");
        let change = json!({"current_password": "", "new_password": "a password that is long enough"});
        let token = signed_in["access_token"].as_str().context("a token")?;
        let change = stage
            .api
            .json(Method::POST, "/api/v1/users/password/change", token, &change);
        change.await?.problem(409, "no_password")?;

        a_silent_sign_in_is_not_a_fresh_one(stage, &issuer, &key).await?;
        come_back_to_a_deactivated_account(stage, &issuer, &key, token).await
    })
    .await
}

/// A cookie, a query, and the problem that the page is told of.
type Spoilt<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// Sign-ins whose answer or browser isn't right, each with the problem that the page is told of.
async fn spoilt_answers(stage: &Stage, issuer: &Issuer, key: &Key) -> Result<()> {
    let begun = begin(stage, "").await?;
    let other = begin(stage, "").await?;
    let token = key.token("JWT", &claims(issuer, &begun)?)?;
    issuer.give(json!({"id_token": token}), Value::Null);
    let (state, code) = (begun.asked["state"].as_str(), ("code", "the code"));
    let damaged = format!("{}A", begun.cookie);
    let spoilt: [Spoilt<'_>; 10] = [
        ("", &[code, ("state", state)], "sign_in_expired"),
        (&other.cookie, &[code, ("state", state)], "sign_in_expired"),
        (&damaged, &[code, ("state", state)], "sign_in_expired"),
        (&begun.cookie, &[code], "sign_in_expired"),
        (&begun.cookie, &[code, ("state", "")], "sign_in_expired"),
        (
            &begun.cookie,
            &[code, ("state", state), ("iss", "https://eve.example")],
            "provider_failed",
        ),
        (&begun.cookie, &[("state", state)], "provider_failed"),
        (
            &begun.cookie,
            &[("state", state), ("error", "access_denied")],
            "sign_in_cancelled",
        ),
        (
            &begun.cookie,
            &[("state", state), ("error", "server_error")],
            "provider_unavailable",
        ),
        (
            &begun.cookie,
            &[code, ("state", state), ("error", "invalid_scope")],
            "provider_failed",
        ),
    ];
    for (cookie, query, expected) in spoilt {
        let found = problem(&come_back(stage, cookie, query).await?)?;
        ensure!(found == expected, "{query:?}: {found} instead of {expected}");
    }
    Ok(())
}

/// Sign-ins whose tokens aren't right.
async fn spoilt_tokens(stage: &Stage, issuer: &Issuer, key: &Key) -> Result<()> {
    let (stranger, at) = (Key::rsa(&key.kid)?, now());
    let others: [(&str, Value); 10] = [
        ("azp", json!("another")),
        ("auth_time", json!(at - 40 * 86_400)),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("aud", json!("another")),
        ("aud", json!(["another"])),
        ("iss", json!("https://eve.example")),
        ("exp", json!(at - 61)),
        ("sub", json!("")),
        ("auth_time", json!(at + 600)),
    ];
    for (field, value) in others {
        let begun = begin(stage, "").await?;
        let mut claims = claims(issuer, &begun)?;
        claims[field] = value;
        issuer.give(json!({"id_token": key.token("JWT", &claims)?}), Value::Null);
        let query = [("code", "the code"), ("state", begun.asked["state"].as_str())];
        let found = problem(&come_back(stage, &begun.cookie, &query).await?)?;
        ensure!(found == "provider_failed", "{claims}: {found}");
    }
    let good = |begun: &Begun| -> Result<String> { key.token("JWT", &claims(issuer, begun)?) };
    for which in 0..5 {
        let begun = begin(stage, if which == 0 { "?fresh=true" } else { "" }).await?;
        let mut stale = claims(issuer, &begun)?;
        stale["auth_time"] = json!(at - 700);
        let (tokens, person, expected) = match which {
            0 => (
                json!({"id_token": key.token("JWT", &stale)?}),
                Value::Null,
                "provider_failed",
            ),
            1 => (
                json!({"id_token": stranger.token("JWT", &claims(issuer, &begun)?)?}),
                Value::Null,
                "provider_failed",
            ),
            2 => (json!({"access_token": "opaque"}), Value::Null, "provider_failed"),
            3 => (
                json!({"id_token": good(&begun)?, "access_token": "opaque"}),
                json!({"sub": "eve"}),
                "provider_failed",
            ),
            _ => (Value::Null, Value::Null, "provider_unavailable"),
        };
        issuer.give(tokens, person);
        let query = [("code", "the code"), ("state", begun.asked["state"].as_str())];
        let found = problem(&come_back(stage, &begun.cookie, &query).await?)?;
        ensure!(found == expected, "{which}: {found}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_answer_of_a_provider_signs_anybody_in() -> Result<()> {
    let key = Key::rsa("2026")?;
    let issuer = Issuer::start("", &[&key]).await?;
    scenario(school(&issuer), async |stage| {
        spoilt_answers(stage, &issuer, &key).await?;
        spoilt_tokens(stage, &issuer, &key).await?;
        for (path, status, code) in [
            ("/api/v1/users/providers/other/sign-in", 404, "provider_not_found"),
            (
                "/api/v1/users/providers/other/callback?code=1&state=1",
                404,
                "provider_not_found",
            ),
            (
                "/api/v1/users/providers/school/sign-in?return_to=//eve.example",
                422,
                "invalid_request",
            ),
            (
                "/api/v1/users/providers/school/sign-in?return_to=https://eve.example",
                422,
                "invalid_request",
            ),
            (
                "/api/v1/users/providers/school/sign-in?return_to=/%5Ceve.example",
                422,
                "invalid_request",
            ),
            (
                "/api/v1/users/providers/school/sign-in?return_to=/%0D%0ASet-Cookie:x",
                422,
                "invalid_request",
            ),
        ] {
            let answer = stage.api.send(stage.api.request(Method::GET, path)).await?;
            answer.problem(status, code)?;
        }
        // A person in a browser goes back to the page.
        let path = "/api/v1/users/providers/other/sign-in?return_to=/courses";
        let followed = stage
            .api
            .request(Method::GET, path)
            .header(ACCEPT, "text/html,*/*;q=0.8");
        let answer = stage.api.send(followed).await?.expect(303)?;
        let location = answer.header(LOCATION.as_str());
        let expected = "/?sign_in_problem=provider_not_found&provider=other&return_to=%2Fcourses";
        ensure!(location == expected, "{location}");
        Ok(())
    })
    .await
}
