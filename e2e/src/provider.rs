//! An OpenID provider of another site, with pages on which people sign in: `e2e/node/provider.mjs`.

use crate::server::Start;
use crate::tools;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// How long it may take to start or to obey on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The id of its only client.
pub const CLIENT: &str = "moocflix";

/// That client's secret.
pub const SECRET: &str = "moocflix-secret-of-the-tests";

/// The audience of its access tokens that are JWTs.
pub const AUDIENCE: &str = "https://mooc.test/api";

/// A running provider; it is killed when dropped.
#[derive(Debug)]
pub struct Provider {
    /// Its issuer, `http://127.0.0.1:PORT`.
    pub issuer: String,
    /// The address that takes the same commands as POST requests, for browser tests.
    pub control: String,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Provider {
    /// Starts a provider that sends people back to this address, and waits until it listens.
    pub async fn start(redirect: &str) -> Result<Self> {
        let mut child = tools::node("provider.mjs")?
            .arg(redirect)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("start the provider")?;
        let input = child.stdin.take().context("its input")?;
        let mut output = BufReader::new(child.stdout.take().context("its output")?).lines();
        let ready = next(&mut output).await?;
        let text = |name: &str| {
            ready[name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("{ready}"))
        };
        Ok(Self {
            issuer: text("issuer")?,
            control: text("control")?,
            input,
            output,
            _child: child,
        })
    }

    /// The address to which the provider of a server sends people back.
    #[must_use]
    pub fn callback(server: &str) -> String {
        format!("{server}/api/v1/users/providers/school/callback")
    }

    /// Lets people sign in with it; the server calls it Example School.
    #[must_use]
    pub fn offered(&self, start: Start) -> Start {
        start
            .set("USERS__PROVIDERS__SCHOOL__ISSUER", &self.issuer)
            .set("USERS__PROVIDERS__SCHOOL__CLIENT_ID", CLIENT)
            .set("USERS__PROVIDERS__SCHOOL__CLIENT_SECRET", SECRET)
            .set("USERS__PROVIDERS__SCHOOL__LABEL", "Example School")
    }

    /// Sends a command, such as `rotate` or `slow 500`, and returns its answer.
    pub async fn command(&mut self, line: &str) -> Result<Value> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.input.flush().await?;
        let answer = next(&mut self.output).await?;
        ensure!(answer["done"].is_string(), "{line}: {answer}");
        Ok(answer)
    }
}

/// The next line of its output.
async fn next(output: &mut Lines<BufReader<ChildStdout>>) -> Result<Value> {
    let line = tokio::time::timeout(PATIENCE, output.next_line())
        .await
        .context("the provider is silent")??;
    let line = line.context("the provider has ended")?;
    serde_json::from_str(&line).with_context(|| line.clone())
}
