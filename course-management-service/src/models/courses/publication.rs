//! What a course needs before it can be published.

use super::course::Course;
use crate::models::outline::module::{Module, State};
use contracts::Timestamp;

/// A field and what is missing in it.
pub(crate) type Missing = (String, &'static str);

/// What keeps a course from being published; nothing if it can be.
pub(crate) fn missing(course: &Course, modules: &[Module], now: Timestamp) -> Vec<Missing> {
    let mut missing = Vec::new();
    if course.has_ended(now) {
        missing.push(("ends_at".to_owned(), "must be in the future"));
    }
    if modules.is_empty() {
        missing.push(("modules".to_owned(), "must have a module with a lecture"));
    }
    for (at, module) in modules.iter().enumerate() {
        if module.items.is_empty() {
            missing.push((format!("modules[{at}].items"), "must have a lecture"));
        }
        for (place, item) in module.items.iter().enumerate() {
            let why = match &item.state {
                State::Deleted => "is a lecture that was deleted",
                State::Known { status, .. } if status == "failed" => "is a lecture that can't be played",
                State::Known { .. } => continue,
            };
            missing.push((format!("modules[{at}].items[{place}]"), why));
        }
    }
    let mut items = modules.iter().flat_map(|module| &module.items);
    // Learners join a course of live lectures before the first of them begins.
    let counts = |state: &State| state.is_playable() || state.is_scheduled();
    if missing.is_empty() && !items.any(|item| counts(&item.state)) {
        let why = "must have a lecture that can be watched or that is scheduled";
        missing.push(("modules".to_owned(), why));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::courses::course::Joining;
    use crate::models::outline::module::Item;
    use contracts::{CourseAccess, CourseId, CourseStatus, ItemId, ModuleId, UserId, VideoId};

    const NOW: Timestamp = Timestamp::from_seconds(100);

    fn course(ends_at: Option<Timestamp>) -> Course {
        Course {
            id: CourseId::generate(),
            owner_id: UserId::generate(),
            title: "Graphs".to_owned(),
            description: String::new(),
            status: CourseStatus::Draft,
            access: CourseAccess::Enrolled,
            joining: Joining::Oneself,
            code: None,
            opens_at: None,
            ends_at,
            completed_share: None,
            version: 1,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn module(states: &[State]) -> Module {
        let item = |state: &State| Item {
            id: ItemId::generate(),
            video_id: VideoId::generate(),
            title: "Trees".to_owned(),
            state: state.clone(),
        };
        Module {
            id: ModuleId::generate(),
            title: "One".to_owned(),
            opens_at: None,
            items: states.iter().map(item).collect(),
        }
    }

    fn known(status: &str) -> State {
        State::Known {
            status: status.to_owned(),
            is_playable: matches!(status, "playable" | "ready"),
            starts_at: None,
        }
    }

    fn fields(course: &Course, modules: &[Module]) -> Vec<String> {
        missing(course, modules, NOW)
            .into_iter()
            .map(|(field, _)| field)
            .collect()
    }

    #[test]
    fn a_course_needs_modules_with_lectures_of_which_one_can_be_watched_or_is_scheduled() {
        let whole = [known("ready"), known("processing")];
        assert!(fields(&course(None), &[module(&whole)]).is_empty());
        assert!(fields(&course(None), &[module(&[known("scheduled")])]).is_empty());
        assert_eq!(fields(&course(None), &[]), ["modules"]);
        assert_eq!(
            fields(&course(None), &[module(&whole), module(&[])]),
            ["modules[1].items"]
        );
        assert_eq!(fields(&course(None), &[module(&[known("processing")])]), ["modules"]);
        let broken = [known("ready"), known("failed"), State::Deleted];
        let places = ["modules[0].items[1]", "modules[0].items[2]"];
        assert_eq!(fields(&course(None), &[module(&broken)]), places);
        assert_eq!(fields(&course(Some(NOW)), &[module(&whole)]), ["ends_at"]);
    }
}
