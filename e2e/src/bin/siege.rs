//! Attacks a server, each time a new one, and prints what the attack cost it and what others saw meanwhile.
//!
//! `siege [--seconds N] [ATTACK]...`; `bench/siege` builds what it needs and runs it.

use anyhow::{Context, Result, bail};
use e2e::siege::attacks::Attack;
use e2e::siege::memory::{Cgroup, of_tree};
use e2e::siege::others::{Others, Seen};
use e2e::stage::Stage;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const MEMORY: u64 = 2 << 30;
const P99: Duration = Duration::from_millis(100);
const SIGN_IN: Duration = Duration::from_secs(2);
const PLAYS: Duration = Duration::from_secs(2);
/// Of a hundred requests.
const REFUSED: usize = 5;
const SAMPLING: Duration = Duration::from_millis(50);

/// What an attack came to.
struct Outcome {
    peak: u64,
    kills: Option<u64>,
    seen: Seen,
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

fn words() -> Result<(Duration, Vec<Attack>)> {
    let (mut seconds, mut attacks) = (30, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--seconds" {
            seconds = words.next().context("--seconds needs a number")?.parse()?;
        } else if let Some(attack) = Attack::ALL.into_iter().find(|it| it.name() == word) {
            attacks.push(attack);
        } else {
            let names = Attack::ALL.map(Attack::name).join(", ");
            bail!("{word} is no attack; these are: {names}");
        }
    }
    if attacks.is_empty() {
        attacks = Attack::ALL.to_vec();
    }
    Ok((Duration::from_secs(seconds), attacks))
}

async fn attacked(attack: Attack, length: Duration) -> Result<Outcome> {
    let group = Cgroup::with_limit(MEMORY);
    let mut start = Attack::target();
    start.wrap = group.as_ref().map(Cgroup::wrap).unwrap_or_default();
    let mut stage = Stage::start(start).await?;
    let ready = attack.prepare(&mut stage).await?;
    let others = Others::begin(&mut stage).await?;
    let pid = stage.server.pid()?;
    others.forget();
    let running = ready.begin();
    let (begun, mut peak) = (Instant::now(), 0);
    while begun.elapsed() < length {
        let Ok(memory) = of_tree(pid) else {
            print(&format!("{}: the server did not survive", attack.name()))?;
            break;
        };
        peak = peak.max(memory);
        tokio::time::sleep(SAMPLING).await;
    }
    let seen = others.seen();
    drop((running, others));
    stage.server.kill()?;
    Ok(Outcome {
        peak,
        kills: group.as_ref().map(Cgroup::kills),
        seen,
    })
}

fn p99(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(Duration::MAX)
}

fn longest(times: &[Duration]) -> Duration {
    times.iter().copied().max().unwrap_or(Duration::MAX)
}

fn shown(time: Duration) -> String {
    if time == Duration::MAX {
        return "never".to_owned();
    }
    format!("{:.0} ms", time.as_secs_f64() * 1_000.0)
}

/// A figure, marked if it is over its limit.
fn judged(missed: &mut bool, text: String, holds: bool) -> String {
    *missed |= !holds;
    if holds { text } else { format!("{text} !") }
}

/// A line of the table; also returns whether a limit was missed.
fn line(attack: Attack, outcome: &Outcome) -> (String, bool) {
    let seen = &outcome.seen;
    let mut missed = false;
    let mut cell = |text: String, holds: bool| judged(&mut missed, text, holds);
    let mib = format!("{} MiB", outcome.peak >> 20);
    let memory = cell(mib, outcome.peak < MEMORY && outcome.kills.unwrap_or_default() == 0);
    let (segment, profile) = (p99(&seen.segments), p99(&seen.profiles));
    let (sign_in, plays) = (longest(&seen.sign_ins), longest(&seen.plays));
    let answered = seen.segments.len() + seen.profiles.len() + seen.sign_ins.len() + 2 * seen.plays.len();
    let asked = (answered + seen.refused + seen.broken.len()).max(1);
    let share = format!("{:.1} %", seen.refused as f64 * 100.0 / asked as f64);
    let columns = [
        attack.name().to_owned(),
        memory,
        cell(shown(segment), segment <= P99),
        cell(shown(profile), profile <= P99),
        cell(shown(sign_in), sign_in <= SIGN_IN),
        cell(share, seen.refused * 100 <= asked * REFUSED),
        cell(shown(plays), plays <= PLAYS),
        cell(seen.broken.len().to_string(), seen.broken.is_empty()),
    ];
    (row(&columns), missed)
}

fn row(columns: &[String]) -> String {
    let mut text = format!("{:<14}", columns.first().map_or("", String::as_str));
    for column in &columns[1..] {
        text.push_str(&format!("{column:>14}"));
    }
    text
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let (length, attacks) = words()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    let limited = Cgroup::with_limit(MEMORY).is_some();
    let (seconds, group) = (
        length.as_secs(),
        if limited {
            "in"
        } else {
            "no memory cgroup can be made: without"
        },
    );
    print(&format!(
        "{seconds} s for each attack, load {load} before, {group} a memory cgroup of 2 GiB"
    ))?;
    let head = [
        "attack",
        "memory",
        "p99 segment",
        "p99 profile",
        "sign-in",
        "refused",
        "upload plays",
        "broken",
    ];
    print(&row(&head.map(str::to_owned)))?;
    let mut missed = false;
    for attack in attacks {
        let outcome = attacked(attack, length).await.with_context(|| attack.name())?;
        let (text, over) = line(attack, &outcome);
        missed |= over;
        print(&text)?;
        if let Some(kills) = outcome.kills.filter(|kills| *kills > 0) {
            print(&format!("  {kills} processes were killed for lack of memory"))?;
        }
        let mut broken = outcome.seen.broken;
        broken.dedup();
        for what in broken.iter().take(3) {
            print(&format!("  {what}"))?;
        }
    }
    if missed {
        print("! a limit was missed")?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
