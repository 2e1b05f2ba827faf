//! A file that takes ffprobe or ffmpeg over reaches nothing, whether MoocFlix runs as root or as an ordinary user.

use anyhow::{Context, Result, ensure};
use e2e::media::sources;
use e2e::process::until;
use e2e::server::Start;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const NOBODY: u32 = 65_534;

/// What a file tries.
const ALL: [&str; 13] = [
    "read",
    "write",
    "mode",
    "disk",
    "tcp",
    "udp",
    "unix",
    "signal",
    "memory",
    "fork",
    "outlive",
    "namespace",
    "shell",
];

/// A folder with a program in a tool's place that does what the uploaded file says.
fn tools(folder: &Path, name: &str) -> Result<String> {
    let built = std::env::current_exe()?;
    let built = built
        .ancestors()
        .nth(2)
        .context("the build's folder")?
        .join("sandbox-guard");
    let tool = folder.join(name);
    fs::copy(&built, &tool).with_context(|| format!("{}: build the whole workspace", built.display()))?;
    fs::set_permissions(&tool, Permissions::from_mode(0o755))?;
    Ok(format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()))
}

/// An AVI, by its first bytes, with orders for the program in ffprobe's place.
fn orders(lines: &[String]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\x10\0AVI LIST\n--\n".to_vec();
    file.extend(lines.join("\n").into_bytes());
    file.resize(4_096, b'\n');
    file
}

/// A lecture that has to be encoded, with orders behind its end for the program in ffmpeg's place.
async fn lecture(lines: &[String]) -> Result<Vec<u8>> {
    let mut file = fs::read(sources::tiny(4).await?)?;
    file.extend(b"\n--\n");
    file.extend(lines.join("\n").into_bytes());
    Ok(file)
}

async fn owner(stage: &Stage) -> Result<e2e::api::Account> {
    let (email, password) = ("someone@example.org", "a long enough password");
    let body = json!({ "email": email, "password": password, "name": "Someone" });
    let signed_up = stage.api.json(reqwest::Method::POST, "/api/v1/users/signup", "", &body);
    signed_up.await?.expect(201)?;
    stage.api.login(email, password).await
}

/// What a file tries: everything, with this file as the secret.
fn attempts(stage: &Stage, secret: &Path, socket: &Path, tool: &Path) -> Result<Vec<String>> {
    let mut lines: Vec<String> = ALL.iter().map(|name| format!("--try={name}")).collect();
    lines.extend([
        format!("--secret={}", secret.display()),
        format!("--tcp={}", stage.server.address()),
        format!("--udp={}", stage.server.address()),
        format!("--unix={}", socket.display()),
        format!("--process={}", stage.server.pid()?),
        format!("--program={}", tool.display()),
    ]);
    Ok(lines)
}

/// Uploads a file with attempts and checks that each was held; a line of the log with `ending` tells.
async fn attack(stage: &Stage, token: &str, (file, secret): (Vec<u8>, &Path), ending: &str) -> Result<()> {
    let id = stage.api.upload(file, token).await?;
    stage
        .api
        .becomes_within(&id, token, &["failed"], Duration::from_secs(60))
        .await?;
    let log = stage.server.log();
    let told = log.lines().find(|line| line.contains(&id) && line.contains(ending));
    let told = told.context("the tool's end is not logged")?;
    for name in ALL {
        ensure!(
            told.contains(&format!("{name} held")),
            "{name} of {}: {told}",
            secret.display()
        );
    }
    ensure!(
        !secret.with_extension("written").exists(),
        "it has written beside {}",
        secret.display()
    );
    Ok(())
}

/// A folder of a user, and a server that runs as that user with a program in a tool's place.
struct Place {
    folder: TempDir,
    data: PathBuf,
    socket: PathBuf,
    _listener: UnixListener,
    tool: PathBuf,
}

impl Place {
    fn of(user: u32, tool: &str) -> Result<(Self, Start)> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let data = folder.path().join("data");
        fs::create_dir(&data)?;
        fs::set_permissions(&data, Permissions::from_mode(0o700))?;
        chown(&data, Some(user), Some(user))?;
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o777))?;
        let mut start = Start::default().on(&data).set("USERS__SIGNUP_ROLE", "instructor");
        start = start.set("CONTENT__TRANSCODE__SANDBOX", "required");
        start.environment.push(("PATH".to_owned(), tools(folder.path(), tool)?));
        start.wrap = vec![
            "setpriv".to_owned(),
            format!("--reuid={user}"),
            format!("--regid={user}"),
            "--clear-groups".to_owned(),
        ];
        let tool = folder.path().join(tool);
        let place = Self {
            folder,
            data,
            socket,
            _listener: listener,
            tool,
        };
        Ok((place, start))
    }

    /// The secrets of the folder, and the stored file of a lecture.
    async fn secrets(&self, lecture: &str) -> Result<[PathBuf; 3]> {
        let stored = until("a stored lecture", Duration::from_secs(20), async || {
            let files = e2e::process::files(&self.data.join("objects"));
            Ok(files.into_iter().find(|path| path.to_string_lossy().contains(lecture)))
        });
        let secrets = [
            self.data.join("secret.key"),
            self.data.join("content.sqlite"),
            stored.await?,
        ];
        for secret in &secrets {
            ensure!(
                secret.is_file(),
                "there is no {} in {}",
                secret.display(),
                self.folder.path().display()
            );
        }
        Ok(secrets)
    }
}

/// Checks that a decoder that crashes is tried twice in a task whose key ends like this.
async fn crash(stage: &Stage, token: &str, file: Vec<u8>, task: &str) -> Result<()> {
    let id = stage.api.upload(file, token).await?;
    let failed = stage
        .api
        .becomes_within(&id, token, &["failed"], Duration::from_secs(60))
        .await?;
    ensure!(failed["reason"]["code"] == "media_undecodable", "{failed}");
    let (log, key) = (stage.server.log(), format!("{id}{task}\""));
    let crashes = log
        .lines()
        .filter(|line| line.contains(&key) && line.contains("an encoder failed") && line.contains("signal"));
    let crashes = crashes.count();
    ensure!(crashes == 2, "{crashes} tries");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_ffprobe_s_place_reaches_nothing() -> Result<()> {
    for user in [0, NOBODY] {
        let (place, start) = Place::of(user, "ffprobe")?;
        scenario(start, async |stage| {
            let owner = owner(stage).await?;
            let other = stage
                .api
                .upload(orders(&["--try=read".to_owned()]), &owner.token)
                .await?;
            for secret in place.secrets(&other).await? {
                let mode = fs::metadata(&secret)?.permissions();
                let file = orders(&attempts(stage, &secret, &place.socket, &place.tool)?);
                attack(stage, &owner.token, (file, &secret), "can't read a source").await?;
                ensure!(fs::metadata(&secret)?.permissions() == mode, "{}", secret.display());
            }
            crash(stage, &owner.token, orders(&["crash".to_owned()]), "").await?;
            report(format!("user {user}: everything was held; a crash was tried twice"));
            Ok(())
        })
        .await
        .with_context(|| format!("user {user}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_ffmpeg_s_place_reaches_nothing() -> Result<()> {
    for user in [0, NOBODY] {
        let (place, start) = Place::of(user, "ffmpeg")?;
        scenario(start, async |stage| {
            let owner = owner(stage).await?;
            let other = stage
                .api
                .upload(fs::read(sources::tiny(4).await?)?, &owner.token)
                .await?;
            let secrets = place.secrets(&other).await?;
            // The same program leaves other people's lectures alone. While one is encoded, its file is lent to the encoder.
            let ready = stage
                .api
                .becomes_within(&other, &owner.token, &["ready"], Duration::from_secs(60));
            ready.await?;
            for secret in secrets {
                let mode = fs::metadata(&secret)?.permissions();
                let file = lecture(&attempts(stage, &secret, &place.socket, &place.tool)?).await?;
                attack(stage, &owner.token, (file, &secret), "an encoder failed").await?;
                ensure!(fs::metadata(&secret)?.permissions() == mode, "{}", secret.display());
            }
            crash(stage, &owner.token, lecture(&["crash".to_owned()]).await?, ":1:48p-0").await?;
            report(format!("user {user}: everything was held; a crash was tried twice"));
            Ok(())
        })
        .await
        .with_context(|| format!("user {user}"))?;
    }
    Ok(())
}
