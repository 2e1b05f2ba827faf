//! Configuration → back ends → services → one router and one list of tasks.

use crate::roles::{Role, Roles};
use crate::settings::Settings;
use anyhow::{Result, anyhow};
use axum::Router;
use backing::Clock;
use runtime::process::{Check, Process};
use runtime::{Authenticator, Background, Keys, Revocations, Routes, Service, Shutdown, metrics};
use utoipa::openapi::OpenApi;

/// Whom the access tokens are for.
const AUDIENCE: &str = "moocflix";
/// Who makes them, when no public address is set; it must not change with the port.
const ISSUER: &str = "urn:moocflix";

/// A process, ready to be served.
pub(crate) struct Composed {
    pub(crate) router: Router,
    /// `/metrics` alone.
    pub(crate) metrics: Router,
    pub(crate) tasks: Vec<Background>,
}

/// What services share.
struct Shared {
    authenticator: Authenticator,
}

/// Puts a process together.
pub(crate) async fn compose(settings: &Settings, roles: &Roles, shutdown: Shutdown) -> Result<Composed> {
    let numbers = metrics::install()?;
    for table in METRICS {
        metrics::describe(table);
    }
    let shared = Shared::new(settings);
    let services = services(settings, roles, &shared).await?;
    let mut tasks = vec![numbers.upkeep()];
    let mut routes = Routes::none();
    for service in services {
        tasks.extend(service.tasks);
        routes = routes.merge(service.routes);
    }
    let process = Process::new(checks(settings), numbers, shutdown);
    let (routes, _) = process.around(routes, &shared.authenticator, env!("CARGO_PKG_VERSION"));
    routes
        .check()
        .map_err(|faults| anyhow!("the URL tables are wrong: {}", faults.join("; ")))?;
    Ok(Composed {
        router: routes.into_router(),
        metrics: process.metrics_alone(),
        tasks,
    })
}

/// Every metric there is.
pub(crate) const METRICS: &[&[metrics::Metric]] = &[metrics::METRICS];

impl Shared {
    fn new(settings: &Settings) -> Self {
        let clock = Clock::system();
        let revocations = Revocations::new(clock.clone());
        let issuer = settings.public_url.clone().unwrap_or_else(|| ISSUER.to_owned());
        let authenticator = Authenticator::new(Keys::new(), revocations, clock, issuer, AUDIENCE);
        Self { authenticator }
    }
}

async fn services(_settings: &Settings, roles: &Roles, _shared: &Shared) -> Result<Vec<Service>> {
    let mut services = Vec::new();
    if roles.has(Role::Web) {
        services.push(web::service());
    }
    Ok(services)
}

fn checks(_settings: &Settings) -> Vec<Check> {
    Vec::new()
}

/// The documentation of all roles' routes.
pub(crate) async fn document(settings: &Settings) -> Result<OpenApi> {
    let shared = Shared::new(settings);
    let mut routes = Routes::none();
    for service in services(settings, &Roles::all(), &shared).await? {
        routes = routes.merge(service.routes);
    }
    let process = Process::new(Vec::new(), metrics::install()?, Shutdown::new());
    let (_, api) = process.around(routes, &shared.authenticator, env!("CARGO_PKG_VERSION"));
    Ok(api)
}
