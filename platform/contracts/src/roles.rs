//! Platform-wide roles; roles inside a course belong to course-management.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A platform-wide role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watches.
    Learner,
    /// Uploads and teaches.
    Instructor,
    /// Runs the platform; may see and stream everything, audited.
    Admin,
}

/// A text that is not a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role `{0}`: use learner, instructor or admin")]
pub struct UnknownRole(pub String);

impl Role {
    /// The role's name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Learner => "learner",
            Self::Instructor => "instructor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Learner, Self::Instructor, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A person's roles, each once, in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Roles(#[serde(deserialize_with = "each_once")] BTreeSet<Role>);

/// Reads a list of different roles, as its schema requires (`uniqueItems`).
fn each_once<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeSet<Role>, D::Error> {
    let mut roles = BTreeSet::new();
    for role in Vec::<Role>::deserialize(source)? {
        if !roles.insert(role) {
            return Err(D::Error::custom(format_args!("`{role}` is in the list twice")));
        }
    }
    Ok(roles)
}

impl Roles {
    /// Whether the person holds `role`.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether the person may upload: instructors and admins.
    #[must_use]
    pub fn may_teach(&self) -> bool {
        self.has(Role::Instructor) || self.has(Role::Admin)
    }

    /// Whether no role is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The roles in their fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self::from_iter([role])
    }
}

impl fmt::Display for Roles {
    /// Shape: role names separated by commas, as the database keeps them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, role) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(role.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Roles {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        text.split(',')
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_survive_their_text_form() {
        let roles: Roles = [Role::Admin, Role::Learner].into_iter().collect();
        assert_eq!(roles.to_string(), "learner,admin");
        assert_eq!(roles.to_string().parse(), Ok(roles));
        assert_eq!("".parse(), Ok(Roles::default()));
        assert!("learner,root".parse::<Roles>().is_err());
    }

    #[test]
    fn a_list_that_names_a_role_twice_is_rejected() {
        let error = serde_json::from_str::<Roles>(r#"["admin", "admin"]"#).unwrap_err();
        assert!(error.to_string().contains("`admin` is in the list twice"), "{error}");
        assert_eq!(
            serde_json::from_str::<Roles>(r#"["admin"]"#).unwrap(),
            Role::Admin.into()
        );
    }

    #[test]
    fn learners_do_not_teach() {
        assert!(!Roles::from(Role::Learner).may_teach());
        assert!(Roles::from(Role::Instructor).may_teach());
        assert!(Roles::from(Role::Admin).may_teach());
    }
}
