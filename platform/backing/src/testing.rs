//! For tests of repositories: a fresh database on each engine, gone again when dropped.

use crate::db::{Db, Migration};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// Names the environment variable with a superuser's URL of a throw-away PostgreSQL.
pub const POSTGRES: &str = "MOOCFLIX_TEST_POSTGRES";

/// A fresh database.
#[derive(Debug)]
pub struct TestDatabase {
    /// The engine: `sqlite` or `postgres`.
    pub name: &'static str,
    /// What [`Db::open`] opens it again with.
    pub url: String,
    /// The service's schema in it, migrated.
    pub db: Db,
    _place: Place,
}

/// A fresh database on each engine: SQLite first, then PostgreSQL.
///
/// Errors: says so when no PostgreSQL is given; a test fails then, it is never skipped
pub async fn databases(service: &'static str, migrations: &'static [Migration]) -> Result<Vec<TestDatabase>, String> {
    let mut fresh = Vec::new();
    for place in [Place::folder()?, Place::database().await?] {
        let (name, url) = place.told();
        let db = Db::open(&url, service, migrations)
            .await
            .map_err(|error| format!("{name}: {error}"))?;
        fresh.push(TestDatabase {
            name,
            url,
            db,
            _place: place,
        });
    }
    Ok(fresh)
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Database {
        server: Box<PgConnectOptions>,
        url: String,
        name: String,
    },
}

impl Place {
    fn folder() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("moocflix-test-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self::Folder(folder))
    }

    async fn database() -> Result<Self, String> {
        let server = std::env::var_os(POSTGRES).and_then(|url| url.into_string().ok());
        let server = server.ok_or_else(|| {
            format!("{POSTGRES} is not set: give it a throw-away server's URL (platform/backing/tests/postgres.sh start DIR prints one)")
        })?;
        let mut url = url::Url::parse(&server).map_err(|error| format!("{POSTGRES}: {error}"))?;
        let server: PgConnectOptions = server.parse().map_err(|error| format!("{POSTGRES}: {error}"))?;
        let name = format!("test_{}", Uuid::now_v7().simple());
        run(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
        url.set_path(&name);
        Ok(Self::Database {
            server: Box::new(server),
            url: url.into(),
            name,
        })
    }

    fn told(&self) -> (&'static str, String) {
        match self {
            Self::Folder(folder) => ("sqlite", format!("sqlite://{}", Path::display(folder))),
            Self::Database { url, .. } => ("postgres", url.clone()),
        }
    }
}

async fn run(server: &PgConnectOptions, sql: String) -> Result<(), String> {
    let told = |error: sqlx::Error| format!("{POSTGRES}: {error}");
    let mut connection = server.connect().await.map_err(told)?;
    connection.execute(AssertSqlSafe(sql)).await.map_err(told)?;
    Ok(())
}

impl Drop for Place {
    /// Leaves nothing behind; what can't be removed is no reason to fail a test.
    fn drop(&mut self) {
        match self {
            Self::Folder(folder) => {
                // SQLite's threads may still be closing, and make or remove a file meanwhile
                for _ in 0..50 {
                    if std::fs::remove_dir_all(&*folder).is_ok() || !folder.exists() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Self::Database { server, name, .. } => {
                let (server, sql) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
                // a runtime of its own: the test's may be single-threaded and waits right here
                let dropping = std::thread::spawn(move || {
                    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                        let _ = runtime.block_on(run(&server, sql));
                    }
                });
                let _ = dropping.join();
            }
        }
    }
}
