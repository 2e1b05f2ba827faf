//! Processes that relay and handle events are killed in the middle of their work.

use backing::bus::{Bus as _, EmbeddedBus, Relay, Subscription};
use backing::{Clock, Db};
use contracts::events::USERS_TOPIC;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use testing::databases;
use testing::suites::bus::{Answer, Load, MIGRATIONS, Recorder, effects, until, waiting};

/// The environment variable of a child with the URL of its database.
const CHILD: &str = "MOOCFLIX_TEST_BUS_CHILD";
const THIS: &str = "bus::killed::events_have_one_effect_in_order_however_often_processes_are_killed";
const GROUP: &str = "killed";
const KILLS: usize = 20;
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
    let parts = if long { 50 } else { 10 };
    for database in databases("content", MIGRATIONS).await.unwrap() {
        let all = parts * 5 * usize::try_from(USERS).unwrap();
        let killing = async {
            let mut processes = [(); 2].map(|()| Process::start(&database.url));
            for kill in 1..=KILLS {
                until("events are handled", async || {
                    effects(&database.db).await >= kill * all / (KILLS + 4)
                })
                .await;
                std::mem::replace(&mut processes[kill % 2], Process::start(&database.url)).kill();
            }
            processes
        };
        let mut load = Load::new(USERS);
        let pushing = async {
            for _ in 0..parts {
                load.push(&database.db, 5).await;
            }
        };
        let (processes, ()) = tokio::join!(killing, pushing);
        until("all events are handled", async || waiting(&database.db).await == 0).await;
        processes.into_iter().for_each(Process::kill);
        load.check(&database).await;
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
