use super::*;
use crate::models::lecture::{AudioTrack, RenditionState, VideoTrack};
use crate::models::outcome::{Outcome, Source};
use crate::models::plan::SourceRung;
use crate::models::planning::plan_of_survey;
use crate::models::publication::{Tally, shown};
use crate::models::survey::{Survey, SurveyAudio, SurveyFrame, SurveyVideo};
use crate::repositories::transcode_repository::write_with_events;
use crate::schema::MIGRATIONS;
use backing::db::Db;
use contracts::{Timestamp, UserId};
use fmp4::TICKS;
use testing::databases;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A film of 25 s with two sounds.
fn survey() -> Survey {
    let end = 25 * u64::from(TICKS);
    let sound = |stream, language: Option<&str>| SurveyAudio {
        stream,
        codec: "opus".to_owned(),
        channels: 6,
        sample_rate: 48_000,
        language: language.map(str::to_owned),
        end: end - u64::from(stream) * 90_000,
        silences: Vec::new(),
        stretches: Vec::new(),
    };
    Survey {
        container: "matroska".to_owned(),
        zero: 0,
        duration: end,
        cut: false,
        video: Some(SurveyVideo {
            stream: 0,
            codec: "hevc".to_owned(),
            width: 854,
            height: 480,
            frame_rate: 29.97,
            rotation: 0,
            frames: (0..749)
                .map(|n| SurveyFrame {
                    time: n * 3_003,
                    key: n % 60 == 0,
                    stretch: 0,
                })
                .collect(),
            end,
            stretches: Vec::new(),
        }),
        audio: vec![sound(1, Some("deu")), sound(2, None)],
    }
}

/// A source that plays as it is: a sound before the picture in the file.
fn playable() -> Source {
    let own = |name: &str, codecs: &str, size: Option<(u32, u32)>| Rendition {
        name: name.parse().unwrap(),
        codecs: codecs.to_owned(),
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        bit_rate: 2_000_000,
        state: RenditionState::Ready,
        progress: 1.0,
        reason: None,
    };
    Source {
        container: "mp4".to_owned(),
        duration_us: Some(25_000_000),
        media: Media {
            video: Some(VideoTrack {
                codec: "h264".to_owned(),
                width: 1920,
                height: 1080,
                frame_rate: 24.0,
                rotation: 0,
            }),
            audio: vec![AudioTrack {
                codec: "aac".to_owned(),
                channels: 2,
                language: Some("eng".to_owned()),
            }],
            notes: Vec::new(),
            renditions: vec![
                own("audio", "mp4a.40.2", None),
                own("source", "avc1.640028", Some((1920, 1080))),
            ],
        },
    }
}

/// What is found in three lectures: one that is encoded, one that is encoded below its source, one that plays as it is.
fn outcomes() -> Vec<Outcome> {
    let plan = plan_of_survey(&survey(), &[240, 360]);
    let below = Plan {
        sounds: Vec::new(),
        audio: crate::models::plan::Track::default(),
        source: Some(SourceRung {
            short_side: 1080,
            stays: false,
        }),
        ..plan.clone()
    };
    vec![
        Outcome::Planned {
            source: Source::surveyed(&survey()),
            plan: Box::new(plan),
        },
        Outcome::Playable {
            source: playable(),
            plan: Box::new(below),
        },
        Outcome::Playable {
            source: playable(),
            plan: Box::new(Plan::none()),
        },
    ]
}

async fn create(tx: &mut Tx, media: Option<String>) -> VideoId {
    let video = VideoId::generate();
    let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, generation, media, \
               created_at, updated_at) VALUES ($1, $2, 'Tides', '', 'processing', 1, 1, 0, $3, $4, $4)";
    tx.run(sql, args![video, UserId::generate(), media, NOW]).await.unwrap();
    video
}

/// Writes an outcome as the version before migration 5 did.
async fn write_as_before(db: &Db, outcome: &Outcome) -> VideoId {
    let (Outcome::Planned { source, plan } | Outcome::Playable { source, plan }) = outcome else {
        panic!("nothing is described of it");
    };
    let own = of_source(&source.media, &source.media.renditions, false);
    let media = Media {
        renditions: shown(&own, &of_plan(plan), |_| Tally::default()),
        ..source.media.clone()
    };
    let mut tx = db.write().await.unwrap();
    let video = create(&mut tx, serde_json::to_string(&media).ok()).await;
    if !plan.is_empty() {
        let sql = "INSERT INTO plans (video_id, generation, plan, created_at) VALUES ($1, 1, $2, $3)";
        tx.run(sql, args![video, serde_json::to_string(plan).ok(), NOW])
            .await
            .unwrap();
        for name in plan.names() {
            let sql = "INSERT INTO renditions (video_id, generation, name) VALUES ($1, 1, $2)";
            tx.run(sql, args![video, name]).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
    video
}

async fn write_now(db: &Db, outcome: &Outcome) -> VideoId {
    let mut tx = db.write().await.unwrap();
    let video = create(&mut tx, None).await;
    write_with_events(&mut tx, video, outcome, NOW).await.unwrap();
    tx.commit().await.unwrap();
    video
}

/// The descriptions of what is cut from a source, and of its first plan.
async fn described(db: &Db, video: VideoId) -> [Vec<Description>; 2] {
    let mut all = [Vec::new(), Vec::new()];
    for (generation, found) in (0_u32..).zip(&mut all) {
        let sql = concat!(
            "SELECT ",
            described!(),
            " FROM renditions WHERE video_id = $1 AND generation = $2 ORDER BY place"
        );
        *found = db.read().all(sql, args![video, generation]).await.unwrap();
    }
    all
}

#[tokio::test]
async fn renditions_of_the_version_before_are_described_as_a_fresh_plan_describes_them() {
    let mut engines = Vec::new();
    for engine in databases("content", &MIGRATIONS[..4]).await.unwrap() {
        let mut before = Vec::new();
        for outcome in outcomes() {
            before.push(write_as_before(&engine.db, &outcome).await);
        }
        let mut tx = engine.db.write().await.unwrap();
        let sql = "UPDATE renditions SET codecs = 'avc1.640015' WHERE video_id = $1 AND name = '240p'";
        assert_eq!(tx.run(sql, args![before[0]]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let db = Db::open(&engine.url, "content", MIGRATIONS).await.unwrap();
        let mut filled = Vec::new();
        for (outcome, video) in outcomes().iter().zip(before) {
            let fresh = described(&db, write_now(&db, outcome).await).await;
            filled.push((described(&db, video).await, fresh));
        }
        engines.push(filled);
    }
    for filled in &mut engines {
        let begun = &mut filled[0].0[1][1];
        assert_eq!(
            (begun.name.as_str(), begun.codecs.take().as_deref()),
            ("240p", Some("avc1.640015"))
        );
        for (old, fresh) in filled {
            assert_eq!(old, fresh);
        }
    }
    assert_eq!(engines[0], engines[1], "SQLite and PostgreSQL");
    let names = |all: &[Description]| all.iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    let [planned, below, alone] = [0, 1, 2].map(|n| &engines[0][n].0);
    assert_eq!(names(&planned[1]), ["360p", "240p", "audio", "audio-2"]);
    assert!(planned[0].is_empty() && alone[1].is_empty());
    assert_eq!(names(&below[0]), ["source", "audio"]);
    assert_eq!((below[0][0].stands_in, alone[0][0].stands_in), (true, false));
}
