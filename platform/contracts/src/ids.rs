//! Ids: UUIDs with the kind of thing that they name, so that a user's id is never mistaken for a video's.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, Object, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// A text that is not an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// The id of a thing of kind `K`: a `UUIDv7`, so that ids made later sort later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Id<K>(pub Uuid, PhantomData<K>);

impl<K> Id<K> {
    /// Makes a new id.
    #[must_use]
    pub fn generate() -> Self {
        Self::from(Uuid::now_v7())
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> FromStr for Id<K> {
    type Err = InvalidId;

    /// Reads the one spelling that MoocFlix writes: 36 characters, lower case, hyphens.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let id = Uuid::try_parse(text).map_err(|_| InvalidId)?;
        let mut spelled = [0; Hyphenated::LENGTH];
        if id.as_hyphenated().encode_lower(&mut spelled) == text {
            Ok(Self::from(id))
        } else {
            Err(InvalidId)
        }
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(id: Uuid) -> Self {
        Self(id, PhantomData)
    }
}

impl<K> From<Id<K>> for Uuid {
    fn from(id: Id<K>) -> Self {
        id.0
    }
}

impl<K: Kind> PartialSchema for Id<K> {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .description(Some(K::MEANING))
            .into()
    }
}

impl<K: Kind> ToSchema for Id<K> {
    fn name() -> Cow<'static, str> {
        K::NAME.into()
    }
}

/// A kind of thing that has ids, as the API's documentation describes them.
pub trait Kind {
    /// The name of the ids' schema.
    const NAME: &'static str;
    /// The thing's name in codes, such as `video`.
    const WORD: &'static str;
    /// The thing's name in sentences, such as `lecture`.
    const NOUN: &'static str;
    /// The thing, in a sentence.
    const MEANING: &'static str;
}

macro_rules! ids {
    ($($kind:ident, $word:literal, $noun:literal => $name:ident: $meaning:literal),* $(,)?) => {
        /// The kinds of things that have ids.
        pub mod kind {
            $(
                #[doc = $meaning]
                #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
                pub enum $kind {}
            )*
        }

        $(
            #[doc = $meaning]
            pub type $name = Id<kind::$kind>;

            impl Kind for kind::$kind {
                const NAME: &'static str = stringify!($name);
                const WORD: &'static str = $word;
                const NOUN: &'static str = $noun;
                const MEANING: &'static str = $meaning;
            }
        )*
    };
}

ids! {
    User, "user", "user" => UserId: "A person with an account.",
    Session, "session", "session" => SessionId: "One sign-in of a user: all its access and refresh tokens carry this id (`sid`).",
    Video, "video", "lecture" => VideoId: "A lecture, from the first byte of its upload to its deletion record.",
    Playback, "playback", "playback session" => PlaybackId: "One playback session: a viewer who opened a video's stream.",
    Course, "course", "course" => CourseId: "A course, from its draft on.",
    Module, "module", "module" => ModuleId: "A part of a course.",
    Item, "item", "item" => ItemId: "One entry of a module, such as a lecture.",
    Enrolment, "enrolment", "enrolment" => EnrolmentId: "A person's membership in a course; it keeps its id when it ends and begins again.",
    Client, "client", "client" => ClientId: "Another service, with credentials of its own.",
    Audit, "audit", "audit entry" => AuditId: "One entry of an audit: what an administrator did.",
    Event, "event", "event" => EventId: "One event; consumers keep it, so that an effect happens once.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_only_read_from_its_own_spelling() {
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
