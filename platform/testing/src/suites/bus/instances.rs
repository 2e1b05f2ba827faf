//! Two instances of a bus on one URL, their members, and the members' reactions to events.

use crate::{TestDatabase, databases, sure};
use async_trait::async_trait;
use backing::bus::{After, Broadcast, Bus, Consumer, Handler, Outgoing, Refused, Subscription};
use backing::db::{Migration, Tx};
use backing::{Clock, Db, args};
use contracts::events::{CONTENT_TOPIC, USERS_TOPIC, UserDeactivated};
use contracts::{Event, EventId, NewEvent, Timestamp, UserId};
use runtime::Running;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A correct bus needs far less time; only a broken one waits this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The table of effects in the schema of each group.
pub static MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "effects",
    fill: None,
    sqlite: "CREATE TABLE effects (n INTEGER NOT NULL PRIMARY KEY, consumer TEXT NOT NULL, member TEXT NOT NULL, \
             event_id BLOB NOT NULL, subject BLOB NOT NULL, sequence INTEGER NOT NULL) STRICT",
    postgres: "CREATE TABLE effects (n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer TEXT NOT NULL, \
               member TEXT NOT NULL, event_id UUID NOT NULL, subject UUID NOT NULL, sequence BIGINT NOT NULL)",
}];

/// The bus of one simulated process.
pub struct Instance {
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The schema of its groups.
    pub db: Db,
    clock: Clock,
}

/// Two instances on one URL, with one clock.
pub struct Pair {
    /// The database's engine.
    pub name: &'static str,
    /// One instance.
    pub one: Instance,
    /// The other one.
    pub two: Instance,
    /// The clock of both, which tests move.
    pub clock: Clock,
    _database: TestDatabase,
}

/// A pair on each engine; `buses` opens two instances on one URL, where no other pair's events are.
pub async fn pairs(buses: impl Fn() -> [Arc<dyn Bus>; 2]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for database in sure(databases("content", MIGRATIONS).await) {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        let [one, two] = buses();
        sure(one.prepare(&[USERS_TOPIC, CONTENT_TOPIC]).await);
        let instance = |bus, db| Instance::new(bus, db, clock.clone());
        let second = sure(Db::open(&database.url, "content", MIGRATIONS).await);
        pairs.push(Pair {
            name: database.name,
            one: instance(one, database.db.clone()),
            two: instance(two, second),
            clock: clock.clone(),
            _database: database,
        });
    }
    pairs
}

/// A working member; if dropped, it vanishes in the middle of its work.
pub struct Member(Running);

impl Member {
    /// Starts a consumer's work and waits until it has its share of the events.
    pub async fn start(consumer: Consumer) -> Self {
        let (assigned, mut running) = (consumer.assigned(), Running::new());
        running.start(consumer.into());
        let assigned = tokio::time::timeout(PATIENCE, assigned).await;
        assert!(assigned.is_ok(), "never: a member has its share");
        Self(running)
    }

    /// Leaves the group in an orderly way.
    pub async fn leave(self) {
        self.0.shutdown().request();
        sure(self.0.wait().await);
    }
}

/// A process's ear for the events of a topic.
pub struct Listening {
    /// The events.
    pub events: Broadcast,
    /// The work behind it.
    pub member: Member,
}

impl Instance {
    /// The bus of a process with its database.
    #[must_use]
    pub fn new(bus: Arc<dyn Bus>, db: Db, clock: Clock) -> Self {
        Self { bus, db, clock }
    }

    /// Subscribes a group without a working member.
    pub async fn subscribe(&self, group: &'static str) {
        let handler = Arc::new(Recorder::new(group, "away", |_| Answer::Take));
        sure(self.bus.subscribe_group(self.subscription(group, handler)).await);
    }

    /// Subscribes a member and starts its work.
    pub async fn join(
        &self,
        group: &'static str,
        member: &'static str,
        answer: impl Fn(&Event) -> Answer + Send + Sync + 'static,
    ) -> Member {
        let handler = Arc::new(Recorder::new(group, member, answer));
        self.join_with(group, handler).await
    }

    /// Subscribes a member with a handler of its own and starts its work.
    pub async fn join_with(&self, group: &'static str, handler: Arc<dyn Handler>) -> Member {
        Member::start(sure(self.bus.subscribe_group(self.subscription(group, handler)).await)).await
    }

    /// Listens to a topic.
    pub async fn listen(&self, topic: &'static str) -> Listening {
        let (events, consumer) = sure(self.bus.subscribe_broadcast(topic).await);
        let member = Member::start(consumer).await;
        Listening { events, member }
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

    /// Publishes events.
    pub async fn publish(&self, events: &[Event]) {
        let batch: Vec<Outgoing> = events.iter().map(outgoing).collect();
        sure(self.bus.publish(USERS_TOPIC, &batch).await);
    }

    /// Waits until a group of this instance has nothing left to do.
    pub async fn idle(&self, group: &'static str) {
        until("the group is idle", async || {
            let lags = sure(self.bus.lag().await);
            lags.iter().all(|lag| lag.group != group || lag.events == 0)
        })
        .await;
    }

    /// The effects of a group in their order: member, event, aggregate, sequence.
    pub async fn effects(&self, group: &str) -> Vec<(String, EventId, Uuid, i64)> {
        let sql = "SELECT member, event_id, subject, sequence FROM effects WHERE consumer = $1 ORDER BY n";
        sure(self.db.read().all(sql, args![group]).await)
    }

    /// The sequence numbers of an aggregate's effects, in their order.
    pub async fn sequences(&self, group: &str, user: UserId) -> Vec<i64> {
        let effects = self.effects(group).await.into_iter();
        effects
            .filter(|(_, _, subject, _)| *subject == Uuid::from(user))
            .map(|(_, _, _, sequence)| sequence)
            .collect()
    }
}

/// Waits until a condition holds; fails the test after a minute.
pub async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The events of one user, numbered from 1.
pub fn events(user: UserId, count: i64) -> Vec<Event> {
    let numbers = 1..=count;
    numbers
        .map(|sequence| {
            let data = UserDeactivated { version: sequence };
            let at = Timestamp::from_seconds(sequence);
            NewEvent::of_user(user, data.into()).published(EventId::generate(), at, sequence)
        })
        .collect()
}

/// An event as a relay publishes it.
pub fn outgoing(event: &Event) -> Outgoing {
    Outgoing {
        key: event.subject,
        id: event.id,
        bytes: sure(serde_json::to_vec(event)).into(),
    }
}

/// A member's reaction to an event, after it has written its effect.
pub enum Answer {
    /// Success.
    Take,
    /// Success after a pause.
    TakeAfter(Duration),
    /// A refusal.
    Refuse(Refused),
    /// A bug.
    Panic,
    /// No end.
    Hang,
}

/// Records each event as its effect, then reacts as configured.
pub struct Recorder {
    group: &'static str,
    member: &'static str,
    answer: Box<dyn Fn(&Event) -> Answer + Send + Sync>,
}

impl Recorder {
    /// A handler for the member of a group.
    pub fn new(
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
            Answer::Panic => unreachable!("a handler's mistake"),
            Answer::Hang => std::future::pending().await,
        }
        Ok(After::nothing())
    }
}
