//! The URL table: one line a route.

use crate::controllers::accounts::{
    change_password, deactivate, fetch_profile, list_users, set_roles, signup, update_profile,
};
use crate::controllers::audit::list_audit;
use crate::controllers::keys::publish_keys;
use crate::controllers::sessions::{login, logout, refresh_token};
use crate::controllers::state::Api;
use http::Method;
use runtime::{Access, Authenticator, Policy, Routes, Table};
use utoipa_axum::routes;

/// The prefix of the service's routes.
pub(crate) const PREFIX: &str = "/api/v1/users";
/// As large as two passwords in JSON with each letter escaped; strangers may send such bodies.
const CREDENTIALS_BYTES: usize = 16 * 1_024;
/// A row for everybody that takes passwords or tokens.
const CREDENTIALS: Policy = Access::Public.with_body_limit(CREDENTIALS_BYTES);

pub(crate) fn routes(api: Api, authenticator: &Authenticator) -> Routes {
    let users = Table::new(PREFIX, authenticator)
        .row(Method::POST, "/signup", CREDENTIALS, routes!(signup::sign_up))
        .row(Method::POST, "/login", CREDENTIALS, routes!(login::log_in))
        .row(
            Method::GET,
            "/profile",
            Access::SignedIn,
            routes!(fetch_profile::fetch_profile),
        )
        .row(
            Method::PUT,
            "/profile/update",
            Access::SignedIn,
            routes!(update_profile::update_profile),
        )
        .row(Method::POST, "/logout", CREDENTIALS, routes!(logout::log_out))
        .row(
            Method::POST,
            "/password/change",
            Access::SignedIn.with_body_limit(CREDENTIALS_BYTES),
            routes!(change_password::change_password),
        )
        .row(
            Method::DELETE,
            "/deactivate",
            Access::SignedIn,
            routes!(deactivate::deactivate),
        )
        .row(Method::GET, "/", Access::Admin, routes!(list_users::list_users))
        .row(Method::GET, "/audit", Access::Admin, routes!(list_audit::list_audit))
        .row(Method::PUT, "/{id}/roles", Access::Admin, routes!(set_roles::set_roles))
        .with_state(api.clone());
    let tokens = Table::new(PREFIX, authenticator)
        .with_any_query()
        .row(
            Method::POST,
            "/token",
            CREDENTIALS,
            routes!(refresh_token::refresh_token),
        )
        .with_state(api.clone());
    let keys = Table::new("", authenticator)
        .row(
            Method::GET,
            "/.well-known/jwks.json",
            Access::Public,
            routes!(publish_keys::publish_keys),
        )
        .with_state(api);
    users.merge(tokens).merge(keys)
}
