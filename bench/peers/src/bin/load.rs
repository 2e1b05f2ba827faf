//! Asks a server for paths in turn, on connections that stay open, and lets the kernel drop the bodies.
//!
//! `load ADDRESS CONNECTIONS SECONDS [--headers FILE] PATH...` prints one line of JSON: `requests`, `bytes` of bodies, `p50`
//! and `p99` in milliseconds from a request to its last byte. Each line of FILE is a bearer's `Authorization`, after
//! which tabs separate further headers; requests take turns with them, and ask for JSON.
//!
//! A thread drives a connection with blocking calls. `MSG_TRUNC` makes TCP discard bytes instead of copying them, so that
//! the client leaves the processors to the server.
//!
//! Source: tcp(7)

use anyhow::{Context, Result, bail, ensure};
use rustix::net::{RecvFlags, recv};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A head fits; the beginning of the body that comes with it is copied, the rest isn't.
const HEAD: usize = 2_048;
const DROPPED: usize = 1_024 * 1_024;

struct Wire {
    stream: TcpStream,
    host: String,
    scratch: Vec<u8>,
}

#[derive(Default)]
struct Tally {
    bytes: u64,
    times: Vec<Duration>,
}

impl Wire {
    fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| host.to_owned())?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            host: host.to_owned(),
            scratch: vec![0; DROPPED],
        })
    }

    /// Sends a GET request with further headers and their line ends, and receives the whole response; returns the body's length.
    fn get(&mut self, path: &str, header: &str) -> Result<u64> {
        let host = &self.host;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n");
        self.stream.write_all(request.as_bytes())?;
        let (head, received) = self.head()?;
        let length = content_length(&head).with_context(|| head.clone())?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "{path} was answered with {head}");
        let mut left = length.checked_sub(received).context("more than one response came")?;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(DROPPED).min(DROPPED);
            let (_, dropped) = recv(&self.stream, &mut self.scratch[..most], RecvFlags::TRUNC)?;
            ensure!(dropped > 0, "the server closed the connection within a response");
            left -= dropped as u64;
        }
        Ok(length)
    }

    /// The head of the response, and how many bytes of the body came with it.
    fn head(&mut self) -> Result<(String, u64)> {
        let mut filled = 0;
        while filled < HEAD {
            let (_, more) = recv(&self.stream, &mut self.scratch[filled..HEAD], RecvFlags::empty())?;
            ensure!(more > 0, "the server closed the connection");
            filled += more;
            if let Some(end) = self.scratch[..filled].windows(4).position(|it| it == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.scratch[..end]).into_owned();
                return Ok((head, (filled - end - 4) as u64));
            }
        }
        bail!("a head is longer than {HEAD} bytes")
    }
}

fn content_length(head: &str) -> Option<u64> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next()?.1.trim().parse().ok()
}

/// Asks on one connection; its number and the connections' say with which headers.
fn drive(
    host: &str,
    (first, connections): (usize, usize),
    (headers, paths): (&[String], &[String]),
    until: Instant,
) -> Result<Tally> {
    let mut wire = Wire::open(host)?;
    let mut tally = Tally::default();
    let headers = headers
        .iter()
        .map(String::as_str)
        .chain(headers.is_empty().then_some(""));
    let headers: Vec<&str> = headers.collect();
    let mut headers = headers.iter().cycle().skip(first % headers.len()).step_by(connections);
    for path in paths.iter().cycle().skip(first % paths.len()) {
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        tally.bytes += wire.get(path, headers.next().copied().unwrap_or_default())?;
        tally.times.push(begun.elapsed());
    }
    Ok(tally)
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [host, connections, seconds, rest @ ..] = words.as_slice() else {
        bail!("usage: load ADDRESS CONNECTIONS SECONDS [--headers FILE] PATH...");
    };
    let (headers, paths) = match rest {
        [word, file, paths @ ..] if word == "--headers" => (std::fs::read_to_string(file)?, paths),
        paths => (String::new(), paths),
    };
    let headers: Vec<String> = headers
        .lines()
        .map(|line| format!("Accept: application/json\r\n{}\r\n", line.replace('\t', "\r\n")))
        .collect();
    ensure!(!paths.is_empty(), "no PATH");
    let (host, headers, paths) = (Arc::new(host.clone()), Arc::new(headers), Arc::new(paths.to_vec()));
    let until = Instant::now() + Duration::try_from_secs_f64(seconds.parse()?)?;
    let connections: usize = connections.parse()?;
    let threads: Vec<_> = (0..connections)
        .map(|first| {
            let (host, headers, paths) = (Arc::clone(&host), Arc::clone(&headers), Arc::clone(&paths));
            std::thread::spawn(move || drive(&host, (first, connections), (&headers, &paths), until))
        })
        .collect();
    let mut all = Tally::default();
    for thread in threads {
        let Ok(tally) = thread.join() else {
            bail!("a connection's thread panicked")
        };
        let tally = tally?;
        all.bytes += tally.bytes;
        all.times.extend(tally.times);
    }
    all.times.sort_unstable();
    let percentile = |share: usize| {
        let at = (all.times.len() * share).div_ceil(100).saturating_sub(1);
        all.times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    };
    let figures = serde_json::json!({
        "requests": all.times.len(), "bytes": all.bytes, "p50": percentile(50), "p99": percentile(99),
    });
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(())
}
