//! From the outbox over the relay and the bus to the inbox.

use async_trait::async_trait;
use backing::bus::{Bus as _, EmbeddedBus, Handler, HandlerError};
use backing::db::Migration;
use backing::outbox::{self, Relay};
use backing::{Clock, Db, DbError, args, inbox};
use contracts::events::{CONTENT_TOPIC, VideoDeleted, VideoReady};
use contracts::{Event, NewEvent, Timestamp, UserId, VideoId};
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::{TestDatabase, databases};
use tokio::sync::{oneshot, watch};

static MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "effects",
    sqlite: "CREATE TABLE effects (event_id BLOB NOT NULL) STRICT",
    postgres: "CREATE TABLE effects (event_id UUID NOT NULL)",
}];

async fn each() -> Vec<TestDatabase> {
    databases("content", MIGRATIONS).await.unwrap()
}

fn event(video: VideoId) -> NewEvent {
    NewEvent::of_video(
        video,
        VideoReady {
            owner_id: UserId::generate(),
        }
        .into(),
    )
}

async fn push(db: &Db, clock: &Clock, video: VideoId) -> Event {
    let mut tx = db.write().await.unwrap();
    let event = outbox::push(&mut tx, &event(video), clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    event
}

/// Keeps what it gets, refuses what it was told to.
#[derive(Default)]
struct Group {
    seen: Mutex<Vec<Event>>,
    refused: Mutex<HashMap<VideoId, u32>>,
    count: watch::Sender<usize>,
}

impl Group {
    fn seen(&self) -> Vec<Event> {
        self.seen.lock().unwrap().clone()
    }

    fn refuse(&self, video: VideoId, times: u32) {
        self.refused.lock().unwrap().insert(video, times);
    }

    async fn wait_for(&self, count: usize) {
        self.count.subscribe().wait_for(|seen| *seen >= count).await.unwrap();
    }
}

#[async_trait]
impl Handler for Group {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        if let Some(times @ 1..) = self.refused.lock().unwrap().get_mut(&VideoId::from(event.subject)) {
            *times -= 1;
            return Err(HandlerError("refused".to_owned()));
        }
        let mut seen = self.seen.lock().unwrap();
        seen.push(event.clone());
        self.count.send_replace(seen.len());
        Ok(())
    }
}

fn bus() -> (Arc<EmbeddedBus>, Arc<Group>) {
    let (bus, group) = (Arc::new(EmbeddedBus::new()), Arc::new(Group::default()));
    bus.subscribe_group("test", &[CONTENT_TOPIC], group.clone());
    (bus, group)
}

fn fixed() -> Clock {
    Clock::fixed(Timestamp::from_seconds(1_800_000_000))
}

#[tokio::test]
async fn an_event_is_published_once_its_transaction_has_committed_and_never_otherwise() {
    for test in each().await {
        let (bus, group) = bus();
        let clock = fixed();
        let relay = Relay::new(test.db.clone(), bus, clock.clone());
        let mut tx = test.db.write().await.unwrap();
        outbox::push(&mut tx, &event(VideoId::generate()), clock.now())
            .await
            .unwrap();
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}", test.name);
        tx.rollback().await.unwrap();
        let told = push(&test.db, &clock, VideoId::generate()).await;
        assert_eq!(relay.publish_due().await.unwrap(), 1);
        assert_eq!(group.seen(), [told], "{}", test.name);
        assert_eq!(outbox::waiting(&test.db).await.unwrap(), 0);
        assert_eq!(relay.publish_due().await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_video_are_numbered_in_the_order_of_their_commits_and_come_in_it() {
    for test in each().await {
        let (bus, group) = bus();
        let clock = fixed();
        let videos: Vec<VideoId> = (0..5).map(|_| VideoId::generate()).collect();
        let pushes = (0..100).map(|n| push(&test.db, &clock, videos[n % 5]));
        join_all(pushes).await;
        // several relays, as in several processes, beside each other
        let relay = || Relay::new(test.db.clone(), bus.clone(), clock.clone());
        let publish = |relay: Relay| async move { while relay.publish_due().await.unwrap() > 0 {} };
        join_all((0..3).map(|_| publish(relay()))).await;
        let seen = group.seen();
        assert_eq!(seen.len(), 100, "{}", test.name);
        for video in videos {
            let numbers = seen
                .iter()
                .filter(|event| event.subject == video.0)
                .map(|event| event.sequence);
            assert!(numbers.eq(1..=20), "{}: out of order", test.name);
        }
    }
}

#[tokio::test]
async fn an_event_that_is_refused_is_tried_again_later_and_holds_up_only_its_own_video() {
    for test in each().await {
        let (bus, group) = bus();
        let clock = fixed();
        let relay = Relay::new(test.db.clone(), bus, clock.clone());
        let (bad, good) = (VideoId::generate(), VideoId::generate());
        group.refuse(bad, 2);
        for video in [bad, bad, good] {
            push(&test.db, &clock, video).await;
        }
        assert_eq!(relay.publish_due().await.unwrap(), 2);
        assert!(
            group.seen().iter().map(|event| event.subject).eq([good.0]),
            "{}",
            test.name
        );
        assert_eq!(
            relay.publish_due().await.unwrap(),
            0,
            "{}: no pause before the next try",
            test.name
        );
        push(&test.db, &clock, bad).await; // a new one does not shorten the pause
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}", test.name);
        for pause in [250, 500] {
            clock.advance(Duration::from_millis(pause));
            assert_eq!(relay.publish_due().await.unwrap(), 1, "{}", test.name);
        }
        let seen = group.seen();
        let of_bad = seen
            .iter()
            .filter(|event| event.subject == bad.0)
            .map(|event| event.sequence);
        assert!(of_bad.eq([1, 2, 3]), "{}: {seen:?}", test.name);
    }
}

#[tokio::test]
async fn what_a_relay_that_vanished_had_claimed_is_published_by_another_after_the_lease() {
    struct Stuck;
    #[async_trait]
    impl Handler for Stuck {
        async fn handle(&self, _: &Event) -> Result<(), HandlerError> {
            std::future::pending().await
        }
    }
    for test in each().await {
        let clock = fixed();
        push(&test.db, &clock, VideoId::generate()).await;
        let stuck = Arc::new(EmbeddedBus::new());
        stuck.subscribe_group("stuck", &[CONTENT_TOPIC], Arc::new(Stuck));
        let vanishing = Relay::new(test.db.clone(), stuck, clock.clone());
        assert!(
            tokio::time::timeout(Duration::from_millis(500), vanishing.publish_due())
                .await
                .is_err()
        );
        let (bus, group) = bus();
        let relay = Relay::new(test.db.clone(), bus, clock.clone());
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}", test.name);
        clock.advance(Duration::from_secs(61));
        assert_eq!(relay.publish_due().await.unwrap(), 1, "{}", test.name);
        assert_eq!(group.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_running_relay_is_woken_by_a_commit_and_stops_when_told() {
    for test in each().await {
        let (bus, group) = bus();
        let mut broadcast = bus.subscribe_broadcast(CONTENT_TOPIC);
        let clock = Clock::system();
        let (stop, stopped) = oneshot::channel::<()>();
        let relay = Relay::new(test.db.clone(), bus, clock.clone());
        let work = async {
            for _ in 0..20 {
                let told = push(&test.db, &clock, VideoId::generate()).await;
                assert_eq!(broadcast.recv().await.unwrap(), told);
            }
            group.wait_for(20).await;
            stop.send(()).unwrap();
        };
        tokio::join!(work, relay.run(async { stopped.await.unwrap() }));
    }
}

/// Has its effect in one transaction with the inbox, and fails after it now and then.
struct Effect {
    db: Db,
    calls: Mutex<u32>,
}

#[async_trait]
impl Handler for Effect {
    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let mut tx = self.db.write().await?;
        if inbox::first_time(&mut tx, "effect", event.id).await? {
            tx.run("INSERT INTO effects (event_id) VALUES ($1)", args![event.id])
                .await?;
            tx.commit().await?;
        }
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        if *calls % 2 == 1 {
            return Err(HandlerError("after the effect".to_owned()));
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_effect_happens_once_however_often_the_event_comes() {
    for test in each().await {
        let (clock, bus) = (fixed(), Arc::new(EmbeddedBus::new()));
        let effect = Arc::new(Effect {
            db: test.db.clone(),
            calls: Mutex::default(),
        });
        bus.subscribe_group("effect", &[CONTENT_TOPIC], effect.clone());
        let relay = Relay::new(test.db.clone(), bus, clock.clone());
        let mut told = Vec::new();
        for _ in 0..3 {
            told.push(push(&test.db, &clock, VideoId::generate()).await.id);
        }
        while outbox::waiting(&test.db).await.unwrap() > 0 {
            relay.publish_due().await.unwrap();
            clock.advance(Duration::from_secs(60));
        }
        let mut done: Vec<(contracts::EventId,)> = test
            .db
            .read()
            .all("SELECT event_id FROM effects", args![])
            .await
            .unwrap();
        done.sort_unstable();
        assert!(done.into_iter().map(|(id,)| id).eq(told), "{}", test.name);
        assert!(*effect.calls.lock().unwrap() > 3, "{}: no event came twice", test.name);
    }
}

#[tokio::test]
async fn an_effect_that_is_rolled_back_may_happen_again() {
    for test in each().await {
        let clock = fixed();
        let event = push(&test.db, &clock, VideoId::generate()).await;
        let mark = |consumer: &'static str, commit: bool| {
            let db = test.db.clone();
            async move {
                let mut tx = db.write().await?;
                let first = inbox::first_time(&mut tx, consumer, event.id).await?;
                if commit {
                    tx.commit().await?;
                } else {
                    tx.rollback().await?;
                }
                Ok::<bool, DbError>(first)
            }
        };
        assert!(mark("one", false).await.unwrap());
        assert!(mark("one", true).await.unwrap(), "{}", test.name);
        assert!(!mark("one", true).await.unwrap(), "{}", test.name);
        assert!(
            mark("two", true).await.unwrap(),
            "{}: consumers share an inbox",
            test.name
        );
    }
}

#[tokio::test]
async fn an_event_keeps_its_data_on_its_way() {
    for test in each().await {
        let (bus, group) = bus();
        let clock = fixed();
        let data = VideoDeleted {
            owner_id: UserId::generate(),
            policy_version: 7,
        };
        let video = VideoId::generate();
        let mut tx = test.db.write().await.unwrap();
        outbox::push(&mut tx, &NewEvent::of_video(video, data.clone().into()), clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Relay::new(test.db.clone(), bus, clock.clone())
            .publish_due()
            .await
            .unwrap();
        let seen = group.seen();
        assert_eq!(
            (seen[0].data.clone(), seen[0].subject, seen[0].time),
            (data.into(), video.0, clock.now())
        );
    }
}
