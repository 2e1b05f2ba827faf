//! The one `OpenAPI` document of all services.

use crate::{FieldError, ProblemDocument, Routes};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Info, License, OpenApi};
use utoipa::{PartialSchema, ToSchema};

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
