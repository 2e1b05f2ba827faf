//! Learners who join a course and leave it again, each of whom knows what was acknowledged.

use super::world::{World, answered, is_away, status};
use anyhow::{Context, Result, bail, ensure};
use e2e::api::Account;
use e2e::process::until;
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// The pause after each request: a learner may join and leave 120 times in a minute.
const PAUSE: Duration = Duration::from_millis(550);
/// Three times the promise of five seconds.
const SOON: Duration = Duration::from_secs(15);

/// A learner at the end.
pub(super) struct Learner<'a> {
    account: &'a Account,
    is_in: bool,
}

/// Learners come and go until the end.
pub(super) async fn run(world: &World) -> Result<Vec<Learner<'_>>> {
    try_join_all(world.learners.iter().map(|account| come_and_go(world, account))).await
}

async fn come_and_go<'a>(world: &World, account: &'a Account) -> Result<Learner<'a>> {
    let mut is_in = false;
    while !world.is_over() {
        change(world, account, !is_in)
            .await
            .with_context(|| account.email.clone())?;
        is_in = !is_in;
        world.changes.add();
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Learner { account, is_in })
}

/// Joins or leaves, however often that has to be asked.
///
/// Errors: an earlier change that was acknowledged is lost
async fn change(world: &World, who: &Account, joins: bool) -> Result<()> {
    let mut is_unsure = false;
    loop {
        let answer = if joins {
            let path = world.course.path("/enrolments");
            answered(world.api.json(Method::POST, &path, &who.token, &json!({}))).await?
        } else {
            let path = world.course.path("/enrolments/me");
            answered(world.api.delete(&path, &who.token)).await?
        };
        match (status(answer.as_ref()), joins) {
            (201, true) | (204, false) => return Ok(()),
            // a request before it, whose answer was lost, had its effect
            (200, true) | (404, false) if is_unsure => return Ok(()),
            (200, true) | (404, false) => bail!("the change before was acknowledged, and is lost"),
            _ => is_away(answer.as_ref())?,
        }
        is_unsure = true;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Checks that the course's members and the viewers of its lecture are those who were told so.
pub(super) async fn check(world: &World, all: &[Learner<'_>]) -> Result<()> {
    let path = world.course.path("/members");
    let members = world.api.get(&path, &world.teacher.token).await?.expect(200)?.json();
    let listed = members["items"].as_array().context("members")?.iter();
    let listed: BTreeSet<&str> = listed.filter_map(|it| it["user_id"].as_str()).collect();
    let stream = format!("/api/v1/content/{}/stream", world.lecture);
    for Learner { account, is_in } in all {
        ensure!(
            listed.contains(account.id.as_str()) == *is_in,
            "{}: in {is_in}, and listed are {members}",
            account.email
        );
        let expected = if *is_in { 307 } else { 404 };
        until(&format!("{expected} for {}", account.email), SOON, async || {
            let answer = world.api.get(&stream, &account.token).await?;
            Ok((answer.status == expected).then_some(()))
        })
        .await?;
    }
    Ok(())
}
