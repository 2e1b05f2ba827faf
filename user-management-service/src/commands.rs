//! What `moocflix user` does to accounts: directly in the database, also while a server runs.

use crate::config::LONGEST_ACCESS;
use crate::models::accounts::actor::Actor;
use crate::models::accounts::email::EmailAddress;
use crate::models::accounts::user::{NewUser, User};
use crate::models::sessions::attempt::Attempt;
use crate::repositories::accounts::user_repository::UserRepository;
use crate::services::account_service::{Applicant, check};
use crate::services::error::AccountError;
use crate::services::password_hasher::PasswordHasher;
use backing::Clock;
use backing::db::Db;
use contracts::{Role, UserId};
use secrecy::SecretString;
use std::net::{IpAddr, Ipv4Addr};

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
        email,
        name,
        roles: account.role.into(),
        password_hash,
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
        .set_roles(&Actor::machine(), user.id, &role.into(), now, now + LONGEST_ACCESS)
        .await?;
    Ok(user)
}
