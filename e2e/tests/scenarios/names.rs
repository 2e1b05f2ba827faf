//! No name of a lecture, from its owner or in its file, reaches an encoder.

use anyhow::{Context, Result, ensure};
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, playlist, process};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use std::time::Duration;

/// Part of every name; the rest could trip shells, filter graphs and playlists.
const MARK: &str = "zzmark";
const HOSTILE: &str =
    "-y zzmark\"; $(touch /tmp/zzmark) `id` | [0:v]drawtext=text='zzmark' %s \n#EXT-X-zzmark,URI=\"x\" .mkv";

#[tokio::test(flavor = "multi_thread")]
async fn no_name_of_a_lecture_is_ever_an_argument_of_an_encoder() -> Result<()> {
    // A tool's arguments are logged at this level.
    let start = Start::default().set("LOG_FILTER", "info,sandbox=debug");
    let title = format!("title={HOSTILE}");
    let language = format!("language={HOSTILE}");
    let source = media::picture("320x180", "25", 4);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    arguments.extend(["-c:v", "mpeg4", "-c:a", "libmp3lame", "-metadata", &title]);
    arguments.extend([
        "-metadata:s:v",
        &title,
        "-metadata:s:a",
        &title,
        "-metadata:s:a",
        &language,
    ]);
    let lecture = media::make("hostile.mkv", &arguments).await?;
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        // the API rejects line breaks; a file may contain them
        let name = HOSTILE.replace('\n', " ");
        let file = Part::bytes(std::fs::read(&lecture)?).file_name(name.clone());
        let form = Form::new().text("title", name).part("file", file);
        let request = stage.api.request(Method::POST, "/api/v1/content/upload");
        let sent = request.bearer_auth(&owner.token).multipart(form);
        let video = stage.api.send(sent).await?.expect(201)?.json();
        ensure!(video["title"].as_str().is_some_and(|it| it.contains(MARK)), "{video}");
        let id = video["id"].as_str().context("an id")?;
        let ready = process::until("a ready lecture", Duration::from_secs(90), async || {
            let video = stage.api.video(id, &owner.token).await?;
            ensure!(video["status"] != "failed", "{video}");
            Ok((video["status"] == "ready").then_some(()))
        });
        ready.await?;
        let session = stage.api.session(id, &owner.token).await?;
        let renditions = playlist::open(&stage.api, &session.hls_url).await?;
        ensure!(!renditions.is_empty(), "nothing to play");
        let main = stage.api.fetch(&session.hls_url).await?.text();
        ensure!(!main.contains(MARK), "{main}");
        let log = stage.server.log();
        let arguments: Vec<&str> = log.lines().filter(|line| line.contains("starting a tool")).collect();
        let arguments = arguments.join("\n");
        ensure!(
            arguments.contains("libx264") && arguments.contains("aac"),
            "no encoder was run: {arguments}"
        );
        ensure!(!arguments.contains(MARK), "{arguments}");
        ensure!(
            !std::path::Path::new("/tmp/zzmark").exists(),
            "a name was run as a command"
        );
        Ok(())
    })
    .await
}
