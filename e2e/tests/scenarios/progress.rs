//! What people watch shows in the course, to themselves and to its teachers.

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Api};
use e2e::courses::Course;
use e2e::media;
use e2e::process::until;
use e2e::server::Start;
use e2e::stage::scenario;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::json;
use std::time::Duration;

/// Lets a course demand all of a lecture, of which a learner has seen a little less.
async fn needs_all(api: &Api, course: &Course, learner: &Account) -> Result<()> {
    let whole = json!({"completed_share": 1});
    course.act(api, Method::PATCH, "", &whole).await?;
    let progress = course.path("/progress");
    let mine = api.get(&progress, &learner.token).await?.expect(200)?.json();
    ensure!(mine["completed"] == 0, "{mine}");
    Ok(())
}

/// Checks the teacher's table of two members.
async fn is_a_table(api: &Api, members: &str, teacher: &Account) -> Result<()> {
    let request = api.request(Method::GET, members).bearer_auth(&teacher.token);
    let table = api.send(request.header(ACCEPT, "text/csv")).await?.expect(200)?;
    ensure!(
        table.header("content-disposition").starts_with("attachment"),
        "{:?}",
        table.headers
    );
    ensure!(table.text().lines().count() == 3, "{}", table.text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_watched_shows_in_the_course_and_goes_with_the_lecture() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let teacher = stage.account("instructor").await?;
        let learner = stage.account("learner").await?;
        let api = &stage.api;
        let lecture = api.playable(&media::short().await?, &teacher.token).await?;
        let course = Course::publish(api, &teacher, &[&lecture], &json!({})).await?;
        let watch = format!("/api/v1/content/{lecture}/watch");
        api.get(&watch, &learner.token).await?.problem(404, "video_not_found")?;
        course.enrol(api, &learner).await?;
        until("the enrolment", Duration::from_secs(3), async || {
            Ok((api.get(&watch, &learner.token).await?.status == 200).then_some(()))
        })
        .await?;
        let report = json!({"position": 11.5, "intervals": [[0, 6], [5, 11.5]]});
        let sent = api.json(Method::POST, &watch, &learner.token, &report).await?;
        sent.expect(204)?;
        let seen = api.get(&watch, &learner.token).await?.expect(200)?.json();
        let meant = json!({"position": 11.5, "seconds": 11.5, "completed": true});
        ensure!(seen == meant, "{seen}");

        let progress = course.path("/progress");
        let mine = api.get(&progress, &learner.token).await?.expect(200)?.json();
        ensure!(mine["completed"] == 1 && mine["of"] == 1, "{mine}");
        let item = &mine["items"][0];
        ensure!(
            item["content_id"] == lecture.as_str() && item["item_id"] == course.items[0].as_str(),
            "{mine}"
        );
        let duration = item["duration"].as_f64().context("a duration")?;
        ensure!(item["position"] == 11.5 && (duration - 12.0).abs() < 0.1, "{mine}");
        let theirs = api.get(&progress, &teacher.token).await?.expect(200)?.json();
        ensure!(theirs["completed"] == 0 && theirs["of"] == 1, "{theirs}");

        let members = course.path("/members/progress");
        let all = api.get(&members, &teacher.token).await?.expect(200)?.json();
        let rows = all["items"].as_array().context("members")?;
        let row = |id: &str| rows.iter().find(|row| row["user_id"] == id);
        let learned = row(&learner.id).context("the learner")?;
        ensure!(learned["completed"] == 1 && learned["seconds"] == 11.5, "{all}");
        ensure!(learned["last_watched_at"].is_string(), "{all}");
        let taught = row(&teacher.id).context("the teacher")?;
        ensure!(taught["completed"] == 0 && taught["last_watched_at"].is_null(), "{all}");
        let refused = api.get(&members, &learner.token).await?;
        refused.problem(403, "assistant_required")?;
        is_a_table(api, &members, &teacher).await?;

        needs_all(api, &course, &learner).await?;
        let seen = api.get(&watch, &learner.token).await?.expect(200)?.json();
        ensure!(seen == meant, "the course decides for itself alone: {seen}");

        let path = format!("/api/v1/content/{lecture}/delete");
        api.delete(&path, &teacher.token).await?.expect(202)?;
        let after = api.get(&progress, &learner.token).await?.expect(200)?.json();
        ensure!(
            after["completed"] == 0 && after["items"][0]["seconds"] == 0.0,
            "{after}"
        );
        Ok(())
    })
    .await
}
