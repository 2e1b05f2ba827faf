//! Memberships that begin: people enrol themselves, and teachers enrol others.

use super::access_service::{Act, Asker, Granted, granted, seen};
use super::course_service::CourseService;
use super::enrolment_limits::EnrolmentLimits;
use super::error::{Denied, EnrolmentError};
use crate::metric;
use crate::models::courses::code;
use crate::models::courses::course::{Course, Joining};
use crate::models::enrolments::enrolment::{Enrolled, Enrolment};
use crate::models::enrolments::pasted_list::{self, Line, Named};
use crate::repositories::enrolments::enrolment_repository::EnrolmentRepository;
use contracts::questions::{Addressee, Directory};
use contracts::{CourseId, CourseRole, UserId};
use runtime::receipts::Receipts;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The most lines of one list.
const MAX_LINES: usize = 500;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What became of a line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Enrolled,
    Already,
    NoAccount,
    NoAddress,
    Repeated,
}

/// A membership that somebody asked for.
pub(crate) struct Admission {
    pub(crate) enrolment: Enrolment,
    /// Whether it began with this request.
    pub(crate) is_new: bool,
    /// What lets the member watch at once, even if other services have not heard of the membership yet.
    pub(crate) receipt: String,
}

/// Enrols people.
#[derive(Clone)]
pub(crate) struct EnrolmentService {
    courses: CourseService,
    enrolments: EnrolmentRepository,
    directory: Arc<dyn Directory>,
    limits: EnrolmentLimits,
    receipts: Receipts,
    /// How many people a teacher may enrol in a day.
    per_day: i64,
}

impl EnrolmentService {
    pub(crate) fn new(
        courses: CourseService,
        enrolments: EnrolmentRepository,
        directory: Arc<dyn Directory>,
        (limits, receipts): (EnrolmentLimits, Receipts),
        per_day: i64,
    ) -> Self {
        Self {
            courses,
            enrolments,
            directory,
            limits,
            receipts,
            per_day,
        }
    }

    /// Enrols the asker as a learner; a member stays what they are.
    pub(crate) async fn join(&self, (id, asker): Act<'_>, code: Option<&str>) -> Result<Admission, EnrolmentError> {
        let found = seen(self.courses.find(id, asker.user).await?, Some(asker))?;
        let now = self.courses.clock.now();
        if found.role.is_none() {
            if found.course.has_ended(now) {
                return Err(EnrolmentError::Ended);
            }
            self.admit(&found.course, asker, code).await?;
        }
        let counted = self.limits.change(asker.user).await;
        counted.map_err(EnrolmentError::TooManyChanges)?;
        let joined = self.enrolments.join(id, asker.user, now).await?;
        count(std::slice::from_ref(&joined));
        self.admission(joined)
    }

    /// Whether somebody may become a learner by themselves.
    async fn admit(&self, course: &Course, asker: &Asker, typed: Option<&str>) -> Result<(), EnrolmentError> {
        match (course.joining, &course.code) {
            (Joining::Oneself, _) => Ok(()),
            (Joining::Code, Some(code)) => {
                let typed = typed.ok_or(EnrolmentError::CodeRequired)?;
                let counted = self.limits.try_code(course.id, asker.user).await;
                counted.map_err(EnrolmentError::TooManyTries)?;
                if !code::is_code(typed, code) {
                    return Err(EnrolmentError::WrongCode);
                }
                self.limits.forgive(course.id, asker.user).await;
                Ok(())
            }
            (Joining::Code, None) | (Joining::Closed, _) => Err(EnrolmentError::Closed),
        }
    }

    /// Enrols one person, by id or by e-mail address, for a teacher.
    pub(crate) async fn enrol(&self, (id, asker): Act<'_>, named: Named) -> Result<Admission, EnrolmentError> {
        let granted = self.teacher(id, asker).await?;
        self.take_lines(asker, 1).await?;
        let named = [named];
        let user = match self.users(&named).await?.first() {
            Some(Addressee::Person(user)) => *user,
            Some(Addressee::NoAddress) => {
                return Err(EnrolmentError::BadField("email", "must look like name@example.org"));
            }
            Some(Addressee::NoAccount) | None => {
                // Who looks for addresses leaves a trace, as with a list.
                self.enrol_all(&granted, asker, &[], 1).await?;
                return Err(EnrolmentError::NoAccount);
            }
        };
        let all = self.enrol_all(&granted, asker, &[user], 1).await?;
        self.admission(all.into_iter().next().unwrap_or(Enrolled::NoCourse))
    }

    /// Enrols the people of a pasted list for a teacher, and says what became of each line.
    pub(crate) async fn enrol_list(
        &self,
        (id, asker): Act<'_>,
        pasted: &str,
    ) -> Result<Vec<(String, Fate)>, EnrolmentError> {
        let granted = self.teacher(id, asker).await?;
        let lines = pasted_list::read(pasted);
        if lines.is_empty() || lines.len() > MAX_LINES {
            return Err(EnrolmentError::BadField(
                "text",
                "must have 1 to 500 lines with an address or an id",
            ));
        }
        self.take_lines(asker, lines.len()).await?;
        let named: Vec<Named> = lines.iter().map(|line| line.named.clone()).collect();
        let users = self.users(&named).await?;
        // In one order everywhere: two lists at the same time must not wait for each other's people.
        let distinct: BTreeSet<UserId> = users.iter().filter_map(person).collect();
        let distinct: Vec<UserId> = distinct.into_iter().collect();
        let enrolled = self.enrol_all(&granted, asker, &distinct, lines.len()).await?;
        let mut enrolled: HashMap<UserId, Enrolled> = distinct.into_iter().zip(enrolled).collect();
        let fates = lines.into_iter().zip(users).map(|(Line { text, named }, user)| {
            let fate = match (named, user) {
                (Named::Repeated, _) => Fate::Repeated,
                (_, Addressee::NoAddress) => Fate::NoAddress,
                (_, Addressee::NoAccount) => Fate::NoAccount,
                (_, Addressee::Person(user)) => match enrolled.remove(&user) {
                    Some(Enrolled::New(_)) => Fate::Enrolled,
                    Some(_) => Fate::Already,
                    // Another line names the same person in another way.
                    None => Fate::Repeated,
                },
            };
            (text, fate)
        });
        Ok(fates.collect())
    }

    async fn teacher(&self, id: CourseId, asker: &Asker) -> Result<Granted, EnrolmentError> {
        let found = self.courses.find(id, asker.user).await?;
        Ok(granted(found, asker, CourseRole::Assistant)?)
    }

    /// Counts lines before anything is looked up: an address is a question whether it has an account.
    async fn take_lines(&self, asker: &Asker, lines: usize) -> Result<(), EnrolmentError> {
        let now = self.courses.clock.now();
        let seconds = now.seconds();
        let length = i64::try_from(DAY.as_secs()).unwrap_or(i64::MAX);
        let lines = i64::try_from(lines).unwrap_or(i64::MAX);
        let day = (seconds.div_euclid(length), lines);
        if self.enrolments.take_lines(asker.user, day, self.per_day).await? {
            return Ok(());
        }
        metrics::counter!(metric::REFUSED, "limit" => "lines").increment(1);
        let left = length - seconds.rem_euclid(length);
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(1));
        Err(EnrolmentError::TooManyLines(self.per_day, left))
    }

    /// Who is named, in the same order; a deactivated account counts as none.
    async fn users(&self, named: &[Named]) -> Result<Vec<Addressee>, EnrolmentError> {
        let (mut ids, mut addresses) = (Vec::new(), Vec::new());
        for one in named {
            match one {
                Named::User(id) => ids.push(*id),
                Named::Address(address) => addresses.push(address.clone()),
                Named::Repeated => {}
            }
        }
        let people = if ids.is_empty() {
            Vec::new()
        } else {
            self.directory.people(&ids).await?
        };
        let mut at_addresses = if addresses.is_empty() {
            Vec::new()
        } else {
            self.directory.at_addresses(&addresses).await?
        }
        .into_iter();
        let active: BTreeSet<UserId> = people.iter().filter(|it| it.is_active).map(|it| it.id).collect();
        let answers = named.iter().map(|one| match one {
            Named::User(id) if active.contains(id) => Addressee::Person(*id),
            Named::Address(_) => at_addresses.next().unwrap_or(Addressee::NoAccount),
            Named::User(_) | Named::Repeated => Addressee::NoAccount,
        });
        Ok(answers.collect())
    }

    async fn enrol_all(
        &self,
        granted: &Granted,
        asker: &Asker,
        users: &[UserId],
        lines: usize,
    ) -> Result<Vec<Enrolled>, EnrolmentError> {
        let entry = |all: &[Enrolled]| {
            let new = all.iter().filter_map(|enrolled| match enrolled {
                Enrolled::New(enrolment) => Some(enrolment.user_id),
                Enrolled::Already(_) | Enrolled::Removed | Enrolled::NoCourse => None,
            });
            let details = json!({"lines": lines, "enrolled": new.collect::<Vec<_>>()});
            asker.entry("enrol_users", &granted.course, details)
        };
        let now = self.courses.clock.now();
        let all = self.enrolments.enrol_all(granted.course.id, users, entry, now);
        let all = all.await?;
        count(&all);
        Ok(all)
    }

    fn admission(&self, enrolled: Enrolled) -> Result<Admission, EnrolmentError> {
        let (enrolment, is_new) = match enrolled {
            Enrolled::New(enrolment) => (enrolment, true),
            Enrolled::Already(enrolment) => (enrolment, false),
            Enrolled::Removed => return Err(EnrolmentError::Removed),
            Enrolled::NoCourse => return Err(Denied::NotFound.into()),
        };
        let now = self.courses.clock.now();
        let receipt = self.receipts.issue(enrolment.course_id, enrolment.user_id, now);
        Ok(Admission {
            enrolment,
            is_new,
            receipt,
        })
    }
}

fn person(addressee: &Addressee) -> Option<UserId> {
    match addressee {
        Addressee::Person(user) => Some(*user),
        Addressee::NoAccount | Addressee::NoAddress => None,
    }
}

/// Counts the memberships that began.
fn count(enrolled: &[Enrolled]) {
    let new = enrolled.iter().filter(|it| matches!(it, Enrolled::New(_))).count();
    metrics::counter!(metric::ENROLMENTS).increment(u64::try_from(new).unwrap_or(u64::MAX));
}
