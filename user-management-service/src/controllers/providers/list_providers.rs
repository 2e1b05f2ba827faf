//! `GET /providers`

use crate::controllers::state::Api;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use runtime::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// A provider that people may sign in with.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct ProviderDocument {
    /// Its name in addresses.
    name: String,
    /// What to call it.
    label: String,
    /// Where a browser goes to sign in with it.
    sign_in_url: String,
}

/// The providers that people may sign in with.
#[derive(Serialize, ToSchema)]
#[schema(as = ProviderList)]
pub(crate) struct ProviderList {
    /// The providers, by name.
    items: Vec<ProviderDocument>,
}

/// Lists the OpenID Connect providers that people may sign in with.
#[utoipa::path(
    get, path = "/providers", operation_id = "listProviders", tag = "users",
    responses((status = 200, description = "The providers.", body = ProviderList))
)]
pub(crate) async fn list_providers(State(api): State<Api>) -> Response {
    let items = api.providers.offered().map(|provider| ProviderDocument {
        label: provider.config.label.clone().unwrap_or_else(|| provider.name.clone()),
        sign_in_url: format!("/api/v1/users/providers/{}/sign-in", provider.name),
        name: provider.name.clone(),
    });
    let view = ProviderList { items: items.collect() };
    let mut response = Json(view).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}
