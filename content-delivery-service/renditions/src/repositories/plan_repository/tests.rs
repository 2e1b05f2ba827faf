use super::failing::fail;
use super::*;
use crate::lectures::{self, Lecture};
use crate::models::lecture::{Reason, Status};
use crate::models::planning::plan_of_survey;
use crate::models::publication::{NewPiece, Publication, Published};
use crate::models::survey::{Survey, SurveyAudio, SurveyFrame, SurveyVideo};
use crate::repositories::ladder_repository::LadderRepository;
use crate::schema::MIGRATIONS;
use backing::Clock;
use backing::tasks::{Queue, Task};
use fmp4::TICKS;
use std::time::Duration;
use testing::{TestDatabase, databases, until};

mod giving_up;
mod publishing;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LEASE: Duration = Duration::from_secs(40);

/// A lecture of 25 s that is planned: a sound, and 240p and 360p in three pieces each.
struct House {
    database: TestDatabase,
    clock: Clock,
    queue: Queue,
    plans: PlanRepository,
    plan: Plan,
    owner: UserId,
    video: VideoId,
}

impl House {
    async fn on_each_engine() -> Vec<Self> {
        let mut houses = Vec::new();
        for database in databases("content", MIGRATIONS).await.unwrap() {
            let (clock, db) = (Clock::fixed(NOW), database.db.clone());
            let house = Self {
                queue: Queue::new(db.clone(), clock.clone(), LEASE),
                plans: PlanRepository::new(db),
                plan: plan_of_survey(&survey(), &[240, 360]),
                owner: UserId::generate(),
                video: VideoId::generate(),
                clock,
                database,
            };
            house.create().await;
            houses.push(house);
        }
        houses
    }

    async fn create(&self) {
        let mut tx = self.database.db.write().await.unwrap();
        let sql = "INSERT INTO videos (id, owner_id, title, description, status, reason_code, reason_message, version, \
                   policy_version, generation, duration_us, created_at, updated_at) \
                   VALUES ($1, $2, 'Tides', '', 'processing', 'needs_transcoding', 'because', 1, 1, 1, 25000000, $3, $3)";
        tx.run(sql, args![self.video, self.owner, NOW]).await.unwrap();
        add(&mut tx, (self.video, 1), self.owner, &self.plan, NOW)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn try_claim(&self) -> Option<(Task, Work)> {
        let kinds = [EncodeTask::FIRST_KIND, EncodeTask::KIND];
        let task = self.queue.claim(&kinds).await.unwrap()?;
        let work = serde_json::from_value(task.payload["work"].clone()).unwrap();
        Some((task, work))
    }

    async fn claim(&self) -> (Task, Work) {
        self.try_claim().await.expect("something to encode")
    }

    /// Claims tasks until it gets the one of this key; those before it stay claimed.
    async fn claim_work(&self, key: &str) -> (Task, Work) {
        loop {
            let (task, work) = self.claim().await;
            if work.key() == key {
                return (task, work);
            }
        }
    }

    fn publication(&self, work: &Work) -> Publication {
        Publication {
            video: self.video,
            generation: 1,
            pieces: pieces(&self.plan, work),
            failed: Vec::new(),
            finish: true,
        }
    }

    async fn publish(&self, publication: &Publication, task: &Task) -> Published {
        self.plans.publish(publication, task, self.clock.now()).await.unwrap()
    }

    async fn video(&self) -> Lecture {
        lectures::find(&self.database.db, self.video).await
    }

    async fn rows(&self, table: &str) -> usize {
        let sql: &'static str = match table {
            "pieces" => "SELECT 1 FROM pieces WHERE video_id = $1",
            "renditions" => "SELECT 1 FROM renditions WHERE video_id = $1",
            "encodings" => "SELECT 1 FROM encodings WHERE video_id = $1",
            _ => "SELECT 1 FROM plans WHERE video_id = $1",
        };
        let rows: Vec<(i64,)> = self.database.db.read().all(sql, args![self.video]).await.unwrap();
        rows.len()
    }

    async fn living(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM tasks WHERE subject = $1 AND kind IN ('encode', 'encode-first') AND live_key IS NOT NULL";
        let row: Option<(i64,)> = self.database.db.read().one(sql, args![self.video.0]).await.unwrap();
        row.unwrap().0
    }

    async fn enqueue_missing(&self) -> u64 {
        let mut tx = self.database.db.write().await.unwrap();
        let added = enqueue_missing(&mut tx, (self.video, 1), self.owner, &self.plan, NOW)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        added
    }

    /// Gives a part of the plan up.
    async fn fail(&self, work: &Work) {
        let reason = Reason {
            code: "encoder_failed".to_owned(),
            message: "it won't".to_owned(),
        };
        let mut tx = self.database.db.write().await.unwrap();
        fail(&mut tx, (self.video, 1), work, &reason, NOW).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Waits until a transaction waits for another's lock. SQLite has no locks of rows: there, none would have begun.
    async fn until_one_waits(&self) {
        if !self.database.db.is_postgres() {
            return;
        }
        let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("a transaction waits", || async {
            let waiting: Vec<(i64,)> = self.database.db.read().all(sql, args![]).await.unwrap();
            !waiting.is_empty()
        })
        .await;
    }

    /// The kinds of events in the outbox, in order.
    async fn events(&self) -> Vec<String> {
        let sql = "SELECT event FROM outbox WHERE subject = $1 ORDER BY sequence";
        let rows: Vec<(String,)> = self.database.db.read().all(sql, args![self.video]).await.unwrap();
        let events = rows
            .iter()
            .map(|(text,)| serde_json::from_str::<contracts::Event>(text).unwrap());
        events
            .map(|event| event.data.kind().replace("moocflix.content.video.", ""))
            .collect()
    }
}

fn survey() -> Survey {
    let end = 25 * u64::from(TICKS);
    Survey {
        container: "matroska".to_owned(),
        zero: 0,
        duration: end,
        cut: false,
        video: Some(SurveyVideo {
            stream: 0,
            codec: "hevc".to_owned(),
            width: 640,
            height: 360,
            frame_rate: 25.0,
            rotation: 0,
            frames: (0..625)
                .map(|n| SurveyFrame {
                    time: n * 3_600,
                    key: n % 50 == 0,
                    stretch: 0,
                })
                .collect(),
            end,
            stretches: Vec::new(),
        }),
        audio: vec![SurveyAudio {
            stream: 1,
            codec: "opus".to_owned(),
            channels: 2,
            sample_rate: 48_000,
            language: None,
            end,
            silences: Vec::new(),
            stretches: Vec::new(),
        }],
    }
}

fn pieces(plan: &Plan, work: &Work) -> Vec<NewPiece> {
    match work {
        Work::Audio(n) => {
            let name = &plan.sound(*n).unwrap().name;
            let numbers = (0..).zip(&plan.audio.pieces).map(|(number, _)| number);
            numbers.map(|number| piece(plan, name, number)).collect()
        }
        Work::Piece { number, rungs } => rungs.iter().map(|name| piece(plan, name, *number)).collect(),
    }
}

fn piece(plan: &Plan, name: &RenditionName, number: u32) -> NewPiece {
    let track = if plan.rung(name.as_str()).is_some() {
        &plan.video
    } else {
        &plan.audio
    };
    let planned = &track.pieces[usize::try_from(number).unwrap()];
    let bounds = track.bounds_of(planned).unwrap();
    NewPiece {
        rendition: name.clone(),
        piece: number,
        first: planned.first,
        last: usize::try_from(number).unwrap() + 1 == track.pieces.len(),
        init: name.as_str().as_bytes().to_vec(),
        codecs: "avc1.640015".to_owned(),
        timescale: TICKS,
        segments: bounds
            .windows(2)
            .map(|pair| (u32::try_from(pair[1] - pair[0]).unwrap(), 50_000))
            .collect(),
        frames: 1,
    }
}
