//! The id of a request, which answers and logs show.

use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::fmt::Hyphenated;
use uuid::{Builder, Uuid};

/// The id of a request, made here; an id that comes with the request is not believed.
#[derive(Debug, Clone, Copy)]
pub struct RequestId(Option<[u8; Hyphenated::LENGTH]>);

/// What tells the ids of this process from those of others.
static PROCESS: LazyLock<[u8; 16]> = LazyLock::new(|| Uuid::new_v4().into_bytes());
static REQUESTS: AtomicU64 = AtomicU64::new(0);

impl RequestId {
    /// A `UUIDv7` of the time, the process and a number, which takes no random numbers: an id need not be hard to guess.
    pub(crate) fn generate() -> Self {
        let milliseconds = u64::try_from(backing::Clock::system().now().0 / 1_000).unwrap_or_default();
        let mut rest = [0; 10];
        rest[..4].copy_from_slice(&PROCESS[..4]);
        rest[4..].copy_from_slice(&REQUESTS.fetch_add(1, Ordering::Relaxed).to_be_bytes()[2..]);
        let id = Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid();
        let mut text = [0; Hyphenated::LENGTH];
        id.as_hyphenated().encode_lower(&mut text);
        Self(Some(text))
    }

    /// The id of a request that another part of the program passes on; an unknown one if the text is none.
    #[must_use]
    pub fn passed_on(text: &str) -> Self {
        Self(text.as_bytes().try_into().ok())
    }

    /// The id as answers and logs show it; empty outside of the server.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self
            .0
            .as_ref()
            .map(|text| std::str::from_utf8(text).unwrap_or_default());
        text.unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(None)))
    }
}
