//! What the command line says of a lecture beside its file.

use serde::{Deserialize, Serialize};

/// Title and visibility; the server chooses what is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) visibility: Option<Visibility>,
}

/// Who may watch a lecture without a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Visibility {
    /// Only you.
    Private,
    /// Everyone who is signed in.
    SignedIn,
    /// Everyone who has the lecture's link.
    Link,
}

impl Visibility {
    /// The name on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::SignedIn => "signed_in",
            Self::Link => "link",
        }
    }
}
