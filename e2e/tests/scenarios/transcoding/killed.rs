//! `kill -9` of encoding processes at any moment: the work continues, and only lost pieces are encoded again.

use anyhow::{Context, Result, ensure};
use e2e::encoding::{Piece, SignedIn, encoding, front, is_tidy, is_whole, pieces, read_piece, taken_again, worker};
use e2e::media::sources;
use e2e::process::{self, Running, signal, until};
use e2e::random::Random;
use e2e::server::Start;
use e2e::settings;
use e2e::stage::{Stage, scenario};
use e2e::tools::{self, report};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::process::Child;

/// How many encoders run at once, and so how many tasks a kill can cost.
const AT_ONCE: usize = 2;

/// A little less than writers wait for each other's locks.
const WRITERS_WAIT: Duration = Duration::from_millis(4_500);

/// A dead worker's tasks are claimed again at once; the lease is long enough for a live worker on a busy machine, which
/// would otherwise lose them.
fn start() -> Start {
    encoding("90,180")
        .set("TASKS__LEASE_SECONDS", "4")
        .set("CONTENT__TRANSCODE__PRESET", "veryfast")
}

/// How long a lecture may take after the last kill.
fn patience() -> Duration {
    Duration::from_secs(if settings::long() { 900 } else { 240 })
}

/// The number of stored video pieces.
fn pictures(data: &Path, id: &str) -> usize {
    pieces(data, id).keys().filter(|(name, _)| name != "audio").count()
}

/// Waits for a moment of an encoder's work, after as many pieces were published since the last kill as run at once: three
/// kills of the same piece would count as the piece's own fault. Returns false if the lecture is ready before.
async fn moment(stage: &Stage, owner: &mut SignedIn, id: &str, last: usize, random: &mut Random) -> Result<bool> {
    let data = stage.server.data().to_owned();
    let at_work = until("an encoder or the end", Duration::from_secs(60), async || {
        let now = pictures(&data, id);
        if now >= last + AT_ONCE && process::encoders(&data)?.iter().any(Running::is_tool) {
            return Ok(Some(true));
        }
        let video = stage.api.video(id, &owner.account(&stage.api).await?.token).await;
        // the process that responds may just have been killed
        Ok(video
            .is_ok_and(|it| it["status"] == "ready" || it["status"] == "failed")
            .then_some(false))
    });
    let at_work = at_work.await?;
    if at_work {
        tokio::time::sleep(Duration::from_millis(random.within(0..700))).await;
    }
    Ok(at_work)
}

/// Holds the lock of the content's database: a publishing worker has stored its piece and waits to write.
async fn hold(data: &Path) -> Result<Child> {
    let mut command = tools::python("hold.py")?;
    command.arg(data.join("content.sqlite"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut holder = command.spawn()?;
    let mut output = [0; 5];
    // The pipe stays open: a holder that fails to print would end and release the lock.
    let pipe = holder.stdout.as_mut().context("its output")?;
    pipe.read_exact(&mut output).await?;
    ensure!(&output == b"held\n", "{output:?}");
    Ok(holder)
}

/// Waits for a new piece in the store while nobody can write; `None` if writers give up before one comes.
async fn publishing(data: &Path, id: &str) -> Option<(Piece, i64)> {
    let before = pieces(data, id);
    let begun = Instant::now();
    while begun.elapsed() < WRITERS_WAIT {
        let new = process::files(&data.join("objects")).into_iter().find_map(|path| {
            let (piece, fence) = read_piece(&path, id)?;
            (!before.get(&piece).is_some_and(|all| all.contains(&fence))).then_some((piece, fence))
        });
        if new.is_some() {
            return new;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    None
}

/// Checks a lecture that survived kills: every piece exists once, and few were encoded again.
async fn came_through(stage: &Stage, owner: &e2e::api::Account, id: &str, path: &Path, deaths: usize) -> Result<()> {
    is_tidy(stage.server.data(), id).await?;
    let all = pieces(stage.server.data(), id);
    let pictures = taken_again(&all).into_iter().filter(|((name, _), _)| name != "audio");
    let again: i64 = pictures.map(|(_, times)| times).sum();
    let lost = i64::try_from(deaths)? * i64::try_from(AT_ONCE)?;
    report(format!(
        "{deaths} kills, {again} pieces of {} were claimed again",
        all.len()
    ));
    ensure!(again <= lost, "{deaths} kills cost {again} pieces: {all:?}");
    is_whole(stage, owner, id, path).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_survives_kills_of_its_worker_its_encoders_and_their_guards() -> Result<()> {
    let mut random = Random::start("workers, encoders and guards that are killed");
    scenario(front("90,180").set("TASKS__LEASE_SECONDS", "4"), async |stage| {
        let mut owner = SignedIn::new(stage, "instructor").await?;
        let path = sources::long(if settings::long() { 64 } else { 7 }, "320x180", "12").await?;
        let data = stage.server.data().to_owned();
        // the front has one, too, for live lectures
        let front = staged(&data);
        let mut jobs = worker(stage, start()).await?;
        let id = stage.api.upload(std::fs::read(&path)?, &owner.account.token).await?;
        let kills = settings::rounds(6, 60);
        let (mut done, mut last, mut inside) = (0, 0, Vec::new());
        while done < kills && moment(stage, &mut owner, &id, last, &mut random).await? {
            match done % 3 {
                0 => {
                    // every other time, and until it has happened once, a worker is killed while it publishes
                    let inside_now = done % 2 == 0 || inside.is_empty();
                    let holder = if inside_now { Some(hold(&data).await?) } else { None };
                    if holder.is_some() {
                        inside.extend(publishing(&data, &id).await);
                    }
                    let mut dead = staged(&data);
                    dead.retain(|folder| !front.contains(folder));
                    jobs.kill()?;
                    drop(holder);
                    gone(&data).await?;
                    jobs = worker(stage, start()).await?;
                    swept(&dead).await?;
                    done += 1;
                }
                1 => done += kill_one(&data, Running::is_tool)?,
                _ => done += kill_one(&data, Running::is_guard)?,
            }
            last = pictures(&data, &id);
        }
        let ready = owner.wait_until_ready(&stage.api, &id, patience()).await;
        ready.with_context(|| jobs.log())?;
        ensure!(done >= kills.min(4), "it was ready after {done} kills");
        report(format!("{} workers were killed inside publishing", inside.len()));
        ensure!(inside.len() >= settings::rounds(1, 5), "{}", inside.len());
        came_through(stage, owner.account(&stage.api).await?, &id, &path, done).await?;
        // A lecture is ready before leftovers of killed workers are removed; from here on only published pieces remain.
        let all = pieces(&data, &id);
        let published = inside
            .iter()
            .find(|(piece, fence)| all.get(piece).is_some_and(|it| it.contains(fence)));
        ensure!(published.is_none(), "{published:?} must not be published");
        Ok(())
    })
    .await
}

/// Kills one of the encoding processes; returns how many there were.
fn kill_one(data: &Path, which: impl Fn(&Running) -> bool) -> Result<usize> {
    let found = process::encoders(data)?.into_iter().find(|it| which(it));
    Ok(usize::from(match found {
        Some(it) => signal(it.pid, Signal::KILL)?,
        None => false,
    }))
}

/// Checks that no encoder outlives its worker.
async fn gone(data: &Path) -> Result<()> {
    let empty = until(
        "the end of a dead worker's encoders",
        Duration::from_secs(5),
        async || Ok(process::encoders(data)?.is_empty().then_some(())),
    );
    empty.await.with_context(|| format!("{:?}", process::encoders(data)))
}

/// The staging folders.
fn staged(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("staging"));
    entries.into_iter().flatten().flatten().map(|it| it.path()).collect()
}

/// Checks that the next worker removes the files of killed ones, which without a running encoder nobody else removes.
async fn swept(dead: &[PathBuf]) -> Result<()> {
    let left = || dead.iter().filter(|it| it.exists()).collect::<Vec<_>>();
    let swept = until("the end of a dead worker's files", Duration::from_secs(5), async || {
        Ok(left().is_empty().then_some(()))
    });
    swept.await.with_context(|| format!("{:?}", left()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lecture_survives_kills_of_the_whole_process() -> Result<()> {
    let mut random = Random::start("a whole process that is killed while it encodes");
    scenario(start(), async |stage| {
        let mut owner = SignedIn::new(stage, "instructor").await?;
        let path = sources::long(if settings::long() { 22 } else { 5 }, "320x180", "12").await?;
        let id = stage.api.upload(std::fs::read(&path)?, &owner.account.token).await?;
        let kills = settings::rounds(4, 20);
        let (mut done, mut last) = (0, 0);
        while done < kills && moment(stage, &mut owner, &id, last, &mut random).await? {
            let dead = staged(stage.server.data());
            stage.server.kill()?;
            gone(stage.server.data()).await?;
            last = pictures(stage.server.data(), &id);
            stage.server.restart().await?;
            swept(&dead).await?;
            done += 1;
        }
        ensure!(done >= kills.min(3), "it was ready after {done} kills");
        owner.wait_until_ready(&stage.api, &id, patience()).await?;
        came_through(stage, owner.account(&stage.api).await?, &id, &path, done).await
    })
    .await
}
