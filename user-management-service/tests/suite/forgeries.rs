//! Tokens that we did not make.

use crate::server::{Reply, Server};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn signature(token: &str) -> &str {
    token.rsplit_once('.').unwrap().1
}

fn with(token: &Reply, change: impl FnOnce(&mut Value, &mut Value)) -> (String, String) {
    let (mut header, mut claims) = (token.token_header(), token.claims());
    change(&mut header, &mut claims);
    (
        format!("{}.{}", encode(&header), encode(&claims)),
        signature(token.access()).to_owned(),
    )
}

#[tokio::test]
async fn a_token_without_a_signature_of_ours_is_refused() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let jwks = server.keys().await;
    let modulus = jwks["keys"][0]["n"].as_str().unwrap().to_owned();
    let mut forged = Vec::new();
    for alg in ["none", "None", "NONE", ""] {
        let (text, signature) = with(&ada, |header, _| header["alg"] = json!(alg));
        forged.extend([format!("{text}."), text.clone(), format!("{text}.{signature}")]);
    }
    for key in [
        modulus.clone().into_bytes(),
        URL_SAFE_NO_PAD.decode(&modulus).unwrap(),
        jwks.to_string().into_bytes(),
        Vec::new(),
    ] {
        let (text, _) = with(&ada, |header, _| header["alg"] = json!("HS256"));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes());
        forged.push(format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag)));
    }
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256"] {
        let (text, signature) = with(&ada, |header, _| header["alg"] = json!(alg));
        forged.push(format!("{text}.{signature}"));
    }
    let (text, signature) = with(&ada, |_, claims| claims["roles"] = json!(["admin"]));
    forged.push(format!("{text}.{signature}"));
    for token in forged {
        server.get("/profile", &token).await.is_problem(401, "unauthenticated");
        assert_eq!(
            server
                .send(server.request(reqwest::Method::POST, "/logout", &token))
                .await
                .status,
            204
        );
    }
    assert_eq!(
        server.get("/profile", ada.access()).await.status,
        200,
        "a forged token signs nobody out"
    );
}

#[tokio::test]
async fn tricks_with_the_key_s_name_are_refused() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let long = "k".repeat(10_240);
    for kid in [
        "../../../../dev/null",
        "' OR 1=1 --",
        "http://eve.example/jwks",
        "",
        &long,
    ] {
        let (text, signature) = with(&ada, |header, _| header["kid"] = json!(kid));
        server
            .get("/profile", &format!("{text}.{signature}"))
            .await
            .is_problem(401, "unauthenticated");
    }
    for (name, value) in [
        ("jku", json!("http://eve.example/jwks")),
        ("jwk", json!({"kty": "oct", "k": "AA"})),
        ("x5u", json!("http://eve.example")),
        ("x5c", json!(["AA"])),
        ("crit", json!(["b64"])),
        ("zip", json!("DEF")),
    ] {
        let (text, signature) = with(&ada, |header, _| header[name] = value);
        server
            .get("/profile", &format!("{text}.{signature}"))
            .await
            .is_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn claims_that_are_not_exactly_ours_are_refused_even_when_our_key_signed_them() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    assert_eq!(
        server
            .get("/profile", &server.signed(&ada, |_, _| ()).await)
            .await
            .status,
        200,
        "the test signs as the server does"
    );
    type Change = fn(&mut Value, &mut Value);
    fn without(part: &mut Value, name: &str) {
        part.as_object_mut().unwrap().remove(name).unwrap();
    }
    fn set(value: Value, part: &mut Value, name: &str) {
        part[name] = value;
    }
    fn after_issue(claims: &Value, seconds: i64) -> Value {
        json!(claims["iat"].as_i64().unwrap() + seconds)
    }
    let changes: &[(&str, Change)] = &[
        ("type", |header, _| set(json!("JWT"), header, "typ")),
        ("no type", |header, _| without(header, "typ")),
        ("audience", |_, claims| set(json!("another"), claims, "aud")),
        ("issuer", |_, claims| set(json!("https://eve.example"), claims, "iss")),
        ("slash", |_, claims| set(json!("https://mooc.test/"), claims, "iss")),
        ("text", |_, claims| set(claims["exp"].to_string().into(), claims, "exp")),
        ("fraction", |_, claims| set(json!(1e300), claims, "exp")),
        ("no expiry", |_, claims| without(claims, "exp")),
        ("negative expiry", |_, claims| set(json!(-1), claims, "exp")),
        ("expired", |_, claims| set(after_issue(claims, -31), claims, "exp")),
        ("tomorrow", |_, claims| set(after_issue(claims, 86_400), claims, "iat")),
        ("not yet", |_, claims| set(after_issue(claims, 86_400), claims, "nbf")),
        ("no version", |_, claims| without(claims, "ver")),
        ("no sign-in", |_, claims| without(claims, "sid")),
        ("unknown role", |_, claims| set(json!(["root"]), claims, "roles")),
        ("subject is no id", |_, claims| set(json!("ada"), claims, "sub")),
    ];
    for (what, change) in changes {
        let token = server.signed(&ada, change).await;
        let reply = server.get("/profile", &token).await;
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
    }
}

#[tokio::test]
async fn a_token_has_one_spelling_and_one_place() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let token = ada.access();
    for other in [
        format!("{token}="),
        format!("{token}."),
        format!(" {token}"),
        format!("{token}.{token}"),
        format!("{token}AAAA"),
        token.replace('.', ".."),
        "x".repeat(20_480),
    ] {
        server.get("/profile", &other).await.is_problem(401, "unauthenticated");
    }
    let basic = server
        .client
        .get(server.url("/profile"))
        .header("authorization", "Basic YTpi");
    server.send(basic).await.is_problem(401, "unauthenticated");
    let query = server.client.get(server.url(&format!("/profile?access_token={token}")));
    server.send(query).await.is_problem(401, "unauthenticated");
    let twice = server
        .request(reqwest::Method::GET, "/profile", token)
        .header("authorization", format!("Bearer {token}"));
    server.send(twice).await.is_problem(400, "ambiguous_credentials");
}

#[tokio::test]
async fn an_array_stands_for_no_object() {
    let server = Server::start().await;
    let ada = server.signed_in("ada@example.org").await;
    let values = |part: &Value, names: &[&str]| Value::Array(names.iter().map(|name| part[*name].clone()).collect());
    let header = server
        .signed(&ada, |header, _| *header = values(header, &["alg", "typ", "kid"]))
        .await;
    let names = [
        "aud",
        "iat",
        "exp",
        "nbf",
        "sub",
        "client_id",
        "jti",
        "sid",
        "ver",
        "roles",
        "auth_time",
        "scope",
    ];
    let claims = server.signed(&ada, |_, claims| *claims = values(claims, &names)).await;
    for token in [header, claims] {
        server.get("/profile", &token).await.is_problem(401, "unauthenticated");
        let left = server
            .send(server.request(reqwest::Method::POST, "/logout", &token))
            .await;
        assert_eq!(left.status, 204);
    }
    let refresh = &ada.json["refresh_token"];
    let left = server.post("/logout", json!([refresh, true])).await;
    left.is_problem(422, "invalid_request");
    let exchanged = server.post("/token", json!(["refresh_token", refresh, false])).await;
    exchanged.is_oauth_error(400, "invalid_request");
    assert_eq!(
        server.get("/profile", ada.access()).await.status,
        200,
        "nobody was signed out by that"
    );
    server.refreshed(&ada).await;
}
