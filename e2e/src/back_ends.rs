//! The four servers of production for one scenario alone, which may kill, freeze or delay each of them.

use crate::kafka::KafkaServer;
use crate::postgres::PostgresServer;
use crate::process::{children, signal};
use crate::redis::RedisServer;
use crate::s3::S3Server;
use crate::server::Start;
use crate::slow_line::{SlowLine, Socket};
use crate::tools::output;
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::fmt;
use std::time::Duration;
use tokio::process::Command;

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackEnd {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// The server of S3.
    S3,
    /// Kafka.
    Kafka,
}

impl BackEnd {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Postgres, Self::Redis, Self::S3, Self::Kafka];
}

impl fmt::Display for BackEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::S3 => "S3",
            Self::Kafka => "Kafka",
        })
    }
}

/// The servers, each at the end of a line of its own; they are removed when dropped.
#[derive(Debug)]
pub struct BackEnds {
    /// PostgreSQL.
    pub postgres: PostgresServer,
    /// Redis.
    pub redis: RedisServer,
    /// The server of S3.
    pub s3: S3Server,
    /// Kafka.
    pub kafka: KafkaServer,
    lines: Option<Lines>,
}

/// The lines in the order of `BackEnd::ALL`, and the ports at which they begin.
#[derive(Debug)]
struct Lines {
    lines: Vec<SlowLine>,
    ports: Vec<u16>,
}

/// The port of a URL of this machine.
fn port(url: &str) -> Result<u16> {
    let (_, rest) = url.split_once("127.0.0.1:").with_context(|| url.to_owned())?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}

impl BackEnds {
    /// Starts all of them.
    pub async fn start() -> Result<Self> {
        let (postgres, redis, s3, kafka) = tokio::try_join!(
            PostgresServer::start(),
            RedisServer::start(),
            S3Server::start(),
            KafkaServer::start(None)
        )?;
        Ok(Self {
            postgres,
            redis,
            s3,
            kafka,
            lines: None,
        })
    }

    /// Starts all of them, each reached through a line that can be made slow.
    pub async fn on_slow_lines() -> Result<Self> {
        let mut sockets = Vec::new();
        for _ in BackEnd::ALL {
            sockets.push(Socket::listen().await?);
        }
        let ports: Vec<u16> = sockets.iter().map(Socket::port).collect::<Result<_>>()?;
        let (postgres, redis, s3, kafka) = tokio::try_join!(
            PostgresServer::start(),
            RedisServer::start(),
            S3Server::start(),
            KafkaServer::start(ports.last().copied())
        )?;
        let servers = [port(&postgres.url)?, port(&redis.url)?, port(&s3.url)?, kafka.port()?];
        let lines = sockets.into_iter().zip(servers);
        let lines = lines.map(|(socket, server)| SlowLine::to(server, socket)).collect();
        Ok(Self {
            postgres,
            redis,
            s3,
            kafka,
            lines: Some(Lines { lines, ports }),
        })
    }

    /// A URL through the line to its server, if there is one.
    fn through(&self, back_end: BackEnd, url: &str) -> Result<String> {
        let Some(lines) = &self.lines else {
            return Ok(url.to_owned());
        };
        let (at, begin) = (port(url)?, lines.ports[back_end as usize]);
        Ok(url.replacen(&format!("127.0.0.1:{at}"), &format!("127.0.0.1:{begin}"), 1))
    }

    /// The options of a MoocFlix on these servers.
    pub fn node(&self) -> Result<Start> {
        let mut start = self.s3.node();
        start.settings.retain(|(name, _)| name != "STORAGE_URL");
        let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        Ok(start
            .set("STORAGE_URL", self.through(BackEnd::S3, &self.s3.url)?)
            .set("DATABASE_URL", self.through(BackEnd::Postgres, &self.postgres.url)?)
            .set("CACHE_URL", self.through(BackEnd::Redis, &self.redis.url)?)
            .set("BUS_URL", self.through(BackEnd::Kafka, &self.kafka.url)?)
            .set("SECRET_KEY", secret))
    }

    fn send(&self, back_end: BackEnd, sent: Signal) -> Result<()> {
        let pid = match back_end {
            BackEnd::Postgres => self.postgres.pid(),
            BackEnd::Redis => self.redis.pid(),
            BackEnd::S3 => self.s3.pid(),
            BackEnd::Kafka => self.kafka.pid(),
        }?;
        ensure!(signal(pid, sent)?, "{back_end} does not run");
        // PostgreSQL has a process for each connection, which notices the death of the first one by itself
        if sent != Signal::KILL {
            for child in children(pid)? {
                // it may have ended meanwhile
                signal(child, sent)?;
            }
        }
        Ok(())
    }

    /// Kills one with `kill -9`.
    pub fn kill(&self, back_end: BackEnd) -> Result<()> {
        self.send(back_end, Signal::KILL)
    }

    /// Starts one again after a kill, and waits until it listens.
    pub async fn restart(&self, back_end: BackEnd) -> Result<()> {
        match back_end {
            BackEnd::Postgres => self.postgres.restart().await,
            BackEnd::Redis => self.redis.restart().await,
            BackEnd::S3 => self.s3.restart().await,
            BackEnd::Kafka => self.kafka.restart().await,
        }
    }

    /// Stops all processes of one, which keeps its connections open.
    pub fn freeze(&self, back_end: BackEnd) -> Result<()> {
        self.send(back_end, Signal::STOP)
    }

    /// Lets a frozen one go on.
    pub fn thaw(&self, back_end: BackEnd) -> Result<()> {
        self.send(back_end, Signal::CONT)
    }

    /// Delays all answers of one from now on.
    pub fn delay(&self, back_end: BackEnd, by: Duration) -> Result<()> {
        let lines = self.lines.as_ref().context("no line to the servers")?;
        lines.lines[back_end as usize].delay(by);
        Ok(())
    }

    /// What the database answers to a query, one line a row, without the line to it.
    pub async fn query(&self, sql: &str) -> Result<String> {
        let answer = output(
            Command::new("psql").args([self.postgres.url.as_str(), "-qXtAc", sql]),
            b"",
        )
        .await?;
        Ok(String::from_utf8(answer)?.trim().to_owned())
    }
}
