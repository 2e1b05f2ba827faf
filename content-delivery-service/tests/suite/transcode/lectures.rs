//! Lectures whose pieces the tests publish as workers do.

use crate::server::{Server, UPLOAD, film};
use async_trait::async_trait;
use backing::db::{DbError, Tx};
use backing::tasks::{Done, Job, JobError, Queue, Task, Worker};
use contracts::{RenditionName, VideoId};
use fmp4::TICKS;
use renditions::ledger::{Finding, Ledger};
use renditions::models::plan::{Plan, Track, Work};
use renditions::models::publication::{NewPiece, Publication, Published};
use renditions::models::survey::{Survey, SurveyAudio, SurveyFrame, SurveyVideo};
use renditions::tasks::EncodeTask;
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use testing::{Person, Reply};

const RUNGS: [u32; 2] = [240, 360];

/// A server whose encoders are the test.
pub(super) struct Studio {
    pub(super) server: Server,
    pub(super) person: Person,
    pub(super) queue: Queue,
    pub(super) service: Ledger,
}

/// A task to encode, as a worker holds it.
pub(super) struct Order {
    pub(super) task: Task,
    pub(super) generation: u32,
    pub(super) work: Work,
}

impl Studio {
    pub(super) async fn on_each_engine() -> Vec<Self> {
        let servers = Server::on_each_engine().await;
        servers.into_iter().map(Self::new).collect()
    }

    fn new(server: Server) -> Self {
        let (db, clock) = (server.db.clone(), server.clock.clone());
        Self {
            queue: Queue::new(db.clone(), clock.clone(), Duration::from_secs(30)),
            service: Ledger::new(db, clock, &RUNGS),
            person: Person::instructor(),
            server,
        }
    }

    /// A lecture whose scan waits.
    pub(super) async fn uploaded(&self) -> VideoId {
        let request = self.server.request(Method::POST, UPLOAD).body(film(2_000));
        let request = request.header("content-type", "video/mp4");
        let reply = self
            .server
            .send(request.bearer_auth(self.server.token(&self.person)))
            .await;
        reply.is(201).id().parse().unwrap()
    }

    /// A lecture of 25 seconds whose encoding waits: 240p, 360p and a sound, the picture in three pieces.
    pub(super) async fn planned(&self) -> VideoId {
        let video = self.uploaded().await;
        self.found(video, &Finding::Surveyed(&survey())).await;
        video
    }

    /// What the scan finds.
    pub(super) async fn found(&self, video: VideoId, finding: &Finding<'_>) {
        let task = self.queue.claim(&["scan"]).await.unwrap().expect("a scan waits");
        assert_eq!(task.payload["video_id"], video.to_string());
        self.service.record(video, finding, &task).await.unwrap();
    }

    /// The next thing to encode.
    pub(super) async fn claim(&self) -> Option<Order> {
        let task = self
            .queue
            .claim(&[EncodeTask::FIRST_KIND, EncodeTask::KIND])
            .await
            .unwrap()?;
        let generation = task.payload["generation"].as_u64().unwrap();
        Some(Order {
            generation: u32::try_from(generation).unwrap(),
            work: serde_json::from_value(task.payload["work"].clone()).unwrap(),
            task,
        })
    }

    /// What an encoder makes of a task.
    pub(super) async fn pieces(&self, video: VideoId, order: &Order) -> Vec<NewPiece> {
        let plan = self.service.plan(video, order.generation).await.unwrap().unwrap();
        pieces(&plan, &order.work)
    }

    pub(super) async fn publish(&self, video: VideoId, order: &Order) {
        let publication = Publication {
            video,
            generation: order.generation,
            pieces: self.pieces(video, order).await,
            failed: Vec::new(),
            finish: true,
        };
        let published = self.service.publish(&publication, &order.task).await.unwrap();
        assert_eq!(published, Published::Done);
    }

    /// Encodes so many tasks, a second each.
    pub(super) async fn encode(&self, video: VideoId, tasks: usize) {
        for _ in 0..tasks {
            let order = self.claim().await.expect("something to encode");
            assert!(self.tell(video, &order, 0).await);
            self.server.clock.advance(Duration::from_secs(1));
            self.publish(video, &order).await;
        }
    }

    /// Encodes all that waits.
    pub(super) async fn encode_all(&self, video: VideoId) -> usize {
        let mut encoded = 0;
        while let Some(order) = self.claim().await {
            self.publish(video, &order).await;
            encoded += 1;
        }
        encoded
    }

    /// Reports how many seconds of its piece an encoder has done.
    pub(super) async fn tell(&self, video: VideoId, order: &Order, seconds: u64) -> bool {
        let ticks = seconds * u64::from(TICKS);
        let (generation, work) = (order.generation, &order.work);
        self.service
            .report(video, generation, work, &order.task, ticks)
            .await
            .unwrap()
    }

    /// Makes every waiting piece of some rungs fail permanently, and encodes everything else.
    pub(super) async fn fail(&self, video: VideoId, rungs: &'static [&'static str]) {
        let jobs = [EncodeTask::FIRST_KIND, EncodeTask::KIND].map(|kind| -> Arc<dyn Job> {
            Arc::new(Refusing {
                kind,
                video,
                rungs,
                service: self.service.clone(),
            })
        });
        let worker = Worker::new(self.queue.clone(), jobs.to_vec(), 1, Duration::from_millis(20));
        let idle = async {
            while self.queue.waiting().await.unwrap() > 0 || self.running().await > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), worker.run(idle))
            .await
            .unwrap();
    }

    /// Has a worker give up the next piece of the lowest rung of a plan.
    pub(super) async fn give_up(&self, video: VideoId, generation: u32) {
        let work = Work::Piece {
            number: 0,
            rungs: vec!["240p".parse().unwrap()],
        };
        let mut tx = self.server.db.write().await.unwrap();
        self.service
            .fail(&mut tx, (video, generation), &work, "encoder_failed", "it won't")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn running(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM tasks WHERE state = 'running'").await
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        let row: Option<(i64,)> = self.server.db.read().one(sql, backing::args![]).await.unwrap();
        row.unwrap().0
    }

    /// How many tasks to encode wait.
    pub(super) async fn to_encode(&self) -> i64 {
        self.waiting(EncodeTask::FIRST_KIND).await + self.waiting(EncodeTask::KIND).await
    }

    /// How many tasks of a kind wait.
    pub(super) async fn waiting(&self, kind: &str) -> i64 {
        let sql = "SELECT COUNT(*) FROM tasks WHERE kind = $1 AND state IN ('scheduled', 'waiting')";
        let row: Option<(i64,)> = self.server.db.read().one(sql, backing::args![kind]).await.unwrap();
        row.unwrap().0
    }

    pub(super) async fn details(&self, video: VideoId) -> Value {
        let reply = self.server.details(&self.person, &video.to_string()).await;
        reply.is(200);
        reply.json
    }

    pub(super) async fn ask(&self, method: Method, video: VideoId) -> Reply {
        self.server.ask(&self.person, method, &path(video)).await
    }

    /// Asks for what is missing.
    pub(super) async fn request(&self, video: VideoId, body: &'static str) -> Reply {
        let request = self.server.request(Method::POST, &path(video)).body(body);
        let request = request.bearer_auth(self.server.token(&self.person));
        self.server
            .send(request.header("content-type", "application/json"))
            .await
    }

    pub(super) async fn transcode(&self, video: VideoId) -> Value {
        let reply = self.ask(Method::GET, video).await;
        reply.is(200);
        reply.json
    }
}

pub(super) fn path(video: VideoId) -> String {
    format!("/api/v1/content/{video}/transcode")
}

/// Name, state and progress of each rendition.
pub(super) fn rungs(video: &Value) -> Vec<(String, String, f64)> {
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    let renditions = video["renditions"].as_array().unwrap().iter();
    renditions
        .map(|one| (text(one, "name"), text(one, "state"), one["progress"].as_f64().unwrap()))
        .collect()
}

/// States alone, the picture's best rung first.
pub(super) fn states(video: &Value) -> Vec<String> {
    rungs(video)
        .into_iter()
        .map(|(name, state, _)| format!("{name} {state}"))
        .collect()
}

pub(super) fn survey() -> Survey {
    survey_of(25)
}

/// What is found in a lecture of so many seconds.
pub(super) fn survey_of(seconds: u64) -> Survey {
    let end = seconds * u64::from(TICKS);
    Survey {
        container: "matroska".to_owned(),
        zero: 0,
        cut: false,
        duration: end,
        video: Some(SurveyVideo {
            stream: 0,
            codec: "hevc".to_owned(),
            width: 640,
            height: 360,
            frame_rate: 25.0,
            rotation: 0,
            frames: (0..seconds * 25)
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
            (0..)
                .zip(&plan.audio.pieces)
                .map(|(number, _)| piece(&plan.audio, name, number))
                .collect()
        }
        Work::Piece { number, rungs } => rungs.iter().map(|name| piece(&plan.video, name, *number)).collect(),
    }
}

fn piece(track: &Track, name: &RenditionName, number: u32) -> NewPiece {
    let planned = &track.pieces[usize::try_from(number).unwrap()];
    let bounds = track.bounds_of(planned).unwrap();
    NewPiece {
        rendition: name.clone(),
        piece: number,
        first: planned.first,
        last: usize::try_from(number).unwrap() + 1 == track.pieces.len(),
        init: name.as_str().as_bytes().to_vec(),
        codecs: if name.is_sound() { "mp4a.40.2" } else { "avc1.640015" }.to_owned(),
        timescale: TICKS,
        segments: bounds
            .windows(2)
            .map(|pair| (u32::try_from(pair[1] - pair[0]).unwrap(), 50_000))
            .collect(),
        frames: 1,
    }
}

/// Fails at some rungs and encodes the rest.
struct Refusing {
    kind: &'static str,
    video: VideoId,
    rungs: &'static [&'static str],
    service: Ledger,
}

#[async_trait]
impl Job for Refusing {
    fn kind(&self) -> &'static str {
        self.kind
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        let work: Work = serde_json::from_value(task.payload["work"].clone()).unwrap();
        if let Work::Piece { rungs, .. } = &work
            && rungs.iter().any(|rung| self.rungs.contains(&rung.as_str()))
        {
            return Err(JobError::Permanent("encoder_failed".to_owned(), "it won't".to_owned()));
        }
        let plan = self.service.plan(self.video, 1).await?.unwrap();
        let publication = Publication {
            video: self.video,
            generation: 1,
            pieces: pieces(&plan, &work),
            failed: Vec::new(),
            finish: true,
        };
        self.service.publish(&publication, task).await?;
        Ok(Done::AlreadyComplete)
    }

    async fn abandoned(&self, tx: &mut Tx, task: &Task, code: &str, message: &str) -> Result<(), DbError> {
        let work: Work = serde_json::from_value(task.payload["work"].clone()).unwrap();
        self.service.fail(tx, (self.video, 1), &work, code, message).await
    }
}
