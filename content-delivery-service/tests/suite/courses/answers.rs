//! What other services would answer.

use async_trait::async_trait;
use contracts::questions::{Addressee, ChangePosition, Changes, Courses, Directory, LastEvent, Person, Unanswered};
use contracts::{CourseId, EventData, NewEvent, Role, Timestamp, UserId};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// The last event of each aggregate of course-management, with its time.
#[derive(Default)]
pub(crate) struct Answers {
    people: Mutex<Vec<Person>>,
    last: Mutex<BTreeMap<Uuid, (Timestamp, LastEvent)>>,
    silent: AtomicBool,
}

impl Answers {
    /// Course-management has published an event.
    pub(crate) fn know(&self, event: &NewEvent, sequence: i64, now: Timestamp) {
        let last = LastEvent {
            subject: event.subject,
            sequence,
            data: event.data.clone(),
        };
        self.last.lock().unwrap().insert(event.subject, (now, last));
    }

    /// Somebody has an account.
    pub(crate) fn has_account(&self, id: UserId, role: Role, is_active: bool) {
        let mut people = self.people.lock().unwrap();
        people.retain(|it| it.id != id);
        people.push(Person {
            id,
            name: "Somebody".to_owned(),
            roles: role.into(),
            is_active,
        });
    }

    /// From now on nothing is answered, or is again.
    pub(crate) fn be_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    /// All of them in the order of their changes.
    fn all(&self) -> Result<Vec<(ChangePosition, LastEvent)>, Unanswered> {
        if self.silent.load(Ordering::SeqCst) {
            return Err(Unanswered("nobody is there".to_owned()));
        }
        let last = self.last.lock().unwrap();
        let all = last
            .iter()
            .map(|(id, (at, event))| (ChangePosition { at: *at, id: *id }, event.clone()));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(position, _)| (position.at, position.id));
        Ok(all)
    }
}

#[async_trait]
impl Courses for Answers {
    /// Two events in each part.
    async fn changed_after(&self, position: ChangePosition) -> Result<Changes, Unanswered> {
        let mut all = self.all()?;
        all.retain(|(it, _)| (it.at, it.id) > (position.at, position.id));
        all.truncate(2);
        let next = all.get(1).map(|(position, _)| *position);
        let events = all.into_iter().map(|(_, event)| event).collect();
        Ok(Changes { events, next })
    }

    async fn last_events(&self, course: CourseId, user: UserId) -> Result<Vec<LastEvent>, Unanswered> {
        let is_asked_for = |it: &LastEvent| match &it.data {
            EventData::EnrolmentChanged(now) => now.course_id == course && now.user_id == user,
            EventData::EnrolmentEnded(ended) => ended.course_id == course && ended.user_id == user,
            _ => it.subject == course.0,
        };
        let all = self.all()?.into_iter().map(|(_, event)| event);
        Ok(all.filter(is_asked_for).collect())
    }
}

#[async_trait]
impl Directory for Answers {
    async fn at_addresses(&self, addresses: &[String]) -> Result<Vec<Addressee>, Unanswered> {
        Ok(addresses.iter().map(|_| Addressee::NoAccount).collect())
    }

    async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>, Unanswered> {
        let people = self.people.lock().unwrap();
        Ok(people.iter().filter(|it| ids.contains(&it.id)).cloned().collect())
    }
}
