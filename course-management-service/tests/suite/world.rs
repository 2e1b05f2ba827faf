//! The people and lectures that other services would know.

use async_trait::async_trait;
use contracts::questions::{Addressee, Directory, Lecture, Lectures, Person as Known, Unanswered, Watched, Watching};
use contracts::{Role, Timestamp, UserId, VideoId};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testing::Person;

#[derive(Clone)]
struct Film {
    owner: UserId,
    title: String,
    status: &'static str,
    starts_at: Option<Timestamp>,
}

/// Answers for the users' and the content service.
#[derive(Default)]
pub(crate) struct World {
    people: Mutex<HashMap<UserId, (Known, String)>>,
    films: Mutex<HashMap<VideoId, Film>>,
    watched: Mutex<Vec<Watched>>,
    silent: AtomicBool,
}

impl World {
    /// Somebody with an account.
    pub(crate) fn person(&self, role: Role, email: &str) -> Person {
        let person = Person::new(role);
        let known = Known {
            id: person.id,
            name: format!("Name of {email}"),
            roles: role.into(),
            is_active: true,
        };
        self.people.lock().unwrap().insert(person.id, (known, email.to_owned()));
        person
    }

    pub(crate) fn deactivate(&self, person: &Person) {
        self.people.lock().unwrap().get_mut(&person.id).unwrap().0.is_active = false;
    }

    /// A lecture of somebody.
    pub(crate) fn film(&self, owner: &Person, title: &str, status: &'static str) -> VideoId {
        let id = VideoId::generate();
        let film = Film {
            owner: owner.id,
            title: title.to_owned(),
            status,
            starts_at: None,
        };
        self.films.lock().unwrap().insert(id, film);
        id
    }

    /// Gives a lecture another status; `deleted` removes it.
    pub(crate) fn set_status(&self, id: VideoId, status: &'static str) {
        let mut films = self.films.lock().unwrap();
        if status == "deleted" {
            films.remove(&id);
        } else {
            films.get_mut(&id).unwrap().status = status;
        }
    }

    /// Announces when a lecture begins.
    pub(crate) fn schedule(&self, id: VideoId, starts_at: Timestamp) {
        let mut films = self.films.lock().unwrap();
        let film = films.get_mut(&id).unwrap();
        (film.status, film.starts_at) = ("scheduled", Some(starts_at));
    }

    /// Gives somebody another name.
    pub(crate) fn rename(&self, person: &Person, name: &str) {
        name.clone_into(&mut self.people.lock().unwrap().get_mut(&person.id).unwrap().0.name);
    }

    /// Somebody watches a lecture.
    pub(crate) fn watches(&self, watched: Watched) {
        self.watched.lock().unwrap().push(watched);
    }

    /// From now on nothing is answered, or is again.
    pub(crate) fn be_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    fn answers(&self) -> Result<(), Unanswered> {
        if self.silent.load(Ordering::SeqCst) {
            Err(Unanswered("nobody is there".to_owned()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Directory for World {
    async fn at_addresses(&self, addresses: &[String]) -> Result<Vec<Addressee>, Unanswered> {
        self.answers()?;
        let people = self.people.lock().unwrap();
        let answer = |address: &String| {
            if !address.contains('@') {
                return Addressee::NoAddress;
            }
            let mut all = people.values();
            let found = all.find(|(known, email)| email.eq_ignore_ascii_case(address) && known.is_active);
            found.map_or(Addressee::NoAccount, |(known, _)| Addressee::Person(known.id))
        };
        Ok(addresses.iter().map(answer).collect())
    }

    async fn people(&self, ids: &[UserId]) -> Result<Vec<Known>, Unanswered> {
        self.answers()?;
        let people = self.people.lock().unwrap();
        Ok(ids
            .iter()
            .filter_map(|id| people.get(id))
            .map(|(known, _)| known.clone())
            .collect())
    }
}

#[async_trait]
impl Lectures for World {
    async fn lectures(&self, ids: &[VideoId], user: UserId, is_admin: bool) -> Result<Vec<Lecture>, Unanswered> {
        self.answers()?;
        let films = self.films.lock().unwrap();
        let lecture = |id: &VideoId| {
            films.get(id).map(|film| Lecture {
                id: *id,
                title: film.title.clone(),
                status: film.status.to_owned(),
                is_playable: matches!(film.status, "live" | "playable" | "ready"),
                duration: Some(Duration::from_secs(60)),
                starts_at: film.starts_at.filter(|_| film.status == "scheduled"),
                is_administered: film.owner == user || is_admin,
            })
        };
        Ok(ids.iter().filter_map(lecture).collect())
    }

    async fn live(&self) -> Result<Vec<VideoId>, Unanswered> {
        self.answers()?;
        let films = self.films.lock().unwrap();
        let live = films.iter().filter(|(_, film)| film.status == "live");
        Ok(live.map(|(id, _)| *id).collect())
    }
}

#[async_trait]
impl Watching for World {
    async fn watched(&self, users: &[UserId], videos: &[VideoId]) -> Result<Vec<Watched>, Unanswered> {
        self.answers()?;
        if users.len() * videos.len() > 10_000 {
            return Err(Unanswered("the answer would be too long".to_owned()));
        }
        let all = self.watched.lock().unwrap();
        let asked = all
            .iter()
            .filter(|it| users.contains(&it.user) && videos.contains(&it.video));
        Ok(asked.cloned().collect())
    }
}
