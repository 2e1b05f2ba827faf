//! Courses: their outline, their catalogue and their members.
//!
//! A course has modules, and a module has items, which name lectures. Its teachers publish it, and learners enrol. Every
//! change of a course publishes all of it that decides who may watch what; every change of a membership publishes that.
//! Whether somebody may administer a lecture, and who has an e-mail address, are questions to other services.
//!
//! `routes` → `controllers` → `services` → `repositories` → `models`; events start `subscribers`.

mod config;
mod controllers;
mod metric;
pub mod models;
pub mod repositories;
mod routes;
mod services;
mod subscribers;

pub use config::Config;
pub use services::course_answers::CourseAnswers;

use backing::bus::BusError;
use backing::db::{Db, Migration};
use backing::{Backing, Clock};
use contracts::questions::{Directory, Lectures, Watching};
use controllers::state::Api;
use repositories::courses::audit_repository::AuditRepository;
use repositories::courses::course_repository::CourseRepository;
use repositories::enrolments::enrolment_repository::EnrolmentRepository;
use repositories::enrolments::member_repository::MemberRepository;
use repositories::outline::item_repository::ItemRepository;
use repositories::outline::outline_repository::OutlineRepository;
use runtime::config::Faults;
use runtime::receipts::Receipts;
use runtime::{Authenticator, Face, Service};
use secrecy::{ExposeSecret, SecretSlice};
use services::course_service::CourseService;
use services::enrolment_limits::EnrolmentLimits;
use services::enrolment_service::EnrolmentService;
use services::lecture_states::LectureStates;
use services::member_service::MemberService;
use services::outline_service::OutlineService;
use services::progress_service::ProgressService;
use std::sync::Arc;
use subscribers::followed_events;

/// The service's name: its role, its schema, its database file.
pub const NAME: &str = "courses";

/// The service's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "courses, outlines and enrolments",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0001_courses.sql"),
        postgres: include_str!("../migrations/postgres/0001_courses.sql"),
    },
    Migration {
        number: 2,
        name: "what has changed when",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0002_changes.sql"),
        postgres: include_str!("../migrations/postgres/0002_changes.sql"),
    },
    Migration {
        number: 3,
        name: "how much of a lecture completes it",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0003_completed_share.sql"),
        postgres: include_str!("../migrations/postgres/0003_completed_share.sql"),
    },
    Migration {
        number: 4,
        name: "one history of a course and its members",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0004_histories.sql"),
        postgres: include_str!("../migrations/postgres/0004_histories.sql"),
    },
];

/// What the service states about itself.
pub const FACE: Face = Face {
    name: NAME,
    defaults: config::DEFAULTS,
    migrations: MIGRATIONS,
    metrics: metric::METRICS,
    does: "serves /api/v1/courses",
    needs: &["users", "content"],
    asks: &["users", "content"],
};

/// What the service is built from.
pub struct Deps {
    /// The service's own schema, opened with [`MIGRATIONS`].
    pub db: Db,
    /// The shared back ends; the cache counts wrong codes, and how often people join and leave.
    pub backing: Backing,
    /// Checks the callers of this service's routes.
    pub authenticator: Authenticator,
    /// What other roles answer.
    pub answers: Answers,
    /// The platform's secret, from which this service derives its keys.
    pub secret: SecretSlice<u8>,
    /// How much of a lecture completes it in a course that sets no share of its own: content's key.
    pub completed_share: f64,
    /// The service's section of the configuration.
    pub config: Config,
}

/// Who answers this service's questions to other roles.
pub struct Answers {
    /// Answers questions about people.
    pub directory: Arc<dyn Directory>,
    /// Answers questions about lectures.
    pub lectures: Arc<dyn Lectures>,
    /// Answers questions about what people have watched.
    pub watching: Arc<dyn Watching>,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value of the configuration is out of its range.
    #[error(transparent)]
    Config(#[from] Faults),
    /// The bus takes no subscription.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Builds the service.
///
/// Errors: a key that is out of its range, or a bus that takes no subscription
pub async fn service(deps: Deps) -> Result<Service, StartError> {
    deps.config.validate()?;
    let clock = deps.backing.clock.clone();
    let followed = followed_events::subscription(deps.db.clone(), clock.clone());
    let followed = deps.backing.bus.subscribe_group(followed).await?;
    let authenticator = deps.authenticator.clone();
    let questions = routes::questions(CourseAnswers::new(deps.db.clone()));
    Ok(Service {
        name: NAME,
        routes: routes::routes(api(deps, &clock), &authenticator),
        questions,
        tasks: vec![followed.into()],
    })
}

/// The services behind the routes.
fn api(deps: Deps, clock: &Clock) -> Api {
    let Deps {
        db,
        backing,
        answers,
        secret,
        completed_share,
        config,
        ..
    } = deps;
    let Answers {
        directory,
        lectures,
        watching,
    } = answers;
    let outlines = OutlineRepository::new(db.clone());
    let states = LectureStates::new(Arc::clone(&lectures));
    let courses = CourseService::new(
        CourseRepository::new(db.clone()),
        (outlines.clone(), AuditRepository::new(db.clone())),
        states.clone(),
        clock.clone(),
        (config.owned_courses.into(), completed_share),
    );
    let enrolments = EnrolmentRepository::new(db.clone());
    let limits = EnrolmentLimits::new(backing.cache, clock.clone());
    let items = ItemRepository::new(db.clone());
    let members = MemberService::new(
        courses.clone(),
        (enrolments.clone(), MemberRepository::new(db)),
        Arc::clone(&directory),
        limits.clone(),
    );
    Api {
        progress: ProgressService::new(
            (courses.clone(), members.clone()),
            outlines.clone(),
            (lectures, watching),
        ),
        outlines: OutlineService::new(courses.clone(), (outlines, items), states),
        enrolments: EnrolmentService::new(
            courses.clone(),
            enrolments,
            directory,
            (limits, Receipts::new(secret.expose_secret())),
            config.enrolments_per_day.into(),
        ),
        members,
        courses,
    }
}
