//! Courses: creating, finding, changing, publishing and deleting them.

use super::access_service::{Act, Asker, Granted, granted, may_watch, seen};
use super::error::{CourseError, Failure};
use super::lecture_states::LectureStates;
use crate::models::courses::code;
use crate::models::courses::course::{Course, CourseChange, CourseOf, Joining, NewCourse, check_times};
use crate::models::courses::publication;
use crate::models::outline::module::Module;
use crate::repositories::courses::audit_repository::AuditRepository;
use crate::repositories::courses::course_repository::{CourseRepository, Listing};
use crate::repositories::outline::outline_repository::OutlineRepository;
use backing::Clock;
use backing::once::Request;
use contracts::{AuditId, CourseId, CourseRole, CourseStatus, Timestamp, UserId};
use futures::future::join;
use runtime::audit::AuditPage;
use runtime::conditional::{IfMatch, version_tag};
use runtime::page::{Page, PageRequest};
use serde_json::json;

/// A course as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) course: CourseOf,
    /// How much of a lecture completes it there.
    pub(crate) completed_share: f64,
    /// The outline, in details.
    pub(crate) modules: Vec<Module>,
    /// Whether the viewer administers its members.
    pub(crate) teaches: bool,
    /// Whether the viewer may watch its lectures now.
    pub(crate) may_watch: bool,
    /// Whether one of those that the viewer may watch is live.
    pub(crate) is_live: bool,
    /// When it was looked at.
    pub(crate) now: Timestamp,
}

impl View {
    /// Whether the viewer is shown which lectures a module has that opens at this time.
    pub(crate) fn shows(&self, opens_at: Option<Timestamp>) -> bool {
        self.teaches || self.may_watch && opens_at.is_none_or(|opens| opens <= self.now)
    }
}

/// Works on courses.
#[derive(Clone)]
pub(crate) struct CourseService {
    pub(super) courses: CourseRepository,
    outlines: OutlineRepository,
    audit: AuditRepository,
    lectures: LectureStates,
    pub(super) clock: Clock,
    /// How many courses one person may own.
    pub(super) owned: i64,
    /// How much of a lecture completes it in a course that sets no share of its own.
    completed_share: f64,
}

impl CourseService {
    pub(crate) fn new(
        courses: CourseRepository,
        (outlines, audit): (OutlineRepository, AuditRepository),
        lectures: LectureStates,
        clock: Clock,
        (owned, completed_share): (i64, f64),
    ) -> Self {
        Self {
            courses,
            outlines,
            audit,
            lectures,
            clock,
            owned,
            completed_share,
        }
    }

    /// Creates a draft; a repeated request gets the same course.
    pub(crate) async fn create(
        &self,
        asker: &Asker,
        mut new: NewCourse,
        request: Option<Request>,
    ) -> Result<View, CourseError> {
        if let Err(why) = check_times(new.opens_at, new.ends_at) {
            return Err(CourseError::Invalid(vec![("ends_at", why)]));
        }
        if new.joining == Joining::Code {
            new.code = Some(new_code()?);
        }
        let created = self
            .courses
            .create(&new, request.as_ref(), self.owned, self.clock.now());
        self.view(created.await?, Some(asker)).await
    }

    /// A course with its outline.
    pub(crate) async fn view(&self, id: CourseId, asker: Option<&Asker>) -> Result<View, CourseError> {
        let found = self.courses.find(id, asker.map(|asker| asker.user)).await?;
        let course = seen(found, asker)?;
        let modules = self.modules(id).await?;
        Ok(self.seen_by(course, modules, asker))
    }

    /// Published courses, or those in which the asker has a role; the latest first.
    pub(crate) async fn list(
        &self,
        asker: &Asker,
        (text, mine): (&str, bool),
        page: &PageRequest<CourseId>,
    ) -> Result<Page<View>, CourseError> {
        let listing = Listing {
            user: asker.user,
            mine,
            text: text.trim().to_lowercase(),
            before: page.after,
            limit: page.one_more(),
        };
        let (found, live) = join(self.courses.list(&listing), self.lectures.live()).await;
        let Page { items, next_cursor } = page.cut(found?, |found| found.course.id);
        let courses: Vec<CourseId> = items.iter().map(|found| found.course.id).collect();
        let live = match live.as_slice() {
            [] => Vec::new(),
            live => self.outlines.modules_with(&courses, live).await?,
        };
        let view = |course: CourseOf| {
            let mut view = self.seen_by(course, Vec::new(), Some(asker));
            let mut modules = live.iter().filter(|(course, _)| *course == view.course.course.id);
            view.is_live = modules.any(|(_, opens_at)| view.shows(*opens_at));
            view
        };
        Ok(Page {
            items: items.into_iter().map(view).collect(),
            next_cursor,
        })
    }

    /// Changes a course.
    pub(crate) async fn update(
        &self,
        (id, asker): Act<'_>,
        if_match: &IfMatch,
        change: &CourseChange,
    ) -> Result<View, CourseError> {
        let granted = self.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?;
        let opens_at = change.opens_at.unwrap_or(granted.course.opens_at);
        let ends_at = change.ends_at.unwrap_or(granted.course.ends_at);
        if let Err(why) = check_times(opens_at, ends_at) {
            return Err(CourseError::Invalid(vec![("ends_at", why)]));
        }
        let audit = granted.audited(asker, "update_course", json!({ "fields": change.fields() }));
        let when = (self.clock.now(), audit.as_ref());
        self.courses.update(id, version, (change, &new_code()?), when).await?;
        self.view(id, Some(asker)).await
    }

    /// Replaces a course's code; invitation links with the old one no longer work.
    pub(crate) async fn renew_code(&self, (id, asker): Act<'_>, if_match: &IfMatch) -> Result<View, CourseError> {
        let granted = self.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?;
        let audit = granted.audited(asker, "renew_code", json!({}));
        let when = (self.clock.now(), audit.as_ref());
        self.courses.renew_code(id, version, &new_code()?, when).await?;
        self.view(id, Some(asker)).await
    }

    /// Gives a course another status; publishing needs a complete course. The same status again changes nothing.
    pub(crate) async fn set_status(
        &self,
        (id, asker): Act<'_>,
        if_match: &IfMatch,
        status: CourseStatus,
    ) -> Result<View, CourseError> {
        let granted = self.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?;
        if granted.course.status != status {
            if status == CourseStatus::Published {
                let missing = publication::missing(&granted.course, &self.modules(id).await?, self.clock.now());
                if !missing.is_empty() {
                    return Err(CourseError::Incomplete(missing));
                }
            }
            let details = json!({"before": granted.course.status, "after": status});
            let audit = granted.audited(asker, "set_course_status", details);
            let when = (self.clock.now(), audit.as_ref());
            self.courses.set_status(id, version, status, when).await?;
        }
        self.view(id, Some(asker)).await
    }

    /// Deletes a draft.
    pub(crate) async fn delete(&self, (id, asker): Act<'_>, if_match: &IfMatch) -> Result<(), CourseError> {
        let granted = self.granted(id, asker, CourseRole::Owner).await?;
        let version = version(&granted, if_match)?;
        // Without it, nobody could tell later which course it was.
        let details = json!({"title": granted.course.title});
        let audit = granted.audited(asker, "delete_course", details);
        let when = (self.clock.now(), audit.as_ref());
        if self.courses.delete_draft(id, version, when).await? {
            Ok(())
        } else {
            Err(CourseError::NoDraft)
        }
    }

    /// The audit, the latest entries first.
    pub(crate) async fn audit(&self, page: &PageRequest<AuditId>) -> Result<AuditPage, CourseError> {
        Ok(self.audit.page(page).await?)
    }

    /// The course, if the asker has at least this role in it.
    pub(super) async fn granted(&self, id: CourseId, asker: &Asker, least: CourseRole) -> Result<Granted, CourseError> {
        let found = self.find(id, asker.user).await?;
        Ok(granted(found, asker, least)?)
    }

    /// A course with a user's role in it.
    pub(super) async fn find(&self, id: CourseId, user: UserId) -> Result<Option<CourseOf>, Failure> {
        Ok(self.courses.find(id, Some(user)).await?)
    }

    /// How much of a lecture completes it in a course.
    pub(super) fn share(&self, course: &Course) -> f64 {
        course.completed_share.unwrap_or(self.completed_share)
    }

    async fn modules(&self, id: CourseId) -> Result<Vec<Module>, CourseError> {
        let (modules, items) = self.outlines.outline(id).await?;
        Ok(self.lectures.modules(modules, items).await?)
    }

    fn seen_by(&self, course: CourseOf, modules: Vec<Module>, asker: Option<&Asker>) -> View {
        let now = self.clock.now();
        let is_admin = asker.is_some_and(|asker| asker.is_admin);
        let mut view = View {
            completed_share: self.share(&course.course),
            may_watch: may_watch(&course, asker, now),
            teaches: is_admin || course.role >= Some(CourseRole::Assistant),
            is_live: false,
            course,
            modules,
            now,
        };
        let mut shown = view.modules.iter().filter(|module| view.shows(module.opens_at));
        view.is_live = shown.any(|module| module.items.iter().any(|item| item.state.is_live()));
        view
    }
}

/// The version that a change is based on, if it names one.
pub(super) fn version(granted: &Granted, if_match: &IfMatch) -> Result<Option<i64>, CourseError> {
    let now = granted.course.version;
    if !if_match.allows(version_tag(now)) {
        return Err(CourseError::Stale);
    }
    Ok(if_match.names_versions().then_some(now))
}

fn new_code() -> Result<String, Failure> {
    code::generate().map_err(|_| Failure::Internal("the machine has no random numbers".to_owned()))
}
