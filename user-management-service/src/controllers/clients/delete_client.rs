//! `DELETE /clients/{id}`

use crate::controllers::state::Api;
use crate::models::accounts::actor::Actor;
use axum::extract::State;
use contracts::ClientId;
use http::StatusCode;
use runtime::{Caller, PathId, Problem, ProblemDocument, RequestId};

/// Deletes a client: its tokens are refused at once, and the playback sessions that it has opened end. Only for admins.
#[utoipa::path(
    delete, path = "/clients/{id}", operation_id = "deleteClient", tag = "users",
    params(("id" = ClientId, Path, description = "The client.")),
    responses(
        (status = 204, description = "Deleted."),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`admin_required`", body = ProblemDocument),
        (status = 404, description = "`client_not_found`", body = ProblemDocument),
    )
)]
pub(crate) async fn delete_client(
    State(api): State<Api>,
    caller: Caller,
    request_id: RequestId,
    PathId(id): PathId<ClientId>,
) -> Result<StatusCode, Problem> {
    let actor = Actor::of_request(caller.user_id, request_id.as_str());
    api.clients.delete(id, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
