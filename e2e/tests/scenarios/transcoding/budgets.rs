//! Sources that would take more than their share of the machine are refused with a reason, and missing tools are waited for.

use anyhow::{Context, Result, ensure};
use e2e::encoding::{encoding, ready};
use e2e::media::{self, flashes, sources};
use e2e::process::{self, until};
use e2e::stage::{Stage, scenario};
use e2e::tools::{self, report};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a source may take to settle; other scenarios run beside this one.
const SETTLES: Duration = Duration::from_secs(60);

/// A picture and a sound of so many seconds; the times of the sound's packets from `after` on are hours late.
async fn late(name: &str, seconds: u32, after: u32) -> Result<Vec<u8>> {
    let source = media::picture("160x90", "10", seconds);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    let times = format!("setts=ts='if(gte(N,{after}),TS+108000000,TS)'");
    arguments.extend([
        "-c:v", "mpeg4", "-b:v", "60k", "-c:a", "libopus", "-b:a", "32k", "-bsf:a", &times,
    ]);
    Ok(std::fs::read(media::make(name, &arguments).await?)?)
}

/// A transport stream with one flipped bit in each of the last three timestamps of its sound.
async fn damaged() -> Result<Vec<u8>> {
    const SOUND: [u8; 4] = [0, 0, 1, 0xc0];
    let source = media::picture("160x90", "25", 4);
    let mut arguments: Vec<&str> = source.iter().map(String::as_str).collect();
    arguments.extend(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
    arguments.extend(["-c:a", "mp2", "-b:a", "64k"]);
    let mut bytes = std::fs::read(media::make("plain.ts", &arguments).await?)?;
    let headers = bytes.windows(SOUND.len()).enumerate();
    let headers: Vec<usize> = headers
        .filter_map(|(at, window)| (window == SOUND).then_some(at))
        .collect();
    for at in headers.iter().rev().take(3) {
        *bytes.get_mut(at + 9).context("a timestamp")? ^= 2;
    }
    Ok(bytes)
}

/// Some minutes of a picture with a beep after a second, and one before the end; the sound has no packets between.
async fn silent() -> Result<Vec<u8>> {
    let picture = "testsrc2=size=64x48:rate=2:duration=406";
    let beeps = "aevalsrc=if(lt(mod(t+2\\,3)\\,0.2)\\,0.8*sin(6283*t)\\,0):duration=6:sample_rate=48000";
    let times = "setts=ts='if(gte(N,125),TS+400000,TS)'";
    let mut arguments = vec!["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", beeps];
    arguments.extend([
        "-c:v", "mpeg4", "-b:v", "20k", "-c:a", "libopus", "-b:a", "32k", "-bsf:a", times,
    ]);
    Ok(std::fs::read(media::make("silent.mkv", &arguments).await?)?)
}

/// The greatest memory of an encoder until a lecture is ready.
async fn peak(stage: &Stage, token: &str, id: &str) -> Result<u64> {
    let mut peak = 0;
    until("the lecture", SETTLES, async || {
        for tool in process::encoders(stage.server.data())?.iter().filter(|it| it.is_tool()) {
            peak = peak.max(process::anonymous_memory(tool.pid).unwrap_or_default());
        }
        let video = stage.api.video(id, token).await?;
        ensure!(video["status"] != "failed", "{video}");
        Ok((video["status"] == "ready").then_some(()))
    })
    .await?;
    Ok(peak)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_silence_takes_no_memory_and_the_sound_after_it_is_in_time() -> Result<()> {
    scenario(encoding("48"), async |stage| {
        let owner = stage.account("instructor").await?;
        let id = stage.api.upload(silent().await?, &owner.token).await?;
        let peak = peak(stage, &owner.token, &id).await? >> 20;
        let session = stage.api.session(&id, &owner.token).await?;
        let url = format!("{}{}", stage.server.url(), session.hls_url);
        // media time 1 s is the lecture's zero
        let beeps = flashes::beeps(&url, "a:0", &[]).await?;
        let zero = beeps.first().context("a beep")? - 1.0;
        let beeps: Vec<f64> = beeps.iter().map(|beep| beep - zero).collect();
        report(format!("{peak} MiB, beeps at {beeps:?} after {zero}"));
        ensure!(
            zero.abs() < 0.04 || (zero - 1.0).abs() < 0.04,
            "the first beep is {zero} s late"
        );
        ensure!(beeps.len() == 2 && (beeps[1] - 404.0).abs() < 0.04, "{beeps:?}");
        // filled by an encoder, the silence would take 150 MiB
        ensure!(peak < 100, "{peak} MiB");
        Ok(())
    })
    .await
}

/// One picture of a size, all of one colour.
async fn picture(size: &str, kind: &str) -> Result<Vec<u8>> {
    let source = format!("color=black:size={size}:rate=1:duration=1");
    let name = format!("{size}.{kind}");
    let path = media::make(&name, &["-f", "lavfi", "-i", &source, "-c:v", "mjpeg", "-threads", "1"]).await?;
    Ok(std::fs::read(path)?)
}

async fn settled(stage: &Stage, token: &str, bytes: Vec<u8>) -> Result<Value> {
    let id = stage.api.upload(bytes, token).await?;
    stage
        .api
        .becomes_within(&id, token, &["ready", "failed"], SETTLES)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_clock_ends_the_lecture_or_is_refused_and_is_never_filled() -> Result<()> {
    scenario(encoding("90"), async |stage| {
        let owner = stage.account("instructor").await?;
        for (name, bytes) in [
            ("two clicks", late("clicks.mkv", 1, 25).await?),
            ("a damaged clock", damaged().await?),
        ] {
            let video = settled(stage, &owner.token, bytes).await?;
            report(format!("{name}: {} {}", video["status"], video["reason"]));
            ensure!(video["reason"]["code"] == "media_timeline", "{name}: {video}");
        }
        let video = settled(stage, &owner.token, late("cut.mkv", 60, 2_995).await?).await?;
        ensure!(video["status"] == "ready", "{video}");
        let seconds = video["duration"].as_f64().context("a duration")?;
        ensure!((59.0..61.0).contains(&seconds), "it lasts for {seconds} s: {video}");
        let id = video["id"].as_str().context("an id")?;
        let session = stage.api.session(id, &owner.token).await?;
        let url = format!("{}{}", stage.server.url(), session.hls_url);
        let sound = tools::probe(&url, &["-select_streams", "a:0", "-show_entries", "packet=pts_time"]).await?;
        let packets = sound["packets"].as_array().context("packets")?;
        let end = packets
            .last()
            .and_then(|it| it["pts_time"].as_str())
            .context("an end")?;
        let end: f64 = end.parse()?;
        ensure!((59.0..62.5).contains(&end), "the sound ends at {end} s");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_beyond_8k_are_refused_whoever_notices_their_size() -> Result<()> {
    scenario(encoding("90"), async |stage| {
        let owner = stage.account("instructor").await?;
        // ffprobe reports the first one, and refuses the second one itself
        for (size, kind) in [("8208x4400", "avi"), ("12000x8000", "mkv")] {
            let video = settled(stage, &owner.token, picture(size, kind).await?).await?;
            report(format!("{size}: {}", video["reason"]));
            ensure!(video["reason"]["code"] == "media_limits", "{size}: {video}");
        }
        let video = settled(stage, &owner.token, picture("8192x4320", "mkv").await?).await?;
        ensure!(video["status"] == "ready", "{video}");
        Ok(())
    })
    .await
}

/// An executable script in place of a tool; in its cage, it can become the tool and start nothing else.
fn script(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_that_plays_as_it_is_waits_for_no_survey() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hangs = "case \"$*\" in *'-f avi'*) while :; do :; done ;; esac\nexec /usr/bin/ffprobe \"$@\"";
    script(&folder.path().join("ffprobe"), hangs)?;
    let mut start = encoding("180");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.path().display());
    start.environment.push(("PATH".to_owned(), path));
    scenario(start, async |stage| {
        let (owner, other) = (stage.account("instructor").await?, stage.account("instructor").await?);
        let avi = sources::ALL
            .iter()
            .find(|it| it.name == "mpeg4.avi")
            .context("an AVI")?;
        let avi = std::fs::read(avi.file().await?)?;
        for _ in 0..3 {
            stage.api.upload(avi.clone(), &owner.token).await?;
        }
        let whole = std::fs::read(media::short().await?)?;
        let id = stage.api.upload(whole, &other.token).await?;
        // a survey takes until the watchdog ends it, a minute
        stage
            .api
            .becomes_within(&id, &other.token, &["playable", "ready"], Duration::from_secs(10))
            .await?;
        Ok(())
    })
    .await
}

/// The tools that a server finds: none, at first.
struct Tools(PathBuf);

impl Tools {
    /// Puts what can't be run in the place of a tool.
    fn break_one(&self, tool: &str) -> Result<()> {
        std::fs::create_dir(self.0.join(tool))?;
        Ok(())
    }

    fn install(&self, tool: &str) -> Result<()> {
        let path = self.0.join(tool);
        if path.is_dir() {
            std::fs::remove_dir(&path)?;
        }
        std::fs::copy(Path::new("/usr/bin").join(tool), path)?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lectures_wait_for_a_missing_encoder_and_go_on_by_themselves() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let tools = Tools(folder.path().to_owned());
    tools.break_one("ffprobe")?;
    std::fs::write(folder.path().join("ffmpeg"), "not executable")?;
    let mut start = encoding("48");
    let path = folder.path().to_string_lossy().into_owned();
    start.environment.push(("PATH".to_owned(), path));
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        let file = sources::tiny(4).await?;
        let id = stage.api.upload(std::fs::read(&file)?, &owner.token).await?;
        let waits = async || {
            until("the reason", Duration::from_secs(30), async || {
                let video = stage.api.video(&id, &owner.token).await?;
                ensure!(video["status"] == "processing", "{video}");
                Ok((video["reason"]["code"] == "encoder_missing").then_some(()))
            })
            .await
        };
        waits().await?;
        let health = stage.api.get("/health/ready", "").await?.expect(200)?.json();
        ensure!(
            health["notes"]["transcode"]
                .as_str()
                .is_some_and(|it| it.contains("ffmpeg")),
            "{health}"
        );
        tools.install("ffprobe")?;
        until("the survey", Duration::from_secs(30), async || {
            let video = stage.api.video(&id, &owner.token).await?;
            Ok((!video["renditions"].as_array().context("renditions")?.is_empty()).then_some(()))
        })
        .await?;
        waits().await?;
        std::fs::remove_file(tools.0.join("ffmpeg"))?;
        tools.install("ffmpeg")?;
        let video = stage.api.becomes_within(&id, &owner.token, &["ready"], SETTLES).await?;
        ensure!(video["reason"].is_null(), "{video}");
        ready(&stage.api, &owner, &file, SETTLES).await?;
        let health = stage.api.get("/health/ready", "").await?.expect(200)?.json();
        ensure!(health.get("notes").is_none(), "{health}");
        Ok(())
    })
    .await
}
