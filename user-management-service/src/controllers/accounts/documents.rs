//! How accounts look on the wire.

use crate::models::accounts::user::User;
use axum::response::{IntoResponse, Response};
use contracts::{Roles, Timestamp, UserId};
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderValue, StatusCode};
use runtime::Json;
use runtime::conditional::version_tag;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// An account as its owner and admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserDocument {
    /// The account's id.
    #[schema(value_type = UserId)]
    id: UserId,
    /// The address as its owner wrote it; null where somebody came with a provider's token that names none, one that is not
    /// verified, or one that another account has.
    email: Option<String>,
    /// Whether the owner has confirmed the address.
    email_verified: bool,
    /// Whether the account has a password; without one, its person signs in with a provider.
    has_password: bool,
    /// The name that other people see.
    name: String,
    /// A text about the person.
    bio: Option<String>,
    /// The language of the page, a tag such as `pt-BR`.
    locale: Option<String>,
    /// The platform-wide roles.
    roles: Roles,
    /// When the account was created.
    created_at: Timestamp,
    /// When the account last changed.
    updated_at: Timestamp,
    /// When the account was deactivated; absent while it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivated_at: Option<Timestamp>,
}

impl From<User> for UserDocument {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            email_verified: user.email_verified,
            has_password: user.password_hash.is_some(),
            name: user.name,
            bio: user.bio,
            locale: user.locale,
            roles: user.roles,
            created_at: user.created_at,
            updated_at: user.updated_at,
            deactivated_at: user.deactivated_at,
        }
    }
}

/// The reply that shows an account: with its `ETag`, never cached.
pub(crate) fn user(status: StatusCode, user: User) -> Response {
    let etag = version_tag(user.revision);
    let mut response = (status, Json(UserDocument::from(user))).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(ETAG, etag);
    response
}

/// Reads a field that may be absent, `null` or a value, and keeps the three apart.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
