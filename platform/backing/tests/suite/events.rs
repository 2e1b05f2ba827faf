//! From the outbox through the relay to the bus.

use async_trait::async_trait;
use backing::bus::{Broadcast, Bus, BusError, Consumer, Lag, Outgoing, Relay, Subscription};
use backing::outbox;
use backing::{Clock, Db, DbError, args, inbox};
use contracts::events::{CONTENT_TOPIC, Received, VideoDeleted, VideoReady};
use contracts::{Event, EventId, NewEvent, Timestamp, UserId, VideoId};
use futures::future::join_all;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::{TestDatabase, databases, until};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

async fn each() -> Vec<TestDatabase> {
    databases("content", &[]).await.unwrap()
}

fn event(video: VideoId) -> NewEvent {
    let owner_id = UserId::generate();
    NewEvent::of_video(video, VideoReady { owner_id }.into())
}

async fn push(db: &Db, clock: &Clock, video: VideoId) -> Event {
    let mut tx = db.write().await.unwrap();
    let event = outbox::push(&mut tx, &event(video), clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    event
}

/// A bus that records published events, and refuses batches with some videos a number of times.
#[derive(Default)]
struct Shelf {
    batches: Mutex<Vec<Vec<Outgoing>>>,
    refused: Mutex<HashMap<Uuid, u32>>,
    stuck: bool,
    away: AtomicBool,
    count: watch::Sender<usize>,
}

impl Shelf {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The accepted events in order, without repetitions.
    fn seen(&self) -> Vec<Event> {
        let (batches, mut ids) = (self.batches.lock().unwrap(), HashSet::new());
        let new = batches.iter().flatten().filter(|outgoing| ids.insert(outgoing.id));
        new.map(|outgoing| match Event::read(&outgoing.bytes).unwrap() {
            Received::Known(event) => event,
            Received::Unknown(kind) => panic!("{kind}"),
        })
        .collect()
    }

    fn refuse(&self, video: VideoId, times: u32) {
        self.refused.lock().unwrap().insert(video.into(), times);
    }
}

#[async_trait]
impl Bus for Shelf {
    async fn prepare(&self, _: &[&str]) -> Result<(), BusError> {
        Ok(())
    }

    async fn publish(&self, topic: &str, batch: &[Outgoing]) -> Result<(), BusError> {
        assert_eq!(topic, CONTENT_TOPIC);
        if self.stuck {
            std::future::pending::<()>().await;
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(BusError::Away("away".to_owned()));
        }
        for (video, times) in self.refused.lock().unwrap().iter_mut() {
            if *times > 0 && batch.iter().any(|outgoing| outgoing.key == *video) {
                *times -= 1;
                return Err(BusError::Refused("refused".to_owned()));
            }
        }
        self.batches.lock().unwrap().push(batch.to_vec());
        self.count.send_modify(|count| *count += batch.len());
        Ok(())
    }

    async fn subscribe_group(&self, _: Subscription) -> Result<Consumer, BusError> {
        Err(BusError::Refused("nobody listens".to_owned()))
    }

    async fn subscribe_broadcast(&self, _: &'static str) -> Result<(Broadcast, Consumer), BusError> {
        Err(BusError::Refused("nobody listens".to_owned()))
    }

    async fn lag(&self) -> Result<Vec<Lag>, BusError> {
        Ok(Vec::new())
    }
}

fn fixed() -> Clock {
    Clock::fixed(Timestamp::from_seconds(1_800_000_000))
}

#[tokio::test]
async fn an_event_is_published_once_its_transaction_has_committed_and_never_otherwise() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), fixed());
        let relay = Relay::new(test.db.clone(), shelf.clone(), clock.clone());
        let mut tx = test.db.write().await.unwrap();
        outbox::push(&mut tx, &event(VideoId::generate()), clock.now())
            .await
            .unwrap();
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}", test.name);
        tx.rollback().await.unwrap();
        let pushed = push(&test.db, &clock, VideoId::generate()).await;
        assert_eq!(relay.publish_due().await.unwrap(), 1);
        assert_eq!(shelf.seen(), [pushed], "{}", test.name);
        assert_eq!(outbox::waiting(&test.db).await.unwrap(), 0);
        assert_eq!(relay.publish_due().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn events_of_many_videos_leave_in_one_batch_as_the_bytes_that_were_pushed() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), fixed());
        let videos: Vec<VideoId> = (0..3).map(|_| VideoId::generate()).collect();
        let mut pushed = Vec::new();
        for n in 0..9 {
            pushed.push(push(&test.db, &clock, videos[n % 3]).await);
        }
        let relay = Relay::new(test.db.clone(), shelf.clone(), clock);
        assert_eq!(relay.publish_due().await.unwrap(), 3, "{}", test.name);
        let batches = shelf.batches.lock().unwrap();
        assert_eq!(batches.len(), 1, "{}", test.name);
        assert_eq!(batches[0].len(), 9);
        for event in pushed {
            let outgoing = batches[0].iter().find(|outgoing| outgoing.id == event.id).unwrap();
            assert_eq!(outgoing.key, event.subject);
            assert_eq!(outgoing.bytes, serde_json::to_vec(&event).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_video_are_numbered_and_published_in_the_order_of_their_commits() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), fixed());
        let videos: Vec<VideoId> = (0..5).map(|_| VideoId::generate()).collect();
        let pushes = (0..100).map(|n| push(&test.db, &clock, videos[n % 5]));
        join_all(pushes).await;
        // several relays in parallel, as in several processes
        let relay = || Relay::new(test.db.clone(), shelf.clone(), clock.clone());
        let publish = |relay: Relay| async move { while relay.publish_due().await.unwrap() > 0 {} };
        join_all((0..3).map(|_| publish(relay()))).await;
        let seen = shelf.seen();
        assert_eq!(seen.len(), 100, "{}", test.name);
        for video in videos {
            let numbers = seen
                .iter()
                .filter(|event| event.subject == Uuid::from(video))
                .map(|event| event.sequence);
            assert!(numbers.eq(1..=20), "{}: out of order", test.name);
        }
    }
}

#[tokio::test]
async fn a_refused_batch_is_retried_later_video_by_video() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), fixed());
        let relay = Relay::new(test.db.clone(), shelf.clone(), clock.clone());
        let (bad, good) = (VideoId::generate(), VideoId::generate());
        shelf.refuse(bad, 3);
        for video in [bad, bad, good] {
            push(&test.db, &clock, video).await;
        }
        assert_eq!(relay.publish_due().await.unwrap(), 2);
        assert!(shelf.seen().is_empty(), "{}: part of a batch", test.name);
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}: no pause", test.name);
        push(&test.db, &clock, bad).await; // a new one does not shorten the pause
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}", test.name);
        clock.advance(Duration::from_millis(250));
        assert_eq!(relay.publish_due().await.unwrap(), 2, "{}", test.name);
        let subjects: Vec<Uuid> = shelf.seen().iter().map(|event| event.subject).collect();
        assert_eq!(subjects, [Uuid::from(good)], "{}: held up by another video", test.name);
        for pause in [500, 1_000] {
            clock.advance(Duration::from_millis(pause));
            assert_eq!(relay.publish_due().await.unwrap(), 1, "{}", test.name);
        }
        let seen = shelf.seen();
        let of_bad = seen
            .iter()
            .filter(|event| event.subject == Uuid::from(bad))
            .map(|event| event.sequence);
        assert!(of_bad.eq([1, 2, 3]), "{}: {seen:?}", test.name);
    }
}

#[tokio::test]
async fn a_bus_that_is_back_gets_everything_at_once_however_long_it_was_away() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), fixed());
        let relay = Relay::new(test.db.clone(), shelf.clone(), clock.clone());
        for _ in 0..20 {
            push(&test.db, &clock, VideoId::generate()).await;
        }
        shelf.away.store(true, Ordering::SeqCst);
        for _ in 0..30 {
            assert_eq!(relay.publish_due().await.unwrap(), 20, "{}", test.name);
            assert_eq!(relay.publish_due().await.unwrap(), 0, "{}: no pause", test.name);
            clock.advance(Duration::from_secs(1));
        }
        shelf.away.store(false, Ordering::SeqCst);
        assert_eq!(relay.publish_due().await.unwrap(), 20, "{}", test.name);
        assert_eq!(shelf.batches.lock().unwrap().len(), 1, "{}: one by one", test.name);
        assert_eq!(shelf.seen().len(), 20, "{}", test.name);
    }
}

#[tokio::test]
async fn a_row_that_is_no_event_holds_up_its_own_video_only() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), fixed());
        let relay = Relay::new(test.db.clone(), shelf.clone(), clock.clone());
        let (bad, good) = (VideoId::generate(), VideoId::generate());
        let mended = push(&test.db, &clock, bad).await;
        write(&test.db, bad, "no event").await;
        let first = push(&test.db, &clock, good).await;
        assert_eq!(relay.publish_due().await.unwrap(), 2, "{}", test.name);
        assert_eq!(shelf.seen(), std::slice::from_ref(&first), "{}", test.name);
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}: no pause", test.name);
        for pause in [250, 500] {
            clock.advance(Duration::from_millis(pause));
            assert_eq!(relay.publish_due().await.unwrap(), 1, "{}", test.name);
        }
        let second = push(&test.db, &clock, good).await;
        assert_eq!(relay.publish_due().await.unwrap(), 1, "{}", test.name);
        write(&test.db, bad, &serde_json::to_string(&mended).unwrap()).await;
        clock.advance(Duration::from_secs(1));
        assert_eq!(relay.publish_due().await.unwrap(), 1, "{}", test.name);
        assert_eq!(shelf.seen(), [first, second, mended], "{}", test.name);
        assert_eq!(outbox::waiting(&test.db).await.unwrap(), 0, "{}", test.name);
    }
}

/// Overwrites the waiting event of a video.
async fn write(db: &Db, video: VideoId, json: &str) {
    let mut tx = db.write().await.unwrap();
    let sql = "UPDATE outbox SET event = $2 WHERE subject = $1";
    assert_eq!(tx.run(sql, args![video, json]).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_claim_of_a_vanished_relay_passes_to_another_after_the_lease() {
    for test in each().await {
        let clock = fixed();
        push(&test.db, &clock, VideoId::generate()).await;
        let stuck = Arc::new(Shelf {
            stuck: true,
            ..Shelf::default()
        });
        let vanishing = Relay::new(test.db.clone(), stuck, clock.clone());
        let waited = tokio::time::timeout(Duration::from_millis(500), vanishing.publish_due()).await;
        assert!(waited.is_err(), "{}: nothing was stuck", test.name);
        let shelf = Shelf::new();
        let relay = Relay::new(test.db.clone(), shelf.clone(), clock.clone());
        assert_eq!(relay.publish_due().await.unwrap(), 0, "{}", test.name);
        clock.advance(Duration::from_secs(4));
        assert_eq!(relay.publish_due().await.unwrap(), 1, "{}", test.name);
        assert_eq!(shelf.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_relay_keeps_its_claim_while_the_bus_is_slow() {
    join_all(each().await.iter().map(keeps_its_claim)).await;
}

async fn keeps_its_claim(test: &TestDatabase) {
    let clock = fixed();
    push(&test.db, &clock, VideoId::generate()).await;
    let stuck = Arc::new(Shelf {
        stuck: true,
        ..Shelf::default()
    });
    let slow = Relay::new(test.db.clone(), stuck, clock.clone());
    let other = Relay::new(test.db.clone(), Shelf::new(), clock.clone());
    let watch = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(1_300)).await;
            clock.advance(Duration::from_millis(1_300));
            assert_eq!(other.publish_due().await.unwrap(), 0, "{}: a claim was lost", test.name);
        }
    };
    tokio::select! {
        published = slow.publish_due() => panic!("{}: {published:?}", test.name),
        () = watch => {}
    }
}

#[tokio::test]
async fn a_commit_wakes_a_running_relay_and_a_stop_ends_it() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), Clock::system());
        let (stop, stopped) = oneshot::channel::<()>();
        let relay = Relay::new(test.db.clone(), shelf.clone(), clock.clone());
        let work = async {
            for n in 1..=20 {
                push(&test.db, &clock, VideoId::generate()).await;
                shelf.count.subscribe().wait_for(|count| *count == n).await.unwrap();
            }
            stop.send(()).unwrap();
        };
        tokio::join!(work, relay.run(async { stopped.await.unwrap() }));
    }
}

#[tokio::test]
async fn an_effect_that_is_rolled_back_may_happen_again() {
    for test in each().await {
        let clock = fixed();
        let event = push(&test.db, &clock, VideoId::generate()).await;
        let mark = |consumer: &'static str, commit: bool| {
            let (db, clock) = (test.db.clone(), clock.clone());
            async move {
                let mut tx = db.write().await?;
                let first = inbox::first_time(&mut tx, consumer, event.id, clock.now()).await?;
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

/// A publisher that was away for months, or whose clock is wrong, makes events whose ids look old.
#[tokio::test]
async fn an_event_is_remembered_from_when_it_was_handled_however_old_its_id_is() {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    for test in each().await {
        let clock = fixed();
        let old = EventId::from(Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            1_000_000_000,
            0,
        )));
        let first_time = async |consumer: &str| {
            let mut tx = test.db.write().await.unwrap();
            let first = inbox::first_time(&mut tx, consumer, old, clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            first
        };
        assert!(first_time("long ago").await);
        clock.advance(20 * DAY);
        assert!(first_time("lately").await);
        clock.advance(11 * DAY);
        let relay = Relay::new(test.db.clone(), Shelf::new(), clock.clone());
        tokio::select! {
            () = relay.run(std::future::pending()) => panic!("{}: the relay ended", test.name),
            () = until("marks are removed", || first_time("long ago")) => {}
        }
        assert!(!first_time("lately").await, "{}", test.name);
    }
}

#[tokio::test]
async fn an_event_keeps_its_data_on_its_way() {
    for test in each().await {
        let (shelf, clock) = (Shelf::new(), fixed());
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
        Relay::new(test.db.clone(), shelf.clone(), clock.clone())
            .publish_due()
            .await
            .unwrap();
        let seen = shelf.seen();
        assert_eq!(
            (seen[0].data.clone(), seen[0].subject, seen[0].time),
            (data.into(), video.into(), clock.now())
        );
    }
}
