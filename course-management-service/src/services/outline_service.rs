//! The outline of a course: modules, their items, and the order of both.

use super::access_service::{Act, Asker, Granted};
use super::course_service::{CourseService, View, version};
use super::error::{CourseError, Denied};
use super::lecture_states::LectureStates;
use crate::models::courses::course::CourseOf;
use crate::models::outline::arrangement::Arranged;
use crate::models::outline::module::ModuleChange;
use crate::repositories::outline::item_repository::ItemRepository;
use crate::repositories::outline::outline_repository::OutlineRepository;
use backing::once::Request;
use contracts::questions::Lecture;
use contracts::{CourseId, CourseRole, ItemId, ModuleId, Timestamp, VideoId};
use runtime::conditional::IfMatch;
use runtime::page::{Page, PageRequest};
use serde_json::json;

/// The act of all changes in the audit; the details say which.
const ACT: &str = "update_outline";

/// Less than the version of any course.
const NO_VERSION: i64 = -1;

/// Works on outlines.
#[derive(Clone)]
pub(crate) struct OutlineService {
    courses: CourseService,
    outlines: OutlineRepository,
    items: ItemRepository,
    lectures: LectureStates,
}

impl OutlineService {
    pub(crate) fn new(
        courses: CourseService,
        (outlines, items): (OutlineRepository, ItemRepository),
        lectures: LectureStates,
    ) -> Self {
        Self {
            courses,
            outlines,
            items,
            lectures,
        }
    }

    /// Adds a module at the end.
    pub(crate) async fn add_module(
        &self,
        (id, asker): Act<'_>,
        (title, opens_at): (&str, Option<Timestamp>),
        (if_match, request): (&IfMatch, Option<Request>),
    ) -> Result<(ModuleId, View), CourseError> {
        let granted = self.courses.granted(id, asker, CourseRole::Editor).await?;
        let basis = (addition_to(&granted, if_match, request.as_ref())?, request.as_ref());
        let audit = granted.audited(asker, ACT, json!({"change": "add_module"}));
        let when = (self.courses.clock.now(), audit.as_ref());
        let module = self.outlines.add_module(id, (title, opens_at), basis, when);
        Ok((module.await?, self.courses.view(id, Some(asker)).await?))
    }

    /// Changes a module.
    pub(crate) async fn change_module(
        &self,
        (id, asker): Act<'_>,
        module: ModuleId,
        if_match: &IfMatch,
        change: &ModuleChange,
    ) -> Result<View, CourseError> {
        let granted = self.courses.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?;
        let audit = granted.audited(asker, ACT, json!({"change": "change_module", "module_id": module}));
        let when = (self.courses.clock.now(), audit.as_ref());
        self.outlines.change_module((id, module), version, change, when).await?;
        self.courses.view(id, Some(asker)).await
    }

    /// Removes a module with its items; their lectures stay.
    pub(crate) async fn remove_module(
        &self,
        (id, asker): Act<'_>,
        module: ModuleId,
        if_match: &IfMatch,
    ) -> Result<(), CourseError> {
        let granted = self.courses.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?;
        let audit = granted.audited(asker, ACT, json!({"change": "remove_module", "module_id": module}));
        let when = (self.courses.clock.now(), audit.as_ref());
        Ok(self.outlines.remove_module((id, module), version, when).await?)
    }

    /// Adds a lecture at the end of a module, under its own title unless the item gets another one. The asker must be
    /// allowed to administer the lecture.
    pub(crate) async fn add_item(
        &self,
        (id, asker): Act<'_>,
        module: ModuleId,
        (video, title): (VideoId, Option<String>),
        (if_match, request): (&IfMatch, Option<Request>),
    ) -> Result<(ItemId, View), CourseError> {
        let granted = self.courses.granted(id, asker, CourseRole::Editor).await?;
        let basis = (addition_to(&granted, if_match, request.as_ref())?, request.as_ref());
        let lecture = self.lectures.administered(video, asker).await?;
        let lecture = lecture.ok_or_else(|| {
            let why = "must be the id of a lecture that you may administer";
            CourseError::Invalid(vec![("content_id", why)])
        })?;
        let title = title.unwrap_or(lecture.title);
        let details = json!({"change": "add_item", "content_id": video});
        let audit = granted.audited(asker, ACT, details);
        let when = (self.courses.clock.now(), audit.as_ref());
        let item = self.items.add((id, module), (video, &title), basis, when);
        Ok((item.await?, self.courses.view(id, Some(asker)).await?))
    }

    /// Gives an item another title.
    pub(crate) async fn rename_item(
        &self,
        (id, asker): Act<'_>,
        (module, item): (ModuleId, ItemId),
        if_match: &IfMatch,
        title: &str,
    ) -> Result<View, CourseError> {
        let granted = self.courses.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?;
        let audit = granted.audited(asker, ACT, json!({"change": "rename_item", "item_id": item}));
        let when = (self.courses.clock.now(), audit.as_ref());
        self.items.rename((id, module, item), version, title, when).await?;
        self.courses.view(id, Some(asker)).await
    }

    /// Removes an item; its lecture stays.
    pub(crate) async fn remove_item(
        &self,
        (id, asker): Act<'_>,
        (module, item): (ModuleId, ItemId),
        if_match: &IfMatch,
    ) -> Result<(), CourseError> {
        let granted = self.courses.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?;
        let audit = granted.audited(asker, ACT, json!({"change": "remove_item", "item_id": item}));
        let when = (self.courses.clock.now(), audit.as_ref());
        Ok(self.items.remove((id, module, item), version, when).await?)
    }

    /// The courses that have a lecture, the latest first, for who may administer the lecture.
    ///
    /// Errors: `NoLecture`
    pub(crate) async fn courses_of(
        &self,
        (video, asker): (VideoId, &Asker),
        page: &PageRequest<CourseId>,
    ) -> Result<Page<CourseOf>, CourseError> {
        self.administered(video, asker).await?;
        let bounds = (page.after, page.one_more());
        let found = self.courses.courses.with_lecture(video, asker.user, bounds).await?;
        Ok(page.cut(found, |found| found.course.id))
    }

    /// Takes a lecture out of a course, for who may administer the lecture: a course must not keep a lecture against the
    /// will of its owner, who may have left the course. Admins find in the audit who did it.
    ///
    /// Errors: `NoLecture`; `NoItem` for a course without the lecture, and for no course
    pub(crate) async fn take_out(&self, (id, asker): Act<'_>, video: VideoId) -> Result<(), CourseError> {
        self.administered(video, asker).await?;
        let found = self.courses.find(id, asker.user).await?.ok_or(CourseError::NoItem)?;
        let edits = found.role >= Some(CourseRole::Editor);
        let audit = (!edits).then(|| asker.entry("take_lecture_out", &found.course, json!({"content_id": video})));
        let when = (self.courses.clock.now(), audit.as_ref());
        let taken = self.items.take_out((id, video), when).await;
        taken.map_err(|error| match error.into() {
            // It was deleted meanwhile.
            CourseError::Denied(Denied::NotFound) => CourseError::NoItem,
            other => other,
        })
    }

    async fn administered(&self, video: VideoId, asker: &Asker) -> Result<Lecture, CourseError> {
        let lecture = self.lectures.administered(video, asker).await?;
        lecture.ok_or(CourseError::NoLecture)
    }

    /// Puts modules and items into an order, which must be based on the course as it is.
    ///
    /// Errors: `NoPrecondition` if the request names no version
    pub(crate) async fn order(
        &self,
        (id, asker): Act<'_>,
        if_match: &IfMatch,
        order: &[Arranged],
    ) -> Result<View, CourseError> {
        let granted = self.courses.granted(id, asker, CourseRole::Editor).await?;
        let version = version(&granted, if_match)?.ok_or(CourseError::NoPrecondition)?;
        let audit = granted.audited(asker, ACT, json!({"change": "order"}));
        let when = (self.courses.clock.now(), audit.as_ref());
        self.outlines.order(id, version, order, when).await?;
        self.courses.view(id, Some(asker)).await
    }
}

/// The version that an addition is based on, if it names one.
///
/// A request that has a key may be the repetition of an earlier one, which has changed the version: it gets one that no course
/// has, with which it only finds what the earlier one has added.
fn addition_to(granted: &Granted, if_match: &IfMatch, request: Option<&Request>) -> Result<Option<i64>, CourseError> {
    match version(granted, if_match) {
        Err(CourseError::Stale) if request.is_some() => Ok(Some(NO_VERSION)),
        based => based,
    }
}
