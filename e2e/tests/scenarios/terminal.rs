//! What a person sees of `moocflix upload` on a terminal, whatever its width.

use anyhow::{Context, Result, ensure};
use e2e::server::{RUNGS, SLOTS, Start};
use e2e::stage::{Stage, scenario};
use e2e::{media, settings};
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;

/// The key that interrupts.
const INTERRUPT: &[u8] = b"\x03";

/// Runs `moocflix upload` on a terminal with so many columns, presses the key once the output has a text, and returns all
/// that was written to the terminal.
async fn interrupted(columns: usize, words: &str, token: &str, once: &str) -> Result<String> {
    let binary = settings::binary()?;
    let line = format!("stty cols {columns} rows 24; exec {} upload {words}", binary.display());
    let cache = tempfile::tempdir()?;
    let mut child = Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .env("MOOCFLIX_TOKEN", token)
        .env("XDG_CACHE_HOME", cache.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut keyboard = child.stdin.take().context("a keyboard")?;
    let mut terminal = child.stdout.take().context("a terminal")?;
    let (mut seen, mut pressed) = (Vec::new(), false);
    let reading = async {
        while terminal.read_buf(&mut seen).await? > 0 {
            if !pressed && String::from_utf8_lossy(&seen).contains(once) {
                pressed = true;
                keyboard.write_all(INTERRUPT).await?;
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(90), reading).await??;
    let text = String::from_utf8_lossy(&seen).into_owned();
    ensure!(
        pressed && !child.wait().await?.success(),
        "it was not interrupted: {text}"
    );
    Ok(text)
}

/// What a terminal shows.
struct Screen {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    /// The rows after some output.
    fn after(output: &str, columns: usize) -> Vec<String> {
        let mut screen = Self {
            columns,
            rows: vec![Vec::new()],
            row: 0,
            column: 0,
        };
        let mut letters = output.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\r' => screen.column = 0,
                '\n' => screen.down(1),
                '\u{1b}' => {
                    let mut number = String::new();
                    let command = letters.by_ref().find(|it| {
                        number.extend(it.is_ascii_digit().then_some(*it));
                        it.is_ascii_alphabetic()
                    });
                    screen.obey(command, number.parse().unwrap_or(1));
                }
                letter => screen.put(letter),
            }
        }
        let text = |row: Vec<char>| row.into_iter().collect::<String>().trim_end().to_owned();
        screen
            .rows
            .into_iter()
            .map(text)
            .filter(|row| !row.is_empty())
            .collect()
    }

    fn down(&mut self, rows: usize) {
        self.row += rows;
        self.rows.resize(self.rows.len().max(self.row + 1), Vec::new());
    }

    fn obey(&mut self, command: Option<char>, number: usize) {
        match command {
            Some('A') => self.row = self.row.saturating_sub(number),
            Some('B') => self.down(number),
            Some('K') => self.rows[self.row].clear(),
            _ => {}
        }
    }

    fn put(&mut self, letter: char) {
        if self.column == self.columns {
            self.column = 0;
            self.down(1);
        }
        let row = &mut self.rows[self.row];
        row.resize(row.len().max(self.column + 1), ' ');
        row[self.column] = letter;
        self.column += 1;
    }
}

/// Whether the last rows are this text, wherever a row ends.
fn end_with(rows: &[String], text: &str) -> bool {
    let packed = |text: &str| text.split_whitespace().collect::<String>();
    packed(&rows.concat()).ends_with(&packed(text))
}

/// Passes connections on to a server, which gets at most 3.2 MB a second from each.
async fn slow_road(listener: TcpListener, server: String) -> Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await?;
        let server = TcpStream::connect(&server).await?;
        connections.spawn(carry(client, server));
    }
}

async fn carry(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let ((mut from, mut back), (mut answers, mut to)) = (client.into_split(), server.into_split());
    let there = async {
        let mut block = vec![0; 64 * 1_024];
        loop {
            let read = from.read(&mut block).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&block[..read]).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::try_join!(there, tokio::io::copy(&mut answers, &mut back))?;
    Ok(())
}

/// The speeds in an output, in MiB a second.
fn speeds(output: &str) -> Vec<f64> {
    let words: Vec<&str> = output.split_whitespace().collect();
    let shown = words.windows(2).filter_map(|pair| match pair[1] {
        "MiB/s" => pair[0].parse().ok(),
        "GiB/s" => Some(f64::INFINITY),
        _ => None,
    });
    shown.collect()
}

async fn uploading(stage: &mut Stage, server: &str) -> Result<()> {
    let owner = stage.account("instructor").await?;
    let path = media::noisy().await?;
    for columns in [60, 80, 100] {
        let words = format!("{} --server {server}", path.display());
        let output = interrupted(columns, &words, &owner.token, "iB/s").await?;
        let rows = Screen::after(&output, columns);
        let end = "moocflix: interrupted; run the same command again to resume";
        ensure!(end_with(&rows, end), "{columns} columns: {rows:#?}");
        let speeds = speeds(&output);
        ensure!(
            !speeds.is_empty() && speeds.iter().all(|it| (0.5..7.0).contains(it)),
            "{speeds:?}"
        );
        ensure!(!output.contains(" 0s left"), "{output}");
        // a bar that is drawn while the key is pressed may stand there twice
        let bars = rows.iter().filter(|row| row.contains(" % ")).count();
        ensure!((1..=2).contains(&bars), "{columns} columns: {rows:#?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_upload_leaves_its_message_and_shows_the_speed_of_the_connection() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = format!("http://{}", listener.local_addr()?);
        let address = stage.server.address().to_owned();
        tokio::select! {
            result = uploading(stage, &server) => result,
            broken = slow_road(listener, address) => broken,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_wait_leaves_its_message_below_the_bars() -> Result<()> {
    // sizes are missing and nothing encodes them
    let start = Start::default().set(RUNGS, "144,240").set(SLOTS, "0");
    scenario(start, async |stage| {
        let owner = stage.account("instructor").await?;
        let path = media::short().await?;
        for columns in [60, 80, 100] {
            let words = format!("{} --wait --server {}", path.display(), stage.server.url());
            let output = interrupted(columns, &words, &owner.token, "total").await?;
            let rows = Screen::after(&output, columns);
            let end = "the server continues to encode it; run the same command again to wait for it";
            ensure!(end_with(&rows, end), "{columns} columns: {rows:#?}");
            for name in ["144p", "240p", "total"] {
                let count = rows.iter().filter(|row| row.trim_start().starts_with(name)).count();
                ensure!(count == 1, "{columns} columns, {name}: {rows:#?}");
            }
        }
        Ok(())
    })
    .await
}
