//! `POST /clients`

use super::documents::{MadeClientDocument, made};
use crate::controllers::state::Api;
use crate::models::accounts::actor::Actor;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use runtime::{Caller, Json, Problem, ProblemDocument, RequestId};
use serde::Deserialize;
use utoipa::ToSchema;

/// A client to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewClient)]
pub(crate) struct Body {
    /// The name that admins know it by.
    name: String,
    /// What it may do: `content:access`, `content:read`, `content:stream`, `courses:read`.
    scopes: Vec<String>,
}

/// Makes a client with a secret, which is shown once; only for admins whose sign-in is of the last 10 minutes.
#[utoipa::path(
    post, path = "/clients", operation_id = "createClient", tag = "users", request_body = Body,
    responses(
        (status = 201, description = "The client and its secret.", body = MadeClientDocument),
        (status = 401, description = "`unauthenticated` or `reauthentication_required`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
    )
)]
pub(crate) async fn create_client(
    State(api): State<Api>,
    caller: Caller,
    request_id: RequestId,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    api.clients.demand_fresh(&caller)?;
    let actor = Actor::of_request(caller.user_id, request_id.as_str());
    let client = api.clients.create(&body.name, &body.scopes, &actor).await?;
    Ok(made(StatusCode::CREATED, client))
}
