//! The same installation in three forms: all in one process on embedded back ends, all in one on production's, and each role
//! in a process of its own.

use crate::api::{Account, Api};
use crate::front::{Front, Roles};
use crate::s3::S3Server;
use crate::server::{Server, Start};
use crate::tools::output;
use anyhow::{Context, Result};
use std::net::{SocketAddr, TcpListener};
use tokio::process::Command;

/// How the roles run, and on what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One process and nothing beside it.
    Embedded,
    /// One process on PostgreSQL, Redis, Kafka and S3.
    ProductionInOne,
    /// Five processes on them, behind a proxy.
    ProductionSplit,
}

/// An installation; its processes end when it is dropped.
#[derive(Debug)]
pub struct Installation {
    /// A client of its one origin.
    pub api: Api,
    /// Its processes, that of `users` first.
    pub servers: Vec<Server>,
    _front: Option<Front>,
    _s3: Option<S3Server>,
    folder: tempfile::TempDir,
    /// What the roles have in common if they run apart.
    shared: Option<Start>,
    accounts: u32,
}

/// A server that a variable names.
fn server(name: &str, how: &str) -> Result<String> {
    let url = std::env::var_os(name).and_then(|url| url.into_string().ok());
    url.filter(|url| !url.is_empty())
        .with_context(|| format!("{name} is not set: {how} start DIR prints a URL for it"))
}

/// A new database on the server that `MOOCFLIX_TEST_POSTGRES` names; the server is removed after the tests.
async fn database() -> Result<String> {
    let server = server("MOOCFLIX_TEST_POSTGRES", "platform/backing/tests/postgres.sh")?;
    let name = format!("scenario_{}", uuid::Uuid::now_v7().simple());
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    output(Command::new("psql").args([&server, "-qc", &create]), b"").await?;
    let (base, _) = server.rsplit_once('/').context("the URL has no database")?;
    Ok(format!("{base}/{name}"))
}

/// The back ends of production, with names of their own on the tests' servers.
async fn production(s3: &S3Server) -> Result<Start> {
    let kafka = server("MOOCFLIX_TEST_KAFKA", "e2e/servers/kafka.sh")?;
    let mark = if kafka.contains('?') { '&' } else { '?' };
    let prefix = uuid::Uuid::now_v7().simple();
    Ok(s3
        .node()
        .set("DATABASE_URL", database().await?)
        .set(
            "CACHE_URL",
            server("MOOCFLIX_TEST_REDIS", "platform/adapters/tests/redis.sh")?,
        )
        .set("BUS_URL", format!("{kafka}{mark}prefix={prefix}."))
        .set(
            "SECRET_KEY",
            format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()),
        ))
}

/// Addresses where nobody listens.
fn free(count: usize) -> Result<Vec<SocketAddr>> {
    // all are held until the last is found, or one could be found twice
    let held: std::io::Result<Vec<_>> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    Ok(held?
        .iter()
        .map(TcpListener::local_addr)
        .collect::<std::io::Result<_>>()?)
}

impl Installation {
    /// Starts one with more settings, by their names without `MOOCFLIX_`.
    pub async fn start(topology: Topology, settings: &[(&str, &str)]) -> Result<Self> {
        if topology == Topology::Embedded {
            let folder = tempfile::tempdir()?;
            let all = folder.path().join("all");
            let server = Server::start(with(Start::default(), settings).on(&all)).await?;
            return Self::of(vec![server], folder, (None, None, None));
        }
        let s3 = S3Server::start().await?;
        let start = production(&s3).await?;
        if topology == Topology::ProductionSplit {
            return Self::split(start, settings, Some(s3)).await;
        }
        Self::together(start, settings, Some(s3)).await
    }

    /// Starts two processes with all roles on the back ends of production: the installation's own one, and another node. Each
    /// has an address of its own for live lectures.
    pub async fn nodes(settings: &[(&str, &str)]) -> Result<(Self, Server)> {
        let folder = tempfile::tempdir()?;
        let s3 = S3Server::start().await?;
        let start = with(production(&s3).await?, settings);
        Server::command_of(&start, &folder.path().join("all"), &["migrate"]).await?;
        let mut nodes = Vec::new();
        for address in free(2)? {
            let start = start.clone().on(&folder.path().join(address.port().to_string()));
            let start = start.set("LIVE__BASE_URL", format!("http://{address}"));
            nodes.push(Server::start(start.listening(address.to_string())).await?);
        }
        let other = nodes.pop().context("two nodes")?;
        Ok((Self::of(nodes, folder, (None, Some(s3), None))?, other))
    }

    /// Starts one whose roles run apart, on the back ends of these options.
    pub async fn apart(start: Start, settings: &[(&str, &str)]) -> Result<Self> {
        Self::split(start, settings, None).await
    }

    /// Starts one with all roles in one process, on the back ends of these options.
    pub async fn in_one(start: Start, settings: &[(&str, &str)]) -> Result<Self> {
        Self::together(start, settings, None).await
    }

    async fn together(start: Start, settings: &[(&str, &str)], s3: Option<S3Server>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let all = folder.path().join("all");
        let start = with(start, settings);
        Server::command_of(&start, &all, &["migrate"]).await?;
        let server = Server::start(start.on(&all)).await?;
        Self::of(vec![server], folder, (None, s3, None))
    }

    async fn split(start: Start, settings: &[(&str, &str)], s3: Option<S3Server>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let start = with(start, settings);
        Server::command_of(&start, &folder.path().join("all"), &["migrate"]).await?;
        let (servers, front, shared) = split(&start, &folder).await?;
        Self::of(servers, folder, (Some(front), s3, Some(shared)))
    }

    fn of(
        servers: Vec<Server>,
        folder: tempfile::TempDir,
        (front, s3, shared): (Option<Front>, Option<S3Server>, Option<Start>),
    ) -> Result<Self> {
        let first = servers.first().context("no process")?.url();
        let origin = front.as_ref().map_or(first, |front| front.url.clone());
        Ok(Self {
            api: Api::new(&origin)?,
            servers,
            _front: front,
            _s3: s3,
            folder,
            shared,
            accounts: 0,
        })
    }

    /// Starts another process of a role, on another port and with a data folder of its own.
    pub async fn another(&self, role: &str) -> Result<Server> {
        let shared = self.shared.clone().context("the roles run in one process")?;
        let folder = format!("{role}-{}", uuid::Uuid::new_v4().simple());
        let start = shared.on(&self.folder.path().join(folder));
        Server::start(start.roles(role)).await
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
        let users = self.servers.first().context("no process")?;
        users.moocflix(&words, &format!("{password}\n")).await?;
        self.api.login(&email, &password).await
    }

    /// What the database answers to a query, one line a row, if the roles run apart.
    pub async fn query(&self, sql: &str) -> Result<String> {
        let shared = self.shared.as_ref().context("the roles run in one process")?;
        let url = shared.settings.iter().find(|(name, _)| name == "DATABASE_URL");
        let (_, url) = url.context("a database")?;
        let answer = output(Command::new("psql").args([url.as_str(), "-qXtAc", sql]), b"").await?;
        Ok(String::from_utf8(answer)?.trim().to_owned())
    }

    /// The address of the process with a role.
    pub fn address(&self, role: &str) -> Result<String> {
        let index = ROLES.iter().position(|it| *it == role).context("no such role")?;
        let server = if self.shared.is_some() {
            self.servers.get(index)
        } else {
            self.servers.first()
        };
        Ok(server.context("no process")?.url())
    }

    /// The process with a role, if the roles run apart.
    pub fn role(&mut self, role: &str) -> Result<&mut Server> {
        let index = ROLES.iter().position(|it| *it == role).context("no such role")?;
        self.servers.get_mut(index).context("the roles run in one process")
    }

    /// What all processes have logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.servers.iter().map(Server::log).collect()
    }
}

/// The roles in the order of their processes.
const ROLES: [&str; 5] = ["users", "courses", "content", "transcode", "web"];

fn with(start: Start, settings: &[(&str, &str)]) -> Start {
    let set = |start: Start, (name, value): &(&str, &str)| start.set(name, *value);
    settings.iter().fold(start, set)
}

/// Starts each role; also returns the proxy before them, and their common options.
async fn split(start: &Start, folder: &tempfile::TempDir) -> Result<(Vec<Server>, Front, Start)> {
    let addresses = free(ROLES.len() + 1)?;
    let url = |index: usize| format!("http://{}", addresses[index]);
    let roles = Roles {
        users: url(0),
        courses: url(1),
        content: url(2),
        live: None,
        web: url(4),
    };
    let listener = tokio::net::TcpListener::bind(addresses[ROLES.len()]).await?;
    let front = Front::start(listener, roles.clone())?;
    let start = start
        .clone()
        .set("PUBLIC_URL", &front.url)
        .set("TRUSTED_PROXIES", "127.0.0.1")
        .set("USERS__BASE_URL", &roles.users)
        .set("COURSES__BASE_URL", &roles.courses)
        .set("CONTENT__BASE_URL", &roles.content);
    let mut servers = Vec::new();
    for (role, address) in ROLES.iter().zip(&addresses) {
        let start = start
            .clone()
            .on(&folder.path().join(role))
            .listening(address.to_string());
        servers.push(Server::start(start.roles(role)).await?);
    }
    Ok((servers, front, start))
}
