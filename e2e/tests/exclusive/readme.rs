//! Every command in the README runs as it is printed, but for the port and the folder of data, which others may use.

use crate::page::{Running, free_port};
use anyhow::{Context, Result, ensure};
use e2e::settings;
use std::fs;
use std::path::Path;
use tokio::process::Command;

/// The port in the README.
const PRINTED: &str = "127.0.0.1:8080";
/// Commands that stand in the text and end by themselves, each with something that it prints.
const IN_TEXT: [(&str, &str); 3] = [
    ("moocflix doctor", "ffmpeg"),
    ("moocflix config check", "listen"),
    ("moocflix events dead list --data-dir DIR", "no dead letters"),
];

/// The blocks of commands of a document.
fn blocks(document: &str) -> Vec<String> {
    let parts = document.split("\n```\n").enumerate();
    parts
        .filter(|(n, _)| n % 2 == 1)
        .map(|(_, block)| block.to_owned())
        .collect()
}

/// Runs commands in a folder; returns what they print.
async fn run(folder: &Path, commands: &str) -> Result<String> {
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"));
    let output = e2e::tools::output(&mut shell, &[]).await;
    let output = output.with_context(|| commands.to_owned())?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_readme_run_as_they_are_printed() -> Result<()> {
    let _machine = super::MACHINE.lock().await;
    let readme = fs::read_to_string(settings::root().join("README.md"))?;
    let blocks = blocks(&readme);
    for command in ["./run", "./test"] {
        ensure!(blocks.iter().any(|block| block == command), "{command}: {blocks:?}");
    }
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    std::os::unix::fs::symlink(settings::target(), folder.path().join("target"))?;
    let port = free_port()?;
    let running = Running::start(&data, port).await?;
    let mut outputs = Vec::new();
    for block in blocks
        .iter()
        .filter(|block| !["./run", "./test"].contains(&block.as_str()))
    {
        let commands = block.replace(PRINTED, &format!("127.0.0.1:{port}"));
        outputs.push(run(folder.path(), &commands).await?);
    }
    ensure!(outputs.len() >= 3, "{blocks:?}");
    let played = outputs.iter().any(|output| output.contains("/p/"));
    ensure!(played, "no command printed the URL of a playlist");
    for (command, prints) in IN_TEXT {
        ensure!(
            readme.contains(&format!("`{command}`")),
            "{command} is not in the README"
        );
        // `moocflix` is this program there, and the folder is the one that `./run` makes.
        let commands = command.replace("DIR", "data");
        let commands = format!("MOOCFLIX_LISTEN=127.0.0.1:{port} target/debug/{commands}");
        let output = run(folder.path(), &commands).await?;
        ensure!(output.contains(prints), "{command} printed {output}");
    }
    running.stop().await
}
