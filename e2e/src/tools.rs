//! External programs: ffmpeg, ffprobe, Node, Python.

use crate::settings;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs a program to its end and returns its output; an error contains its error messages.
pub async fn output(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let name = format!("{:?}", command.as_std());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().with_context(|| name.clone())?;
    let mut pipe = child.stdin.take().context("its input")?;
    let feed = async move {
        // a program that does not read its input reports it by its exit code
        let _ = pipe.write_all(input).await;
        drop(pipe);
    };
    let ((), done) = tokio::join!(feed, child.wait_with_output());
    let done = done?;
    let complaint = String::from_utf8_lossy(&done.stderr).into_owned();
    // What a program prints last says why it failed.
    let last = &done.stdout[done.stdout.len().saturating_sub(4_000)..];
    let output = String::from_utf8_lossy(last);
    ensure!(done.status.success(), "{name}: {}\n{complaint}\n{output}", done.status);
    Ok(done.stdout)
}

/// Prints a figure beside the tests' own output.
pub fn report(figure: impl std::fmt::Display) {
    // failing to print a figure is no reason to fail
    let _ = writeln!(std::io::stderr(), "{figure}");
}

/// ffmpeg, with little output and at a lower priority.
#[must_use]
pub fn ffmpeg() -> Command {
    let mut command = Command::new("nice");
    command.args([
        "-n",
        "5",
        "ffmpeg",
        "-nostdin",
        "-hide_banner",
        "-loglevel",
        "error",
        "-y",
    ]);
    command
}

/// The output of ffprobe for an input, as JSON.
pub async fn probe(input: &str, show: &[&str]) -> Result<serde_json::Value> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "json"]).args(show).arg(input);
    Ok(serde_json::from_slice(&output(&mut command, &[]).await?)?)
}

fn script(folder: &str, name: &str) -> PathBuf {
    settings::root().join("e2e").join(folder).join(name)
}

/// A script of `e2e/node`.
pub fn node(name: &str) -> Result<Command> {
    let packages = settings::root().join("e2e/node/node_modules");
    ensure!(
        packages.is_dir(),
        "{} does not exist: npm ci --prefix e2e/node, or ./test",
        packages.display()
    );
    let mut command = Command::new("node");
    command.arg(script("node", name));
    Ok(command)
}

/// A script of `e2e/python`.
pub fn python(name: impl AsRef<OsStr>) -> Result<Command> {
    let mut command = Command::new(settings::python()?);
    command.arg(settings::root().join("e2e/python").join(name.as_ref()));
    Ok(command)
}
