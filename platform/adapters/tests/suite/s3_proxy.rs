//! A network between the adapter and the server, with one fault at a time.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What goes wrong with the next request that it concerns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A bit of a body is turned over.
    WrongBit,
    /// The answer to a completion is lost.
    LostCompletion,
}

/// Passes bytes on to a server.
pub(crate) struct Proxy {
    /// The server's URL, through the proxy.
    pub(crate) url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    fault: Mutex<Option<Fault>>,
    requests: Mutex<Vec<String>>,
}

impl Proxy {
    /// Stands before the server of a bucket's URL.
    pub(crate) fn before(url: &str) -> Self {
        let server = url
            .split_once("http://")
            .unwrap()
            .1
            .split('&')
            .next()
            .unwrap()
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = url.replace(&server, &listener.local_addr().unwrap().to_string());
        let seen = Arc::<Seen>::default();
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else {
                    continue;
                };
                connect(&client, &server, &kept);
            }
        });
        Self { url, seen }
    }

    /// The next request that this fault concerns meets it.
    pub(crate) fn break_with(&self, fault: Fault) {
        *self.seen.fault.lock().unwrap() = Some(fault);
    }

    /// Whether the fault has happened.
    pub(crate) fn is_whole(&self) -> bool {
        self.seen.fault.lock().unwrap().is_none()
    }

    /// How many requests so far had these words in their first line.
    pub(crate) fn count(&self, words: &str) -> usize {
        let requests = self.seen.requests.lock().unwrap();
        requests.iter().filter(|line| line.contains(words)).count()
    }
}

/// Pipes both ways until one of them ends.
fn connect(client: &TcpStream, server: &TcpStream, seen: &Arc<Seen>) {
    let loses_answer = Arc::new(AtomicBool::new(false));
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (seen, loses) = (Arc::clone(seen), Arc::clone(&loses_answer));
    thread::spawn(move || {
        pipe(&from, &to, |bytes| {
            loses.fetch_or(seen.forward(bytes), Ordering::SeqCst);
            false
        });
    });
    let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || pipe(&from, &to, |_| loses_answer.load(Ordering::SeqCst)));
}

/// `look` may change the bytes; if it returns true, they and the connection are lost.
fn pipe(mut from: &TcpStream, mut to: &TcpStream, look: impl Fn(&mut [u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let is_lost = look(&mut buffer[..read]);
        if is_lost || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

impl Seen {
    /// Looks at bytes on their way to the server; true if the answer to them will be lost.
    fn forward(&self, bytes: &mut [u8]) -> bool {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let line = text.split("\r\n").next().filter(|line| line.ends_with(" HTTP/1.1"));
        let mut fault = self.fault.lock().unwrap();
        match line {
            Some(line) => {
                let loses =
                    *fault == Some(Fault::LostCompletion) && line.starts_with("POST") && line.contains("uploadId=");
                self.requests.lock().unwrap().push(line.to_owned());
                if loses {
                    *fault = None;
                }
                loses
            }
            None if *fault == Some(Fault::WrongBit) && bytes.len() > 1_000 => {
                bytes[500] ^= 1;
                *fault = None;
                false
            }
            None => false,
        }
    }
}
