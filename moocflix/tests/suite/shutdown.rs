use crate::accounts::{PASSWORD, create, sign_in};
use crate::server::Server;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

#[test]
fn either_signal_shuts_the_server_down_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start();
        let mut idle = TcpStream::connect(server.address()).unwrap();
        server.signal(signal);
        let (status, rest) = server.ended(Duration::from_secs(30));
        assert_eq!(status.code(), Some(0), "{}", server.log());
        assert_eq!(rest, "", "one line and no more on standard output");
        assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    }
}

#[test]
fn a_running_request_finishes_first_and_a_second_signal_does_not_wait() {
    let mut server = Server::start();
    let body = r#"{"email": "a@example.org", "password": "not the right one"}"#;
    let (first, second) = body.split_at(20);
    let head = format!(
        "POST /api/v1/users/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut wire = begin(&server, &head, first);
    server.signal(Signal::TERM);
    wait_for(&server, "shutting down");
    wire.write_all(second.as_bytes()).unwrap();
    let mut answer = String::new();
    wire.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(server.ended(Duration::from_secs(30)).0.code(), Some(0));

    let mut server = Server::start();
    let _wire = begin(&server, &head, first);
    server.signal(Signal::TERM);
    wait_for(&server, "shutting down");
    server.signal(Signal::TERM);
    assert_eq!(server.ended(Duration::from_secs(10)).0.code(), Some(130));
}

#[tokio::test]
async fn a_stopped_server_leaves_nothing_beside_its_databases_and_a_copy_of_them_has_everything() {
    let mut idle = Server::start();
    idle.signal(Signal::TERM);
    assert_eq!(idle.ended(Duration::from_secs(90)).0.code(), Some(0), "{}", idle.log());
    assert_eq!(beside_databases(&idle.data_dir()), [""; 0]);

    let mut server = Server::start();
    let made = create(&server.data_dir(), "teacher@example.org", "instructor", PASSWORD);
    assert!(made.status.success());
    sign_in(&server, "teacher@example.org").await;
    let _open = TcpStream::connect(server.address()).unwrap();
    server.signal(Signal::TERM);
    assert_eq!(
        server.ended(Duration::from_secs(90)).0.code(),
        Some(0),
        "{}",
        server.log()
    );
    assert_eq!(beside_databases(&server.data_dir()), [""; 0]);
    let made = create(&server.data_dir(), "learner@example.org", "learner", PASSWORD);
    assert!(made.status.success());
    assert_eq!(beside_databases(&server.data_dir()), [""; 0], "after a command");

    let backup = tempfile::tempdir().unwrap();
    let data = backup.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let files = names(&server.data_dir());
    for name in files
        .iter()
        .filter(|name| name.ends_with(".sqlite") || *name == "secret.key")
    {
        std::fs::copy(server.data_dir().join(name), data.join(name)).unwrap();
    }
    let restored = Server::start_in(backup.path(), &[]);
    for email in ["teacher@example.org", "learner@example.org"] {
        sign_in(&restored, email).await;
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// The files that SQLite keeps beside open databases.
fn beside_databases(folder: &Path) -> Vec<String> {
    let is_beside = |name: &String| name.ends_with("-wal") || name.ends_with("-shm");
    names(folder).into_iter().filter(is_beside).collect()
}

/// Sends a request without the rest of its body, once the server has asked for the body.
fn begin(server: &Server, head: &str, first: &str) -> TcpStream {
    let mut wire = TcpStream::connect(server.address()).unwrap();
    wire.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; 25];
    wire.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    wire.write_all(first.as_bytes()).unwrap();
    wire
}

fn wait_for(server: &Server, words: &str) {
    for _ in 0..1_000 {
        if server.log().contains(words) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("`{words}` is not in {}", server.log());
}
