//! Courses as course-management publishes them, and lectures that can be watched without a worker.

use crate::server::{Server, id};
use backing::args;
use contracts::events::{CourseChanged, CourseDeleted, CourseItem, CourseModule, EnrolmentChanged, EnrolmentEnded};
use contracts::{
    CourseAccess, CourseId, CourseRole, CourseStatus, EventData, EventId, ItemId, ModuleId, NewEvent, UserId, VideoId,
};
use reqwest::Method;
use testing::{Person, Reply};

impl Server {
    /// A lecture of somebody that can be watched, as far as the database knows.
    pub(crate) async fn lecture(&self, owner: &Person) -> VideoId {
        let video: VideoId = id(&self.begin(owner, 1_000).await).parse().unwrap();
        let mut tx = self.db.write().await.unwrap();
        let sql = "UPDATE videos SET status = 'ready', duration_us = 60000000, filename = 'exam.mp4', bytes = 1000 \
                   WHERE id = $1";
        tx.run(sql, args![video]).await.unwrap();
        tx.commit().await.unwrap();
        video
    }

    /// The status of opening a stream and, if that is an error, its code.
    pub(crate) async fn streams(&self, person: &Person, video: VideoId) -> (u16, String) {
        code(&self.session(person, video).await)
    }

    /// Opens a stream, and returns the address of its heartbeats.
    pub(crate) async fn heart(&self, person: &Person, video: VideoId) -> String {
        let session = self.session(person, video).await;
        session.is(200).json["heartbeat_url"].as_str().unwrap().to_owned()
    }

    /// Whether a stream continues.
    pub(crate) async fn beats(&self, heart: &str) -> bool {
        let reply = self.send(self.request(Method::POST, heart)).await;
        assert!(matches!(reply.status, 204 | 403), "{reply:?}");
        reply.status == 204
    }

    /// Delivers an event about an aggregate of course-management, which would answer the same.
    pub(crate) async fn tell_of(&self, event: NewEvent, sequence: i64) {
        self.courses().know(&event, sequence, self.clock.now());
        let event = event.published(EventId::generate(), self.clock.now(), sequence);
        self.deliver(&event).await;
    }
}

/// A reply's status and code.
pub(crate) fn code(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json["code"].as_str().unwrap_or_default().to_owned())
}

/// A course whose events the test publishes.
pub(crate) struct Classroom<'a> {
    server: &'a Server,
    pub(crate) id: CourseId,
    pub(crate) state: CourseChanged,
    sequence: i64,
}

impl<'a> Classroom<'a> {
    /// A published course that has these lectures, each in a module of its own.
    pub(crate) async fn open(server: &'a Server, videos: &[VideoId]) -> Self {
        let module = |video: &VideoId| CourseModule {
            id: ModuleId::generate(),
            opens_at: None,
            items: vec![CourseItem {
                id: ItemId::generate(),
                kind: "video".to_owned(),
                content_id: video.0,
            }],
        };
        let mut classroom = Self {
            server,
            id: CourseId::generate(),
            state: CourseChanged {
                owner_id: UserId::generate(),
                status: CourseStatus::Published,
                access: CourseAccess::Enrolled,
                opens_at: None,
                ends_at: None,
                modules: videos.iter().map(module).collect(),
            },
            sequence: 0,
        };
        classroom.change(|_| ()).await;
        classroom
    }

    /// Changes the course.
    pub(crate) async fn change(&mut self, change: impl FnOnce(&mut CourseChanged)) {
        change(&mut self.state);
        let (event, sequence) = self.next(self.state.clone().into());
        self.server.tell_of(event, sequence).await;
    }

    pub(crate) async fn delete(&mut self) {
        let owner_id = self.state.owner_id;
        let (event, sequence) = self.next(CourseDeleted { owner_id }.into());
        self.server.tell_of(event, sequence).await;
    }

    /// Gives somebody a role.
    pub(crate) async fn enrol(&mut self, person: &Person, role: CourseRole) {
        let (event, sequence) = self.enrolling(person, role);
        self.server.tell_of(event, sequence).await;
    }

    pub(crate) async fn remove(&mut self, person: &Person) {
        let (event, sequence) = self.removing(person);
        self.server.tell_of(event, sequence).await;
    }

    /// The event of an enrolment, which is still to be delivered.
    pub(crate) fn enrolling(&mut self, person: &Person, role: CourseRole) -> (NewEvent, i64) {
        let (course_id, user_id) = (self.id, person.id);
        let data = EnrolmentChanged {
            course_id,
            user_id,
            role,
        };
        self.next(data.into())
    }

    /// The event of a membership's end, which is still to be delivered.
    pub(crate) fn removing(&mut self, person: &Person) -> (NewEvent, i64) {
        let (course_id, user_id) = (self.id, person.id);
        self.next(EnrolmentEnded { course_id, user_id }.into())
    }

    /// A new learner.
    pub(crate) async fn learner(&mut self) -> Person {
        let person = Person::learner();
        self.enrol(&person, CourseRole::Learner).await;
        person
    }

    /// The next event of the course and its members, with its number.
    fn next(&mut self, data: EventData) -> (NewEvent, i64) {
        self.sequence += 1;
        (NewEvent::of_course(self.id, data), self.sequence)
    }
}
