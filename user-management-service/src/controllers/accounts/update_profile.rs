//! `PUT /profile/update`

use super::documents;
use crate::controllers::state::Api;
use crate::models::accounts::profile::{ProfileChange, check_bio, check_locale};
use crate::services::error::AccountError;
use axum::extract::State;
use axum::response::Response;
use contracts::text;
use http::StatusCode;
use passwords::email::EmailAddress;
use runtime::conditional::{IfMatch, version_tag};
use runtime::{Caller, ClientAddress, Json, Problem, ProblemDocument};
use serde::Deserialize;
use utoipa::ToSchema;

/// The fields to change: an absent field stays, `null` clears.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileUpdate)]
pub(crate) struct Body {
    /// The name that other people see; can't be cleared.
    #[serde(default, deserialize_with = "documents::present")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// The address to sign in with. It can't be cleared; changing it needs a sign-in of the last 10 minutes, and is possible
    /// three times a day.
    #[serde(default, deserialize_with = "documents::present")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// A text about the person, up to 2,000 characters.
    #[serde(default, deserialize_with = "documents::present")]
    #[schema(value_type = Option<String>)]
    bio: Option<Option<String>>,
    /// The language of the page, a tag such as `pt-BR`.
    #[serde(default, deserialize_with = "documents::present")]
    #[schema(value_type = Option<String>)]
    locale: Option<Option<String>>,
}

/// Changes the caller's profile.
#[utoipa::path(
    put, path = "/profile/update", operation_id = "updateProfile", tag = "users", request_body = Body,
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that the change is based on.")),
    responses(
        (status = 200, description = "The changed account.", body = documents::UserDocument),
        (status = 401, description = "`unauthenticated` or `reauthentication_required`", body = ProblemDocument),
        (status = 409, description = "`email_taken`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 429, description = "`rate_limited`", body = ProblemDocument),
    )
)]
pub(crate) async fn update_profile(
    State(api): State<Api>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let change = body.check()?;
    let revision = if if_match.names_versions() {
        let now = api.accounts.profile(&caller).await?.revision;
        if !if_match.allows(version_tag(now)) {
            return Err(AccountError::Stale.into());
        }
        Some(now)
    } else {
        None
    };
    Ok(documents::user(
        StatusCode::OK,
        api.accounts.update(&caller, revision, &change, address).await?,
    ))
}

impl Body {
    fn check(self) -> Result<ProfileChange, AccountError> {
        let mut wrong = Vec::new();
        let change = ProfileChange {
            name: needed("name", self.name, text::title, &mut wrong),
            email: needed("email", self.email, EmailAddress::parse, &mut wrong),
            bio: clearable("bio", self.bio, check_bio, &mut wrong),
            locale: clearable("locale", self.locale, check_locale, &mut wrong),
        };
        if wrong.is_empty() {
            Ok(change)
        } else {
            Err(AccountError::Invalid(wrong))
        }
    }
}

type Wrong = Vec<(&'static str, &'static str)>;

fn needed<T>(
    field: &'static str,
    given: Option<Option<String>>,
    check: impl Fn(&str) -> Result<T, &'static str>,
    wrong: &mut Wrong,
) -> Option<T> {
    let checked = given?.map_or(Err("can't be cleared"), |text| check(&text));
    checked.map_err(|why| wrong.push((field, why))).ok()
}

fn clearable(
    field: &'static str,
    given: Option<Option<String>>,
    check: impl Fn(&str) -> Result<String, &'static str>,
    wrong: &mut Wrong,
) -> Option<Option<String>> {
    let Some(text) = given? else { return Some(None) };
    check(&text).map_err(|why| wrong.push((field, why))).ok().map(Some)
}
