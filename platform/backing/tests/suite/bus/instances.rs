//! Two instances of a bus on one URL, their members, and the members' reactions to events.

use async_trait::async_trait;
use backing::bus::{After, Bus, Handler, Outgoing, Refused, Subscription};
use backing::db::{Migration, Tx};
use backing::{Clock, Db, args};
use contracts::events::{USERS_TOPIC, UserDeactivated};
use contracts::{Event, EventId, NewEvent, Timestamp, UserId};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testing::{TestDatabase, databases};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

/// A correct bus needs far less time; only a broken one waits this long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) static MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "effects",
    fill: None,
    sqlite: "CREATE TABLE effects (n INTEGER NOT NULL PRIMARY KEY, consumer TEXT NOT NULL, member TEXT NOT NULL, \
             event_id BLOB NOT NULL, subject BLOB NOT NULL, sequence INTEGER NOT NULL) STRICT",
    postgres: "CREATE TABLE effects (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer TEXT NOT NULL, \
               member TEXT NOT NULL, event_id UUID NOT NULL, subject UUID NOT NULL, sequence BIGINT NOT NULL)",
}];

/// The bus of one simulated process.
pub(crate) struct Instance {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) db: Db,
    clock: Clock,
}

/// Two instances on one URL, with one clock.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) one: Instance,
    pub(crate) two: Instance,
    pub(crate) clock: Clock,
    _database: TestDatabase,
}

/// A pair on each engine.
pub(crate) async fn pairs(bus: impl Fn() -> Arc<dyn Bus>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for database in databases("content", MIGRATIONS).await.unwrap() {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        let instance = |db: Db| Instance {
            bus: bus(),
            db,
            clock: clock.clone(),
        };
        let second = Db::open(&database.url, "content", MIGRATIONS).await.unwrap();
        pairs.push(Pair {
            name: database.name,
            one: instance(database.db.clone()),
            two: instance(second),
            clock: clock.clone(),
            _database: database,
        });
    }
    pairs
}

/// A working member; if dropped, it vanishes in the middle of its work.
pub(crate) struct Member {
    stop: oneshot::Sender<()>,
    work: JoinSet<Result<(), String>>,
}

impl Member {
    /// Leaves the group in an orderly way.
    pub(crate) async fn leave(mut self) {
        self.stop.send(()).unwrap();
        self.work.join_next().await.unwrap().unwrap().unwrap();
    }
}

impl Instance {
    /// Subscribes a group without a working member.
    pub(crate) async fn subscribe(&self, group: &'static str) {
        let handler = Arc::new(Recorder::new(group, "away", |_| Answer::Take));
        self.bus
            .subscribe_group(self.subscription(group, handler))
            .await
            .unwrap();
    }

    /// Subscribes a member and starts its work.
    pub(crate) async fn join(
        &self,
        group: &'static str,
        member: &'static str,
        answer: impl Fn(&Event) -> Answer + Send + Sync + 'static,
    ) -> Member {
        let handler = Arc::new(Recorder::new(group, member, answer));
        self.join_with(group, handler).await
    }

    pub(crate) async fn join_with(&self, group: &'static str, handler: Arc<dyn Handler>) -> Member {
        let consumer = self
            .bus
            .subscribe_group(self.subscription(group, handler))
            .await
            .unwrap();
        let (assigned, (stop, stopped)) = (consumer.assigned(), oneshot::channel());
        let mut work = JoinSet::new();
        work.spawn(consumer.run(async {
            let _ = stopped.await;
        }));
        assigned.await;
        Member { stop, work }
    }

    fn subscription(&self, group: &'static str, handler: Arc<dyn Handler>) -> Subscription {
        Subscription {
            group,
            topics: &[USERS_TOPIC],
            db: self.db.clone(),
            clock: self.clock.clone(),
            handler,
        }
    }

    pub(crate) async fn publish(&self, events: &[Event]) {
        let batch: Vec<Outgoing> = events.iter().map(outgoing).collect();
        self.bus.publish(USERS_TOPIC, &batch).await.unwrap();
    }

    /// Waits until a group of this instance has nothing left to do.
    pub(crate) async fn idle(&self, group: &'static str) {
        until("the group is idle", async || {
            let lags = self.bus.lag().await.unwrap();
            lags.iter().all(|lag| lag.group != group || lag.events == 0)
        })
        .await;
    }

    /// The effects of a group in their order: member, event, aggregate, sequence.
    pub(crate) async fn effects(&self, group: &str) -> Vec<(String, EventId, Uuid, i64)> {
        let sql = "SELECT member, event_id, subject, sequence FROM effects WHERE consumer = $1 ORDER BY n";
        self.db.read().all(sql, args![group]).await.unwrap()
    }

    /// The sequence numbers of an aggregate's effects, in their order.
    pub(crate) async fn sequences(&self, group: &str, user: UserId) -> Vec<i64> {
        let effects = self.effects(group).await.into_iter();
        effects
            .filter(|(_, _, subject, _)| *subject == Uuid::from(user))
            .map(|(_, _, _, sequence)| sequence)
            .collect()
    }
}

pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The events of one user, numbered from 1.
pub(crate) fn events(user: UserId, count: i64) -> Vec<Event> {
    let numbers = 1..=count;
    numbers
        .map(|sequence| {
            let data = UserDeactivated { version: sequence };
            let at = Timestamp::from_seconds(sequence);
            NewEvent::of_user(user, data.into()).published(EventId::generate(), at, sequence)
        })
        .collect()
}

pub(crate) fn outgoing(event: &Event) -> Outgoing {
    Outgoing {
        key: event.subject,
        id: event.id,
        bytes: serde_json::to_vec(event).unwrap().into(),
    }
}

/// A member's reaction to an event, after it has written its effect.
pub(crate) enum Answer {
    Take,
    TakeAfter(Duration),
    Refuse(Refused),
    Panic,
    Hang,
}

/// Records each event as its effect, then reacts as configured.
pub(crate) struct Recorder {
    group: &'static str,
    member: &'static str,
    answer: Box<dyn Fn(&Event) -> Answer + Send + Sync>,
}

impl Recorder {
    pub(crate) fn new(
        group: &'static str,
        member: &'static str,
        answer: impl Fn(&Event) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self {
            group,
            member,
            answer: Box::new(answer),
        }
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<After, Refused> {
        let sql = "INSERT INTO effects (consumer, member, event_id, subject, sequence) VALUES ($1, $2, $3, $4, $5)";
        let effect = args![self.group, self.member, event.id, event.subject, event.sequence];
        tx.run(sql, effect).await?;
        match (self.answer)(event) {
            Answer::Take => {}
            Answer::TakeAfter(pause) => tokio::time::sleep(pause).await,
            Answer::Refuse(refused) => return Err(refused),
            Answer::Panic => panic!("a handler's mistake"),
            Answer::Hang => std::future::pending().await,
        }
        Ok(After::nothing())
    }
}
