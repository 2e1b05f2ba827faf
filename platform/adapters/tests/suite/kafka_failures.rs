//! A broker that is away holds nothing up, and is used again within seconds.

use crate::kafka_server::{KafkaServer, kafka, same};
use backing::bus::{Bus, BusError};
use contracts::UserId;
use contracts::events::USERS_TOPIC;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testing::suites::bus::{Answer, Instance, events, outgoing, pairs, until};

/// Three times the limit of a batch, and of all questions about lags.
const REFUSED: Duration = Duration::from_secs(24);
/// Three times the promise of five seconds.
const BACK: Duration = Duration::from_secs(15);
/// Three times what a member takes that can't leave.
const ENDS: Duration = Duration::from_secs(12);

async fn is_away(bus: &dyn Bus) {
    let (begun, event) = (Instant::now(), outgoing(&events(UserId::generate(), 1)[0]));
    let published = bus.publish(USERS_TOPIC, &[event]).await;
    assert!(matches!(published, Err(BusError::Away(_))), "{published:?}");
    assert!(bus.check().await.is_err());
    assert!(begun.elapsed() < REFUSED, "{:?}", begun.elapsed());
}

/// Publishes, and waits for the effect.
async fn is_back(instance: &Instance, since: Instant) {
    let user = UserId::generate();
    let event = outgoing(&events(user, 1)[0]);
    while let Err(error) = instance.bus.publish(USERS_TOPIC, std::slice::from_ref(&event)).await {
        assert!(since.elapsed() < BACK, "still away: {error}");
    }
    until("its effect", async || {
        !instance.sequences("first", user).await.is_empty()
    })
    .await;
    println!("used again after {:?}", since.elapsed());
    assert!(since.elapsed() < BACK, "{:?}", since.elapsed());
    instance.bus.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_killed_is_used_again() {
    let server = KafkaServer::start();
    let pairs = pairs(|| same(&server.url)).await;
    let pair = &pairs[0];
    let members = [
        pair.one.join("first", "one", |_| Answer::Take).await,
        pair.two.join("first", "two", |_| Answer::Take).await,
    ];
    is_back(&pair.one, Instant::now()).await;
    server.kill();
    is_away(pair.one.bus.as_ref()).await;
    let begun = Instant::now();
    let lag = pair.one.bus.lag().await;
    assert!(matches!(lag, Err(BusError::Away(_))), "{lag:?}");
    assert!(begun.elapsed() < REFUSED, "{:?}", begun.elapsed());
    server.restart();
    let since = Instant::now();
    tokio::join!(is_back(&pair.one, since), is_back(&pair.two, since));
    server.kill();
    // they end in time without it, too
    tokio::join!(is_away(pair.one.bus.as_ref()), is_away(pair.two.bus.as_ref()));
    for member in members {
        member.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_later_than_the_process_is_used() {
    let server = KafkaServer::start();
    let pairs = pairs(|| same(&server.url)).await;
    let pair = &pairs[0];
    server.kill();
    let late = Instance::new(Arc::new(kafka(&server.url)), pair.one.db.clone(), pair.clock.clone());
    is_away(late.bus.as_ref()).await;
    let joining = late.join("first", "late", |_| Answer::Take);
    let listening = late.listen(USERS_TOPIC);
    let restarting = tokio::task::spawn_blocking(move || {
        server.restart();
        (server, Instant::now())
    });
    let (_member, heard, restarted) = tokio::join!(joining, listening, restarting);
    let (_server, since) = restarted.unwrap();
    let mut heard = heard.events.listen();
    is_back(&late, since).await;
    tokio::time::timeout(BACK, heard.recv()).await.unwrap().unwrap();
}

#[test]
fn a_process_whose_broker_freezes_ends_in_time() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let server = KafkaServer::start();
        let pairs = pairs(|| same(&server.url)).await;
        let _member = pairs[0].one.join("first", "one", |_| Answer::Take).await;
        is_back(&pairs[0].one, Instant::now()).await;
        server.freeze();
        // the member vanishes here, with offsets that the broker does not take any more
        server
    });
    let begun = Instant::now();
    runtime.shutdown_timeout(ENDS);
    assert!(begun.elapsed() < ENDS, "a member is in the way");
    server.kill();
}
