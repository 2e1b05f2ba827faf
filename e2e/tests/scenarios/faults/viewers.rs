//! A viewer who watches segments that were watched before, without a pause.

use super::world::{World, answered, status};
use anyhow::{Result, ensure};
use e2e::back_ends::BackEnd;
use e2e::playlist;
use e2e::tools::report;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(100);
/// A session ends after a quarter of an hour.
const SESSION: Duration = Duration::from_secs(300);

/// Watches segments until the end; every one has to come while PostgreSQL is there, whatever else is away.
pub(super) async fn run(world: &World, mut segments: Vec<String>) -> Result<()> {
    let mut opened = Instant::now();
    let (mut longest, mut refused) = (Duration::ZERO, 0);
    while !world.is_over() {
        for path in &segments {
            let (before, since) = (world.away(), Instant::now());
            let answer = answered(world.api.fetch(path)).await?;
            let away = before.or(world.away());
            if status(answer.as_ref()) == 200 {
                world.segments.add();
            } else {
                let why = answer.map(|it| it.text());
                ensure!(away == Some(BackEnd::Postgres), "{why:?} while {away:?} is away");
                refused += 1;
            }
            longest = longest.max(since.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        // a server may go meanwhile; then the session of before is still good, and the next try soon
        if opened.elapsed() > SESSION
            && let Ok(again) = hot(world).await
        {
            (segments, opened) = (again, Instant::now());
        }
    }
    let count = world.segments.count();
    report(format!(
        "{count} segments watched, the slowest in {longest:?}; {refused} not served while PostgreSQL was away"
    ));
    Ok(())
}

/// The first segments of each rendition, which are hot from now on.
pub(super) async fn hot(world: &World) -> Result<Vec<String>> {
    let session = world.api.session(&world.lecture, &world.teacher.token).await?;
    let renditions = playlist::open(&world.api, &session.hls_url).await?;
    let first = renditions
        .iter()
        .flat_map(|it| std::iter::once(&it.init).chain(it.segments.iter().take(2)));
    let segments: Vec<String> = first.cloned().collect();
    for path in &segments {
        world.api.fetch(path).await?.expect(200)?;
    }
    Ok(segments)
}
