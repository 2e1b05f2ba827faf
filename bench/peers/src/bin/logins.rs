//! Signs in to many accounts at the same time; who is turned away tries again when the server says.
//!
//! `logins ADDRESS PASSWORD COUNT` signs in to `bench0@example.org` and so on, each on a connection of its own, and prints
//! one line of JSON: `seconds` until everybody is in, `accepted`, `refused`, `without_retry_after` of these, `other`
//! answers, and `health` with the milliseconds of the readiness checks meanwhile.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// The pause between two health checks, which take their time from the sign-ins.
const PAUSE: Duration = Duration::from_millis(100);
const STACK: usize = 128 * 1_024;
/// The longest that anybody tries.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    without_retry_after: usize,
    other: usize,
}

struct Answer {
    status: u16,
    retry_after: Option<u64>,
}

fn connect(host: &str) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(host).with_context(|| host.to_owned())?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Sends a request and reads the whole answer.
fn ask(wire: &mut BufReader<TcpStream>, request: &str) -> Result<Answer> {
    wire.get_mut().write_all(request.as_bytes())?;
    let (mut line, mut length, mut retry_after, mut status) = (String::new(), 0, None, 0);
    loop {
        line.clear();
        if wire.read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
            status = rest.split(' ').next().unwrap_or_default().parse()?;
        }
        let Some((name, value)) = text.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        } else if name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.trim().parse().ok();
        }
    }
    let mut body = vec![0; length];
    wire.read_exact(&mut body)?;
    Ok(Answer { status, retry_after })
}

fn sign_in(host: &str, account: usize, password: &str, start: &Barrier) -> Result<Tally> {
    let body = format!("{{\"email\":\"bench{account}@example.org\",\"password\":\"{password}\"}}");
    let request = format!(
        "POST /api/v1/users/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n\
         {body}",
        body.len()
    );
    let wire = connect(host);
    start.wait();
    let (mut wire, mut tally, begun) = (wire?, Tally::default(), Instant::now());
    while begun.elapsed() < PATIENCE {
        let answer = ask(&mut wire, &request)?;
        match answer.status {
            200 => {
                tally.accepted += 1;
                return Ok(tally);
            }
            503 => {
                tally.refused += 1;
                tally.without_retry_after += usize::from(answer.retry_after.is_none());
                std::thread::sleep(Duration::from_secs(answer.retry_after.unwrap_or(1)));
            }
            _ => {
                tally.other += 1;
                return Ok(tally);
            }
        }
    }
    bail!("nobody let bench{account} in")
}

/// Checks the server's health until everybody is in; returns milliseconds.
fn watch(host: &str, done: &AtomicBool) -> Result<Vec<f64>> {
    let (mut wire, mut times) = (connect(host)?, Vec::new());
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {host}\r\n\r\n");
    while !done.load(Ordering::Acquire) {
        let begun = Instant::now();
        let answer = ask(&mut wire, &request)?;
        if answer.status != 200 {
            bail!("the server is not ready: {}", answer.status);
        }
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        std::thread::sleep(PAUSE);
    }
    Ok(times)
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [host, password, count] = words.as_slice() else {
        bail!("usage: logins ADDRESS PASSWORD COUNT");
    };
    let count: usize = count.parse().context("COUNT")?;
    let (start, done) = (Arc::new(Barrier::new(count + 1)), Arc::new(AtomicBool::new(false)));
    let mut people = Vec::new();
    for account in 0..count {
        let (host, password, start) = (host.clone(), password.clone(), Arc::clone(&start));
        let person = std::thread::Builder::new().stack_size(STACK);
        people.push(person.spawn(move || sign_in(&host, account, &password, &start))?);
    }
    let (server, ended) = (host.clone(), Arc::clone(&done));
    let watcher = std::thread::spawn(move || watch(&server, &ended));
    start.wait();
    let (begun, mut all) = (Instant::now(), Tally::default());
    for person in people {
        let Ok(tally) = person.join() else {
            bail!("a thread panicked")
        };
        let tally = tally?;
        all.accepted += tally.accepted;
        all.refused += tally.refused;
        all.without_retry_after += tally.without_retry_after;
        all.other += tally.other;
    }
    let seconds = begun.elapsed().as_secs_f64();
    done.store(true, Ordering::Release);
    let Ok(health) = watcher.join() else {
        bail!("a thread panicked")
    };
    let figures = serde_json::json!({
        "seconds": seconds, "accepted": all.accepted, "refused": all.refused,
        "without_retry_after": all.without_retry_after, "other": all.other, "health": health?,
    });
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(())
}
