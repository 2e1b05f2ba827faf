use super::failing::fail;
use super::*;
use crate::lectures::{self, Lecture};
use crate::models::lecture::{Reason, RenditionState, Status};
use crate::models::planning::plan_of_survey;
use crate::models::publication::{NewPiece, Publication, Published};
use crate::models::published::PublishedRendition;
use crate::models::survey::{Survey, SurveyAudio, SurveyFrame, SurveyVideo};
use crate::repositories::ladder_repository::LadderRepository;
use crate::schema::MIGRATIONS;
use backing::Clock;
use backing::tasks::{Queue, Task};
use fmp4::TICKS;
use std::time::Duration;
use testing::{TestDatabase, databases};

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

    async fn claim(&self) -> (Task, Work) {
        let task = self
            .queue
            .claim(&[EncodeTask::FIRST_KIND, EncodeTask::KIND])
            .await
            .unwrap()
            .expect("something to encode");
        let work = serde_json::from_value(task.payload["work"].clone()).unwrap();
        (task, work)
    }

    /// Claims until it has the work; all else that is in the way stays claimed.
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

    /// Gives a work up for good.
    async fn fail(&self, work: &Work) {
        let reason = Reason {
            code: "encoder_failed".to_owned(),
            message: "it won't".to_owned(),
        };
        let mut tx = self.database.db.write().await.unwrap();
        fail(&mut tx, (self.video, 1), work, &reason, NOW).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The kinds of events in the outbox, in order.
    async fn told(&self) -> Vec<String> {
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

#[tokio::test]
async fn who_was_given_up_for_dead_publishes_nothing() {
    for house in House::on_each_engine().await {
        let (slow, work) = house.claim_work("audio-0").await;
        let before = house.video().await;
        house.clock.advance(LEASE + Duration::from_secs(1));
        let (other, same) = house.claim_work("audio-0").await;
        assert_eq!((same.key(), slow.id), (work.key(), other.id), "{}", house.database.name);
        let publication = house.publication(&work);
        for finish in [true, false] {
            let publication = Publication {
                finish,
                ..publication.clone()
            };
            assert_eq!(house.publish(&publication, &slow).await, Published::Overtaken);
        }
        assert_eq!((house.rows("pieces").await, house.video().await), (0, before));
        assert_eq!(house.publish(&publication, &other).await, Published::Done);
        assert_eq!(
            house.publish(&publication, &other).await,
            Published::Overtaken,
            "it is done"
        );
        assert_eq!(house.rows("pieces").await, 3);
        let fences = house.plans.referenced(house.video, 1).await.unwrap();
        assert!(fences.iter().all(|(_, _, fence)| *fence == other.fence));
    }
}

#[tokio::test]
async fn a_piece_that_needs_another_init_segment_is_not_published_nor_is_what_comes_with_it() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim_work("240p-0").await;
        assert_eq!(house.publish(&house.publication(&work), &task).await, Published::Done);
        let before = house.video().await;
        let (task, _) = house.claim_work("240p-1").await;
        let mut other = piece(&house.plan, &"240p".parse().unwrap(), 1);
        other.init.push(1);
        let publication = Publication {
            video: house.video,
            generation: 1,
            pieces: vec![piece(&house.plan, &"360p".parse().unwrap(), 1), other],
            finish: true,
        };
        let refused = Published::OtherParameters {
            rendition: "240p".parse().unwrap(),
        };
        assert_eq!(
            house.publish(&publication, &task).await,
            refused,
            "{}",
            house.database.name
        );
        assert_eq!((house.rows("pieces").await, house.video().await), (1, before));
        let ladders = LadderRepository::new(house.database.db.clone());
        let ladder = ladders.read(house.video, 1).await.unwrap().unwrap();
        assert!(ladder.rendition(&"360p".parse().unwrap()).is_none());
        let mut held = house.database.db.write().await.unwrap();
        assert!(
            task.is_held_in(&mut held).await.unwrap(),
            "the task is still the worker's"
        );
    }
}

#[tokio::test]
async fn a_lecture_becomes_playable_and_ready_once_each() {
    for house in House::on_each_engine().await {
        let (mut statuses, mut changes) = (Vec::new(), Vec::new());
        for _ in 0..house.plan.tasks().len() {
            let (task, work) = house.claim().await;
            house.clock.advance(Duration::from_secs(1));
            assert_eq!(house.publish(&house.publication(&work), &task).await, Published::Done);
            let video = house.video().await;
            statuses.push((work.key(), video.status));
            changes.push(video.changes);
            assert_eq!(video.reason.is_none(), video.status.can_be_watched());
        }
        let first = statuses.iter().position(|(_, status)| *status == Status::Playable);
        assert_eq!(first, Some(1), "{}: {statuses:?}", house.database.name);
        let mut begun: Vec<&str> = statuses[..2].iter().map(|(key, _)| key.as_str()).collect();
        begun.sort_unstable();
        assert_eq!(begun, ["240p-0", "audio-0"], "a rung and every sound have begun");
        let ready = statuses.iter().position(|(_, status)| *status == Status::Ready);
        assert_eq!(ready, Some(statuses.len() - 1));
        assert_eq!(house.told().await, ["playable", "ready"]);
        assert!(changes.is_sorted_by(|one, next| one < next));
        let video = house.video().await;
        assert_eq!(
            (video.playable_at, video.ready_at),
            (Some(NOW + Duration::from_secs(2)), Some(NOW + Duration::from_secs(7)))
        );
        assert_eq!(house.living().await, 0);
    }
}

#[tokio::test]
async fn what_is_read_back_has_no_gap() {
    for house in House::on_each_engine().await {
        let ladders = LadderRepository::new(house.database.db.clone());
        let read = async || ladders.read(house.video, 1).await.unwrap().unwrap();
        assert!(read().await.renditions.is_empty());
        let mut last = ladders.standing(house.video).await.unwrap().unwrap().changes;
        for (key, lengths) in [
            ("240p-0", [2]),
            ("360p-2", [2]),
            ("360p-1", [2]),
            ("240p-2", [2]),
            ("240p-1", [5]),
        ] {
            let number = key.rsplit('-').next().unwrap().parse().unwrap();
            let task = house.claim().await.0;
            let publication = Publication {
                video: house.video,
                generation: 1,
                pieces: vec![piece(&house.plan, &key[..4].parse().unwrap(), number)],
                finish: true,
            };
            assert_eq!(house.publish(&publication, &task).await, Published::Done);
            let ladder = read().await;
            let shown: Vec<_> = ladder.renditions.iter().map(PublishedRendition::length).collect();
            assert_eq!(shown, lengths, "{} after {key}", house.database.name);
            assert!(ladder.changes > last);
            last = ladder.changes;
        }
        let lowest = &read().await.renditions[0];
        assert!(lowest.complete && !lowest.failed);
        assert_eq!((lowest.average_bit_rate, lowest.peak_bit_rate), (80_000, 80_000));
        assert_eq!(lowest.segments().map(|(n, _)| n).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(ladders.read(house.video, 2).await.unwrap().is_none());
        assert!(ladders.read(VideoId::generate(), 1).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_report_is_taken_from_whoever_has_the_task() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim().await;
        let report = async |ticks| {
            let now = house.clock.now();
            house
                .plans
                .report(house.video, 1, &work, &task, (ticks, now))
                .await
                .unwrap()
        };
        assert!(report(1).await && report(2).await, "{}", house.database.name);
        assert_eq!(house.rows("encodings").await, 1);
        let mut tx = house.database.db.write().await.unwrap();
        tasks::cancel_subject(&mut tx, house.video.0, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!report(3).await, "it was taken back");
        assert_eq!(
            house.publish(&house.publication(&work), &task).await,
            Published::Overtaken
        );
    }
}

#[tokio::test]
async fn a_report_goes_with_the_piece_that_it_was_about() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim().await;
        let told = house.plans.report(house.video, 1, &work, &task, (1, NOW)).await;
        assert!(told.unwrap(), "{}", house.database.name);
        house.publish(&house.publication(&work), &task).await;
        assert_eq!(house.rows("encodings").await, 0);
    }
}

#[tokio::test]
async fn only_what_is_neither_there_nor_waiting_is_enqueued() {
    for house in House::on_each_engine().await {
        let all = i64::try_from(house.plan.tasks().len()).unwrap();
        assert_eq!(
            (house.living().await, house.enqueue_missing().await),
            (all, 0),
            "{}",
            house.database.name
        );
        let (task, work) = house.claim_work("240p-0").await;
        house.publish(&house.publication(&work), &task).await;
        assert_eq!((house.enqueue_missing().await, house.living().await), (0, all - 1));
        let mut tx = house.database.db.write().await.unwrap();
        tasks::cancel_subject(&mut tx, house.video.0, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(i64::try_from(house.enqueue_missing().await).unwrap(), all - 1);
        assert_eq!((house.enqueue_missing().await, house.living().await), (0, all - 1));
    }
}

#[tokio::test]
async fn a_lecture_fails_when_nothing_is_left_that_could_be_watched() {
    for house in House::on_each_engine().await {
        let rungs = |name: &str| Work::Piece {
            number: 1,
            rungs: vec![name.parse().unwrap()],
        };
        house.fail(&rungs("360p")).await;
        let video = house.video().await;
        assert_eq!(
            (video.status, video.reason.unwrap().code.as_str()),
            (Status::Processing, "encoder_failed"),
            "{}: 240p may still be made",
            house.database.name
        );
        assert!(house.told().await.is_empty() && house.living().await > 0);
        house.fail(&rungs("240p")).await;
        assert_eq!(house.video().await.status, Status::Failed);
        assert_eq!(
            (house.told().await, house.living().await),
            (vec!["failed".to_owned()], 0)
        );
        house.fail(&rungs("240p")).await;
        assert_eq!(house.told().await, ["failed"]);
    }
}

#[tokio::test]
async fn a_lecture_that_can_be_watched_goes_on_without_what_failed() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim_work("240p-0").await;
        house.publish(&house.publication(&work), &task).await;
        assert_eq!(house.video().await.status, Status::Processing);
        house.fail(&Work::Audio(0)).await;
        let video = house.video().await;
        assert_eq!(
            (video.status, video.reason.unwrap().code.as_str()),
            (Status::Playable, "encoder_failed"),
            "{}: nobody waits for a sound that won't come",
            house.database.name
        );
        let failed = |one: &&crate::models::lecture::Rendition| one.state == RenditionState::Failed;
        let names: Vec<_> = video
            .media
            .renditions
            .iter()
            .filter(failed)
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["audio"]);
        let piece = |rung: &str| Work::Piece {
            number: 1,
            rungs: vec![rung.parse().unwrap()],
        };
        house.fail(&piece("360p")).await;
        assert_eq!(house.video().await.status, Status::Playable, "the other may be whole");
        house.fail(&piece("240p")).await;
        assert_eq!(
            house.video().await.status,
            Status::Failed,
            "it will never be a whole lecture"
        );
        assert_eq!(house.told().await, ["playable", "failed"]);
        let ladders = LadderRepository::new(house.database.db.clone());
        let ladder = ladders.read(house.video, 1).await.unwrap().unwrap();
        assert!(ladder.renditions[0].failed && !ladder.renditions[0].complete);
    }
}

#[tokio::test]
async fn a_deletion_forgets_what_was_planned_and_published() {
    for house in House::on_each_engine().await {
        let (task, work) = house.claim_work("240p-0").await;
        house.publish(&house.publication(&work), &task).await;
        let (task, work) = house.claim().await;
        let told = house.plans.report(house.video, 1, &work, &task, (1, NOW)).await;
        assert!(told.unwrap());
        for table in ["plans", "renditions", "pieces", "encodings"] {
            assert!(house.rows(table).await > 0, "{}: {table}", house.database.name);
        }
        let mut tx = house.database.db.write().await.unwrap();
        let sql = "UPDATE videos SET status = 'deleted' WHERE id = $1";
        tx.run(sql, args![house.video]).await.unwrap();
        tasks::cancel_subject(&mut tx, house.video.0, NOW).await.unwrap();
        forget(&mut tx, house.video).await.unwrap();
        tx.commit().await.unwrap();
        for table in ["plans", "renditions", "pieces", "encodings"] {
            assert_eq!(house.rows(table).await, 0, "{}: {table}", house.database.name);
        }
        assert_eq!(house.living().await, 0);
        assert_eq!(
            house.publish(&house.publication(&work), &task).await,
            Published::Overtaken
        );
        let ladders = LadderRepository::new(house.database.db.clone());
        assert!(ladders.standing(house.video).await.unwrap().is_none());
        assert!(ladders.read(house.video, 1).await.unwrap().is_none());
    }
}
