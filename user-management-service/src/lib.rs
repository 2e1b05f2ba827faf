//! Accounts, sign-ins, tokens and roles.
//!
//! A password opens a sign-in (a session): a chain of refresh tokens of which one is valid at a time. Each gives
//! access tokens that live a few minutes and carry the roles of that moment. Whatever ends tokens early (a logout, a
//! new password, other roles, a deactivation) writes a revocation in the same transaction. This process refuses the
//! tokens at once; other processes read new revocations every few seconds.
//!
//! `routes` → `controllers` → `services` → `repositories` → `models`.

mod commands;
mod config;
mod controllers;
mod jobs;
mod metric;
pub mod models;
pub mod repositories;
mod routes;
mod services;

pub use commands::{NewAccount, create_client, create_user, rotate_keys, set_role};
pub use config::Config;
pub use passwords::limiter::Limits;
pub use services::directory::Directory;
pub use services::error::{AccountError, ClientError};
pub use services::identities::Identities;

use backing::db::{Db, DbError, Migration};
use backing::{Backing, Clock};
use controllers::providers::finish_sign_in;
use controllers::state::Api;
use models::sessions::public_address::PublicAddress;
use passwords::hasher::PasswordHasher;
use passwords::limiter::Limiter;
use repositories::accounts::user_repository::UserRepository;
use repositories::audit::audit_repository::AuditRepository;
use repositories::clients::client_repository::ClientRepository;
use repositories::identities::identity_repository::IdentityRepository;
use repositories::keys::key_repository::KeyRepository;
use repositories::sessions::revocation_repository::RevocationRepository;
use repositories::sessions::session_repository::SessionRepository;
use runtime::config::Faults;
use runtime::remote::Provider;
use runtime::{Authenticator, Background, Face, Issuer, Questions, RevocationFeed, Service};
use secrecy::{ExposeSecret, SecretSlice};
use services::account_service::AccountService;
use services::act_service::ActService;
use services::client_service::ClientService;
use services::identities::terms;
use services::key_service::{KeyError, KeyService};
use services::provider_service::ProviderService;
use services::refusals::Refusals;
use services::revocation_service::RevocationService;
use services::session_service::SessionService;
use services::tokens::token_issuer::TokenIssuer;
use std::sync::Arc;

/// The service's name: its role, its schema, its database file.
pub const NAME: &str = "users";

/// The service's tables.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "accounts",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0001_accounts.sql"),
        postgres: include_str!("../migrations/postgres/0001_accounts.sql"),
    },
    Migration {
        number: 2,
        name: "requests with a key are backing's",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0002_requests.sql"),
        postgres: include_str!("../migrations/postgres/0002_requests.sql"),
    },
    Migration {
        number: 3,
        name: "known devices",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0003_devices.sql"),
        postgres: include_str!("../migrations/postgres/0003_devices.sql"),
    },
    Migration {
        number: 4,
        name: "one form of addresses",
        fill: Some(repositories::accounts::addresses::fill),
        sqlite: include_str!("../migrations/sqlite/0004_addresses.sql"),
        postgres: include_str!("../migrations/postgres/0004_addresses.sql"),
    },
    Migration {
        number: 5,
        name: "clients",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0005_clients.sql"),
        postgres: include_str!("../migrations/postgres/0005_clients.sql"),
    },
    Migration {
        number: 6,
        name: "identities",
        fill: None,
        sqlite: include_str!("../migrations/sqlite/0006_identities.sql"),
        postgres: include_str!("../migrations/postgres/0006_identities.sql"),
    },
];

/// What the service states about itself.
pub const FACE: Face = Face {
    name: NAME,
    defaults: config::DEFAULTS,
    migrations: MIGRATIONS,
    metrics: metric::METRICS,
    does: "serves /api/v1/users, /.well-known/*",
    needs: &["content", "courses"],
    asks: &[],
};

/// What the service is built from.
pub struct Deps {
    /// The service's own schema, opened with [`MIGRATIONS`].
    pub db: Db,
    /// The shared back ends; the cache counts failed sign-ins.
    pub backing: Backing,
    /// The issuer in whose name this service signs tokens, and whose keys it publishes.
    pub issuer: Issuer,
    /// Adds to the revocations that the process's authenticator checks.
    pub revocations: RevocationFeed,
    /// Checks the callers of this service's routes.
    pub authenticator: Authenticator,
    /// The platform's secret; a key derived from it seals the signing keys.
    pub secret: SecretSlice<u8>,
    /// The providers that people may sign in with.
    pub providers: Vec<Arc<Provider>>,
    /// The service's section of the configuration.
    pub config: Config,
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] Faults),
    /// The signing keys can't be read or generated.
    #[error("signing keys: {0}")]
    Keys(String),
    /// The database does not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Builds the service; when it returns, it has signing keys and knows all revocations in force.
///
/// Errors: a configuration that can't be, keys of another secret, or what the database reports
pub async fn service(deps: Deps) -> Result<Service, StartError> {
    let Deps {
        db,
        backing: Backing { clock, cache, .. },
        issuer: Issuer {
            name, audience, keys, ..
        },
        revocations,
        authenticator,
        secret,
        providers,
        config,
    } = deps;
    config.validate()?;
    let public_address = PublicAddress::new(config.public_url.as_deref()).map_err(Faults::from)?;
    if !public_address.is_secure() {
        tracing::warn!("public_url is not https: the browser's cookie lacks the Secure attribute");
    }
    let issuer = TokenIssuer::new(&name, &audience, config.access_life());
    let revocations = RevocationService::new(RevocationRepository::new(db.clone()), revocations);
    let failed = |error: KeyError| StartError::Keys(error.to_string());
    let stored = KeyRepository::new(db.clone());
    let period = config.key_period();
    let key_service = KeyService::new(stored, keys.clone(), issuer.clone(), secret.expose_secret(), period);
    let (key_service, now) = (key_service.map_err(failed)?, clock.now());
    key_service.refresh(now).await.map_err(failed)?;
    revocations.load(now).await?;
    let limiter = Limiter::new(cache, clock.clone(), config.limits);
    let sessions = sign_ins(&db, limiter, &clock, (issuer, &authenticator), &revocations, &config);
    let tasks = background(key_service, revocations.clone(), sessions.clone(), &clock);
    let questions = questions(&db, &clock, &config);
    let identities = IdentityRepository::new(db.clone(), terms(&config));
    let providers = ProviderService::new(
        providers,
        secret.expose_secret(),
        identities,
        sessions.clone(),
        finish_sign_in::address,
    );
    let api = Api {
        providers: providers.map_err(|error| StartError::Keys(error.to_string()))?,
        clients: ClientService {
            clients: ClientRepository::new(db.clone()),
            issuer: sessions.issuer.clone(),
            revocations,
            clock,
        },
        accounts: AccountService::beside(&sessions, AuditRepository::new(db), config.signup_role),
        sessions,
        keys,
        public_address,
    };
    Ok(Service {
        name: NAME,
        routes: routes::routes(api, &authenticator),
        questions,
        tasks,
    })
}

/// What other services ask.
fn questions(db: &Db, clock: &Clock, config: &Config) -> Questions {
    routes::questions(
        Directory::new(db.clone()),
        Identities::new(db.clone(), clock.clone(), config),
        Refusals::new(db.clone(), clock.clone()),
    )
}

/// What opens, continues and ends sign-ins.
fn sign_ins(
    db: &Db,
    limiter: Limiter,
    clock: &Clock,
    (issuer, authenticator): (TokenIssuer, &Authenticator),
    revocations: &RevocationService,
    config: &Config,
) -> SessionService {
    let (users, sessions) = (UserRepository::new(db.clone()), SessionRepository::new(db.clone()));
    let acts = ActService::new(users.clone(), sessions.clone(), revocations.clone(), clock.clone());
    SessionService {
        users,
        sessions,
        acts,
        hasher: PasswordHasher::new(config.hash_workers),
        limiter,
        issuer,
        authenticator: authenticator.clone(),
        revocations: revocations.clone(),
        clock: clock.clone(),
        lives: (config.idle_life(), config.session_life()),
    }
}

/// The loops behind the routes.
fn background(
    keys: KeyService,
    revocations: RevocationService,
    sessions: SessionService,
    clock: &Clock,
) -> Vec<Background> {
    let (reader, keeper, sweeper) = (clock.clone(), clock.clone(), clock.clone());
    let (read, acts, hasher) = (revocations.clone(), sessions.acts.clone(), sessions.hasher.clone());
    vec![
        Background::new("users-revocations", move |shutdown| {
            jobs::revocation_job::run(read, reader, shutdown)
        }),
        Background::new("users-acts", move |shutdown| jobs::act_job::run(acts, shutdown)),
        Background::new("users-memory", move |shutdown| jobs::memory_job::run(hasher, shutdown)),
        Background::new("users-keys", move |shutdown| jobs::key_job::run(keys, keeper, shutdown)),
        Background::new("users-sweep", move |shutdown| {
            jobs::sweep_job::run(revocations, sessions, sweeper, shutdown)
        }),
    ]
}
