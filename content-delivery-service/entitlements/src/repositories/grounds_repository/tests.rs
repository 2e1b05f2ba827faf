use super::*;
use renditions::schema::MIGRATIONS;
use testing::databases;

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let (video, user, course) = (VideoId::generate(), UserId::generate(), CourseId::generate());
    let (now, ids) = (
        Timestamp::from_seconds(1),
        Value::from(vec![video.0.as_simple().to_string()]),
    );
    let (viewers, member) = (args![now, ids.clone()], args![now, user, course]);
    for test in databases("content", MIGRATIONS).await.unwrap() {
        for (what, sql, values) in [
            ("pairs", OF_LECTURES, args![texts(&[(video, Some(user))])]),
            ("a course", OF_COURSE.into(), args![course, user]),
            ("viewers", OF_VIEWERS, viewers.clone()),
            ("a member", OF_MEMBER.into(), member.clone()),
            ("the lock of viewers", LOCK_OF_VIEWERS, viewers.clone()),
            ("the lock of a member", LOCK_OF_MEMBER, member.clone()),
        ] {
            test.reads_by_index(what, sql, values).await;
        }
        if test.db.is_postgres() {
            for sql in [LOCK_COURSES, LOCK_LECTURES] {
                test.reads_by_index("a lock", sql, args![ids.clone()]).await;
            }
        }
    }
}
