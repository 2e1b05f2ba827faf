//! For tests of repositories: a new database on each engine, removed when dropped.

use crate::sure;
use backing::db::{Db, Migration, Sql, Value};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// The environment variable that holds a superuser's URL of a throw-away PostgreSQL.
pub const POSTGRES: &str = "MOOCFLIX_TEST_POSTGRES";

/// A new database with a service's schema.
#[derive(Debug)]
pub struct TestDatabase {
    /// The engine: `sqlite` or `postgres`.
    pub name: &'static str,
    /// The URL for [`Db::open`].
    pub url: String,
    /// The service's schema in it, migrated.
    pub db: Db,
    _place: Place,
}

impl TestDatabase {
    /// The plan of a statement, as its engine explains it. PostgreSQL scans and sorts small tables even where it has an
    /// index, so that is switched off here.
    pub async fn plan(&self, sql: impl Into<Sql>, values: Vec<Value>) -> String {
        let (sqlite, postgres) = sql.into().texts();
        let mut tx = sure(self.db.write().await);
        let lines: Vec<String> = if self.db.is_postgres() {
            for off in [
                "SET LOCAL enable_seqscan = off",
                "SET LOCAL enable_bitmapscan = off",
                "SET LOCAL enable_sort = off",
            ] {
                sure(tx.run(off, Vec::new()).await);
            }
            let explained: &'static str = format!("EXPLAIN {postgres}").leak();
            let lines = sure(tx.all::<(String,)>(explained, values).await);
            lines.into_iter().map(|(line,)| line).collect()
        } else {
            let explained: &'static str = format!("EXPLAIN QUERY PLAN {sqlite}").leak();
            let lines = sure(tx.all::<(i64, i64, i64, String)>(explained, values).await);
            lines.into_iter().map(|(_, _, _, line)| line).collect()
        };
        lines.join("\n")
    }

    /// Fails if the statement of a list's page reads a whole table, sorts, or begins before its bound (a condition such as
    /// `id < $1`): all of these make pages slower with the size of the table. Returns the plan.
    pub async fn pages_by_index(&self, what: &str, sql: impl Into<Sql>, values: Vec<Value>) -> String {
        let plan = self.plan(sql, values).await;
        let bounded = |line: &str| {
            let begins = line.contains("SEARCH ") || line.contains("Index Cond: ");
            begins && (line.contains("<?") || line.contains(">?") || line.contains(" < ") || line.contains(" > "))
        };
        let sorts = plan.contains("TEMP B-TREE") || plan.contains("Sort") || plan.contains("Seq Scan");
        assert!(plan.lines().any(bounded) && !sorts, "{} of {what}: {plan}", self.name);
        plan
    }

    /// Fails if a statement reads a whole table; `what` names it.
    pub async fn reads_by_index(&self, what: &str, sql: impl Into<Sql>, values: Vec<Value>) {
        let plan = self.plan(sql, values).await;
        let scans = |line: &&str| line.contains("Seq Scan") || line.contains("SCAN ") && !line.contains("json_each");
        let scan = plan.lines().find(scans);
        assert_eq!(scan, None, "{} of {what}: {plan}", self.name);
    }
}

/// A new database on each engine: SQLite first, then PostgreSQL.
///
/// Errors: a missing server, or one that refuses; a test without PostgreSQL fails, it is never skipped
pub async fn databases(service: &'static str, migrations: &'static [Migration]) -> Result<Vec<TestDatabase>, String> {
    let mut fresh = Vec::new();
    for place in places().await? {
        let (name, url) = (place.name, place.url.clone());
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

/// A place for a private database.
#[derive(Debug)]
pub struct Place {
    /// The engine: `sqlite` or `postgres`.
    pub name: &'static str,
    /// The URL for [`Db::open`].
    pub url: String,
    _remains: Remains,
}

/// The resources to remove at the end.
#[derive(Debug)]
enum Remains {
    Folder(PathBuf),
    Database {
        server: Box<PgConnectOptions>,
        name: String,
    },
}

/// A place on each engine: SQLite first, then PostgreSQL.
///
/// Errors: a missing server, or one that refuses
pub async fn places() -> Result<[Place; 2], String> {
    Ok([folder()?, database().await?])
}

fn folder() -> Result<Place, String> {
    let folder = std::env::temp_dir().join(format!("moocflix-test-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(Place {
        name: "sqlite",
        url: format!("sqlite://{}", folder.display()),
        _remains: Remains::Folder(folder),
    })
}

async fn database() -> Result<Place, String> {
    let server = std::env::var_os(POSTGRES).and_then(|url| url.into_string().ok());
    let server = server.ok_or_else(|| {
        format!("{POSTGRES} is not set: give it a throw-away server's URL (platform/backing/tests/postgres.sh start DIR prints one)")
    })?;
    let mut url = url::Url::parse(&server).map_err(|error| format!("{POSTGRES}: {error}"))?;
    let server: PgConnectOptions = server.parse().map_err(|error| format!("{POSTGRES}: {error}"))?;
    let name = format!("test_{}", Uuid::now_v7().simple());
    run(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
    url.set_path(&name);
    let server = Box::new(server);
    Ok(Place {
        name: "postgres",
        url: url.into(),
        _remains: Remains::Database { server, name },
    })
}

async fn run(server: &PgConnectOptions, sql: String) -> Result<(), String> {
    let named = |error: sqlx::Error| format!("{POSTGRES}: {error}");
    let mut connection = server.connect().await.map_err(named)?;
    connection.execute(AssertSqlSafe(sql)).await.map_err(named)?;
    Ok(())
}

impl Drop for Remains {
    /// Removes the database; one that can't be removed is no reason to fail a test.
    fn drop(&mut self) {
        match self {
            Self::Folder(folder) => {
                // SQLite's threads may still be closing, and create or remove a file meanwhile
                for _ in 0..50 {
                    if std::fs::remove_dir_all(&*folder).is_ok() || !folder.exists() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Self::Database { server, name } => {
                let (server, sql) = (server.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
                // on a separate runtime: the test's may have one thread, which waits here
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
