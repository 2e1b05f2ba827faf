//! A service's URL table: each row says method, path, who may, and the controller.

use crate::routing::access::Policy;
use crate::routing::guard::{self, Guard};
use crate::routing::matched_route::NoteRoute;
use crate::{Access, Authenticator, Routes, Row, openapi};
use axum::Router;
use axum::middleware::from_fn_with_state;
use http::Method;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use utoipa::openapi::path::Paths;
use utoipa::openapi::schema::{Components, Schema};
use utoipa::openapi::{Info, OpenApi, RefOr};
use utoipa_axum::router::UtoipaMethodRouter;

/// A URL table that still lacks its state.
#[must_use]
pub struct Table<S> {
    prefix: &'static str,
    /// What checks the rows; without it, the service does.
    authenticator: Option<Authenticator>,
    any_query: bool,
    router: Router<S>,
    paths: Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
    rows: Vec<Row>,
    seen: HashSet<(Method, String)>,
    faults: Vec<String>,
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    /// An empty table under a prefix such as `/api/v1/content`, or "".
    pub fn new(prefix: &'static str, authenticator: &Authenticator) -> Self {
        Self::with(prefix, Some(authenticator.clone()))
    }

    /// An empty table whose rows are all [`Access::ByService`]: nothing looks at bearers and queries before a handler.
    ///
    /// For rows that must be quick, such as those of a media plane, and that answer errors without a problem document.
    pub fn unguarded(prefix: &'static str) -> Self {
        Self::with(prefix, None)
    }

    fn with(prefix: &'static str, authenticator: Option<Authenticator>) -> Self {
        Self {
            prefix,
            authenticator,
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
    ///
    /// The policy is an [`Access`], with a limit for bodies if it is not the usual one.
    pub fn row(mut self, method: Method, path: &str, policy: impl Into<Policy>, route: UtoipaMethodRouter<S>) -> Self {
        let policy = policy.into();
        let Policy { access, body_limit, .. } = policy;
        let (schemas, documented, handlers) = route;
        let full = self.full_path(path);
        let queries = self.document(&method, path, &full, policy, documented);
        self.schemas.extend(schemas);
        if self.authenticator.is_none() && !matches!(access, Access::ByService(_)) {
            let policy = access.as_str();
            self.faults.push(format!(
                "{method} {full} is `{policy}`, which an unguarded table does not check"
            ));
        }
        if matches!(access, Access::Internal(_)) {
            self.faults.push(format!(
                "{method} {full} is `internal`, which only a table of questions checks"
            ));
        }
        if !self.seen.insert((method.clone(), full.clone())) {
            self.faults.push(format!("{method} {full} has two rows"));
            self.rows.push(Row {
                method,
                path: full,
                access,
            });
            return self;
        }
        let handlers = match &self.authenticator {
            Some(authenticator) => {
                let guard = Guard {
                    authenticator: authenticator.clone(),
                    access,
                    body_limit,
                    queries: (!self.any_query).then(|| Arc::new(queries)),
                };
                handlers.route_layer(from_fn_with_state(guard, guard::check))
            }
            None => handlers,
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
            fronts: Vec::new(),
            fast_paths: Vec::new(),
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
        policy: Policy,
        documented: Paths,
    ) -> BTreeSet<String> {
        let mut found = false;
        let mut queries = BTreeSet::new();
        for (documented_path, item) in documented.paths {
            for (documented_method, mut operation) in openapi::operations(item) {
                if documented_path != path || openapi::as_method(&documented_method) != *method {
                    self.faults.push(format!(
                        "the row {method} {full} has a handler that is documented as {} {documented_path}",
                        openapi::as_method(&documented_method)
                    ));
                    continue;
                }
                found = true;
                queries.extend(openapi::query_fields(&operation));
                openapi::describe_access(&mut operation, policy);
                openapi::describe_problems(&mut operation);
                if self.authenticator.is_some() {
                    openapi::describe_bearer(&mut operation, policy.access);
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
