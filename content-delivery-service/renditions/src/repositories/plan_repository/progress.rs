//! How far plans are, for people and programs to look at.

use super::{PlanRepository, RENDITIONS, TALLIES, TallyRow, tally};
use crate::models::lecture::Rendition;
use crate::models::plan::{Plan, Work};
use crate::models::publication::{Tally, cut_from_source, done_share, renditions};
use crate::models::time_left::{Activity, QUIET};
use backing::db::DbError;
use backing::{args, record};
use contracts::{Timestamp, VideoId};
use std::collections::HashMap;

/// How often publications may come between two reads before that is put up with.
const TRIES: u32 = 4;

/// How far a plan is.
#[derive(Debug, Clone)]
pub struct PlanProgress {
    /// Its generation.
    pub generation: u32,
    plan: Plan,
    tallies: HashMap<String, Tally>,
    activity: Activity,
}

record! {
    struct LatestRow {
        generation: i64,
        plan: String,
        started_at: Option<Timestamp>,
    }
}

record! {
    struct EncodingRow {
        work: String,
        ticks: i64,
        updated_at: Timestamp,
    }
}

impl PlanProgress {
    /// The renditions as they are now; `known` are those that the lecture's row tells of.
    pub fn renditions(&self, known: &[Rendition]) -> Vec<Rendition> {
        let own = cut_from_source(known, &self.plan);
        renditions(&self.plan, &own, |name| self.tally(name))
    }

    /// The share of the plan's work that is done, 0 to 1 in steps of a thousandth.
    pub fn share(&self) -> f64 {
        (self.done() * 1_000.0).floor() / 1_000.0
    }

    /// How long the rest will take, while it is worked on.
    ///
    /// Units: seconds
    pub fn time_left(&self, now: Timestamp) -> Option<u32> {
        self.activity.time_left(self.done(), now)
    }

    fn done(&self) -> f64 {
        done_share(&self.plan, |name| self.tally(name))
    }

    fn tally(&self, name: &str) -> Tally {
        self.tallies.get(name).cloned().unwrap_or_default()
    }
}

impl PlanRepository {
    /// How far the latest plan of a video is; none where nothing is planned.
    pub async fn progress(&self, video: VideoId, now: Timestamp) -> Result<Option<PlanProgress>, DbError> {
        let reader = self.db.read();
        let sql = "SELECT generation, plan, started_at FROM plans WHERE video_id = $1 ORDER BY generation DESC LIMIT 1";
        let Some(latest) = reader.one::<LatestRow>(sql, args![video]).await? else {
            return Ok(None);
        };
        let generation = u32::try_from(latest.generation).unwrap_or(0);
        let Ok(plan) = serde_json::from_str::<Plan>(&latest.plan) else {
            return Ok(None);
        };
        let made = reader.all(RENDITIONS, args![video, generation]).await?;
        let (pieces, running) = self.pieces_and_encodings(video, generation, now).await?;
        let mut tallies = tally(pieces, made);
        for row in &running {
            for name in works_on(&plan, &row.work) {
                tallies.entry(name).or_default().running += row.ticks;
            }
        }
        let sql = "SELECT DISTINCT published_at FROM pieces WHERE video_id = $1 AND generation = $2 \
                   ORDER BY published_at";
        let published: Vec<(Timestamp,)> = reader.all(sql, args![video, generation]).await?;
        Ok(Some(PlanProgress {
            generation,
            plan,
            tallies,
            activity: Activity {
                started_at: latest.started_at,
                published_at: published.into_iter().map(|(moment,)| moment).collect(),
                told_at: running.iter().map(|row| row.updated_at).max(),
            },
        }))
    }
}

impl PlanRepository {
    /// What is published and what is under way, at one moment: a publication moves work from the one to the other, and
    /// would be counted in neither if it came between the two reads.
    async fn pieces_and_encodings(
        &self,
        video: VideoId,
        generation: u32,
        now: Timestamp,
    ) -> Result<(Vec<TallyRow>, Vec<EncodingRow>), DbError> {
        // What a dead worker last told is no progress any more.
        let sql = "SELECT work, ticks, updated_at FROM encodings \
                   WHERE video_id = $1 AND generation = $2 AND updated_at >= $3";
        let mut tries = 0;
        loop {
            let reader = self.db.read();
            let before: Vec<TallyRow> = reader.all(TALLIES, args![video, generation]).await?;
            let running = reader.all(sql, args![video, generation, now - QUIET]).await?;
            let after: Vec<TallyRow> = reader.all(TALLIES, args![video, generation]).await?;
            let count = |rows: &[TallyRow]| rows.iter().map(|row| row.pieces).sum::<i64>();
            tries += 1;
            if count(&before) == count(&after) || tries == TRIES {
                return Ok((after, running));
            }
        }
    }
}

fn works_on(plan: &Plan, work: &str) -> Vec<String> {
    match serde_json::from_str(work) {
        Ok(Work::Audio(n)) => plan.sound(n).map(|sound| sound.name.clone()).into_iter().collect(),
        Ok(Work::Piece { rungs, .. }) => rungs,
        Err(_) => Vec::new(),
    }
}
