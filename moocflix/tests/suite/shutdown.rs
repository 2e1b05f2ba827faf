use crate::server::Server;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
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
