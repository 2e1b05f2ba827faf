//! Every route admits only the roles that its policy names: role × route, from `openapi.json`.

use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::server::Start;
use e2e::settings;
use e2e::stage::{Stage, scenario};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;

/// A route: method, path with ids filled in, policy.
type Row = (Method, String, String);

fn rows(document: &Value) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("operations")? {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else {
                continue;
            };
            if !operation["operationId"].is_string() {
                continue;
            }
            let access = operation["x-access"]
                .as_str()
                .with_context(|| format!("{method} {path} has no policy"))?;
            let access = access.split(':').next().unwrap_or_default();
            let filled: Vec<_> = path
                .split('/')
                .map(|it| if it.starts_with('{') { nobody(it) } else { it })
                .collect();
            rows.push((method, filled.join("/"), access.to_owned()));
        }
    }
    Ok(rows)
}

/// An id that belongs to nothing.
fn nobody(parameter: &str) -> &'static str {
    if parameter.contains("token") {
        "x"
    } else {
        "01900000-0000-7000-8000-000000000000"
    }
}

async fn asked(stage: &Stage, (method, path, _): &Row, token: Option<&str>) -> Result<(u16, String)> {
    let mut request = stage.api.request(method.clone(), path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if method == Method::POST || method == Method::PATCH || method == Method::PUT {
        request = request
            .header("content-type", "application/json")
            .body("{\"nothing\":1}");
    }
    if path.contains("/upload") {
        request = request.header("tus-resumable", "1.0.0");
    }
    let answer = stage.api.send(request).await?;
    Ok((answer.status.as_u16(), answer.code()))
}

/// The account with which a role asked last, or another one if that sign-in has ended: some routes end it.
async fn signed_in(stage: &mut Stage, role: &str, last: Option<Account>) -> Result<Account> {
    if let Some(account) = last {
        let profile = stage.api.get("/api/v1/users/profile", &account.token).await?;
        if profile.status == 200 {
            return Ok(account);
        }
    }
    stage.account(role).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_keeps_its_policy_for_every_role() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let document = stage
            .api
            .send(stage.api.request(Method::GET, "/openapi.json"))
            .await?
            .expect(200)?
            .json();
        let rows = rows(&document)?;
        let mut accounts: BTreeMap<&str, Account> = BTreeMap::new();
        let mut wrong = Vec::new();
        for row in &rows {
            let (method, path, access) = row;
            for role in ["nobody", "a bad token", "learner", "instructor", "admin"] {
                let account = if matches!(role, "nobody" | "a bad token") {
                    None
                } else {
                    Some(signed_in(stage, role, accounts.remove(role)).await?)
                };
                let token = account
                    .as_ref()
                    .map(|it| it.token.as_str())
                    .or((role == "a bad token").then_some("x.y.z"));
                let (status, code) = asked(stage, row, token).await?;
                let known = account.is_some();
                let let_in = match access.as_str() {
                    "public" => true,
                    "signed_in" => known,
                    "instructor" => matches!(role, "instructor" | "admin"),
                    "admin" => role == "admin",
                    "upload_key" | "course_access" | "lecture_access" => known,
                    "playback_token" | "live_session" => false,
                    other => anyhow::bail!("{method} {path}: unknown policy {other}"),
                };
                let right = match (access.as_str(), let_in, known) {
                    ("playback_token", ..) => status == 403,
                    // the path is the secret
                    ("live_session", ..) => status == 404,
                    ("public", ..) => status != 403 && !(status == 401 && code == "unauthenticated"),
                    (_, true, _) => !matches!(status, 401 | 403),
                    (_, false, true) => status == 403,
                    (_, false, false) => matches!(status, 401),
                };
                if !right || status >= 500 {
                    wrong.push(format!(
                        "{method} {path} ({access}) answered {role} with {status} {code}"
                    ));
                }
                accounts.extend(account.map(|it| (role, it)));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        ensure!(rows.len() >= 30, "only {} routes", rows.len());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_document_is_the_committed_one() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let served = stage
            .api
            .send(stage.api.request(Method::GET, "/openapi.json"))
            .await?
            .expect(200)?
            .json();
        let committed: Value = serde_json::from_slice(&std::fs::read(settings::root().join("openapi.json"))?)?;
        let printed: Value = serde_json::from_str(&stage.server.moocflix(&["openapi"], "").await?)?;
        ensure!(
            served["openapi"].as_str().is_some_and(|it| it.starts_with("3.1")),
            "{}",
            served["openapi"]
        );
        ensure!(
            printed == committed,
            "openapi.json is outdated: moocflix openapi > openapi.json"
        );
        ensure!(served == committed, "the server serves a different document");
        Ok(())
    })
    .await
}
