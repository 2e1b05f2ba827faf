//! A PostgreSQL server that is killed, and one that speaks TLS.

use super::{MIGRATIONS, insert, lecture};
use backing::Db;
use backing::args;
use backing::db::DbError;
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Three times the promise of five seconds.
const BACK: Duration = Duration::from_secs(15);

/// A server of one test; it is removed when dropped.
struct Server {
    folder: TempDir,
    options: &'static [&'static str],
    /// Its URL, the same after a restart.
    url: String,
}

impl Server {
    fn start(options: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = script("start", &folder, options);
        Self { folder, options, url }
    }

    fn kill(&self) {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let pid = file.lines().next().unwrap().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }

    fn restart(&self) {
        assert_eq!(script("start", &self.folder, self.options), self.url);
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        script("stop", &self.folder, &[]);
    }
}

/// Runs the script and returns its last line. Its output goes to a file, because the server may keep a pipe open.
fn script(command: &str, folder: &TempDir, options: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres.sh");
    let output = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new(script)
        .arg(command)
        .arg(folder.path())
        .args(options)
        .stdout(output.reopen().unwrap())
        .status()
        .unwrap();
    let text = std::fs::read_to_string(output.path()).unwrap();
    assert!(status.success(), "{text}");
    text.lines().last().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_killed_server_is_reported_at_once_and_used_again_when_it_is_back() {
    let server = Server::start(&[]);
    let db = Db::open(&server.url, "lectures", MIGRATIONS).await.unwrap();
    insert(&db, &lecture("before")).await.unwrap();
    let mut under_way = db.write().await.unwrap();
    let held = under_way.run("UPDATE lectures SET seconds = 1", args![]).await.unwrap();
    assert_eq!(held, 1);
    server.kill();
    let killed = Instant::now();
    // its processes end one by one
    while under_way.run("SELECT 1", args![]).await.is_ok() {
        assert!(killed.elapsed() < BACK, "a process of the server goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let broken = under_way.commit().await;
    assert!(matches!(broken, Err(DbError::Unavailable(_))), "{broken:?}");
    for _ in 0..3 {
        let begun = Instant::now();
        let refused = insert(&db, &lecture("meanwhile")).await;
        assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    }
    server.restart();
    let back = Instant::now();
    while let Err(error) = insert(&db, &lecture("after")).await {
        assert!(matches!(error, DbError::Unavailable(_)), "{error}");
        assert!(back.elapsed() < BACK, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let slugs: Vec<(String, Option<i64>)> = db
        .read()
        .all("SELECT slug, seconds FROM lectures ORDER BY slug DESC", args![])
        .await
        .unwrap();
    let kept = [("before", Some(3_600)), ("after", Some(3_600))];
    assert_eq!(slugs, kept.map(|(slug, seconds)| (slug.to_owned(), seconds)));
    db.close().await;
}

#[tokio::test]
async fn a_server_is_reached_with_tls_by_its_authority_alone() {
    let server = Server::start(&["tls"]);
    let db = Db::open(&server.url, "lectures", MIGRATIONS).await.unwrap();
    let encrypted = "SELECT CASE WHEN ssl THEN 1 ELSE 0 END FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(db.read().one(encrypted, args![]).await.unwrap(), Some((1_i64,)));
    db.close().await;
    let (plain, _) = server.url.split_once('?').unwrap();
    let authority = server.authority();
    let other = tempfile::tempdir().unwrap();
    let foreign = other.path().join("foreign.crt");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args([
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=Another authority",
            "-keyout",
            "/dev/null",
            "-out",
        ])
        .arg(&foreign)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let elsewhere = plain.replace("127.0.0.1", "localhost");
    for refused in [
        format!("{plain}?sslmode=verify-full&sslrootcert={}", foreign.display()),
        format!("{plain}?sslmode=verify-full"),
        // the certificate has another name
        format!("{elsewhere}?sslmode=verify-full&sslrootcert={}", authority.display()),
    ] {
        let opened = Db::open(&refused, "lectures", MIGRATIONS).await;
        let Err(DbError::Unavailable(why)) = opened else {
            panic!("{refused}: {opened:?}");
        };
        assert!(why.contains("certificate"), "{refused}: {why}");
    }
}
