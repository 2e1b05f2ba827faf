//! What other services would answer.

use async_trait::async_trait;
use contracts::questions::{Addressee, ChangePosition, Changes, CourseHistory, Courses, Directory, Person, Unanswered};
use contracts::{CourseId, EventData, NewEvent, Role, Timestamp, UserId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

/// An event of a course or of one of its members, with its number.
type Numbered = (i64, EventData);

/// The events of each course, with the time of the last one.
type Histories = BTreeMap<CourseId, (Timestamp, Vec<Numbered>)>;

/// What course-management knows.
#[derive(Default)]
pub(crate) struct Answers {
    people: Mutex<Vec<Person>>,
    courses: Mutex<Histories>,
    silent: AtomicBool,
}

impl Answers {
    /// Course-management has published an event.
    pub(crate) fn know(&self, event: &NewEvent, sequence: i64, now: Timestamp) {
        let mut courses = self.courses.lock().unwrap();
        let (at, events) = courses.entry(event.subject.into()).or_insert_with(|| (now, Vec::new()));
        *at = now;
        events.push((sequence, event.data.clone()));
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

    fn answer(&self) -> Result<MutexGuard<'_, Histories>, Unanswered> {
        if self.silent.load(Ordering::SeqCst) {
            return Err(Unanswered("nobody is there".to_owned()));
        }
        Ok(self.courses.lock().unwrap())
    }
}

/// What a course with these events has become since one of them, in parts of two members.
pub(crate) fn history(events: &[Numbered], after: i64) -> CourseHistory {
    let mut members: BTreeMap<UserId, Numbered> = BTreeMap::new();
    let mut state = None;
    for (sequence, data) in events {
        match data {
            EventData::EnrolmentChanged(now) => drop(members.insert(now.user_id, (*sequence, data.clone()))),
            EventData::EnrolmentEnded(ended) => drop(members.insert(ended.user_id, (*sequence, data.clone()))),
            EventData::CourseDeleted(_) => {
                members.clear();
                state = Some(data.clone());
            }
            _ => state = Some(data.clone()),
        }
    }
    let mut changed: Vec<Numbered> = members
        .into_values()
        .filter(|(sequence, _)| *sequence > after)
        .collect();
    changed.sort_by_key(|(sequence, _)| *sequence);
    let is_last = changed.len() < 2;
    changed.truncate(2);
    let last = if is_last { events.last() } else { changed.last() };
    let sequence = last.map_or(0, |(sequence, _)| *sequence);
    let members = changed.into_iter().map(|(_, data)| data);
    let events = members.chain(state.filter(|_| is_last)).collect();
    CourseHistory {
        events,
        sequence,
        is_last,
    }
}

#[async_trait]
impl Courses for Answers {
    /// Two courses in each part.
    async fn changed_after(&self, position: ChangePosition) -> Result<Changes, Unanswered> {
        let courses = self.answer()?;
        let mut all: Vec<_> = courses
            .iter()
            .map(|(id, (at, events))| ((*at, id.0), events.len()))
            .collect();
        all.retain(|(it, _)| *it > (position.at, position.id));
        all.sort_unstable();
        all.truncate(2);
        let next = all.get(1).map(|((at, id), _)| ChangePosition { at: *at, id: *id });
        let courses = all
            .into_iter()
            .map(|((_, id), count)| (id.into(), i64::try_from(count).unwrap()));
        let courses = courses.collect();
        Ok(Changes { courses, next })
    }

    async fn history(&self, course: CourseId, after: i64) -> Result<Option<CourseHistory>, Unanswered> {
        Ok(self.answer()?.get(&course).map(|(_, events)| history(events, after)))
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
