//! Each server of production is killed, frozen or slow, in turn, while people upload, encode, watch and enrol: nothing that
//! was acknowledged is lost, each event has one effect, and everything goes on as soon as the server is back.

mod enrolments;
mod uploads;
mod viewers;
mod without;
mod world;

use anyhow::{Context, Result, bail, ensure};
use e2e::back_ends::{BackEnd, BackEnds};
use e2e::process::{started, until};
use e2e::settings;
use e2e::tools::report;
use std::time::{Duration, Instant};
use without::Leaving;
use world::{World, number};

/// Three times the promise of two minutes.
const DRAINED: Duration = Duration::from_secs(360);
/// How long people are left in peace before each fault.
const PEACE: Duration = Duration::from_secs(1);
/// How long people may still wait for an answer after the last fault.
const LAST_ANSWERS: Duration = Duration::from_secs(60);
const FROZEN: Duration = Duration::from_secs(30);
const LATE: Duration = Duration::from_millis(200);
/// How long a server is slow.
const SLOW: Duration = Duration::from_secs(30);

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Freeze,
    Delay,
}

/// Lets something happen to a server, and returns how soon everything went on afterwards.
async fn strike(world: &World, fault: Fault, back_end: BackEnd, leaving: Option<&Leaving>) -> Result<Duration> {
    let servers = &world.back_ends;
    world.set_away(Some(back_end));
    let since = Instant::now();
    match fault {
        Fault::Kill => servers.kill(back_end)?,
        Fault::Freeze => servers.freeze(back_end)?,
        Fault::Delay => servers.delay(back_end, LATE)?,
    }
    if fault == Fault::Delay {
        world.parts.goes_on("uploads on a slow line", SLOW).await?;
        world.changes.goes_on("enrolments on a slow line", SLOW).await?;
        world.segments.goes_on("playback on a slow line", SLOW).await?;
    } else {
        without::check(world, back_end).await?;
    }
    if let Some(leaving) = leaving {
        leaving.check(world).await?;
    }
    match fault {
        Fault::Kill => {}
        Fault::Freeze => tokio::time::sleep(FROZEN.saturating_sub(since.elapsed())).await,
        Fault::Delay => tokio::time::sleep(SLOW.saturating_sub(since.elapsed())).await,
    }
    let before = without::effects(world, back_end).await?;
    match fault {
        Fault::Kill => servers.restart(back_end).await?,
        Fault::Freeze => servers.thaw(back_end)?,
        Fault::Delay => servers.delay(back_end, Duration::ZERO)?,
    }
    let recovered = without::recovers(world, back_end, before).await;
    world.set_away(None);
    recovered.with_context(|| format!("{back_end} is back after {fault:?}"))
}

/// One server after the other, again and again.
async fn strike_all(world: &World, fault: Fault, rounds: usize) -> Result<()> {
    let mut slowest = [Duration::ZERO; BackEnd::ALL.len()];
    for round in 0..rounds {
        for (back_end, slowest) in BackEnd::ALL.into_iter().zip(&mut slowest) {
            tokio::time::sleep(PEACE).await;
            let leaving = if round == 0 && back_end == BackEnd::Kafka && fault == Fault::Kill {
                Some(Leaving::prepare(world).await?)
            } else {
                None
            };
            let took = strike(world, fault, back_end, leaving.as_ref())
                .await
                .with_context(|| format!("round {round}, {back_end}"))?;
            report(format!(
                "{fault:?}, round {round}: used again after {took:?}: {back_end}"
            ));
            *slowest = took.max(*slowest);
        }
    }
    for (back_end, slowest) in BackEnd::ALL.into_iter().zip(slowest) {
        report(format!(
            "{fault:?}, {rounds} rounds: {back_end} is used again after {slowest:?} at most"
        ));
    }
    Ok(())
}

/// Waits until no event waits anywhere, and checks that each has had one effect.
async fn events_are_whole(world: &World) -> Result<()> {
    let since = Instant::now();
    let waiting = ["users", "courses", "content"]
        .map(|schema| format!("(SELECT count(*) FROM {schema}.outbox) + (SELECT count(*) FROM {schema}.deliveries)"));
    let waiting = format!("SELECT {}", waiting.join(" + "));
    until("events are handled", DRAINED, async || {
        Ok((number(world, &waiting).await? == 0).then_some(()))
    })
    .await?;
    report(format!("no event waits after {:?}", since.elapsed()));
    for (what, sql) in [
        (
            "dead letters",
            "SELECT (SELECT count(*) FROM users.dead_letters) + (SELECT count(*) FROM courses.dead_letters) \
             + (SELECT count(*) FROM content.dead_letters)",
        ),
        (
            "events of courses without a mark in the inbox, or marks without an event",
            "SELECT abs((SELECT sum(sequence) FROM courses.outbox_aggregates) \
             - (SELECT count(*) FROM content.inbox WHERE consumer = 'content-courses'))",
        ),
        (
            "enrolments whose last event had no effect",
            "SELECT count(*) FROM courses.enrolments e LEFT JOIN content.course_members m \
             ON m.course_id = e.course_id AND m.user_id = e.user_id WHERE m.sequence IS NULL OR m.sequence < e.sequence",
        ),
        (
            "courses whose last event had no effect",
            "SELECT count(*) FROM courses.courses c JOIN courses.outbox_aggregates a ON a.subject = c.id \
             LEFT JOIN content.courses k ON k.id = c.id WHERE k.sequence IS DISTINCT FROM a.sequence",
        ),
        (
            "members of courses that content does not know as such",
            "SELECT count(*) FROM courses.enrolments e LEFT JOIN content.course_members m \
             ON m.course_id = e.course_id AND m.user_id = e.user_id WHERE (e.ended_at IS NULL) <> (m.role IS NOT NULL)",
        ),
    ] {
        let count = number(world, sql).await?;
        ensure!(count == 0, "{count} {what}");
    }
    Ok(())
}

/// When each of our processes was started.
fn processes(world: &World) -> Result<Vec<(u32, u64)>> {
    let all = world.site.servers.iter();
    all.map(|server| server.pid().and_then(|pid| Ok((pid, started(pid)?))))
        .collect()
}

async fn everybody_is_well(world: &World, before: &[(u32, u64)]) -> Result<()> {
    ensure!(processes(world)? == before, "a process was started again");
    for server in &world.site.servers {
        let api = e2e::api::Api::new(&server.url())?;
        until("readiness", world::BACK, async || {
            Ok((api.get("/health/ready", "").await?.status == 200).then_some(()))
        })
        .await?;
    }
    let log = world.site.log();
    let panic = log.lines().find(|line| line.contains("panicked at"));
    ensure!(panic.is_none(), "{panic:?}");
    Ok(())
}

/// What people have done in the end; they ask until they are answered.
///
/// Errors: nobody answers
async fn done<T>(world: &World, people: impl Future<Output = T>) -> Result<T> {
    let late = async {
        while !world.is_over() {
            tokio::time::sleep(PEACE).await;
        }
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        done = people => Ok(done),
        () = late => bail!("people are not answered after the last fault"),
    }
}

async fn told(world: &World, fault: Fault, rounds: usize) -> Result<()> {
    let before = processes(world)?;
    let segments = viewers::hot(world).await?;
    let faults = async {
        let struck = strike_all(world, fault, rounds).await;
        world.end();
        struck
    };
    let people = async {
        tokio::join!(
            uploads::run(world),
            enrolments::run(world),
            viewers::run(world, segments)
        )
    };
    let (struck, people) = tokio::join!(faults, done(world, people));
    ensure!(processes(world)? == before, "a process was started again");
    struck?;
    let (uploads, learners, watched) = people?;
    let (uploads, learners) = (uploads.context("uploads")?, learners.context("enrolments")?);
    watched.context("playback")?;
    report(format!(
        "{} uploads in {} parts, {} enrolments begun or ended",
        uploads.len(),
        world.parts.count(),
        world.changes.count()
    ));
    events_are_whole(world).await?;
    enrolments::check(world, &learners).await?;
    uploads::check(world, &uploads).await?;
    everybody_is_well(world, &before).await
}

/// Plays it; an error comes with the warnings of the processes.
async fn play(back_ends: BackEnds, apart: bool, fault: Fault, rounds: usize) -> Result<()> {
    let world = World::start(back_ends, apart).await?;
    Box::pin(told(&world, fault, rounds)).await.with_context(|| {
        let log = world.site.log();
        let faults = log
            .lines()
            .filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\""));
        let faults: Vec<_> = faults.collect();
        let last = &faults[faults.len().saturating_sub(40)..];
        format!("{fault:?}; the processes' last warnings:\n{}", last.join("\n"))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_each_server_fails_in_turn() -> Result<()> {
    play(BackEnds::start().await?, true, Fault::Kill, settings::rounds(2, 20)).await?;
    if settings::long() {
        play(BackEnds::start().await?, false, Fault::Freeze, 3).await?;
        play(BackEnds::on_slow_lines().await?, true, Fault::Delay, 1).await?;
    }
    Ok(())
}
