//! What a process knows of its own changes of some tables.

use super::{each, insert, insert_in, lecture};
use backing::args;
use backing::db::Edition;
use futures::poll;
use std::pin::pin;

const RENAME: &str = "UPDATE lectures SET slug = slug || '.' WHERE slug = $1";

/// A number that has not been there before; `now` is the last one.
fn grown(edition: &Edition, now: &mut Option<u64>) -> bool {
    let before = std::mem::replace(now, edition.now());
    *now > before
}

#[tokio::test]
async fn commits_that_may_change_a_watched_table_count_and_nothing_else_does() {
    for test in each().await {
        let lectures = test.db.watch(&["lectures"]);
        let others = test.db.watch(&["lecture", "slug2"]);
        let (mut now, none) = (lectures.now(), others.now());
        insert(&test.db, &lecture("one")).await.unwrap();
        assert!(grown(&lectures, &mut now), "{}: an insertion", test.name);
        let mut tx = test.db.write().await.unwrap();
        tx.run(RENAME, args!["one"]).await.unwrap();
        assert!(!grown(&lectures, &mut now), "{}: before its commit", test.name);
        tx.commit().await.unwrap();
        assert!(grown(&lectures, &mut now), "{}: an update", test.name);
        let mut tx = test.db.write().await.unwrap();
        insert_in(&mut tx, &lecture("two")).await.unwrap();
        tx.rollback().await.unwrap();
        let count = "SELECT COUNT(*) FROM lectures";
        let mut tx = test.db.write().await.unwrap();
        tx.all::<(i64,)>(count, args![]).await.unwrap();
        tx.commit().await.unwrap();
        test.db.read().one::<(i64,)>(count, args![]).await.unwrap();
        assert!(!grown(&lectures, &mut now), "{}: a reader or a rollback", test.name);
        let mut tx = test.db.write().await.unwrap();
        tx.all::<(String,)>("DELETE FROM lectures RETURNING slug", args![])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(grown(&lectures, &mut now), "{}: a deletion", test.name);
        assert_eq!(others.now(), none, "{}: another table", test.name);
    }
}

/// Somebody who closes a page ends the handler of a request, but the database may have been told to commit.
#[tokio::test]
async fn a_commit_whose_end_nobody_has_seen_leaves_doubt() {
    for test in each().await {
        let lectures = test.db.watch(&["lectures"]);
        let others = test.db.watch(&["others"]);
        let mut seen = 0;
        for n in 0..20 {
            let mut tx = test.db.write().await.unwrap();
            insert_in(&mut tx, &lecture(&format!("lecture {n}"))).await.unwrap();
            let ended = poll!(pin!(tx.commit())).is_ready();
            seen += u32::from(!ended);
            let in_doubt = lectures.now().is_none();
            assert!(in_doubt || seen == 0, "{}: {n}", test.name);
        }
        assert!(seen > 0, "{}: every commit ended at once", test.name);
        assert!(others.now().is_some(), "{}: another table", test.name);
    }
}
