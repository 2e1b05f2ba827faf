//! A newcomer's first steps: `./run` prints an address, and the sample lecture plays there in Chromium.

use anyhow::{Context, Result, ensure};
use e2e::settings;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// A port that is free for the moment.
pub(super) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// MoocFlix as `./run` starts it.
pub(super) struct Running {
    child: tokio::process::Child,
    out: std::path::PathBuf,
    pub(super) address: String,
}

impl Running {
    /// Starts `./run` on a data folder and waits until it prints the address.
    pub(super) async fn start(data: &std::path::Path, port: u16) -> Result<Self> {
        for lecture in ["welcome", "teaching"] {
            let sample = settings::target().join(format!("sample/{lecture}.mp4"));
            if !sample.exists() {
                fs::create_dir_all(settings::target().join("sample"))?;
                let mut make = Command::new(settings::root().join("moocflix/sample/lecture.sh"));
                e2e::tools::output(make.arg(lecture).arg(&sample), &[]).await?;
            }
        }
        let out = data.with_extension("out");
        let file = fs::File::create(&out)?;
        // Shells make background jobs ignore SIGINT, and the tests may run in one; a newcomer's terminal does not.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=INT")
            .arg(settings::root().join("run"))
            .arg("--no-build")
            .env("MOOCFLIX_DATA_DIR", data)
            .env("MOOCFLIX_LISTEN", format!("127.0.0.1:{port}"));
        command
            .env("MOOCFLIX_BIN", settings::binary()?)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
        let begun = Instant::now();
        loop {
            let output = fs::read_to_string(&out)?;
            // The sign-ins are printed between the two.
            if let Some((_, rest)) = output.split_once("MoocFlix is at ")
                && rest.contains("Ctrl-C stops it")
            {
                let address = rest
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches("\u{1b}[0m");
                return Ok(Self {
                    child,
                    out,
                    address: address.to_owned(),
                });
            }
            ensure!(child.try_wait()?.is_none(), "./run ended: {output}");
            ensure!(
                begun.elapsed() < Duration::from_secs(10),
                "./run printed no address within 10 s: {output}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ctrl-C: a terminal sends it to the whole process group. It counts once, so that requests can finish.
    pub(super) async fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id().context("it runs")?)?).context("a process id")?;
        kill_process_group(pid, Signal::INT)?;
        let status = tokio::time::timeout(Duration::from_secs(35), self.child.wait()).await??;
        let output = fs::read_to_string(&self.out)?;
        ensure!(
            status.success() && !output.contains("a second time"),
            "{status}: {output}"
        );
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_prints_an_address_and_the_sample_lecture_plays_there() -> Result<()> {
    let _machine = super::MACHINE.lock().await;
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let port = free_port()?;
    let running = Running::start(&data, port).await?;
    let signs = data.join("sign-ins");
    ensure!(
        fs::metadata(&signs)?.permissions().mode() & 0o777 == 0o600,
        "others may read the sign-ins"
    );

    let second = Command::new(settings::root().join("run"))
        .arg("--no-build")
        .env("MOOCFLIX_DATA_DIR", folder.path().join("other"))
        .env("MOOCFLIX_LISTEN", format!("127.0.0.1:{port}"))
        .output()
        .await?;
    let output = String::from_utf8_lossy(&second.stderr).into_owned();
    ensure!(!second.status.success() && output.contains("is taken"), "{output}");

    let passwords = fs::read_to_string(&signs)?;
    let account = |role: &str| -> Result<String> {
        let line = passwords
            .lines()
            .find(|it| it.starts_with(role))
            .with_context(|| format!("no {role}"))?;
        Ok(line.split_whitespace().skip(1).collect::<Vec<_>>().join(":"))
    };
    let accounts = [
        ("MOOCFLIX_INSTRUCTOR", account("instructor")?),
        ("MOOCFLIX_LEARNER", account("learner")?),
        ("MOOCFLIX_ADMIN", account("admin")?),
    ];
    let mut tour = Command::new("node");
    tour.arg(settings::root().join("web/page/test/browser/run.mjs"));
    for mut visit in [e2e::tools::node("sample.mjs")?, tour] {
        visit.env("MOOCFLIX_URL", &running.address).envs(accounts.clone());
        let seen = e2e::tools::output(&mut visit, &[]).await;
        if let Err(error) = seen {
            // the cause comes first, because long messages are cut at the end
            let output = fs::read_to_string(&running.out).unwrap_or_default();
            anyhow::bail!("{error:#}\n./run printed:\n{output}");
        }
    }
    running.stop().await?;

    let again = Running::start(&data, port).await?;
    ensure!(fs::read_to_string(&signs)? == passwords, "the sign-ins changed");
    let output = fs::read_to_string(&again.out)?;
    ensure!(
        passwords.lines().all(|it| output.contains(it)),
        "the sign-ins are not printed again: {output}"
    );
    again.stop().await
}
