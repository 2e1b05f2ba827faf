//! How clients look on the wire.

use crate::models::clients::client::Client;
use crate::services::client_service::Made;
use axum::response::{IntoResponse, Response};
use contracts::{ClientId, Timestamp};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};
use runtime::Json;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

/// A client as admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientDocument {
    /// Its id, by which it signs in.
    client_id: ClientId,
    /// The name that admins know it by.
    name: String,
    /// What it may do: `content:access`, `content:read`, `content:stream`, `courses:read`.
    scopes: Vec<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it got its present secret.
    renewed_at: Timestamp,
}

/// A client that has just got a secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MadeClient)]
pub(crate) struct MadeClientDocument {
    #[serde(flatten)]
    client: ClientDocument,
    /// The secret, which is shown here once.
    client_secret: String,
}

impl From<Client> for ClientDocument {
    fn from(client: Client) -> Self {
        Self {
            client_id: client.id,
            name: client.name,
            scopes: client.scopes,
            created_at: client.created_at,
            renewed_at: client.renewed_at,
        }
    }
}

/// The reply that shows a client with its secret, never cached.
pub(crate) fn made(status: StatusCode, made: Made) -> Response {
    let view = MadeClientDocument {
        client_secret: made.secret.expose_secret().to_owned(),
        client: made.client.into(),
    };
    let mut response = (status, Json(view)).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
