//! One text per query on both engines.

use backing::db::{DbError, Inspected, Migration, Sql};
use backing::{Db, Tx, args, record, text_column};
use contracts::{Role, Roles, Timestamp, UserId, VideoId};
use std::pin::Pin;
use std::str::FromStr;
use testing::{TestDatabase, databases, places};

mod editions;
mod many_statements;
mod older_programs;
mod server;

static MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "lectures",
    fill: None,
    sqlite: "CREATE TABLE lectures (id BLOB NOT NULL PRIMARY KEY, slug TEXT NOT NULL UNIQUE, seconds INTEGER, open INTEGER NOT NULL, \
             share REAL, media TEXT NOT NULL, key BLOB, at INTEGER NOT NULL, mood TEXT NOT NULL, roles TEXT NOT NULL, \
             parent BLOB REFERENCES lectures (id)) STRICT, WITHOUT ROWID;
             CREATE INDEX lectures_at ON lectures (at);",
    postgres: "CREATE TABLE lectures (id UUID NOT NULL PRIMARY KEY, slug TEXT NOT NULL UNIQUE, seconds BIGINT, open BOOLEAN NOT NULL, \
               share DOUBLE PRECISION, media TEXT NOT NULL, key BYTEA, at BIGINT NOT NULL, mood TEXT NOT NULL, roles TEXT NOT NULL, \
               parent UUID REFERENCES lectures (id));
               CREATE INDEX lectures_at ON lectures (at);",
}];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Calm,
    Lively,
}

impl Mood {
    fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Lively => "lively",
        }
    }
}

impl FromStr for Mood {
    type Err = std::fmt::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Calm, Self::Lively]
            .into_iter()
            .find(|mood| mood.as_str() == text)
            .ok_or(std::fmt::Error)
    }
}

text_column!(Mood);

record! {
    #[derive(Debug, Clone, PartialEq)]
    struct Lecture {
        id: VideoId,
        slug: String,
        seconds: Option<i64>,
        open: bool,
        share: Option<f64>,
        media: serde_json::Value,
        key: Option<Vec<u8>>,
        at: Timestamp,
        mood: Mood,
        roles: Roles,
        parent: Option<VideoId>,
    }
}

const INSERT: &str = "INSERT INTO lectures (id, slug, seconds, open, share, media, key, at, mood, roles, parent) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

fn lecture(slug: &str) -> Lecture {
    Lecture {
        id: VideoId::generate(),
        slug: slug.to_owned(),
        seconds: Some(3_600),
        open: true,
        share: Some(0.25),
        media: serde_json::json!({"codec": "h264", "tracks": [1, 2]}),
        key: Some(vec![0, 255]),
        at: Timestamp(1_795_629_600_123_456),
        mood: Mood::Lively,
        roles: [Role::Admin, Role::Learner].into_iter().collect(),
        parent: None,
    }
}

async fn insert(db: &Db, lecture: &Lecture) -> Result<(), DbError> {
    let mut tx = db.write().await?;
    insert_in(&mut tx, lecture).await?;
    tx.commit().await
}

async fn insert_in(tx: &mut Tx, lecture: &Lecture) -> Result<(), DbError> {
    let l = lecture.clone();
    let values = args![
        l.id, l.slug, l.seconds, l.open, l.share, l.media, l.key, l.at, l.mood, &l.roles, l.parent
    ];
    assert_eq!(tx.run(INSERT, values).await?, 1);
    Ok(())
}

async fn each() -> Vec<TestDatabase> {
    databases("lectures", MIGRATIONS).await.unwrap()
}

#[tokio::test]
async fn rows_come_back_as_they_went_in() {
    for test in each().await {
        let full = lecture("full");
        let empty = Lecture {
            seconds: None,
            share: None,
            key: None,
            parent: Some(full.id),
            open: false,
            mood: Mood::Calm,
            ..lecture("empty")
        };
        insert(&test.db, &full).await.unwrap();
        insert(&test.db, &empty).await.unwrap();
        let all: Vec<Lecture> = test
            .db
            .read()
            .all("SELECT * FROM lectures ORDER BY slug DESC", args![])
            .await
            .unwrap();
        assert_eq!(all, [full.clone(), empty.clone()], "{}", test.name);
        let select = "SELECT * FROM lectures WHERE id = $1 AND at = $2 AND open = $3";
        let one: Option<Lecture> = test
            .db
            .read()
            .one(select, args![empty.id, empty.at, false])
            .await
            .unwrap();
        assert_eq!(one, Some(empty), "{}", test.name);
        let none: Option<Lecture> = test
            .db
            .read()
            .one(select, args![full.id, full.at, false])
            .await
            .unwrap();
        assert_eq!(none, None, "{}", test.name);
    }
}

#[tokio::test]
async fn literals_counts_and_page_sizes_are_plain_numbers() {
    for test in each().await {
        for slug in ["a", "b", "c"] {
            insert(&test.db, &lecture(slug)).await.unwrap();
        }
        let read = test.db.read();
        let counted: Option<(i64, i64, Option<i64>)> = read
            .one(
                "SELECT 1, COUNT(*), CASE WHEN $1 THEN NULL ELSE 2 END FROM lectures",
                args![true],
            )
            .await
            .unwrap();
        assert_eq!(counted, Some((1, 3, None)), "{}", test.name);
        let page: Vec<(String,)> = read
            .all(
                "SELECT slug FROM lectures ORDER BY slug LIMIT $1 OFFSET $2",
                args![2, 1u32],
            )
            .await
            .unwrap();
        assert_eq!(page, [("b".to_owned(),), ("c".to_owned(),)], "{}", test.name);
    }
}

#[tokio::test]
async fn a_duplicate_is_reported_with_its_column() {
    for test in each().await {
        let first = lecture("same");
        insert(&test.db, &first).await.unwrap();
        let error = insert(&test.db, &lecture("same")).await.unwrap_err();
        assert!(
            matches!(&error, DbError::Unique(what) if what.contains("slug") && !what.contains("mood")),
            "{}: {error}",
            test.name
        );
        let error = insert(
            &test.db,
            &Lecture {
                id: first.id,
                ..lecture("other")
            },
        )
        .await
        .unwrap_err();
        assert!(matches!(error, DbError::Unique(_)), "{}: {error}", test.name);
        let orphan = Lecture {
            parent: Some(VideoId::generate()),
            ..lecture("orphan")
        };
        let error = insert(&test.db, &orphan).await.unwrap_err();
        assert!(
            matches!(error, DbError::Other(_)),
            "{}: foreign keys are not checked: {error}",
            test.name
        );
    }
}

#[tokio::test]
async fn a_dropped_transaction_changes_nothing_and_releases_the_writer() {
    for test in each().await {
        insert(&test.db, &lecture("stays")).await.unwrap();
        for _ in 0..20 {
            let mut tx = test.db.write().await.unwrap();
            tx.run("UPDATE lectures SET slug = $1", args!["changed"]).await.unwrap();
            let seen: Option<(String,)> = tx.one("SELECT slug FROM lectures", args![]).await.unwrap();
            assert_eq!(seen.unwrap().0, "changed");
            // readers see the last commit meanwhile
            let seen: Option<(String,)> = test.db.read().one("SELECT slug FROM lectures", args![]).await.unwrap();
            assert_eq!(seen.unwrap().0, "stays", "{}", test.name);
        }
        let mut tx = test.db.write().await.unwrap();
        let seen: Vec<(String,)> = tx
            .all(
                "UPDATE lectures SET seconds = seconds + 1 WHERE slug = $1 RETURNING slug",
                args!["stays"],
            )
            .await
            .unwrap();
        assert_eq!(seen.len(), 1, "{}", test.name);
        tx.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_writers_lose_no_update() {
    for test in each().await {
        insert(
            &test.db,
            &Lecture {
                seconds: Some(0),
                ..lecture("counter")
            },
        )
        .await
        .unwrap();
        let add = || async {
            let mut tx = test.db.write().await.unwrap();
            tx.run(
                "UPDATE lectures SET seconds = seconds + 1 WHERE slug = $1",
                args!["counter"],
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
        };
        futures::future::join_all((0..100).map(|_| add())).await;
        let sum: Option<(i64,)> = test
            .db
            .read()
            .one("SELECT seconds FROM lectures", args![])
            .await
            .unwrap();
        assert_eq!(sum, Some((100,)), "{}", test.name);
    }
}

#[tokio::test]
async fn a_schema_is_reopened_with_its_rows_and_by_many_at_once() {
    for test in each().await {
        let kept = lecture("kept");
        insert(&test.db, &kept).await.unwrap();
        let opened = futures::future::join_all((0..4).map(|_| Db::open(&test.url, "lectures", MIGRATIONS))).await;
        for db in opened {
            let rows: Vec<Lecture> = db.unwrap().read().all("SELECT * FROM lectures", args![]).await.unwrap();
            assert_eq!(rows, std::slice::from_ref(&kept), "{}", test.name);
        }
        let other = Db::open(&test.url, "others", MIGRATIONS).await.unwrap();
        let rows: Vec<Lecture> = other.read().all("SELECT * FROM lectures", args![]).await.unwrap();
        assert!(rows.is_empty(), "{}: two services share a table", test.name);
    }
}

#[tokio::test]
async fn an_edited_or_unknown_migration_is_refused() {
    static EDITED: &[Migration] = &[Migration {
        number: 1,
        name: "lectures",
        fill: None,
        sqlite: "SELECT 1",
        postgres: "SELECT 1",
    }];
    static GAP: &[Migration] = &[Migration {
        number: 2,
        name: "second",
        fill: None,
        sqlite: "SELECT 1",
        postgres: "SELECT 1",
    }];
    for test in each().await {
        for wrong in [EDITED, &[], GAP] {
            let refused = Db::open(&test.url, "lectures", wrong).await;
            assert!(matches!(refused, Err(DbError::Migration(_))), "{}", test.name);
        }
        Db::open(&test.url, "lectures", MIGRATIONS).await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_behind() {
    static BROKEN: &[Migration] = &[Migration {
        number: 1,
        name: "broken",
        fill: None,
        sqlite: "CREATE TABLE half (n INTEGER); NONSENSE;",
        postgres: "CREATE TABLE half (n BIGINT); NONSENSE;",
    }];
    static MENDED: &[Migration] = &[Migration {
        number: 1,
        name: "mended",
        fill: None,
        sqlite: "CREATE TABLE half (n INTEGER);",
        postgres: "CREATE TABLE half (n BIGINT);",
    }];
    for test in each().await {
        assert!(Db::open(&test.url, "fresh", BROKEN).await.is_err());
        Db::open(&test.url, "fresh", MENDED).await.unwrap();
    }
}

type Filled<'t> = Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 't>>;

fn double(tx: &mut Tx) -> Filled<'_> {
    Box::pin(async move {
        tx.run("UPDATE numbers SET n = 2 * n", args![]).await?;
        Ok(())
    })
}

fn double_and_fail(tx: &mut Tx) -> Filled<'_> {
    Box::pin(async move {
        double(tx).await?;
        Err(DbError::Migration("not today".to_owned()))
    })
}

#[tokio::test]
async fn a_migration_fills_in_once_and_in_its_own_transaction() {
    const CREATED: Migration = Migration {
        number: 1,
        name: "numbers",
        fill: None,
        sqlite: "CREATE TABLE numbers (n INTEGER); INSERT INTO numbers VALUES (4);",
        postgres: "CREATE TABLE numbers (n BIGINT); INSERT INTO numbers VALUES (4);",
    };
    const DOUBLED: Migration = Migration {
        number: 2,
        name: "doubled",
        fill: Some(double),
        sqlite: "INSERT INTO numbers VALUES (8);",
        postgres: "INSERT INTO numbers VALUES (8);",
    };
    static BEFORE: &[Migration] = &[CREATED];
    static FAILING: &[Migration] = &[
        CREATED,
        Migration {
            fill: Some(double_and_fail),
            ..DOUBLED
        },
    ];
    static AFTER: &[Migration] = &[CREATED, DOUBLED];
    for test in each().await {
        Db::open(&test.url, "fresh", BEFORE).await.unwrap();
        assert!(Db::open(&test.url, "fresh", FAILING).await.is_err(), "{}", test.name);
        for _ in 0..2 {
            let db = Db::open(&test.url, "fresh", AFTER).await.unwrap();
            let numbers: Vec<(i64,)> = db
                .read()
                .all("SELECT n FROM numbers ORDER BY n", args![])
                .await
                .unwrap();
            assert_eq!(numbers, [(8,), (16,)], "{}", test.name);
        }
    }
}

#[tokio::test]
async fn a_full_sqlite_disk_is_reported_and_the_database_works_again_afterwards() {
    let tests = each().await;
    let db = &tests[0].db;
    let limit = |pages: &'static str| async move {
        let mut tx = db.write().await.unwrap();
        tx.all::<(i64,)>(pages, args![]).await.unwrap();
        tx.commit().await.unwrap();
    };
    limit("PRAGMA max_page_count = 1").await; // as many as there are
    let big = Lecture {
        key: Some(vec![0; 1 << 20]),
        ..lecture("big")
    };
    assert!(matches!(insert(db, &big).await, Err(DbError::Full)));
    // the same transaction can't continue, so that no half of it is kept
    limit("PRAGMA max_page_count = 1").await; // the limit is a connection's, and that one was replaced
    let mut tx = db.write().await.unwrap();
    let fill = "UPDATE lectures SET key = $1";
    insert_in(&mut tx, &lecture("small")).await.unwrap();
    assert!(matches!(
        tx.run(fill, args![vec![0u8; 1 << 20]]).await,
        Err(DbError::Full)
    ));
    assert!(matches!(
        insert_in(&mut tx, &lecture("alone")).await,
        Err(DbError::Full)
    ));
    assert!(matches!(tx.commit().await, Err(DbError::Full)));
    limit("PRAGMA max_page_count = 100000").await;
    let rows: Vec<Lecture> = db.read().all("SELECT * FROM lectures", args![]).await.unwrap();
    assert!(rows.is_empty());
    insert(db, &big).await.unwrap();
}

#[tokio::test]
async fn a_locked_sqlite_database_is_waited_for_or_reported_as_unavailable() {
    let tests = each().await;
    let other = Db::open(&tests[0].url, "lectures", MIGRATIONS).await.unwrap();
    let held = other.write().await.unwrap();
    let waiting = tests[0].db.write();
    let results = tokio::join!(waiting, async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        held.rollback().await.unwrap();
    });
    results.0.unwrap().rollback().await.unwrap();
    let _held = other.write().await.unwrap();
    assert!(matches!(tests[0].db.write().await, Err(DbError::Unavailable(_))));
}

#[tokio::test]
async fn a_lock_in_postgres_is_waited_for_or_reported_as_unavailable() {
    let tests = each().await;
    let db = &tests[1].db;
    insert(db, &lecture("held")).await.unwrap();
    let touch = "UPDATE lectures SET seconds = 1 WHERE slug = $1";
    let mut held = db.write().await.unwrap();
    held.run(touch, args!["held"]).await.unwrap();
    let mut waits = db.write().await.unwrap();
    let begun = std::time::Instant::now();
    let refused = waits.run(touch, args!["held"]).await;
    assert!(matches!(refused, Err(DbError::Unavailable(_))), "{refused:?}");
    assert!((9..30).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    drop(waits);
    held.commit().await.unwrap();
    let mut after = db.write().await.unwrap();
    assert_eq!(after.run(touch, args!["held"]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let tests = each().await;
    let written = tests[0]
        .db
        .read()
        .all::<(i64,)>("DELETE FROM lectures RETURNING 1", args![])
        .await;
    assert!(written.is_err(), "query_only is off");
}

#[tokio::test]
async fn a_lost_postgres_connection_that_has_rested_is_replaced_without_an_error() {
    let tests = each().await;
    let test = &tests[1];
    assert!(test.db.is_postgres() && !tests[0].db.is_postgres());
    let kill = Sql::both(
        "",
        "WITH others AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid()) SELECT 1 FROM others WHERE pg_terminate_backend(pid)",
    );
    for _ in 0..3 {
        // another client ends each of the pool's idle connections
        let reads = (0..8).map(|_| test.db.read().one::<(i64,)>("SELECT 1 FROM pg_sleep(0.05)", args![]));
        for read in futures::future::join_all(reads).await {
            assert_eq!(read.unwrap(), Some((1,)));
        }
        let other = Db::open(&test.url, "others", MIGRATIONS).await.unwrap();
        let mut other = other.write().await.unwrap(); // one connection, which counts itself out
        while !other.all::<(i64,)>(kill, args![]).await.unwrap().is_empty() {
            other.run("SELECT pg_stat_clear_snapshot()", args![]).await.unwrap();
        }
        drop(other);
        // one that has just answered is not tried
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        insert(&test.db, &lecture(&UserId::generate().to_string()))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_missing_database_is_reported_within_the_time_that_the_pool_waits() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgres://nobody@127.0.0.1:{port}/nowhere");
    assert!(matches!(
        Db::open(&url, "lectures", MIGRATIONS).await,
        Err(DbError::Unavailable(_))
    ));
    assert!(matches!(
        Db::open("sqlite:///proc/nowhere", "lectures", MIGRATIONS).await,
        Err(DbError::Unavailable(_))
    ));
    assert!(Db::open("mysql://x", "lectures", MIGRATIONS).await.is_err());
}

#[tokio::test]
async fn inspecting_a_schema_counts_outstanding_migrations_and_changes_nothing() {
    for place in places().await.unwrap() {
        let look = async |migrations| Db::inspect(&place.url, "lectures", migrations).await.unwrap();
        assert_eq!(look(MIGRATIONS).await, Inspected::Absent, "{}", place.name);
        assert!(!Db::exists(&place.url, "lectures").await.unwrap(), "{}", place.name);
        let db = Db::open(&place.url, "lectures", &[]).await.unwrap();
        let open = if db.is_postgres() {
            Inspected::Outstanding(1)
        } else {
            Inspected::InUse
        };
        assert_eq!(look(MIGRATIONS).await, open, "{}", place.name);
        db.close().await;
        for _ in 0..2 {
            assert_eq!(look(MIGRATIONS).await, Inspected::Outstanding(1), "{}", place.name);
        }
        let db = Db::open(&place.url, "lectures", MIGRATIONS).await.unwrap();
        db.close().await;
        assert_eq!(look(MIGRATIONS).await, Inspected::Outstanding(0), "{}", place.name);
        let older = Db::inspect(&place.url, "lectures", &[]).await;
        assert!(matches!(older, Err(DbError::Migration(_))), "{}", place.name);
    }
}
