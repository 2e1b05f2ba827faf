//! A service's URL table: each row says method, path, who may, and the controller.

use crate::Authenticator;
use crate::guard::{self, Guard};
use crate::matched_route::NoteRoute;
use crate::openapi;
use axum::Router;
use axum::middleware::from_fn_with_state;
use http::Method;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn, PathItem, Paths};
use utoipa::openapi::schema::{Components, Schema};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Info, OpenApi, RefOr};
use utoipa_axum::router::UtoipaMethodRouter;

/// Who may use a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anybody; a good bearer is understood where one comes.
    Public,
    /// Whoever has signed in.
    SignedIn,
    /// Instructors and admins.
    Instructor,
    /// Admins.
    Admin,
    /// The bearer of an upload's owner, or the upload's own key `?k=`: the service checks.
    UploadKey,
    /// The playback token in the path: the service checks.
    PlaybackToken,
}

impl Access {
    /// The policy's name in the `OpenAPI` document (`x-access`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed_in",
            Self::Instructor => "instructor",
            Self::Admin => "admin",
            Self::UploadKey => "upload_key",
            Self::PlaybackToken => "playback_token",
        }
    }
}

/// One row of the table, for those who list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The method.
    pub method: Method,
    /// The whole path, with its parameters in braces.
    pub path: String,
    /// Who may.
    pub access: Access,
}

/// A URL table that still lacks its state.
#[must_use]
pub struct Table<S> {
    prefix: &'static str,
    authenticator: Authenticator,
    any_query: bool,
    router: Router<S>,
    paths: Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
    rows: Vec<Row>,
    seen: HashSet<(Method, String)>,
    faults: Vec<String>,
}

/// A service's routes with their documentation.
#[must_use]
pub struct Routes {
    router: Router,
    api: OpenApi,
    rows: Vec<Row>,
    faults: Vec<String>,
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    /// An empty table under a prefix such as `/api/v1/content`, or "".
    pub fn new(prefix: &'static str, authenticator: &Authenticator) -> Self {
        Self {
            prefix,
            authenticator: authenticator.clone(),
            any_query: !prefix.starts_with("/api/"),
            router: Router::new(),
            paths: Paths::new(),
            schemas: Vec::new(),
            rows: Vec::new(),
            seen: HashSet::new(),
            faults: Vec::new(),
        }
    }

    /// Ignores fields of a query that no row documents, as OAuth demands of its endpoints.
    ///
    /// Without it, rows below `/api/` answer such a field with 422 `invalid_request`.
    ///
    /// Source: RFC 6749 §3.1, §3.2
    pub fn with_any_query(mut self) -> Self {
        self.any_query = true;
        self
    }

    /// Adds a row; the handler comes from `routes!`, with its path relative to the prefix.
    pub fn row(mut self, method: Method, path: &str, access: Access, route: UtoipaMethodRouter<S>) -> Self {
        let (schemas, documented, handlers) = route;
        let full = self.full_path(path);
        let queries = self.document(&method, path, &full, access, documented);
        self.schemas.extend(schemas);
        if !self.seen.insert((method.clone(), full.clone())) {
            self.faults.push(format!("{method} {full} has two rows"));
            self.rows.push(Row {
                method,
                path: full,
                access,
            });
            return self;
        }
        // The media plane pays for nothing that it does not use: its rows check their own tokens.
        let handlers = if access == Access::PlaybackToken {
            handlers
        } else {
            let guard = Guard {
                authenticator: self.authenticator.clone(),
                access,
                queries: (!self.any_query).then(|| Arc::new(queries)),
            };
            handlers.route_layer(from_fn_with_state(guard, guard::check))
        };
        self.router = self.router.route(&full, handlers.route_layer(NoteRoute));
        self.rows.push(Row {
            method,
            path: full,
            access,
        });
        self
    }

    /// Gives the table its state.
    pub fn with_state(self, state: S) -> Routes {
        let mut api = OpenApi::new(Info::new("", ""), self.paths);
        let mut components = Components::new();
        components.schemas = self.schemas.into_iter().collect();
        api.components = Some(components);
        Routes {
            router: self.router.with_state(state),
            api,
            rows: self.rows,
            faults: self.faults,
        }
    }

    fn full_path(&self, path: &str) -> String {
        match format!("{}{path}", self.prefix).trim_end_matches('/') {
            "" => "/".to_owned(),
            full => full.to_owned(),
        }
    }

    /// Takes the handler's documentation in, if it is of this row; returns the fields that its query may have.
    fn document(
        &mut self,
        method: &Method,
        path: &str,
        full: &str,
        access: Access,
        documented: Paths,
    ) -> BTreeSet<String> {
        let mut found = false;
        let mut queries = BTreeSet::new();
        for (documented_path, item) in documented.paths {
            for (documented_method, mut operation) in operations(item) {
                if documented_path != path || as_method(&documented_method) != *method {
                    self.faults.push(format!(
                        "the row {method} {full} has a handler that is documented as {} {documented_path}",
                        as_method(&documented_method)
                    ));
                    continue;
                }
                found = true;
                queries.extend(query_fields(&operation));
                describe_access(&mut operation, access);
                openapi::describe_problems(&mut operation);
                if access != Access::PlaybackToken {
                    openapi::describe_other_answers(&mut operation, method);
                }
                self.paths.add_path_operation(full, vec![documented_method], operation);
            }
        }
        if !found {
            self.faults
                .push(format!("the row {method} {full} has no documentation of its own"));
        }
        queries
    }
}

fn describe_access(operation: &mut Operation, access: Access) {
    let extension = Extensions::builder().add("x-access", access.as_str()).build();
    operation.extensions.get_or_insert_default().merge(extension);
    if matches!(
        access,
        Access::SignedIn | Access::Instructor | Access::Admin | Access::UploadKey
    ) {
        operation.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    }
}

fn query_fields(operation: &Operation) -> impl Iterator<Item = String> {
    operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
            RefOr::T(_) | RefOr::Ref(_) => None,
        })
}

fn operations(item: PathItem) -> Vec<(HttpMethod, Operation)> {
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

fn as_method(method: &HttpMethod) -> Method {
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

impl Default for Routes {
    fn default() -> Self {
        Self {
            router: Router::new(),
            api: OpenApi::new(Info::new("", ""), Paths::new()),
            rows: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl Routes {
    /// No routes at all, for a service that only works in the background.
    pub fn none() -> Self {
        Self::default()
    }

    /// Puts the tables of two services together.
    pub fn merge(mut self, other: Self) -> Self {
        let here: HashSet<_> = self
            .rows
            .iter()
            .map(|row| (row.method.clone(), row.path.clone()))
            .collect();
        let twice: Vec<_> = other
            .rows
            .iter()
            .filter(|row| here.contains(&(row.method.clone(), row.path.clone())))
            .collect();
        if twice.is_empty() {
            self.router = self.router.merge(other.router);
        }
        self.faults.extend(
            twice
                .iter()
                .map(|row| format!("{} {} is in two tables", row.method, row.path)),
        );
        self.api.merge(other.api);
        self.rows.extend(other.rows);
        self.faults.extend(other.faults);
        self
    }

    /// Puts something of the service's own around all its routes, such as a check that comes before each of them.
    pub fn around(mut self, wrap: impl FnOnce(Router) -> Router) -> Self {
        self.router = wrap(self.router);
        self
    }

    /// Every row, for the test that walks role × route.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The documentation of the rows.
    #[must_use]
    pub fn api(&self) -> &OpenApi {
        &self.api
    }

    /// Whether each row and its handler's documentation agree; else what does not.
    pub fn check(&self) -> Result<(), Vec<String>> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(self.faults.clone())
        }
    }

    /// The routes as a router.
    pub fn into_router(self) -> Router {
        self.router
    }
}
