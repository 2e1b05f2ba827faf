//! The task queue's promises, on both engines.

use backing::db::Migration;
use backing::tasks::{NewTask, Queue, Task, cancel, enqueue, enqueue_all};
use backing::{Clock, args};
use contracts::{Timestamp, UserId};
use futures::future::join_all;
use std::collections::HashSet;
use std::time::Duration;
use testing::{TestDatabase, databases};

static NONE: &[Migration] = &[];
const LEASE: Duration = Duration::from_secs(30);

struct Test {
    at: TestDatabase,
    clock: Clock,
    queue: Queue,
}

async fn each() -> Vec<Test> {
    let fresh = databases("content", NONE).await.unwrap();
    let test = |at: TestDatabase| {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        let queue = Queue::new(at.db.clone(), clock.clone(), LEASE);
        Test { at, clock, queue }
    };
    fresh.into_iter().map(test).collect()
}

impl Test {
    fn task(&self, key: &str) -> NewTask {
        NewTask {
            kind: "scan",
            key: key.to_owned(),
            payload: serde_json::json!({"video_id": key}),
            run_after: self.clock.now(),
            priority: 0,
            owner: None,
            subject: None,
        }
    }

    async fn enqueue(&self, task: NewTask) -> bool {
        let mut tx = self.at.db.write().await.unwrap();
        let added = enqueue(&mut tx, &task).await.unwrap();
        tx.commit().await.unwrap();
        added
    }

    async fn claim(&self) -> Option<Task> {
        self.queue.claim(&["scan", "sweep"]).await.unwrap()
    }

    async fn finish(&self, task: &Task) -> bool {
        let mut tx = self.at.db.write().await.unwrap();
        let held = task.finish_in(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        held
    }

    /// The keys in the order in which they are claimed, each finished at once.
    async fn order(&self) -> Vec<String> {
        let mut keys = Vec::new();
        while let Some(task) = self.claim().await {
            assert!(self.finish(&task).await);
            keys.push(task.key);
        }
        keys
    }
}

#[tokio::test]
async fn a_key_has_one_task_until_it_is_done() {
    for test in each().await {
        assert!(test.enqueue(test.task("scan:1")).await);
        assert!(!test.enqueue(test.task("scan:1")).await, "{}", test.at.name);
        let task = test.claim().await.unwrap();
        let before = test.clock.now().0 / 1_000;
        assert_eq!((task.attempt, task.fence), (1, before + 1));
        assert_eq!(task.payload["video_id"], "scan:1");
        assert!(!test.enqueue(test.task("scan:1")).await, "{}", test.at.name);
        assert!(test.claim().await.is_none(), "{}: claimed twice", test.at.name);
        assert!(test.finish(&task).await);
        assert!(!test.finish(&task).await, "{}: finished twice", test.at.name);
        assert!(test.enqueue(test.task("scan:1")).await, "{}", test.at.name);
    }
}

#[tokio::test]
async fn many_tasks_take_as_many_statements_as_one_and_the_same_places() {
    for test in each().await {
        let (owner, other) = (UserId::generate(), UserId::generate());
        let of = |owner: UserId, name: &str, n: usize| NewTask {
            owner: Some(owner),
            ..test.task(&format!("{name} {n}"))
        };
        assert!(test.enqueue(of(owner, "piece", 3)).await);
        let pieces: Vec<NewTask> = (0..200).map(|n| of(owner, "piece", n)).collect();
        let twice: Vec<NewTask> = pieces.iter().chain(&pieces).cloned().collect();
        let before = test.at.db.writes();
        let mut tx = test.at.db.write().await.unwrap();
        assert_eq!(
            enqueue_all(&mut tx, &twice).await.unwrap(),
            199,
            "{}: one was there",
            test.at.name
        );
        assert_eq!(enqueue_all(&mut tx, &[]).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(test.at.db.writes() - before, 4, "{}", test.at.name);
        // another owner's tasks take turns with them
        for n in 0..3 {
            test.enqueue(of(other, "other", n)).await;
        }
        let order = test.order().await;
        let own = order.iter().filter(|key| key.starts_with("piece"));
        let expected = std::iter::once(3).chain((0..200).filter(|n| *n != 3));
        assert!(own.eq(expected.map(|n| format!("piece {n}")).collect::<Vec<_>>().iter()));
        let last = order.iter().rposition(|key| key.starts_with("other")).unwrap();
        assert_eq!((order.len(), last < 7), (203, true), "{}: {order:?}", test.at.name);
    }
}

#[tokio::test]
async fn a_rolled_back_task_does_not_exist() {
    for test in each().await {
        let mut tx = test.at.db.write().await.unwrap();
        assert!(enqueue(&mut tx, &test.task("scan:1")).await.unwrap());
        tx.rollback().await.unwrap();
        assert!(test.claim().await.is_none(), "{}", test.at.name);
    }
}

#[tokio::test]
async fn a_task_waits_for_its_time() {
    for test in each().await {
        let later = test.clock.now() + Duration::from_secs(60);
        test.enqueue(NewTask {
            run_after: later,
            ..test.task("later")
        })
        .await;
        assert!(test.claim().await.is_none(), "{}", test.at.name);
        assert_eq!(test.queue.waiting().await.unwrap(), 1);
        test.clock.advance(Duration::from_secs(60));
        assert_eq!(test.claim().await.unwrap().key, "later", "{}", test.at.name);
        assert_eq!(test.queue.waiting().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn only_the_requested_kinds_are_claimed_and_the_best_of_them_first() {
    for test in each().await {
        test.enqueue(NewTask {
            kind: "other",
            priority: 9,
            ..test.task("other")
        })
        .await;
        test.enqueue(test.task("scan")).await;
        test.enqueue(NewTask {
            kind: "sweep",
            priority: 1,
            ..test.task("sweep")
        })
        .await;
        assert_eq!(test.order().await, ["sweep", "scan"], "{}", test.at.name);
        assert_eq!(test.queue.claim(&["other"]).await.unwrap().unwrap().key, "other");
    }
}

#[tokio::test]
async fn a_higher_priority_always_comes_first() {
    for test in each().await {
        for n in 0..5 {
            test.enqueue(test.task(&format!("usual {n}"))).await;
        }
        test.enqueue(NewTask {
            priority: 5,
            ..test.task("urgent")
        })
        .await;
        test.enqueue(NewTask {
            priority: -5,
            ..test.task("idle")
        })
        .await;
        let order = test.order().await;
        assert_eq!(
            (order[0].as_str(), order[6].as_str()),
            ("urgent", "idle"),
            "{}: {order:?}",
            test.at.name
        );
    }
}

#[tokio::test]
async fn an_owner_with_many_tasks_and_one_with_few_take_turns() {
    for test in each().await {
        let (many, few) = (UserId::generate(), UserId::generate());
        for n in 0..10 {
            test.enqueue(NewTask {
                owner: Some(many),
                subject: None,
                ..test.task(&format!("many {n}"))
            })
            .await;
        }
        // some have already run: a later owner does not get their turns back
        for _ in 0..4 {
            let task = test.claim().await.unwrap();
            test.finish(&task).await;
        }
        for n in 0..3 {
            test.enqueue(NewTask {
                owner: Some(few),
                subject: None,
                ..test.task(&format!("few {n}"))
            })
            .await;
        }
        test.queue.tidy().await.unwrap();
        let order = test.order().await;
        let places: Vec<usize> = order
            .iter()
            .enumerate()
            .filter(|(_, key)| key.starts_with("few"))
            .map(|(at, _)| at)
            .collect();
        for (n, place) in places.iter().enumerate() {
            assert!(*place <= 2 * n + 1, "{}: {order:?}", test.at.name);
        }
        // the next round is fair again
        test.enqueue(NewTask {
            owner: Some(many),
            subject: None,
            ..test.task("many again")
        })
        .await;
        test.enqueue(NewTask {
            owner: Some(few),
            subject: None,
            ..test.task("few again")
        })
        .await;
        assert_eq!(test.order().await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_claims_never_get_the_same_task() {
    for test in each().await {
        for n in 0..60 {
            test.enqueue(NewTask {
                owner: (n % 2 == 0).then(UserId::generate),
                subject: None,
                ..test.task(&n.to_string())
            })
            .await;
        }
        let claims = (0..8).map(|_| async {
            let mut mine = Vec::new();
            while let Some(task) = test.claim().await {
                mine.push(task.key);
            }
            mine
        });
        let all: Vec<String> = join_all(claims).await.concat();
        assert_eq!(all.len(), 60, "{}", test.at.name);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 60, "{}", test.at.name);
    }
}

#[tokio::test]
async fn a_silent_workers_task_is_claimed_again_and_its_own_finish_is_refused() {
    for test in each().await {
        test.enqueue(test.task("scan:1")).await;
        let zombie = test.claim().await.unwrap();
        test.clock.advance(LEASE / 2);
        assert!(test.queue.heartbeat(&zombie).await.unwrap());
        test.clock.advance(LEASE / 2 + Duration::from_secs(1));
        assert!(
            test.claim().await.is_none(),
            "{}: a heartbeat did not count",
            test.at.name
        );
        test.clock.advance(LEASE);
        let task = test.claim().await.unwrap();
        assert_eq!(
            (task.id, task.fence, task.losses),
            (zombie.id, zombie.fence + 1, 1),
            "{}",
            test.at.name
        );
        assert!(!test.finish(&zombie).await, "{}: a zombie finished", test.at.name);
        assert!(!test.queue.heartbeat(&zombie).await.unwrap(), "{}", test.at.name);
        assert!(test.finish(&task).await);
    }
}

#[tokio::test]
async fn a_cancelled_task_does_not_run_or_cannot_finish() {
    for test in each().await {
        let cancel_it = |key: &'static str| {
            let (db, now) = (test.at.db.clone(), test.clock.now());
            async move {
                let mut tx = db.write().await.unwrap();
                let known = cancel(&mut tx, key, now).await.unwrap();
                tx.commit().await.unwrap();
                known
            }
        };
        test.enqueue(test.task("waiting")).await;
        assert!(cancel_it("waiting").await);
        assert!(test.claim().await.is_none(), "{}", test.at.name);
        test.enqueue(test.task("running")).await;
        let task = test.claim().await.unwrap();
        assert!(cancel_it("running").await);
        assert!(!test.finish(&task).await, "{}", test.at.name);
        assert!(!cancel_it("running").await);
    }
}

#[tokio::test]
async fn rows_of_finished_tasks_are_deleted_after_a_day_and_others_stay() {
    for test in each().await {
        for key in ["done", "waits"] {
            test.enqueue(test.task(key)).await;
        }
        let task = test.claim().await.unwrap();
        test.finish(&task).await;
        let count = || test.at.db.read().one::<(i64,)>("SELECT COUNT(*) FROM tasks", args![]);
        test.queue.tidy().await.unwrap();
        assert_eq!(count().await.unwrap(), Some((2,)), "{}", test.at.name);
        test.clock.advance(Duration::from_secs(25 * 3600));
        test.queue.tidy().await.unwrap();
        assert_eq!(count().await.unwrap(), Some((1,)), "{}", test.at.name);
    }
}

#[tokio::test]
async fn the_claims_of_a_worker_that_is_known_to_be_dead_expire_at_once() {
    for test in each().await {
        for key in ["a", "b"] {
            test.enqueue(test.task(key)).await;
        }
        let (dead, living) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
        let of = |worker| test.queue.clone().of_worker(worker);
        let lost = of(dead).claim(&["scan"]).await.unwrap().unwrap();
        let held = of(living).claim(&["scan"]).await.unwrap().unwrap();
        let mut claimants = test.queue.claimants().await.unwrap();
        claimants.sort_unstable();
        assert_eq!(claimants, [dead, living], "{}", test.at.name);
        assert_eq!(test.queue.give_up(dead).await.unwrap(), 1);
        let again = test.claim().await.unwrap();
        assert_eq!((&again.key, again.losses), (&lost.key, 1), "{}", test.at.name);
        assert!(!test.finish(&lost).await && test.finish(&held).await);
        assert_eq!(test.queue.give_up(dead).await.unwrap(), 0);
    }
}
