//! What services say to each other about courses.

use std::fmt;
use std::str::FromStr;

/// A text that names no value of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known name")]
pub struct UnknownName;

macro_rules! names {
    ($($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$variant_doc])* $variant),* }

        impl $type {
            /// The name on the wire and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text { $($name => Ok(Self::$variant),)* _ => Err(UnknownName) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

names! {
    /// The state of a course.
    CourseStatus {
        /// Only those who teach it see it.
        Draft = "draft",
        /// Learners find it, enrol and watch.
        Published = "published",
        /// It is over: its members still see it.
        Archived = "archived",
    }

    /// Who may watch the lectures of a published course.
    CourseAccess {
        /// Its members.
        Enrolled = "enrolled",
        /// Everyone who is signed in.
        Open = "open",
        /// Everyone, signed in or not.
        Public = "public",
    }

    /// A role in one course; a greater role includes the lesser ones.
    CourseRole {
        /// Watches.
        Learner = "learner",
        /// Enrols and removes learners.
        Assistant = "assistant",
        /// Changes, publishes and archives the course.
        Editor = "editor",
        /// Appoints the others and hands the course over; a course has one owner.
        Owner = "owner",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for role in [
            CourseRole::Learner,
            CourseRole::Assistant,
            CourseRole::Editor,
            CourseRole::Owner,
        ] {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!("Owner".parse::<CourseRole>(), Err(UnknownName));
        assert!(CourseRole::Learner < CourseRole::Assistant && CourseRole::Editor < CourseRole::Owner);
    }
}
