//! Lets a request through to a row, or refuses it, as the row's policy says.

use crate::caller::identify;
use crate::{Access, Authenticator, Caller, Problem};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contracts::Role;
use http::StatusCode;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The policy of one row, with what it takes to check it.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) authenticator: Authenticator,
    pub(crate) access: Access,
    /// The fields that a query may have, where others are refused.
    pub(crate) queries: Option<Arc<BTreeSet<String>>>,
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
    if let Some(known) = &guard.queries
        && let Err(problem) = refuse_unknown(parts.uri.query().unwrap_or_default(), known)
    {
        return problem.into_response();
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
        Access::Public | Access::SignedIn | Access::Instructor | Access::Admin | Access::ByService(_) => None,
    }
}

/// 422 with each field of a query that the row's documentation does not have.
fn refuse_unknown(query: &str, known: &BTreeSet<String>) -> Result<(), Problem> {
    let names: BTreeSet<_> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect();
    let unknown: Vec<_> = names.difference(known).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let blame = |problem: Problem, name: &&String| problem.field(name.as_str(), "is not known here");
    Err(unknown.iter().fold(Problem::invalid(), blame))
}
