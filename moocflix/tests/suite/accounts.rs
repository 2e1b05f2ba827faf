use crate::server::{Server, moocflix, run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) fn create(data: &Path, email: &str, role: &str, password: &str) -> Output {
    let mut command = moocflix();
    command.args([
        "user",
        "create",
        "--email",
        email,
        "--name",
        "Some One",
        "--role",
        role,
        "--password-stdin",
    ]);
    run(command.arg("--data-dir").arg(data), &format!("{password}\n"))
}

pub(crate) async fn sign_in(server: &Server, email: &str) -> String {
    let body = json!({"email": email, "password": PASSWORD});
    let request = reqwest::Client::new()
        .post(server.url("/api/v1/users/login"))
        .json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

async fn roles(server: &Server, token: &str) -> (u16, Value) {
    let request = reqwest::Client::new()
        .get(server.url("/api/v1/users/profile"))
        .bearer_auth(token);
    let answer = request.send().await.unwrap();
    (
        answer.status().as_u16(),
        answer.json::<Value>().await.unwrap()["roles"].clone(),
    )
}

#[tokio::test]
async fn accounts_are_created_and_changed_while_the_server_runs() {
    let server = Server::start();
    let data = server.data_dir();
    let made = create(&data, "teacher@example.org", "instructor", PASSWORD);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let token = sign_in(&server, "teacher@example.org").await;
    assert_eq!(roles(&server, &token).await, (200, json!(["instructor"])));
    let mut command = moocflix();
    command
        .args([
            "user",
            "role",
            "--email",
            "Teacher@example.org",
            "--role",
            "admin",
            "--data-dir",
        ])
        .arg(&data);
    let changed = run(&mut command, "");
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    // The server learns of it from the database, within seconds.
    for _ in 0..1_000 {
        if roles(&server, &token).await.0 == 401 {
            let token = sign_in(&server, "teacher@example.org").await;
            assert_eq!(roles(&server, &token).await, (200, json!(["admin"])));
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the old role's token still works");
}

#[test]
fn accounts_that_cannot_exist_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        create(folder.path(), "a@example.org", "admin", PASSWORD)
            .status
            .success()
    );
    for (email, role, password, words) in [
        ("a@example.org", "learner", PASSWORD, "exists"),
        ("b@example.org", "learner", "short", "12"),
        ("b@example.org", "owner", PASSWORD, "unknown role"),
        ("nobody", "learner", PASSWORD, "email"),
        ("b@example.org", "learner", "", "password"),
    ] {
        let output = create(folder.path(), email, role, password);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.to_lowercase().contains(words),
            "{email} {role}: {error}"
        );
        assert!(!error.contains(PASSWORD), "{error}");
    }
    let mut command = moocflix();
    command
        .args([
            "user",
            "role",
            "--email",
            "x@example.org",
            "--role",
            "admin",
            "--data-dir",
        ])
        .arg(folder.path());
    assert!(!run(&mut command, "").status.success());
}

#[tokio::test]
async fn a_token_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    assert!(create(&data, "a@example.org", "learner", PASSWORD).status.success());
    let mut server = Server::start_in(folder.path(), &[]);
    let token = sign_in(&server, "a@example.org").await;
    server.signal(rustix::process::Signal::KILL);
    server.ended(std::time::Duration::from_secs(10));
    let server = Server::start_in(folder.path(), &[]);
    assert_eq!(roles(&server, &token).await.0, 200);
}
