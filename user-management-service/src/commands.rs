//! What `moocflix user`, `client` and `keys` do: directly in the database, also while a server runs.

use crate::StartError;
use crate::config::LONGEST_REFUSAL;
use crate::models::accounts::actor::Actor;
use crate::models::accounts::user::{NewUser, User};
use crate::repositories::accounts::user_repository::UserRepository;
use crate::repositories::clients::client_repository::ClientRepository;
use crate::repositories::keys::key_repository::KeyRepository;
use crate::services::account_service::{Applicant, check};
use crate::services::client_service;
use crate::services::error::{AccountError, ClientError};
use crate::services::key_service::{KeyError, KeyService};
use crate::services::tokens::token_issuer::TokenIssuer;
use backing::Clock;
use backing::db::Db;
use contracts::{ClientId, Role, Timestamp, UserId};
use passwords::attempt::Attempt;
use passwords::email::EmailAddress;
use passwords::hasher::PasswordHasher;
use runtime::Keys;
use secrecy::SecretString;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long a key of `moocflix keys rotate` is published before it signs: twice as long as others may keep the keys.
const NOTICE: Duration = Duration::from_secs(600);

/// An account that the command line creates.
pub struct NewAccount {
    /// The e-mail address.
    pub email: String,
    /// The name that other people see.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The password; the rules are the same as over HTTP.
    pub password: SecretString,
}

/// Creates an account with any role, admin included.
///
/// Errors: `Invalid`, `EmailTaken`, or what the database reports
pub async fn create_user(db: &Db, clock: &Clock, account: NewAccount) -> Result<User, AccountError> {
    let applicant = Applicant {
        email: account.email,
        name: account.name,
        password: account.password,
    };
    let (email, name) = check(&applicant)?;
    let attempt = Attempt::new(email.key(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let password_hash = PasswordHasher::new(1).hash(applicant.password, &attempt).await?;
    let new = NewUser {
        id: UserId::generate(),
        email: Some(email),
        email_verified: false,
        name,
        roles: account.role.into(),
        password_hash: Some(password_hash),
    };
    let users = UserRepository::new(db.clone());
    Ok(users.insert_by_command(&new, clock.now()).await?)
}

/// Replaces an account's roles with one; a running server refuses the account's old tokens within seconds.
///
/// Errors: `NotFound`, `LastAdmin`, or what the database reports
pub async fn set_role(db: &Db, clock: &Clock, email: &str, role: Role) -> Result<User, AccountError> {
    let users = UserRepository::new(db.clone());
    let email = EmailAddress::parse(email).map_err(|why| AccountError::Invalid(vec![("email", why)]))?;
    let user = users.by_email_key(email.key()).await?.ok_or(AccountError::NotFound)?;
    let now = clock.now();
    let (user, _) = users
        .set_roles(&Actor::machine(), user.id, &role.into(), now, now + LONGEST_REFUSAL)
        .await?;
    Ok(user)
}

/// Makes a client, and returns its id and its secret.
///
/// Errors: `Invalid`, or what the database reports
pub async fn create_client(
    db: &Db,
    clock: &Clock,
    name: &str,
    scopes: &[String],
) -> Result<(ClientId, SecretString), ClientError> {
    let clients = ClientRepository::new(db.clone());
    let made = client_service::create(&clients, clock, (name, scopes), &Actor::machine()).await?;
    Ok((made.client.id, made.secret))
}

/// Adds a signing key, and returns its name and from when on it signs: in ten minutes, when every cache of keys has it, or
/// `at_once`. A running server takes it up within a minute.
///
/// Errors: what the database reports, or no key can be made
pub async fn rotate_keys(
    db: &Db,
    clock: &Clock,
    secret: &[u8],
    at_once: bool,
) -> Result<(String, Timestamp), StartError> {
    let now = clock.now();
    let active_from = if at_once { now } else { now + NOTICE };
    let issuer = TokenIssuer::new("", "", Duration::ZERO);
    let failed = |error: KeyError| StartError::Keys(error.to_string());
    let keys = KeyService::new(
        KeyRepository::new(db.clone()),
        Keys::new(),
        issuer,
        secret,
        Duration::MAX,
    );
    let kid = keys.map_err(failed)?.rotate(now, active_from).await.map_err(failed)?;
    Ok((kid, active_from))
}
