//! The command line: uploads that can be interrupted, accounts, and an operator's questions.

use anyhow::{Context, Result, ensure};
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, process, settings};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// `moocflix upload`, with its own cache folder.
fn upload(stage: &Stage, cache: &std::path::Path, words: &[&str]) -> Result<Command> {
    let mut command = Command::new(settings::binary()?);
    command
        .arg("upload")
        .args(words)
        .args(["--server", &stage.server.url()])
        .env("XDG_CACHE_HOME", cache);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Ok(command)
}

async fn with_password(mut command: Command, password: &str) -> Result<Child> {
    let mut child = command.spawn()?;
    child
        .stdin
        .take()
        .context("its input")?
        .write_all(format!("{password}\n").as_bytes())
        .await?;
    Ok(child)
}

async fn ended(child: Child) -> Result<(bool, String)> {
    let done = child.wait_with_output().await?;
    let output = [done.stdout, done.stderr]
        .map(|it| String::from_utf8_lossy(&it).into_owned())
        .concat();
    Ok((done.status.success(), output))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_is_uploaded_and_its_address_is_printed() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let cache = tempfile::tempdir()?;
        let path = media::short().await?.to_string_lossy().into_owned();
        let words = [
            path.as_str(),
            "--email",
            &owner.email,
            "--password-stdin",
            "--title",
            "By hand",
            "--wait",
        ];
        let (well, output) = ended(with_password(upload(stage, cache.path(), &words)?, &owner.password).await?).await?;
        ensure!(well, "{output}");
        let list = stage
            .api
            .get("/api/v1/content", &owner.token)
            .await?
            .expect(200)?
            .json();
        let id = list["items"][0]["id"].as_str().context("a lecture")?;
        ensure!(
            list["items"][0]["title"] == "By hand" && list["items"][0]["status"] == "ready",
            "{list}"
        );
        ensure!(
            output.contains(&format!("{}/lectures/{id}", stage.server.url())),
            "{output}"
        );
        ensure!(output.contains("100 %"), "without a terminal there are lines: {output}");

        let words = [path.as_str(), "--email", &owner.email, "--password-stdin"];
        let (well, output) = ended(with_password(upload(stage, cache.path(), &words)?, "wrong").await?).await?;
        ensure!(!well && output.contains("invalid_credentials"), "{output}");
        let mut token = upload(stage, cache.path(), &[path.as_str()])?;
        let (well, output) = ended(token.env("MOOCFLIX_TOKEN", &owner.token).spawn()?).await?;
        ensure!(well, "{output}");
        let mut empty = upload(stage, cache.path(), &["/dev/null", "--email", &owner.email])?;
        let (well, output) = ended(empty.spawn()?).await?;
        ensure!(!well && output.contains("/dev/null"), "{output}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_resumes_without_a_password() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let cache = tempfile::tempdir()?;
        let path = media::noisy().await?.to_string_lossy().into_owned();
        let words = [path.as_str(), "--email", &owner.email, "--password-stdin"];
        let sending = with_password(upload(stage, cache.path(), &words)?, &owner.password).await?;
        let pid = Pid::from_raw(i32::try_from(sending.id().context("a process")?)?).context("a process id")?;
        // The command remembers the upload's address before it sends the first byte; a kill after that interrupts it.
        let notes = cache.path().join("moocflix/uploads");
        let begun = Instant::now();
        while std::fs::read_dir(&notes).map_or(0, Iterator::count) == 0 {
            ensure!(begun.elapsed() < Duration::from_secs(20), "it remembered nothing");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        kill_process(pid, Signal::KILL)?;
        ended(sending).await?;
        let list = stage
            .api
            .get("/api/v1/content", &owner.token)
            .await?
            .expect(200)?
            .json();
        let before = &list["items"][0];
        let id = before["id"].as_str().context("an upload")?.to_owned();
        ensure!(before["status"] == "uploading", "it had finished before it was killed");
        let (well, output) = ended(upload(stage, cache.path(), &[&path, "--email", &owner.email])?.spawn()?).await?;
        ensure!(well, "{before}: {output}");
        let list = stage
            .api
            .get("/api/v1/content", &owner.token)
            .await?
            .expect(200)?
            .json();
        ensure!(
            list["items"].as_array().is_some_and(|it| it.len() == 1),
            "it started over: {list}"
        );
        stage.api.becomes(&id, &owner.token, &["playable", "ready"]).await?;
        let session = stage.api.session(&id, &owner.token).await?;
        playlist::open(&stage.api, &session.hls_url).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_a_kill_of_the_server() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let cache = tempfile::tempdir()?;
        let path = media::noisy().await?.to_string_lossy().into_owned();
        let words = [path.as_str(), "--email", &owner.email, "--password-stdin", "--wait"];
        let sending = with_password(upload(stage, cache.path(), &words)?, &owner.password).await?;
        for pause in [150, 250] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            stage.server.restart().await?;
        }
        let (well, output) = ended(sending).await?;
        ensure!(well || output.contains("can't be reached"), "{output}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_get_answers_to_their_questions() -> Result<()> {
    let start = Start::default().set("SECRET_KEY", "a-secret-that-nobody-may-read-0123456789");
    scenario(start, async |stage| {
        let learner = stage.account("learner").await?;
        stage
            .server
            .moocflix(&["user", "role", "--email", &learner.email, "--role", "instructor"], "")
            .await?;
        let again = stage.api.login(&learner.email, &learner.password).await?;
        let profile = stage
            .api
            .get("/api/v1/users/profile", &again.token)
            .await?
            .expect(200)?
            .json();
        ensure!(
            profile["roles"]
                .as_array()
                .is_some_and(|it| it.contains(&"instructor".into())),
            "{profile}"
        );
        let ended = process::until("the old sign-in's end", Duration::from_secs(6), async || {
            let answer = stage.api.get("/api/v1/users/profile", &learner.token).await?;
            Ok((answer.code() == "unauthenticated").then_some(()))
        });
        ended.await?;

        let shown = stage.server.moocflix(&["config", "check"], "").await?;
        ensure!(
            shown.contains("listen") && !shown.contains("nobody-may-read"),
            "{shown}"
        );
        let doctor = stage.server.moocflix(&["doctor"], "").await?;
        ensure!(doctor.to_lowercase().contains("ffmpeg"), "{doctor}");
        Ok(())
    })
    .await
}
