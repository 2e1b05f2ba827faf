//! What the command line does to accounts, on the same database, also while a server runs.

use crate::config::LONGEST_ACCESS;
use crate::models::accounts::email::EmailAddress;
use crate::models::accounts::user::{NewUser, User};
use crate::repositories::accounts::user_repository::UserRepository;
use crate::services::account_service::{Applicant, check};
use crate::services::error::UserError;
use crate::services::password_hasher::PasswordHasher;
use backing::Clock;
use backing::db::Db;
use contracts::{Role, UserId};
use secrecy::SecretString;

/// An account that is made on the machine.
pub struct NewAccount {
    /// Its address.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its password, under the same rules as over HTTP.
    pub password: SecretString,
}

/// Makes an account, also an admin's.
///
/// # Errors
/// `Invalid`, `EmailTaken`, or the database's.
pub async fn create_user(db: &Db, clock: &Clock, account: NewAccount) -> Result<User, UserError> {
    let applicant = Applicant {
        email: account.email,
        name: account.name,
        password: account.password,
    };
    let (email, name) = check(&applicant)?;
    let password_hash = PasswordHasher::new(1).hash(applicant.password).await?;
    let new = NewUser {
        id: UserId::generate(),
        email,
        name,
        roles: account.role.into(),
        password_hash,
        made_with: None,
    };
    Ok(UserRepository::new(db.clone()).insert(&new, clock.now()).await?)
}

/// Gives an account one role in the place of those it has; a running server refuses its old tokens within seconds.
///
/// # Errors
/// `NotFound`, `LastAdmin`, or the database's.
pub async fn set_role(db: &Db, clock: &Clock, email: &str, role: Role) -> Result<User, UserError> {
    let users = UserRepository::new(db.clone());
    let email = EmailAddress::parse(email).map_err(|why| UserError::Invalid(vec![("email", why)]))?;
    let user = users.by_email_key(email.key()).await?.ok_or(UserError::NotFound)?;
    let now = clock.now();
    let (user, _) = users
        .set_roles(user.id, &role.into(), now, now + LONGEST_ACCESS)
        .await?;
    Ok(user)
}
