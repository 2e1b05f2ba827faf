//! One server, its client, and the checks that follow every scenario.

use crate::api::{Account, Api};
use crate::server::{Server, Start};
use crate::tools;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::Write;

/// A scenario's server and client.
#[derive(Debug)]
pub struct Stage {
    /// The server.
    pub server: Server,
    /// A client of it.
    pub api: Api,
    accounts: u32,
}

impl Stage {
    /// A new server and its client.
    pub async fn start(start: Start) -> Result<Self> {
        let server = Server::start(start).await?;
        let api = Api::new(&server.url())?;
        Ok(Self {
            server,
            api,
            accounts: 0,
        })
    }

    /// Creates an account with the command line, as an operator does, and signs in.
    pub async fn account(&mut self, role: &str) -> Result<Account> {
        self.accounts += 1;
        let email = format!("{role}{}@example.org", self.accounts);
        let password = uuid::Uuid::new_v4().to_string();
        self.api.secret(&password);
        let words = [
            "user",
            "create",
            "--email",
            &email,
            "--name",
            "Someone",
            "--role",
            role,
            "--password-stdin",
        ];
        self.server.moocflix(&words, &format!("{password}\n")).await?;
        self.api.login(&email, &password).await
    }

    /// Checks every fetched playlist with hls-parser in strict mode.
    async fn playlists_are_strict(&self) -> Result<()> {
        let playlists = self.api.playlists();
        if playlists.is_empty() {
            return Ok(());
        }
        let input = serde_json::to_vec(&playlists)?;
        let found = tools::output(&mut tools::node("strict.mjs")?, &input).await?;
        let faults: Vec<Value> = serde_json::from_slice(&found)?;
        ensure!(faults.is_empty(), "hls-parser: {faults:#?}");
        Ok(())
    }

    /// Checks that the log contains no secret and no panic.
    fn log_is_clean(&self) -> Result<()> {
        let log = self.server.log();
        for secret in self.api.secrets() {
            // some scenarios have thousands of lines and hundreds of secrets, and a search costs most at its beginning
            ensure!(
                !log.contains(&secret),
                "a secret in the log: {:?}",
                log.lines().find(|it| it.contains(&secret))
            );
        }
        let panic = log.lines().find(|it| it.contains("panicked at"));
        ensure!(panic.is_none(), "{panic:?}");
        Ok(())
    }
}

/// Runs a scenario on a new server, followed by the common checks.
pub async fn scenario(start: Start, play: impl AsyncFnOnce(&mut Stage) -> Result<()>) -> Result<()> {
    let mut stage = Stage::start(start).await?;
    let mut played = Box::pin(play(&mut stage)).await;
    if played.is_ok() {
        played = stage.log_is_clean();
    }
    if played.is_ok() {
        played = stage.playlists_are_strict().await;
    }
    if played.is_err() {
        let log = stage.server.log();
        // a waiting scenario polls, and its requests would fill these lines
        let lines = log
            .lines()
            .rev()
            .filter(|it| !it.contains("\"http.response.status_code\":200"));
        let tail: Vec<_> = lines.take(60).collect();
        let _ = writeln!(std::io::stderr(), "the server's last lines:");
        for line in tail.iter().rev() {
            let _ = writeln!(std::io::stderr(), "  {line}");
        }
    }
    played.context("the scenario")
}
