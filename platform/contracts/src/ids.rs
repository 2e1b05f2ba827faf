//! Ids: UUIDv7 inside, one type each, so that a user's id is never taken for a video's.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A text that is no id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new id; ids made later sort later.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads the one spelling that MoocFlix writes: 36 characters, lower case, hyphens.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let id = Self(Uuid::try_parse(text).map_err(|_| InvalidId)?);
                if id.to_string() == text { Ok(id) } else { Err(InvalidId) }
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }
    };
}

id!(
    /// A person with an account.
    UserId
);
id!(
    /// One sign-in of a user: all its access and refresh tokens carry this id (`sid`).
    SessionId
);
id!(
    /// A lecture, from the first byte of its upload to its deletion record.
    VideoId
);
id!(
    /// One playback session: a viewer who opened a video's stream.
    PlaybackId
);
id!(
    /// One event; consumers keep it, so that an effect happens once.
    EventId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_from_its_own_spelling_and_from_no_other() {
        let id = VideoId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in [
            id.to_string().to_uppercase(),
            id.0.as_simple().to_string(),
            format!("{{{id}}}"),
            format!("{id} "),
            String::new(),
        ] {
            assert_eq!(other.parse::<VideoId>(), Err(InvalidId), "{other}");
        }
    }

    #[test]
    fn ids_made_later_sort_later() {
        let made: Vec<_> = (0..1_000).map(|_| VideoId::generate()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
