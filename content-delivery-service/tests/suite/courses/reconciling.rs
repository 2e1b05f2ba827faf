//! What happens when events of courses are lost or late, on both engines.

use super::classroom::{Classroom, code};
use crate::server::Server;
use contracts::{CourseRole, CourseStatus, NewEvent, VideoId};
use reqwest::Method;
use runtime::receipts::Receipts;
use std::time::Duration;
use testing::{Person, Reply, until};

/// Course-management has changed something, and its event is lost.
fn lost(server: &Server, (event, sequence): (NewEvent, i64)) {
    server.courses().know(&event, sequence, server.clock.now());
}

#[tokio::test]
async fn a_missing_event_makes_the_service_ask_at_once_for_all_that_it_missed() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let (former, new) = (classroom.learner().await, Person::learner());
        let heart = server.heart(&former, video).await;
        lost(&server, classroom.removing(&former));
        lost(&server, classroom.enrolling(&new, CourseRole::Learner));
        assert!(server.beats(&heart).await, "nothing has told of the end");
        // The number of the next event shows that others were lost before it.
        classroom.learner().await;
        until("the playback of the former member ends", || async {
            !server.beats(&heart).await
        })
        .await;
        until("the new member may watch", || async {
            server.streams(&new, video).await.0 == 200
        })
        .await;
    }
}

#[tokio::test]
async fn what_an_event_ends_is_over_at_once_also_when_others_are_missing_and_nobody_answers() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let (removed, stays, teacher) = (classroom.learner().await, classroom.learner().await, Person::learner());
        classroom.enrol(&teacher, CourseRole::Assistant).await;
        let hearts = [
            server.heart(&removed, video).await,
            server.heart(&stays, video).await,
            server.heart(&teacher, video).await,
        ];
        server.courses().be_silent(true);
        lost(&server, classroom.enrolling(&Person::learner(), CourseRole::Learner));
        classroom.remove(&removed).await;
        let goes_on = async |which: [bool; 3]| {
            for (heart, expected) in hearts.iter().zip(which) {
                assert_eq!(server.beats(heart).await, expected, "{which:?}");
            }
        };
        goes_on([false, true, true]).await;
        classroom.change(|state| state.status = CourseStatus::Archived).await;
        goes_on([false, false, true]).await;
        classroom.enrol(&teacher, CourseRole::Learner).await;
        goes_on([false, false, false]).await;
        // What gives a right waits for the answer.
        classroom.change(|state| state.status = CourseStatus::Published).await;
        assert_ne!(server.streams(&stays, video).await.0, 200);
        server.courses().be_silent(false);
        classroom.learner().await;
        until("the course is known again", || async {
            server.streams(&stays, video).await.0 == 200
        })
        .await;
        assert_ne!(server.streams(&removed, video).await.0, 200);
    }
}

#[tokio::test]
async fn a_service_that_starts_late_reads_everything() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let mut people = Vec::new();
        for _ in 0..7 {
            let person = Person::learner();
            lost(&server, classroom.enrolling(&person, CourseRole::Learner));
            people.push(person);
        }
        let server = server.restarted(|_| ()).await;
        for person in &people {
            until("the member may watch", || async {
                server.streams(person, video).await.0 == 200
            })
            .await;
        }
    }
}

async fn stream_with(server: &Server, person: &Person, video: VideoId, receipt: &str) -> Reply {
    let path = format!("/api/v1/content/{video}/stream");
    let request = server
        .request_by(person, Method::GET, &path)
        .header("accept", "application/json");
    server.send(request.header("enrolment-receipt", receipt)).await
}

#[tokio::test]
async fn a_fresh_receipt_of_ones_own_opens_the_stream_before_the_event_arrives() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        let (learner, stranger) = (Person::learner(), Person::learner());
        let receipts = Receipts::new(&[7; 32]);
        let now = server.clock.now();
        let receipt = receipts.issue(classroom.id, learner.id, now);
        let enrolled = classroom.enrolling(&learner, CourseRole::Learner);
        lost(&server, enrolled.clone());
        let unknown = (404, "video_not_found".to_owned());
        let old = receipts.issue(classroom.id, learner.id, now - Duration::from_secs(121));
        let forged = Receipts::new(&[8; 32]).issue(classroom.id, learner.id, now);
        for (person, wrong) in [
            (&learner, "x"),
            (&learner, &*old),
            (&learner, &*forged),
            (&stranger, &*receipt),
        ] {
            assert_eq!(code(&stream_with(&server, person, video, wrong).await), unknown);
        }
        server.courses().be_silent(true);
        assert_eq!(code(&stream_with(&server, &learner, video, &receipt).await), unknown);
        server.courses().be_silent(false);
        stream_with(&server, &learner, video, &receipt).await.is(200);
        assert_eq!(server.streams(&learner, video).await.0, 200, "the answer is kept");
        server.tell_of(enrolled.0, enrolled.1).await;
        assert_eq!(
            server.streams(&learner, video).await.0,
            200,
            "a late event changes nothing"
        );
        classroom.remove(&learner).await;
        assert_eq!(
            code(&stream_with(&server, &learner, video, &receipt).await),
            unknown,
            "a receipt gives no right"
        );
    }
}
