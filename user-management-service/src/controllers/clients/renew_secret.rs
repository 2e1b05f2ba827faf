//! `POST /clients/{id}/secret`

use super::documents::{MadeClientDocument, made};
use crate::controllers::state::Api;
use crate::models::accounts::actor::Actor;
use axum::extract::State;
use axum::response::Response;
use contracts::ClientId;
use http::StatusCode;
use runtime::{Caller, PathId, Problem, ProblemDocument, RequestId};

/// Gives a client a new secret, which is shown once; the old one is good for nothing from then on. Tokens that the client
/// has stay valid for their few minutes. Only for admins whose sign-in is of the last 10 minutes.
#[utoipa::path(
    post, path = "/clients/{id}/secret", operation_id = "renewClientSecret", tag = "users",
    params(("id" = ClientId, Path, description = "The client.")),
    responses(
        (status = 200, description = "The client and its new secret.", body = MadeClientDocument),
        (status = 401, description = "`unauthenticated` or `reauthentication_required`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 404, description = "`client_not_found`", body = ProblemDocument),
    )
)]
pub(crate) async fn renew_secret(
    State(api): State<Api>,
    caller: Caller,
    request_id: RequestId,
    PathId(id): PathId<ClientId>,
) -> Result<Response, Problem> {
    api.clients.demand_fresh(&caller)?;
    let actor = Actor::of_request(caller.user_id, request_id.as_str());
    let client = api.clients.renew_secret(id, &actor).await?;
    Ok(made(StatusCode::OK, client))
}
