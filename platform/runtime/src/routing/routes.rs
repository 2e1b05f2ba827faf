//! A service's routes, with their documentation and a list of their rows.

use crate::routing::fast_path::FastPath;
use crate::{Access, FastAnswer, RequestHead};
use axum::Router;
use axum::extract::Request;
use http::Method;
use std::collections::HashSet;
use tower::{ServiceExt, service_fn};
use utoipa::openapi::path::Paths;
use utoipa::openapi::{Info, OpenApi};

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

/// What answers the requests of a server: the router, and the fast paths before it.
pub struct Handlers {
    pub(crate) router: Router,
    pub(crate) fast_paths: Vec<FastPath>,
}

impl From<Router> for Handlers {
    fn from(router: Router) -> Self {
        let fast_paths = Vec::new();
        Self { router, fast_paths }
    }
}

impl From<Routes> for Handlers {
    fn from(routes: Routes) -> Self {
        let fast_paths = routes.fast_paths.clone();
        let router = routes.into_router();
        Self { router, fast_paths }
    }
}

/// A router for paths below a prefix that another router answers as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    is_for: fn(&str) -> bool,
    router: Router,
}

/// A service's routes with their documentation.
#[must_use]
pub struct Routes {
    pub(crate) router: Router,
    pub(crate) fronts: Vec<Front>,
    pub(crate) fast_paths: Vec<FastPath>,
    pub(crate) api: OpenApi,
    pub(crate) rows: Vec<Row>,
    pub(crate) faults: Vec<String>,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            router: Router::new(),
            fronts: Vec::new(),
            fast_paths: Vec::new(),
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
        self.fronts.extend(other.fronts);
        self.fast_paths.extend(other.fast_paths);
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

    /// Gives these routes the paths that `is_for` returns true for, before any other routes. Only they can stand beside another
    /// service's that answer everything below a prefix.
    pub fn in_front(mut self, is_for: fn(&str) -> bool) -> Self {
        let router = std::mem::take(&mut self.router);
        self.fronts.push(Front { is_for, router });
        self
    }

    /// Answers requests below a prefix before the router does, if it can at once or only has to wait for something.
    ///
    /// What [`Routes::around`] puts around the router does not stand around these answers.
    pub fn with_fast_path<F>(mut self, prefix: &'static str, answers: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<FastAnswer> + Send + Sync + 'static,
    {
        self.fast_paths.push(FastPath::new(prefix, false, answers));
        self
    }

    /// The same for media: below the prefix, only those who may watch a lecture get anything, by this path or by the router.
    /// Their connections count as connections that play a lecture.
    pub fn with_fast_media<F>(mut self, prefix: &'static str, answers: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<FastAnswer> + Send + Sync + 'static,
    {
        self.fast_paths.push(FastPath::new(prefix, true, answers));
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

    /// The routes as a router, without the fast paths.
    pub fn into_router(self) -> Router {
        self.fronts
            .into_iter()
            .fold(self.router, |behind, Front { is_for, router }| {
                let choose = move |request: Request| {
                    let is_first = is_for(request.uri().path());
                    let chosen = if is_first { router.clone() } else { behind.clone() };
                    chosen.oneshot(request)
                };
                Router::new().fallback_service(service_fn(choose))
            })
    }
}
