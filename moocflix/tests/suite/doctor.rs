use crate::server::{Server, moocflix, run};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

fn doctor(listen: &str, data: &Path) -> Command {
    let mut command = moocflix();
    command.args(["doctor", "--listen", listen, "--data-dir"]).arg(data);
    command
}

/// The exit code and the standard output.
fn result(mut command: Command) -> (Option<i32>, String) {
    let output = run(&mut command, "");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &error)
}

/// Every file below a folder with its content and its time.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let facts = std::fs::metadata(&path).unwrap();
        let content = if facts.is_dir() {
            files.extend(snapshot(&path));
            Vec::new()
        } else {
            std::fs::read(&path).unwrap()
        };
        files.insert(path, (content, facts.modified().unwrap()));
    }
    files
}

#[test]
fn the_doctor_reports_problems_and_suggests_how_to_fix_them() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = result(doctor("127.0.0.1:0", folder.path()));
    assert_eq!(code, Some(0), "{text}");
    for thing in [
        "ffmpeg",
        "cage",
        "encoders",
        "data directory",
        "secret key",
        "database",
        "address",
        "clock",
    ] {
        let good = |line: &str| line.starts_with("ok") && line.contains(thing);
        assert!(text.lines().any(good), "{thing} in {text}");
    }
    let mut command = doctor("127.0.0.1:0", folder.path());
    command.env("PATH", "/nowhere");
    command.env("MOOCFLIX_DATABASE_URL", "postgres://u:p@127.0.0.1:1/d");
    let (code, text) = result(command);
    assert_eq!(code, Some(1));
    for thing in [
        "ffmpeg is not on the PATH",
        "apt-get install ffmpeg",
        "missing  database",
    ] {
        assert!(text.contains(thing), "{thing} in {text}");
    }
    assert!(text.contains("3 problems "), "{text}");
    let mut command = doctor("127.0.0.1:0", folder.path());
    command.arg("--json").env("PATH", "/nowhere");
    let (_, text) = result(command);
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(found.as_array().unwrap().iter().any(|one| one["check"] == "ffprobe"
        && one["state"] == "missing"
        && one["remedy"] == "apt-get install ffmpeg"));
}

/// A server that all tests share.
fn shared(name: &str) -> String {
    let url = std::env::var_os(name).and_then(|url| url.into_string().ok());
    url.unwrap_or_else(|| panic!("{name} is not set: CONTRIBUTING.md says which script prints it"))
}

#[test]
fn the_doctor_asks_the_servers_that_the_configuration_names() {
    let folder = tempfile::tempdir().unwrap();
    let bus = format!("{}?prefix={}.", shared("MOOCFLIX_TEST_KAFKA"), uuid::Uuid::now_v7());
    let ask = |secret: &str| {
        let mut command = doctor("127.0.0.1:0", folder.path());
        command.env("AWS_ACCESS_KEY_ID", "moocflix-test");
        command.env("AWS_SECRET_ACCESS_KEY", secret);
        command.env("MOOCFLIX_STORAGE_URL", shared("MOOCFLIX_TEST_S3"));
        command.env("MOOCFLIX_CACHE_URL", shared("MOOCFLIX_TEST_REDIS"));
        command.env("MOOCFLIX_BUS_URL", &bus);
        command.env("MOOCFLIX_USERS__PROVIDERS__SCHOOL__ISSUER", "http://127.0.0.1:1");
        command.env("MOOCFLIX_USERS__PROVIDERS__SCHOOL__AUDIENCE", "moocflix");
        result(command)
    };
    let begins = |text: &str, begin: &str| text.lines().any(|line| line.starts_with(begin));
    let (code, text) = ask("moocflix-test-secret");
    assert_eq!(code, Some(1), "{text}");
    for begin in [
        "ok       storage        the bucket answers",
        "ok       cache          the server answers",
        "missing  bus            the broker has no topics",
        "warning  provider       school: ",
    ] {
        assert!(begins(&text, begin), "{begin} in {text}");
    }
    assert!(text.contains("run `moocflix migrate`"), "{text}");
    let (_, text) = ask("another secret");
    assert!(begins(&text, "missing  storage"), "{text}");
    assert!(!text.contains("another secret"), "{text}");
}

#[test]
fn the_doctor_notes_servers_that_are_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = doctor("127.0.0.1:0", folder.path());
    command.env("MOOCFLIX_STORAGE_URL", "s3://lectures?endpoint=http://127.0.0.1:1");
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    command.env("MOOCFLIX_CACHE_URL", "redis://:pa55word@127.0.0.1:1");
    command.env("MOOCFLIX_BUS_URL", "kafka://127.0.0.1:1");
    let (code, text) = result(command);
    for thing in ["storage", "cache", "bus"] {
        let noted = |line: &str| line.starts_with(&format!("warning  {thing} "));
        assert!(text.lines().any(noted), "{thing} in {text}");
    }
    assert!(code == Some(0) && !text.contains("pa55word"), "{text}");
}

#[test]
fn the_doctor_names_missing_encoders() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ffmpeg", "ffprobe"] {
        let path = folder.path().join(name);
        let script =
            "#!/bin/sh\necho 'ffmpeg version 7.1-small Copyright'\necho ' A....D aac  AAC (Advanced Audio Coding)'\n";
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = doctor("127.0.0.1:0", &folder.path().join("data"));
    command.env("PATH", folder.path());
    let (code, text) = result(command);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("ffmpeg has no libx264: only lectures in H.264"), "{text}");
}

#[test]
fn looking_creates_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let looks: [&[&str]; 5] = [
        &["doctor", "--listen", "127.0.0.1:0"],
        &["config", "check"],
        &["events", "dead", "list"],
        &["events", "dead", "replay", "--all"],
        &["user", "role", "--email", "a@example.org", "--role", "admin"],
    ];
    for words in looks {
        let (code, text) = result({
            let mut command = moocflix();
            command.args(words).arg("--data-dir").arg(&data);
            command
        });
        let succeeds = ["doctor", "config"].contains(&words[0]);
        assert_eq!(code, Some(i32::from(!succeeds)), "{words:?}: {text}");
        assert!(succeeds || text.contains("no MoocFlix data in "), "{words:?}: {text}");
        assert_eq!(snapshot(folder.path()).len(), 0, "{words:?}");
    }
    let mut server = Server::start_in(folder.path(), &[]);
    server.signal(rustix::process::Signal::TERM);
    server.ended(Duration::from_secs(60));
    let before = snapshot(folder.path());
    assert!(before.len() > 3, "{:?}", before.keys());
    let (code, text) = result(doctor("127.0.0.1:0", &server.data_dir()));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("in the data directory"), "{text}");
    assert!(
        snapshot(folder.path()) == before,
        "{:?}",
        snapshot(folder.path()).keys()
    );
}

#[test]
fn the_doctor_knows_a_running_moocflix_from_another_program() {
    let server = Server::start();
    let elsewhere = tempfile::tempdir().unwrap();
    let (code, text) = result(doctor(server.address(), &server.data_dir()));
    assert_eq!(code, Some(0), "{text}");
    let running = format!(
        "MoocFlix {} is running at {}",
        env!("CARGO_PKG_VERSION"),
        server.address()
    );
    assert!(text.contains(&format!("{running} (process ")), "{text}");
    let (code, text) = result(doctor(server.address(), elsewhere.path()));
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains(&format!("{running} with another data directory")),
        "{text}"
    );

    let public = Server::start_with(&[], &[("MOOCFLIX_PUBLIC_URL", "https://moocflix.example")]);
    let (code, text) = result(doctor(public.address(), &public.data_dir()));
    assert_eq!(code, Some(0), "{text}");
    let running = format!("is running at {} (process ", public.address());
    assert!(text.contains(&running), "{text}");

    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in stranger.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 1_024]);
            let _ = client
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"status\":\"ok\"}");
        }
    });
    let (code, text) = result(doctor(&address, elsewhere.path()));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&format!("{address} is taken by another program")),
        "{text}"
    );
}

#[test]
fn the_doctor_finds_a_disk_on_which_every_upload_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = doctor("127.0.0.1:0", folder.path());
    command.env("MOOCFLIX_DISK_RESERVE", "9000000000000000000");
    let (code, text) = result(command);
    assert_eq!(code, Some(1), "{text}");
    let line = text.lines().find(|line| line.contains("free space")).unwrap();
    assert!(
        line.starts_with("missing") && line.ends_with("every upload is refused"),
        "{text}"
    );
    assert!(text.contains("lower disk_reserve"), "{text}");
}

#[test]
fn the_doctor_tells_another_user_to_run_it_as_the_owner_and_claims_nothing_about_what_it_cannot_see() {
    let server = Server::start();
    let data = server.data_dir();
    let here = tempfile::tempdir().unwrap();
    std::fs::set_permissions(here.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = here.path().join("moocflix");
    let is_root = rustix::process::geteuid().is_root();
    let mut command = if is_root {
        // Its own folder may be closed to others.
        std::fs::copy(env!("CARGO_BIN_EXE_moocflix"), &program).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program);
        command.env_clear().env("PATH", "/usr/bin:/bin");
        command
    } else {
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o000)).unwrap();
        moocflix()
    };
    command
        .args(["doctor", "--listen", server.address(), "--data-dir"])
        .arg(&data);
    let (code, text) = result(command);
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(code, Some(1), "{text}");
    for check in ["data directory", "secret key", "database", "address"] {
        let lines: Vec<&str> = text.lines().collect();
        let at = lines
            .iter()
            .position(|line| line.get(9..).is_some_and(|rest| rest.starts_with(check)));
        let remedy = lines[at.unwrap() + 1];
        assert!(remedy.contains("as the owner of the data directory"), "{check}: {text}");
    }
    for wrong in [
        "another data directory",
        "restore the key",
        "start the database",
        "lacks user",
    ] {
        assert!(!text.contains(wrong), "{wrong} in {text}");
    }
}

/// A kernel may have been built without either layer, and one before 5.13 has no Landlock; strace answers in its place.
#[test]
fn a_required_cage_without_landlock_or_seccomp_keeps_the_server_from_starting_and_both_commands_say_why() {
    let folder = tempfile::tempdir().unwrap();
    for (layer, call, command, mode, code) in [
        ("landlock", "landlock_create_ruleset", "serve", "required", 1),
        ("landlock", "landlock_create_ruleset", "doctor", "required", 1),
        ("landlock", "landlock_create_ruleset", "doctor", "best", 0),
        ("calls", "seccomp", "serve", "required", 1),
        ("calls", "seccomp", "doctor", "required", 1),
    ] {
        let mut traced = Command::new("strace");
        traced.args(["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"]);
        traced.arg("-e").arg(format!("trace={call}"));
        traced.arg("-e").arg(format!("inject={call}:error=ENOSYS"));
        traced.arg(moocflix().get_program()).arg(command);
        traced
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path());
        traced.env("MOOCFLIX_CONTENT__TRANSCODE__SANDBOX", mode);
        let (ended, text) = result(traced);
        assert_eq!(ended, Some(code), "{command} {mode}: {text}");
        assert!(text.contains(&format!("lacks {layer}")), "{command} {mode}: {text}");
        if command == "serve" {
            assert!(text.contains("content.transcode.sandbox is \"required\""), "{text}");
        }
    }
}
