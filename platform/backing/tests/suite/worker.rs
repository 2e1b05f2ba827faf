//! The worker's loop: wakes, retries, gives up, releases.

use async_trait::async_trait;
use backing::db::Migration;
use backing::tasks::{Done, Job, JobError, NewTask, Queue, Task, Worker, cancel_subject, enqueue, revive_subject};
use backing::{Clock, Db, DbError, Tx, args};
use contracts::{Timestamp, UserId};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testing::{TestDatabase, databases, until};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

static MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "given up",
    fill: None,
    sqlite: "CREATE TABLE given_up (key TEXT NOT NULL, code TEXT NOT NULL) STRICT",
    postgres: "CREATE TABLE given_up (key TEXT NOT NULL, code TEXT NOT NULL)",
}];
/// The subject of all tasks.
const SUBJECT: Uuid = Uuid::from_u128(7);
const LEASE: Duration = Duration::from_secs(30);
/// So long that any earlier event was not found by polling.
const NEVER: Duration = Duration::from_secs(3600);
const OFTEN: Duration = Duration::from_millis(10);

/// The behaviour of one run.
enum Step {
    Ends(Result<Done, JobError>),
    Publishes,
    Panics,
    Waits(oneshot::Receiver<Result<Done, JobError>>),
    Hangs,
}

/// Follows a script, one step per run, and reports each run before it takes the step.
struct Script {
    db: Db,
    steps: Mutex<VecDeque<Step>>,
    runs: mpsc::UnboundedSender<Task>,
}

#[async_trait]
impl Job for Script {
    fn kind(&self) -> &'static str {
        "script"
    }

    async fn run(&self, task: &Task) -> Result<Done, JobError> {
        self.runs.send(task.clone()).unwrap();
        let step = self
            .steps
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Step::Ends(Ok(Done::Complete)));
        match step {
            Step::Ends(result) => result,
            Step::Publishes => {
                let mut tx = self.db.write().await?;
                assert!(task.finish_in(&mut tx).await?);
                tx.commit().await?;
                Ok(Done::AlreadyComplete)
            }
            Step::Panics => panic!("as the script says"),
            Step::Waits(result) => result.await.unwrap(),
            Step::Hangs => std::future::pending().await,
        }
    }

    async fn lock(&self, tx: &mut Tx, task: &Task) -> Result<(), DbError> {
        tx.run("UPDATE given_up SET code = code WHERE key = $1", args![&task.key])
            .await?;
        Ok(())
    }

    async fn abandoned(&self, tx: &mut Tx, task: &Task, code: &str, _: &str) -> Result<(), DbError> {
        tx.run(
            "INSERT INTO given_up (key, code) VALUES ($1, $2)",
            args![&task.key, code],
        )
        .await?;
        Ok(())
    }
}

struct Test {
    at: TestDatabase,
    clock: Clock,
    queue: Queue,
    runs: mpsc::UnboundedReceiver<Task>,
    job: Arc<Script>,
}

async fn each(script: impl Fn() -> Vec<Step>) -> Vec<Test> {
    let fresh = databases("content", MIGRATIONS).await.unwrap();
    let test = |at: TestDatabase| {
        let clock = Clock::fixed(Timestamp::from_seconds(1_800_000_000));
        let queue = Queue::new(at.db.clone(), clock.clone(), LEASE);
        let (sender, runs) = mpsc::unbounded_channel();
        let job = Arc::new(Script {
            db: at.db.clone(),
            steps: Mutex::new(script().into()),
            runs: sender,
        });
        Test {
            at,
            clock,
            queue,
            runs,
            job,
        }
    };
    fresh.into_iter().map(test).collect()
}

impl Test {
    fn worker(&self, slots: usize, poll: Duration) -> Worker {
        Worker::new(self.queue.clone(), vec![self.job.clone()], slots, poll)
    }

    async fn enqueue(&self, key: &str) {
        self.enqueue_for(None, key, 0).await;
    }

    async fn enqueue_for(&self, owner: Option<UserId>, key: &str, priority: i64) {
        let task = NewTask {
            kind: "script",
            key: key.to_owned(),
            payload: serde_json::Value::Null,
            run_after: self.clock.now(),
            priority,
            owner,
            subject: Some(SUBJECT),
        };
        let mut tx = self.at.db.write().await.unwrap();
        assert!(enqueue(&mut tx, &task).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn state(&self) -> String {
        let state = self
            .at
            .db
            .read()
            .one::<(String,)>("SELECT state FROM tasks", args![])
            .await
            .unwrap();
        state.unwrap().0
    }

    async fn until(&self, state: &str) {
        while self.state().await != state {
            tokio::time::sleep(OFTEN).await;
        }
    }

    /// Waits until a transaction waits for another's lock. SQLite has no locks of rows: there, none would have begun.
    async fn until_one_waits(&self) {
        if !self.at.db.is_postgres() {
            return;
        }
        let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("a transaction waits", || async {
            let waiting: Vec<(i64,)> = self.at.db.read().all(sql, args![]).await.unwrap();
            !waiting.is_empty()
        })
        .await;
    }

    /// The key, code and message of each dead letter.
    async fn dead_letters(&self) -> Vec<(String, String, String)> {
        let sql = "SELECT key, error_code, error FROM tasks WHERE state = 'dead'";
        self.at.db.read().all(sql, args![]).await.unwrap()
    }

    /// Enqueues the dead letters again; returns their number.
    async fn revive(&self) -> u64 {
        let mut tx = self.at.db.write().await.unwrap();
        let revived = revive_subject(&mut tx, SUBJECT, self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        revived
    }

    async fn given_up(&self) -> Vec<(String, String)> {
        self.at
            .db
            .read()
            .all("SELECT key, code FROM given_up", args![])
            .await
            .unwrap()
    }
}

/// Runs the worker during a test, and stops it afterwards.
async fn beside(worker: Worker, test: impl Future<Output = ()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let test = async {
        test.await;
        stop.send(()).unwrap();
    };
    tokio::join!(test, worker.run(async { stopped.await.unwrap() }));
}

#[tokio::test]
async fn a_commit_with_a_task_wakes_the_worker_at_once() {
    for mut test in each(Vec::new).await {
        beside(test.worker(1, NEVER), async {
            for n in 0..20 {
                test.enqueue(&n.to_string()).await;
                assert_eq!(test.runs.recv().await.unwrap().key, n.to_string());
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_task_of_another_process_is_found_by_polling() {
    for mut test in each(Vec::new).await {
        let other = Db::open(&test.at.url, "content", MIGRATIONS).await.unwrap();
        beside(test.worker(1, OFTEN), async {
            let mine = std::mem::replace(&mut test.at.db, other);
            test.enqueue("from elsewhere").await;
            test.at.db = mine;
            assert_eq!(test.runs.recv().await.unwrap().key, "from elsewhere");
            test.until("done").await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_failure_is_retried_after_a_growing_pause() {
    let script = || {
        vec![
            Step::Ends(Err(JobError::Retry("busy".to_owned()))),
            Step::Panics,
            Step::Publishes,
        ]
    };
    for mut test in each(script).await {
        test.enqueue("tried").await;
        beside(test.worker(1, OFTEN), async {
            for (attempt, pause) in [(1, 1), (2, 2), (3, 0)] {
                assert_eq!(test.runs.recv().await.unwrap().attempt, attempt, "{}", test.at.name);
                if pause > 0 {
                    test.until("scheduled").await;
                    test.clock
                        .advance(Duration::from_secs(pause) - Duration::from_millis(1));
                    tokio::time::sleep(5 * OFTEN).await;
                    assert!(test.runs.try_recv().is_err(), "{}: too early", test.at.name);
                    test.clock.advance(Duration::from_millis(1));
                }
            }
            test.until("done").await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_task_that_waits_for_a_store_runs_again_until_the_store_is_there_and_loses_no_attempt() {
    const WAITS: usize = 40;
    let away = || Step::Ends(Err(JobError::Wait("the store does not answer".to_owned())));
    let script = || std::iter::repeat_with(away).take(WAITS).collect();
    for mut test in each(script).await {
        test.enqueue("patient").await;
        beside(test.worker(1, OFTEN), async {
            for _ in 0..WAITS {
                assert_eq!(test.runs.recv().await.unwrap().attempt, 1, "{}", test.at.name);
                test.until("scheduled").await;
                test.clock.advance(Duration::from_secs(5));
            }
            assert_eq!(test.runs.recv().await.unwrap().attempt, 1, "{}", test.at.name);
            test.until("done").await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_job_that_requests_it_runs_again_later_with_fresh_counts() {
    let script = || vec![Step::Ends(Ok(Done::Again(Duration::from_secs(600))))];
    for mut test in each(script).await {
        test.enqueue("periodic").await;
        beside(test.worker(1, OFTEN), async {
            let first = test.runs.recv().await.unwrap();
            test.until("scheduled").await;
            test.clock.advance(Duration::from_secs(600));
            let again = test.runs.recv().await.unwrap();
            assert_eq!((again.attempt, again.fence), (1, first.fence + 1), "{}", test.at.name);
            test.until("done").await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_permanent_failure_becomes_a_dead_letter_that_can_be_enqueued_again() {
    let script = || {
        vec![Step::Ends(Err(JobError::Permanent(
            "media_malformed".to_owned(),
            "no moov".to_owned(),
        )))]
    };
    for mut test in each(script).await {
        test.enqueue("scan:1").await;
        beside(test.worker(1, OFTEN), async {
            test.runs.recv().await.unwrap();
            test.until("dead").await;
            assert_eq!(
                test.given_up().await,
                [("scan:1".to_owned(), "media_malformed".to_owned())]
            );
            let letter = ["scan:1", "media_malformed", "no moov"].map(str::to_owned);
            assert_eq!(test.dead_letters().await, [letter.into()], "{}", test.at.name);
            assert_eq!(test.revive().await, 1, "{}", test.at.name);
            assert_eq!(test.revive().await, 0, "{}", test.at.name);
            assert_eq!(test.runs.recv().await.unwrap().attempt, 1);
            test.until("done").await;
        })
        .await;
        assert_eq!(test.dead_letters().await, [], "{}", test.at.name);
    }
}

#[tokio::test]
async fn what_a_dead_letter_changes_is_locked_before_its_task() {
    for mut test in each(Vec::new).await {
        let (resume, waits) = oneshot::channel();
        test.job.steps.lock().unwrap().push_back(Step::Waits(waits));
        test.enqueue("overtaken").await;
        let mut tx = test.at.db.write().await.unwrap();
        let sql = "INSERT INTO given_up (key, code) VALUES ('overtaken', 'before')";
        tx.run(sql, args![]).await.unwrap();
        tx.commit().await.unwrap();
        beside(test.worker(1, OFTEN), async {
            test.runs.recv().await.unwrap();
            let mut deletion = test.at.db.write().await.unwrap();
            let sql = "UPDATE given_up SET code = 'deleted' WHERE key = 'overtaken'";
            deletion.run(sql, args![]).await.unwrap();
            resume
                .send(Err(JobError::Permanent("code".to_owned(), String::new())))
                .unwrap();
            test.until_one_waits().await;
            let now = test.clock.now();
            assert_eq!(cancel_subject(&mut deletion, SUBJECT, now).await.unwrap(), 1);
            deletion.commit().await.unwrap();
        })
        .await;
        let deleted = ("overtaken".to_owned(), "deleted".to_owned());
        assert_eq!(test.given_up().await, [deleted], "{}", test.at.name);
        assert_eq!(test.state().await, "done", "{}", test.at.name);
    }
}

#[tokio::test]
async fn a_dead_letter_whose_key_has_a_live_task_is_not_enqueued_again() {
    let script = || vec![Step::Ends(Err(JobError::Permanent("code".to_owned(), String::new())))];
    for mut test in each(script).await {
        test.enqueue("key").await;
        beside(test.worker(1, OFTEN), async {
            test.runs.recv().await.unwrap();
            test.until("dead").await;
        })
        .await;
        test.enqueue("key").await;
        assert_eq!(test.revive().await, 0, "{}", test.at.name);
    }
}

#[tokio::test]
async fn a_task_that_killed_eight_workers_becomes_a_dead_letter_without_another_run() {
    const LONGEST_PAUSE: Duration = Duration::from_secs(33);
    for test in each(Vec::new).await {
        test.enqueue("poison").await;
        for death in 0..8 {
            let mut claimed = test.queue.claim(&["script"]).await.unwrap();
            assert_eq!(
                claimed.is_none(),
                death > 1,
                "{}: one death may be an accident",
                test.at.name
            );
            if claimed.is_none() {
                test.clock.advance(LONGEST_PAUSE);
                claimed = test.queue.claim(&["script"]).await.unwrap();
            }
            assert_eq!(claimed.unwrap().losses, death, "{}", test.at.name);
            test.clock.advance(LEASE + Duration::from_secs(1));
        }
        assert!(test.queue.claim(&["script"]).await.unwrap().is_none());
        test.clock.advance(LONGEST_PAUSE);
        beside(test.worker(1, OFTEN), test.until("dead")).await;
        assert_eq!(
            test.given_up().await,
            [("poison".to_owned(), "worker_lost".to_owned())],
            "{}",
            test.at.name
        );
    }
}

#[tokio::test]
async fn running_tasks_never_exceed_the_slots_and_unfinished_ones_are_released() {
    for mut test in each(|| vec![Step::Hangs, Step::Hangs]).await {
        for key in ["a", "b", "c"] {
            test.enqueue(key).await;
        }
        beside(test.worker(2, OFTEN).grace(OFTEN), async {
            test.runs.recv().await.unwrap();
            test.runs.recv().await.unwrap();
            tokio::time::sleep(10 * OFTEN).await;
            assert!(test.runs.try_recv().is_err(), "{}: a third ran", test.at.name);
        })
        .await;
        let waiting = "SELECT COUNT(*) FROM tasks WHERE state <> 'running' AND attempt = 0 AND losses = 0";
        let waiting = test.at.db.read().one::<(i64,)>(waiting, args![]).await.unwrap();
        assert_eq!(waiting, Some((3,)), "{}: not released", test.at.name);
    }
}

#[tokio::test]
async fn a_stop_lets_the_running_task_finish_and_claims_no_other() {
    for mut test in each(Vec::new).await {
        let (resume, waits) = oneshot::channel();
        test.job.steps.lock().unwrap().push_back(Step::Waits(waits));
        test.enqueue("running").await;
        let (stop, stopped) = oneshot::channel::<()>();
        let worker = test.worker(1, OFTEN);
        let steps = async {
            test.runs.recv().await.unwrap();
            test.enqueue("too late").await;
            stop.send(()).unwrap();
            tokio::time::sleep(OFTEN).await;
            resume.send(Ok(Done::Complete)).unwrap();
        };
        tokio::join!(steps, worker.run(async { stopped.await.unwrap() }));
        let states = "SELECT key, state FROM tasks ORDER BY key";
        let states: Vec<(String, String)> = test.at.db.read().all(states, args![]).await.unwrap();
        let states: Vec<_> = states
            .iter()
            .map(|(key, state)| (key.as_str(), state.as_str()))
            .collect();
        assert_eq!(
            states,
            [("running", "done"), ("too late", "scheduled")],
            "{}",
            test.at.name
        );
    }
}

#[tokio::test]
async fn a_worker_that_is_held_leaves_its_tasks_until_it_is_let_go() {
    for mut test in each(Vec::new).await {
        let (held, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
        let (state, count) = (Arc::clone(&held), Arc::clone(&asked));
        let worker = test.worker(1, OFTEN).held_while(move || {
            count.fetch_add(1, Ordering::SeqCst);
            state.load(Ordering::SeqCst)
        });
        test.enqueue("waits").await;
        beside(worker, async {
            testing::until("the worker looks again", || async { asked.load(Ordering::SeqCst) > 3 }).await;
            assert!(test.runs.try_recv().is_err(), "{}", test.at.name);
            held.store(false, Ordering::SeqCst);
            assert_eq!(test.runs.recv().await.unwrap().key, "waits");
        })
        .await;
    }
}

#[tokio::test]
async fn an_owner_leaves_the_last_slot_to_others_who_wait_and_takes_it_if_nobody_does() {
    let many = || (0..9).map(|_| Step::Hangs).collect();
    for mut test in each(many).await {
        let (crowd, other) = (Some(UserId::generate()), Some(UserId::generate()));
        for n in 0..4 {
            test.enqueue_for(crowd, &format!("crowd {n}"), 10).await;
        }
        // less urgent, and behind all of them
        test.enqueue_for(other, "other", 0).await;
        beside(test.worker(3, OFTEN).grace(Duration::ZERO), async {
            let mut keys = Vec::new();
            for _ in 0..3 {
                keys.push(test.runs.recv().await.unwrap().key);
            }
            assert_eq!(keys, ["crowd 0", "crowd 1", "other"], "{}", test.at.name);
        })
        .await;
        let all = "UPDATE tasks SET state = 'done', live_key = NULL";
        let mut tx = test.at.db.write().await.unwrap();
        tx.run(all, args![]).await.unwrap();
        tx.commit().await.unwrap();
        for n in 4..8 {
            test.enqueue_for(crowd, &format!("crowd {n}"), 0).await;
        }
        beside(test.worker(3, OFTEN).grace(Duration::ZERO), async {
            for n in 4..7 {
                assert_eq!(
                    test.runs.recv().await.unwrap().key,
                    format!("crowd {n}"),
                    "{}",
                    test.at.name
                );
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_job_whose_lease_was_lost_is_dropped() {
    for mut test in each(|| vec![Step::Hangs]).await {
        // beats every 100 ms of real time
        test.queue = Queue::new(test.at.db.clone(), test.clock.clone(), Duration::from_millis(300));
        test.enqueue("slow").await;
        beside(test.worker(1, OFTEN), async {
            test.runs.recv().await.unwrap();
            let mut tx = test.at.db.write().await.unwrap();
            backing::tasks::cancel(&mut tx, "slow", test.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            test.enqueue("next").await; // runs once the only slot is free
            assert_eq!(test.runs.recv().await.unwrap().key, "next", "{}", test.at.name);
        })
        .await;
    }
}
