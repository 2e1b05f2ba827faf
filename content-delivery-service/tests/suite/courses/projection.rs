//! Events of courses that are lost, repeated, late or out of order, on both engines.

use crate::server::Server;
use backing::db::Db;
use contracts::events::{CourseChanged, CourseDeleted, CourseItem, CourseModule, EnrolmentChanged, EnrolmentEnded};
use contracts::{
    CourseAccess, CourseId, CourseRole, CourseStatus, EnrolmentId, EventData, ItemId, ModuleId, Timestamp, UserId,
    VideoId,
};
use entitlements::models::grounds::CourseGround;
use entitlements::repositories::course_repository::take_in;
use entitlements::repositories::grounds_repository::GroundsRepository;
use std::collections::{BTreeSet, HashMap};
use testing::Person;
use uuid::Uuid;

/// Histories of one run.
const ROUNDS: u64 = 12;

/// Numbers that a seed determines.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

#[derive(Debug, Clone)]
struct Published {
    subject: Uuid,
    sequence: i64,
    data: EventData,
}

/// What happened, in its order, and who and what it was about.
struct History {
    events: Vec<Published>,
    videos: Vec<VideoId>,
    users: Vec<UserId>,
}

impl History {
    /// Two courses with two lectures and two people.
    fn random(random: &mut Random, videos: Vec<VideoId>) -> Self {
        let users = vec![UserId::generate(), UserId::generate()];
        let courses = [CourseId::generate(), CourseId::generate()];
        let mut enrolments = HashMap::new();
        let mut sequences: HashMap<Uuid, i64> = HashMap::new();
        let mut gone = BTreeSet::new();
        let mut events = Vec::new();
        for _ in 0..40 {
            let course = random.pick(&courses);
            if gone.contains(&course) {
                continue;
            }
            let (subject, data) = match random.below(20) {
                0 => {
                    gone.insert(course);
                    let owner_id = users[0];
                    (course.0, CourseDeleted { owner_id }.into())
                }
                1..=10 => (course.0, changed(random, &videos).into()),
                kind => {
                    let (course_id, user_id) = (course, random.pick(&users));
                    let id = enrolments
                        .entry((course, user_id))
                        .or_insert_with(EnrolmentId::generate);
                    let role = random.pick(&[CourseRole::Learner, CourseRole::Assistant]);
                    let data: EventData = if kind < 16 {
                        EnrolmentChanged {
                            course_id,
                            user_id,
                            role,
                        }
                        .into()
                    } else {
                        EnrolmentEnded { course_id, user_id }.into()
                    };
                    (id.0, data)
                }
            };
            let sequence = sequences.entry(subject).or_default();
            *sequence += 1;
            let sequence = *sequence;
            events.push(Published {
                subject,
                sequence,
                data,
            });
        }
        Self { events, videos, users }
    }

    /// The same events, some of them missing, some twice, in another order.
    fn received(&self, random: &mut Random) -> Vec<Published> {
        let mut received: Vec<Published> = Vec::new();
        for event in &self.events {
            for _ in 0..random.pick(&[0, 1, 1, 1, 2]) {
                let place = random.below(received.len() + 1);
                received.insert(place, event.clone());
            }
        }
        received
    }

    /// The last event of each aggregate, in any order; none of the memberships of a deleted course.
    fn last(&self, random: &mut Random) -> Vec<Published> {
        let mut last: HashMap<Uuid, Published> = HashMap::new();
        for event in &self.events {
            last.insert(event.subject, event.clone());
        }
        let gone: BTreeSet<Uuid> = self
            .events
            .iter()
            .filter(|it| is_deletion(it))
            .map(|it| it.subject)
            .collect();
        let mut all = Vec::new();
        for event in last
            .into_values()
            .filter(|it| !course_of(it).is_some_and(|course| gone.contains(&course)))
        {
            let place = random.below(all.len() + 1);
            all.insert(place, event);
        }
        all
    }

    /// Every ground that somebody has had at a lecture by any state of a course and any state of their membership.
    fn had(&self, video: VideoId, user: UserId) -> Vec<CourseGround> {
        let mut had = Vec::new();
        for event in &self.events {
            let EventData::CourseChanged(state) = &event.data else {
                continue;
            };
            let memberships = self.events.iter().filter(|it| course_of(it) == Some(event.subject));
            let roles = memberships.filter_map(|it| match &it.data {
                EventData::EnrolmentChanged(now) if now.user_id == user => Some(Some(now.role)),
                _ => None,
            });
            let roles: Vec<_> = std::iter::once(None).chain(roles).collect();
            had.extend(grounds(state, video, &roles));
        }
        had
    }

    /// The grounds that somebody has at a lecture in the end.
    fn has(&self, video: VideoId, user: UserId) -> Vec<CourseGround> {
        let mut last: HashMap<Uuid, &Published> = HashMap::new();
        for event in &self.events {
            last.insert(event.subject, event);
        }
        let mut has = Vec::new();
        for (subject, event) in &last {
            let EventData::CourseChanged(state) = &event.data else {
                continue;
            };
            let membership = last.values().find_map(|it| match &it.data {
                EventData::EnrolmentChanged(now) if now.user_id == user && now.course_id.0 == *subject => {
                    Some(now.role)
                }
                _ => None,
            });
            has.extend(grounds(state, video, &[membership]));
        }
        has
    }
}

fn is_deletion(event: &Published) -> bool {
    matches!(event.data, EventData::CourseDeleted(_))
}

/// The course of a membership.
fn course_of(event: &Published) -> Option<Uuid> {
    match &event.data {
        EventData::EnrolmentChanged(now) => Some(now.course_id.0),
        EventData::EnrolmentEnded(ended) => Some(ended.course_id.0),
        _ => None,
    }
}

fn grounds(state: &CourseChanged, video: VideoId, roles: &[Option<CourseRole>]) -> Vec<CourseGround> {
    let mut grounds = Vec::new();
    for module in &state.modules {
        for _ in module.items.iter().filter(|item| item.content_id == video.0) {
            grounds.extend(roles.iter().map(|role| CourseGround {
                status: state.status,
                access: state.access,
                opens_at: state.opens_at,
                ends_at: state.ends_at,
                module_opens_at: module.opens_at,
                role: *role,
            }));
        }
    }
    grounds
}

fn changed(random: &mut Random, videos: &[VideoId]) -> CourseChanged {
    let times = [None, Some(Timestamp::from_seconds(1)), Some(Timestamp::from_seconds(2))];
    let mut modules = Vec::new();
    for _ in 0..random.below(3) {
        let mut items = Vec::new();
        for _ in 0..random.below(3) {
            items.push(CourseItem {
                id: ItemId::generate(),
                kind: random.pick(&["video", "video", "quiz"]).to_owned(),
                content_id: random.pick(videos).0,
            });
        }
        items.retain(|item| item.kind == "video");
        modules.push(CourseModule {
            id: ModuleId::generate(),
            opens_at: random.pick(&times),
            items,
        });
    }
    CourseChanged {
        owner_id: UserId::generate(),
        status: random.pick(&[CourseStatus::Draft, CourseStatus::Published, CourseStatus::Archived]),
        access: random.pick(&[CourseAccess::Enrolled, CourseAccess::Open, CourseAccess::Public]),
        opens_at: random.pick(&times),
        ends_at: random.pick(&times),
        modules,
    }
}

async fn receive(db: &Db, event: &Published) {
    let mut tx = db.write().await.unwrap();
    take_in(&mut tx, event.subject, event.sequence, &event.data)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn found(db: &Db, video: VideoId, user: UserId) -> Vec<CourseGround> {
    let found = GroundsRepository::new(db.clone()).of(video, Some(user)).await.unwrap();
    sorted(found.unwrap().courses)
}

fn sorted(mut grounds: Vec<CourseGround>) -> Vec<CourseGround> {
    grounds.sort_by_key(|ground| format!("{ground:?}"));
    grounds
}

#[tokio::test]
async fn no_order_of_events_makes_up_a_state_and_reconciling_gives_what_is_true() {
    let seed = std::env::var_os("MOOCFLIX_TEST_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| Uuid::now_v7().as_u64_pair().1);
    eprintln!("orders of events: MOOCFLIX_TEST_SEED={seed}");
    for server in Server::on_each_engine().await {
        for round in 0..ROUNDS {
            let owner = Person::instructor();
            let seed = seed.wrapping_add(round);
            let mut random = Random(seed);
            let videos = vec![server.lecture(&owner).await, server.lecture(&owner).await];
            let history = History::random(&mut random, videos);
            let pairs = history
                .videos
                .iter()
                .flat_map(|video| history.users.iter().map(|user| (*video, *user)));
            let pairs: Vec<_> = pairs.collect();
            for event in history.received(&mut random) {
                receive(&server.db, &event).await;
                for (video, user) in &pairs {
                    let had = history.had(*video, *user);
                    for ground in found(&server.db, *video, *user).await {
                        assert!(
                            had.contains(&ground),
                            "MOOCFLIX_TEST_SEED={seed}: {ground:?}: a state that never was"
                        );
                    }
                }
            }
            for event in history.last(&mut random) {
                receive(&server.db, &event).await;
            }
            for (video, user) in &pairs {
                let expected = sorted(history.has(*video, *user));
                assert_eq!(
                    found(&server.db, *video, *user).await,
                    expected,
                    "MOOCFLIX_TEST_SEED={seed}"
                );
            }
        }
    }
}
