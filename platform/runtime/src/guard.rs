//! Lets a request through to a row, or refuses it, as the row's policy says.

use crate::caller::identify;
use crate::{Access, Authenticator, Caller, Problem};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contracts::Role;
use http::StatusCode;

/// The policy of one row, with what it takes to check it.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) authenticator: Authenticator,
    pub(crate) access: Access,
}

/// Checks the policy before anything else of the request is looked at.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(guard.authenticator);
    if matches!(guard.access, Access::SignedIn | Access::Instructor | Access::Admin) {
        match identify(&parts) {
            Ok(caller) => {
                if let Some(refusal) = refusal(guard.access, &caller) {
                    return refusal.into_response();
                }
                parts.extensions.insert(caller);
            }
            Err(error) => return Problem::from(error).into_response(),
        }
    }
    next.run(Request::from_parts(parts, body)).await
}

fn refusal(access: Access, caller: &Caller) -> Option<Problem> {
    match access {
        Access::Instructor if !caller.roles.may_teach() => Some(Problem::new(
            StatusCode::FORBIDDEN,
            "instructor_required",
            "this is the instructors'; an admin can make you one",
        )),
        Access::Admin if !caller.roles.has(Role::Admin) => Some(Problem::new(
            StatusCode::FORBIDDEN,
            "admin_required",
            "this is the admins'",
        )),
        Access::Public
        | Access::SignedIn
        | Access::Instructor
        | Access::Admin
        | Access::UploadKey
        | Access::PlaybackToken => None,
    }
}
