//! Several reads at one moment, and many rows in one statement.

use super::{INSERT, each, insert, lecture};
use backing::args;
use backing::db::{DbError, Value};
use contracts::VideoId;

#[tokio::test]
async fn a_snapshot_sees_no_later_commit_and_writes_nothing() {
    for test in each().await {
        insert(&test.db, &lecture("before")).await.unwrap();
        let count = "SELECT COUNT(*) FROM lectures";
        let mut snapshot = test.db.snapshot().await.unwrap();
        assert_eq!(snapshot.one(count, args![]).await.unwrap(), Some((1_i64,)));
        insert(&test.db, &lecture("meanwhile")).await.unwrap();
        let slugs: Vec<(String,)> = snapshot.all("SELECT slug FROM lectures", args![]).await.unwrap();
        assert_eq!(slugs, [("before".to_owned(),)], "{}", test.name);
        let written = snapshot
            .all::<(i64,)>("DELETE FROM lectures RETURNING 1", args![])
            .await;
        assert!(written.is_err(), "{}: a snapshot wrote", test.name);
        drop(snapshot);
        // its connection is used again, and sees everything
        for _ in 0..12 {
            let mut later = test.db.snapshot().await.unwrap();
            assert_eq!(
                later.one(count, args![]).await.unwrap(),
                Some((2_i64,)),
                "{}",
                test.name
            );
        }
    }
}

fn row(slug: &str) -> Vec<Value> {
    let l = lecture(slug);
    args![
        l.id, l.slug, l.seconds, l.open, l.share, l.media, l.key, l.at, l.mood, &l.roles, l.parent
    ]
}

#[tokio::test]
async fn many_rows_are_written_by_few_statements() {
    const ROWS: u64 = 7_000;
    for test in each().await {
        let mut tx = test.db.write().await.unwrap();
        let before = test.db.writes();
        let rows = (0..ROWS).map(|n| row(&format!("lecture {n}"))).collect();
        assert_eq!(tx.run_all(INSERT, rows).await.unwrap(), ROWS, "{}", test.name);
        // at most 1,000 rows each
        assert_eq!(test.db.writes() - before, 7, "{}", test.name);
        assert_eq!(tx.run_all(INSERT, Vec::new()).await.unwrap(), 0);
        assert_eq!(test.db.writes() - before, 7, "{}: nothing was run", test.name);
        let ids: Vec<(VideoId,)> = tx.all("SELECT id FROM lectures LIMIT 3", args![]).await.unwrap();
        let changes = ids.iter().zip(1_i64..).map(|((id,), n)| args![*id, n]).collect();
        let update = "UPDATE lectures SET seconds = new.column2 FROM (VALUES ($1, $2)) AS new WHERE id = new.column1";
        assert_eq!(tx.run_all(update, changes).await.unwrap(), 3, "{}", test.name);
        tx.commit().await.unwrap();
        let sum = "SELECT CAST(SUM(seconds) AS BIGINT) FROM lectures WHERE seconds < 4";
        let sum: Option<(i64,)> = test.db.read().one(sum, args![]).await.unwrap();
        assert_eq!(sum, Some((6,)), "{}", test.name);
    }
}

#[tokio::test]
async fn rows_that_do_not_fit_the_statement_are_refused() {
    for test in each().await {
        let mut tx = test.db.write().await.unwrap();
        let short = row("short").into_iter().take(3).collect();
        let refused = tx.run_all(INSERT, vec![row("whole"), short]).await;
        assert!(matches!(refused, Err(DbError::Other(_))), "{}: {refused:?}", test.name);
        let refused = tx.run_all("DELETE FROM lectures WHERE id = $1", vec![row("x")]).await;
        assert!(matches!(refused, Err(DbError::Other(_))), "{}: {refused:?}", test.name);
        // nothing of it has reached the database
        let rows: Option<(i64,)> = tx.one("SELECT COUNT(*) FROM lectures", args![]).await.unwrap();
        assert_eq!(rows, Some((0,)), "{}", test.name);
    }
}
