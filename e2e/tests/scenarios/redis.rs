//! Nodes share their limits through Redis, and go on without it.

use anyhow::{Result, ensure};
use e2e::api::{Answer, Api};
use e2e::redis::RedisServer;
use e2e::server::{Server, Start};
use e2e::stage::scenario;
use e2e::{media, playlist, process};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Failed sign-ins of one network on an account, after which it is refused.
const LIMIT: usize = 10;
/// Three times the promise of a second.
const BACK: Duration = Duration::from_secs(3);

async fn sign_in(api: &Api, email: &str, password: &str) -> Result<Answer> {
    let body = json!({ "email": email, "password": password });
    api.json(Method::POST, "/api/v1/users/login", "", &body).await
}

/// How often these nodes, in turn, let somebody try a wrong password before one of them refuses.
async fn tries(nodes: &[&Api], email: &str) -> Result<usize> {
    for n in 0..=nodes.len() * LIMIT {
        let answer = sign_in(nodes[n % nodes.len()], email, "a wrong password").await?;
        if answer.status == 429 {
            answer.problem(429, "rate_limited")?;
            return Ok(n);
        }
        answer.problem(401, "invalid_credentials")?;
    }
    anyhow::bail!("no node refused")
}

/// The nodes count together; a try is lost if Redis is late on a loaded machine.
async fn count_together(nodes: &[&Api], email: &str) -> Result<()> {
    let tries = tries(nodes, email).await?;
    ensure!((LIMIT..LIMIT + LIMIT / 2).contains(&tries), "{tries} tries");
    for api in nodes {
        sign_in(api, email, "a wrong password")
            .await?
            .problem(429, "rate_limited")?;
    }
    Ok(())
}

/// What a node misses although it is ready.
async fn note(api: &Api) -> Result<Value> {
    let health = api.get("/health/ready", "").await?.expect(200)?.json();
    ensure!(health["status"] == "ok", "{health}");
    Ok(health["notes"]["cache"].clone())
}

/// Waits until a node reaches Redis.
async fn is_back(api: &Api) -> Result<()> {
    // the result of a check is good for a second
    let within = BACK + Duration::from_secs(1);
    process::until("Redis", within, async || Ok(note(api).await?.is_null().then_some(()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_count_tries_together_and_go_on_while_redis_is_dead() -> Result<()> {
    let redis = RedisServer::start().await?;
    let node = || Start::default().set("CACHE_URL", &redis.url);
    scenario(node(), async |stage| {
        let server = Server::start(node()).await?;
        let other = Api::new(&server.url())?;
        let nodes = [&stage.api.clone(), &other];
        for api in nodes {
            ensure!(note(api).await?.is_null(), "Redis is missed");
        }
        count_together(&nodes, "first@example.org").await?;
        let owner = stage.account("instructor").await?;
        let id = stage.api.playable(&media::short().await?, &owner.token).await?;
        let session = stage.api.session(&id, &owner.token).await?;

        redis.kill()?;
        let account = stage.api.login(&owner.email, &owner.password).await?;
        let refresh = json!({ "grant_type": "refresh_token", "refresh_token": account.refresh });
        let refreshed = stage.api.json(Method::POST, "/api/v1/users/token", "", &refresh);
        refreshed.await?.expect(200)?;
        for url in [session.hls_url, stage.api.session(&id, &account.token).await?.hls_url] {
            for rendition in playlist::open(&stage.api, &url).await? {
                stage.api.fetch(&rendition.segments[0]).await?.expect(200)?;
            }
        }
        // each node goes on counting on its own
        let alone = tries(&[&other], "second@example.org").await?;
        ensure!(alone == LIMIT, "{alone} tries on one node");
        process::until("a note", BACK, async || {
            Ok(note(&other).await?.is_string().then_some(()))
        })
        .await?;

        redis.restart().await?;
        for api in nodes {
            is_back(api).await?;
        }
        count_together(&nodes, "third@example.org").await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_reached_with_tls_by_its_authority_alone() -> Result<()> {
    let redis = RedisServer::start().await?;
    let start = Start::default().set("CACHE_URL", &redis.tls_url);
    let authority = redis.authority().to_string_lossy().into_owned();
    let trusting = Start {
        environment: vec![("SSL_CERT_FILE".to_owned(), authority)],
        ..start.clone()
    };
    scenario(trusting, async |stage| {
        ensure!(note(&stage.api).await?.is_null(), "Redis is missed");
        Ok(())
    })
    .await?;
    scenario(start, async |stage| {
        let note = note(&stage.api).await?;
        let why = note.as_str().unwrap_or_default();
        ensure!(why.contains("certificate"), "{why}");
        Ok(())
    })
    .await
}
