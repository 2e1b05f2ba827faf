//! The command line: uploads that can be interrupted, accounts, and an operator's questions.

use anyhow::{Context, Result, ensure};
use e2e::server::{RUNGS, SLOTS, Start};
use e2e::stage::{Stage, scenario};
use e2e::{media, playlist, process, settings};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
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

/// What the command remembers, in one text.
fn remembered(cache: &std::path::Path) -> String {
    let folders = ["requests", "uploads"].map(|name| std::fs::read_dir(cache.join("moocflix").join(name)));
    let entries = folders.into_iter().flatten().flatten();
    let texts = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        // a killed command may leave a file that was to replace another
        (path.extension()? == "json").then(|| std::fs::read_to_string(path).ok())?
    });
    texts.collect()
}

async fn lectures(stage: &Stage, token: &str) -> Result<Vec<serde_json::Value>> {
    let list = stage.api.get("/api/v1/content", token).await?.expect(200)?.json();
    Ok(list["items"].as_array().context("a list")?.clone())
}

/// Waits until the command remembers one of these.
async fn remembers(cache: &std::path::Path, parts: &[&str]) -> Result<()> {
    process::until("the command's state", Duration::from_secs(30), async || {
        let state = remembered(cache);
        Ok(parts.iter().any(|part| state.contains(part)).then_some(()))
    })
    .await
}

/// The first line of its output with this part.
async fn line(child: &mut Child, part: &str) -> Result<String> {
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let found = tokio::time::timeout(Duration::from_secs(60), async {
        while let Some(line) = lines.next_line().await? {
            if line.contains(part) {
                return Ok(line);
            }
        }
        anyhow::bail!("it ended without {part}")
    });
    let found = found.await??;
    // it may go on writing
    child.stdout = Some(lines.into_inner().into_inner());
    Ok(found)
}

/// Sends a signal until the command ends: before it listens, an interrupt is lost where the caller ignores interrupts, as
/// shells make commands in the background do.
async fn ended_by(child: Child, signal: Signal) -> Result<(bool, String)> {
    let pid = Pid::from_raw(i32::try_from(child.id().context("a process")?)?).context("a process id")?;
    let mut ended = std::pin::pin!(ended(child));
    let mut again = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            result = &mut ended => return result,
            _ = again.tick() => drop(kill_process(pid, signal)),
        }
    }
}

fn send_signal(child: &Child, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(child.id().context("a process")?)?).context("a process id")?;
    Ok(kill_process(pid, signal)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_upload_that_is_stopped_in_any_phase_never_uploads_twice() -> Result<()> {
    // a size is missing and nothing encodes it, so that the lecture never becomes ready
    let start = Start::default().set(RUNGS, "240").set(SLOTS, "0");
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        let cache = tempfile::tempdir()?;
        let path = media::noisy().await?.to_string_lossy().into_owned();
        let words = [path.as_str(), "--email", &owner.email, "--password-stdin", "--wait"];
        let start = async || with_password(upload(stage, cache.path(), &words)?, &owner.password).await;
        let stopped = async |running: Child, signal| {
            let (well, output) = ended_by(running, signal).await?;
            ensure!(!well, "{output}");
            let count = lectures(stage, &owner.token).await?.len();
            ensure!(count <= 1, "{count} lectures: {output}");
            Ok(output)
        };
        // a fast machine may be a phase further
        for (phases, signal) in [
            (&["request", "url", "uploaded"][..], Signal::KILL),
            (&["url", "uploaded"], Signal::INT),
            (&["url", "uploaded"], Signal::KILL),
        ] {
            let running = start().await?;
            remembers(cache.path(), phases).await?;
            stopped(running, signal).await?;
        }
        let mut seen = Vec::new();
        for signal in [Signal::KILL, Signal::INT] {
            let mut running = start().await?;
            seen.push(line(&mut running, "uploaded").await?);
            let output = stopped(running, signal).await?;
            let continues = "the lecture is uploaded, and the server continues to encode it";
            ensure!(signal == Signal::KILL || output.contains(continues), "{output}");
        }
        // a run that waits to the lecture's end forgets it
        let mut waiting = start().await?;
        seen.push(line(&mut waiting, "uploaded").await?);
        ensure!(
            seen[1..].iter().all(|line| line.starts_with("already uploaded")),
            "{seen:?}"
        );
        let id = lectures(stage, &owner.token).await?[0]["id"]
            .as_str()
            .context("an id")?
            .to_owned();
        let deleted = stage
            .api
            .delete(&format!("/api/v1/content/{id}/delete"), &owner.token)
            .await?;
        ensure!(deleted.status.is_success(), "{}", deleted.text());
        let (well, output) = ended(waiting).await?;
        ensure!(well || output.contains("the lecture"), "{output}");
        ensure!(remembered(cache.path()).is_empty(), "the wait has ended");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_whose_sign_in_is_ended_elsewhere_says_that_the_lecture_is_uploaded() -> Result<()> {
    // a size is missing and nothing encodes it, so that the lecture never becomes ready
    let start = Start::default().set(RUNGS, "240").set(SLOTS, "0");
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        let cache = tempfile::tempdir()?;
        let path = media::short().await?.to_string_lossy().into_owned();
        let words = [path.as_str(), "--email", &owner.email, "--password-stdin", "--wait"];
        let mut waiting = with_password(upload(stage, cache.path(), &words)?, &owner.password).await?;
        line(&mut waiting, "ready to watch").await?;
        let everywhere = serde_json::json!({ "everywhere": true });
        stage
            .api
            .json(reqwest::Method::POST, "/api/v1/users/logout", &owner.token, &everywhere)
            .await?
            .expect(204)?;
        let (well, output) = ended(waiting).await?;
        ensure!(!well && output.contains("(unauthenticated)"), "{output}");
        let continues = "the lecture is uploaded, and the server continues to encode it; run the same command again";
        ensure!(output.contains(continues), "{output}");
        ensure!(remembered(cache.path()).contains("uploaded"), "it waits on");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_before_the_upload_or_not_at_all() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let cache = tempfile::tempdir()?;
        let path = media::noisy().await?.to_string_lossy().into_owned();
        let words = [path.as_str(), "--email", &owner.email, "--password-stdin"];
        let sending = with_password(upload(stage, cache.path(), &words)?, &owner.password).await?;
        remembers(cache.path(), &["\"url\""]).await?;
        send_signal(&sending, Signal::KILL)?;
        ended(sending).await?;
        let offset = async || {
            let lectures = lectures(stage, &owner.token).await?;
            anyhow::Ok(lectures[0]["upload"]["offset"].as_u64())
        };
        // without a terminal there is nobody to ask, so that a question is an error
        for more in [&["--wait"][..], &["--visibility", "link"][..]] {
            let mut words = vec![path.as_str(), "--email", owner.email.as_str()];
            words.extend(more);
            let (well, output) = ended(upload(stage, cache.path(), &words)?.spawn()?).await?;
            ensure!(!well && output.contains("cannot ask for the password"), "{output}");
            ensure!(offset().await?.is_some(), "it was asked for after the upload: {output}");
        }
        let words = [path.as_str(), "--email", &owner.email];
        let (well, output) = ended(upload(stage, cache.path(), &words)?.spawn()?).await?;
        ensure!(well && output.contains("no password is needed"), "{output}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_shared_by_a_link_prints_the_link_that_opens_it() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        let cache = tempfile::tempdir()?;
        let path = media::short().await?.to_string_lossy().into_owned();
        let mut words = vec![path.as_str(), "--email", &owner.email, "--password-stdin"];
        words.extend(["--visibility", "link", "--wait"]);
        let (well, output) = ended(with_password(upload(stage, cache.path(), &words)?, &owner.password).await?).await?;
        ensure!(well, "{output}");
        let list = lectures(stage, &owner.token).await?;
        let id = list[0]["id"].as_str().context("a lecture")?;
        let page = format!("{}/lectures/{id}?s=", stage.server.url());
        let (_, after) = output.split_once(&page).with_context(|| output.clone())?;
        let key = after.split_whitespace().next().context("the link's key")?;
        let details = format!("/api/v1/content/{id}");
        let opened = stage.api.fetch(&format!("{details}?s={key}")).await?;
        ensure!(opened.expect(200)?.json()["status"] == "ready");
        stage.api.fetch(&details).await?.expect(401)?;
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
