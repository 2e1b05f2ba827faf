//! `PUT /{course_id}/outline`

use crate::controllers::courses::documents::{self, CourseDetails};
use crate::controllers::state::Api;
use crate::models::outline::arrangement::Arranged;
use crate::services::access_service::Asker;
use axum::extract::State;
use axum::response::Response;
use contracts::{CourseId, ItemId, ModuleId};
use http::StatusCode;
use runtime::conditional::IfMatch;
use runtime::{Json, PathId, Problem, ProblemDocument};
use serde::Deserialize;
use utoipa::ToSchema;

/// The modules and items of a course in their new order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CourseOutline)]
pub(crate) struct Body {
    /// Each module of the course once.
    modules: Vec<OrderedModule>,
}

/// A module with its items in their new order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderedCourseModule)]
pub(crate) struct OrderedModule {
    id: ModuleId,
    /// Each item of the course once, in whichever module.
    items: Vec<ItemId>,
}

/// Puts the modules and items of a course into another order, for its editors. `If-Match` is required, so that two people
/// who do this at the same time lose nothing.
#[utoipa::path(
    put, path = "/{course_id}/outline", operation_id = "orderOutline", tag = "courses", request_body = Body,
    params(
        ("course_id" = CourseId, Path),
        ("If-Match" = String, Header, description = "The course's `ETag` that the order is based on."),
    ),
    responses(
        (status = 200, description = "The course.", body = CourseDetails),
        (status = 403, description = "`editor_required`", body = ProblemDocument),
        (status = 404, description = "`course_not_found`", body = ProblemDocument),
        (status = 412, description = "`stale`", body = ProblemDocument),
        (status = 422, description = "`invalid_request`", body = ProblemDocument),
        (status = 428, description = "`precondition_required`", body = ProblemDocument),
    )
)]
pub(crate) async fn order_outline(
    State(api): State<Api>,
    asker: Asker,
    PathId(id): PathId<CourseId>,
    if_match: IfMatch,
    Json(body): Json<Body>,
) -> Result<Response, Problem> {
    let order: Vec<Arranged> = body
        .modules
        .into_iter()
        .map(|module| (module.id, module.items))
        .collect();
    let view = api.outlines.order((id, &asker), &if_match, &order).await?;
    Ok(documents::course(StatusCode::OK, view))
}
