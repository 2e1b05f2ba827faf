//! The URL table: one line a route; and the questions of other services.

use crate::controllers::accounts::{
    change_password, deactivate, fetch_profile, list_users, set_roles, signup, update_profile,
};
use crate::controllers::audit::list_audit;
use crate::controllers::clients::{create_client, delete_client, list_clients, renew_secret};
use crate::controllers::keys::{publish_keys, publish_metadata};
use crate::controllers::providers::{begin_sign_in, finish_sign_in, list_providers};
use crate::controllers::sessions::{login, logout, refresh_token, revoke_token};
use crate::controllers::state::Api;
use crate::services::directory::Directory;
use crate::services::identities::Identities;
use crate::services::refusals::Refusals;
use http::Method;
use runtime::{Access, Authenticator, Policy, Questions, Routes, Table};
use std::sync::Arc;
use utoipa_axum::routes;

/// The prefix of the service's routes.
pub(crate) const PREFIX: &str = "/api/v1/users";
/// As large as two passwords in JSON with each letter escaped; strangers may send such bodies.
const CREDENTIALS_BYTES: usize = 16 * 1_024;
/// A row for everybody that takes passwords or tokens.
const CREDENTIALS: Policy = Access::Public.with_body_limit(CREDENTIALS_BYTES);

/// A row for people who are signed in that takes passwords.
const OWN_CREDENTIALS: Policy = Access::SignedIn.with_body_limit(CREDENTIALS_BYTES);

#[rustfmt::skip]
pub(crate) fn routes(api: Api, authenticator: &Authenticator) -> Routes {
    let users = Table::new(PREFIX, authenticator)
        .row(Method::POST, "/signup", CREDENTIALS, routes!(signup::sign_up))
        .row(Method::POST, "/login", CREDENTIALS, routes!(login::log_in))
        .row(Method::GET, "/profile", Access::SignedIn, routes!(fetch_profile::fetch_profile))
        .row(Method::PUT, "/profile/update", Access::SignedIn, routes!(update_profile::update_profile))
        .row(Method::POST, "/logout", CREDENTIALS, routes!(logout::log_out))
        .row(Method::POST, "/password/change", OWN_CREDENTIALS, routes!(change_password::change_password))
        .row(Method::DELETE, "/deactivate", Access::SignedIn, routes!(deactivate::deactivate))
        .row(Method::GET, "/", Access::Admin, routes!(list_users::list_users))
        .row(Method::GET, "/audit", Access::Admin, routes!(list_audit::list_audit))
        .row(Method::PUT, "/{id}/roles", Access::Admin, routes!(set_roles::set_roles))
        .row(Method::GET, "/clients", Access::Admin, routes!(list_clients::list_clients))
        .row(Method::POST, "/clients", Access::Admin, routes!(create_client::create_client))
        .row(Method::DELETE, "/clients/{id}", Access::Admin, routes!(delete_client::delete_client))
        .row(Method::POST, "/clients/{id}/secret", Access::Admin, routes!(renew_secret::renew_secret))
        .row(Method::GET, "/providers", Access::Public, routes!(list_providers::list_providers))
        .row(Method::GET, "/providers/{name}/sign-in", Access::Public, routes!(begin_sign_in::begin_sign_in))
        .with_state(api.clone());
    users.merge(oauth(api, authenticator))
}

/// OAuth 2.0's endpoints, which ignore fields that they don't know.
#[rustfmt::skip]
fn oauth(api: Api, authenticator: &Authenticator) -> Routes {
    let tokens = Table::new(PREFIX, authenticator)
        .with_any_query()
        .row(Method::POST, "/token", CREDENTIALS, routes!(refresh_token::refresh_token))
        .row(Method::POST, "/revoke", CREDENTIALS, routes!(revoke_token::revoke_token))
        .row(Method::GET, "/providers/{name}/callback", Access::Public, routes!(finish_sign_in::finish_sign_in))
        .with_state(api.clone());
    let keys = Table::new("/.well-known", authenticator)
        .row(Method::GET, "/jwks.json", Access::Public, routes!(publish_keys::publish_keys))
        .row(Method::GET, "/oauth-authorization-server", Access::Public, routes!(publish_metadata::publish_metadata))
        .row(Method::GET, "/openid-configuration", Access::Public, routes!(publish_metadata::publish_openid_metadata))
        .with_state(api);
    tokens.merge(keys)
}

/// What other services ask about people and their tokens.
pub(crate) fn questions(directory: Directory, identities: Identities, refusals: Refusals) -> Questions {
    Questions::none()
        .directory(Arc::new(directory))
        .identities(Arc::new(identities))
        .refusals(Arc::new(refusals))
}
