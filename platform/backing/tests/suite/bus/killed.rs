//! Processes that relay and handle events are killed in the middle of their work.

use super::instances::{Answer, MIGRATIONS, Recorder, until};
use backing::bus::{Bus as _, EmbeddedBus, Relay, Subscription};
use backing::{Clock, Db, args, outbox};
use contracts::events::{USERS_TOPIC, UserDeactivated};
use contracts::{EventId, NewEvent, UserId};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use testing::{TestDatabase, databases};
use uuid::Uuid;

/// The environment variable of a child with the URL of its database.
const CHILD: &str = "MOOCFLIX_TEST_BUS_CHILD";
const THIS: &str = "bus::killed::events_have_one_effect_in_order_however_often_processes_are_killed";
const GROUP: &str = "killed";
const KILLS: i64 = 20;
const USERS: i64 = 40;

/// One of two processes that do the same work.
struct Process(Child);

impl Process {
    fn start(url: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", THIS, "--nocapture"]).env(CHILD, url);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn kill(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "a process ended early");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_one_effect_in_order_however_often_processes_are_killed() {
    if let Some(url) = std::env::var_os(CHILD) {
        return work(url.to_str().unwrap()).await;
    }
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some();
    let events = if long { 10_000 } else { 2_000 };
    for database in databases("content", MIGRATIONS).await.unwrap() {
        let killing = async {
            let mut processes = [(); 2].map(|()| Process::start(&database.url));
            for kill in 1..=KILLS {
                until("events are handled", async || {
                    count(&database.db).await >= kill * events / (KILLS + 4)
                })
                .await;
                let slot = usize::try_from(kill % 2).unwrap();
                std::mem::replace(&mut processes[slot], Process::start(&database.url)).kill();
            }
            processes
        };
        let (processes, ()) = tokio::join!(killing, push(&database.db, events));
        until("all events are handled", async || {
            let sql = "SELECT (SELECT COUNT(*) FROM outbox) + (SELECT COUNT(*) FROM deliveries)";
            let left: Option<(i64,)> = database.db.read().one(sql, args![]).await.unwrap();
            left == Some((0,))
        })
        .await;
        processes.into_iter().for_each(Process::kill);
        check(&database, events).await;
    }
}

/// The child's work: relays and handles events until its parent is gone.
async fn work(url: &str) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let (clock, bus) = (Clock::system(), Arc::new(EmbeddedBus::new()));
    let db = Db::open(url, "content", MIGRATIONS).await.unwrap();
    let subscription = Subscription {
        group: GROUP,
        topics: &[USERS_TOPIC],
        db: db.clone(),
        clock: clock.clone(),
        handler: Arc::new(Recorder::new(GROUP, "child", |_| Answer::Take)),
    };
    let consumer = bus.subscribe_group(subscription).await.unwrap();
    let relay = Relay::new(db, bus, clock);
    let (ended, ()) = tokio::join!(consumer.run(std::future::pending()), relay.run(std::future::pending()));
    ended.unwrap();
}

async fn push(db: &Db, events: i64) {
    let (clock, users): (_, Vec<UserId>) = (Clock::system(), (0..USERS).map(|_| UserId::generate()).collect());
    let numbers: Vec<i64> = (1..=events / USERS).collect();
    for versions in numbers.chunks(5) {
        for user in &users {
            let mut tx = db.write().await.unwrap();
            for version in versions {
                let event = NewEvent::of_user(*user, UserDeactivated { version: *version }.into());
                outbox::push(&mut tx, &event, clock.now()).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
    }
}

async fn count(db: &Db) -> i64 {
    let count: Option<(i64,)> = db.read().one("SELECT COUNT(*) FROM effects", args![]).await.unwrap();
    count.unwrap().0
}

async fn check(database: &TestDatabase, events: i64) {
    let sql = "SELECT event_id, subject, sequence FROM effects ORDER BY n";
    let effects: Vec<(EventId, Uuid, i64)> = database.db.read().all(sql, args![]).await.unwrap();
    let ids: BTreeSet<EventId> = effects.iter().map(|(id, ..)| *id).collect();
    assert_eq!(i64::try_from(ids.len()).unwrap(), events, "{}: lost", database.name);
    assert_eq!(ids.len(), effects.len(), "{}: effects twice", database.name);
    let mut by_user: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
    for (_, user, sequence) in effects {
        by_user.entry(user).or_default().push(sequence);
    }
    for numbers in by_user.into_values() {
        assert!(
            numbers.into_iter().eq(1..=events / USERS),
            "{}: out of order",
            database.name
        );
    }
    let letters = backing::bus::dead_letters::list(&database.db).await.unwrap();
    assert!(letters.is_empty(), "{}: {letters:?}", database.name);
}
