//! The one `OpenAPI` document of all services.

use crate::messages::problem::PROBLEM_JSON;
use crate::{Access, FieldError, Policy, ProblemDocument, Routes};
use http::Method;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn, PathItem};
use utoipa::openapi::schema::{KnownFormat, Object, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Info, License, OpenApi, Ref, RefOr, Response};
use utoipa::{PartialSchema, ToSchema};

/// Documents a body of plain bytes, such as a media file.
#[derive(Debug)]
pub struct RawBytes;

impl PartialSchema for RawBytes {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let bytes = Object::builder().schema_type(Type::String).format(Some(binary));
        bytes.into()
    }
}

impl ToSchema for RawBytes {}

/// The document of these routes, with what all of them share.
#[must_use]
pub fn document(routes: &Routes, version: &str) -> OpenApi {
    let mut api = routes.api().clone();
    let mut info = Info::new("MoocFlix", version);
    info.description = Some("Lectures: upload them, watch them a second later.".to_owned());
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    info.license = Some(license);
    api.info = info;
    let components = api.components.get_or_insert_default();
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components
        .schemas
        .insert(ProblemDocument::name().into_owned(), ProblemDocument::schema());
    components
        .schemas
        .insert(FieldError::name().into_owned(), FieldError::schema());
    api
}

/// Documents who may use a row.
pub(crate) fn describe_access(operation: &mut Operation, policy: Policy) {
    let access = policy.access.as_str();
    let access = policy
        .right
        .map_or_else(|| access.to_owned(), |right| format!("{access}:{right}"));
    let extension = Extensions::builder().add("x-access", access).build();
    operation.extensions.get_or_insert_default().merge(extension);
}

/// Documents that a row takes a bearer: always, or instead of what its service asks for.
pub(crate) fn describe_bearer(operation: &mut Operation, access: Access) {
    let scopes = match access {
        Access::Public | Access::Internal(_) => return,
        Access::Scope(scope) | Access::AdminOrScope(scope) => vec![scope],
        Access::SignedIn | Access::Instructor | Access::Admin | Access::ByService(_) => Vec::new(),
    };
    operation.security = Some(vec![SecurityRequirement::new("bearer", scopes)]);
}

/// The fields that the query of a row may have.
pub(crate) fn query_fields(operation: &Operation) -> impl Iterator<Item = String> {
    operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
            RefOr::T(_) | RefOr::Ref(_) => None,
        })
}

/// The operations of a path, each with its method.
pub(crate) fn operations(item: PathItem) -> Vec<(HttpMethod, Operation)> {
    let all = [
        (HttpMethod::Get, item.get),
        (HttpMethod::Put, item.put),
        (HttpMethod::Post, item.post),
        (HttpMethod::Delete, item.delete),
        (HttpMethod::Options, item.options),
        (HttpMethod::Head, item.head),
        (HttpMethod::Patch, item.patch),
        (HttpMethod::Trace, item.trace),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation?)))
        .collect()
}

/// The method as the rest of the program names it.
pub(crate) fn as_method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Post => Method::POST,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// Documents each answer whose body is a [`ProblemDocument`] with the media type that problems are sent with.
///
/// A handler names the body alone, so no document can give a problem another type.
pub(crate) fn describe_problems(operation: &mut Operation) {
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(answer) = answer {
            name_problem(answer);
        }
    }
}

/// Documents that an answer with any other status is a problem.
///
/// What every route can answer (401, 404, 405, 413, 429, 5xx, …) stands nowhere else; a HEAD's answer has no body.
pub(crate) fn describe_other_answers(operation: &mut Operation, method: &Method) {
    let mut answer = Response::new("A problem document; its `code` says what was wrong.");
    if method != Method::HEAD {
        let problem = Ref::from_schema_name(ProblemDocument::name());
        answer
            .content
            .insert(PROBLEM_JSON.to_owned(), RefOr::T(Content::new(Some(problem))));
    }
    let answers = &mut operation.responses.responses;
    answers.entry("default".to_owned()).or_insert(RefOr::T(answer));
}

fn name_problem(answer: &mut Response) {
    let reference = format!("#/components/schemas/{}", ProblemDocument::name());
    let contents = std::mem::take(&mut answer.content);
    answer.content = contents
        .into_iter()
        .map(|(kind, content)| {
            let is_problem = matches!(
                &content,
                RefOr::T(Content { schema: Some(RefOr::Ref(to)), .. }) if to.ref_location == reference
            );
            (if is_problem { PROBLEM_JSON.to_owned() } else { kind }, content)
        })
        .collect();
}
