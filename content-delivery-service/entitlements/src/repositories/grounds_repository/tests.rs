use super::*;
use backing::db::Value as Argument;
use renditions::schema::MIGRATIONS;
use testing::{TestDatabase, databases};

/// The plan of a statement, as its engine explains it. PostgreSQL scans small tables even where it has an index, unless it is
/// told not to.
async fn plan(test: &TestDatabase, sql: Sql, values: Vec<Argument>) -> String {
    let (sqlite, postgres) = sql.texts();
    let mut tx = test.db.write().await.unwrap();
    let lines: Vec<String> = if test.db.is_postgres() {
        tx.run("SET LOCAL enable_seqscan = off", args![]).await.unwrap();
        let explained: &'static str = format!("EXPLAIN {postgres}").leak();
        let lines = tx.all::<(String,)>(explained, values).await.unwrap();
        lines.into_iter().map(|(line,)| line).collect()
    } else {
        let explained: &'static str = format!("EXPLAIN QUERY PLAN {sqlite}").leak();
        let lines = tx.all::<(i64, i64, i64, String)>(explained, values).await.unwrap();
        lines.into_iter().map(|(_, _, _, line)| line).collect()
    };
    lines.join("\n")
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let (video, user, course) = (VideoId::generate(), UserId::generate(), CourseId::generate());
    let (now, ids) = (
        Timestamp::from_seconds(1),
        Value::from(vec![video.0.as_simple().to_string()]),
    );
    let (viewers, member) = (args![now, ids], args![now, user, course]);
    for test in databases("content", MIGRATIONS).await.unwrap() {
        for (what, sql, values) in [
            ("a lecture", OF_LECTURE.into(), args![video, user]),
            ("a course", OF_COURSE.into(), args![course, user]),
            ("viewers", OF_VIEWERS, viewers.clone()),
            ("a member", OF_MEMBER.into(), member.clone()),
            ("the lock of viewers", LOCK_OF_VIEWERS, viewers.clone()),
            ("the lock of a member", LOCK_OF_MEMBER, member.clone()),
            ("the lock of courses", LOCK_COURSES, args![video]),
        ] {
            let plan = plan(&test, sql, values).await;
            let scans =
                |line: &&str| line.contains("Seq Scan") || line.contains("SCAN ") && !line.contains("json_each");
            let scan = plan.lines().find(scans);
            assert_eq!(scan, None, "{} of {what}: {plan}", test.name);
        }
    }
}
