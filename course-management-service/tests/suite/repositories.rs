//! Repository methods whose rules no single request shows, on both engines.

use backing::audit::NewEntry;
use backing::db::Db;
use contracts::{CourseAccess, CourseId, CourseRole, CourseStatus, Timestamp, UserId, VideoId};
use course_management_service::models::courses::course::{CourseChange, Joining, NewCourse};
use course_management_service::models::enrolments::enrolment::Enrolled;
use course_management_service::models::outline::module::ModuleChange;
use course_management_service::repositories::courses::course_repository::CourseRepository;
use course_management_service::repositories::enrolments::enrolment_repository::EnrolmentRepository;
use course_management_service::repositories::enrolments::member_repository::MemberRepository;
use course_management_service::repositories::outline::item_repository::ItemRepository;
use course_management_service::repositories::outline::outline_repository::OutlineRepository;
use course_management_service::repositories::rows::NotDone;
use course_management_service::{MIGRATIONS, NAME};
use serde_json::json;
use std::time::Duration;
use testing::databases;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

struct House {
    courses: CourseRepository,
    outlines: OutlineRepository,
    items: ItemRepository,
    enrolments: EnrolmentRepository,
    members: MemberRepository,
    owner: UserId,
}

impl House {
    fn new(db: &Db) -> Self {
        Self {
            courses: CourseRepository::new(db.clone()),
            outlines: OutlineRepository::new(db.clone()),
            items: ItemRepository::new(db.clone()),
            enrolments: EnrolmentRepository::new(db.clone()),
            members: MemberRepository::new(db.clone()),
            owner: UserId::generate(),
        }
    }

    fn new_course(&self) -> NewCourse {
        NewCourse {
            id: CourseId::generate(),
            owner_id: self.owner,
            title: "Graphs".to_owned(),
            description: String::new(),
            access: CourseAccess::Enrolled,
            joining: Joining::Code,
            code: Some("ABCDEFGH".to_owned()),
            opens_at: None,
            ends_at: Some(NOW + Duration::from_secs(60)),
            completed_share: Some(0.8),
        }
    }

    async fn course(&self) -> CourseId {
        self.courses.create(&self.new_course(), None, 10, NOW).await.unwrap()
    }
}

fn entry(course: CourseId) -> NewEntry {
    NewEntry {
        actor: None,
        act: "enrol_users",
        subject_kind: "course",
        subject: course.into(),
        owner: None,
        details: json!({}),
        request: None,
    }
}

#[tokio::test]
async fn a_course_is_read_as_it_was_written() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let house = House::new(&test.db);
        let new = house.new_course();
        let id = house.courses.create(&new, None, 10, NOW).await.unwrap();
        let found = house.courses.find(id, Some(house.owner)).await.unwrap().unwrap();
        let course = &found.course;
        assert_eq!(
            (found.role, course.status, course.version),
            (Some(CourseRole::Owner), CourseStatus::Draft, 1)
        );
        assert_eq!(
            (course.joining, &course.code, course.ends_at, course.completed_share),
            (new.joining, &new.code, new.ends_at, new.completed_share),
            "{}",
            test.name
        );
        assert_eq!(house.courses.find(id, None).await.unwrap().unwrap().role, None);
        assert_eq!(house.courses.find(CourseId::generate(), None).await.unwrap(), None);
        let full = house.courses.create(&house.new_course(), None, 1, NOW).await;
        assert!(matches!(full, Err(NotDone::TooMany(_, 1))));
    }
}

#[tokio::test]
async fn a_stale_edit_changes_nothing_and_counts_no_version() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let house = House::new(&test.db);
        let id = house.course().await;
        let change = CourseChange {
            title: Some("Trees".to_owned()),
            ..CourseChange::default()
        };
        let stale = house.courses.update(id, Some(2), (&change, "X"), (NOW, None)).await;
        assert!(matches!(stale, Err(NotDone::Stale)));
        let module = house
            .outlines
            .add_module(id, ("One", None), (None, None), (NOW, None))
            .await
            .unwrap();
        let change = ModuleChange {
            title: Some("x".to_owned()),
            opens_at: None,
        };
        for stale in [
            house
                .outlines
                .change_module((id, module), Some(1), &change, (NOW, None))
                .await,
            house.outlines.remove_module((id, module), Some(1), (NOW, None)).await,
            house.outlines.order(id, 1, &[(module, vec![])], (NOW, None)).await,
            house
                .courses
                .set_status(id, Some(1), CourseStatus::Published, (NOW, None))
                .await,
            house.courses.renew_code(id, Some(1), "X", (NOW, None)).await,
            house.courses.delete_draft(id, Some(1), (NOW, None)).await.map(|_| ()),
            house
                .members
                .hand_over((id, Some(1)), (house.owner, 10), None, NOW)
                .await,
        ] {
            assert!(matches!(stale, Err(NotDone::Stale)), "{stale:?}");
        }
        let course = house.courses.find(id, None).await.unwrap().unwrap().course;
        assert_eq!(
            (course.title.as_str(), course.version, course.status),
            ("Graphs", 2, CourseStatus::Draft)
        );
        let unknown = CourseId::generate();
        let missing = house
            .courses
            .set_status(unknown, None, CourseStatus::Draft, (NOW, None))
            .await;
        assert!(matches!(missing, Err(NotDone::Missing("course"))));
    }
}

#[tokio::test]
async fn a_deleted_draft_leaves_nothing_of_its_outline_and_its_members() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let house = House::new(&test.db);
        let id = house.course().await;
        let module = house
            .outlines
            .add_module(id, ("One", None), (None, None), (NOW, None))
            .await
            .unwrap();
        house
            .items
            .add((id, module), (VideoId::generate(), "a"), (None, None), (NOW, None))
            .await
            .unwrap();
        assert!(house.courses.delete_draft(id, Some(3), (NOW, None)).await.unwrap());
        let gone = house.courses.delete_draft(id, None, (NOW, None)).await;
        assert!(matches!(gone, Err(NotDone::Missing("course"))), "{gone:?}");
        let (modules, items) = house.outlines.outline(id).await.unwrap();
        assert!(modules.is_empty() && items.is_empty());
        assert_eq!(house.members.list(id, None, 10).await.unwrap(), []);
        let late = house.enrolments.join(id, UserId::generate(), NOW).await.unwrap();
        assert_eq!(late, Enrolled::NoCourse);
    }
}

#[tokio::test]
async fn an_end_that_comes_after_a_promotion_is_refused() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let house = House::new(&test.db);
        let (id, user) = (house.course().await, UserId::generate());
        let all = house
            .enrolments
            .enrol_all(id, &[user], |_| entry(id), NOW)
            .await
            .unwrap();
        assert!(matches!(all[..], [Enrolled::New(_)]));
        assert!(
            house
                .members
                .set_role(id, user, CourseRole::Editor, None, NOW)
                .await
                .unwrap()
        );
        let assistant = UserId::generate();
        let by_assistant = (assistant, CourseRole::Learner);
        assert!(!house.enrolments.end(id, user, by_assistant, None, NOW).await.unwrap());
        let by_owner = (house.owner, CourseRole::Editor);
        assert!(
            !house
                .enrolments
                .end(id, house.owner, by_owner, None, NOW)
                .await
                .unwrap()
        );
        assert!(
            !house
                .members
                .set_role(id, house.owner, CourseRole::Learner, None, NOW)
                .await
                .unwrap()
        );
        assert!(house.enrolments.end(id, user, by_owner, None, NOW).await.unwrap());
        assert!(!house.enrolments.end(id, user, by_owner, None, NOW).await.unwrap());
        assert_eq!(house.enrolments.join(id, user, NOW).await.unwrap(), Enrolled::Removed);
        assert_eq!(house.members.find(id, user).await.unwrap(), None);
        let stranger = house.members.hand_over((id, None), (user, 10), None, NOW).await;
        assert!(matches!(stranger, Err(NotDone::Missing("user"))));
        assert_eq!(
            house.courses.find(id, None).await.unwrap().unwrap().course.owner_id,
            house.owner
        );
    }
}

#[tokio::test]
async fn lines_are_counted_for_a_day() {
    for test in databases(NAME, MIGRATIONS).await.unwrap() {
        let house = House::new(&test.db);
        let take = async |day, lines| {
            house
                .enrolments
                .take_lines(house.owner, (day, lines), 10)
                .await
                .unwrap()
        };
        assert!(take(1, 6).await && !take(1, 5).await && take(1, 4).await && !take(1, 1).await);
        assert!(take(2, 10).await && !take(2, 1).await);
        assert!(
            !house
                .enrolments
                .take_lines(UserId::generate(), (2, 11), 10)
                .await
                .unwrap()
        );
    }
}
