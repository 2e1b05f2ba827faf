use crate::accounts::{PASSWORD, sign_in};
use crate::server::{Server, moocflix, run};
use serde_json::Value;

#[tokio::test]
async fn everything_that_starts_on_sqlite_starts_on_postgresql() {
    let databases = testing::databases("probe", &[]).await.unwrap();
    let postgres = databases.iter().find(|database| database.db.is_postgres()).unwrap();
    let url = [("MOOCFLIX_DATABASE_URL", postgres.url.as_str())];
    let server = Server::start_with(&[], &url);
    let ready: Value = reqwest::get(server.url("/health/ready"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(ready["checks"]["database"], "ok");
    let mut command = moocflix();
    command.args([
        "user",
        "create",
        "--email",
        "a@example.org",
        "--name",
        "A",
        "--password-stdin",
    ]);
    let made = run(command.arg("--data-dir").arg(server.data_dir()).envs(url), PASSWORD);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    sign_in(&server, "a@example.org").await;
    let files = std::fs::read_dir(server.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let sqlite: Vec<_> = files.filter(|name| name.to_string_lossy().contains("sqlite")).collect();
    assert_eq!(sqlite, Vec::<std::ffi::OsString>::new());
}
