//! One person's many sign-ins keep nobody else from signing in.

use anyhow::{Result, ensure};
use e2e::api::Api;
use e2e::server::Start;
use e2e::siege::memory::of_tree;
use e2e::siege::sign_ins::SignIns;
use e2e::stage::scenario;
use e2e::tools::report;
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

const PASSWORD: &str = "a long enough password";
/// The attack's connections.
const CONNECTIONS: usize = 90;
/// The most memory of the server meanwhile; a hash for each connection at once would take four times as much.
const MEMORY: u64 = 1 << 30;
/// How many other people sign in; each stays far below the limit of one account.
const OTHERS: usize = 10;
const LENGTH: Duration = Duration::from_secs(6);
/// Three times the promise.
const PATIENCE: Duration = Duration::from_secs(6);

async fn sign_up(api: &Api, email: &str) -> Result<()> {
    let body = json!({ "email": email, "password": PASSWORD, "name": "Someone" });
    api.json(Method::POST, "/api/v1/users/signup", "", &body)
        .await?
        .expect(201)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ninety_connections_of_one_learner_leave_others_their_sign_ins() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let others: Vec<_> = (0..OTHERS).map(|n| format!("other-{n}@example.org")).collect();
        sign_up(&stage.api, "learner@example.org").await?;
        for email in &others {
            sign_up(&stage.api, email).await?;
        }
        let attack = SignIns::begin(&stage.api, "learner@example.org", PASSWORD, CONNECTIONS);
        let pid = stage.server.pid()?;
        let (begun, mut tried, mut refused, mut peak) = (Instant::now(), 0, Vec::new(), 0);
        for email in others.iter().cycle() {
            if begun.elapsed() > LENGTH {
                break;
            }
            let at = Instant::now();
            let body = json!({ "email": email, "password": PASSWORD });
            let answer = stage.api.json(Method::POST, "/api/v1/users/login", "", &body).await?;
            let waited = at.elapsed();
            ensure!(waited <= PATIENCE, "somebody else waited {waited:?}");
            tried += 1;
            if answer.status != 200 {
                refused.push(answer.text());
            }
            peak = peak.max(of_tree(pid)?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        report(format!("{tried} sign-ins of others, {} MiB", peak >> 20));
        ensure!(peak <= MEMORY, "{} MiB", peak >> 20);
        let answers = attack.answers();
        ensure!(attack.connections() == CONNECTIONS, "the attack ended");
        ensure!(
            refused.len() <= 1,
            "{} of {tried} sign-ins were refused: {refused:?}",
            refused.len()
        );
        let signed_in = answers.get(&200).copied().unwrap_or_default();
        // What was under way when the limit was reached is let through.
        ensure!(signed_in <= 30, "the learner signed in {signed_in} times: {answers:?}");
        let refusals = answers
            .keys()
            .filter(|status| !matches!(**status, 200 | 429 | 503))
            .count();
        ensure!(refusals == 0, "{answers:?}");
        Ok(())
    })
    .await
}
