//! No statement that people or loops run reads a whole table, on either database.
//!
//! A server logs its statements while people use it. SQLite explains them afterwards; PostgreSQL logs each plan as it runs,
//! with scans of whole tables switched off, so that one is left only where no index fits.

use anyhow::{Result, ensure};
use e2e::api::Account;
use e2e::courses::Course;
use e2e::postgres::PostgresServer;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, process, tools};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Tables that never have many rows (counters, keys, one row for each kind of task, or for each owner whose tasks wait), and the
/// events that wait for the bus, which a metric counts.
const SMALL: &[&str] = &[
    "course_changes_read",
    "outbox",
    "playback_keys",
    "schema_migrations",
    "signing_keys",
    "task_lanes",
    "task_shares",
    "turns",
];

/// Everything that people do, once.
async fn live(stage: &mut Stage) -> Result<()> {
    let (owner, learner) = (stage.account("instructor").await?, stage.account("learner").await?);
    let admin = stage.account("admin").await?;
    let id = stage.api.playable(&media::short().await?, &owner.token).await?;
    let course = Course::publish(&stage.api, &owner, &[&id], &json!({})).await?;
    course.enrol(&stage.api, &learner).await?;
    watch(stage, &learner, &id).await?;
    let lecture = format!("/api/v1/content/{id}");
    for path in [
        "/api/v1/content/".to_owned(),
        "/api/v1/content/?status=ready".to_owned(),
        "/api/v1/content/?failed=true".to_owned(),
        "/api/v1/content/?shared=true".to_owned(),
        "/api/v1/content/usage".to_owned(),
        format!("/api/v1/content/?course_id={}", course.id),
        lecture.clone(),
        format!("{lecture}/transcode"),
        format!("{lecture}/watch"),
        "/api/v1/courses/".to_owned(),
        "/api/v1/courses/?mine=true".to_owned(),
        course.path(""),
        course.path("/members"),
        course.path("/members/progress"),
        course.path("/progress"),
        "/api/v1/users/profile".to_owned(),
    ] {
        stage.api.get(&path, &owner.token).await?.expect(200)?;
    }
    for path in [
        "/api/v1/content/?owner=all",
        "/api/v1/content/?owner=all&status=processing",
        "/api/v1/content/?owner=all&failed=true",
        "/api/v1/content/audit",
        "/api/v1/courses/audit",
        "/api/v1/users/",
        "/api/v1/users/audit",
        "/api/v1/users/clients",
    ] {
        stage.api.get(path, &admin.token).await?.expect(200)?;
    }
    let title = json!({"title": "Another title"});
    stage
        .api
        .json(Method::PATCH, &lecture, &owner.token, &title)
        .await?
        .expect(200)?;
    leave(stage, &learner, &course).await?;
    stage
        .api
        .delete(&format!("{lecture}/delete"), &owner.token)
        .await?
        .expect(202)?;
    Ok(())
}

/// Somebody watches a lecture and reports it.
async fn watch(stage: &Stage, who: &Account, id: &str) -> Result<()> {
    process::until("the right to watch", Duration::from_secs(10), async || {
        let path = format!("/api/v1/content/{id}");
        Ok((stage.api.get(&path, &who.token).await?.status == 200).then_some(()))
    })
    .await?;
    let session = stage.api.session(id, &who.token).await?;
    for rendition in playlist::open(&stage.api, &session.hls_url).await? {
        stage.api.fetch(&rendition.segments[0]).await?.expect(200)?;
    }
    let report = json!({"position": 1.0, "intervals": [[0.0, 1.0]]});
    let path = format!("/api/v1/content/{id}/watch");
    let answer = stage.api.json(Method::POST, &path, &who.token, &report).await?;
    ensure!(answer.status.is_success(), "{}", answer.text());
    Ok(())
}

/// A learner leaves a course, refreshes, signs in again and signs out.
async fn leave(stage: &Stage, who: &Account, course: &Course) -> Result<()> {
    let path = course.path("/enrolments/me");
    stage.api.delete(&path, &who.token).await?.expect(204)?;
    let refresh = json!({ "grant_type": "refresh_token", "refresh_token": who.refresh });
    let refreshed = stage.api.json(Method::POST, "/api/v1/users/token", "", &refresh);
    refreshed.await?.expect(200)?;
    stage.api.login(&who.email, &who.password).await?;
    let body = json!({});
    let answer = stage.api.json(Method::POST, "/api/v1/users/logout", &who.token, &body);
    answer.await?.expect(204)?;
    Ok(())
}

/// The statements in a server's log.
fn statements(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_line = |line: Value| {
        let whole = line["labels.db.statement"].as_str();
        let whole = whole.filter(|text| !text.trim().is_empty());
        let text = whole.or(line["labels.summary"].as_str())?.trim().to_owned();
        let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
        verbs.iter().any(|verb| text.starts_with(verb)).then_some(text)
    };
    lines.filter_map(of_line).collect()
}

/// Whether SQLite reads a whole table here. Lists of values and of subqueries are no tables; the rows of a subquery that is named
/// have been read by other lines of the plan.
fn is_scan(line: &str, plan: &[String]) -> bool {
    let table = line.strip_prefix("SCAN ").unwrap_or_default();
    let is_subquery = |made: &String| {
        let name = made.strip_prefix("MATERIALIZE ").or(made.strip_prefix("CO-ROUTINE "));
        name == Some(table)
    };
    let is_table = table.starts_with(|first: char| first.is_ascii_lowercase()) && !plan.iter().any(is_subquery);
    is_table && !table.contains("VIRTUAL TABLE") && !table.contains("USING") && !is_small(line)
}

fn is_small(line: &str) -> bool {
    SMALL
        .iter()
        .any(|table| line.split_whitespace().any(|word| word == *table))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_on_sqlite_reads_a_whole_table() -> Result<()> {
    let start = Start::default()
        .set("LOG_FILTER", "info,sqlx=debug")
        .set("LOG_FORMAT", "json");
    scenario(start, async |stage| {
        // migrations may read whole tables; what a server asks when it starts may not
        stage.server.kill()?;
        let begun = stage.server.log().len();
        stage.server.restart().await?;
        live(stage).await?;
        let statements = statements(stage.server.log().get(begun..).unwrap_or_default());
        ensure!(
            statements.len() > 100,
            "only {} statements were logged",
            statements.len()
        );
        let mut explain = tools::python("plans.py")?;
        for service in ["users", "courses", "content"] {
            explain.arg(stage.server.data().join(format!("{service}.sqlite")));
        }
        let plans = tools::output(&mut explain, &serde_json::to_vec(&statements)?).await?;
        let plans: Vec<(String, Vec<String>)> = serde_json::from_slice(&plans)?;
        let scans = plans
            .iter()
            .filter(|(_, plan)| plan.iter().any(|line| is_scan(line, plan)));
        let scans: Vec<_> = scans.collect();
        ensure!(scans.is_empty(), "{scans:#?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_on_postgresql_reads_a_whole_table() -> Result<()> {
    let postgres = PostgresServer::start().await?;
    let start = Start::default().set("DATABASE_URL", &postgres.url);
    scenario(start, async |stage| {
        // migrations may read whole tables, and connections of before may plan as before
        stage.server.kill()?;
        postgres.explain().await?;
        stage.server.restart().await?;
        live(stage).await?;
        let plans = postgres.plans()?;
        ensure!(plans.len() > 100, "only {} plans were logged", plans.len());
        let is_scan = |line: &str| line.contains("Seq Scan on ") && !is_small(line);
        let scans = plans.iter().filter(|plan| plan.lines().any(is_scan));
        let scans: Vec<_> = scans.collect();
        ensure!(scans.is_empty(), "{scans:#?}");
        Ok(())
    })
    .await
}
