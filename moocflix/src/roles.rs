//! The roles that a process runs.

use anyhow::{Result, bail};
use runtime::Face;

/// Every service, in the order of composition. A new service gets a line here, a builder in `compose` and, if it can be
/// configured, a section in `settings`.
pub(crate) const FACES: &[&Face] = &[
    &user_management_service::FACE,
    &course_management_service::FACE,
    &content_delivery_service::FACE,
    &live_server::FACE,
    &transcoding_jobs::FACE,
    &web::FACE,
];

/// The services that have a schema.
pub(crate) fn with_schema() -> impl Iterator<Item = &'static Face> {
    FACES.iter().copied().filter(|face| !face.migrations.is_empty())
}

/// The roles of one process.
#[derive(Debug, Clone)]
pub(crate) struct Duties(Vec<&'static Face>);

impl Duties {
    /// Every role.
    pub(crate) fn all() -> Self {
        Self(FACES.to_vec())
    }

    /// Parses the names of roles; rejects unknown ones.
    pub(crate) fn parse(names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Ok(Self::all());
        }
        let known = |name: &str| FACES.iter().any(|face| face.name == name);
        if let Some(name) = names.iter().find(|name| !known(name)) {
            let known = FACES.iter().map(|face| face.name).collect::<Vec<_>>().join(", ");
            bail!("--roles: unknown role `{name}`; the roles are {known}");
        }
        let named = |name: &str| names.iter().any(|it| it == name);
        Ok(Self(FACES.iter().copied().filter(|face| named(face.name)).collect()))
    }

    /// Whether a role is among them.
    pub(crate) fn include(&self, role: &str) -> bool {
        self.faces().any(|face| face.name == role)
    }

    /// The first of them that needs a role which is not among them, and that role.
    pub(crate) fn first_apart(&self) -> Option<(&'static str, &'static str)> {
        let mut needs = self
            .faces()
            .flat_map(|face| face.needs.iter().map(|need| (face.name, *need)));
        needs.find(|(_, need)| !self.include(need))
    }

    /// The services that the process runs.
    pub(crate) fn faces(&self) -> impl Iterator<Item = &'static Face> + '_ {
        self.0.iter().copied()
    }

    /// Whether no other process runs a role.
    pub(crate) fn are_all(&self) -> bool {
        self.0.len() == FACES.len()
    }

    /// Whether one of them keeps objects.
    pub(crate) fn keep_objects(&self) -> bool {
        let without = [
            user_management_service::NAME,
            course_management_service::NAME,
            web::NAME,
        ];
        self.faces().any(|face| !without.contains(&face.name))
    }

    /// Whether this is a worker beside a server.
    pub(crate) fn is_worker(&self) -> bool {
        self.faces().map(|face| face.name).eq([transcoding_jobs::NAME])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(names: &str) -> Result<Duties> {
        let names: Vec<String> = names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Duties::parse(&names)
    }

    fn names(duties: &Duties) -> Vec<&'static str> {
        duties.faces().map(|face| face.name).collect()
    }

    #[test]
    fn without_names_a_process_runs_every_role() {
        assert_eq!(
            names(&parsed("").unwrap()),
            ["users", "courses", "content", "live", "transcode", "web"]
        );
        assert!(!Duties::all().is_worker() && Duties::all().keep_objects());
    }

    #[test]
    fn a_role_apart_is_named_with_the_one_that_it_needs() {
        assert!(parsed("transcode").unwrap().is_worker());
        assert_eq!(parsed("transcode").unwrap().first_apart(), None);
        assert!(parsed("transcode").unwrap().keep_objects() && !parsed("users,courses,web").unwrap().keep_objects());
        assert_eq!(
            names(&parsed("web,content,users,courses,web").unwrap()),
            ["users", "courses", "content", "web"]
        );
        for (apart, expected) in [
            ("users,courses,content", None),
            ("users", Some(("users", "content"))),
            ("content", Some(("content", "users"))),
            ("users,content", Some(("users", "courses"))),
            ("transcode,web", Some(("web", "users"))),
        ] {
            assert_eq!(parsed(apart).unwrap().first_apart(), expected, "{apart}");
        }
    }

    #[test]
    fn an_unknown_role_is_refused_with_the_list_of_roles() {
        let error = parsed("users,alive").unwrap_err().to_string();
        assert!(
            error.contains("`alive`") && error.contains("users, courses, content, live, transcode, web"),
            "{error}"
        );
    }

    #[test]
    fn every_needed_role_exists() {
        for face in FACES {
            assert!(
                face.needs
                    .iter()
                    .chain(face.asks)
                    .all(|need| FACES.iter().any(|it| it.name == *need)),
                "{face:?}"
            );
        }
    }
}
