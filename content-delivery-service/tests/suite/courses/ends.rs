//! What ends the playbacks of those who watch by a course, on both engines.

use super::classroom::Classroom;
use crate::server::Server;
use contracts::{CourseAccess, CourseRole, CourseStatus, VideoId};
use std::time::Duration;
use testing::Person;

const HOUR: Duration = Duration::from_secs(3_600);

/// Changes of a course that take the right of its learners away.
const CHANGES: [&str; 8] = [
    "unpublished",
    "archived",
    "deleted",
    "ended",
    "about to end",
    "opens later",
    "module opens later",
    "item removed",
];

async fn close(classroom: &mut Classroom<'_>, what: &str, server: &Server) {
    let now = server.clock.now();
    let (soon, later) = (Some(now + Duration::from_secs(5)), Some(now + HOUR));
    match what {
        "unpublished" => classroom.change(|it| it.status = CourseStatus::Draft).await,
        "archived" => classroom.change(|it| it.status = CourseStatus::Archived).await,
        "deleted" => classroom.delete().await,
        "ended" => classroom.change(|it| it.ends_at = Some(now)).await,
        "about to end" => classroom.change(|it| it.ends_at = soon).await,
        "opens later" => classroom.change(|it| it.opens_at = later).await,
        "module opens later" => classroom.change(|it| it.modules[0].opens_at = later).await,
        _ => classroom.change(|it| it.modules.clear()).await,
    }
}

async fn hearts(server: &Server, people: &[&Person], video: VideoId) -> Vec<String> {
    let mut hearts = Vec::new();
    for person in people {
        hearts.push(server.heart(person, video).await);
    }
    hearts
}

async fn beating(server: &Server, hearts: &[String]) -> Vec<bool> {
    let mut beating = Vec::new();
    for heart in hearts {
        beating.push(server.beats(heart).await);
    }
    beating
}

#[tokio::test]
async fn a_course_that_closes_ends_the_playbacks_of_its_learners_and_no_others() {
    for server in Server::on_each_engine().await {
        for what in CHANGES {
            let (owner, admin) = (Person::instructor(), Person::admin());
            let (video, other) = (server.lecture(&owner).await, server.lecture(&owner).await);
            let mut classroom = Classroom::open(&server, &[video]).await;
            let mut second = Classroom::open(&server, &[video, other]).await;
            let (learner, both) = (classroom.learner().await, classroom.learner().await);
            second.enrol(&both, CourseRole::Learner).await;
            second.enrol(&learner, CourseRole::Learner).await;
            second.remove(&learner).await;
            let opened = hearts(&server, &[&learner, &both, &owner, &admin], video).await;
            let elsewhere = server.heart(&both, other).await;
            close(&mut classroom, what, &server).await;
            let expected = [false, true, true, true];
            assert_eq!(beating(&server, &opened).await, expected, "{what}");
            assert!(server.beats(&elsewhere).await, "{what}");
        }
    }
}

#[tokio::test]
async fn a_membership_that_ends_takes_the_playbacks_of_that_member_alone() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let (one, other) = (classroom.learner().await, classroom.learner().await);
        let opened = hearts(&server, &[&one, &one.on_another_device(), &other], video).await;
        classroom.remove(&one).await;
        assert_eq!(beating(&server, &opened).await, [false, false, true]);
        classroom.enrol(&one, CourseRole::Learner).await;
        assert!(server.beats(&server.heart(&one, video).await).await);
        let server = server.restarted(|_| ()).await;
        assert_eq!(beating(&server, &opened).await, [false, false, true]);
    }
}

#[tokio::test]
async fn access_that_is_narrowed_ends_the_playbacks_of_those_outside() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let learner = classroom.learner().await;
        classroom.change(|it| it.access = CourseAccess::Open).await;
        let opened = hearts(&server, &[&learner, &Person::learner()], video).await;
        classroom.change(|it| it.access = CourseAccess::Enrolled).await;
        assert_eq!(beating(&server, &opened).await, [true, false]);
    }
}

#[tokio::test]
async fn a_teacher_who_becomes_a_learner_stops_watching_a_draft() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let assistant = Person::learner();
        classroom.enrol(&assistant, CourseRole::Assistant).await;
        classroom.change(|it| it.status = CourseStatus::Draft).await;
        let heart = server.heart(&assistant, video).await;
        classroom.enrol(&assistant, CourseRole::Learner).await;
        assert!(!server.beats(&heart).await);
    }
}
