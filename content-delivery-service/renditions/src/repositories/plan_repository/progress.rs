//! The progress of plans, for people and programs.

use super::PlanRepository;
use crate::models::description::{Description, RenditionKind};
use crate::models::lecture::{Reason, Rendition};
use crate::models::plan::Work;
use crate::models::publication::{Tally, done_share, shown};
use crate::models::time_left::{Activity, QUIET};
use crate::repositories::descriptions::{FROM_SOURCE, described};
use crate::repositories::per_videos::{PAGE, PerVideos, padded};
use backing::db::{ColumnError, DbError, Record, Row, Value};
use backing::{args, record};
use contracts::{RenditionName, Timestamp, VideoId};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The progress of a plan.
#[derive(Debug, Clone)]
pub struct PlanProgress {
    /// Its generation.
    pub generation: u32,
    own: Vec<Description>,
    made: Vec<Description>,
    tallies: HashMap<RenditionName, Tally>,
    activity: Activity,
}

static PLANS: LazyLock<PerVideos> = LazyLock::new(|| {
    PerVideos::new(
        "SELECT video_id, generation, started_at FROM plans WHERE video_id IN ({videos})",
        1,
    )
});

static RENDITIONS: LazyLock<PerVideos> = LazyLock::new(|| {
    PerVideos::new(
        concat!(
            "SELECT video_id, generation, failure_code, failure_message, ",
            described!(),
            " FROM renditions WHERE video_id IN ({videos}) ORDER BY video_id, generation, place"
        ),
        1,
    )
});

/// Published and running work.
static WORK: LazyLock<PerVideos> = LazyLock::new(|| {
    PerVideos::new(
        "SELECT video_id, generation, rendition, COUNT(*) AS pieces, MIN(piece) AS first, MAX(CASE WHEN is_last THEN piece END) AS last, \
         CAST(SUM(ticks) AS BIGINT) AS ticks, CAST(SUM(bytes) AS BIGINT) AS bytes, NULL AS work, NULL AS reported_at \
         FROM pieces WHERE video_id IN ({videos}) GROUP BY video_id, generation, rendition \
         UNION ALL SELECT video_id, generation, '', 0, NULL, NULL, ticks, 0, work, updated_at \
         FROM encodings WHERE video_id IN ({videos}) AND updated_at >= $1",
        2,
    )
});

static MOMENTS: LazyLock<PerVideos> = LazyLock::new(|| {
    PerVideos::new(
        "SELECT DISTINCT video_id, generation, published_at FROM pieces WHERE video_id IN ({videos}) ORDER BY published_at",
        1,
    )
});

record! {
    struct PlanRow {
        video_id: VideoId,
        generation: i64,
        started_at: Option<Timestamp>,
    }
}

record! {
    struct WorkRow {
        video_id: VideoId,
        generation: i64,
        rendition: String,
        pieces: i64,
        first: Option<i64>,
        last: Option<i64>,
        ticks: i64,
        bytes: i64,
        work: Option<String>,
        reported_at: Option<Timestamp>,
    }
}

struct RenditionRow {
    video_id: VideoId,
    generation: i64,
    failure: Option<Reason>,
    description: Description,
}

impl Record for RenditionRow {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        let code: Option<String> = row.named("failure_code")?;
        let message: Option<String> = row.named("failure_message")?;
        Ok(Self {
            video_id: row.named("video_id")?,
            generation: row.named("generation")?,
            failure: code.map(|code| Reason {
                code,
                message: message.unwrap_or_default(),
            }),
            description: Description::read(row)?,
        })
    }
}

/// The rows of a page of videos.
struct Read {
    renditions: Vec<RenditionRow>,
    work: Vec<WorkRow>,
    moments: Vec<(VideoId, i64, Timestamp)>,
}

impl PlanProgress {
    /// The renditions as they are now.
    #[must_use]
    pub fn renditions(&self) -> Vec<Rendition> {
        shown(&self.own, &self.made, |name| self.tally(name))
    }

    /// The share of the plan's work that is done: 0 to 1 in steps of 0.001.
    #[must_use]
    pub fn share(&self) -> f64 {
        (self.done() * 1_000.0).floor() / 1_000.0
    }

    /// How long the rest will take; none while no encoder works on it.
    ///
    /// Units: seconds
    #[must_use]
    pub fn time_left(&self, now: Timestamp) -> Option<u32> {
        self.activity.time_left(self.done(), now)
    }

    fn done(&self) -> f64 {
        done_share(&self.made, |name| self.tally(name))
    }

    fn tally(&self, name: &RenditionName) -> Tally {
        self.tallies.get(name).cloned().unwrap_or_default()
    }
}

impl PlanRepository {
    /// The progress of a video's latest plan; none if it has no plan.
    pub async fn progress(&self, video: VideoId, now: Timestamp) -> Result<Option<PlanProgress>, DbError> {
        Ok(self.progress_of(&[video], now).await?.remove(&video))
    }

    /// The progress of videos' latest plans, without videos that have no plan. A page of videos takes as many statements as
    /// one video.
    pub async fn progress_of(
        &self,
        videos: &[VideoId],
        now: Timestamp,
    ) -> Result<HashMap<VideoId, PlanProgress>, DbError> {
        let mut all = HashMap::new();
        for page in videos.chunks(PAGE) {
            let ids = || padded(page).into_iter().map(Value::from);
            // A publication moves work from one table to the other: all of them are read at one moment.
            let mut snapshot = self.db.snapshot().await?;
            let plans = snapshot.all::<PlanRow>(PLANS.text(page), ids().collect()).await?;
            let renditions = snapshot.all(RENDITIONS.text(page), ids().collect()).await?;
            // The last report of a dead worker is not progress.
            let since = args![now - QUIET].into_iter().chain(ids()).collect();
            let work = snapshot.all(WORK.text(page), since).await?;
            let moments = snapshot.all(MOMENTS.text(page), ids().collect()).await?;
            let read = Read {
                renditions,
                work,
                moments,
            };
            let mut latest: HashMap<VideoId, PlanRow> = HashMap::new();
            for plan in plans {
                let known = latest.get(&plan.video_id).map_or(0, |known| known.generation);
                if plan.generation > known {
                    latest.insert(plan.video_id, plan);
                }
            }
            all.extend(
                latest
                    .into_values()
                    .map(|plan| (plan.video_id, progress_of(&plan, &read))),
            );
        }
        Ok(all)
    }
}

fn progress_of(plan: &PlanRow, read: &Read) -> PlanProgress {
    let of = |generation: i64| {
        let rows = read.renditions.iter();
        rows.filter(move |row| row.video_id == plan.video_id && row.generation == generation)
    };
    let described = |generation: i64| of(generation).map(|row| row.description.clone()).collect::<Vec<_>>();
    let made = described(plan.generation);
    let begun = of(plan.generation).map(|row| {
        let tally = Tally {
            codecs: row.description.codecs.clone(),
            failure: row.failure.clone(),
            ..Tally::default()
        };
        (row.description.name.clone(), tally)
    });
    let mut tallies: HashMap<RenditionName, Tally> = begun.collect();
    let work = read.work.iter();
    let work = work.filter(|row| row.video_id == plan.video_id && row.generation == plan.generation);
    let mut reported_at = None;
    for row in work {
        match &row.work {
            None => {
                if let Some(tally) = tallies.get_mut(row.rendition.as_str()) {
                    (tally.pieces, tally.first, tally.last) = (row.pieces, row.first, row.last);
                    (tally.ticks, tally.bytes) = (row.ticks, row.bytes);
                }
            }
            Some(work) => {
                reported_at = reported_at.max(row.reported_at);
                for name in works_on(&made, work) {
                    tallies.entry(name).or_default().running += row.ticks;
                }
            }
        }
    }
    let moments = read.moments.iter();
    let moments = moments.filter(|(video, generation, _)| *video == plan.video_id && *generation == plan.generation);
    PlanProgress {
        generation: u32::try_from(plan.generation).unwrap_or(0),
        own: described(i64::from(FROM_SOURCE)),
        made,
        tallies,
        activity: Activity {
            started_at: plan.started_at,
            published_at: moments.map(|&(_, _, moment)| moment).collect(),
            reported_at,
        },
    }
}

/// The renditions that a task encodes.
fn works_on(made: &[Description], work: &str) -> Vec<RenditionName> {
    match serde_json::from_str(work) {
        Ok(Work::Audio(n)) => {
            let mut sounds = made
                .iter()
                .filter(|one| matches!(one.kind, RenditionKind::Sound { .. }));
            let sound = usize::try_from(n).ok().and_then(|n| sounds.nth(n));
            sound.map(|sound| sound.name.clone()).into_iter().collect()
        }
        Ok(Work::Piece { rungs, .. }) => rungs,
        Err(_) => Vec::new(),
    }
}
