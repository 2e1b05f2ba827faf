//! Kafka passes the suite of buses, and what only a broker brings.

use crate::kafka_server::{kafka, same, url};
use backing::bus::{Bus as _, BusError, Group, Outgoing, dead_letters};
use backing::{Db, args};
use contracts::events::{CONTENT_TOPIC, TOPICS, USERS_TOPIC};
use contracts::{Event, EventId, UserId};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use testing::suites::bus::{Answer, events, outgoing, pairs, until};
use uuid::Uuid;

/// Three times the promise of five seconds for a member that begins anew.
const REPLACED: Duration = Duration::from_secs(15);

testing::bus_conforms!(same(&url()));

/// A plain client of the broker, and what the names of topics begin with.
fn plain(url: &str) -> (ClientConfig, String) {
    let (server, query) = url.split_once('?').unwrap();
    let prefix = query.split(['=', '&']).nth(1).unwrap();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", server.trim_start_matches("kafka://"));
    config.set("group.id", Uuid::now_v7().to_string());
    (config, prefix.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_missing_until_they_are_made_by_however_many() {
    let url = url();
    let (one, two) = (kafka(&url), kafka(&url));
    let (_, prefix) = plain(&url);
    let names: Vec<String> = TOPICS.iter().map(|topic| format!("{prefix}{topic}")).collect();
    assert_eq!(one.missing(TOPICS).await.unwrap(), names);
    let lost = one
        .publish(USERS_TOPIC, &[outgoing(&events(UserId::generate(), 1)[0])])
        .await;
    assert!(
        matches!(&lost, Err(BusError::Away(why)) if why.contains("moocflix migrate") || why.contains("timed out")),
        "{lost:?}"
    );
    let (first, second) = tokio::join!(one.prepare(TOPICS), two.prepare(TOPICS));
    first.unwrap();
    second.unwrap();
    one.prepare(TOPICS).await.unwrap();
    assert!(two.missing(TOPICS).await.unwrap().is_empty());
    two.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_cloud_events_whose_key_is_their_aggregate() {
    let url = url();
    let bus = kafka(&url);
    bus.prepare(TOPICS).await.unwrap();
    let all = events(UserId::generate(), 3);
    let batch: Vec<Outgoing> = all.iter().map(outgoing).collect();
    bus.publish(USERS_TOPIC, &batch).await.unwrap();
    let (config, prefix) = plain(&url);
    let read = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create().unwrap();
        let mut from = TopicPartitionList::new();
        from.add_partition_range(&format!("{prefix}{USERS_TOPIC}"), 0, 1);
        from.set_all_offsets(Offset::Beginning).unwrap();
        consumer.assign(&from).unwrap();
        let next = || consumer.poll(Duration::from_secs(30)).unwrap().unwrap().detach();
        [next(), next(), next()]
    });
    let read = read.await.unwrap();
    for (record, event) in read.iter().zip(&batch) {
        assert_eq!(record.key().unwrap(), event.key.to_string().as_bytes());
        assert_eq!(record.payload().unwrap(), event.bytes);
        assert_eq!(record.partition(), read[0].partition());
        let headers = record.headers().unwrap();
        let header = |name: &str| headers.iter().find(|it| it.key == name).unwrap().value.unwrap();
        assert_eq!(header("content-type"), b"application/cloudevents+json; charset=UTF-8");
        assert_eq!(header("ce_id"), event.id.to_string().as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_program_becomes_a_dead_letter() {
    let url = url();
    let pairs = pairs(|| same(&url)).await;
    let pair = &pairs[0];
    let _member = pair.one.join("first", "one", |_| Answer::Take).await;
    let (config, prefix) = plain(&url);
    let producer: FutureProducer = config.create().unwrap();
    let topic = format!("{prefix}{USERS_TOPIC}");
    for payload in ["no event", "nor this"] {
        let record = FutureRecord::<(), str>::to(&topic).payload(payload);
        producer.send(record, Duration::from_secs(30)).await.unwrap();
    }
    let user = UserId::generate();
    pair.two.publish(&events(user, 2)).await;
    pair.one.idle("first").await;
    assert_eq!(pair.one.sequences("first", user).await, [1, 2], "{}", pair.name);
    let letters = dead_letters::list(&pair.one.db).await.unwrap();
    let mut dead: Vec<&[u8]> = letters.iter().map(|letter| &letter.event[..]).collect();
    dead.sort_unstable();
    assert_eq!(dead, [b"no event", b"nor this"], "{}", pair.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_refused_and_others_pass() {
    let bus = kafka(&url());
    bus.prepare(TOPICS).await.unwrap();
    let large = Outgoing {
        key: UserId::generate().into(),
        id: EventId::generate(),
        bytes: vec![b' '; 3_000_000].into(),
    };
    let refused = bus.publish(USERS_TOPIC, &[large]).await;
    assert!(matches!(refused, Err(BusError::Refused(_))), "{refused:?}");
    let event = outgoing(&events(UserId::generate(), 1)[0]);
    bus.publish(CONTENT_TOPIC, &[event]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_beyond_the_partitions_are_assigned_and_take_over() {
    let url = url().replace("partitions=2", "partitions=1");
    let pairs = pairs(|| same(&url)).await;
    let pair = &pairs[0];
    let one = pair.one.join("first", "one", |_| Answer::Take).await;
    let _two = pair.two.join("first", "two", |_| Answer::Take).await;
    let user = UserId::generate();
    let all = events(user, 20);
    pair.one.publish(&all[..10]).await;
    pair.two.idle("first").await;
    one.leave().await;
    pair.two.publish(&all[10..]).await;
    until("the other member has all of them", async || {
        pair.two.effects("first").await.len() == 20
    })
    .await;
    assert!(pair.two.sequences("first", user).await.into_iter().eq(1..=20));
}

/// Takes the place of a group's only member, and waits until that one has it back.
fn take_place(mut config: ClientConfig, group: &str, topic: &str) {
    config.set("group.id", group);
    let watcher: BaseConsumer = config.create().unwrap();
    let list = watcher.fetch_group_list(Some(group), REPLACED).unwrap();
    let members = list.groups()[0].members();
    assert_eq!(members.len(), 1);
    // the broker has put an id of its own behind the member's name
    config.set("group.instance.id", &members[0].id()[..36]);
    config.set("partition.assignment.strategy", "cooperative-sticky");
    config.set("heartbeat.interval.ms", "500");
    let thief: BaseConsumer = config.create().unwrap();
    thief.subscribe(&[topic]).unwrap();
    let begun = Instant::now();
    while !matches!(
        thief.poll(Duration::from_millis(100)),
        Some(Err(KafkaError::MessageConsumptionFatal(_)))
    ) {
        assert!(begun.elapsed() < REPLACED, "the member does not come back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_lost_its_place_comes_back_to_it() {
    let url = url();
    let pairs = pairs(|| same(&url)).await;
    let pair = &pairs[0];
    let _member = pair.one.join("first", "one", |_| Answer::Take).await;
    let (config, prefix) = plain(&url);
    let (group, topic) = (format!("{prefix}moocflix.first"), format!("{prefix}{USERS_TOPIC}"));
    let taken = tokio::task::spawn_blocking(move || take_place(config, &group, &topic));
    taken.await.unwrap();
    let user = UserId::generate();
    pair.two.publish(&events(user, 2)).await;
    pair.one.idle("first").await;
    assert_eq!(pair.one.sequences("first", user).await, [1, 2], "{}", pair.name);
}

/// The number of events that a group has accepted and not handled.
async fn waiting(db: &Db) -> i64 {
    let count: Option<(i64,)> = db.read().one("SELECT COUNT(*) FROM deliveries", args![]).await.unwrap();
    count.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_lags_behind_leaves_events_on_the_broker() {
    const EVENTS: i64 = Group::FULL + 3_000;
    let url = url();
    let pairs = pairs(|| same(&url)).await;
    let pair = pairs.iter().find(|pair| pair.one.db.is_postgres()).unwrap();
    let _member = pair.one.join("first", "one", |_| Answer::Hang).await;
    let all: Vec<Event> = (0..EVENTS).flat_map(|_| events(UserId::generate(), 1)).collect();
    for some in all.chunks(1_000) {
        pair.two.publish(some).await;
    }
    let db = &pair.two.db;
    until("the group is full", async || waiting(db).await >= Group::FULL).await;
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        let waiting = waiting(db).await;
        assert!(waiting < Group::FULL + 1_000, "{waiting} events were accepted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // as if they were handled; those that are being handled are locked
    let sql = "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries FOR UPDATE SKIP LOCKED)";
    let mut tx = db.write().await.unwrap();
    let handled = tx.run(sql, args![]).await.unwrap();
    tx.commit().await.unwrap();
    let rest = EVENTS - i64::try_from(handled).unwrap();
    until("the others come", async || waiting(db).await == rest).await;
}
