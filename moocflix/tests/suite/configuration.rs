use crate::server::{Server, moocflix, run};
use std::process::Output;

fn check(file: &str, variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moocflix.toml");
    std::fs::write(&path, file).unwrap();
    let mut command = moocflix();
    command
        .args(["config", "check", "--config"])
        .arg(&path)
        .envs(variables.iter().copied());
    run(&mut command, "")
}

#[test]
fn the_check_shows_what_is_set_and_no_secret() {
    let key = "0123456789abcdef0123456789abcdef";
    let output = check(
        "listen = \"127.0.0.1:9\"\ndatabase_url = \"postgres://u:pa55w0rd@h/d\"\n[users]\naccess_token_seconds = 60",
        &[
            ("MOOCFLIX_SECRET_KEY", key),
            ("MOOCFLIX_CONTENT__UPLOAD__MAX_BYTES", "2000000"),
            ("MOOCFLIX_LISTNE", "x"),
        ],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "listen = \"127.0.0.1:9\"",
        "users.access_token_seconds = 60",
        "content.upload.max_bytes = 2000000",
        "secret_key = \"(hidden)\"",
        "database_url = \"postgres://u:hidden@h/d\"",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} in {text}");
    }
    assert!(!text.contains(key) && !text.contains("pa55w0rd"));
    assert!(
        text.contains("# warning: the environment variable MOOCFLIX_LISTNE"),
        "{text}"
    );
}

#[test]
fn a_wrong_setting_is_refused_and_named() {
    let cases = [
        ("listne = \"x\"", "`listne`"),
        ("[content.upload]\nmax_byte = 5", "`content.upload.max_byte`"),
        ("listen = 8080", "`listen` must be a text"),
        ("[server]\nheader_timeout = 0", "server.header_timeout"),
        ("[server]\ndrain_timeout = 60", "server.drain_timeout"),
        ("[tasks]\nlease_seconds = 0", "tasks.lease_seconds"),
        ("[users]\naccess_token_seconds = 4", "users.access_token_seconds"),
        ("[users]\nsignup_role = \"admin\"", "signup_role"),
        ("[courses]\nowned_courses = 0", "courses.owned_courses"),
        ("[content.upload]\nexpires_days = 0", "content.upload.expires_days"),
        ("secret_key = \"short\"", "secret_key"),
        ("trusted_proxies = [\"nowhere\"]", "`nowhere`"),
        ("log_format = \"yaml\"", "`log_format`"),
        (
            "bus_url = \"amqp://k:5672\"",
            "bus_url: this build supports embedded:, kafka:, kafkas: but not `amqp:`",
        ),
        (
            "bus_url = \"kafka://k\"",
            "bus_url: must be kafka://[USER:PASSWORD@]HOST:PORT,HOST:PORT",
        ),
        (
            "cache_url = \"memcached://m\"",
            "cache_url: this build supports memory:, redis:, rediss: but not `memcached:`",
        ),
        (
            "cache_url = \"redis://r/database\"",
            "cache_url: must be redis://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        (
            "storage_url = \"gs://bucket\"",
            "storage_url: this build supports file:, s3: but not `gs:`",
        ),
        (
            "storage_url = \"s3://bucket/folder\"",
            "storage_url: must be s3://BUCKET",
        ),
        (
            "storage_url = \"s3://bucket\"\n[content.upload]\nmax_bytes = 200000000000",
            "content.upload.max_bytes: must be at most 134217728000",
        ),
        (
            "database_url = \"mysql://h/d\"",
            "database_url: this build supports sqlite:, postgres:, postgresql:",
        ),
        ("public_url = \"moocflix.example\"", "public_url"),
    ];
    for (file, words) in cases {
        let output = check(file, &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{file}");
        assert!(error.contains(words), "{file}: {error}");
    }
}

#[test]
fn all_that_is_wrong_is_reported_at_once_each_in_a_line_of_its_own() {
    let file = "listne = \"x\"\nlog_format = \"yaml\"\ntrusted_proxies = [\"nowhere\", \"elsewhere\"]\nsecret_key = \"short\"\n\
                [server]\nheader_timeout = 0\nconnections = 0\n[users]\naccess_token_seconds = 4\nsession_days = 0\n\
                [content.upload]\nexpires_days = 0\n[content.transcode]\nslots = 1000";
    let output = check(file, &[("MOOCFLIX_TASKS__LEASE_SECONDS", "soon")]);
    let error = String::from_utf8(output.stderr).unwrap();
    let words = [
        "`listne`",
        "MOOCFLIX_TASKS__LEASE_SECONDS",
        "`log_format`",
        "`nowhere`",
        "`elsewhere`",
        "secret_key: must have",
        "server.header_timeout",
        "server.connections",
        "users.access_token_seconds",
        "users.session_days",
        "content.upload.expires_days",
        "content.transcode.slots",
    ];
    for word in words {
        let lines = error.lines().filter(|line| line.contains(word)).count();
        assert_eq!(lines, 1, "{word} in {error}");
    }
    assert_eq!(error.lines().count(), 1 + words.len(), "{error}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_split_that_the_embedded_bus_cannot_carry_is_refused() {
    for roles in ["users", "content", "content,transcode", "web", "live"] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = moocflix();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--roles", roles, "--data-dir"])
            .arg(folder.path());
        let output = run(&mut command, "");
        assert_eq!(output.status.code(), Some(1), "{roles}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("--roles"), "{roles}");
    }
}

#[test]
fn a_role_apart_names_all_that_it_lacks() {
    let shared = [
        "database_url: must be postgres:",
        "secret_key: must be set",
        "public_url: must be set",
    ];
    let cases: [(&str, &[&str]); 7] = [
        ("users", &[]),
        ("courses", &["users.base_url", "content.base_url"]),
        ("content", &["users.base_url", "courses.base_url", "storage_url"]),
        ("live", &["users.base_url", "content.base_url", "storage_url"]),
        ("users,content,transcode", &["courses.base_url"]),
        // Whoever encodes what these store is elsewhere.
        ("users,courses,content,web", &["storage_url"]),
        ("transcode", &["storage_url"]),
    ];
    for (roles, lacks) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut command = moocflix();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--roles", roles, "--data-dir"])
            .arg(folder.path())
            .env("MOOCFLIX_BUS_URL", "kafka://127.0.0.1:9")
            .env("MOOCFLIX_CONTENT__UPLOAD__EXPIRES_DAYS", "0");
        let output = run(&mut command, "");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{roles}: {error}");
        // The workers neither ask nor are asked.
        let shared = if roles == "transcode" {
            &shared[..1]
        } else {
            &shared[..]
        };
        for word in shared.iter().chain(lacks).chain(&["content.upload.expires_days"]) {
            let lines = error.lines().filter(|line| line.contains(word)).count();
            assert_eq!(lines, 1, "{roles}: {word} in {error}");
        }
        assert!(
            lacks.contains(&"storage_url") || !error.contains("storage_url"),
            "{error}"
        );
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing was written"
        );
    }
}

#[test]
fn a_base_url_is_an_origin() {
    for url in [
        "users.internal:8080",
        "http://users.internal/api",
        "ftp://users.internal",
        "http://u:p@users.internal",
    ] {
        let output = check("", &[("MOOCFLIX_USERS__BASE_URL", url)]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("users.base_url = "), "{url}: {error}");
    }
    let good = check("", &[("MOOCFLIX_CONTENT__BASE_URL", "http://content.internal:8080")]);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
}

#[tokio::test]
async fn a_server_without_the_web_role_serves_no_page() {
    let server = Server::start_with(&["--roles", "users,courses,content"], &[]);
    assert_eq!(reqwest::get(server.url("/")).await.unwrap().status(), 404);
    assert_eq!(
        reqwest::get(server.url("/api/v1/users/profile"))
            .await
            .unwrap()
            .status(),
        401
    );
}
