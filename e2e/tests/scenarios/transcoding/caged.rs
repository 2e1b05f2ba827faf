//! A file that takes ffprobe over reaches nothing, whether MoocFlix runs as root or as an ordinary user.

use anyhow::{Context, Result, ensure};
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

const NOBODY: u32 = 65_534;

/// A folder with a program in ffprobe's place that does what the uploaded file says.
fn tools(folder: &Path) -> Result<String> {
    let built = std::env::current_exe()?;
    let built = built
        .ancestors()
        .nth(2)
        .context("the build's folder")?
        .join("sandbox-guard");
    let tool = folder.join("ffprobe");
    fs::copy(&built, &tool).with_context(|| format!("{}: build the whole workspace", built.display()))?;
    fs::set_permissions(&tool, Permissions::from_mode(0o755))?;
    Ok(format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()))
}

/// An AVI, by its first bytes, with orders for the program.
fn orders(lines: &[String]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\x10\0AVI LIST\n--\n".to_vec();
    file.extend(lines.join("\n").into_bytes());
    file.resize(4_096, b'\n');
    file
}

async fn owner(stage: &Stage) -> Result<e2e::api::Account> {
    let (email, password) = ("someone@example.org", "a long enough password");
    let body = json!({ "email": email, "password": password, "name": "Someone" });
    let signed_up = stage.api.json(reqwest::Method::POST, "/api/v1/users/signup", "", &body);
    signed_up.await?.expect(201)?;
    stage.api.login(email, password).await
}

/// Uploads a file that tries everything, with this file as the secret.
async fn attack(stage: &Stage, token: &str, secret: &Path, socket: &Path, tool: &Path) -> Result<()> {
    let all = [
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
    let mut lines: Vec<String> = all.iter().map(|name| format!("--try={name}")).collect();
    lines.extend([
        format!("--secret={}", secret.display()),
        format!("--tcp={}", stage.server.address()),
        format!("--udp={}", stage.server.address()),
        format!("--unix={}", socket.display()),
        format!("--process={}", stage.server.pid()?),
        format!("--program={}", tool.display()),
    ]);
    let id = stage.api.upload(orders(&lines), token).await?;
    stage
        .api
        .becomes_within(&id, token, &["failed"], Duration::from_secs(60))
        .await?;
    let log = stage.server.log();
    let told = log
        .lines()
        .find(|line| line.contains(&id) && line.contains("can't read a source"));
    let told = told.context("the survey's end is not logged")?;
    for name in all {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_ffprobe_s_place_reaches_nothing() -> Result<()> {
    for user in [0, NOBODY] {
        let place = tempfile::tempdir()?;
        fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
        let data = place.path().join("data");
        fs::create_dir(&data)?;
        fs::set_permissions(&data, Permissions::from_mode(0o700))?;
        chown(&data, Some(user), Some(user))?;
        let socket = place.path().join("socket");
        let _listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, Permissions::from_mode(0o777))?;
        let mut start = Start::default().on(&data).set("USERS__SIGNUP_ROLE", "instructor");
        start = start.set("CONTENT__TRANSCODE__SANDBOX", "required");
        start.environment.push(("PATH".to_owned(), tools(place.path())?));
        start.wrap = vec![
            "setpriv".to_owned(),
            format!("--reuid={user}"),
            format!("--regid={user}"),
            "--clear-groups".to_owned(),
        ];
        let tool = place.path().join("ffprobe");
        scenario(start, async |stage| {
            let owner = owner(stage).await?;
            let other = stage
                .api
                .upload(orders(&["--try=read".to_owned()]), &owner.token)
                .await?;
            let lecture = until("a stored lecture", Duration::from_secs(20), async || {
                let files = e2e::process::files(&data.join("objects"));
                Ok(files.into_iter().find(|path| path.to_string_lossy().contains(&other)))
            });
            let lecture: PathBuf = lecture.await?;
            for secret in [data.join("secret.key"), data.join("content.sqlite"), lecture] {
                ensure!(secret.is_file(), "there is no {}", secret.display());
                let mode = fs::metadata(&secret)?.permissions();
                attack(stage, &owner.token, &secret, &socket, &tool).await?;
                ensure!(fs::metadata(&secret)?.permissions() == mode, "{}", secret.display());
            }
            // A decoder that crashes is tried twice.
            let id = stage.api.upload(orders(&["crash".to_owned()]), &owner.token).await?;
            let failed = stage
                .api
                .becomes_within(&id, &owner.token, &["failed"], Duration::from_secs(60))
                .await?;
            ensure!(failed["reason"]["code"] == "media_undecodable", "{failed}");
            let log = stage.server.log();
            let crashes = log
                .lines()
                .filter(|line| line.contains("an encoder failed") && line.contains("signal"));
            let crashes = crashes.count();
            report(format!(
                "user {user}: everything was held; a crash was tried {crashes} times"
            ));
            ensure!(crashes == 2, "{crashes} tries");
            Ok(())
        })
        .await
        .with_context(|| format!("user {user}"))?;
    }
    Ok(())
}
