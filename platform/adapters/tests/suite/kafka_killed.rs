//! Outbox → Kafka → inbox, while relays, members and brokers are killed.

use crate::kafka_server::{KafkaServer, kafka};
use backing::bus::{Bus, Relay, Subscription};
use backing::{Clock, Db, outbox};
use contracts::events::{TOPICS, USERS_TOPIC};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testing::suites::bus::{Answer, Load, MIGRATIONS, Member, Recorder, effects, until, waiting};
use testing::{TestDatabase, databases};

/// The environment variables of a child: the URL of its database, that of its bus, and its work.
const DATABASE: &str = "MOOCFLIX_TEST_CHILD_DATABASE";
const BUS: &str = "MOOCFLIX_TEST_CHILD_BUS";
const WORK: &str = "MOOCFLIX_TEST_CHILD_WORK";
const THIS: &str = "kafka_killed::events_have_one_effect_in_order_however_often_relays_and_brokers_are_killed";
const GROUP: &str = "killed";
/// A minute without progress is a loss.
const PATIENCE: Duration = Duration::from_secs(60);
const KILLS: u64 = 20;
const USERS: i64 = 250;

/// A process that relays events or handles them.
struct Process(Child);

impl Process {
    fn start(work: &str, database: &TestDatabase, bus: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", THIS, "--nocapture"]);
        command.env(DATABASE, &database.url).env(BUS, bus).env(WORK, work);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn kill(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "a process ended early");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The child's work, until its parent is gone.
async fn work(work: &str) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let url = |name: &str| std::env::var_os(name).unwrap().into_string().unwrap();
    let db = Db::open(&url(DATABASE), "content", MIGRATIONS).await.unwrap();
    let bus: Arc<dyn Bus> = Arc::new(kafka(&url(BUS)));
    if work == "relay" {
        Relay::new(db, bus, Clock::system()).run(std::future::pending()).await;
    } else {
        let _member = member(&*bus, &db).await;
        std::future::pending::<()>().await;
    }
}

async fn member(bus: &dyn Bus, db: &Db) -> Member {
    let subscription = Subscription {
        group: GROUP,
        topics: &[USERS_TOPIC],
        db: db.clone(),
        clock: Clock::system(),
        handler: Arc::new(Recorder::new(GROUP, "any", |_| Answer::Take)),
    };
    Member::start(bus.subscribe_group(subscription).await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_one_effect_in_order_however_often_relays_and_brokers_are_killed() {
    if let Some(child) = std::env::var_os(WORK) {
        return work(child.to_str().unwrap()).await;
    }
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some();
    let (each, brokers) = if long { (16, 5) } else { (1, 2) };
    let server = Arc::new(KafkaServer::start());
    let bus = kafka(&server.url);
    bus.prepare(TOPICS).await.unwrap();
    let database = databases("content", MIGRATIONS).await.unwrap().remove(1);
    let start = |work: &str| Process::start(work, &database, &server.url);
    let (mut relays, mut other) = ([(); 2].map(|()| start("relay")), start("member"));
    let _member = member(&bus, &database.db).await;
    let (mut load, mut turn) = (Load::new(USERS), 0);
    for kill in 1..=KILLS {
        load.push(&database.db, each).await;
        let before = outbox::waiting(&database.db).await.unwrap();
        until("a relay is at work", async || {
            before == 0 || outbox::waiting(&database.db).await.unwrap() < before
        })
        .await;
        // at another moment of their work each time
        tokio::time::sleep(Duration::from_millis(kill * 3)).await;
        turn = 1 - turn;
        std::mem::replace(&mut relays[turn], start("relay")).kill();
        if kill % (KILLS / brokers) == 0 {
            server.kill();
            std::mem::replace(&mut other, start("member")).kill();
            load.push(&database.db, each).await;
            let restarted = Arc::clone(&server);
            tokio::task::spawn_blocking(move || restarted.restart()).await.unwrap();
        }
    }
    // the last broker has just come back
    let (since, before) = (Instant::now(), effects(&database.db).await);
    drains(&database.db, &load).await;
    let (took, count) = (since.elapsed(), load.pushed() - before);
    println!("{} events, {KILLS} relays and {brokers} brokers killed", load.pushed());
    println!(
        "the last {count} events took {took:?}, {:.0} a second",
        rate(count, took)
    );
    assert!(took < Duration::from_secs(3 * 120), "{took:?}");
    relays.into_iter().chain([other]).for_each(Process::kill);
    load.check(&database).await;
    speed(&database, &server.url).await;
}

/// Waits until all events are handled; fails if there is no progress for a minute.
async fn drains(db: &Db, load: &Load) {
    let (mut before, mut since) = (0, Instant::now());
    loop {
        let (done, waiting) = (effects(db).await, waiting(db).await);
        if done == load.pushed() && waiting == 0 {
            return;
        }
        if done != before {
            (before, since) = (done, Instant::now());
        }
        let state = format!("{done} effects of {} events, {waiting} waiting", load.pushed());
        assert!(since.elapsed() < PATIENCE, "no progress: {state}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Prints how fast events pass when nobody is killed.
async fn speed(database: &TestDatabase, url: &str) {
    let before = effects(&database.db).await;
    let mut load = Load::new(USERS);
    load.push(&database.db, 8).await;
    let since = Instant::now();
    let relay = Process::start("relay", database, url);
    until("events are handled", async || {
        effects(&database.db).await == before + load.pushed()
    })
    .await;
    let took = since.elapsed();
    println!("undisturbed: {} events a second", rate(load.pushed(), took).round());
    relay.kill();
}

fn rate(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64()
}
