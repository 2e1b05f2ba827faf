//! Lets a request through to a row, or refuses it, as the row's policy says.

use crate::auth::identify::{identify, user_required};
use crate::messages::held_bytes::HeldBytes;
use crate::{Access, Authenticator, Principal, Problem};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use contracts::Role;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The policy of one row, with what it takes to check it.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) authenticator: Authenticator,
    pub(crate) access: Access,
    /// The largest body that is read as a whole.
    pub(crate) body_limit: usize,
    /// The fields that a query may have, where others are refused.
    pub(crate) queries: Option<Arc<BTreeSet<String>>>,
}

/// Checks the policy before anything else of the request is looked at.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(held) = parts.extensions.get::<HeldBytes>() {
        held.set_limit(guard.body_limit);
    }
    parts.extensions.insert(guard.authenticator);
    if guard.access.needs_principal() {
        match identify(&parts).await {
            Ok(principal) => {
                if let Some(refusal) = refusal(guard.access, &principal) {
                    return refusal.into_response();
                }
                parts.extensions.insert(principal);
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

/// A scope admits clients alone, and a role people alone.
fn refusal(access: Access, principal: &Principal) -> Option<Problem> {
    match (access, principal) {
        // A table with an internal row does not start.
        (Access::Public | Access::ByService(_) | Access::Internal(_), _) => None,
        (Access::Scope(scope) | Access::AdminOrScope(scope), Principal::Client { scopes, .. }) if scopes.has(scope) => {
            None
        }
        (Access::Scope(scope), _) | (Access::AdminOrScope(scope), Principal::Client { .. }) => {
            Some(scope_required(scope))
        }
        (_, Principal::Client { .. }) => Some(user_required()),
        (Access::Instructor, Principal::User(caller)) if !caller.roles.may_teach() => Some(Problem::new(
            StatusCode::FORBIDDEN,
            "instructor_required",
            "only instructors may do this; an administrator can give you that role",
        )),
        (Access::Admin | Access::AdminOrScope(_), Principal::User(caller)) if !caller.roles.has(Role::Admin) => {
            Some(Problem::new(
                StatusCode::FORBIDDEN,
                "admin_required",
                "only administrators may do this",
            ))
        }
        (Access::SignedIn | Access::Instructor | Access::Admin | Access::AdminOrScope(_), Principal::User(_)) => None,
    }
}

/// 403 `scope_required`, with the scope where a client looks for it.
///
/// Source: RFC 6750 §3.1
#[must_use]
pub fn scope_required(scope: &str) -> Problem {
    let challenge = format!("Bearer realm=\"moocflix\", error=\"insufficient_scope\", scope=\"{scope}\"");
    let detail = format!("this needs the access token of a client that has the scope `{scope}`");
    Problem::new(StatusCode::FORBIDDEN, "scope_required", detail).header(WWW_AUTHENTICATE, challenge)
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
    let blame = |problem: Problem, name: &&String| problem.field(name.as_str(), "is not a known field");
    Err(unknown.iter().fold(Problem::invalid(), blame))
}
